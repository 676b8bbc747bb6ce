/* clip.c: the gradient's norm and the factor that clips it. */
#include <math.h>
#include <stdlib.h>

#include "optim/optim.h"

double pb_optim_grad_norm(const struct pb_optim *opt, const void *grads, const bool *present)
{
	const struct pbk_table *table = pb_kernels(opt->device, opt->dtype);
	const size_t n = (size_t)opt->n_slots;
	double total = 0, *squares = calloc(n + 1, sizeof *squares);
	struct pbk_vector *list = calloc(n + 1, sizeof *list);
	for (size_t i = 0; list && i < n; i++)
		list[i] = (struct pbk_vector){(const char *)grads + (size_t)opt->slots[i].offset * table->real_size,
					      !present || present[i] ? opt->slots[i].count : 0};
	if (!squares || !list) {
		free(squares);
		free(list);
		return NAN; /* which no step takes */
	}
	table->sum_squares(opt->device->context, opt->n_slots, list, opt->squares);
	table->download(opt->device->context, squares, opt->squares, n * sizeof *squares);
	free(list);
	for (int i = 0; i < opt->n_slots; i++)
		total += squares[i];
	free(squares);
	return sqrt(total);
}

double pb_optim_clip_factor(double norm, double max_norm)
{
	if (max_norm == 0)
		return 1;
	double factor = max_norm / (norm + 1e-6);
	return factor < 1 ? factor : 1;
}
