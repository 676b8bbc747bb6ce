/* clock.h: monotonic seconds. */
#ifndef PB_EXP_CLOCK_H
#define PB_EXP_CLOCK_H

#include <time.h>

static inline double pb_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
