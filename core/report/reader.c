/* reader.c: values of results.json. */
#include "report/reader.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"

void pb_reader_fail(struct pb_reader *r, const char *key, const char *expected)
{
	if (!r->rc)
		r->rc = pb_fail(PB_E_FORMAT, "%s: \"%s\" should be %s; was it written by patchbay?", r->path, key,
		                expected);
}

void *pb_reader_take(struct pb_reader *r, size_t count, size_t size)
{
	void *memory = r->rc ? NULL : pb_arena_array(r->arena, count, size);
	if (!memory && !r->rc)
		r->rc = -PB_E_NOMEM;
	return memory;
}

const char *pb_reader_text_of(struct pb_reader *r, const char *key, const json_t *value)
{
	const char *text = NULL;
	if (json_is_string(value) && !r->rc) {
		text = pb_arena_strdup(r->arena, json_string_value(value));
		if (!text)
			r->rc = -PB_E_NOMEM;
	} else if (!json_is_null(value)) {
		pb_reader_fail(r, key, "a text");
	}
	return text;
}

/* NULL where null was written. */
const char *pb_reader_text(struct pb_reader *r, const json_t *object, const char *key)
{
	return pb_reader_text_of(r, key, json_object_get(object, key));
}

/* For what is never NULL in a run. */
const char *pb_reader_name(struct pb_reader *r, const json_t *object, const char *key)
{
	const char *text = pb_reader_text(r, object, key);
	if (!text)
		pb_reader_fail(r, key, "a text");
	return text ? text : "";
}

double pb_reader_real_of(struct pb_reader *r, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	if (json_is_number(value))
		return json_number_value(value);
	if (text && strcmp(text, "Infinity") == 0)
		return INFINITY;
	if (text && strcmp(text, "-Infinity") == 0)
		return -INFINITY;
	if (!json_is_null(value))
		pb_reader_fail(r, key, "a number");
	return NAN;
}

double pb_reader_real(struct pb_reader *r, const json_t *object, const char *key)
{
	return pb_reader_real_of(r, key, json_object_get(object, key));
}

int64_t pb_reader_int_of(struct pb_reader *r, const char *key, const json_t *value)
{
	if (!json_is_integer(value))
		pb_reader_fail(r, key, "a whole number");
	return json_integer_value(value);
}

bool pb_reader_bool(struct pb_reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_boolean(value))
		pb_reader_fail(r, key, "true or false");
	return json_is_true(value);
}

const json_t *pb_reader_list(struct pb_reader *r, const json_t *object, const char *key, size_t *ret_count)
{
	const json_t *list = json_object_get(object, key);
	if (!json_is_array(list))
		pb_reader_fail(r, key, "a list");
	*ret_count = r->rc ? 0 : json_array_size(list);
	return list;
}

const char *const *pb_reader_texts(struct pb_reader *r, const json_t *object, const char *key, size_t *ret_count)
{
	size_t count;
	const json_t *list = pb_reader_list(r, object, key, &count);
	const char **texts = pb_reader_take(r, count, sizeof *texts);
	for (size_t i = 0; i < count && !r->rc; i++) {
		texts[i] = pb_reader_text_of(r, key, json_array_get(list, i));
		if (!texts[i])
			pb_reader_fail(r, key, "a list of texts");
	}
	*ret_count = r->rc ? 0 : count;
	return texts;
}

const double *pb_reader_reals(struct pb_reader *r, const json_t *object, const char *key, size_t expected)
{
	size_t count;
	const json_t *list = pb_reader_list(r, object, key, &count);
	if (!r->rc && count != expected)
		pb_reader_fail(r, key, "as long as its axis");
	double *values = pb_reader_take(r, count, sizeof *values);
	for (size_t i = 0; i < count && !r->rc; i++)
		values[i] = pb_reader_real_of(r, key, json_array_get(list, i));
	return values;
}
