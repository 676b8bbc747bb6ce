/* pickle_scalar.c: the opcodes of numbers and strings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/unpickler.h"

static int push_integer(struct pb_unpickler *u, enum pb_pickle_type type, int64_t integer)
{
	struct pb_pickle_value *value = pb_unpickler_new(u, type);
	if (value)
		value->integer = integer;
	return pb_unpickler_push(u, value);
}

static int push_real(struct pb_unpickler *u, double real)
{
	struct pb_pickle_value *value = pb_unpickler_new(u, PB_PICKLE_REAL);
	if (value)
		value->real = real;
	return pb_unpickler_push(u, value);
}

int pb_unpickler_push_string(struct pb_unpickler *u, enum pb_pickle_type type, const void *bytes, size_t length)
{
	struct pb_pickle_value *value = pb_unpickler_new(u, type);
	if (!value || !(value->string.data = pb_arena_strndup(u->arena, bytes, length)))
		return -PB_E_NOMEM;
	value->string.length = length;
	return pb_unpickler_push(u, value);
}

/* Little-endian two's complement of any length. */
static int take_long(struct pb_unpickler *u, int length_bytes)
{
	uint64_t length;
	int rc = pb_unpickler_take_number(u, length_bytes, &length);
	const unsigned char *bytes = rc < 0 ? NULL : pb_unpickler_take(u, length);
	if (!bytes)
		return -PB_E_FORMAT;
	if (length > 8)
		return pb_unpickler_push_string(u, PB_PICKLE_BIG, bytes, length);
	uint64_t number = length && bytes[length - 1] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = length; i-- > 0;)
		number = number << 8 | bytes[i];
	return push_integer(u, PB_PICKLE_INT, (int64_t)number);
}

int pb_unpickler_integer(struct pb_unpickler *u, int opcode)
{
	if (opcode == 0x8a || opcode == 0x8b)
		return take_long(u, opcode == 0x8a ? 1 : 4);
	uint64_t number;
	int rc = pb_unpickler_take_number(u, opcode == 'K' ? 1 : opcode == 'M' ? 2 : 4, &number);
	if (rc < 0)
		return rc;
	return push_integer(u, PB_PICKLE_INT, opcode == 'J' ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* INT, LONG and FLOAT of protocol 0: a line of text. "I00" and "I01" are the booleans. */
int pb_unpickler_text_number(struct pb_unpickler *u, int opcode)
{
	size_t length;
	const char *line = pb_unpickler_take_line(u, &length);
	char digits[64], *end;
	if (!line)
		return -PB_E_FORMAT;
	if (length && opcode == 'L' && line[length - 1] == 'L')
		length--;
	if (!length || length >= sizeof digits)
		return pb_unpickler_fail(u, "a number in text is empty or too long");
	memcpy(digits, line, length);
	digits[length] = '\0';
	if (opcode == 'I' && (!strcmp(digits, "00") || !strcmp(digits, "01")))
		return push_integer(u, PB_PICKLE_BOOL, digits[1] == '1');
	errno = 0;
	double real = opcode == 'F' ? strtod(digits, &end) : 0;
	long long integer = opcode == 'F' ? 0 : strtoll(digits, &end, 10);
	if (end != digits + length || (opcode != 'F' && errno))
		return pb_unpickler_fail(u, "a number in text cannot be read");
	return opcode == 'F' ? push_real(u, real) : push_integer(u, PB_PICKLE_INT, integer);
}

int pb_unpickler_real(struct pb_unpickler *u, int opcode)
{
	(void)opcode;
	const unsigned char *bytes = pb_unpickler_take(u, 8);
	if (!bytes)
		return -PB_E_FORMAT;
	uint64_t bits = 0; /* the only big-endian number of the format */
	for (int i = 0; i < 8; i++)
		bits = bits << 8 | bytes[i];
	double real;
	memcpy(&real, &bits, sizeof real);
	return push_real(u, real);
}

/* Length of the UTF-8 sequence at `c`, 0 if it is none; overlong forms, surrogates and code points past the last are
 * none. */
static size_t utf8_length(const unsigned char *c, size_t left)
{
	if (c[0] < 0x80)
		return 1;
	size_t length = c[0] >= 0xc2 && c[0] < 0xe0   ? 2
			: c[0] >= 0xe0 && c[0] < 0xf0 ? 3
			: c[0] >= 0xf0 && c[0] < 0xf5 ? 4
						      : 0;
	if (!length || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	bool odd = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf0 && c[1] < 0x90) ||
		   (c[0] == 0xf4 && c[1] >= 0x90);
	return odd ? 0 : length;
}

static bool is_utf8(const unsigned char *bytes, size_t length)
{
	for (size_t i = 0, n; i < length; i += n)
		if (!(n = utf8_length(bytes + i, length - i)))
			return false;
	return true;
}

int pb_unpickler_string(struct pb_unpickler *u, int opcode)
{
	bool is_short = opcode == 0x8c || opcode == 'U' || opcode == 'C';
	bool is_long = opcode == 0x8d || opcode == 0x8e || opcode == 0x96;
	bool is_text = opcode == 'X' || opcode == 0x8c || opcode == 0x8d;
	uint64_t length;
	int rc = pb_unpickler_take_number(u, is_short ? 1 : is_long ? 8 : 4, &length);
	const unsigned char *bytes = rc < 0 ? NULL : pb_unpickler_take(u, length);
	if (!bytes)
		return -PB_E_FORMAT;
	bool utf8 = is_utf8(bytes, length);
	if (is_text && !utf8)
		return pb_unpickler_fail(u, "a string is not UTF-8");
	/* Python 2 wrote its byte strings, names mostly, with these two. */
	bool old_text = (opcode == 'T' || opcode == 'U') && utf8;
	return pb_unpickler_push_string(u, is_text || old_text ? PB_PICKLE_STR : PB_PICKLE_BYTES, bytes, length);
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((length == 2 ? 0xc0 : length == 3 ? 0xe0 : 0xf0) | c);
	return length;
}

/* Reads the `digits` hex digits at `text`; false if they are not all there. */
static bool take_hex(const char *text, size_t left, size_t digits, uint32_t *ret_code)
{
	char hex[9] = {0}, *end;
	if (left < digits)
		return false;
	memcpy(hex, text, digits);
	*ret_code = (uint32_t)strtoul(hex, &end, 16);
	return end == hex + digits && hex[0] != '-' && hex[0] != '+' && hex[0] != ' ';
}

/* raw-unicode-escape: Latin-1 bytes, \uXXXX and \UXXXXXXXX. Never longer than twice its input. */
static size_t decode_escapes(const char *line, size_t length, char *out)
{
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		uint32_t code = (unsigned char)line[i];
		size_t digits = code != '\\' || i + 1 == length ? 0
				: line[i + 1] == 'u'		? 4
				: line[i + 1] == 'U'		? 8
								: 0;
		if (digits && take_hex(line + i + 2, length - i - 2, digits, &code))
			i += digits + 1;
		used += put_utf8(out + used, code);
	}
	return used;
}

/* UNICODE and STRING of protocol 0: a line of text; a STRING is quoted and may not hold escapes. */
int pb_unpickler_text_string(struct pb_unpickler *u, int opcode)
{
	size_t length;
	const char *line = pb_unpickler_take_line(u, &length);
	if (!line)
		return -PB_E_FORMAT;
	if (opcode == 'S') {
		if (length < 2 || line[0] != line[length - 1] || !strchr("'\"", line[0]) || memchr(line, '\\', length))
			return pb_unpickler_fail(u, "a quoted string cannot be read");
		line++;
		length -= 2;
	}
	char *text = malloc(2 * length + 1);
	if (!text)
		return pb_fail_nomem(2 * length + 1, "a string");
	size_t used = opcode == 'V' ? decode_escapes(line, length, text) : length;
	if (opcode == 'S')
		memcpy(text, line, length);
	int rc = is_utf8((unsigned char *)text, used) ? pb_unpickler_push_string(u, PB_PICKLE_STR, text, used)
						      : pb_unpickler_fail(u, "a string is not text");
	free(text);
	return rc;
}
