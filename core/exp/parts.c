/* parts.c: from the ends of a probe to rows of a table. */
#include "exp/parts.h"

#include <string.h>

#include "base/status.h"

int pb_parts_add(const struct pb_engine *engine, size_t probe, const char *unit, struct pb_arena *arena,
		 struct pb_parts *parts)
{
	const struct pb_run_ends *ends = engine->ends[probe].runs;
	const struct pb_param_table *table = &engine->plan->model.table;
	if (!ends[0].parts || !ends[1].parts)
		return 0;
	if (parts->n + (size_t)table->n > parts->room) {
		size_t room = 2 * parts->room + (size_t)table->n;
		struct pb_result_part *all = pb_arena_array(arena, room, sizeof *all);
		if (!all)
			return -PB_E_NOMEM;
		if (parts->n)
			memcpy(all, parts->items, parts->n * sizeof *all);
		parts->items = all;
		parts->room = room;
	}
	for (int i = 0; i < table->n; i++)
		parts->items[parts->n++] =
			(struct pb_result_part){unit, table->items[i].name, ends[0].parts[i], ends[1].parts[i]};
	return 0;
}
