/* machine.h: what the guard must know of the machine. */
#ifndef PB_HOST_MACHINE_H
#define PB_HOST_MACHINE_H

#include "host/guard.h"

/* What a SIGSEGV or SIGBUS with this context was about. In a signal's handler. */
enum pb_access pb_machine_access(const void *context);
/* Rounding, traps and denormals of floating point; not the flags of what has happened. */
unsigned pb_machine_fp_control(void);
void pb_machine_set_fp_control(unsigned control);

#endif
