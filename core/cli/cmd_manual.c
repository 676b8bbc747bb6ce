/* cmd_manual.c: `patchbay manual`: patchbay(1), from the descriptions of the commands. */
#include <patchbay/plugin.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/roff.h"
#include "cli/version.h"

struct item {
	const char *term, *doc;
};

static const struct item exit_codes[] = {
	{"0", "done"},
	{"1", "the run failed"},
	{"2", "usage, or a file or a plugin that is no good"},
	{"130", "interrupted; what there was has been written"},
};

static const struct item environment[] = {
	{"PATCHBAY_PLUGIN_PATH", "folders of plugins, parted by `:`, in front of the user's and the system's"},
	{"PATCHBAY_BACKEND_PATH", "the folder of the CUDA kernels, in place of the one where they are installed"},
	{"XDG_DATA_HOME", "the user's plugins are in its folder `patchbay/plugins`; default ~/.local/share"},
	{"NO_COLOR", "set to anything: no colours in the terminal"},
	{"OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY, GOMP_SPINCOUNT, OMP_WAIT_POLICY",
	 "with any of the first three set, neither the threads' places nor their way of waiting is touched; with one "
	 "of the last two, not their way of waiting"},
};

static const struct item files[] = {
	{"~/.local/share/patchbay/plugins", "the user's plugins"},
	{PB_PLUGIN_DIR, "the system's"},
};

static void add_items(struct pb_text *out, const char *heading, const struct item *items, size_t n)
{
	pb_roff_heading(out, ".SH", heading);
	for (size_t i = 0; i < n; i++) {
		pb_roff_term(out, items[i].term);
		pb_roff_fill(out, items[i].doc);
	}
}

static void add_options(struct pb_text *out, const struct pb_cli_option *const *options)
{
	struct pb_text term = {0};
	for (; options && *options; options++) {
		pb_cli_add_option(*options, &term);
		if ((*options)->type == PB_CLI_LIST)
			pb_text_add(&term, " (may stand several times)");
		pb_roff_term(out, term.data ? term.data : "");
		pb_text_clear(&term);
		pb_roff_fill(out, (*options)->doc);
	}
	pb_text_finish(&term);
}

static void add_examples(struct pb_text *out, const struct pb_cli_example *e)
{
	pb_text_add(out, ".PP\nExamples:\n");
	for (; e->line; e++) {
		struct pb_text line = {0};
		pb_text_add(&line, "patchbay %s", e->line);
		pb_text_add(out, ".PP\n");
		pb_roff_lines(out, line.data ? line.data : "", line.length);
		pb_text_add(out, ".RS 8\n");
		pb_roff_fill(out, e->doc);
		pb_text_add(out, ".RE\n");
		pb_text_finish(&line);
	}
}

static void add_command(struct pb_text *out, const struct pb_cli_command *c)
{
	struct pb_text title = {0};
	pb_text_add(&title, "patchbay %s", c->name);
	for (const struct pb_cli_word *o = c->operands; o && o->name; o++) {
		pb_text_add(&title, " ");
		pb_cli_add_word(o, &title);
	}
	pb_text_add(&title, c->commands ? " COMMAND" : c->options ? " [OPTION]..." : "");
	pb_roff_heading(out, ".SS", title.data ? title.data : "");
	pb_text_finish(&title);
	if (!c->doc || c->commands) {
		pb_roff_fill(out, c->summary);
		pb_text_add(out, "%s", c->doc ? ".PP\n" : "");
	}
	if (c->doc)
		pb_roff_fill(out, c->doc);
	add_options(out, c->options);
	add_examples(out, c->examples);
	for (size_t i = 0; c->commands && c->commands[i]; i++)
		add_command(out, c->commands[i]);
}

static int manual(int argc, char **argv);

static const struct pb_cli_example examples[] = {
	{"manual | man -l -", "reads it where it is not installed"},
	{0},
};

const struct pb_cli_command pb_cmd_manual = {
	.name = "manual",
	.summary = "print the manual page patchbay(1)",
	.doc = "Prints the manual page patchbay(1), for man(1) to format. `patchbay keys --format man` prints "
	       "patchbay.yaml(5).",
	.examples = examples,
	.run = manual,
};

static int manual(int argc, char **argv)
{
	const struct pb_cli_command *p = &pb_cli_program;
	const struct pb_cli_option *const own[] = {&pb_cli_help_option, &pb_cli_version_option, NULL};
	struct pb_text out = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_manual, argc, argv, NULL, &code))
		return code;
	pb_roff_begin(&out, "PATCHBAY", 1, "User commands");
	pb_text_add(&out, ".SH NAME\npatchbay \\- %s\n", p->summary);
	pb_text_add(&out, ".SH SYNOPSIS\n.B patchbay\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n.SH DESCRIPTION\n");
	pb_roff_fill(&out,
		     "Runs experiments that a YAML file describes; patchbay.yaml(5) explains its keys. Each command "
		     "explains itself with `--help`.");
	add_options(&out, own);
	pb_roff_heading(&out, ".SH", "Commands");
	for (size_t i = 0; p->commands[i]; i++)
		add_command(&out, p->commands[i]);
	add_items(&out, "Exit status", exit_codes, PB_COUNT(exit_codes));
	add_items(&out, "Environment", environment, PB_COUNT(environment));
	add_items(&out, "Files", files, PB_COUNT(files));
	pb_text_add(&out, ".SH SEE ALSO\n.BR patchbay.yaml (5)\n");
	return pb_cli_print(&pb_cmd_manual, &out, 0);
}
