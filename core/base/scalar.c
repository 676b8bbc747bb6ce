/* scalar.c: numbers and truth values as YAML 1.2 writes them. */
#include "base/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *digits(const char *c)
{
	while (isdigit((unsigned char)*c))
		c++;
	return c;
}

/* Would it be a number without its underscores? */
static bool underscored(const char *text)
{
	const char *c = text + (*text == '-' || *text == '+');
	return isdigit((unsigned char)*c) && strchr(c, '_') && c[strspn(c, "0123456789_.eE+-")] == '\0';
}

/* A leading zero, as in 010 or 0o10. */
static bool octal(const char *text)
{
	const char *c = text + (*text == '-' || *text == '+');
	if (*c != '0')
		return false;
	c += 1 + (c[1] == 'o');
	return isdigit((unsigned char)*c) && !*digits(c);
}

/* The spelling of a decimal real: [-+] digits [. digits] [e [-+] digits], digits on one side of the point. */
static bool decimal(const char *text)
{
	const char *c = text + (*text == '-' || *text == '+'), *whole = digits(c);
	bool any = whole > c;
	c = whole;
	if (*c == '.') {
		const char *fraction = digits(c + 1);
		any |= fraction > c + 1;
		c = fraction;
	}
	if (!any)
		return false;
	if (*c == 'e' || *c == 'E') {
		c += 1 + (c[1] == '-' || c[1] == '+');
		if (!isdigit((unsigned char)*c))
			return false;
		c = digits(c);
	}
	return !*c;
}

static bool hexadecimal(const char *text)
{
	return text[0] == '0' && text[1] == 'x' && text[2] && !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")];
}

static bool any_of(const char *text, const char *a, const char *b, const char *c)
{
	return !strcmp(text, a) || !strcmp(text, b) || !strcmp(text, c);
}

static bool is_inf(const char *text)
{
	return any_of(text + (*text == '-' || *text == '+'), ".inf", ".Inf", ".INF");
}

static bool is_nan(const char *text)
{
	return any_of(text, ".nan", ".NaN", ".NAN");
}

enum pb_scalar pb_scalar_int(const char *text, int64_t *ret_value)
{
	bool hex = hexadecimal(text);
	const char *c = text + (*text == '-' || *text == '+');
	if (underscored(text))
		return PB_SCALAR_UNDERSCORES;
	if (octal(text))
		return PB_SCALAR_OCTAL;
	if (!hex && (!isdigit((unsigned char)*c) || *digits(c)))
		return decimal(text) || is_inf(text) || is_nan(text) ? PB_SCALAR_REAL : PB_SCALAR_NOT;
	errno = 0;
	long long value = strtoll(text, NULL, hex ? 16 : 10);
	if (errno == ERANGE)
		return PB_SCALAR_LARGE;
	*ret_value = value;
	return PB_SCALAR_OK;
}

enum pb_scalar pb_scalar_real(const char *text, double *ret_value)
{
	double value;
	if (is_inf(text)) {
		value = *text == '-' ? -INFINITY : INFINITY;
	} else if (is_nan(text)) {
		value = NAN;
	} else if (underscored(text)) {
		return PB_SCALAR_UNDERSCORES;
	} else if (octal(text)) {
		return PB_SCALAR_OCTAL;
	} else if (decimal(text) || hexadecimal(text)) {
		value = strtod(text, NULL);
		if (isinf(value))
			return PB_SCALAR_LARGE;
		const char *c = text + (*text == '-' || *text == '+');
		if (value == 0 && !hexadecimal(text) && strcspn(c, "123456789") < strcspn(c, "eE"))
			return PB_SCALAR_SMALL;
	} else {
		return PB_SCALAR_NOT;
	}
	*ret_value = value;
	return PB_SCALAR_OK;
}

bool pb_scalar_bool(const char *text, bool *ret_value)
{
	bool yes = !strcmp(text, "true");
	if (!yes && strcmp(text, "false"))
		return false;
	*ret_value = yes;
	return true;
}

bool pb_scalar_null(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null");
}

const char *pb_scalar_bool_hint(const char *text)
{
	static const char *const yes[] = {"true", "yes", "on", "y", "1"}, *const no[] = {"false", "no", "off", "n",
	                                                                                 "0"};
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
		if (!strcasecmp(text, yes[i]))
			return "true";
		if (!strcasecmp(text, no[i]))
			return "false";
	}
	return NULL;
}
