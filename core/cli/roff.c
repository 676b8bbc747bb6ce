/* roff.c: text and the Markdown of keys.c as man(7). */
#include "cli/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WIDTH = 76 };

/* Where a page's words go. */
struct fill {
	struct pb_text *out;
	size_t line;      /* where the line begins */
	bool bold, whole; /* whole: in one line */
};

static void add_char(struct pb_text *out, char c)
{
	switch (c) {
	case '\\': pb_text_add(out, "\\e"); break;
	case '-': pb_text_add(out, "\\-"); break;
	case '\'': pb_text_add(out, "\\(aq"); break;
	case '`': pb_text_add(out, "\\(ga"); break;
	case '^': pb_text_add(out, "\\(ha"); break;
	case '~': pb_text_add(out, "\\(ti"); break;
	default: pb_text_add_bytes(out, &c, 1);
	}
}

/* At the beginning of a line a point would make a request of it. */
static void guard(struct pb_text *out, char first)
{
	if (first == '.')
		pb_text_add(out, "\\&");
}

/* "[plugins.md](plugins.md)," without where it points. */
static size_t skip_link(const char *word, size_t length, size_t i)
{
	const char *close = word[i] == ']' && i + 1 < length && word[i + 1] == '(' ? strchr(word + i, ')') : NULL;
	return close && close < word + length ? (size_t)(close - word) : i;
}

static void add_word(struct fill *f, const char *word, size_t length)
{
	const size_t column = f->out->length - f->line;
	const bool fits = f->whole || column + 1 + length <= WIDTH;
	if (column)
		pb_text_add(f->out, fits ? " " : "\n");
	if (column && !fits)
		f->line = f->out->length;
	if (f->out->length == f->line)
		guard(f->out, word[0] == '`' ? word[length > 1] : word[0]);
	const bool link = !f->bold && word[0] == '[' && memmem(word, length, "](", 2);
	for (size_t i = link; i < length; i++) {
		if (word[i] == '`') {
			f->bold = !f->bold;
			pb_text_add(f->out, f->bold ? "\\fB" : "\\fR");
		} else if (link && skip_link(word, length, i) != i) {
			i = skip_link(word, length, i);
		} else {
			add_char(f->out, word[i]);
		}
	}
}

static void add_words(struct fill *f, const char *text, size_t length)
{
	const char *end = text + length;
	while (text < end) {
		size_t n = strcspn(text, " \n");
		n = text + n > end ? (size_t)(end - text) : n;
		if (n)
			add_word(f, text, n);
		text += n + 1;
	}
}

static void end_line(struct fill *f)
{
	pb_text_add(f->out, "%s", f->out->length > f->line ? "\n" : "");
	f->line = f->out->length;
}

void pb_roff_begin(struct pb_text *out, const char *title, int section, const char *about)
{
	pb_text_add(out, ".TH %s %d \"\" \"patchbay %s\" \"%s\"\n", title, section, PB_VERSION, about);
	pb_text_add(out, ".nh\n.ad l\n"); /* keys and options are not to be hyphenated */
}

void pb_roff_heading(struct pb_text *out, const char *macro, const char *words)
{
	pb_text_add(out, "%s ", macro);
	for (; *words && *words != '\n'; words++)
		add_char(out, macro[2] == 'H' ? (char)toupper((unsigned char)*words) : *words);
	pb_text_add(out, "\n");
}

void pb_roff_term(struct pb_text *out, const char *term)
{
	struct fill f = {.whole = true, .out = out};
	pb_text_add(out, ".TP\n.B ");
	f.line = out->length;
	add_words(&f, term, strlen(term));
	end_line(&f);
}

void pb_roff_fill(struct pb_text *out, const char *text)
{
	struct fill f = {.out = out, .line = out->length};
	while (*text) {
		const char *stop = strstr(text, "\n\n");
		size_t length = stop ? (size_t)(stop - text) : strlen(text);
		add_words(&f, text, length);
		end_line(&f);
		text += length + (stop ? 2 : 0);
		if (*text)
			pb_text_add(out, ".PP\n");
		f.line = out->length;
	}
}

void pb_roff_lines(struct pb_text *out, const char *text, size_t length)
{
	pb_text_add(out, ".RS 4\n.nf\n");
	for (size_t i = 0; i < length; i++) {
		if (!i || text[i - 1] == '\n')
			guard(out, text[i]);
		add_char(out, text[i]);
	}
	pb_text_add(out, "%s.fi\n.RE\n", length && text[length - 1] != '\n' ? "\n" : "");
}

/* The end of a paragraph or of an item: an empty line, an item, a heading or code. */
static const char *block_end(const char *text)
{
	for (;;) {
		text = strchr(text, '\n');
		if (!text)
			return "";
		text++;
		const char *word = text + strspn(text, " ");
		if (*word == '\n' || !*word || *word == '#' || !strncmp(word, "- ", 2) || !strncmp(word, "```", 3))
			return text;
	}
}

/* "`seed` (int; default 42): doc" is a key with a type; else NULL. The end of what stands in front of the doc. */
static const char *end_of_key(const char *item, const char *end)
{
	const char *tick = *item == '`' ? strchr(item + 1, '`') : NULL;
	const char *colon = tick ? strstr(tick, tick[1] == ' ' && tick[2] == '(' ? "): " : "`: ") : NULL;
	const char *broken = tick && !colon ? strstr(tick, "):\n") : NULL;
	colon = colon ? colon : broken;
	return colon && colon < end ? colon + 1 : NULL;
}

static const char *add_item(struct pb_text *out, const char *text)
{
	struct fill f = {.out = out, .line = out->length};
	const size_t indent = strspn(text, " ");
	const char *item = text + indent + 2, *end = block_end(text);
	const char *key = end_of_key(item, end);
	pb_text_add(out, "%s%s", indent ? ".RS 4\n" : "", key ? ".TP\n" : ".IP \\(bu 2\n");
	f.line = out->length;
	if (key) {
		f.whole = true;
		add_words(&f, item, (size_t)(key - item));
		end_line(&f);
		f.whole = false;
		item = key + 1;
	}
	end = *end ? end : item + strlen(item);
	add_words(&f, item, (size_t)(end - item));
	end_line(&f);
	if (indent)
		pb_text_add(out, ".RE\n");
	return end;
}

static const char *add_block(struct pb_text *out, const char *text)
{
	const char *end = block_end(text);
	end = *end ? end : text + strlen(text);
	struct fill f = {.out = out, .line = out->length};
	add_words(&f, text, (size_t)(end - text));
	end_line(&f);
	return end;
}

static const char *add_code(struct pb_text *out, const char *text)
{
	const char *begin = strchr(text, '\n') + 1, *end = strstr(begin, "```");
	pb_roff_lines(out, begin, (size_t)(end - begin));
	return end + strcspn(end, "\n");
}

void pb_roff_markdown(struct pb_text *out, const char *text)
{
	bool headed = true; /* what follows a heading begins no paragraph */
	while (*text) {
		const char *word = text + strspn(text, " ");
		if (*text == '\n') {
			text++;
		} else if (*text == '#') {
			size_t depth = strspn(text, "#");
			if (depth > 1) /* the title is the page's */
				pb_roff_heading(out, depth == 2 ? ".SH" : ".SS", text + depth + 1);
			text += strcspn(text, "\n");
			headed = true;
		} else {
			const bool item = !strncmp(word, "- ", 2), code = !strncmp(text, "```", 3);
			pb_text_add(out, "%s", headed || item ? "" : ".PP\n");
			text = code ? add_code(out, text) : item ? add_item(out, text) : add_block(out, text);
			headed = false;
		}
	}
}
