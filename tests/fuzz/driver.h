/* driver.h: what a fuzz target defines. With driver.c it is a program that mutates a corpus by a fixed seed; without
 * it, and with -fsanitize=fuzzer, a libFuzzer target. */
#ifndef PB_TESTS_FUZZ_DRIVER_H
#define PB_TESTS_FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* Handles one input; it must return 0, whatever the input is, and abort where a property does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: texts that are inserted now and then, ended by NULL. */
extern const char *const pb_fuzz_tokens[] __attribute__((weak));

#endif
