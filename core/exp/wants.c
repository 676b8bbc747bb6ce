/* wants.c: looks through the plan's sweeps. */
#include "exp/wants.h"

bool pb_wants_kind(const struct pb_plan *plan, enum pb_sweep_kind kind)
{
	for (size_t i = 0; i < plan->n_sweeps; i++)
		if (plan->sweeps[i].config->kind == (int32_t)kind)
			return true;
	return kind == PB_SWEEP_PARAMS && plan->drill;
}

bool pb_wants_updates(const struct pb_plan *plan)
{
	return !pb_wants_kind(plan, PB_SWEEP_ACTIVATION) || pb_wants_kind(plan, PB_SWEEP_GRADIENT) ||
	       pb_wants_kind(plan, PB_SWEEP_PARAMS);
}

bool pb_wants_questions(const struct pb_plan *plan, const struct pb_probe_data *probe)
{
	return probe->questions.n_scored > 0 && !pb_scorer_check(plan->metric, &probe->questions, "");
}

bool pb_wants_estimates(const struct pb_plan *plan)
{
	for (size_t i = 0; i < plan->n_sweeps; i++)
		if (plan->sweeps[i].config->estimate && plan->sweeps[i].config->kind != PB_SWEEP_ACTIVATION)
			return true;
	return false;
}

bool pb_wants_attribution(const struct pb_plan_sweep *sweep, enum pb_patch_from base)
{
	return sweep->config->kind == PB_SWEEP_ACTIVATION && sweep->config->estimate &&
	       sweep->config->base == (int32_t)base;
}

bool pb_wants_reference(const struct pb_plan *plan)
{
	return plan->metric->ops->flags & PB_METRIC_NEEDS_REFERENCE;
}

int pb_wants_sources(const struct pb_plan *plan, int32_t from, struct pb_cache *cache)
{
	int rc = 0;
	for (size_t i = 0; i < plan->n_sweeps; i++) {
		const struct pb_plan_sweep *s = &plan->sweeps[i];
		for (size_t k = 0; !rc && k < s->n_sites; k++) {
			if (s->config->forward == from)
				rc = pb_cache_want_site(cache, s->sites[k], PB_FORWARD);
			if (!rc && s->config->backward == from)
				rc = pb_cache_want_site(cache, s->sites[k], PB_BACKWARD);
		}
	}
	return rc;
}

bool pb_wants_point(const struct pb_plan *plan, enum pb_site_kind kind)
{
	for (size_t i = 0; i < plan->n_sweeps; i++)
		for (size_t k = 0; k < plan->sweeps[i].n_sites; k++)
			if (plan->model.sites.items[plan->sweeps[i].sites[k]].kind == kind)
				return true;
	return false;
}

int pb_wants_optional(const struct pb_plan *plan, struct pb_bus *bus)
{
	int rc = 0;
	for (int i = 0; !rc && i < plan->model.sites.n; i++) {
		enum pb_site_kind kind = plan->model.sites.items[i].kind;
		struct pb_hook hook = {.site_id = i, .direction = PB_FORWARD};
		if (pb_site_is_optional(kind) && pb_wants_point(plan, kind))
			rc = pb_bus_add(bus, &hook, NULL);
	}
	return rc;
}

int pb_wants_bases(const struct pb_plan *plan, int32_t base, struct pb_cache *cache)
{
	int rc = 0;
	const bool corrupted = base == PB_FROM_CORRUPTED;
	bool late[2] = {false, false}; /* passes over it without and with a sink */
	for (size_t i = 0; i < plan->n_sweeps; i++) {
		const struct pb_plan_sweep *s = &plan->sweeps[i];
		const bool mine = (s->config->base == PB_FROM_CORRUPTED) == corrupted;
		for (size_t k = 0; !rc && mine && k < s->n_sites; k++)
			rc = pb_cache_want_site(cache, s->sites[k], PB_FORWARD);
		if (mine && s->config->kind != PB_SWEEP_PARAMS)
			late[s->config->kind == PB_SWEEP_GRADIENT] = true;
	}
	for (int site = 0; !rc && site < plan->model.sites.n; site++)
		if ((late[0] && pb_late_fills(&plan->model, site, false)) ||
		    (late[1] && pb_late_fills(&plan->model, site, true)))
			rc = pb_cache_want_site(cache, site, PB_FORWARD);
	return rc;
}
