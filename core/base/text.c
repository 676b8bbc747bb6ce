/* text.c: growing text, nearest names, globs. */
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

void pb_text_finish(struct pb_text *text)
{
	free(text->data);
	*text = (struct pb_text){0};
}

void pb_text_clear(struct pb_text *text)
{
	text->length = 0;
	if (text->data)
		text->data[0] = '\0';
}

static bool reserve(struct pb_text *text, size_t more)
{
	if (text->failed)
		return false;
	if (text->room - text->length > more && text->data)
		return true;
	size_t room = (text->length + more + 1) * 2;
	char *data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void pb_text_add_bytes(struct pb_text *text, const void *bytes, size_t count)
{
	if (!reserve(text, count))
		return;
	memcpy(text->data + text->length, bytes, count);
	text->length += count;
	text->data[text->length] = '\0';
}

void pb_text_add(struct pb_text *text, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	if (length >= 0 && reserve(text, (size_t)length)) {
		vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
		text->length += (size_t)length;
	}
	va_end(again);
	va_end(args);
}

void pb_text_add_json(struct pb_text *text, const char *string)
{
	pb_text_add_bytes(text, "\"", 1);
	for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
		if (*c == '"' || *c == '\\')
			pb_text_add(text, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			pb_text_add(text, "\\u%04x", *c);
		else
			pb_text_add_bytes(text, c, 1);
	}
	pb_text_add_bytes(text, "\"", 1);
}

void pb_text_add_real(struct pb_text *text, double value)
{
	if (isnan(value)) {
		pb_text_add(text, "null");
		return;
	}
	if (isinf(value)) {
		pb_text_add(text, value > 0 ? "1e999" : "-1e999");
		return;
	}
	char digits[40];
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	pb_text_add(text, "%s", digits);
}

int pb_text_status(const struct pb_text *text)
{
	return text->failed ? pb_fail_nomem(text->room, "text") : 0;
}

/* Optimal string alignment distance, case-blind; names are short, so one small table is enough. */
static size_t distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t la = strlen(a), lb = strlen(b);
	if (la >= MAX || lb >= MAX)
		return MAX;
	size_t d[MAX + 1][MAX + 1];
	for (size_t i = 0; i <= la; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
			size_t best = d[i - 1][j - 1] + (ca != cb);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *pb_nearest(const char *word, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	size_t length = strlen(word), least = length <= 2 ? 1 : length <= 5 ? 2 : length / 3 + 1;
	for (size_t i = 0; i < count && names[i]; i++) {
		size_t d = distance(word, names[i]);
		/* All letters changed is no resemblance. */
		if (d < length + 1 && d <= least && d < strlen(names[i]) && (d < least || !nearest)) {
			least = d;
			nearest = names[i];
		}
	}
	return nearest;
}

static bool match(const char *p, const char *end, const char *s, const char *rest, const char *rest_end);

/* Tries each of the alternatives of {a,b}, followed by what comes behind the brace. */
static bool match_brace(const char *p, const char *end, const char *s, const char *rest, const char *rest_end)
{
	int depth = 0;
	const char *close = p;
	for (; close < end; close++) {
		depth += (*close == '{') - (*close == '}');
		if (!depth)
			break;
	}
	if (close == end || rest)
		return false; /* unbalanced, or nested deeper than one level */
	const char *from = p + 1;
	depth = 0;
	for (const char *c = p + 1; c <= close; c++) {
		depth += (*c == '{') - (*c == '}' && c != close);
		if ((*c == ',' && !depth) || c == close) {
			if (match(from, c, s, close + 1, end))
				return true;
			from = c + 1;
		}
	}
	(void)rest_end;
	return false;
}

/* <=N and its kin against the run of digits at s; *ret_p and *ret_s are where to go on. */
static bool match_number(const char **p, const char *end, const char **s)
{
	bool less = **p == '<', equal = *p + 1 < end && (*p)[1] == '=';
	const char *c = *p + 1 + equal;
	if (c >= end || !isdigit((unsigned char)*c) || !isdigit((unsigned char)**s))
		return false;
	char *after;
	long bound = strtol(c, &after, 10), value = strtol(*s, (char **)s, 10);
	*p = after;
	return less ? value < bound || (equal && value == bound) : value > bound || (equal && value == bound);
}

static bool match_set(const char **p, const char *end, char c)
{
	bool found = false;
	const char *q = *p + 1;
	for (; q < end && *q != ']'; q++) {
		if (q + 2 < end && q[1] == '-' && q[2] != ']') {
			found |= c >= q[0] && c <= q[2];
			q += 2;
		} else {
			found |= c == *q;
		}
	}
	*p = q < end ? q + 1 : q;
	return found && q < end;
}

/* Pattern p..end, then rest..rest_end (behind a brace), against all of s. */
static bool match(const char *p, const char *end, const char *s, const char *rest, const char *rest_end)
{
	for (;;) {
		if (p == end) {
			if (!rest)
				return !*s;
			p = rest;
			end = rest_end;
			rest = NULL;
			continue;
		}
		switch (*p) {
		case '*':
			for (;; s++) {
				if (match(p + 1, end, s, rest, rest_end))
					return true;
				if (!*s)
					return false;
			}
		case '{': return match_brace(p, end, s, rest, rest_end);
		case '<':
		case '>':
			if (!match_number(&p, end, &s))
				return false;
			break;
		case '[':
			if (!*s || !match_set(&p, end, *s))
				return false;
			s++;
			break;
		default:
			if (!*s || (*p != '?' && *p != *s))
				return false;
			p++;
			s++;
		}
	}
}

bool pb_glob_match(const char *pattern, const char *name)
{
	return match(pattern, pattern + strlen(pattern), name, NULL, NULL);
}
