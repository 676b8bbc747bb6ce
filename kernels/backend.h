/* backend.h: the kernels of a device as a shared object of their own, which the program looks for when it runs.
 *
 * So the program needs nothing of that device where there is none. The shared object exports one symbol.
 */
#ifndef PBK_BACKEND_H
#define PBK_BACKEND_H

#include "kernels.h"

enum { PBK_BACKEND_ABI = 4 };

/* How products are made. */
enum pbk_matmul {
	PBK_MATMUL_F32 = 0, /* in the operands' own type; a row's bits do not depend on other rows */
	PBK_MATMUL_TF32,    /* float32 operands are rounded to 10 bits of mantissa */
	PBK_MATMUL_BF16X3,  /* float32 operands as sums of two bfloat16, three products of which are added */
};

struct pbk_backend {
	uint32_t abi;        /* PBK_BACKEND_ABI */
	uint32_t table_size; /* sizeof(struct pbk_table) */
	const char *name;    /* "cuda" */
	/* Devices that this process sees; 0 where none can be used. */
	int (*count)(void);
	/* NULL: it cannot be used, and why [size] says so in a sentence. `device` counts from 0. */
	pbk_context *(*open)(int device, enum pbk_matmul matmul, char *why, size_t size);
	void (*close)(pbk_context *);
	const struct pbk_table *f32, *f64;
	/* The device, its driver and the library: "NVIDIA H200 (sm_90), driver 13.0, runtime 13.0". */
	void (*describe)(pbk_context *, char *text, size_t size);
	/* Bytes of its memory that are free now. */
	size_t (*memory_free)(pbk_context *);
};

#define PBK_BACKEND_SYMBOL "pbk_backend"

#endif
