/* utf8.c: decoding, column widths, texts shortened for messages. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

int32_t pb_utf8_read(const char **at, const char *end)
{
	static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)*at;
	size_t room = (size_t)(end - *at);
	(*at)++;
	if (s[0] < 0x80)
		return s[0];
	size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || room <= more)
		return -1;
	int32_t code = s[0] & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return -1;
	*at += more;
	return code;
}

bool pb_utf8_controls(int32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

int pb_utf8_cells(int32_t code)
{
	/* Blocks, not the whole of Unicode's tables: names of tokens and of experiments, not literature. */
	static const struct {
		int32_t first, last;
		int columns;
	} odd[] = {
	        {0x0300, 0x036f, 0},   {0x0483, 0x0489, 0},   {0x0591, 0x05bd, 0},   {0x064b, 0x065f, 0},
	        {0x1100, 0x115f, 2},   {0x1ab0, 0x1aff, 0},   {0x1dc0, 0x1dff, 0},   {0x200b, 0x200f, 0},
	        {0x202a, 0x202e, 0},   {0x2060, 0x2064, 0},   {0x20d0, 0x20ff, 0},   {0x2e80, 0x303e, 2},
	        {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},
	        {0xfe20, 0xfe2f, 0},   {0xfe30, 0xfe6f, 2},   {0xfeff, 0xfeff, 0},   {0xff00, 0xff60, 2},
	        {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2},
	        {0x20000, 0x3fffd, 2}, {0xe0100, 0xe01ef, 0},
	};
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		if (code >= odd[i].first && code <= odd[i].last)
			return odd[i].columns;
	return 1;
}

const char *pb_utf8_shown(const char *text, char *ret_buffer, size_t size)
{
	const char *at = text, *end = text + strlen(text);
	size_t used = 0, fits = 0; /* fits: the length up to which "..." still has room behind it */
	while (at < end) {
		const char *from = at;
		int32_t code = pb_utf8_read(&at, end);
		bool space = code == '\n' || code == '\r' || code == '\t';
		bool bad = pb_utf8_controls(code);
		size_t bytes = space || bad ? 1 : (size_t)(at - from);
		if (used + bytes >= size) {
			memcpy(ret_buffer + fits, "...", 4);
			return ret_buffer;
		}
		memcpy(ret_buffer + used, space ? " " : bad ? "?" : from, bytes);
		used += bytes;
		if (used + 4 <= size)
			fits = used;
	}
	ret_buffer[used] = '\0';
	return ret_buffer;
}

void pb_utf8_disarm(char *text)
{
	for (const char *at = text, *end = text + strlen(text); at < end;) {
		char *from = (char *)at;
		int32_t code = pb_utf8_read(&at, end);
		if (code != '\n' && code != '\t' && pb_utf8_controls(code))
			memset(from, '?', (size_t)(at - from));
	}
}
