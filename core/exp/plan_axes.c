/* plan_axes.c: the axes that a sweep names. They can be judged without a model. */
#include "exp/plan_axes.h"

#include <string.h>

static const struct {
	const char *name;
	enum pb_axis axis;
} axis_names[] = {
	{"layer", PB_AXIS_LAYER},       {"pos", PB_AXIS_POS},         {"head", PB_AXIS_HEAD},
	{"dest_pos", PB_AXIS_DEST_POS}, {"src_pos", PB_AXIS_SRC_POS},
};

enum { N_AXIS_NAMES = sizeof axis_names / sizeof *axis_names };

const char *pb_plan_axis_name(enum pb_axis axis)
{
	for (size_t i = 0; i < N_AXIS_NAMES; i++)
		if (axis_names[i].axis == axis)
			return axis_names[i].name;
	return "feature";
}

const struct pb_yaml_node *pb_plan_item(const struct pb_yaml_node *map, const char *key, size_t i)
{
	const struct pb_yaml_node *list = pb_yaml_get(map, key);
	return list && list->kind == PB_YAML_LIST && i < list->count ? list->items[i] : list;
}

static bool ask_axis(struct pb_yaml *yaml, const struct pb_yaml_node *at, const char *name,
		     struct pb_plan_asked *asked)
{
	const char *names[N_AXIS_NAMES];
	enum pb_axis axis = PB_AXIS_NONE;
	for (size_t k = 0; k < N_AXIS_NAMES; k++) {
		names[k] = axis_names[k].name;
		if (!strcmp(name, names[k]))
			axis = axis_names[k].axis;
	}
	const char *nearest = pb_nearest(name, names, N_AXIS_NAMES);
	if (axis == PB_AXIS_NONE) {
		pb_yaml_error(yaml, at, "there is no axis `%s`; %s%s%s", name,
			      nearest ? "did you mean `" : "axes are ",
			      nearest ? nearest : "layer, pos, head, dest_pos, src_pos", nearest ? "`?" : "");
		return false;
	}
	if (memchr(asked->axes, axis, asked->n)) {
		pb_yaml_error(yaml, at, "axis `%s` is named twice; once in `over` or `together` is enough", name);
		return false;
	}
	asked->at[asked->n] = at;
	asked->axes[asked->n++] = (uint8_t)axis;
	return true;
}

bool pb_plan_ask_axes(struct pb_yaml *yaml, const struct pb_config_sweep *c, struct pb_plan_asked *ret_asked)
{
	struct pb_plan_asked asked = {0};
	bool good = true;
	for (size_t i = 0; i < c->over.count; i++)
		good &= ask_axis(yaml, pb_plan_item(c->node, "over", i), c->over.items[i], &asked);
	for (size_t i = 0; i < c->together.count; i++)
		good &= ask_axis(yaml, pb_plan_item(c->node, "together", i), c->together.items[i], &asked);
	*ret_asked = asked;
	return good;
}
