/* parts.c: from the ends of a probe to rows of a table. */
#include "exp/parts.h"

#include <string.h>

#include "base/status.h"

int pb_parts_add(const struct pb_engine *engine, size_t probe, const char *unit, struct pb_arena *arena,
		 struct pb_result_run *ret_run)
{
	const struct pb_run_ends *ends = engine->ends[probe].runs;
	const struct pb_param_table *table = &engine->plan->model.table;
	if (!ends[0].parts || !ends[1].parts)
		return 0;
	struct pb_result_part *all = pb_arena_array(arena, ret_run->n_parts + (size_t)table->n, sizeof *all);
	if (!all)
		return -PB_E_NOMEM;
	if (ret_run->n_parts)
		memcpy(all, ret_run->parts, ret_run->n_parts * sizeof *all);
	for (int i = 0; i < table->n; i++)
		all[ret_run->n_parts++] =
			(struct pb_result_part){unit, table->items[i].name, ends[0].parts[i], ends[1].parts[i]};
	ret_run->parts = all;
	return 0;
}
