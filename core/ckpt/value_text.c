/* value_text.c: scalars and flat lists as text. */
#include "ckpt/value_text.h"

#include <math.h>

bool pb_value_is_container(const struct pb_pickle_value *value)
{
	return value->type >= PB_PICKLE_TUPLE && value->type <= PB_PICKLE_DICT;
}

bool pb_value_is_flat(const struct pb_pickle_value *value)
{
	if (!pb_value_is_container(value))
		return true;
	for (size_t i = 0; i < value->list.count; i++)
		if (pb_value_is_container(value->list.items[i]) || value->list.items[i]->type == PB_PICKLE_TENSOR)
			return false;
	return true;
}

/* Quoted; a NUL is a character like others here, which pb_text_add_json cannot know. */
static void add_string(struct pb_text *out, const struct pb_pickle_string *string)
{
	pb_text_add_bytes(out, "\"", 1);
	for (size_t i = 0; i < string->length; i++) {
		unsigned char c = (unsigned char)string->data[i];
		if (c == '"' || c == '\\')
			pb_text_add(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			pb_text_add(out, "\\u%04x", c);
		else
			pb_text_add_bytes(out, &c, 1);
	}
	pb_text_add_bytes(out, "\"", 1);
}

/* Two's complement, as 0x...; a negative one is shown with the bits it has. */
static void add_big(struct pb_text *out, const struct pb_pickle_string *big)
{
	pb_text_add(out, "0x");
	for (size_t i = big->length; i-- > 0;)
		pb_text_add(out, "%02x", (unsigned char)big->data[i]);
}

static void add_real(struct pb_text *out, double real)
{
	if (isfinite(real))
		pb_text_add_real(out, real);
	else
		pb_text_add(out, isnan(real) ? "nan" : real > 0 ? "inf" : "-inf");
}

static void add_tensor(struct pb_text *out, const struct pb_pickle_tensor *t)
{
	pb_text_add(out, "tensor %s [", pb_ckpt_dtype_name(t->dtype));
	for (int i = 0; i < t->rank; i++)
		pb_text_add(out, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
	pb_text_add(out, "]");
}

static void add_scalar(struct pb_text *out, const struct pb_pickle_value *value)
{
	char name[128];
	switch (value->type) {
	case PB_PICKLE_NONE: pb_text_add(out, "none"); break;
	case PB_PICKLE_BOOL: pb_text_add(out, value->integer ? "true" : "false"); break;
	case PB_PICKLE_INT: pb_text_add(out, "%lld", (long long)value->integer); break;
	case PB_PICKLE_BIG: add_big(out, &value->string); break;
	case PB_PICKLE_REAL: add_real(out, value->real); break;
	case PB_PICKLE_STR: add_string(out, &value->string); break;
	case PB_PICKLE_BYTES: pb_text_add(out, "<%zu bytes>", value->string.length); break;
	case PB_PICKLE_GLOBAL: pb_text_add(out, "%s", pb_pickle_global_name(value->global, name, sizeof name)); break;
	case PB_PICKLE_STORAGE: pb_text_add(out, "<storage>"); break;
	case PB_PICKLE_TENSOR: add_tensor(out, value->tensor); break;
	case PB_PICKLE_TUPLE:
	case PB_PICKLE_LIST:
	case PB_PICKLE_SET:
	case PB_PICKLE_DICT: break;
	}
}

void pb_value_add_text(struct pb_text *out, const struct pb_pickle_value *value)
{
	if (!pb_value_is_container(value)) {
		add_scalar(out, value);
		return;
	}
	bool dict = value->type == PB_PICKLE_DICT;
	pb_text_add(out, dict ? "{" : "[");
	for (size_t i = 0; !dict && i < value->list.count; i++) {
		if (i)
			pb_text_add(out, ", ");
		add_scalar(out, value->list.items[i]);
	}
	pb_text_add(out, dict ? "}" : "]");
}
