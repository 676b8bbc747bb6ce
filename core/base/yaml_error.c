/* yaml_error.c: mistakes with their place, the line of source and a caret. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "base/yaml_impl.h"

enum {
	MAX_SHOWN = 20,      /* mistakes printed */
	MAX_KEPT = 10000,    /* mistakes remembered; the rest is counted */
	MAX_MESSAGE = 1500,  /* bytes */
	EXCERPT_BEFORE = 60, /* characters of a long line before the caret, and in all */
	EXCERPT_LENGTH = 110,
};

/* Bytes of the line break at s, as libyaml counts lines: LF, CR, CR LF, NEL, LS, PS; 0: none. */
static size_t line_break(const char *s)
{
	if (*s == '\r')
		return s[1] == '\n' ? 2 : 1;
	if (*s == '\n')
		return 1;
	if (!strncmp(s, "\xc2\x85", 2))
		return 2;
	return !strncmp(s, "\xe2\x80\xa8", 3) || !strncmp(s, "\xe2\x80\xa9", 3) ? 3 : 0;
}

/* The bounds of a line (1-based) without its break and the spaces before that. */
static void find_line(const char *source, int line, const char **ret_begin, const char **ret_end)
{
	const char *s = source;
	for (size_t n; line > 1 && *s; s += n ? n : 1)
		if ((n = line_break(s)))
			line--;
	const char *end = s;
	while (*end && !line_break(end))
		end++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*ret_begin = s;
	*ret_end = end;
}

static const char *skip_characters(const char *s, const char *end, int count)
{
	while (count-- > 0 && s < end)
		pb_utf8_read(&s, end);
	return s;
}

/* What stands below a character in the line of the caret: as wide as it is, a tab below a tab. */
static void add_below(struct pb_text *out, int32_t code, char mark)
{
	if (code == '\t' && mark == ' ')
		pb_text_add_bytes(out, "\t", 1);
	else
		for (int i = code < 0 ? 1 : pb_utf8_cells(code); i > 0; i--)
			pb_text_add_bytes(out, &mark, 1);
}

static void add_character(struct pb_text *out, const char *from, const char *to, int32_t code)
{
	if (code < 0 || (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0))
		pb_text_add_bytes(out, "?", 1);
	else
		pb_text_add_bytes(out, from, (size_t)(to - from));
}

/* Nothing for an empty line: there is nothing to see. */
static void write_excerpt(const char *source, const struct pb_yaml_mistake *m, struct pb_text *out)
{
	const char *begin, *end;
	find_line(source, m->line, &begin, &end);
	if (begin == end)
		return;
	/* Of a long line, the part around the caret. */
	int first = m->column > EXCERPT_BEFORE + 20 ? m->column - EXCERPT_BEFORE : 1;
	const char *from = skip_characters(begin, end, first - 1), *to = skip_characters(from, end, EXCERPT_LENGTH);
	const char *before = from > begin ? "..." : "", *behind = to < end ? "..." : "";
	struct pb_text below = {0};
	int carets = 0, column = first, digits = snprintf(NULL, 0, "%d", m->line);
	pb_text_add(out, "\n  %d | %s", m->line, before);
	pb_text_add(&below, "\n  %*s | %*s", digits, "", (int)strlen(before), "");
	for (; from < to; column++) {
		const char *at = from;
		int32_t code = pb_utf8_read(&from, to);
		bool marked = column >= m->column && (m->width < 0 || column < m->column + m->width);
		add_character(out, at, from, code);
		if (column < m->column)
			add_below(&below, code, ' ');
		else if (marked)
			add_below(&below, code, '^');
		carets += marked;
	}
	pb_text_add(out, "%s", behind);
	/* A place without a width, or behind the end of the line. */
	if (!carets)
		pb_text_add(&below, "%*s^", m->column > column ? m->column - column : 0, "");
	if (below.data)
		pb_text_add_bytes(out, below.data, below.length);
	out->failed |= below.failed;
	pb_text_finish(&below);
}

void pb_yaml_write_mistake(const struct pb_yaml *yaml, const struct pb_yaml_mistake *m, struct pb_text *out)
{
	const char *rest = strchr(m->text, '\n');
	int first = (int)(rest ? rest - m->text : (ptrdiff_t)strlen(m->text));
	if (m->line)
		pb_text_add(out, "%s:%d:%d: %.*s", yaml->file, m->line, m->column, first, m->text);
	else
		pb_text_add(out, "%s: %.*s", m->origin ? m->origin : yaml->file, first, m->text);
	if (m->line && yaml->source)
		write_excerpt(yaml->source, m, out);
	if (rest)
		pb_text_add(out, "%s", rest);
}

static struct pb_yaml_mistake mistake_at(const struct pb_yaml_node *at)
{
	if (!at)
		return (struct pb_yaml_mistake){0};
	return (struct pb_yaml_mistake){
	        .line = at->line, .column = at->column, .width = at->width, .origin = at->origin};
}

/* What is too long ends in "...", not in half a character. */
static void format_message(char message[MAX_MESSAGE], const char *format, va_list args)
{
	if (vsnprintf(message, MAX_MESSAGE, format, args) >= MAX_MESSAGE) {
		size_t end = MAX_MESSAGE - 4;
		while (end > 0 && (message[end] & 0xc0) == 0x80)
			end--;
		memcpy(message + end, "...", 4);
	}
	pb_utf8_disarm(message); /* texts of the file stand in messages */
}

int pb_yaml_fail_at(const struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *format, ...)
{
	char message[MAX_MESSAGE];
	va_list args;
	va_start(args, format);
	format_message(message, format, args);
	va_end(args);
	struct pb_yaml_mistake m = mistake_at(at);
	m.text = message;
	struct pb_text out = {0};
	pb_yaml_write_mistake(yaml, &m, &out);
	int rc = pb_text_status(&out);
	if (!rc)
		rc = pb_fail(PB_E_CONFIG, "%s", out.data);
	pb_text_finish(&out);
	return rc;
}

int pb_yaml_error(struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *format, ...)
{
	if (yaml->n_errors++ >= MAX_KEPT)
		return -PB_E_CONFIG;
	char message[MAX_MESSAGE];
	va_list args;
	va_start(args, format);
	format_message(message, format, args);
	va_end(args);
	struct pb_yaml_mistake *m = pb_arena_alloc(&yaml->arena, sizeof *m);
	char *text = m ? pb_arena_strdup(&yaml->arena, message) : NULL;
	if (!text)
		return -PB_E_CONFIG; /* counted all the same */
	*m = mistake_at(at);
	m->text = text;
	m->number = yaml->n_errors;
	m->next = yaml->mistakes;
	yaml->mistakes = m;
	return -PB_E_CONFIG;
}

/* The file as a whole, then its lines, then what came from elsewhere. */
static int group(const struct pb_yaml_mistake *m)
{
	return m->line ? 1 : m->origin ? 2 : 0;
}

static int compare(const void *a, const void *b)
{
	const struct pb_yaml_mistake *x = *(struct pb_yaml_mistake *const *)a, *y = *(struct pb_yaml_mistake *const *)b;
	if (group(x) != group(y))
		return group(x) - group(y);
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void write_all(const struct pb_yaml *yaml, struct pb_yaml_mistake **sorted, size_t count, struct pb_text *out)
{
	size_t shown = count < MAX_SHOWN ? count : MAX_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		pb_text_add(out, "%s", i ? "\n\n" : "");
		pb_yaml_write_mistake(yaml, sorted[i], out);
	}
	size_t more = yaml->n_errors - shown;
	if (more)
		pb_text_add(out, "%s... and %zu more mistake%s", shown ? "\n\n" : "", more, more == 1 ? "" : "s");
}

int pb_yaml_status(struct pb_yaml *yaml)
{
	if (!yaml->n_errors)
		return 0;
	size_t count = 0;
	for (struct pb_yaml_mistake *m = yaml->mistakes; m; m = m->next)
		count++;
	struct pb_yaml_mistake **sorted = pb_arena_array(&yaml->arena, count + 1, sizeof *sorted);
	if (!sorted)
		return -PB_E_NOMEM;
	count = 0;
	for (struct pb_yaml_mistake *m = yaml->mistakes; m; m = m->next)
		sorted[count++] = m;
	qsort(sorted, count, sizeof *sorted, compare);
	struct pb_text out = {0};
	write_all(yaml, sorted, count, &out);
	int rc = pb_text_status(&out);
	if (!rc)
		rc = pb_fail(PB_E_CONFIG, "%s", out.data);
	pb_text_finish(&out);
	return rc;
}
