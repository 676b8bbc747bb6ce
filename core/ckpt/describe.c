/* describe.c: what `patchbay inspect` prints. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "ckpt/pickle.h"

enum { CHUNK = 1024, NAME_WIDTH = 60, VALUE_WIDTH = 100 };

/* Of a tensor's finite elements. */
struct statistics {
	double least, greatest, sum, squares;
	int64_t n_finite, n_nan, n_inf;
};

static void add_element(struct statistics *s, double x)
{
	if (isnan(x)) {
		s->n_nan++;
	} else if (isinf(x)) {
		s->n_inf++;
	} else {
		s->least = s->n_finite && s->least < x ? s->least : x;
		s->greatest = s->n_finite && s->greatest > x ? s->greatest : x;
		s->sum += x;
		s->squares += x * x;
		s->n_finite++;
	}
}

static struct statistics measure(const struct pb_ckpt_tensor *t)
{
	struct statistics s = {0};
	size_t size = pb_ckpt_dtype_size(t->dtype);
	double chunk[CHUNK];
	for (int64_t at = 0; at < t->count; at += CHUNK) {
		struct pb_ckpt_tensor part = *t;
		part.data = (const char *)t->data + (size_t)at * size;
		part.count = t->count - at < CHUNK ? t->count - at : CHUNK;
		pb_ckpt_convert(&part, PB_F64, chunk);
		for (int64_t i = 0; i < part.count; i++)
			add_element(&s, chunk[i]);
	}
	return s;
}

static void add_tensor(struct pb_text *out, const struct pb_ckpt_tensor *t, int name_width)
{
	char name[NAME_WIDTH + 4];
	struct pb_text shape = {0};
	struct statistics s = measure(t);
	double n = (double)s.n_finite;
	pb_text_add(&shape, "[");
	for (int i = 0; i < t->rank; i++)
		pb_text_add(&shape, i ? ", %lld" : "%lld", (long long)t->shape[i]);
	pb_text_add(&shape, "]");
	pb_pickle_printable(t->name, strlen(t->name), name, sizeof name);
	pb_text_add(out, "%-*s  %-4s  %-16s", name_width, name, pb_ckpt_dtype_name(t->dtype),
		    shape.failed ? "?" : shape.data);
	if (s.n_finite)
		pb_text_add(out, " %11.4g %11.4g %11.4g %11.4g", s.least, s.greatest, s.sum / n, sqrt(s.squares));
	else
		pb_text_add(out, " %11s %11s %11s %11s", "-", "-", "-", "-");
	pb_text_add(out, " %5lld %5lld\n", (long long)s.n_nan, (long long)s.n_inf);
	pb_text_finish(&shape);
}

static void add_tensors(struct pb_text *out, const struct pb_ckpt *ckpt)
{
	int width = 6;
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		size_t length = strlen(ckpt->tensors[i].name);
		width = length > NAME_WIDTH ? NAME_WIDTH : (int)length > width ? (int)length : width;
	}
	if (ckpt->n_tensors)
		pb_text_add(out, "\n%-*s  %-4s  %-16s %11s %11s %11s %11s %5s %5s\n", width, "tensor", "type", "shape",
			    "least", "greatest", "mean", "norm", "NaN", "Inf");
	for (size_t i = 0; i < ckpt->n_tensors; i++)
		add_tensor(out, &ckpt->tensors[i], width);
}

static void add_values(struct pb_text *out, const struct pb_ckpt *ckpt)
{
	if (ckpt->n_values)
		pb_text_add(out, "\n");
	for (size_t i = 0; i < ckpt->n_values; i++) {
		const struct pb_ckpt_value *v = &ckpt->values[i];
		char name[NAME_WIDTH + 4], text[VALUE_WIDTH + 4];
		pb_pickle_printable(v->name, strlen(v->name), name, sizeof name);
		pb_pickle_printable(v->text, strlen(v->text), text, sizeof text);
		pb_text_add(out, "%s = %s\n", name, text);
	}
}

static void add_model(struct pb_text *out, const struct pb_ckpt *ckpt)
{
	struct pb_model_config c = {0};
	if (pb_ckpt_model_config(ckpt, &c) < 0) {
		pb_error_clear(); /* not to be a model is no error */
		return;
	}
	pb_text_add(out,
		    "\na HookedTransformer: n_layers %lld, d_model %lld, n_heads %lld, d_head %lld, d_mlp %lld, "
		    "d_vocab %lld, n_ctx %lld, normalization %s, attn_only %s\n",
		    (long long)c.n_layers, (long long)c.d_model, (long long)c.n_heads, (long long)c.d_head,
		    (long long)c.d_mlp, (long long)c.d_vocab, (long long)c.n_ctx,
		    c.normalization == PB_NORM_LN ? "LN" : "LNPre or none", c.attn_only ? "yes" : "no");
}

int pb_ckpt_describe(const struct pb_ckpt *ckpt, struct pb_text *out)
{
	int64_t elements = 0;
	double bytes = 0;
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		elements += ckpt->tensors[i].count;
		bytes += (double)ckpt->tensors[i].count * (double)pb_ckpt_dtype_size(ckpt->tensors[i].dtype);
	}
	pb_text_add(out, "%s: %s, %zu tensors", ckpt->path, ckpt->format, ckpt->n_tensors);
	if (*ckpt->prefix)
		pb_text_add(out, " under \"%s\"", ckpt->prefix);
	if (ckpt->n_tensors)
		pb_text_add(out, ", %lld elements, %.1f KiB", (long long)elements, bytes / 1024);
	pb_text_add(out, ckpt->n_values ? ", %zu other values\n" : "\n", ckpt->n_values);
	add_tensors(out, ckpt);
	add_values(out, ckpt);
	add_model(out, ckpt);
	return pb_text_status(out);
}
