/* plan_cells.c: the cells of a sweep: the grid over its axes, or explicit tuples. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "base/status.h"
#include "exp/plan.h"

enum { MAX_CELLS = 1 << 20, MAX_PATCHES = 8 * MAX_CELLS };

/* One axis with the value of each of its positions (layers may start anywhere). */
struct axis {
	const char *name;
	uint8_t kind; /* enum pb_axis; NONE: the hook axis */
	int64_t n;
	int64_t *values;
};

struct grid {
	struct pb_plan *plan;
	struct pb_plan_sweep *sweep;
	int64_t n_pos;
	size_t n_over, n_together; /* axes[0 .. n_over) make the cells, the rest is patched together */
	struct axis axes[2 * PB_PLAN_MAX_AXES];
	int points; /* per hook name: its layers */
};

static const struct {
	const char *name;
	uint8_t kind;
} kinds[] = {{"layer", PB_AXIS_LAYER},
	     {"pos", PB_AXIS_POS},
	     {"head", PB_AXIS_HEAD},
	     {"dest_pos", PB_AXIS_DEST_POS},
	     {"src_pos", PB_AXIS_SRC_POS}};

static int add_axis(struct grid *g, const char *name)
{
	struct axis *a = &g->axes[g->n_over + g->n_together];
	uint8_t kind = PB_AXIS_NONE;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, name))
			kind = kinds[i].kind;
	int64_t n = kind == PB_AXIS_LAYER  ? g->points
		    : kind == PB_AXIS_HEAD ? g->plan->model.config.n_heads
		    : kind == PB_AXIS_NONE ? (int64_t)g->sweep->config->hook.count
					   : g->n_pos;
	*a = (struct axis){name, kind, n, pb_arena_array(&g->plan->arena, (size_t)n, sizeof *a->values)};
	if (!a->values)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++)
		a->values[i] = kind == PB_AXIS_LAYER ? g->plan->model.sites.items[g->sweep->sites[i]].layer : i;
	return 0;
}

static int add_axes(struct grid *g)
{
	const struct pb_config_sweep *c = g->sweep->config;
	int rc = 0;
	g->points = (int)(g->sweep->n_sites / c->hook.count);
	if (c->hook.count > 1) {
		rc = add_axis(g, "hook");
		g->n_over++;
	}
	for (size_t i = 0; !rc && i < c->over.count; i++) {
		rc = add_axis(g, c->over.items[i]);
		g->n_over++;
	}
	for (size_t i = 0; !rc && i < c->together.count; i++) {
		rc = add_axis(g, c->together.items[i]);
		g->n_together++;
	}
	return rc;
}

/* at[i]: position on axis i. */
static void patch_at(const struct grid *g, const int64_t *at, struct pb_plan_patch *patch)
{
	int64_t hook = 0, point = 0;
	for (size_t i = 0; i < g->n_over + g->n_together; i++) {
		if (g->axes[i].kind == PB_AXIS_NONE)
			hook = at[i];
		if (g->axes[i].kind == PB_AXIS_LAYER)
			point = at[i];
	}
	patch->site_id = g->sweep->sites[hook * g->points + point];
	for (size_t k = 0; k < g->sweep->n_setter_axes; k++) {
		/* A single point has its layer without being asked for it. */
		patch->index[k] = g->plan->model.sites.items[patch->site_id].layer;
		for (size_t i = 0; i < g->n_over + g->n_together; i++)
			if (g->axes[i].kind == g->sweep->setter_axes[k])
				patch->index[k] = g->axes[i].values[at[i]];
	}
}

static void next(const struct axis *axes, size_t n, int64_t *at)
{
	while (n-- > 0) {
		if (++at[n] < axes[n].n)
			return;
		at[n] = 0;
	}
}

static int64_t product(const struct axis *axes, size_t n)
{
	int64_t count = 1;
	for (size_t i = 0; i < n && count <= MAX_CELLS; i++)
		count *= axes[i].n;
	return count;
}

/* All patches of one cell: the axes that go together run over all their values. */
static int fill_patches(const struct grid *g, const int64_t *cell_at, struct pb_plan_patch *patches, int64_t n)
{
	int64_t at[2 * PB_PLAN_MAX_AXES] = {0};
	memcpy(at, cell_at, g->n_over * sizeof *at);
	for (int64_t i = 0; i < n; i++) {
		patch_at(g, at, &patches[i]);
		next(g->axes + g->n_over, g->n_together, at + g->n_over);
	}
	return 0;
}

static const char *axis_label(const struct grid *g, const struct axis *a, int64_t i)
{
	if (a->kind == PB_AXIS_NONE)
		return g->sweep->config->hook.items[i];
	return pb_arena_printf(&g->plan->arena, "%lld", (long long)a->values[i]);
}

static int make_result_axis(const struct grid *g, size_t i)
{
	const struct axis *a = &g->axes[i];
	const char **labels = pb_arena_array(&g->plan->arena, (size_t)a->n, sizeof *labels);
	for (int64_t k = 0; labels && k < a->n; k++)
		if (!(labels[k] = axis_label(g, a, k)))
			return -PB_E_NOMEM;
	g->sweep->axes[i] = (struct pb_result_axis){a->name, a->n, labels};
	g->sweep->axis_kinds[i] = a->kind;
	return labels ? 0 : -PB_E_NOMEM;
}

static int make_grid(struct grid *g)
{
	struct pb_plan_sweep *s = g->sweep;
	int64_t n = product(g->axes, g->n_over), per_cell = product(g->axes + g->n_over, g->n_together);
	int64_t at[2 * PB_PLAN_MAX_AXES] = {0};
	int rc = 0;
	if (n > MAX_CELLS || per_cell > MAX_CELLS || n * per_cell > MAX_PATCHES) {
		pb_yaml_error(&g->plan->config->yaml, s->config->node,
			      "this sweep has more than %d cells or patches; name fewer axes, or list `cells`",
			      MAX_CELLS);
		return 0;
	}
	s->n_axes = g->n_over;
	for (size_t i = 0; !rc && i < g->n_over; i++)
		rc = make_result_axis(g, i);
	s->cells = pb_arena_array(&g->plan->arena, (size_t)n, sizeof *s->cells);
	int64_t *index = pb_arena_array(&g->plan->arena, (size_t)n * PB_PLAN_MAX_AXES, sizeof *index);
	struct pb_plan_patch *patches = pb_arena_array(&g->plan->arena, (size_t)(n * per_cell), sizeof *patches);
	if (rc || !s->cells || !index || !patches)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++, index += PB_PLAN_MAX_AXES, patches += per_cell) {
		memcpy(index, at, g->n_over * sizeof *at);
		fill_patches(g, at, patches, per_cell);
		s->cells[i] = (struct pb_plan_cell){index, (size_t)per_cell, patches, NULL};
		next(g->axes, g->n_over, at);
	}
	s->n_cells = (size_t)n;
	return 0;
}

/* "[layer, head]": what a tuple is made of. */
static const char *tuple_form(struct grid *g)
{
	const char *text = "[";
	for (size_t i = 0; text && i < g->n_over; i++)
		text = pb_arena_printf(&g->plan->arena, "%s%s%s", text, i ? ", " : "", g->axes[i].name);
	text = text ? pb_arena_printf(&g->plan->arena, "%s]", text) : NULL;
	return text ? text : "";
}

/* A number on one axis, as a position there; a hook may be given by name. */
static bool read_index(struct grid *g, const struct axis *a, const struct pb_yaml_node *item, int64_t *ret_at)
{
	struct pb_yaml *yaml = &g->plan->config->yaml;
	int64_t value, at = 0;
	bool hook = a->kind == PB_AXIS_NONE;
	if (hook && item->kind == PB_YAML_SCALAR)
		for (at = 0; at < a->n; at++)
			if (!strcmp(item->text, g->sweep->config->hook.items[at])) {
				*ret_at = at;
				return true;
			}
	if (item->kind != PB_YAML_SCALAR || item->quoted || pb_scalar_int(item->text, &value) != PB_SCALAR_OK) {
		pb_yaml_error(yaml, item, "%s is wanted here, on axis `%s`; this is %s",
			      hook ? "one of the sweep's hooks" : "a number", a->name, pb_yaml_kind_name(item));
		return false;
	}
	for (at = 0; at < a->n && a->values[at] != value; at++) {
	}
	if (at == a->n) {
		pb_yaml_error(yaml, item, "%s %lld is out of range; axis `%s` goes from %lld to %lld", a->name,
			      (long long)value, a->name, (long long)a->values[0], (long long)a->values[a->n - 1]);
		return false;
	}
	*ret_at = at;
	return true;
}

/* One tuple of `cells`, in the order of `over`, as positions on the axes. */
static bool read_tuple(struct grid *g, const struct pb_yaml_node *node, int64_t *at)
{
	struct pb_yaml *yaml = &g->plan->config->yaml;
	if (node->kind != PB_YAML_LIST) {
		pb_yaml_error(yaml, node, "an index tuple %s is wanted here; this is %s", tuple_form(g),
			      pb_yaml_kind_name(node));
		return false;
	}
	if (node->count != g->n_over) {
		pb_yaml_error(yaml, node, "this tuple has %zu number%s; it must be %s", node->count,
			      node->count == 1 ? "" : "s", tuple_form(g));
		return false;
	}
	bool good = true;
	for (size_t i = 0; i < g->n_over; i++)
		good &= read_index(g, &g->axes[i], node->items[i], &at[i]);
	return good;
}

static const char *tuple_label(struct grid *g, const int64_t *at, const char *before)
{
	const char *label = before ? pb_arena_printf(&g->plan->arena, "%s + ", before) : "";
	for (size_t i = 0; label && i < g->n_over; i++)
		label = pb_arena_printf(&g->plan->arena, "%s%s%s", label, i ? "," : "",
					axis_label(g, &g->axes[i], at[i]));
	return label;
}

static bool has_tuples(const struct pb_yaml_node *cell)
{
	return cell->kind == PB_YAML_LIST && cell->count && cell->items[0]->kind == PB_YAML_LIST;
}

/* Have the listed cells no more patches than a grid may have? */
static bool count_patches(struct grid *g, const struct pb_yaml_node *list)
{
	int64_t per_tuple = product(g->axes + g->n_over, g->n_together), left = MAX_PATCHES;
	for (size_t i = 0; i < list->count; i++) {
		size_t n_tuples = has_tuples(list->items[i]) ? list->items[i]->count : 1;
		if (per_tuple > MAX_CELLS || n_tuples > (size_t)(left / per_tuple)) {
			pb_yaml_error(
				&g->plan->config->yaml, list->items[i],
				"with this cell the sweep has more than %d patches; list fewer cells, or name fewer "
				"axes in `together`",
				per_tuple > MAX_CELLS ? MAX_CELLS : MAX_PATCHES);
			return false;
		}
		left -= (int64_t)n_tuples * per_tuple;
	}
	return true;
}

/* A cell is one tuple, or a list of tuples that are patched together. */
static int make_listed_cell(struct grid *g, const struct pb_yaml_node *node, size_t i, const char **ret_label)
{
	struct pb_plan_sweep *s = g->sweep;
	bool several = has_tuples(node);
	size_t n_tuples = several ? node->count : 1;
	int64_t per_tuple = product(g->axes + g->n_over, g->n_together), at[2 * PB_PLAN_MAX_AXES];
	*ret_label = NULL;
	int64_t *index = pb_arena_alloc(&g->plan->arena, sizeof *index);
	struct pb_plan_patch *patches = pb_arena_array(&g->plan->arena, n_tuples * (size_t)per_tuple, sizeof *patches);
	if (!index || !patches)
		return -PB_E_NOMEM;
	*index = (int64_t)i;
	for (size_t k = 0; k < n_tuples; k++) {
		if (!read_tuple(g, several ? node->items[k] : node, at))
			continue;
		if (!(*ret_label = tuple_label(g, at, *ret_label)))
			return -PB_E_NOMEM;
		fill_patches(g, at, patches + k * (size_t)per_tuple, per_tuple);
	}
	s->cells[i] = (struct pb_plan_cell){index, n_tuples * (size_t)per_tuple, patches, NULL};
	return 0;
}

/* The one axis of explicit cells or sets. */
int pb_plan_single_axis(struct pb_plan *plan, struct pb_plan_sweep *s, const char *name, size_t n,
			const char ***ret_labels)
{
	const char **labels = pb_arena_array(&plan->arena, n, sizeof *labels);
	s->cells = pb_arena_array(&plan->arena, n, sizeof *s->cells);
	if (!labels || !s->cells)
		return -PB_E_NOMEM;
	s->n_axes = 1;
	s->axes[0] = (struct pb_result_axis){name, (int64_t)n, labels};
	s->axis_kinds[0] = PB_AXIS_NONE;
	s->n_cells = n;
	*ret_labels = labels;
	return 0;
}

/* "layer,head": what the numbers of the labels are. */
static const char *tuple_name(struct grid *g)
{
	const char *name = "";
	for (size_t i = 0; name && i < g->n_over; i++)
		name = pb_arena_printf(&g->plan->arena, "%s%s%s", name, i ? "," : "", g->axes[i].name);
	return name;
}

int pb_plan_make_cells(struct pb_plan *plan, struct pb_plan_sweep *sweep, int64_t n_pos)
{
	struct grid g = {.plan = plan, .sweep = sweep, .n_pos = n_pos};
	const struct pb_yaml_node *list = sweep->config->cells;
	const char **labels;
	int rc = add_axes(&g);
	if (rc || !list)
		return rc ? rc : make_grid(&g);
	if (!count_patches(&g, list))
		return 0;
	const char *name = tuple_name(&g);
	rc = name ? pb_plan_single_axis(plan, sweep, name, list->count, &labels) : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < list->count; i++)
		rc = make_listed_cell(&g, list->items[i], i, &labels[i]);
	return rc;
}
