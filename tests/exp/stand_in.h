/* stand_in.h: a metric with operations of the test's own. */
#ifndef PB_TESTS_EXP_STAND_IN_H
#define PB_TESTS_EXP_STAND_IN_H

#include "exp/scorer.h"

struct stand_in {
	struct pb_loaded loaded;
	struct pb_plugin plugin;
	struct pb_metric_ops ops;
};

/* `s` begins as what the scorer has, and must stay as long as the scorer does. */
static inline void stand_in_begin(struct stand_in *s, struct pb_scorer *scorer)
{
	s->loaded = *scorer->instance->loaded;
	s->plugin = *s->loaded.plugin;
	s->ops = *scorer->ops;
	s->plugin.ops = &s->ops;
	s->loaded.plugin = &s->plugin;
	scorer->instance->loaded = &s->loaded;
	scorer->ops = &s->ops;
}

#endif
