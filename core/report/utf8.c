/* utf8.c: text from outside as characters, and how many columns of a terminal they take. */
#include "report/utf8.h"

#include <string.h>

#include "base/utf8.h"

size_t pb_utf8_next(const char *text, uint32_t *ret_point)
{
	const char *at = text;
	int32_t point = pb_utf8_read(&at, text + strnlen(text, 4));
	*ret_point = point < 0 ? 0xfffd : (uint32_t)point;
	return (size_t)(at - text);
}

/* What may be sent to a terminal in place of a character; its length is at most that of a sequence. */
static const char *printable(const char *text, bool unicode, size_t *ret_used, size_t *ret_length, int *ret_width)
{
	uint32_t point;
	*ret_used = pb_utf8_next(text, &point);
	*ret_length = 1;
	*ret_width = 1;
	if (pb_utf8_controls((int32_t)point))
		return " ";
	if (point > 0x7f && !unicode)
		return "?";
	*ret_width = pb_utf8_cells((int32_t)point);
	if (point == 0xfffd) {
		*ret_length = 3;
		return "\xef\xbf\xbd";
	}
	*ret_length = *ret_used;
	return text;
}

int pb_utf8_columns(const char *text, bool unicode)
{
	int columns = 0, width;
	size_t length;
	for (size_t used; *text; text += used) {
		printable(text, unicode, &used, &length, &width);
		columns += width;
	}
	return columns;
}

int pb_utf8_add(struct pb_text *out, const char *text, int columns, bool unicode)
{
	bool cut = pb_utf8_columns(text, unicode) > columns;
	int room = columns - cut, taken = 0;
	if (columns <= 0)
		return 0;
	for (size_t used; *text; text += used) {
		size_t length;
		int width;
		const char *bytes = printable(text, unicode, &used, &length, &width);
		if (taken + width > room)
			break;
		pb_text_add_bytes(out, bytes, length);
		taken += width;
	}
	if (cut)
		pb_text_add(out, unicode ? "\u2026" : "~");
	return taken + cut;
}
