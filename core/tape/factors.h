/* factors.h: the gradients of a batch of cells, kept as factors. May use base/, tensor/ and kernels.h.
 *
 * A batch holds cells of as many examples each, one behind the other. Each cell's gradient of a matrix is X^T dY with
 * the few rows that its examples have; it is not multiplied out unless it is smaller than its factors.
 */
#ifndef PB_TAPE_FACTORS_H
#define PB_TAPE_FACTORS_H

#include "tape/tape.h"

enum pb_gradient_form {
	PB_GRADIENT_NONE = 0, /* no gradient arrived: not the same as zero */
	PB_GRADIENT_MATRIX,   /* [groups] of k x n */
	PB_GRADIENT_ROWS,     /* rows `ids` of a table [.., n]; the others are zero */
	PB_GRADIENT_VECTOR,   /* [groups] of n */
};

/* One cell's gradient of one parameter. Memory belongs to the tape, until its reset. */
struct pb_cell_gradient {
	enum pb_gradient_form form;
	int64_t groups, rank, k, n;
	/* MATRIX: group g's factors are at x + g*stride_x [rank, k] and dy + g*stride_dy [rank, n], or `dense` [groups,
	 * k, n]. ROWS: dy [rank, n], contiguous, no id twice. VECTOR: dy [groups, n]. */
	int64_t ldx, lddy, stride_x, stride_dy;
	struct pb_view x, dy, dense; /* views for their address and dtype only */
	const int32_t *ids;          /* [rank], host memory */
	const struct pbk_gradient *each; /* [groups], in place of x, dy and dense: groups of several gradients; or NULL */
};

struct pb_factors {
	struct pb_grad_sink base;
	struct pb_tape *tape;
	int n_params;
	int64_t n_cells, examples; /* examples of one cell */
	struct pb_cell_gradient *items; /* [n_cells, n_params], in the tape's arena */
	int64_t *used; /* [n_params, n_cells] on the device, in the tape's pool: rows of matrices' factors that are not zero */
	struct pbk_blocks *to_count; /* [n_to_count] matrices' factors whose rows are counted when all are there */
	struct pbk_row_sum *to_sum;  /* [n_to_sum] biases', summed then too */
	int64_t n_to_count, n_to_sum;
};

/* Resets the tape to record for these factors, which must stay until the backward pass is over; what they hold stays until
 * the next reset. */
int pb_factors_begin(struct pb_factors *factors, struct pb_tape *tape, int n_params, int64_t n_cells, int64_t examples);
/* Behind the backward pass, for which it waits: the items are complete. */
int pb_factors_settle(struct pb_factors *factors);
static inline const struct pb_cell_gradient *pb_factors_cell(const struct pb_factors *factors, int64_t cell)
{
	return factors->items + cell * factors->n_params;
}

/* What the kernels take: group g of a MATRIX or VECTOR; ROWS as one dense matrix. */
struct pbk_gradient pb_gradient_group(const struct pb_cell_gradient *gradient, int64_t group);
/* Block `part` of `parts`, a multiple of the groups: along the rows of all groups of a MATRIX, along a VECTOR. */
struct pbk_gradient pb_gradient_part(const struct pb_cell_gradient *gradient, int64_t part, int64_t parts);
/* A gradient in n groups, group i from a, or from b where `second` says so; a MATRIX in one group is cut into rows,
 * a VECTOR into runs. a and b are gradients of one parameter, in 1 or n groups, and stay as long as the result; it
 * keeps `each` [n]. */
struct pb_cell_gradient pb_gradient_mix(const struct pb_cell_gradient *a, const struct pb_cell_gradient *b,
					const bool *second, int64_t n, struct pbk_gradient *each);
/* ret_dots[i] = the inner product of a[i] and b[i], gradients of one parameter each; 0 where one is NONE. */
int pb_gradient_dots(struct pb_device *device, uint32_t dtype, size_t count, const struct pb_cell_gradient *const *a,
		     const struct pb_cell_gradient *const *b, double *ret_dots);

#endif
