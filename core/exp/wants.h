/* wants.h: what a plan's sweeps ask of the runs without a patch. */
#ifndef PB_EXP_WANTS_H
#define PB_EXP_WANTS_H

#include "exp/plan.h"
#include "hook/cache.h"

bool pb_wants_kind(const struct pb_plan *plan, enum pb_sweep_kind kind);
/* Is there an update to make? A model that is only looked at needs no gradients. */
bool pb_wants_updates(const struct pb_plan *plan);
/* Are there questions, ones that the metric can judge? The plan sees to that where an update is measured. */
bool pb_wants_questions(const struct pb_plan *plan, const struct pb_probe_data *probe);
/* Does a sweep with an update want its first-order estimate? */
bool pb_wants_estimates(const struct pb_plan *plan);
/* Does the sweep want first-order estimates of patches of this run's activations? */
bool pb_wants_attribution(const struct pb_plan_sweep *sweep, enum pb_patch_from base);
/* Does the metric compare with the logits of the model without a patch? */
bool pb_wants_reference(const struct pb_plan *plan);
/* Asks the cache for the points that sweeps take from run `from` (enum pb_patch_from). */
int pb_wants_sources(const struct pb_plan *plan, int32_t from, struct pb_cache *cache);
/* Does a sweep patch a point of this kind? */
bool pb_wants_point(const struct pb_plan *plan, enum pb_site_kind kind);
/* Optional points change how what lies behind them is computed, in the last digits: once a sweep asks for one, every pass
 * evaluates it, so that a run's own values are the cell's own values to the last bit. */
int pb_wants_optional(const struct pb_plan *plan, struct pb_bus *bus);
/* Asks the cache for what patched passes over run `base` take over from it as it is. */
int pb_wants_bases(const struct pb_plan *plan, int32_t base, struct pb_cache *cache);

#endif
