/* text.h: growing text and names the user may have meant. */
#ifndef PB_BASE_TEXT_H
#define PB_BASE_TEXT_H

#include <patchbay/host.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing buffer, always NUL-terminated once anything was added. Running out of memory is remembered in `failed`
 * and later additions do nothing, so that a writer checks once, at its end. Zero-initialise it. */
struct pb_text {
	char *data; /* owned */
	size_t length, room;
	bool failed;
};

void pb_text_finish(struct pb_text *text);
/* Finishes a text that was made to go into `whole` (NULL: none), which lacks it if that failed. */
void pb_text_finish_part(struct pb_text *part, struct pb_text *whole);
void pb_text_clear(struct pb_text *text); /* keeps the memory */
void pb_text_add(struct pb_text *text, const char *format, ...) PB_PRINTF(2, 3);
void pb_text_add_bytes(struct pb_text *text, const void *bytes, size_t count);
void pb_text_add_json(struct pb_text *text, const char *string); /* "quoted", escaped; bad UTF-8 replaced */
/* The shortest decimal that reads back as `value` ("0.1", "-3", "1e-09"); "null" for a NaN, "1e999" for Inf. */
void pb_text_add_real(struct pb_text *text, double value);
int pb_text_status(const struct pb_text *text); /* 0 or -PB_E_NOMEM, recorded */

/* The name nearest to `word` (edits: insert, delete, change, swap; letter case is free; a beginning is near), or NULL
 * when none is near enough to be what was meant. `names` ends with NULL or after `count`, whichever comes first. */
const char *pb_nearest(const char *word, const char *const *names, size_t count);

/* Shell-style match of a whole name: * (any run), ? (one byte), [abc], [a-z], [!abc], {this,that} (nesting allowed),
 * and
 * <=N, <N, >=N, >N in place of a whole run of digits ("blocks.<=2.*"). A malformed pattern matches nothing, nor does a
 * name over 1023 bytes match. */
bool pb_glob_match(const char *pattern, const char *name);

#endif
