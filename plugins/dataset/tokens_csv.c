/* tokens_csv.c: prompt pairs from a table of token ids, and token texts from a list. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokens.h"

enum column { NAME, CLEAN, CORRUPTED, POS, ANSWER, DISTRACTOR, N_COLUMNS };

static const char *const column_names[N_COLUMNS] = {"name", "clean", "corrupted", "pos", "answer", "distractor"};

struct reader {
	struct tokens *t;
	size_t line;
	int fields[N_COLUMNS]; /* number of each column's field; -1: absent */
	int n_fields;
	int64_t *ids[2]; /* scratch for one row's token ids */
};

enum { MOST_FIELDS = 16 };

static int fail_at(const struct reader *r, const char *what, const char *text)
{
	const struct pb_host *host = r->t->host;
	return host->fail(host, PB_E_FORMAT, "%s, line %zu: %s `%s`", r->t->p->file, r->line, what, text);
}

static size_t count_lines(const char *text)
{
	size_t n = 1;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Cuts the next line off in place; NULL at the end of the text. */
static char *next_line(char **text)
{
	char *line = *text;
	if (!*line)
		return NULL;
	char *end = strchr(line, '\n');
	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	size_t length = strlen(line);
	if (length && line[length - 1] == '\r')
		line[length - 1] = '\0';
	return line;
}

/* Takes a field off, in place: plain, or "quoted" with "" for a quote. NULL: a quote that never closes. */
static char *next_field(char **rest)
{
	char *from = *rest, *to = from, *field = from;
	bool quoted = *from == '"', closed = !quoted;
	for (from += quoted; *from && (quoted || *from != ','); from++) {
		if (quoted && *from == '"') {
			closed = *++from != '"';
			if (closed)
				break;
		}
		*to++ = *from;
	}
	if (!closed || (*from && *from != ','))
		return NULL;
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return field;
}

static int split_line(const struct reader *r, char *line, char **ret_fields, int *ret_count)
{
	int n = 0;
	for (char *rest = line; rest;) {
		if (n == MOST_FIELDS)
			return fail_at(r, "more columns than there can be, at", rest);
		ret_fields[n] = next_field(&rest);
		if (!ret_fields[n++])
			return r->t->host->fail(r->t->host, PB_E_FORMAT,
						"%s, line %zu: a quoted field must end with a quote, before a comma or the line's "
						"end; field %d does not",
						r->t->p->file, r->line, n);
	}
	*ret_count = n;
	return 0;
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t length = strlen(text);
	while (length && strchr(" \t", text[length - 1]))
		text[--length] = '\0';
	return text;
}

static int read_header(struct reader *r, char *line)
{
	char *fields[MOST_FIELDS];
	int rc = split_line(r, line, fields, &r->n_fields);
	for (int c = 0; c < N_COLUMNS; c++)
		r->fields[c] = -1;
	for (int f = 0; !rc && f < r->n_fields; f++) {
		int c = 0;
		while (c < N_COLUMNS && strcmp(trim(fields[f]), column_names[c]) != 0)
			c++;
		if (c == N_COLUMNS)
			return fail_at(r, "the columns are name, clean, corrupted, pos, answer and distractor, not",
				       fields[f]);
		if (r->fields[c] >= 0)
			return fail_at(r, "there are two columns", fields[f]);
		r->fields[c] = f;
	}
	for (int c = 0; !rc && c < N_COLUMNS; c++)
		if (r->fields[c] < 0 && (c == CLEAN || c == CORRUPTED || c == ANSWER))
			return fail_at(r, "the first line names the columns; it lacks", column_names[c]);
	return rc;
}

static int read_number(const struct reader *r, const char *text, int64_t *ret_number, char **ret_end)
{
	errno = 0;
	long long number = strtoll(text, ret_end, 10);
	if (*ret_end == text || errno || (**ret_end && !strchr(" \t", **ret_end)))
		return fail_at(r, "this is not a token id or a number:", text);
	*ret_number = number;
	return 0;
}

/* A field with one number; `number` keeps its value where the column is absent or empty. */
static int read_field(const struct reader *r, char *const *fields, enum column c, int64_t *number)
{
	if (r->fields[c] < 0)
		return 0;
	char *text = trim(fields[r->fields[c]]), *end;
	if (!*text)
		return c == ANSWER ? fail_at(r, "there is no value in column", column_names[c]) : 0;
	int rc = read_number(r, text, number, &end);
	return !rc && *end ? fail_at(r, "there must be one number, not", text) : rc;
}

/* A field with numbers between blanks. `ids` has room for as many as the file has bytes. */
static int read_ids(const struct reader *r, const char *text, int64_t *ids, struct pb_int_list *ret_list)
{
	size_t n = 0;
	for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
		char *end;
		int rc = read_number(r, text, &ids[n], &end);
		if (rc < 0)
			return rc;
		n++;
		text = end;
	}
	*ret_list = (struct pb_int_list){ids, n};
	return 0;
}

static int read_row(struct reader *r, char *line)
{
	char *fields[MOST_FIELDS], where[512];
	int n, rc = split_line(r, line, fields, &n);
	if (!rc && n != r->n_fields)
		return fail_at(r, "this line and the first differ in their number of columns:", fields[0]);
	struct tokens_pair pair = {.pos = -1, .answer = -1, .distractor = -1};
	if (!rc)
		rc = read_ids(r, fields[r->fields[CLEAN]], r->ids[0], &pair.clean);
	if (!rc)
		rc = read_ids(r, fields[r->fields[CORRUPTED]], r->ids[1], &pair.corrupted);
	if (!rc)
		rc = read_field(r, fields, POS, &pair.pos);
	if (!rc)
		rc = read_field(r, fields, ANSWER, &pair.answer);
	if (!rc)
		rc = read_field(r, fields, DISTRACTOR, &pair.distractor);
	if (rc < 0)
		return rc;
	if (r->fields[NAME] >= 0 && *trim(fields[r->fields[NAME]]))
		pair.name = trim(fields[r->fields[NAME]]);
	snprintf(where, sizeof where, "%.400s, line %zu", r->t->p->file, r->line);
	return tokens_add(r->t, &pair, where);
}

static int read_lines(struct reader *r, char *text)
{
	if (!strncmp(text, "\xef\xbb\xbf", 3)) /* a byte order mark */
		text += 3;
	for (char *line; (line = next_line(&text));) {
		r->line++;
		if (!line[strspn(line, " \t")])
			continue;
		int rc = r->n_fields ? read_row(r, line) : read_header(r, line);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int tokens_read_csv(struct tokens *t)
{
	size_t size;
	int rc = t->host->read_file(t->host, t->p->file, &t->file_text, &size);
	if (rc < 0)
		return rc;
	/* Two bytes make a token at least: a digit and what parts it from the next. */
	size_t most_ids = size / 2 + 1;
	struct reader r = {.t = t};
	r.ids[0] = t->host->alloc(t->host, most_ids * sizeof(int64_t));
	r.ids[1] = t->host->alloc(t->host, most_ids * sizeof(int64_t));
	if (!r.ids[0] || !r.ids[1])
		rc = t->host->fail(t->host, PB_E_NOMEM, "no memory for the %zu bytes of %s", size, t->p->file);
	if (!rc)
		rc = tokens_reserve(t, count_lines(t->file_text), most_ids);
	if (!rc)
		rc = read_lines(&r, t->file_text);
	t->host->free(t->host, r.ids[0]);
	t->host->free(t->host, r.ids[1]);
	return rc;
}

int tokens_read_vocab(struct tokens *t)
{
	size_t size;
	int rc = t->host->read_file(t->host, t->p->vocab_file, &t->vocab_text, &size);
	if (rc < 0)
		return rc;
	t->vocab = t->host->alloc(t->host, count_lines(t->vocab_text) * sizeof *t->vocab);
	if (!t->vocab)
		return t->host->fail(t->host, PB_E_NOMEM, "no memory for the lines of %s", t->p->vocab_file);
	char *text = t->vocab_text;
	for (char *line; (line = next_line(&text));)
		t->vocab[t->n_vocab++] = line;
	if (t->n_vocab <= t->largest)
		return t->host->fail(t->host, PB_E_RANGE,
				     "%s has %lld lines, but the pairs use token %lld (the first is 0)",
				     t->p->vocab_file, (long long)t->n_vocab, (long long)t->largest);
	return 0;
}
