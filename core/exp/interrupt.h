/* interrupt.h: Ctrl-C. The step in hand is finished, what there is gets written, and the run ends with code 130. */
#ifndef PB_EXP_INTERRUPT_H
#define PB_EXP_INTERRUPT_H

/* From now on SIGINT, SIGTERM and SIGHUP (unless that is ignored), sent to the process, ask for an end; the second one ends the
 * process at once. To be called before any other thread starts: threads that exist already would still be interrupted.
 * -PB_E_INTERNAL. */
int pb_interrupt_catch(void);
/* 0, or -PB_E_INTERRUPTED, recorded. */
int pb_interrupted(void);

#endif
