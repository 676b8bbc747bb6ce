/* reader.h: values of results.json, for those who read it back. May use what report.h may, and jansson. */
#ifndef PB_REPORT_READER_H
#define PB_REPORT_READER_H

#include <jansson.h>

#include "report/result.h"

/* The first failure sticks and later reads do nothing, so that a caller checks once. */
struct pb_reader {
	const char *path;
	struct pb_arena *arena; /* of all that is read */
	int rc;
};

void pb_reader_fail(struct pb_reader *r, const char *key, const char *expected);
void *pb_reader_take(struct pb_reader *r, size_t count, size_t size); /* zeroed; NULL after a failure */
/* Values; `key` is what a failure names. Text is NULL where null was written. */
const char *pb_reader_text_of(struct pb_reader *r, const char *key, const json_t *value);
double pb_reader_real_of(struct pb_reader *r, const char *key, const json_t *value);
int64_t pb_reader_int_of(struct pb_reader *r, const char *key, const json_t *value);
/* Members of an object. */
const char *pb_reader_text(struct pb_reader *r, const json_t *object, const char *key);
const char *pb_reader_name(struct pb_reader *r, const json_t *object, const char *key); /* never NULL */
double pb_reader_real(struct pb_reader *r, const json_t *object, const char *key);
bool pb_reader_bool(struct pb_reader *r, const json_t *object, const char *key);
const json_t *pb_reader_list(struct pb_reader *r, const json_t *object, const char *key, size_t *ret_count);
const char *const *pb_reader_texts(struct pb_reader *r, const json_t *object, const char *key, size_t *ret_count);
const double *pb_reader_reals(struct pb_reader *r, const json_t *object, const char *key, size_t expected);

/* Patterns and updates; none where a version before them wrote the file. */
void pb_read_probed(struct pb_reader *r, const json_t *object, struct pb_result_run *run);
void pb_read_sweep(struct pb_reader *r, const json_t *object, struct pb_result_sweep *sweep);

#endif
