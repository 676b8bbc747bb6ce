/* plan_axes.h: the axes that a sweep names. */
#ifndef PB_EXP_PLAN_AXES_H
#define PB_EXP_PLAN_AXES_H

#include "exp/plan.h"

/* Those of `over`, then those of `together`. */
struct pb_plan_asked {
	size_t n;
	uint8_t axes[2 * PB_PLAN_MAX_AXES];                  /* enum pb_axis */
	const struct pb_yaml_node *at[2 * PB_PLAN_MAX_AXES]; /* where each is named */
};

/* False: there is no such axis, or it is named twice; the mistakes are recorded. */
bool pb_plan_ask_axes(struct pb_yaml *yaml, const struct pb_config_sweep *sweep, struct pb_plan_asked *ret_asked);
const char *pb_plan_axis_name(enum pb_axis axis);
/* Item `i` of the list at `key`, or what stands there in place of a list. */
const struct pb_yaml_node *pb_plan_item(const struct pb_yaml_node *map, const char *key, size_t i);

#endif
