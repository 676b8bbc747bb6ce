/* json.h: writes JSON, indented, with lists of numbers on one line. Reals are the shortest decimals that read back. */
#ifndef PB_REPORT_JSON_H
#define PB_REPORT_JSON_H

#include <stdint.h>

#include "base/text.h"

/* Zero-initialise it. A key of NULL: an element of a list, or the outermost value. */
struct pb_json {
	struct pb_text text; /* the caller's to finish */
	int depth;
	bool more; /* the open list or object has an element already */
	bool row;  /* inside a list that is kept on one line */
};

void pb_json_open(struct pb_json *json, const char *key, char bracket); /* '{' or '[' */
void pb_json_close(struct pb_json *json, char bracket);                 /* '}' or ']' */
void pb_json_open_row(struct pb_json *json, const char *key);           /* a list on one line, of plain values */
void pb_json_close_row(struct pb_json *json);
/* The outermost value, an object whose lists and members all stay on one line, which ends with a newline. */
void pb_json_open_line(struct pb_json *json);
void pb_json_close_line(struct pb_json *json);
void pb_json_string(struct pb_json *json, const char *key, const char *value); /* NULL: null; bad UTF-8: U+FFFD */
void pb_json_real(struct pb_json *json, const char *key, double value); /* NaN: null; Inf: "Infinity", "-Infinity" */
void pb_json_int(struct pb_json *json, const char *key, int64_t value);
void pb_json_bool(struct pb_json *json, const char *key, bool value);

#endif
