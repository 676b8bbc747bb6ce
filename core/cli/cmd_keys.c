/* cmd_keys.c: `patchbay keys`: the reference of the experiment file, from the tables that decode it. */
#include <stdio.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/json_schema.h"
#include "cli/keys.h"
#include "cli/options.h"
#include "cli/roff.h"
#include "cli/wrap.h"

static void add_item(struct pb_text *out, size_t begin, const char *doc)
{
	pb_text_add(out, ":");
	pb_cli_wrap(out, doc, 2, (int)(out->length - begin));
}

static void add_param(struct pb_text *out, const struct pb_param *p)
{
	size_t begin = out->length;
	pb_text_add(out, "- `%s` (", p->name);
	pb_schema_type_text(p, out);
	if (p->unit)
		pb_text_add(out, ", in %s", p->unit);
	if (!p->default_text)
		pb_text_add(out, "; required)");
	else if (pb_keys_stands_for_nothing(p->default_text))
		pb_text_add(out, "; optional)");
	else
		pb_text_add(out, "; default %s)", p->default_text);
	add_item(out, begin, p->doc);
}

/* What no table describes: a key that is decoded by hand, or a word. */
static int add_described(struct pb_text *out, const char *of, const char *name)
{
	const struct pb_keys_entry *entry = pb_keys_find(of, name);
	size_t begin = out->length;
	if (!entry)
		return pb_fail(PB_E_INTERNAL, "nothing describes `%s` of %s", name, of);
	pb_text_add(out, "- `%s`", name);
	if (entry->type)
		pb_text_add(out, " (%s)", entry->type);
	add_item(out, begin, entry->doc);
	return 0;
}

static int add_names(struct pb_text *out, const char *of, const char *const *names)
{
	int rc = 0;
	for (; !rc && names && *names; names++)
		rc = add_described(out, of, *names);
	return rc;
}

static int add_section(struct pb_text *out, const struct pb_keys_section *section)
{
	const struct pb_config_table *table = section->table;
	pb_text_add(out, "%s%s%s", out->length ? "\n" : "", section->text, table || section->words ? "\n" : "");
	for (size_t i = 0; table && i < table->n; i++)
		add_param(out, &table->fields[i]);
	int rc = table ? add_names(out, table->where, table->others) : 0;
	return rc ? rc : add_names(out, section->of, section->words);
}

static int add_keys(struct pb_text *out)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < pb_keys_n_sections; i++)
		rc = add_section(out, &pb_keys_sections[i]);
	return rc ? rc : pb_text_status(out);
}

/* patchbay.yaml(5). */
static int add_manual(struct pb_text *out)
{
	struct pb_text keys = {0};
	int rc = add_keys(&keys);
	pb_roff_begin(out, "PATCHBAY.YAML", 5, "File formats");
	pb_text_add(out, ".SH NAME\npatchbay.yaml \\- experiments of patchbay(1)\n.SH DESCRIPTION\n");
	if (!rc)
		pb_roff_markdown(out, keys.data);
	pb_text_add(out, ".SH SEE ALSO\n.BR patchbay (1)\n");
	pb_text_finish(&keys);
	return rc;
}

/* Plugins' texts are as they come. */
static int add_schema(struct pb_text *out)
{
	int rc = pb_json_schema(out);
	if (!rc)
		pb_utf8_disarm(out->data);
	return rc;
}

static const char *const formats[] = {"markdown", "man", "json-schema", NULL};

struct values {
	const char *format;
};

static int run(int argc, char **argv)
{
	struct values v = {.format = formats[0]};
	struct pb_text out = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_keys, argc, argv, &v, &code))
		return code;
	int rc = !strcmp(v.format, "man")           ? add_manual(&out)
		 : !strcmp(v.format, "json-schema") ? add_schema(&out)
						    : add_keys(&out);
	return pb_cli_print(&pb_cmd_keys, &out, rc);
}

static const struct pb_cli_option format = {.name = "format",
					    .type = PB_CLI_TEXT,
					    .offset = offsetof(struct values, format),
					    .value = {.name = "FORMAT", .choices = formats},
					    .doc = "markdown (if left out); man: the manual page patchbay.yaml(5); "
						   "json-schema: for editors, with the parameters of "
						   "the plugins that are found now"};

static const struct pb_cli_example examples[] = {
	{"keys | less", "every key with its type, default and meaning"},
	{"keys --format man | man -l -", "the same as a manual page"},
	{"keys --format json-schema > patchbay.schema.json",
	 "for an editor, which then completes and checks keys, those of one's own plugins, too"},
	{0},
};

const struct pb_cli_command pb_cmd_keys = {
	.name = "keys",
	.summary = "explain every key of an experiment file",
	.doc = "Prints the reference of the experiment file: every key with its type, range, default and meaning, "
	       "the words it takes, and an example of each kind of sweep. `patchbay plugin info NAME` has the keys "
	       "of a plugin.",
	.options = (const struct pb_cli_option *const[]){&format, NULL},
	.examples = examples,
	.run = run,
};
