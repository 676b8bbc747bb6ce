/* fibres.h: a block of threads as fibres on one thread of the host. */
#ifndef PBK_EMULATION_FIBRES_H
#define PBK_EMULATION_FIBRES_H

#include "cuda_runtime.h"

enum { PBK_MOST_THREADS = 1024 };

/* Runs `thread` once for each of the block's threads, from the last to the first if reversed. */
void pbk_emulated_block(uint3 at, unsigned block, bool reversed, const std::function<void()> &thread);
/* Frees what this thread of the host had for blocks; it runs no more. */
void pbk_emulated_fibres_finish();
[[noreturn]] void pbk_emulated_fail(const char *what);

#endif
