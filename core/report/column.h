/* column.h: the numbers of a cell, by name, for everything that writes or reads tables of them. */
#ifndef PB_REPORT_COLUMN_H
#define PB_REPORT_COLUMN_H

#include "report/result.h"

enum pb_column_type {
	PB_COLUMN_REAL,
	PB_COLUMN_INT,
	PB_COLUMN_BOOL,
};

struct pb_column {
	const char *name;
	enum pb_column_type type;
	size_t offset; /* in struct pb_result_cell */
};

extern const struct pb_column pb_columns[];
/* How many of them, from the first on, a sweep has: estimates only where they were asked for. */
size_t pb_n_columns(const struct pb_result_sweep *sweep);

static inline void *pb_column_of(const struct pb_column *column, const struct pb_result_cell *cell)
{
	return (char *)cell + column->offset;
}

/* -PB_E_SHAPE unless the cells are row-major over the axes, each index once. */
int pb_column_check(const struct pb_result_sweep *sweep);

#endif
