/* plan_probe.c: whether a probe's rows can be trained on and measured. */
#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/plan.h"

/* A probe, and what it is called in messages. */
struct checker {
	struct pb_plan *plan;
	struct pb_yaml *yaml;
	const struct pb_probe_data *probe;
	const char *unit;
	bool named; /* the unit is one of several that compete */
};

/* "questions of unit `7`" */
static const char *rows_name(const struct checker *c, const char *rows)
{
	const char *name = c->named ? pb_arena_printf(&c->plan->arena, "%s of %s", rows, c->unit) : rows;
	return name ? name : rows;
}

/* Can the scorer judge these rows? */
static bool fits(const struct checker *c, const struct pb_scorer *scorer, const struct pb_examples *x, const char *rows,
		 const struct pb_yaml_node *at)
{
	if (!scorer || pb_scorer_check(scorer, x, rows_name(c, rows)) >= 0)
		return true;
	pb_yaml_error(c->yaml, at, "%s", pb_error_text());
	return false;
}

/* An update takes the loss of the clean and of the corrupted example. */
static bool check_loss(const struct checker *c, const struct pb_yaml_node *at)
{
	const struct pb_examples *const sides[] = {&c->probe->clean, &c->probe->corrupted};
	static const char *const names[] = {"clean example", "corrupted example"};
	for (int i = 0; i < 2; i++) {
		if (!sides[i]->n_scored) {
			pb_yaml_error(c->yaml, at,
				      "the data score no position of %s's %s, so there is no loss to update by: only "
				      "`kind: activation` is possible",
				      c->unit, names[i]);
			return false;
		}
		if (!fits(c, c->plan->loss, sides[i], names[i], c->plan->config->loss))
			return false;
	}
	return true;
}

/* An update is measured on the questions. */
static bool check_questions(const struct checker *c, const struct pb_yaml_node *at)
{
	if (c->probe->questions.n_scored)
		return fits(c, c->plan->metric, &c->probe->questions, "questions", c->plan->config->metric);
	pb_yaml_error(
		c->yaml, at,
		"the data have no questions about %s, so an update cannot be measured: only `kind: activation` is "
		"possible",
		c->unit);
	return false;
}

/* Patched logits, and both ends of their score, are measured by the base's answers. */
static bool check_logits(const struct checker *c, const struct pb_config_sweep *sweep)
{
	bool clean = sweep->base == PB_FROM_CLEAN;
	const struct pb_examples *base = clean ? &c->probe->clean : &c->probe->corrupted;
	if (!base->n_scored)
		pb_yaml_error(c->yaml, sweep->node,
			      "the data score no position of %s's example, so its logits cannot be measured", c->unit);
	else if (!pb_examples_same_rows(&c->probe->clean, &c->probe->corrupted))
		pb_yaml_error(
			c->yaml, sweep->node,
			"the data score other positions of %s's clean example than of the corrupted one, so their "
			"logits cannot be compared: only `kind: gradient` is possible",
			c->unit);
	else
		return fits(c, c->plan->metric, base, "example", c->plan->config->metric);
	return false;
}

bool pb_plan_check_probe(struct pb_plan *plan, const struct pb_probe_data *probe, const char *unit)
{
	const struct pb_config *config = plan->config;
	struct checker c = {plan, &plan->config->yaml, probe, unit ? unit : "the unit", unit != NULL};
	const struct pb_yaml_node *drill = config->drilldown.node, *update = config->n_sweeps ? NULL : config->probe.node;
	bool good = true;
	for (size_t i = 0; good && i < config->n_sweeps; i++) {
		const struct pb_config_sweep *sweep = &config->sweeps[i];
		bool logits = sweep->kind == PB_SWEEP_ACTIVATION;
		good = logits ? check_logits(&c, sweep) : check_questions(&c, sweep->node);
		if (!logits && !update)
			update = sweep->node;
	}
	update = update ? update : drill;
	if (good && drill)
		good = check_questions(&c, drill);
	else if (good && !config->n_sweeps && probe->questions.n_scored)
		good = check_questions(&c, update);
	return (!update || check_loss(&c, update)) && good;
}
