/* cases.h: every kernel of the table that works on whole rows or vectors, with its formula written again in double. */
#ifndef PB_TESTS_KERNELS_CASES_H
#define PB_TESTS_KERNELS_CASES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels.h"

enum { MAX_OPERANDS = 5, VOCAB = 11 };

/* What one call works on. Operands hold the table's element type, or doubles for a formula. */
struct call {
	const struct pbk_table *table; /* unused by formulas */
	pbk_context *context;
	int64_t rows, n;
	void *x[MAX_OPERANDS];
	const int32_t *ids; /* [rows], each below VOCAB */
	double *sum;        /* on the device: where a kernel that gives a number puts it */
	double result;      /* that number */
};

struct kernel_case {
	const char *name;
	/* One letter per operand. M: [rows, n]; Q: the same, not negative; N: [n]; R: [rows]; S: the same, positive;
	 * T: [VOCAB, n]; C: [rows, p, p] where p = case_side(n). */
	const char *operands;
	void (*kernel)(struct call *c);
	void (*formula)(struct call *c);
	bool by_row; /* rows do not depend on each other */
};

extern const struct kernel_case kernel_cases[];
extern const int n_kernel_cases;

int64_t case_side(int64_t n); /* sides of square matrices are kept small */
int64_t case_size(const struct kernel_case *kc, int operand, int64_t rows, int64_t n); /* elements */

#endif
