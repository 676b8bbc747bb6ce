/* schedule.c: the learning rate over time. */
#include "optim/optim.h"

double pb_optim_warmup(double lr, int64_t warmup_steps, int64_t t)
{
	return t < warmup_steps ? lr * ((double)t / (double)warmup_steps) : lr;
}
