/* utf8.c: text from outside as characters, and how many columns of a terminal they take. */
#include "report/utf8.h"

/* Length of the sequence and the least character that may be written with it, from its first byte. */
static size_t sequence(unsigned char first, uint32_t *ret_bits, uint32_t *ret_least)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if ((first & forms[i].mask) == forms[i].lead) {
			*ret_bits = first & (unsigned char)~forms[i].mask;
			*ret_least = forms[i].least;
			return i + 1;
		}
	}
	return 0;
}

size_t pb_utf8_next(const char *text, uint32_t *ret_point)
{
	uint32_t point = 0, least = 0;
	size_t length = sequence((unsigned char)text[0], &point, &least);
	for (size_t i = 1; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c & 0xc0) != 0x80)
			length = 0;
		point = point << 6 | (c & 0x3f);
	}
	if (!length || point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
		*ret_point = 0xfffd;
		return 1;
	}
	*ret_point = point;
	return length;
}

struct range {
	uint32_t first, last;
};

static bool within(uint32_t point, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	return false;
}

/* Blocks, not the whole of Unicode's tables: names of tokens and of experiments, not literature. */
int pb_utf8_width(uint32_t point)
{
	static const struct range none[] = {{0x0300, 0x036f}, {0x0483, 0x0489},  {0x0591, 0x05bd}, {0x064b, 0x065f},
	                                    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},  {0x200b, 0x200f}, {0x202a, 0x202e},
	                                    {0x2060, 0x2064}, {0x20d0, 0x20ff},  {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
	                                    {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};
	static const struct range wide[] = {
	        {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
	        {0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe4f},   {0xff00, 0xff60},
	        {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
	if (within(point, none, sizeof none / sizeof *none))
		return 0;
	return within(point, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

/* What may be sent to a terminal in place of a character; its length is at most that of a sequence. */
static const char *printable(const char *text, bool unicode, size_t *ret_used, size_t *ret_length, int *ret_width)
{
	uint32_t point;
	*ret_used = pb_utf8_next(text, &point);
	*ret_length = 1;
	*ret_width = 1;
	/* Besides C0 and C1, what reverses or reorders the rest of the line. */
	if (point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
	    (point >= 0x2066 && point <= 0x2069))
		return " ";
	if (point > 0x7f && !unicode)
		return "?";
	*ret_width = pb_utf8_width(point);
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
