/* test_backend.c: the CUDA backend on the emulated device, as the program opens it: what open says, failures, staging
 * of long lists, and that device memory is left to the device. Each test is a process of its own. */
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"
#include "scenario.h"
#include "support/support.h"

/* More than a scenario makes of them. */
enum { MOST_ALLOCATIONS = 20, MOST_LAUNCHES = 120 };

static const struct pbk_table *table; /* f64 */
static pbk_context *context;

/* Opens after the environment has been set. */
static void open_with(const char *name, const char *value)
{
	if (name)
		setenv(name, value, 1);
	context = new_context(1);
	table = test_backend()->f64;
}

static void close_all(void)
{
	free_context(context);
}

static void *uploaded(const void *host, size_t size)
{
	void *memory = table->alloc(context, size);
	ck_assert_ptr_nonnull(memory);
	table->upload(context, memory, host, size);
	return memory;
}

static const struct {
	const char *fails;
	int device;
	enum pbk_matmul matmul;
	const char *says;
} refusals[] = {
	{"driver", 0, PBK_MATMUL_F32, "the NVIDIA driver is too old: it supports CUDA 12.8, and CUDA 13 is needed"},
	{"device", 0, PBK_MATMUL_F32, "no CUDA-capable device is detected"},
	{"", 1, PBK_MATMUL_F32, "there is no CUDA device 1: this machine has 1"},
	{"", -1, PBK_MATMUL_F32, "there is no CUDA device -1: this machine has 1"},
	{"blas", 0, PBK_MATMUL_TF32, "cuBLAS cannot be used: the library was not initialized"},
	{"blas", 0, PBK_MATMUL_BF16X3, "cuBLAS cannot be used: the library was not initialized"},
};
enum { N_REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(open_says_what_is_wrong)
{
	char why[256] = "", little[16];
	const struct pbk_backend *backend = test_backend();
	setenv("PBK_EMULATION_FAIL", refusals[_i].fails, 1);
	ck_assert_ptr_null(backend->open(refusals[_i].device, refusals[_i].matmul, why, sizeof why));
	ck_assert_msg(strstr(why, refusals[_i].says) != NULL, "\"%s\"", why);
	memset(little, '#', sizeof little);
	ck_assert_ptr_null(backend->open(7, PBK_MATMUL_F32, little, 8));
	ck_assert(memchr(little, 0, 8) != NULL && little[8] == '#');
}
END_TEST

START_TEST(device_is_described)
{
	char text[256], little[16];
	open_with(NULL, NULL);
	ck_assert_str_eq(test_backend()->name, "cuda");
	ck_assert_str_eq(test_backend()->f32->name, "cuda f32");
	ck_assert_str_eq(table->name, "cuda f64");
	ck_assert_uint_eq(test_backend()->f32->real_size, sizeof(float));
	ck_assert_uint_eq(table->real_size, sizeof(double));
	test_backend()->describe(context, text, sizeof text);
	ck_assert_str_eq(text, "emulated, driver for CUDA 13.0, runtime 13.0");
	memset(little, '#', sizeof little);
	test_backend()->describe(context, little, 8);
	ck_assert(memchr(little, 0, 8) != NULL && little[8] == '#');
	ck_assert_uint_eq(test_backend()->memory_free(context), 1 << 30);
	close_all();
}
END_TEST

/* No entry was forgotten: they are pointers, all of them, behind the name and the size. */
START_TEST(tables_are_full)
{
	for (int i = 0; i < 2; i++) {
		const struct pbk_table *t = i ? test_backend()->f64 : test_backend()->f32;
		void *entry[(sizeof *t - offsetof(struct pbk_table, alloc)) / sizeof(void *)];
		memcpy(entry, (const char *)t + offsetof(struct pbk_table, alloc), sizeof entry);
		for (size_t k = 0; k < sizeof entry / sizeof *entry; k++)
			ck_assert_msg(entry[k] != NULL, "%s: entry %d", t->name, (int)k);
	}
}
END_TEST

START_TEST(memory_that_is_not_there_is_no_failure)
{
	open_with("PBK_EMULATION_FAIL", "malloc:2");
	void *first = table->alloc(context, 100);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(table->alloc(context, 100));
	ck_assert_int_eq(table->sync(context), PBK_OK);
	void *third = table->alloc(context, 100);
	ck_assert_ptr_nonnull(third);
	ck_assert_ptr_null(table->alloc(context, SIZE_MAX));
	ck_assert_int_eq(table->sync(context), PBK_OK);
	table->free(context, first);
	table->free(context, third);
	close_all();
}
END_TEST

START_TEST(bytes_go_there_and_back)
{
	const size_t size = (1 << 20) + 4097;
	char *host = malloc(size), *back = malloc(size);
	ck_assert(host && back);
	open_with("PBK_EMULATION_GUARD", "1");
	for (size_t i = 0; i < size; i++)
		host[i] = (char)(i * 7 + i / 251);
	char *a = uploaded(host, size), *b = uploaded(host, size);
	table->zero(context, a, size);
	table->copy(context, a + 13, b + 5, 70001);
	table->upload(context, a + size - 3, "xyz", 3);
	for (char *p = a; p; p = NULL) { /* of no bytes at all */
		table->zero(context, p, 0);
		table->copy(context, p, b, 0);
		table->upload(context, p, host, 0);
		table->download(context, back, p, 0);
	}
	table->download(context, back, a, size);
	for (size_t i = 0; i < size; i++) {
		const char moved = i >= 13 && i < 13 + 70001 ? host[i - 8] : 0;
		EXPECT(back[i] == (i >= size - 3 ? "xyz"[i - (size - 3)] : moved), "byte %d is %d", (int)i, back[i]);
	}
	table->download(context, back, b, size);
	ck_assert_mem_eq(back, host, size);
	ck_assert_int_eq(table->sync(context), PBK_OK);
	table->free(context, a);
	table->free(context, b);
	free(host);
	free(back);
	close_all();
}
END_TEST

static double device_at(const double *memory, int64_t i)
{
	double value;
	table->download(context, &value, memory + i, sizeof value);
	return value;
}

START_TEST(lost_device_is_remembered)
{
	const double ones[4] = {1, 1, 1, 1};
	double back[4];
	open_with("PBK_EMULATION_FAIL", "launch:2");
	double *a = uploaded(ones, sizeof ones), *b = uploaded(ones, sizeof ones);
	table->add(context, 4, b, a, a);
	ck_assert_double_eq(device_at(b, 3), 2);
	ck_assert_int_eq(table->sync(context), PBK_OK);
	table->add(context, 4, b, a, a);
	for (int again = 0; again < 2; again++) {
		/* Before sync and behind it. */
		memset(back, 0x55, sizeof back);
		table->download(context, back, b, sizeof back);
		for (int i = 0; i < 4; i++)
			ck_assert_double_eq(back[i], 0);
		ck_assert_ptr_null(table->alloc(context, 100));
		table->add(context, 4, b, a, a);
		table->zero(context, a, sizeof ones);
		table->copy(context, a, b, sizeof ones);
		table->upload(context, a, ones, sizeof ones);
		table->sum_squares(context, 1, &(struct pbk_vector){a, 4}, a);
		ck_assert_int_eq(table->sync(context), PBK_E_DEVICE);
		ck_assert_str_eq(table->why(context), "unspecified launch failure");
	}
	table->free(context, a);
	table->free(context, b);
	test_backend()->memory_free(context);
	close_all();
}
END_TEST

/* Lists longer than the 8 MiB that are kept for them, then thousands of short ones, past the end of that memory. */
START_TEST(lists_of_every_length_arrive)
{
	enum { MOST = 1200000, SMALL = 3000, WORDS = 1000 };
	double *host = malloc(MOST * sizeof *host);
	ck_assert_ptr_nonnull(host);
	open_with(NULL, NULL); /* guarding that much memory takes its time with each call */
	for (int i = 0; i < MOST; i++)
		host[i] = i;
	double *words = uploaded(host, WORDS * sizeof *words), back[128];
	double *memory = table->alloc(context, MOST * sizeof *memory);
	ck_assert_ptr_nonnull(memory);
	const struct pbk_nd nd = {.rank = 1, .shape = {MOST}, .dst_stride = {1}, .src_stride = {1}};
	table->nd_write(context, &nd, memory, host);
	memset(host, 0, MOST * sizeof *host);
	table->download(context, host, memory, MOST * sizeof *host);
	for (int i = 0; i < MOST; i++)
		EXPECT(host[i] == i, "element %d is %g", i, host[i]);
	for (int call = 0; call < SMALL; call++) {
		int32_t ids[128];
		const int rows = 1 + call % 128;
		for (int i = 0; i < 128; i++)
			ids[i] = (call * 31 + i * i) % WORDS;
		table->gather_rows(context, rows, 1, words, ids, memory);
		for (int i = 0; i < 128; i++)
			ids[i] = -1; /* they have been copied */
		table->download(context, back, memory, (size_t)rows * sizeof *back);
		for (int i = 0; i < rows; i++)
			EXPECT(back[i] == (call * 31 + i * i) % WORDS, "call %d: row %d is %g", call, i, back[i]);
	}
	ck_assert_int_eq(table->sync(context), PBK_OK);
	table->free(context, memory);
	table->free(context, words);
	free(host);
	close_all();
}
END_TEST

/* A list of 12 MiB at once: groups of layer_norm, most of them empty. A row of one element becomes its group's b. */
START_TEST(one_list_may_be_longer_than_what_is_kept)
{
	enum { GROUPS = 3 << 20, ROWS = 10 };
	int32_t *first = calloc(GROUPS + 1, sizeof *first);
	double *b = malloc(GROUPS * sizeof *b), y[ROWS];
	ck_assert(first && b);
	open_with("PBK_EMULATION_GUARD", "1");
	for (int i = 0; i < GROUPS; i++)
		b[i] = i;
	double *vectors = uploaded(b, GROUPS * sizeof *b), *rows = uploaded(b, sizeof y);
	for (int round = 0; round < 3; round++) {
		const int groups = round == 1 ? GROUPS : 100, apart = groups / ROWS; /* row r is in group r*apart */
		for (int g = 0; g <= groups; g++)
			first[g] = g ? (g - 1) / apart + 1 < ROWS ? (g - 1) / apart + 1 : ROWS : 0;
		table->layer_norm(context, groups, first, 1, 1e-5, rows, vectors, vectors, 1, rows);
		table->download(context, y, rows, sizeof y);
		for (int r = 0; r < ROWS; r++)
			EXPECT(y[r] == r * apart, "round %d: row %d has %g", round, r, y[r]);
	}
	ck_assert_int_eq(table->sync(context), PBK_OK);
	table->free(context, vectors);
	table->free(context, rows);
	free(first);
	free(b);
	close_all();
}
END_TEST

enum { LAUNCHES = 9, MOST_LISTS = 300 };

/* List n adds 1 to the first n elements, LAUNCHES times. */
static void send_lists(int first, int last, int rounds, double *y, const double *ones)
{
	for (int round = 0; round < rounds; round++)
		for (int n = first; n <= last; n++) {
			for (int i = 0; i < LAUNCHES; i++)
				table->add(context, n, y, y, ones);
			ck_assert_int_eq(table->sync(context), PBK_OK);
		}
}

/* Lists that come again are replayed: some, more than are kept, and others when the first come no more. Whatever the device
 * refuses, the lists arrive. */
static const struct {
	const char *fail;
	int lists, later, rounds; /* of those from `later` on, further rounds */
} again[] = {{"", 20, 1, 2},         {"", MOST_LISTS, 1, 2},      {"", MOST_LISTS, 270, 40},    {"capture", 20, 1, 2},
	     {"capture:2", 20, 1, 2}, {"instantiate:2", 20, 1, 2}, {"upload", 20, 1, 2},         {"upload:3", 20, 1, 2},
	     {"graph", 20, 1, 2},     {"graph:30", 20, 1, 2},      {"instantiate", 20, 1, 2}};

START_TEST(lists_come_again)
{
	double y[MOST_LISTS] = {0}, ones[MOST_LISTS];
	const int lists = again[_i].lists, later = again[_i].later;
	open_with("PBK_EMULATION_FAIL", again[_i].fail);
	for (int i = 0; i < MOST_LISTS; i++)
		ones[i] = 1;
	double *device_y = uploaded(y, sizeof y), *device_ones = uploaded(ones, sizeof ones);
	send_lists(1, lists, 2, device_y, device_ones);
	send_lists(later, lists, again[_i].rounds, device_y, device_ones);
	table->download(context, y, device_y, sizeof y);
	for (int i = 0; i < MOST_LISTS; i++) {
		const int all = i < lists ? lists - i : 0, rest = i < later - 1 ? lists - later + 1 : all;
		const double want = LAUNCHES * (2 * all + again[_i].rounds * rest);
		EXPECT(y[i] == want, "element %d is %g, not %g", i, y[i], want);
	}
	table->free(context, device_y);
	table->free(context, device_ones);
	close_all();
}
END_TEST

/* Every kind of kernel on memory that the host cannot touch, against the CPU. */
START_TEST(kernels_leave_device_memory_to_the_device)
{
	open_with("PBK_EMULATION_GUARD", "1");
	expect_scenario(table, context, "guarded");
	close_all();
}
END_TEST

/* Whatever allocation fails, sync tells, nothing is touched that must not be, and the next time all is well. */
START_TEST(any_allocation_may_fail)
{
	char fail[32];
	snprintf(fail, sizeof fail, "malloc:%d", _i + 1);
	open_with("PBK_EMULATION_FAIL", fail);
	const int failure = run_scenario(table, context, NULL);
	ck_assert(failure == PBK_E_NOMEM || (failure == PBK_OK && _i > 2)); /* operands, lists, workspace fail */
	ck_assert(failure == PBK_OK || _i < MOST_ALLOCATIONS - 1);          /* else there are more to try */
	if (_i && failure)                                                  /* the first is the caller's own */
		ck_assert_str_eq(table->why(context), "out of memory");
	unsetenv("PBK_EMULATION_FAIL");
	expect_scenario(table, context, fail);
	close_all();
}
END_TEST

/* And wherever the device is lost, the rest does no harm. */
START_TEST(device_may_be_lost_anywhere)
{
	char fail[32];
	snprintf(fail, sizeof fail, "launch:%d", _i + 1);
	open_with("PBK_EMULATION_FAIL", fail);
	const int failure = run_scenario(table, context, NULL);
	ck_assert(failure == PBK_E_DEVICE || (failure == PBK_OK && _i > 40)); /* a launch for each entry, or more */
	ck_assert(failure == PBK_OK || _i < MOST_LAUNCHES - 1);
	if (failure) {
		ck_assert_str_eq(table->why(context), "unspecified launch failure");
		ck_assert_int_eq(table->sync(context), PBK_E_DEVICE);
	}
	close_all();
}
END_TEST

START_TEST(host_cannot_touch_device_memory)
{
	const double one = 1;
	open_with("PBK_EMULATION_GUARD", "1");
	volatile double *memory = uploaded(&one, sizeof one);
	table->add(context, 1, (void *)memory, (void *)memory, (void *)memory);
	signal(SIGSEGV, SIG_DFL); /* a sanitizer would make something else of it */
	if (_i)
		*memory = 1;
	else
		ck_assert_double_eq(*memory, 2);
}
END_TEST

int main(void)
{
	unsetenv("CK_FORK"); /* the emulation reads its environment once in a process */
	if (!getenv("PB_TEST_BACKEND")) {
		fprintf(stderr, "PB_TEST_BACKEND must name patchbay-cuda-emulated.so\n");
		return EXIT_FAILURE;
	}
	Suite *suite = suite_create("cuda");
	TCase *tcase = tcase_create("backend");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, open_says_what_is_wrong, 0, N_REFUSALS);
	tcase_add_test(tcase, device_is_described);
	tcase_add_test(tcase, tables_are_full);
	tcase_add_test(tcase, memory_that_is_not_there_is_no_failure);
	tcase_add_test(tcase, bytes_go_there_and_back);
	tcase_add_test(tcase, lost_device_is_remembered);
	tcase_add_test(tcase, lists_of_every_length_arrive);
	tcase_add_test(tcase, one_list_may_be_longer_than_what_is_kept);
	tcase_add_loop_test(tcase, lists_come_again, 0, sizeof again / sizeof *again);
	tcase_add_test(tcase, kernels_leave_device_memory_to_the_device);
	tcase_add_loop_test(tcase, any_allocation_may_fail, 0, MOST_ALLOCATIONS);
	tcase_add_loop_test(tcase, device_may_be_lost_anywhere, 0, MOST_LAUNCHES);
	tcase_add_loop_test_raise_signal(tcase, host_cannot_touch_device_memory, SIGSEGV, 0, 2);
	return pb_test_run(suite, NULL);
}
