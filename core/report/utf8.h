/* utf8.h: text from outside as characters, and how many columns of a terminal they take. */
#ifndef PB_REPORT_UTF8_H
#define PB_REPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The character at `text`, which is not at its end; returns how many bytes it takes. Anything that is not UTF-8 counts
 * as one byte and gives U+FFFD. */
size_t pb_utf8_next(const char *text, uint32_t *ret_point);
/* Columns of a whole text as pb_utf8_add writes it. */
int pb_utf8_columns(const char *text, bool unicode);
/* Adds at most `columns` columns of `text`, cut with an ellipsis when it is longer; returns the columns it took.
 * Control characters become spaces; without `unicode`, what is not ASCII becomes '?'. */
int pb_utf8_add(struct pb_text *out, const char *text, int columns, bool unicode);

#endif
