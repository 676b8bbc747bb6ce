/* spin.h: how long an idle worker thread waits awake. */
#ifndef PB_CLI_SPIN_H
#define PB_CLI_SPIN_H

/* GNU OpenMP's threads spin for milliseconds between two kernels, which stops everybody where cores are shared (measured with a
 * second process on the same two cores: 25 s against 3 s for 100 training steps of a small model). They read the limit when
 * the process starts, so this starts it again, once, with GOMP_SPINCOUNT set. A value from the user, or OMP_WAIT_POLICY, stays. */
void pb_cli_limit_spinning(char **argv);

#endif
