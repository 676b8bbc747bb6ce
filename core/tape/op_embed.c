/* op_embed.c: rows of a table by token (or by position). Its gradient is scattered into the table's. */
#include "tape/op.h"

struct embed_saved {
	int id;
	const int32_t *ids;
	int64_t rows, d;
};

static int embed_backward(struct pb_tape *tape, struct pb_var *y)
{
	const struct embed_saved *saved = y->saved;
	struct pb_view dy = pb_view_over(y->grad.data, tape->dtype, 2, (int64_t[]){saved->rows, saved->d});
	return tape->sink->ops->scatter(tape->sink, saved->id, saved->ids, &dy);
}

static const struct pb_op embed_op = {"embed", embed_backward, false};

struct pb_var *pb_op_embed(struct pb_tape *tape, const struct pb_weight *w, const int32_t *ids, int64_t b, int64_t p)
{
	int64_t d = w->value.shape[1];
	struct embed_saved *saved = pb_arena_alloc(&tape->arena, sizeof *saved);
	struct pb_var *y = saved ? pb_tape_node(tape, &embed_op, true, NULL, NULL, 3, (int64_t[]){b, p, d}) : NULL;
	if (!y)
		return NULL;
	*saved = (struct embed_saved){w->id, ids, b * p, d};
	y->saved = saved;
	const struct pb_view part = pb_tape_active(tape, &y->value);
	pb_kernels(tape->device, tape->dtype)
		->gather_rows(tape->device->context, part.shape[0] * p, d, w->value.data, ids, part.data);
	return y;
}
