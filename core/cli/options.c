/* options.c: reads a command's words by its description. */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/help.h"

enum { MOST_OPTIONS = 32, MOST_NAME = 40 };

/* The words of one call. */
struct parse {
	const struct pb_cli_command *command;
	char **argv;
	int argc, next; /* the next word to look at */
	void *values;
	bool help;
};

int pb_cli_usage(const struct pb_cli_command *command, const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "patchbay%s%s: %s `%s`", pb_cli_space(command), command->name, what, word);
	if (nearest)
		fprintf(stderr, "; did you mean `%s`?", nearest);
	fprintf(stderr, "\n(`patchbay%s%s --help` tells more)\n", pb_cli_space(command), command->name);
	return 2;
}

/* "--memory takes bytes, such as 512M or 4G, not `many`" */
static int refuse(const struct parse *p, const struct pb_cli_option *o, const char *value)
{
	char what[256];
	snprintf(what, sizeof what, "--%s takes %s, not", o->name, o->expected);
	return pb_cli_usage(p->command, what, value, NULL);
}

/* One of a word's choices. */
static int choose(const struct parse *p, const char *name, const struct pb_cli_word *word, const char *value,
		  const char **ret_value)
{
	struct pb_text what = {0};
	size_t n = 0;
	for (; word->choices[n]; n++) {
		if (!strcmp(value, word->choices[n])) {
			*ret_value = word->choices[n];
			return 0;
		}
	}
	pb_text_add(&what, "%s takes ", name);
	for (size_t i = 0; i < n; i++)
		pb_text_add(&what, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", word->choices[i]);
	pb_text_add(&what, ", not");
	int rc = pb_text_status(&what)
			 ? 1
			 : pb_cli_usage(p->command, what.data, value, pb_nearest(value, word->choices, n));
	pb_text_finish(&what);
	return rc;
}

/* "512M": bytes, with K, M or G behind them. */
static bool parse_size(const char *text, size_t *ret_size)
{
	static const char units[] = "KMG";
	char *end;
	double value = strtod(text, &end);
	const char *unit = *end ? strchr(units, *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		value *= 1024.0;
	if (end == text || (*end && (!unit || end[1])) || !(value >= 1.0 && value < 1e18))
		return false;
	*ret_size = (size_t)value;
	return true;
}

static bool parse_number(const struct pb_cli_option *o, const char *text, void *to)
{
	char *end;
	double value = o->type == PB_CLI_INT ? (double)strtol(text, &end, 10) : strtod(text, &end);
	if (end == text || *end || !(value >= o->min && value <= o->max))
		return false;
	if (o->type == PB_CLI_INT)
		*(int *)to = (int)value;
	else
		*(double *)to = value;
	return true;
}

static int add_item(const struct parse *p, const char *value, struct pb_cli_list *list)
{
	if (list->count == PB_CLI_MOST)
		return pb_cli_usage(p->command, "too many of one option, at", value, NULL);
	list->items[list->count++] = value;
	return 0;
}

static int apply(const struct parse *p, const struct pb_cli_option *o, const char *value)
{
	void *to = (char *)p->values + o->offset;
	char name[MOST_NAME];
	switch (o->type) {
	case PB_CLI_FLAG: *(bool *)to = true; return 0;
	case PB_CLI_LIST: return add_item(p, value, to);
	case PB_CLI_SIZE: return parse_size(value, to) ? 0 : refuse(p, o, value);
	case PB_CLI_INT:
	case PB_CLI_REAL: return parse_number(o, value, to) ? 0 : refuse(p, o, value);
	case PB_CLI_TEXT: break;
	}
	snprintf(name, sizeof name, "--%s", o->name);
	if (o->value.choices)
		return choose(p, name, &o->value, value, to);
	if (o->accepts && !o->accepts(value))
		return refuse(p, o, value);
	*(const char **)to = value;
	return 0;
}

static bool is_called(const struct pb_cli_option *o, const char *word, size_t length)
{
	if (word[1] != '-')
		return length == 2 && word[1] == o->letter;
	return !strncmp(word + 2, o->name, length - 2) && !o->name[length - 2];
}

/* NULL: there is none; what is wrong has been printed. */
static const struct pb_cli_option *find_option(const struct parse *p, const char *word, size_t length)
{
	const struct pb_cli_option *const *options = p->command->options;
	const char *names[MOST_OPTIONS + 1] = {pb_cli_help_option.name};
	char name[MOST_NAME], near[MOST_NAME];
	size_t n = 1, dashes = strspn(word, "-");
	if (is_called(&pb_cli_help_option, word, length))
		return &pb_cli_help_option;
	for (; options && options[n - 1] && n < MOST_OPTIONS; n++) {
		names[n] = options[n - 1]->name;
		if (is_called(options[n - 1], word, length))
			return options[n - 1];
	}
	snprintf(name, sizeof name, "%.*s", (int)(length > dashes ? length - dashes : 0), word + dashes);
	const char *nearest = pb_nearest(name, names, n);
	snprintf(near, sizeof near, "--%s", nearest ? nearest : "");
	pb_cli_usage(p->command, "unknown option", word, nearest ? near : NULL);
	return NULL;
}

/* The option at p->next - 1, and its value where it takes one. */
static int parse_option(struct parse *p)
{
	const char *word = p->argv[p->next - 1], *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
	const struct pb_cli_option *o = find_option(p, word, equals ? (size_t)(equals - word) : strlen(word));
	if (!o)
		return 2;
	if (value && o->type == PB_CLI_FLAG)
		return pb_cli_usage(p->command, "this option takes no value:", word, NULL);
	if (o == &pb_cli_help_option) {
		p->help = true;
		return 0;
	}
	if (!value && o->type != PB_CLI_FLAG) {
		if (p->next == p->argc)
			return pb_cli_usage(p->command, "a value is missing behind", word, NULL);
		value = p->argv[p->next++];
	}
	if (value && !*value)
		return pb_cli_usage(p->command, "the value is empty in", word, NULL);
	return apply(p, o, value);
}

/* The operand number `i`, from 0. */
static int parse_operand(const struct parse *p, int i, const char *word)
{
	const struct pb_cli_word *operands = p->command->operands, *o = operands;
	const char *choice;
	while (o && o->name && !o->repeated && i-- > 0)
		o++;
	if (o && o->name)
		return o->choices ? choose(p, o->name, o, word, &choice) : 0;
	char what[256];
	snprintf(what, sizeof what, "it takes %s%s%s; what is", operands ? operands->name : "no arguments",
		 operands && operands[1].name ? " and " : "", operands && operands[1].name ? operands[1].name : "");
	return pb_cli_usage(p->command, what, word, NULL);
}

static int check_missing(const struct parse *p, int given)
{
	const struct pb_cli_word *o = p->command->operands;
	for (; o && o->name && given > 0; o++)
		given--;
	if (!o || !o->name)
		return 0;
	char what[128];
	snprintf(what, sizeof what, "%s is missing behind", o->name);
	return pb_cli_usage(p->command, what, pb_cli_last_word(p->command), NULL);
}

bool pb_cli_parse(const struct pb_cli_command *command, int argc, char **argv, void *values, int *ret_code)
{
	struct parse p = {.command = command, .argv = argv, .argc = argc, .next = 1, .values = values};
	int n = 0, code = 0;
	while (!code && p.next < argc) {
		char *word = argv[p.next++];
		if (word[0] == '-' && word[1]) {
			code = parse_option(&p);
		} else {
			code = parse_operand(&p, n, word);
			argv[++n] = word;
		}
	}
	if (!code && p.help) {
		const int rc = pb_cli_print_help(command, stdout);
		*ret_code = rc ? pb_cli_fail(command, NULL, rc) : 0;
	} else {
		*ret_code = code ? code : check_missing(&p, n);
	}
	argv[n + 1] = NULL;
	return !p.help && !*ret_code;
}

int pb_cli_fail(const struct pb_cli_command *command, const char *file, int rc)
{
	const char *text = *pb_error_text() ? pb_error_text() : pb_status_text(rc);
	size_t length = file ? strlen(file) : 0;
	bool placed = rc == -PB_E_CONFIG &&
		      ((file && !strncmp(text, file, length) && text[length] == ':') || !strncmp(text, "--set ", 6));
	if (!placed)
		fprintf(stderr, "patchbay %s: ", command->name);
	static char safe[PB_ERROR_ROOM]; /* not from the heap, which may be what gave out */
	snprintf(safe, sizeof safe, "%s", text);
	pb_utf8_disarm(safe);
	fprintf(stderr, "%s\n", safe);
	return pb_status_exit_code(rc);
}
