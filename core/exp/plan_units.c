/* plan_units.c: which units are probed, under which weights. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/plan.h"

/* The data's units and sets by name. */
struct names {
	size_t n_units, n_sets;
	const char **units, **set_of; /* [n_units] in the data's order; set_of NULL: in none */
	const char **sets;            /* [n_sets] each once */
};

static int list_names(struct pb_plan *plan, struct names *ret_names)
{
	int64_t n = pb_dataset_n_units(plan->data);
	struct names m = {.n_units = (size_t)n};
	m.units = pb_arena_array(&plan->arena, m.n_units + 1, sizeof *m.units);
	m.set_of = pb_arena_array(&plan->arena, m.n_units + 1, sizeof *m.set_of);
	m.sets = pb_arena_array(&plan->arena, m.n_units + 1, sizeof *m.sets);
	if (!m.units || !m.set_of || !m.sets)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++) {
		struct pb_unit unit;
		int rc = pb_data_unit(plan, i, &unit);
		if (rc)
			return rc;
		m.units[i] = unit.name;
		m.set_of[i] = unit.set;
		bool seen = !unit.set;
		for (size_t k = 0; k < m.n_sets && !seen; k++)
			seen = !strcmp(m.sets[k], unit.set);
		if (!seen)
			m.sets[m.n_sets++] = unit.set;
	}
	*ret_names = m;
	return 0;
}

/* Numbers by value, in front of words. */
static int compare_names(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	char *x_end, *y_end;
	long long i = strtoll(x, &x_end, 10), k = strtoll(y, &y_end, 10);
	bool x_number = x_end > x && !*x_end, y_number = y_end > y && !*y_end;
	if (x_number && y_number && i != k)
		return i < k ? -1 : 1;
	return x_number != y_number ? y_number - x_number : strcmp(x, y);
}

/* The unit's number; -1: there is none of that name. */
static int64_t find_unit(const struct names *m, const char *name)
{
	for (size_t i = 0; i < m->n_units; i++)
		if (!strcmp(m->units[i], name))
			return (int64_t)i;
	return -1;
}

/* "there are: 0, 1, ..." */
static const char *list_units(struct pb_plan *plan, const struct names *m)
{
	const char **sorted = pb_arena_array(&plan->arena, m->n_units + 1, sizeof *sorted);
	if (!sorted)
		return NULL;
	memcpy(sorted, m->units, m->n_units * sizeof *sorted);
	qsort(sorted, m->n_units, sizeof *sorted, compare_names);
	return pb_plan_list(plan, sorted, m->n_units);
}

static int take_unit(struct pb_plan *plan, const struct names *m, const char *name, const struct pb_yaml_node *at,
		     int64_t *ret_unit)
{
	int64_t found = find_unit(m, name);
	const char *list = found < 0 ? list_units(plan, m) : NULL;
	if (found >= 0)
		*ret_unit = found;
	else if (list)
		pb_yaml_error(&plan->config->yaml, at, "the data (%s) have no unit `%s`\n%s%s", pb_plan_data_name(plan),
			      name, m->n_units ? "there are: " : "they have no units at all: remove `probe`", list);
	return found >= 0 || list ? 0 : -PB_E_NOMEM;
}

int pb_plan_unit(struct pb_plan *plan, const char *name, const struct pb_yaml_node *at, int64_t *ret_unit)
{
	struct names m;
	int rc = list_names(plan, &m);
	return rc ? rc : take_unit(plan, &m, name, at, ret_unit);
}

static void take_once(struct pb_plan *plan, bool *taken, size_t i)
{
	if (!taken[i])
		plan->units[plan->n_units++] = (int64_t)i;
	taken[i] = true;
}

/* Neither a unit nor a set. */
static int fail_name(struct pb_plan *plan, const struct names *m, const char *name, const struct pb_yaml_node *at)
{
	const char **all = pb_arena_array(&plan->arena, m->n_units + m->n_sets + 1, sizeof *all);
	const char *units = list_units(plan, m), *sets = pb_plan_list(plan, m->sets, m->n_sets);
	if (!all || !units || !sets)
		return -PB_E_NOMEM;
	memcpy(all, m->sets, m->n_sets * sizeof *all);
	memcpy(all + m->n_sets, m->units, m->n_units * sizeof *all);
	all[m->n_sets + m->n_units] = "all";
	const char *nearest = pb_nearest(name, all, m->n_sets + m->n_units + 1);
	pb_yaml_error(&plan->config->yaml, at, "the data (%s) have no unit and no set `%s`%s%s%s\nunits: %s%s%s",
		      pb_plan_data_name(plan), name, nearest ? "; did you mean `" : "", nearest ? nearest : "",
		      nearest ? "`?" : "", units, m->n_sets ? "\nsets: " : "", sets);
	return 0;
}

/* One word of `probe.units`: a unit, a set, or all. A unit that is itself called `all` is all of them together: alone
 * the word means each of them and not this one, beside others it means this one. */
static int take_word(struct pb_plan *plan, const struct names *m, const char *word, const struct pb_yaml_node *at,
		     bool *taken)
{
	size_t before = plan->n_units;
	bool alone = plan->config->probe.units.count == 1, known = false;
	bool all = !strcmp(word, "all") && (alone || find_unit(m, word) < 0);
	int64_t found = all ? -1 : find_unit(m, word);
	if (found >= 0) {
		take_once(plan, taken, (size_t)found);
		return 0;
	}
	for (size_t i = 0; i < m->n_units; i++) {
		bool mine = all ? strcmp(m->units[i], "all") != 0 : m->set_of[i] && !strcmp(m->set_of[i], word);
		known |= mine;
		if (mine)
			take_once(plan, taken, i);
	}
	return known || plan->n_units != before ? 0 : fail_name(plan, m, word, at);
}

static int take_units(struct pb_plan *plan, const struct names *m)
{
	const struct pb_config_probe *probe = &plan->config->probe;
	const struct pb_yaml_node *list = pb_yaml_get(probe->node, "units");
	bool *taken = pb_arena_array(&plan->arena, m->n_units + 1, sizeof *taken);
	int rc = taken ? 0 : -PB_E_NOMEM;
	if (probe->unit)
		pb_yaml_error(&plan->config->yaml, list,
			      "`unit` names one unit and `units` several; remove one of the two");
	else if (!m->n_units)
		pb_yaml_error(&plan->config->yaml, list,
			      "the data (%s) have no units to probe: they are for training only",
			      pb_plan_data_name(plan));
	else
		for (size_t i = 0; !rc && i < probe->units.count; i++)
			rc = take_word(plan, m, probe->units.items[i],
				       list->kind == PB_YAML_LIST ? list->items[i] : list, taken);
	return rc;
}

/* Without a name, the only unit there is. */
static void default_unit(struct pb_plan *plan, const struct names *m)
{
	if (m->n_units == 1)
		plan->units[plan->n_units++] = 0;
	else if (m->n_units)
		pb_yaml_error(
			&plan->config->yaml, plan->config->probe.node,
			"which of the data's %lld units? Write e.g. `probe: {unit: %s}`, or let `select` choose one",
			(long long)m->n_units, m->units[0]);
	else
		pb_yaml_error(&plan->config->yaml, plan->config->probe.node,
			      "the data (%s) have no units to probe: they are for training only",
			      pb_plan_data_name(plan));
}

static int check_weights(struct pb_plan *plan)
{
	const struct pb_config_probe *probe = &plan->config->probe;
	const struct pb_yaml_node *list = pb_yaml_get(probe->node, "model");
	const struct pb_string_list *names = &probe->model;
	int rc = 0;
	for (size_t i = 0; !rc && i < names->count; i++) {
		const struct pb_yaml_node *at = list->kind == PB_YAML_LIST ? list->items[i] : list;
		rc = pb_plan_check_weights_name(plan, names->items[i], at);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(names->items[i], names->items[k]))
				pb_yaml_error(&plan->config->yaml, at, "weights `%s` are named twice; once is enough",
					      names->items[i]);
	}
	return rc;
}

int pb_plan_make_probe(struct pb_plan *plan)
{
	const struct pb_config_probe *probe = &plan->config->probe;
	struct names m;
	plan->has_probe = probe->node || plan->config->n_sweeps || plan->config->n_similarity ||
			  plan->config->drilldown.node;
	plan->update = pb_config_optim(&plan->config->update);
	if (!plan->has_probe)
		return 0;
	int rc = check_weights(plan);
	if (!rc && probe->select.node)
		rc = pb_plan_make_selection(plan);
	if (!rc)
		rc = list_names(plan, &m);
	if (rc)
		return rc;
	plan->units = pb_arena_array(&plan->arena, m.n_units + 1, sizeof *plan->units);
	if (!plan->units)
		return -PB_E_NOMEM;
	if (probe->units.count)
		rc = take_units(plan, &m);
	else if (probe->unit)
		rc = take_unit(plan, &m, probe->unit, pb_yaml_get(probe->node, "unit"), &plan->unit);
	else if (!probe->select.node)
		default_unit(plan, &m);
	if (plan->unit >= 0)
		plan->units[plan->n_units++] = plan->unit;
	plan->unit = plan->n_units ? plan->units[0] : -1;
	return rc;
}
