/* column.c: the numbers of a cell, by name. */
#include "report/column.h"

#include "base/status.h"

#define COLUMN(name, type, member)                                                                                     \
	{                                                                                                              \
		name, PB_COLUMN_##type, offsetof(struct pb_result_cell, member)                                        \
	}
const struct pb_column pb_columns[] = {
        COLUMN("metric", REAL, metric),
        COLUMN("score", REAL, score),
        COLUMN("loss", REAL, loss),
        COLUMN("grad_norm", REAL, grad_norm),
        COLUMN("forward_fired", INT, forward.fired),
        COLUMN("forward_max_change", REAL, forward.max_change),
        COLUMN("backward_fired", INT, backward.fired),
        COLUMN("backward_max_change", REAL, backward.max_change),
        COLUMN("graph_cut", BOOL, graph_cut),
        COLUMN("params_without_grad", INT, params_without_grad),
        COLUMN("estimate", REAL, estimate),
        COLUMN("estimate_score", REAL, estimate_score),
};

size_t pb_n_columns(const struct pb_result_sweep *sweep)
{
	enum { ESTIMATES = 2 };
	return sizeof pb_columns / sizeof *pb_columns - (sweep->estimate ? 0 : ESTIMATES);
}

/* Adds one to a row-major index. */
static void advance(const struct pb_result_sweep *sweep, int64_t *index)
{
	for (size_t a = sweep->n_axes; a-- > 0;) {
		if (++index[a] < sweep->axes[a].n)
			return;
		index[a] = 0;
	}
}

static int check_index(const struct pb_result_sweep *sweep, size_t cell, const int64_t *expected)
{
	for (size_t a = 0; a < sweep->n_axes; a++)
		if (sweep->cells[cell].index[a] != expected[a])
			return pb_fail(PB_E_SHAPE, "sweep \"%s\": cell %zu is out of order on axis %s", sweep->name,
			               cell, sweep->axes[a].name);
	return 0;
}

int pb_column_check(const struct pb_result_sweep *sweep)
{
	enum { MAX_AXES = 32 };
	int64_t index[MAX_AXES] = {0};
	size_t count = 1;
	if (sweep->n_axes > MAX_AXES)
		return pb_fail(PB_E_SHAPE, "sweep \"%s\" has %zu axes; at most %d are written", sweep->name,
		               sweep->n_axes, MAX_AXES);
	for (size_t a = 0; a < sweep->n_axes; a++)
		if (sweep->axes[a].n < 0 || __builtin_mul_overflow(count, (size_t)sweep->axes[a].n, &count))
			return pb_fail(PB_E_SHAPE, "sweep \"%s\": axis %s has %lld entries", sweep->name,
			               sweep->axes[a].name, (long long)sweep->axes[a].n);
	if (count != sweep->n_cells)
		return pb_fail(PB_E_SHAPE, "sweep \"%s\": its axes have %zu cells, the table %zu", sweep->name, count,
		               sweep->n_cells);
	for (size_t c = 0; c < count; c++, advance(sweep, index)) {
		int rc = check_index(sweep, c, index);
		if (rc < 0)
			return rc;
	}
	return 0;
}
