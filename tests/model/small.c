/* small.c: makes the models and runs them. */
#include "small.h"

#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "support/device.h"
#include "support/support.h"

enum { ACTS = 4, KINDS = ACTS + 1, NORMS = 3, DEPTHS = 2 };

const int n_variants = KINDS * NORMS * DEPTHS;

struct pb_model_config variant(int i)
{
	int kind = i % KINDS;
	return (struct pb_model_config){
	        .n_layers = 1 + i / KINDS / NORMS,
	        .d_model = 7,
	        .d_head = 3,
	        .n_heads = 2,
	        .d_mlp = kind == ACTS ? 0 : 5,
	        .n_ctx = 5,
	        .d_vocab = 8,
	        .act_fn = kind == ACTS ? PBK_RELU : (enum pbk_act)kind,
	        .normalization = (enum pb_normalization)(i / KINDS % NORMS),
	        .attn_only = kind == ACTS,
	        .eps = 1e-5,
	};
}

void small_open(struct small *s, const struct pb_model_config *config, uint32_t dtype, int64_t b, int64_t p)
{
	memset(s, 0, sizeof *s);
	ck_assert_int_le(b * p, SMALL_MAX_ROWS);
	ck_assert_ok(pb_test_device(1, &s->device));
	ck_assert_ok(pb_model_init(&s->model, config));
	ck_assert_int_le(s->model.table.n, SMALL_MAX_PARAMS);
	ck_assert_ok(pb_params_init(&s->params, &s->model.table, &s->device, dtype));
	ck_assert_ok(pb_params_init(&s->grads, &s->model.table, &s->device, dtype));
	pb_tape_init(&s->tape, &s->device, dtype);
	s->b = b;
	s->p = p;
	for (int i = 0; i < s->model.table.n; i++)
		ck_assert_ok(pb_view_noise(&s->device, &s->params.views[i], 0.1, 0.5, 7, (uint64_t)i));
	for (int64_t i = 0; i < b * p; i++)
		s->tokens[i] = (int32_t)(pb_random(7, 1000, (uint64_t)i) % (uint64_t)config->d_vocab);
}

void small_close(struct small *s)
{
	pb_tape_finish(&s->tape);
	pb_params_finish(&s->grads);
	pb_params_finish(&s->params);
	pb_model_finish(&s->model);
	pb_device_close(&s->device);
}

struct pb_var *small_forward(struct small *s, struct pb_bus *bus)
{
	struct pb_var *logits = NULL;
	struct pb_forward pass = {.tape = &s->tape, .bus = bus, .weights = &s->params.weights, .tokens = s->tokens, .b = s->b,
				  .p = s->p, .rows = s->rows, .n_rows = s->n_rows, .prefixes = s->prefixes};
	pb_dense_sink_init(&s->sink, &s->device, &s->tape.arena, s->model.table.n, s->grads.views, s->present);
	pb_tape_reset(&s->tape, &s->sink.base);
	ck_assert_ok(pb_model_forward(&s->model, &pass, &logits));
	return logits;
}

static double coefficient(int64_t i)
{
	return pb_random_normal(7, 2000, (uint64_t)i);
}

static double loss_of(struct small *s, const struct pb_var *logits)
{
	double y[SMALL_MAX_VALUES], loss = 0;
	ck_assert_int_le(pb_view_count(&logits->value), SMALL_MAX_VALUES);
	ck_assert_ok(pb_view_read(&s->device, &logits->value, y));
	for (int64_t i = 0; i < pb_view_count(&logits->value); i++)
		loss += coefficient(i) * y[i];
	return loss;
}

double small_loss(struct small *s, struct pb_bus *bus)
{
	return loss_of(s, small_forward(s, bus));
}

double small_pass(struct small *s, struct pb_bus *bus)
{
	double c[SMALL_MAX_VALUES];
	struct pb_view seed;
	struct pb_var *logits = small_forward(s, bus);
	double loss = loss_of(s, logits);
	for (int64_t i = 0; i < pb_view_count(&logits->value); i++)
		c[i] = coefficient(i);
	ck_assert_ok(pb_tensor_clone(&s->tape.pool, &logits->value, &seed));
	ck_assert_ok(pb_view_write(&s->device, &seed, c));
	ck_assert_ok(pb_tape_backward(&s->tape, logits, &seed));
	return loss;
}

int64_t small_logits(struct small *s, struct pb_bus *bus, double *ret_logits)
{
	struct pb_var *logits = small_forward(s, bus);
	ck_assert_int_le(pb_view_count(&logits->value), SMALL_MAX_VALUES);
	ck_assert_ok(pb_view_read(&s->device, &logits->value, ret_logits));
	return pb_view_count(&logits->value);
}

static struct pb_view element(const struct pb_view *view, int64_t i)
{
	return pb_view_over(pb_view_at(view, i), view->dtype, 0, NULL);
}

/* No assertions: they are called for every element of a tensor. */

double small_get(struct small *s, const struct pb_view *view, int64_t i)
{
	double value;
	struct pb_view e = element(view, i);
	if (pb_view_read(&s->device, &e, &value))
		ck_abort_msg("%s", pb_error_text());
	return value;
}

void small_set(struct small *s, const struct pb_view *view, int64_t i, double value)
{
	struct pb_view e = element(view, i);
	if (pb_view_write(&s->device, &e, &value))
		ck_abort_msg("%s", pb_error_text());
}
