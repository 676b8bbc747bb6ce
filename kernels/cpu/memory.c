/* memory.c: allocation and copies of the CPU device, where device and host are the same. */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

enum { ALIGNMENT = 64 };

static void *device_alloc(pbk_context *context, size_t size)
{
	(void)context;
	if (size > PTRDIFF_MAX - ALIGNMENT)
		return NULL;
	return aligned_alloc(ALIGNMENT, (size + !size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void device_free(pbk_context *context, void *memory)
{
	(void)context;
	free(memory);
}

static void device_zero(pbk_context *context, void *dst, size_t size)
{
	(void)context;
	if (size)
		memset(dst, 0, size);
}

static void device_copy(pbk_context *context, void *dst, const void *src, size_t size)
{
	(void)context;
	if (size)
		memcpy(dst, src, size);
}

/* It has ended by now. */
static void device_submit(pbk_context *context)
{
	(void)context;
}

static int device_sync(pbk_context *context)
{
	const int failure = context->failure;
	context->failure = PBK_OK;
	return failure;
}

/* All that can fail here is memory. */
static const char *device_why(pbk_context *context)
{
	(void)context;
	return "out of memory";
}

void pbk_fill_memory(struct pbk_table *table)
{
	table->alloc = device_alloc;
	table->free = device_free;
	table->zero = device_zero;
	table->copy = device_copy;
	table->upload = device_copy;
	table->download = device_copy;
	table->submit = device_submit;
	table->sync = device_sync;
	table->failed = device_sync;
	table->why = device_why;
}
