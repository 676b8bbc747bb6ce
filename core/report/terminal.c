/* terminal.c: what the terminal can do, from its environment. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/report.h"

static const char *env(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

static int colors_of(const char *term)
{
	/* Those that have 256 colours under whatever name; an unknown terminal gets none rather than rubbish. */
	static const char *const known[] = {"xterm", "screen", "tmux",    "rxvt",      "linux",  "konsole",
	                                    "kitty", "vte",    "gnome",   "alacritty", "foot",   "wezterm",
	                                    "putty", "st",     "ghostty", "contour",   "cygwin", "mintty"};
	const char *depth = env("COLORTERM");
	if (strcmp(term, "dumb") == 0 || !*term || *env("NO_COLOR"))
		return 0;
	if (strcasecmp(depth, "truecolor") == 0 || strcasecmp(depth, "24bit") == 0 || strstr(term, "direct"))
		return 1 << 24;
	if (strstr(term, "256color"))
		return 256;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strncmp(term, known[i], strlen(known[i])) == 0)
			return 256;
	return 0;
}

static int width_of(FILE *out, bool tty)
{
	long columns = strtol(env("COLUMNS"), NULL, 10);
	struct winsize size;
	if (columns <= 0 && tty && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (columns <= 0)
		columns = 80;
	return columns < 20 ? 20 : columns > 400 ? 400 : (int)columns;
}

static bool is_unicode(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *locale = env(names[i]);
		if (*locale)
			return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
	}
	return false;
}

void pb_terminal_init(struct pb_terminal *terminal, FILE *out)
{
	const char *term = env("TERM");
	int fd = fileno(out);
	bool tty = fd >= 0 && isatty(fd);
	*terminal = (struct pb_terminal){.out = out,
	                                 .tty = tty && strcmp(term, "dumb") != 0,
	                                 .colors = tty ? colors_of(term) : 0,
	                                 .width = width_of(out, tty),
	                                 .unicode = is_unicode()};
}
