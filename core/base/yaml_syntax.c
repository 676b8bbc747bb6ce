/* yaml_syntax.c: what keeps a text from being YAML, in a user's words. */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/status.h"
#include "base/utf8.h"
#include "base/yaml_impl.h"

/* libyaml's complaints in a user's words. What was never closed is to be looked for where it begins. */
struct complaint {
	const char *problem; /* its beginning */
	bool at_begin;
	const char *text;
};

static const struct complaint complaints[] = {
        {"mapping values are not allowed", false,
         "a `: ` where none can stand; put a text that contains it into quotes, or mend the indentation"},
        {"could not find expected ':'", true, "a key without `: ` and a value; write `key: value`"},
        {"did not find expected key", false,
         "this does not fit into its mapping; the keys of a mapping start in the same column"},
        {"did not find expected '-'", false,
         "this does not fit into its list; the items of a list start with `- ` in the same column"},
        {"did not find expected ',' or ']'", true,
         "this [ is not closed, or a comma is missing behind it; add the ] or ,"},
        {"did not find expected ',' or '}'", true,
         "this { is not closed, or a comma is missing behind it; add the } or ,"},
        {"did not find expected node content", false, "a value is missing here; add it"},
        {"found unexpected end of stream", true, "this quote is never closed; add one at the end of the text"},
        {"found unexpected document indicator", true, "this quote is not closed; add one at the end of the text"},
        {"block sequence entries are not allowed", false,
         "a list cannot start here; start it on a line of its own, or write [a, b]"},
        {"found unknown escape", false,
         "an unknown escape; in double quotes write \\\\ for a backslash, or use single quotes"},
        {"found undefined tag handle", false, "tags (`!`) are not supported; put the text into quotes"},
        {"found unexpected ':'", false, "a `:` without a space behind it; add the space, or put the text into quotes"},
        {"did not find expected alphabetic", false,
         "anchors and aliases (`&`, `*`) are not supported; put the text into quotes"},
        {"did not find expected <document start>", false,
         "this belongs to nothing above it; put it into the mapping above, or remove it"},
};

int pb_yaml_fail_syntax(const struct pb_yaml *yaml, const char *origin, const struct yaml_parser_s *y)
{
	if (y->error == YAML_MEMORY_ERROR)
		return pb_fail_nomem(0, "a YAML file");
	char next = y->buffer.pointer && y->buffer.pointer < y->buffer.last ? (char)*y->buffer.pointer : '\0',
	     where[64] = "";
	struct complaint c = {"", false, y->problem ? y->problem : "malformed"};
	if (!strncmp(c.text, "found character that cannot start", 33))
		c.text = next == '\t' ? "a tab; indent with spaces" : "no text can start like this; put it into quotes";
	for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
		if (!strncmp(c.text, complaints[i].problem, strlen(complaints[i].problem)))
			c = complaints[i];
	bool at_begin = c.at_begin && y->context;
	yaml_mark_t mark = at_begin ? y->context_mark : y->problem_mark;
	struct pb_yaml_node at = pb_yaml_place(origin, mark.line, mark.column, 0);
	if (y->context && at.line && y->context_mark.line != y->problem_mark.line)
		snprintf(where, sizeof where, at_begin ? " (noticed in line %zu)" : " (it starts in line %zu)",
		         (at_begin ? y->problem_mark.line : y->context_mark.line) + 1);
	return pb_yaml_fail_at(yaml, &at, "not YAML: %s%s", c.text, where);
}

/* libyaml would not name the line of a bad byte. */
static int bad_character(int32_t code, unsigned char byte, const struct pb_yaml *yaml, const struct pb_yaml_node *at)
{
	if (code < 0)
		return pb_yaml_fail_at(yaml, at, "the byte 0x%02x is not UTF-8; save the file as UTF-8", byte);
	if (!code)
		return pb_yaml_fail_at(yaml, at, "a NUL byte; this is not a text file");
	if ((code < 0x20 && !strchr("\t\n\r", code)) || (code >= 0x7f && code < 0xa0 && code != 0x85) ||
	    code == 0xfeff || code == 0xfffe || code == 0xffff)
		return pb_yaml_fail_at(yaml, at, "the control character U+%04X is not allowed; remove it",
		                       (unsigned)code);
	return 0;
}

int pb_yaml_check_bytes(const struct pb_yaml *yaml, const char *origin, const char *source, size_t size)
{
	size_t line = 0, column = 0;
	int rc = 0;
	for (const char *at = source, *end = source + size; at < end && !rc;) {
		const char *from = at;
		int32_t code = pb_utf8_read(&at, end);
		struct pb_yaml_node here = pb_yaml_place(origin, line, column, 0);
		rc = bad_character(code, (unsigned char)*from, yaml, &here);
		column++;
		if (code == '\n' || (code == '\r' && (at == end || *at != '\n')) || code == 0x85 || code == 0x2028 ||
		    code == 0x2029) {
			line++;
			column = 0;
		}
	}
	return rc;
}
