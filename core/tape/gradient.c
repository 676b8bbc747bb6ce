/* gradient.c: what the kernels take of a cell's gradient, and inner products. */
#include <stdlib.h>

#include "base/status.h"
#include "tape/factors.h"

struct pbk_gradient pb_gradient_group(const struct pb_cell_gradient *g, int64_t group)
{
	struct pbk_gradient k = {0};
	if (g->form == PB_GRADIENT_NONE)
		return k;
	if (g->each)
		return g->each[group];
	if (g->form != PB_GRADIENT_MATRIX) {
		k.dense = pb_view_at(&g->dy, group * g->n);
		return k;
	}
	if (g->dense.data) {
		k.dense = pb_view_at(&g->dense, group * g->k * g->n);
		return k;
	}
	k.rank = g->rank;
	k.ldx = g->ldx;
	k.lddy = g->lddy;
	k.x = pb_view_at(&g->x, group * g->stride_x);
	k.dy = pb_view_at(&g->dy, group * g->stride_dy);
	return k;
}

struct pbk_gradient pb_gradient_part(const struct pb_cell_gradient *g, int64_t part, int64_t parts)
{
	if (g->form == PB_GRADIENT_NONE)
		return (struct pbk_gradient){0};
	int64_t per_group = parts / g->groups, group = part / per_group, cut = part % per_group;
	struct pbk_gradient k = pb_gradient_group(g, group);
	if (!cut)
		return k;
	if (g->form == PB_GRADIENT_VECTOR)
		k.dense = pb_view_at(&g->dy, group * g->n + cut * (g->n / per_group));
	else if (k.dense)
		k.dense = pb_view_at(&g->dense, (group * g->k + cut * (g->k / per_group)) * g->n);
	else
		k.x = pb_view_at(&g->x, group * g->stride_x + cut * (g->k / per_group));
	return k;
}

struct pb_cell_gradient pb_gradient_mix(const struct pb_cell_gradient *a, const struct pb_cell_gradient *b,
					const bool *second, int64_t n, struct pbk_gradient *each)
{
	struct pb_cell_gradient mixed = a->form == PB_GRADIENT_NONE ? *b : *a;
	int64_t per_group = n / (mixed.groups ? mixed.groups : n);
	for (int64_t i = 0; i < n; i++)
		each[i] = pb_gradient_part(second[i] ? b : a, i, n);
	if (mixed.form == PB_GRADIENT_VECTOR)
		mixed.n /= per_group;
	else
		mixed.k /= per_group;
	mixed.groups = n;
	mixed.each = each;
	return mixed;
}

/* A growing list of pairs, each of which counts for one of the sums. */
struct pairs {
	struct pbk_gradient_pair *items;
	size_t *sums;
	size_t n, room;
};

static int push(struct pairs *p, const struct pbk_gradient_pair *pair, size_t sum)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		struct pbk_gradient_pair *items = realloc(p->items, room * sizeof *items);
		if (items)
			p->items = items;
		size_t *sums = realloc(p->sums, room * sizeof *sums);
		if (sums)
			p->sums = sums;
		if (!items || !sums)
			return pb_fail_nomem(room * sizeof *items, "inner products");
		p->room = room;
	}
	p->items[p->n] = *pair;
	p->sums[p->n++] = sum;
	return 0;
}

/* Tables: only rows that both have. */
static int push_rows(struct pairs *p, const struct pb_cell_gradient *a, const struct pb_cell_gradient *b, size_t sum)
{
	int rc = 0;
	for (int64_t i = 0; i < a->rank; i++)
		for (int64_t j = 0; !rc && j < b->rank; j++)
			if (a->ids[i] == b->ids[j]) {
				struct pbk_gradient_pair pair = {.k = 1, .n = a->n};
				pair.a.dense = pb_view_at(&a->dy, i * a->n);
				pair.b.dense = pb_view_at(&b->dy, j * b->n);
				rc = push(p, &pair, sum);
			}
	return rc;
}

static int push_item(struct pairs *p, const struct pb_cell_gradient *a, const struct pb_cell_gradient *b, size_t sum)
{
	int rc = 0;
	if (a->form == PB_GRADIENT_NONE || b->form == PB_GRADIENT_NONE)
		return 0;
	if (a->form != b->form || a->groups != b->groups)
		return pb_fail(PB_E_INTERNAL, "gradients of two forms");
	if (a->form == PB_GRADIENT_ROWS)
		return push_rows(p, a, b, sum);
	for (int64_t g = 0; !rc && g < a->groups; g++) {
		struct pbk_gradient_pair pair = {a->k, a->n, pb_gradient_group(a, g), pb_gradient_group(b, g)};
		rc = push(p, &pair, sum);
	}
	return rc;
}

int pb_gradient_dots(struct pb_device *device, uint32_t dtype, size_t count, const struct pb_cell_gradient *const *a,
		     const struct pb_cell_gradient *const *b, double *ret_dots)
{
	struct pairs p = {0};
	double *dots = NULL;
	int rc = 0;
	for (size_t i = 0; !rc && i < count; i++)
		rc = push_item(&p, a[i], b[i], i);
	if (!rc && !(dots = malloc((p.n ? p.n : 1) * sizeof *dots)))
		rc = pb_fail_nomem(p.n * sizeof *dots, "inner products");
	if (!rc) {
		pb_kernels(device, dtype)->gradient_dots(device->context, (int64_t)p.n, p.items, dots);
		for (size_t i = 0; i < count; i++)
			ret_dots[i] = 0.0;
		for (size_t i = 0; i < p.n; i++)
			ret_dots[p.sums[i]] += dots[i];
	}
	free(dots);
	free(p.items);
	free(p.sums);
	return rc;
}
