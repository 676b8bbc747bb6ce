/* clip.c: the gradient's norm and the factor that clips it. */
#include <math.h>
#include <stdlib.h>

#include "optim/optim.h"

double pb_optim_grad_norm(const struct pb_optim *opt, const void *grads, const bool *present)
{
	const struct pbk_table *table = pb_kernels(opt->device, opt->dtype);
	double total = 0, *squares = calloc((size_t)opt->n_slots + 1, sizeof *squares);
	if (!squares)
		return NAN; /* which no step takes */
	for (int i = 0; i < opt->n_slots; i++) {
		const struct pb_optim_slot *slot = &opt->slots[i];
		const char *grad = (const char *)grads + (size_t)slot->offset * table->real_size;
		if (!present || present[i])
			table->sum_squares(opt->device->context, slot->count, grad, opt->squares + i);
	}
	table->download(opt->device->context, squares, opt->squares, (size_t)opt->n_slots * sizeof *squares);
	for (int i = 0; i < opt->n_slots; i++)
		total += !present || present[i] ? squares[i] : 0;
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
