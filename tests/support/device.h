/* device.h: the device that tests compute on: PB_TEST_DEVICE, as `patchbay run --device` names them; else the CPU. */
#ifndef PB_TESTS_DEVICE_H
#define PB_TESTS_DEVICE_H

#include <stdbool.h>
#include <stdlib.h>

#include "tensor/tensor.h"

static inline int pb_test_device(int threads, struct pb_device *ret_device)
{
	const char *name = getenv("PB_TEST_DEVICE");
	return pb_device_open(name ? name : "cpu", 0, threads, PBK_MATMUL_F32, ret_device);
}

/* Whether each instance of a test takes seconds, as on the emulated device. */
static inline bool pb_test_few(void)
{
	const char *few = getenv("PB_TEST_FEW");
	return few && *few == '1';
}

/* Of n instances of a test so many run. */
static inline int pb_test_rounds(int n)
{
	return pb_test_few() ? n / 16 + 1 : n;
}

#endif
