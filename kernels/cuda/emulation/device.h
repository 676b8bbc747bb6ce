/* device.h: what launches need of the emulated device. */
#ifndef PBK_EMULATION_DEVICE_H
#define PBK_EMULATION_DEVICE_H

#include "cuda_runtime.h"

/* Opens device memory; false: the kernel shall not run. */
bool pbk_emulated_launch_begins();
void pbk_emulated_launch_ends();
/* Takes the work into the graph that is being captured, or does nothing and returns false. */
bool pbk_emulated_capture(const std::function<void()> &node);
bool pbk_emulated_is_capturing();
/* Does the environment ask this call to fail? `count` is the number of such calls before. */
bool pbk_emulated_fails(const char *what, long *count);
void pbk_emulated_count_graph();
void pbk_emulated_count_made();

#endif
