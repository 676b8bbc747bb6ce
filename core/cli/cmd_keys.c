/* cmd_keys.c: `patchbay keys`: the reference of the experiment file, from the tables that decode it. */
#include <stdio.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/wrap.h"

static const char usage[] =
	"usage: patchbay keys [--help]\n"
	"\n"
	"Prints the reference of the experiment file as Markdown: every key with its type, range, "
	"default and meaning,\n"
	"the words it takes, and an example of each kind of sweep. `patchbay plugin info NAME` has the "
	"keys of a plugin.\n"
	"\n"
	"example: patchbay keys | less\n";

/* Defaults that stand for a key that is left out. */
static bool stands_for_nothing(const char *text)
{
	static const char *const nothing[] = {"~", "[]", "{}", "1e300", "-1e300"};
	for (size_t i = 0; i < PB_COUNT_OF(nothing); i++)
		if (!strcmp(text, nothing[i]))
			return true;
	return false;
}

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
	else if (stands_for_nothing(p->default_text))
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

static int print_keys(void)
{
	struct pb_text out = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < pb_keys_n_sections; i++)
		rc = add_section(&out, &pb_keys_sections[i]);
	if (!rc)
		rc = pb_text_status(&out);
	if (!rc && (fputs(out.data, stdout) < 0 || fflush(stdout)))
		rc = pb_fail(PB_E_IO, "cannot write the keys");
	pb_text_finish(&out);
	return rc;
}

int pb_cmd_keys(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	int rc = argc > 1 ? pb_fail(PB_E_USAGE,
				    "it takes no arguments; what is `%s`\n(`patchbay keys --help` says more)", argv[1])
			  : print_keys();
	if (rc)
		fprintf(stderr, "patchbay keys: %s\n", pb_error_text());
	return pb_status_exit_code(rc);
}
