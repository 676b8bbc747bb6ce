/* threads.h: how the computing threads wait, and on which cores they stay. */
#ifndef PB_CLI_THREADS_H
#define PB_CLI_THREADS_H

/* GNU OpenMP's threads spin for milliseconds between two kernels, which stops everybody where cores are shared (measured with a
 * second process on the same two cores: 25 s against 3 s for 100 training steps of a small model). Where --threads leaves
 * every core to the process, each thread also stays on a core of its own: caches keep what they hold. With fewer threads
 * the system chooses the cores, for every such process would be given the same ones. The runtime reads both when the
 * process starts, so this starts it again, once, with GOMP_SPINCOUNT and OMP_PROC_BIND set. Values from the user stay, and
 * so does OMP_WAIT_POLICY, GOMP_CPU_AFFINITY or OMP_PLACES in place of them. */
void pb_cli_prepare_threads(char **argv);

#endif
