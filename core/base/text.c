/* text.c: growing text, nearest names. */
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"
#include "base/utf8.h"

void pb_text_finish(struct pb_text *text)
{
	free(text->data);
	*text = (struct pb_text){0};
}

void pb_text_finish_part(struct pb_text *part, struct pb_text *whole)
{
	if (whole)
		whole->failed |= part->failed;
	pb_text_finish(part);
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
	/* Twice what is needed, so that adding is cheap on average; no text comes near a quarter of the memory. */
	size_t room = (text->length + more + 1) * 2;
	char *data = more < SIZE_MAX / 4 && text->length < SIZE_MAX / 4 ? realloc(text->data, room) : NULL;
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
	for (const char *at = string, *end = string + strlen(string); at < end;) {
		const char *from = at;
		int32_t code = pb_utf8_read(&at, end);
		if (code < 0 || code == 0xfffd) /* alike, so that what is read back is written alike */
			pb_text_add(text, "\\ufffd");
		else if (code == '"' || code == '\\')
			pb_text_add(text, "\\%c", (char)code);
		else if (code < 0x20 || code == 0x7f)
			pb_text_add(text, "\\u%04x", (unsigned)code);
		else
			pb_text_add_bytes(text, from, (size_t)(at - from));
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
	int precision = 0;
	do
		snprintf(digits, sizeof digits, "%.*e", precision, value);
	while (precision++ < 16 && strtod(digits, NULL) != value);
	/* 120 and 0.001, not 1.2e+02 and 1e-03. */
	int exponent = atoi(strchr(digits, 'e') + 1), decimals = precision - 1 - exponent;
	if (exponent >= -4 && exponent < 15)
		pb_text_add(text, "%.*f", decimals > 0 ? decimals : 0, value);
	else
		pb_text_add(text, "%.*g", precision, value);
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

/* A beginning counts as near: `optim` for `optimizer`. */
static bool abbreviates(const char *word, const char *name)
{
	size_t length = strlen(word);
	return length >= 3 && !strncasecmp(word, name, length);
}

/* Of equally near names, one that the word begins, and of these the shortest: `n_heads` for `n_head`, not `d_head`. */
const char *pb_nearest(const char *word, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	size_t length = strlen(word), most = length <= 3 ? 1 : length <= 6 ? 2 : length / 3, least = SIZE_MAX;
	for (size_t i = 0; i < count && names[i]; i++) {
		const bool begins = abbreviates(word, names[i]);
		const size_t edits = distance(word, names[i]), d = begins && edits > most ? most : edits;
		const size_t rank = d << 16 | (size_t)!begins << 8 | edits;
		/* All letters changed is no resemblance. */
		if (d <= most && d < length && d < strlen(names[i]) && rank < least) {
			least = rank;
			nearest = names[i];
		}
	}
	return nearest;
}
