/* scalar.h: what an unquoted YAML scalar is: the numbers of YAML 1.2's core schema, minus its octals. */
#ifndef PB_BASE_SCALAR_H
#define PB_BASE_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

/* Why a text is not the number asked for. */
enum pb_scalar {
	PB_SCALAR_OK,
	PB_SCALAR_NOT,         /* no number at all */
	PB_SCALAR_UNDERSCORES, /* 1_000 */
	PB_SCALAR_OCTAL,       /* 010, 0o10: it reads differently in YAML 1.1 and 1.2 */
	PB_SCALAR_REAL,        /* asked for an int: 1e3, 1.0 */
	PB_SCALAR_LARGE,       /* past the type's range */
	PB_SCALAR_SMALL,       /* asked for a real: not zero, but a double would make it zero */
};

/* Decimal, or hexadecimal behind 0x. */
enum pb_scalar pb_scalar_int(const char *text, int64_t *ret_value);
/* The same, and 0.5, 1e-4, .inf, -.inf, .nan. */
enum pb_scalar pb_scalar_real(const char *text, double *ret_value);
/* true or false. */
bool pb_scalar_bool(const char *text, bool *ret_value);
/* ~, null or empty. */
bool pb_scalar_null(const char *text);
/* What somebody who wrote `yes`, `On`, `True`, `1` meant: "true", "false", or NULL. */
const char *pb_scalar_bool_hint(const char *text);

#endif
