/* params.h: parameters for a plugin, made from its table: its defaults written out, values at and beyond the bounds,
 * values at random, values meant to do harm. All are trees of YAML, which go the way of the user's.
 */
#ifndef PB_CONFORM_PARAMS_H
#define PB_CONFORM_PARAMS_H

#include "base/schema.h"

/* What a tree is made of; the members stay the caller's. */
struct pb_params {
	struct pb_yaml *yaml; /* owns the nodes that are made */
	const struct pb_param *table;
	size_t n;
	const struct pb_yaml_node *given; /* the user's values, or NULL: they are taken as they are */
	uint64_t seed, stream, drawn;     /* of what is drawn at random; drawn: numbers so far */
};

/* A map of what is given and, for all others, their defaults. A parameter without a default is left out where it is
 * not given. NULL: out of memory. */
struct pb_yaml_node *pb_params_defaults(struct pb_params *params);
/* Each at random within its bounds, or left out if it has a default; those that are given, in half of all trees. */
struct pb_yaml_node *pb_params_random(struct pb_params *params);
/* pb_params_defaults with parameter i of the table put in place: number `k` of the values to try, from 0. Those that
 * the table must refuse (beyond a bound, no choice) have *ret_refused. NULL with *ret_more false: there are no more.
 */
struct pb_yaml_node *pb_params_bound(struct pb_params *params, size_t i, size_t k, bool *ret_refused, bool *ret_more);
struct pb_yaml_node *pb_params_hostile(struct pb_params *params, size_t i, size_t k, bool *ret_more);

#endif
