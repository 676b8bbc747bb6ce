/* plan_sweep.c: a sweep's setter, hook points and axes, and whether they fit each other. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"
#include "exp/plan_axes.h"

/* What a sweep is being made from. */
struct maker {
	struct pb_plan *plan;
	struct pb_yaml *yaml;
	struct pb_plan_sweep *sweep;
	const struct pb_config_sweep *config;
	const struct pb_setter_ops *ops;
	struct pb_plan_asked asked;
};

static bool contains(const uint8_t *axes, size_t n, uint8_t axis)
{
	return memchr(axes, axis, n);
}

/* "layer, head" */
static const char *list_axes(struct maker *m, const uint8_t *axes, size_t n)
{
	const char *text = "none";
	for (size_t i = 0; text && i < n; i++)
		text = i ? pb_arena_printf(&m->plan->arena, "%s, %s", text, pb_plan_axis_name(axes[i])) : pb_plan_axis_name(axes[i]);
	return text ? text : "";
}

/* Hook i's points against those of the hooks before it. */
static void compare_hooks(struct maker *m, size_t i, const int *ids, int n, int n_first)
{
	const struct pb_yaml_node *at = pb_plan_item(m->config->node, "hook", i);
	const char *const *names = m->config->hook.items;
	if (i && n != n_first) {
		pb_yaml_error(m->yaml, at,
			      "`%s` is %d point%s, `%s` is %d: the hooks of one sweep must be equally many points",
			      names[i], n, n == 1 ? "" : "s", names[0], n_first);
		return;
	}
	for (size_t k = 0; k < i; k++)
		if (m->sweep->sites[k * (size_t)n_first] == *ids)
			pb_yaml_error(m->yaml, at, "`%s` and `%s` are the same point; name each once", names[k],
				      names[i]);
}

static int resolve_hooks(struct maker *m)
{
	struct pb_plan *plan = m->plan;
	int *ids = pb_arena_array(&plan->arena, (size_t)(plan->model.sites.n_layers + 1) * (m->config->hook.count + 1),
				  sizeof *ids);
	int n_first = 0;
	m->sweep->sites = ids;
	for (size_t i = 0; ids && i < m->config->hook.count; i++) {
		int n = 0;
		if (pb_sites_resolve(&plan->model.sites, m->config->hook.items[i], ids + m->sweep->n_sites, &n) < 0) {
			pb_yaml_error(m->yaml, pb_plan_item(m->config->node, "hook", i), "%s", pb_error_text());
			return 0;
		}
		compare_hooks(m, i, ids + m->sweep->n_sites, n, n_first);
		n_first = i ? n_first : n;
		m->sweep->n_sites += (size_t)n;
	}
	return ids ? 0 : -PB_E_NOMEM;
}

static void set_axes(struct maker *m)
{
	struct pb_plan_sweep *s = m->sweep;
	bool free_axes = m->ops->flags & PB_SETTER_FREE_AXES;
	s->n_setter_axes = free_axes ? m->asked.n : m->ops->n_axes;
	memcpy(s->setter_axes, free_axes ? m->asked.axes : m->ops->axes, s->n_setter_axes);
}

/* Does each point have the axis (a layer: lie in a block)? */
static void match_points(struct maker *m, uint8_t axis)
{
	const struct pb_plan_sweep *s = m->sweep;
	const size_t per_hook = s->n_sites / m->config->hook.count;
	bool asked = contains(m->asked.axes, m->asked.n, axis);
	for (size_t i = 0; i < m->config->hook.count; i++) {
		const struct pb_site *site = &m->plan->model.sites.items[s->sites[i * per_hook]];
		const struct pb_yaml_node *at = pb_plan_item(m->config->node, "hook", i);
		if (axis != PB_AXIS_LAYER && !memchr(site->axis, axis, (size_t)site->rank))
			pb_yaml_error(m->yaml, at,
				      "`%s` has no axis `%s` for setter `%s`; its axes are %s: choose another point, "
				      "or another "
				      "setter",
				      m->config->hook.items[i], pb_plan_axis_name(axis), s->setter->loaded->plugin->name,
				      list_axes(m, site->axis + 1, (size_t)site->rank - 1));
		else if (axis == PB_AXIS_LAYER && site->layer < 0 && asked)
			pb_yaml_error(m->yaml, at, "`%s` lies outside the blocks: leave axis `layer` out of `over`",
				      site->name);
	}
}

/* The setter's axes against the sweep's and, where these are known, against the points'. */
static void match_axes(struct maker *m, bool points_known)
{
	const struct pb_plan_sweep *s = m->sweep;
	const char *setter = s->setter->loaded->plugin->name;
	const struct pb_yaml_node *over = pb_yaml_get(m->config->node, "over"), *at = over ? over : m->config->node;
	bool one_point = !points_known || s->n_sites == m->config->hook.count;
	set_axes(m);
	for (size_t i = 0; i < m->asked.n; i++)
		if (!contains(s->setter_axes, s->n_setter_axes, m->asked.axes[i]))
			pb_yaml_error(m->yaml, m->asked.at[i], "setter `%s` has no axis `%s`; its axes are %s", setter,
				      pb_plan_axis_name(m->asked.axes[i]), list_axes(m, s->setter_axes, s->n_setter_axes));
	for (size_t i = 0; i < s->n_setter_axes; i++) {
		uint8_t axis = s->setter_axes[i];
		/* A single point has its layer without being asked for it. */
		if (!contains(m->asked.axes, m->asked.n, axis) && !(axis == PB_AXIS_LAYER && one_point))
			pb_yaml_error(
				m->yaml, at,
				"setter `%s` needs axis `%s`: name it in `over` (or in `together`, to patch all of it)",
				setter, pb_plan_axis_name(axis));
		if (points_known)
			match_points(m, axis);
	}
	if (!contains(s->setter_axes, s->n_setter_axes, PB_AXIS_LAYER) && !one_point)
		pb_yaml_error(m->yaml, at,
			      "`%s` is a point of every layer: name axis `layer`, or one point in full (`%s`)",
			      m->config->hook.items[0], m->plan->model.sites.items[s->sites[0]].name);
}

static int prepare_point(const struct pb_plan *plan, const struct pb_plan_sweep *s, const struct pb_site *site,
			 int64_t n_examples, enum pb_direction direction)
{
	struct pb_setter_shape told = {.struct_size = sizeof told, .direction = direction, .hook = site->name};
	int64_t shape[PB_MAX_RANK];
	int rank = pb_site_shape(site, n_examples, plan->n_pos, shape);
	for (int k = 0; k < rank; k++)
		if (contains(s->setter_axes, s->n_setter_axes, site->axis[k]))
			shape[k] = 1;
	told.region = pb_view_over(NULL, plan->config->dtype, rank, shape);
	memcpy(told.region.axis, site->axis, sizeof site->axis);
	return pb_setter_prepare(s->setter, &told);
}

/* Each point in each direction that is patched. */
static int prepare_points(const struct pb_plan *plan, const struct pb_plan_sweep *s, int64_t n_examples)
{
	int rc = 0;
	if (!s->setter || !pb_setter_ops(s->setter)->prepare)
		return 0;
	for (size_t i = 0; !rc && i < s->n_sites; i++) {
		const struct pb_site *site = &plan->model.sites.items[s->sites[i]];
		if (s->config->forward)
			rc = prepare_point(plan, s, site, n_examples, PB_FORWARD);
		if (!rc && s->config->backward)
			rc = prepare_point(plan, s, site, n_examples, PB_BACKWARD);
	}
	return rc;
}

static int prepare_setter(struct maker *m)
{
	int rc = prepare_points(m->plan, m->sweep, m->plan->n_examples);
	if (rc && rc != -PB_E_NOMEM) {
		pb_yaml_error(m->yaml, pb_yaml_get(m->config->node, "setter"), "%s", pb_error_text());
		return 0;
	}
	return rc;
}

/* One direction of a setter against the run that the sweep takes it from. */
static void match_direction(struct maker *m, const char *key, int32_t from)
{
	const char *setter = m->sweep->setter->loaded->plugin->name;
	const struct pb_yaml_node *at = pb_yaml_get(m->config->node, key);
	bool ablates = m->ops->source != PB_SOURCE_RUN;
	if (ablates && from != PB_FROM_NONE && from != PB_FROM_ABLATE)
		pb_yaml_error(m->yaml, at, "setter `%s` takes nothing from another run: write `%s: ablate`", setter,
			      key);
	if (!ablates && from == PB_FROM_ABLATE)
		pb_yaml_error(m->yaml, at, "setter `%s` copies from a run: write `%s: clean` or `%s: corrupted`",
			      setter, key, key);
}

/* A mean is taken over a split of examples as long as the probe's. */
static int match_mean(struct maker *m)
{
	const struct pb_yaml_node *setter = m->config->setter;
	const struct pb_yaml_node *node = setter->kind == PB_YAML_MAP ? pb_yaml_get(setter, "split") : NULL;
	struct pb_examples x;
	if (m->config->backward)
		pb_yaml_error(m->yaml, pb_yaml_get(m->config->node, "backward"),
			      "setter `%s` knows means of activations, not of gradients: leave `backward` out",
			      m->sweep->setter->loaded->plugin->name);
	if (!node || node->kind != PB_YAML_SCALAR)
		return 0;
	m->sweep->mean_split = pb_plan_split(m->plan, node->text, node);
	if (m->sweep->mean_split < 0)
		return 0;
	int rc = pb_data_examples(m->plan, m->sweep->mean_split, 0, &x);
	if (!rc && (x.n_pos != m->plan->n_pos || !x.n_examples))
		pb_yaml_error(m->yaml, node,
			      "split `%s` has %lld examples of %d tokens; for a mean to patch the probe with it needs "
			      "some of "
			      "%lld tokens",
			      node->text, (long long)x.n_examples, x.n_pos, (long long)m->plan->n_pos);
	return rc;
}

/* Where the source comes from, and whether the sweep says so. */
static int match_source(struct maker *m)
{
	struct pb_config_sweep *c = (struct pb_config_sweep *)m->config;
	bool ablates = m->ops->source != PB_SOURCE_RUN;
	bool silent = !pb_yaml_get(c->node, "forward") && !pb_yaml_get(c->node, "backward");
	m->sweep->mean_split = -1;
	/* Only an activation sweep has none by now: whether its setter copies from a run tells. */
	if (c->base == PB_FROM_NONE)
		c->base = ablates ? PB_FROM_CLEAN : PB_FROM_CORRUPTED;
	if (ablates && silent)
		c->forward = PB_FROM_ABLATE;
	else if (silent)
		pb_yaml_error(m->yaml, c->node,
			      "from which run does setter `%s` copy? Write `forward: corrupted` for its activations, "
			      "`backward: "
			      "corrupted` for its gradients (or clean), `forward: none` to patch nothing",
			      m->sweep->setter->loaded->plugin->name);
	match_direction(m, "forward", c->forward);
	match_direction(m, "backward", c->backward);
	return m->ops->source == PB_SOURCE_MEAN ? match_mean(m) : 0;
}

static int make_patch_sweep(struct maker *m)
{
	static const char *const skip[] = {"plugin", NULL};
	const struct pb_config_sweep *c = m->config;
	int rc = pb_plan_instance(m->plan, PB_KIND_SETTER, c->setter, NULL, skip, &m->sweep->setter);
	if (!rc && m->sweep->setter)
		m->sweep->staged = m->plan->device->backend && pb_setter_ops(m->sweep->setter)->flags & PB_RAW_MEMORY;
	size_t before = m->yaml->n_errors;
	if (!rc)
		rc = resolve_hooks(m);
	const bool points_known = m->yaml->n_errors == before;
	const bool axes_known = pb_plan_ask_axes(m->yaml, c, &m->asked);
	if (rc || !m->sweep->setter)
		return rc;
	m->ops = pb_setter_ops(m->sweep->setter);
	if (axes_known)
		match_axes(m, points_known);
	rc = match_source(m);
	if (!rc && m->yaml->n_errors == before)
		rc = prepare_setter(m);
	return rc || m->yaml->n_errors != before ? rc : pb_plan_make_cells(m->plan, m->sweep, m->plan->n_pos);
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

/* An estimate needs the metric's gradient. */
static void check_estimate(struct pb_plan *plan, const struct pb_config_sweep *c)
{
	const struct pb_yaml_node *at = pb_yaml_get(c->node, "estimate");
	if (c->estimate == PB_ESTIMATE_NO || !plan->metric)
		return;
	if (!pb_scorer_has_gradient(plan->metric))
		pb_yaml_error(&plan->config->yaml, at,
			      "metric `%s` has no gradient to estimate by; correct_logit and cross_entropy have one, "
			      "or remove `estimate`",
			      pb_scorer_name(plan->metric));
}

static int make_drill(struct pb_plan *plan)
{
	const struct pb_config_drilldown *c = &plan->config->drilldown;
	struct pb_plan_drill *drill = c->node ? pb_arena_alloc(&plan->arena, sizeof *drill) : NULL;
	if (!drill)
		return c->node ? -PB_E_NOMEM : 0;
	drill->config = (struct pb_config_sweep){
		.node = c->node, .name = "drill-down", .kind = PB_SWEEP_PARAMS, .base = c->base, .neutral = NAN};
	drill->sweep = (struct pb_plan_sweep){.config = &drill->config, .file = "drilldown", .mean_split = -1};
	plan->drill = drill;
	return 0;
}

int pb_plan_make_sweeps(struct pb_plan *plan, const struct pb_probe_data *probe)
{
	struct pb_config *c = plan->config;
	size_t n_sweeps = c->n_sweeps;
	plan->n_examples = probe->clean.n_examples;
	plan->n_pos = probe->clean.n_pos;
	plan->sweeps = pb_arena_array(&plan->arena, n_sweeps, sizeof *plan->sweeps);
	int rc = plan->sweeps ? make_drill(plan) : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n_sweeps; i++) {
		struct pb_plan_sweep *s = &plan->sweeps[i];
		struct maker m = {.plan = plan, .yaml = &c->yaml, .sweep = s, .config = &c->sweeps[i]};
		plan->n_sweeps = i + 1;
		s->config = m.config;
		check_estimate(plan, m.config);
		s->mean_split = -1;
		s->file = file_name(plan, i);
		if (!s->file)
			return -PB_E_NOMEM;
		rc = m.config->kind == PB_SWEEP_PARAMS ? pb_plan_make_sets(plan, s) : make_patch_sweep(&m);
	}
	return rc;
}

int pb_plan_settle(const struct pb_plan *plan, const struct pb_probe_data *probe, int64_t *told)
{
	bool patches = false;
	int rc = 0;
	for (size_t i = 0; i < plan->n_sweeps; i++)
		patches |= plan->sweeps[i].setter != NULL;
	if (patches && probe->clean.n_pos != plan->n_pos)
		return pb_fail(PB_E_SHAPE,
			       "the chosen unit's examples have %d tokens, those the sweeps were planned for have %lld: "
			       "choose among units of one length, with `sets` or by name",
			       probe->clean.n_pos, (long long)plan->n_pos);
	for (size_t i = 0; !rc && probe->clean.n_examples != *told && i < plan->n_sweeps; i++)
		rc = prepare_points(plan, &plan->sweeps[i], probe->clean.n_examples);
	*told = probe->clean.n_examples;
	return rc;
}
