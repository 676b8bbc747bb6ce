/* utf8.h: UTF-8 text, as read from files and as shown in messages. */
#ifndef PB_BASE_UTF8_H
#define PB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the code point at *at (before end) and moves *at behind it. -1, and *at moved by one byte, where the bytes are
 * not UTF-8 (overlong forms, surrogates and values past U+10FFFF included). */
int32_t pb_utf8_read(const char **at, const char *end);
/* Is it no character to show, but one that steers a terminal, breaks a line, or reverses what follows it; or not UTF-8 (-1)? */
bool pb_utf8_controls(int32_t code);
/* Columns that a code point takes on a terminal: 0, 1 or 2. */
int pb_utf8_cells(int32_t code);
/* A text from outside made fit for one line of a message: control characters and bad bytes become `?`, line breaks and
 * tabs spaces, and what does not fit into size (at least 8) bytes becomes "...". Returns the buffer. */
const char *pb_utf8_shown(const char *text, char *ret_buffer, size_t size);

/* Makes a text fit for a terminal, in place: each byte of a control character other than a line break or a tab, and each bad byte,
 * becomes `?`. */
void pb_utf8_disarm(char *text);

#endif
