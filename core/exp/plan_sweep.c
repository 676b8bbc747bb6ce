/* plan_sweep.c: a sweep's setter, hook points and axes, and whether they fit each other. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

static const struct {
	const char *name;
	enum pb_axis axis;
} axis_names[] = {
	{"layer", PB_AXIS_LAYER}, {"pos", PB_AXIS_POS},         {"head", PB_AXIS_HEAD},
	{"dest_pos", PB_AXIS_DEST_POS}, {"src_pos", PB_AXIS_SRC_POS},
};

enum { N_AXIS_NAMES = sizeof axis_names / sizeof *axis_names };

static const char *axis_name(enum pb_axis axis)
{
	for (size_t i = 0; i < N_AXIS_NAMES; i++)
		if (axis_names[i].axis == axis)
			return axis_names[i].name;
	return "?";
}

/* What a sweep is being made from. */
struct maker {
	struct pb_plan *plan;
	struct pb_yaml *yaml;
	struct pb_plan_sweep *sweep;
	const struct pb_config_sweep *config;
	const struct pb_setter_ops *ops;
	size_t n_asked; /* axes of over, then together */
	uint8_t asked[2 * PB_PLAN_MAX_AXES];
	int64_t n_pos;
};

static const struct pb_yaml_node *item_node(const struct pb_yaml_node *map, const char *key, size_t i)
{
	const struct pb_yaml_node *list = pb_yaml_get(map, key);
	return list && list->kind == PB_YAML_LIST && i < list->count ? list->items[i] : list;
}

static void ask_axis(struct maker *m, const char *key, size_t i, const char *name)
{
	const char *names[N_AXIS_NAMES];
	const struct pb_yaml_node *at = item_node(m->config->node, key, i);
	enum pb_axis axis = PB_AXIS_NONE;
	for (size_t k = 0; k < N_AXIS_NAMES; k++) {
		names[k] = axis_names[k].name;
		if (!strcmp(name, names[k]))
			axis = axis_names[k].axis;
	}
	const char *nearest = pb_nearest(name, names, N_AXIS_NAMES);
	if (axis == PB_AXIS_NONE) {
		pb_yaml_error(m->yaml, at, "there is no axis `%s`; %s%s%s", name, nearest ? "did you mean `" : "axes are ",
			      nearest ? nearest : "layer, pos, head, dest_pos, src_pos", nearest ? "`?" : "");
		return;
	}
	for (size_t k = 0; k < m->n_asked; k++)
		if (m->asked[k] == axis) {
			pb_yaml_error(m->yaml, at, "axis `%s` is named twice", name);
			return;
		}
	if (m->n_asked < PB_PLAN_MAX_AXES - 1)
		m->asked[m->n_asked++] = (uint8_t)axis;
}

static bool contains(const uint8_t *axes, size_t n, uint8_t axis)
{
	return memchr(axes, axis, n);
}

/* "layer, head" */
static const char *list_axes(struct maker *m, const uint8_t *axes, size_t n)
{
	const char *text = "none";
	for (size_t i = 0; text && i < n; i++)
		text = i ? pb_arena_printf(&m->plan->arena, "%s, %s", text, axis_name(axes[i])) : axis_name(axes[i]);
	return text ? text : "";
}

static int resolve_hooks(struct maker *m)
{
	struct pb_plan *plan = m->plan;
	int *ids = pb_arena_array(&plan->arena, (size_t)(plan->model.sites.n_layers + 1) * (m->config->hook.count + 1),
				  sizeof *ids);
	int n_first = 0;
	if (!ids)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < m->config->hook.count; i++) {
		int n = 0;
		const struct pb_yaml_node *at = item_node(m->config->node, "hook", i);
		if (pb_sites_resolve(&plan->model.sites, m->config->hook.items[i], ids + m->sweep->n_sites, &n) < 0) {
			pb_yaml_error(m->yaml, at, "%s", pb_error_text());
			return 0;
		}
		if (i && n != n_first)
			pb_yaml_error(m->yaml, at, "`%s` is %d points, `%s` is %d: points of one sweep must be as many",
				      m->config->hook.items[i], n, m->config->hook.items[0], n_first);
		n_first = i ? n_first : n;
		m->sweep->n_sites += (size_t)n;
	}
	m->sweep->sites = ids;
	return 0;
}

/* The setter's axes against the sweep's and against the points'. */
static void match_axes(struct maker *m)
{
	struct pb_plan_sweep *s = m->sweep;
	const struct pb_site *site = &m->plan->model.sites.items[s->sites[0]];
	const char *setter = s->setter->loaded->plugin->name;
	bool one_point = s->n_sites == m->config->hook.count;
	const struct pb_yaml_node *over = pb_yaml_get(m->config->node, "over");
	if (m->ops->flags & PB_SETTER_FREE_AXES) {
		s->n_setter_axes = m->n_asked;
		memcpy(s->setter_axes, m->asked, m->n_asked);
	} else {
		s->n_setter_axes = m->ops->n_axes;
		memcpy(s->setter_axes, m->ops->axes, m->ops->n_axes);
	}
	for (size_t i = 0; i < m->n_asked; i++)
		if (!contains(s->setter_axes, s->n_setter_axes, m->asked[i]))
			pb_yaml_error(m->yaml, over, "setter `%s` has no axis `%s`; its axes are %s", setter,
				      axis_name(m->asked[i]), list_axes(m, s->setter_axes, s->n_setter_axes));
	for (size_t i = 0; i < s->n_setter_axes; i++) {
		uint8_t axis = s->setter_axes[i];
		bool fixed = axis == PB_AXIS_LAYER && one_point;
		if (!contains(m->asked, m->n_asked, axis) && !fixed)
			pb_yaml_error(m->yaml, over ? over : m->config->node,
				      "setter `%s` needs axis `%s`: name it in `over` (or in `together`, to patch all of it)",
				      setter, axis_name(axis));
		if (axis != PB_AXIS_LAYER && !memchr(site->axis, axis, (size_t)site->rank))
			pb_yaml_error(m->yaml, pb_yaml_get(m->config->node, "hook"),
				      "`%s` has no axis `%s`: its axes are batch, %s", site->family, axis_name(axis),
				      list_axes(m, site->axis + 1, (size_t)site->rank - 1));
		else if (axis == PB_AXIS_LAYER && site->layer < 0 && contains(m->asked, m->n_asked, axis))
			pb_yaml_error(m->yaml, over, "`%s` lies outside the blocks: leave the axis `layer` out", site->name);
	}
	if (!contains(s->setter_axes, s->n_setter_axes, PB_AXIS_LAYER) && !one_point)
		pb_yaml_error(m->yaml, over ? over : m->config->node,
			      "`%s` is a point of every layer: name axis `layer`, or one point in full (`%s`)",
			      m->config->hook.items[0], site->name);
}

static int prepare_setter(struct maker *m)
{
	struct pb_plan_sweep *s = m->sweep;
	int rc = 0;
	for (size_t i = 0; !rc && m->ops->prepare && i < s->n_sites; i++) {
		const struct pb_site *site = &m->plan->model.sites.items[s->sites[i]];
		int64_t shape[PB_MAX_RANK];
		struct pb_setter_shape told = {.struct_size = sizeof told, .hook = site->name};
		int rank = pb_site_shape(site, 1, m->n_pos, shape);
		for (int k = 0; k < rank; k++)
			if (contains(s->setter_axes, s->n_setter_axes, site->axis[k]))
				shape[k] = 1;
		told.region = pb_view_over(NULL, m->plan->config->dtype, rank, shape);
		memcpy(told.region.axis, site->axis, sizeof site->axis);
		told.direction = m->config->forward || !m->config->backward ? PB_FORWARD : PB_BACKWARD;
		pb_instance_begin(s->setter);
		rc = pb_instance_result(s->setter, "prepare",
					m->ops->prepare(s->setter->self, &s->setter->host, &told));
	}
	if (rc && rc != -PB_E_NOMEM) {
		pb_yaml_error(m->yaml, pb_yaml_get(m->config->node, "setter"), "%s", pb_error_text());
		return 0;
	}
	return rc;
}

/* Where the source comes from, and whether the sweep says so. */
static void match_source(struct maker *m)
{
	struct pb_config_sweep *c = (struct pb_config_sweep *)m->config;
	const char *setter = m->sweep->setter->loaded->plugin->name;
	bool ablates = m->ops->source != PB_SOURCE_RUN;
	m->sweep->mean_split = -1;
	if (ablates && !c->forward && !c->backward)
		c->forward = PB_FROM_ABLATE;
	for (int i = 0; i < 2; i++) {
		const char *key = i ? "backward" : "forward";
		int32_t from = i ? c->backward : c->forward;
		const struct pb_yaml_node *at = pb_yaml_get(c->node, key);
		if (ablates && from != PB_FROM_NONE && from != PB_FROM_ABLATE)
			pb_yaml_error(m->yaml, at, "setter `%s` takes nothing from another run: write `%s: ablate`",
				      setter, key);
		if (!ablates && from == PB_FROM_ABLATE)
			pb_yaml_error(m->yaml, at, "setter `%s` copies from a run: write `%s: clean` or `%s: corrupted`",
				      setter, key, key);
	}
	if (m->ops->source != PB_SOURCE_MEAN)
		return;
	const struct pb_yaml_node *node = c->setter->kind == PB_YAML_MAP ? pb_yaml_get(c->setter, "split") : NULL;
	if (c->backward)
		pb_yaml_error(m->yaml, pb_yaml_get(c->node, "backward"), "setter `%s` has no mean of gradients: forward only",
			      setter);
	if (node && node->kind == PB_YAML_SCALAR)
		m->sweep->mean_split = pb_plan_split(m->plan, node->text, node);
}

static int make_patch_sweep(struct maker *m)
{
	static const char *const skip[] = {"plugin", NULL};
	const struct pb_config_sweep *c = m->config;
	int rc = pb_plan_instance(m->plan, PB_KIND_SETTER, c->setter, NULL, skip, &m->sweep->setter);
	if (!rc)
		rc = resolve_hooks(m);
	size_t before = m->yaml->n_errors;
	for (size_t i = 0; i < c->over.count; i++)
		ask_axis(m, "over", i, c->over.items[i]);
	for (size_t i = 0; i < c->together.count; i++)
		ask_axis(m, "together", i, c->together.items[i]);
	if (rc || !m->sweep->setter || !m->sweep->n_sites || m->yaml->n_errors != before)
		return rc;
	m->ops = pb_setter_ops(m->sweep->setter);
	match_axes(m);
	match_source(m);
	if (m->yaml->n_errors != before)
		return 0;
	rc = prepare_setter(m);
	if (rc || m->yaml->n_errors != before)
		return rc;
	return pb_plan_make_cells(m->plan, m->sweep, m->n_pos);
}

/* [a-z0-9_-], unique among the sweeps before it. */
static const char *file_name(struct pb_plan *plan, size_t i)
{
	char name[96];
	size_t n = 0;
	for (const char *c = plan->sweeps[i].config->name; *c && n < 80; c++) {
		bool fit = isalnum((unsigned char)*c) || *c == '_' || *c == '-';
		if (fit)
			name[n++] = (char)tolower((unsigned char)*c);
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	bool taken = !n;
	for (size_t k = 0; k < i; k++)
		taken |= plan->sweeps[k].file && !strcmp(plan->sweeps[k].file, name);
	return taken ? pb_arena_printf(&plan->arena, "%s%ssweep-%zu", name, n ? "-" : "", i + 1)
		     : pb_arena_strdup(&plan->arena, name);
}

int pb_plan_make_sweeps(struct pb_plan *plan, const struct pb_probe *probe)
{
	struct pb_config *c = plan->config;
	size_t n_sweeps = c->n_sweeps;
	plan->sweeps = pb_arena_array(&plan->arena, n_sweeps, sizeof *plan->sweeps);
	int rc = plan->sweeps ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n_sweeps; i++) {
		struct pb_plan_sweep *s = &plan->sweeps[i];
		struct maker m = {.plan = plan, .yaml = &c->yaml, .sweep = s, .config = &c->sweeps[i],
				  .n_pos = probe->clean.n_pos};
		const struct pb_examples *scored =
			m.config->kind == PB_SWEEP_ACTIVATION ? &probe->clean : &probe->questions;
		plan->n_sweeps = i + 1;
		s->config = m.config;
		s->mean_split = -1;
		if (!m.config->name)
			continue;
		s->file = file_name(plan, i);
		if (!s->file)
			return -PB_E_NOMEM;
		rc = m.config->kind == PB_SWEEP_PARAMS ? pb_plan_make_sets(plan, s) : make_patch_sweep(&m);
		if (!scored->n_scored)
			pb_yaml_error(m.yaml, m.config->node, "the unit has no %s to measure this sweep on",
				      m.config->kind == PB_SWEEP_ACTIVATION ? "scored position" : "questions");
		else if (plan->metric && pb_scorer_check(plan->metric, scored, "the unit's rows") < 0)
			pb_yaml_error(m.yaml, c->metric, "%s", pb_error_text());
	}
	return rc;
}
