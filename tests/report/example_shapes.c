/* example_shapes.c: sweeps of every shape that a figure must cope with. */
#include <math.h>
#include <stdlib.h>

#include "example.h"

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* As a setter that replaces what is there by itself: in every third cell nothing changes. */
static void make_idle(struct pb_arena *arena, struct pb_result_sweep *sweep)
{
	struct pb_result_cell *cells = need(pb_arena_array(arena, sweep->n_cells, sizeof *cells));
	for (size_t c = 0; c < sweep->n_cells; c++) {
		cells[c] = sweep->cells[c];
		cells[c].graph_cut = false;
		if (c % 3 == 0) {
			cells[c].forward.max_change = 0;
			cells[c].score = 1;
			cells[c].metric = sweep->metric_clean;
		}
	}
	sweep->cells = cells;
}

static void add_names(struct pb_arena *arena, struct pb_result_sweep *sweep)
{
	static const char *const awkward[] = {
		"blocks.0.attn.hook_result.blocks.0.attn.hook_result.blocks.0.attn.hook_result.of.everything",
		"\xe5\xb1\xa4\xe3\x81\xae\xe5\x90\x8d\xe5\x89\x8d",
		"\xd0\xa3\xd1\x80\xd0\xbe\xd0\xb2\xd0\xb5\xd0\xbd\xd1\x8c",
		"</script><b>bold</b>",
		"\xd8\xb7\xd8\xa8\xd9\x82\xd8\xa9",
		"a name with a good many words in it, which must break somewhere"};
	struct pb_result_axis *axes = need(pb_arena_array(arena, 2, sizeof *axes));
	axes[0] = (struct pb_result_axis){"\xe7\xb5\x84", 6, awkward};
	axes[1] = sweep->axes[1];
	sweep->axes = axes;
}

const struct pb_result_run *pb_example_shapes(struct pb_arena *arena)
{
	static const double up[] = {0.02, 0.31, NAN, 0.74, 0.97, 1.04, INFINITY, 0.5}, nothing[] = {NAN, NAN, NAN};
	static const char *const names[] = {"layer", "head", "pos", "src_pos"};
	struct pb_result_run *run = need(pb_arena_alloc(arena, sizeof *run));
	struct pb_result_sweep *sweeps = need(pb_arena_array(arena, 10, sizeof *sweeps));
	sweeps[0] = *pb_example_strip(arena, "one axis", "layer", 8, NULL, up);
	sweeps[0].forward = "none";
	sweeps[1] = *pb_example_sweep(arena, "two axes", 2, names, (int64_t[]){5, 7}, 1);
	make_idle(arena, &sweeps[1]);
	sweeps[2] = *pb_example_sweep(arena, "three axes", 3, names, (int64_t[]){12, 3, 4}, 2);
	sweeps[3] = *pb_example_sweep(arena, "four axes", 4, names, (int64_t[]){4, 3, 4, 5}, 3);
	sweeps[4] = *pb_example_sweep(arena, "one cell", 0, NULL, NULL, 1);
	sweeps[5] = *pb_example_strip(arena, "all NaN", "layer", 3, NULL, nothing);
	sweeps[6] = *pb_example_sweep(arena, "2000 cells", 2, names, (int64_t[]){40, 50}, 4);
	sweeps[7] = *pb_example_sweep(arena, "names that are long, or in other scripts", 2, names, (int64_t[]){6, 4}, 5);
	add_names(arena, &sweeps[7]);
	sweeps[8] = *pb_example_sweep(arena, "a small effect", 1, (const char *[]){"layer"}, (int64_t[]){6}, 5);
	struct pb_result_cell *cells = need(pb_arena_array(arena, 6, sizeof *cells));
	for (size_t c = 0; c < 6; c++) {
		cells[c] = sweeps[8].cells[c];
		cells[c].score = 1 + 0.02 * sin((double)c);
	}
	sweeps[8].cells = cells;
	sweeps[9] = *pb_example_sweep(arena, "two runs: b minus a", 2, names, (int64_t[]){3, 4}, 6);
	sweeps[9].kind = "difference";
	sweeps[9].hook = NULL;
	sweeps[9].neutral = 0;
	struct pb_result_pattern *patterns = need(pb_arena_array(arena, 2, sizeof *patterns));
	patterns[0] = *pb_example_pattern(arena, "71", 12, 12, 4);
	patterns[1] = *pb_example_pattern(arena, "34", 2, 3, 20);
	patterns[1].weights = "model_1";
	*run = (struct pb_result_run){.name = "shapes", .version = "0.1.0", .date = "2025-03-01T12:00:00Z", .n_sweeps = 10,
				      .sweeps = sweeps, .n_patterns = 2, .patterns = patterns,
				      .patterns_left_out = 58, .n_updates = 1, .updates = pb_example_update(arena, "71", 3)};
	return run;
}
