/* device.c: what the kernel tests run on: this CPU, or the backend that PB_TEST_BACKEND names. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"

pbk_context *test_context;

const struct pbk_backend *test_backend(void)
{
	static const struct pbk_backend *backend;
	const char *path = getenv("PB_TEST_BACKEND");
	if (backend || !path)
		return backend;
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct pbk_backend *(*get)(void) = NULL;
	if (object)
		*(void **)&get = dlsym(object, PBK_BACKEND_SYMBOL);
	if (!get) { /* the numbers of tests depend on it: there may be no test yet that could fail */
		fprintf(stderr, "PB_TEST_BACKEND: %s\n", dlerror());
		exit(EXIT_FAILURE);
	}
	backend = get();
	if (backend->abi != PBK_BACKEND_ABI || backend->table_size != sizeof(struct pbk_table)) {
		fprintf(stderr, "PB_TEST_BACKEND: %s was built for another kernels.h\n", path);
		exit(EXIT_FAILURE);
	}
	return backend;
}

pbk_context *new_context(int threads)
{
	char why[256] = "out of memory";
	const struct pbk_backend *backend = test_backend();
	pbk_context *context = backend ? backend->open(0, PBK_MATMUL_F32, why, sizeof why) : pbk_cpu_open(threads);
	ck_assert_msg(context != NULL, "%s", why);
	return context;
}

void free_context(pbk_context *context)
{
	if (test_backend())
		test_backend()->close(context);
	else
		pbk_cpu_close(context);
}

/* A device takes its time to open, so a backend's context stays for the tests that follow. */
void open_context(void)
{
	if (!test_context)
		test_context = new_context(2);
}

void close_context(void)
{
	wait_for(test_context);
	if (test_backend())
		return;
	free_context(test_context);
	test_context = NULL;
}

void close_device(void)
{
	if (test_context)
		free_context(test_context);
	test_context = NULL;
}

void wait_for(pbk_context *context)
{
	const struct pbk_table *table = test_table(0);
	const int failure = table->sync(context);
	ck_assert_msg(failure == PBK_OK, "%s: failure %d, %s", table->name, failure, table->why(context));
}

bool on_gpu(void)
{
	char text[256] = "";
	if (!test_backend())
		return false;
	test_backend()->describe(test_context, text, sizeof text);
	return strncmp(text, "emulated", 8) != 0;
}

int n_tables(void)
{
	return test_backend() ? 2 : 4;
}

const struct pbk_table *test_table(int i)
{
	const struct pbk_backend *backend = test_backend();
	if (backend)
		return i ? backend->f64 : backend->f32;
	switch (i) {
	case 0: return pbk_cpu_f32();
	case 1: return pbk_cpu_f32_plain();
	case 2: return pbk_cpu_f64();
	default: return pbk_cpu_f64_plain();
	}
}

void *test_alloc(size_t size)
{
	void *memory = test_table(0)->alloc(test_context, size);
	ck_assert_ptr_nonnull(memory);
	return memory;
}

void test_free(void *memory)
{
	test_table(0)->free(test_context, memory);
}
