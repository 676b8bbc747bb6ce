/* step_dots.c: rows after one step, and the inner product of a step's change with another gradient. */
#include "step_tile.h"

enum {
	KC = 64,   /* three tiles [KC, NR] fit the first cache */
	SHORT = 8, /* products that are added before they become double */
};

struct plan {
	struct rule_constants constants;
	int64_t n, k, ldw, count;
	const real *w;
	const struct pbk_gradient *m;
	const struct pbk_stepped *items;
	double *sums; /* [panels, count] */
};

/* The inner product of two tiles of `rows` rows. */
static double tile_dot(int64_t rows, const real *restrict x, const real *restrict y)
{
	double lane[NR] = {0}, total = 0;
	for (int64_t i = 0; i < rows; i += SHORT) {
		vector sum[2] = {0};
		const int64_t end = least(i + SHORT, rows);
		for (int64_t r = i; r < end; r++)
			for (int half = 0; half < 2; half++)
				sum[half] += load(x + r * NR + half * WIDTH) * load(y + r * NR + half * WIDTH);
		real part[NR];
		memcpy(part, sum, sizeof part);
		for (int l = 0; l < NR; l++)
			lane[l] += (double)part[l];
	}
	for (int l = 0; l < NR; l++)
		total += lane[l];
	return total;
}

/* M's tile and W's are made once for all items. */
static void dot_panel(const struct plan *plan, int64_t panel)
{
	_Alignas(64) real w[KC * NR], m[KC * NR], change[KC * NR];
	double *sums = plan->sums + panel * plan->count;
	struct gradient_panel gradient = {plan->m, plan->n, panel * NR, least(NR, plan->n - panel * NR), 1};
	const struct gradient_panel of_m = gradient;
	for (int64_t i = 0; i < plan->count; i++)
		sums[i] = 0;
	for (int64_t k0 = 0; k0 < plan->k; k0 += KC) {
		const int64_t kc = least(KC, plan->k - k0);
		pack_tile(kc, gradient.columns, plan->w + k0 * plan->ldw + gradient.j, plan->ldw, w);
		gradient_tile(&of_m, k0, kc, m);
		for (int64_t i = 0; i < plan->count; i++) {
			if (!plan->items[i].present)
				continue;
			gradient.gradient = &plan->items[i].gradient;
			gradient.scale = (real)plan->items[i].grad_scale;
			step_tile(&plan->constants, &gradient, k0, kc, w, change);
			sums[i] += (double)plan->constants.scale * tile_dot(kc, change, m);
		}
	}
}

static void step_dots(pbk_context *context, const struct pbk_step *step, int64_t n, int64_t k, const void *w,
		      int64_t ldw, const struct pbk_gradient *m, int64_t count, const struct pbk_stepped *items,
		      double *host_dots)
{
	const int64_t panels = (n + NR - 1) / NR;
	struct plan plan = {rule_constants(step, step->decay - 1), n, k, ldw, count, w, m, items, NULL};
	for (int64_t i = 0; i < count; i++)
		host_dots[i] = 0;
	plan.sums = pbk_workspace(context, (size_t)(panels * count) * sizeof *plan.sums);
	if (!plan.sums)
		return;
	PBK_PARALLEL(context, panels, (count + m->rank) * n * k,
		     for (int64_t panel = begin; panel < end; panel++) dot_panel(&plan, panel));
	for (int64_t at = 0; at < panels * count; at++)
		host_dots[at % count] += plan.sums[at];
}

/* `g` may be NULL: no gradient. */
static void step_row(const struct rule_constants *constants, real scale, int64_t n, const real *restrict p,
		     const real *restrict g, bool add, real *restrict y)
{
	const struct rule_constants c = *constants;
	for (int64_t j = 0; j < n; j++) {
		const real gradient = (g ? scale * g[j] : 0) + c.l2 * p[j];
		const real change = c.rule == SGD ? gradient : gradient / (fabs(gradient) + c.eps);
		y[j] = (add ? y[j] : 0) + c.scale * (p[j] - c.rate * change);
	}
}

static void copy_row(int64_t n, const real *restrict p, bool add, real *restrict y)
{
	for (int64_t j = 0; j < n; j++)
		y[j] = (add ? y[j] : 0) + p[j];
}

static void step_item_row(const struct rule_constants *c, bool add, const struct pbk_stepped_rows *item, int64_t r)
{
	const int64_t n = item->n;
	const real *p = (const real *)item->table + item->host_ids[r] * n;
	real *y = (real *)item->y + r * n;
	if (!item->present)
		copy_row(n, p, add, y);
	else
		step_row(c, (real)item->grad_scale, n, p,
			 item->host_grads[r] < 0 ? NULL : (const real *)item->g + item->host_grads[r] * n, add, y);
}

/* Rows [begin, end) of all items in a row. */
static void step_range(const struct rule_constants *c, bool add, int64_t count, const struct pbk_stepped_rows *items,
		       int64_t begin, int64_t end)
{
	for (int64_t i = 0; i < count && end > 0; i++) {
		for (int64_t r = begin; r < least(end, items[i].rows); r++)
			step_item_row(c, add, &items[i], r);
		begin = begin < items[i].rows ? 0 : begin - items[i].rows;
		end -= items[i].rows;
	}
}

static void step_rows(pbk_context *context, const struct pbk_step *step, bool add, int64_t count,
		      const struct pbk_stepped_rows *items)
{
	const struct rule_constants c = rule_constants(step, step->decay);
	int64_t rows = 0, elements = 0;
	for (int64_t i = 0; i < count; i++) {
		rows += items[i].rows;
		elements += items[i].rows * items[i].n;
	}
	PBK_PARALLEL(context, rows, elements * 2, step_range(&c, add, count, items, begin, end));
}

void PBK_NAME(pbk_fill_step_dots)(struct pbk_table *table)
{
	table->step_dots = step_dots;
	table->step_rows = step_rows;
}
