/* help.c: what --help says. */
#include "cli/help.h"

#include <string.h>

#include "base/status.h"
#include "cli/options.h"
#include "cli/wrap.h"

enum { WIDTH = 100, COLUMN = 24 };

void pb_cli_add_word(const struct pb_cli_word *word, struct pb_text *out)
{
	if (!word->choices)
		pb_text_add(out, "%s", word->name);
	for (size_t i = 0; word->choices && word->choices[i]; i++)
		pb_text_add(out, "%s%s", i ? "|" : "", word->choices[i]);
	if (word->repeated)
		pb_text_add(out, "...");
}

static void add_long(const struct pb_cli_option *o, struct pb_text *out)
{
	pb_text_add(out, "--%s", o->name);
	if (o->type == PB_CLI_FLAG)
		return;
	pb_text_add(out, " ");
	pb_cli_add_word(&o->value, out);
}

void pb_cli_add_option(const struct pb_cli_option *o, struct pb_text *out)
{
	if (o->letter)
		pb_text_add(out, "-%c, ", o->letter);
	add_long(o, out);
}

/* One piece of the usage line, in a further line where it does not fit. */
static void add_piece(struct pb_text *out, const char *piece, size_t indent, size_t *column)
{
	size_t length = strlen(piece);
	if (*column + 1 + length > WIDTH) {
		pb_text_add(out, "\n%*s", (int)indent, "");
		*column = indent;
	}
	pb_text_add(out, " %s", piece);
	*column += 1 + length;
}

static int add_usage(const struct pb_cli_command *c, struct pb_text *out)
{
	struct pb_text piece = {0};
	size_t begin = out->length, column;
	pb_text_add(out, "usage: patchbay%s%s", pb_cli_space(c), c->name);
	const size_t indent = column = out->length - begin;
	if (c->commands)
		add_piece(out, "COMMAND ...", indent, &column);
	for (const struct pb_cli_word *o = c->operands; o && o->name; o++) {
		pb_text_clear(&piece);
		pb_cli_add_word(o, &piece);
		add_piece(out, piece.data ? piece.data : "", indent, &column);
	}
	for (size_t i = 0; c->options && c->options[i]; i++) {
		pb_text_clear(&piece);
		pb_text_add(&piece, "[");
		add_long(c->options[i], &piece);
		pb_text_add(&piece, c->options[i]->type == PB_CLI_LIST ? "]..." : "]");
		add_piece(out, piece.data ? piece.data : "", indent, &column);
	}
	pb_text_add(out, "\n");
	int rc = pb_text_status(&piece);
	pb_text_finish(&piece);
	return rc;
}

/* "  name      doc", the doc in lines of its own column. */
static void add_item(struct pb_text *out, size_t begin, const char *doc)
{
	size_t used = out->length - begin;
	if (used + 2 > COLUMN) {
		pb_text_add(out, "\n");
		used = 0;
	}
	pb_text_add(out, "%*s", (int)(COLUMN - used), "");
	pb_cli_wrap(out, doc, COLUMN, COLUMN);
}

static void add_option(const struct pb_cli_option *o, struct pb_text *out)
{
	size_t begin = out->length;
	pb_text_add(out, "  ");
	pb_cli_add_option(o, out);
	add_item(out, begin, o->doc);
}

static void add_commands(const struct pb_cli_command *c, struct pb_text *out)
{
	for (size_t i = 0; c->commands[i]; i++) {
		const struct pb_cli_command *sub = c->commands[i];
		size_t begin = out->length;
		pb_text_add(out, "  %s", pb_cli_last_word(sub));
		for (const struct pb_cli_word *o = sub->operands; *c->name && o && o->name; o++)
			pb_text_add(out, " %s%s", o->name, o->repeated ? "..." : "");
		add_item(out, begin, sub->summary);
	}
	pb_text_add(out, "\n`patchbay%s%s COMMAND --help` tells more.\n\n", pb_cli_space(c), c->name);
}

static int add_help(const struct pb_cli_command *c, struct pb_text *out)
{
	int rc = add_usage(c, out);
	pb_text_add(out, "\n");
	if (!c->doc || c->commands)
		pb_text_add(out, "patchbay%s%s: %s\n\n", pb_cli_space(c), c->name, c->summary);
	if (c->commands)
		add_commands(c, out);
	if (c->doc) {
		pb_cli_wrap(out, c->doc, 0, 0);
		pb_text_add(out, "\n");
	}
	for (size_t i = 0; c->options && c->options[i]; i++)
		add_option(c->options[i], out);
	add_option(&pb_cli_help_option, out);
	pb_text_add(out, "\nexamples:\n");
	for (const struct pb_cli_example *e = c->examples; e->line; e++) {
		pb_text_add(out, "  patchbay %s\n      ", e->line);
		pb_cli_wrap(out, e->doc, 6, 6);
	}
	return rc ? rc : pb_text_status(out);
}

int pb_cli_print_help(const struct pb_cli_command *command, FILE *out)
{
	struct pb_text text = {0};
	int rc = add_help(command, &text);
	if (!rc && (fputs(text.data, out) < 0 || fflush(out)))
		rc = pb_fail(PB_E_IO, "cannot write the help");
	pb_text_finish(&text);
	return rc;
}

int pb_cli_print(const struct pb_cli_command *command, struct pb_text *text, int rc)
{
	if (!rc)
		rc = pb_text_status(text);
	if (!rc && text->data && (fputs(text->data, stdout) < 0 || fflush(stdout)))
		rc = pb_fail(PB_E_IO, "cannot write what was asked for");
	pb_text_finish(text);
	return rc ? pb_cli_fail(command, NULL, rc) : 0;
}
