/* tape.c: the list of nodes and the walk back over it. */
#include "tape/tape.h"

#include <stdlib.h>

#include "base/status.h"

/* One piece of memory that serves again. */
struct pb_spare {
	struct pb_spare *next;
	void *data;
	int64_t count;
};

void pb_tape_init(struct pb_tape *tape, struct pb_device *device, uint32_t dtype)
{
	*tape = (struct pb_tape){.device = device, .dtype = dtype, .active = INT64_MAX};
	pb_arena_init(&tape->arena);
	pb_pool_init(&tape->pool, device);
}

void pb_tape_finish(struct pb_tape *tape)
{
	if (tape->device)
		pb_pool_finish(&tape->pool);
	pb_arena_finish(&tape->arena);
	free(tape->nodes);
	*tape = (struct pb_tape){0};
}

void pb_tape_reset(struct pb_tape *tape, struct pb_grad_sink *sink)
{
	pb_arena_reset(&tape->arena);
	pb_pool_reset(&tape->pool);
	tape->n_nodes = 0;
	tape->spares = NULL;
	tape->sink = sink;
	tape->active = INT64_MAX;
}

int pb_tape_settle(struct pb_tape *tape, double factor)
{
	/* Every tensor is rounded up to lines of 64 bytes; a node has a few. */
	const double rounding = 64.0 * 8.0 * (double)tape->n_nodes;
	size_t tensors = (size_t)(factor * (double)tape->pool.used + rounding);
	size_t nodes = (size_t)(factor * factor * (double)pb_arena_used(&tape->arena) + rounding);
	pb_tape_reset(tape, NULL);
	int rc = pb_pool_reserve(&tape->pool, tensors);
	return rc ? rc : pb_arena_reserve(&tape->arena, nodes);
}

int pb_tape_tensor(struct pb_tape *tape, int rank, const int64_t *shape, struct pb_view *ret_view)
{
	struct pb_view view = pb_view_over(NULL, tape->dtype, rank, shape);
	const int64_t count = pb_view_count(&view);
	for (struct pb_spare **at = &tape->spares; *at; at = &(*at)->next)
		if ((*at)->count == count) {
			view.data = (*at)->data;
			*at = (*at)->next;
			*ret_view = view;
			return 0;
		}
	return pb_tensor_new(&tape->pool, tape->dtype, rank, shape, ret_view);
}

int pb_tape_spare(struct pb_tape *tape, struct pb_view *tensor)
{
	struct pb_spare *spare = pb_arena_alloc(&tape->arena, sizeof *spare);
	if (!spare)
		return -PB_E_NOMEM;
	*spare = (struct pb_spare){tape->spares, tensor->data, pb_view_count(tensor)};
	tape->spares = spare;
	tensor->data = NULL;
	return 0;
}

struct pb_view pb_tape_active(const struct pb_tape *tape, const struct pb_view *value)
{
	struct pb_view active = *value;
	if (active.shape[0] > tape->active)
		active.shape[0] = tape->active;
	return active;
}

struct pb_var *pb_tape_node_over(struct pb_tape *tape, const struct pb_op *op, bool has_params, struct pb_var *a,
				 struct pb_var *b, const struct pb_view *value)
{
	struct pb_var *var = pb_arena_alloc(&tape->arena, sizeof *var);
	if (!var)
		return NULL;
	var->value = *value;
	if (!tape->sink || !(has_params || pb_var_wants_grad(a) || pb_var_wants_grad(b)))
		return var;
	if (tape->n_nodes == tape->room) {
		size_t room = tape->room ? tape->room * 2 : 256;
		struct pb_var **nodes = realloc(tape->nodes, room * sizeof *nodes);
		if (!nodes) {
			pb_fail_nomem(room * sizeof *nodes, "the tape");
			return NULL;
		}
		tape->nodes = nodes;
		tape->room = room;
	}
	var->op = op;
	var->in[0] = a;
	var->in[1] = b;
	tape->nodes[tape->n_nodes++] = var;
	return var;
}

struct pb_var *pb_tape_node(struct pb_tape *tape, const struct pb_op *op, bool has_params, struct pb_var *a,
			    struct pb_var *b, int rank, const int64_t *shape)
{
	struct pb_view value;
	if (pb_tape_tensor(tape, rank, shape, &value) < 0)
		return NULL;
	return pb_tape_node_over(tape, op, has_params, a, b, &value);
}

/* `var` gets a gradient from the current node for the examples that this one has. */
static int arrive(struct pb_tape *tape, struct pb_var *var, bool first)
{
	const bool *from = tape->current ? tape->current->missed : NULL;
	if (first || !from || !var->missed) {
		var->missed = first ? from : NULL;
		return 0;
	}
	bool *both = pb_arena_array(&tape->arena, (size_t)tape->examples, sizeof *both);
	for (int64_t i = 0; both && i < tape->examples; i++)
		both[i] = var->missed[i] && from[i];
	var->missed = both;
	return both ? 0 : -PB_E_NOMEM;
}

int pb_var_grad_add(struct pb_tape *tape, struct pb_var *var, struct pb_view *ret_grad, bool *ret_add)
{
	bool first = !var->grad.data;
	int rc = first ? pb_tape_tensor(tape, var->value.rank, var->value.shape, &var->grad) : 0;
	if (!rc)
		rc = arrive(tape, var, first);
	if (rc)
		return rc;
	*ret_grad = var->grad;
	*ret_add = !first;
	return 0;
}

int pb_var_grad(struct pb_tape *tape, struct pb_var *var, struct pb_view *ret_grad)
{
	bool add = true;
	int rc = pb_var_grad_add(tape, var, ret_grad, &add);
	if (!add)
		rc = pb_view_fill(tape->device, ret_grad, 0.0);
	return rc;
}

int pb_var_pass_grad(struct pb_tape *tape, struct pb_var *var, const struct pb_view *grad, bool give)
{
	struct pb_view dx;
	bool add;
	if (give && !var->grad.data) {
		var->grad = *grad;
		tape->current->grad.data = NULL;
		return arrive(tape, var, true);
	}
	int rc = pb_var_grad_add(tape, var, &dx, &add);
	if (rc)
		return rc;
	return add ? pb_view_axpy(tape->device, &dx, 1.0, grad) : pb_view_copy(tape->device, &dx, grad);
}

int pb_tape_miss(struct pb_tape *tape, int64_t examples, const bool *missed)
{
	struct pb_var *y = tape->current;
	bool *all = pb_arena_array(&tape->arena, (size_t)examples, sizeof *all);
	for (int64_t i = 0; all && i < examples; i++)
		all[i] = missed[i] || (y->missed && y->missed[i]);
	y->missed = all;
	tape->examples = examples;
	return all ? 0 : -PB_E_NOMEM;
}

int pb_tape_backward(struct pb_tape *tape, struct pb_var *y, const struct pb_view *seed)
{
	if (!pb_var_wants_grad(y))
		return 0; /* nothing behind it has a gradient */
	struct pb_view grad;
	int rc = pb_var_grad(tape, y, &grad);
	if (!rc)
		rc = pb_view_copy(tape->device, &grad, seed);
	for (size_t i = tape->n_nodes; !rc && i-- > 0;) {
		tape->current = tape->nodes[i];
		if (tape->current->grad.data)
			rc = tape->current->op->backward(tape, tape->current);
		if (!rc && tape->current->grad.data && !tape->current->op->keeps_grad)
			rc = pb_tape_spare(tape, &tape->current->grad);
	}
	tape->current = NULL;
	if (!rc && tape->sink->ops->complete)
		rc = tape->sink->ops->complete(tape->sink);
	return rc ? rc : pb_device_status_so_far(tape->device);
}
