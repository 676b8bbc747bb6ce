/* scenario.c: every entry of a table once, with operands in one piece of memory. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "kernels_test.h"

enum { ROOM = 1 << 17, MOST = 1 << 16 }; /* elements: of all operands, of one */

static const struct pbk_table *t;
static pbk_context *context;
static double *memory, *results;
static int64_t taken;
static int n_results;

static void note(double value)
{
	ck_assert_int_lt(n_results, SCENARIO_RESULTS);
	results[n_results++] = value;
}

/* An operand of random numbers, from `least` to `least` + 2. */
static double *put(int64_t count, double least)
{
	static double host[MOST];
	double *at = memory + taken;
	taken += (count + 7) / 8 * 8;
	ck_assert(count <= MOST && taken <= ROOM);
	for (int64_t i = 0; i < count; i++)
		host[i] = least + 1 + random_value();
	t->upload(context, at, host, (size_t)count * sizeof *host);
	return at;
}

static void take(const double *at, int64_t count)
{
	static double host[MOST];
	memset(host, 0x55, (size_t)count * sizeof *host);
	t->download(context, host, at, (size_t)count * sizeof *host);
	for (int64_t i = 0; i < count; i++)
		note(host[i]);
}

static void run_case(const struct kernel_case *kc)
{
	static const int32_t ids[] = {3, 0, 10, 3, 7};
	struct call call = {.table = t, .context = context, .rows = 5, .n = 19, .ids = ids};
	const int operands = (int)strlen(kc->operands);
	call.sum = put(1, -1);
	for (int k = 0; k < operands; k++)
		call.x[k] = put(case_size(kc, k, call.rows, call.n), strchr("SQ", kc->operands[k]) ? 0.25 : -1);
	kc->kernel(&call);
	note(call.result);
	for (int k = 0; k < operands; k++)
		take(call.x[k], case_size(kc, k, call.rows, call.n));
}

static void run_windows(void)
{
	const struct pbk_nd nd = {.rank = 2, .shape = {7, 6}, .dst_stride = {6, 1}, .src_stride = {1, 7}};
	double *dst = put(42, -1), *src = put(42, -1), *largest = put(1, 0), host[42];
	t->nd_copy(context, &nd, dst, src);
	t->nd_axpy(context, &nd, dst, 0.5, src);
	t->nd_scale(context, &nd, dst, -3);
	note(t->nd_max_difference(context, &nd, dst, src));
	t->nd_raise_difference(context, &nd, dst, src, largest);
	take(largest, 1);
	memset(host, 0x55, sizeof host);
	t->nd_read(context, &nd, host, src);
	for (int i = 0; i < 42; i++)
		note(host[i]);
	take(dst, 42);
	t->nd_fill(context, &nd, dst, 0.25);
	take(dst, 42);
	t->nd_write(context, &nd, dst, host);
	take(dst, 42);
	t->nd_noise(context, &nd, dst, 1, 2, 3, 4);
	take(dst, 42);
	t->copy(context, src + 3, dst, 20 * sizeof *dst);
	t->zero(context, src + 30, 3 * sizeof *dst);
	take(src, 42);
}

/* The first has a long inner dimension, which a device may split: more workspace than before. */
static void run_products(void)
{
	double *a = put(7 * 513, -1), *b = put(513 * 80, -1), *c = put(7 * 80, -1);
	t->gemm(context, true, false, 7, 80, 513, 0.5, a, 7, b, 80, 1, c, 80);
	take(c, 7 * 80);
	t->gemm_batch(context, false, true, 3, 4, 5, 1, a, 5, 15, b, 6, 0, 0, c, 4, 12, 3);
	take(c, 40);
	t->linear(context, 2, (const struct pbk_linear[]){{2, 3, 5, 4, a, b, b + 100, c}, {1, 2, 7, 3, a, b, b, c + 24}});
	t->linear_weights(context, 1, &(struct pbk_linear_weight){true, 2, 3, 5, 4, 5, 8, 0, 4, a, b, c + 32});
	take(c, 72);
	t->linear_inputs(context, true, 2, 3, 5, 4, c, 2, (const struct pbk_linear_input[]){{a, b}, {a + 24, b + 40}});
	take(c, 15);
}

static void run_steps(void)
{
	enum { N = 9, K = 20, M = 4 };
	static const int32_t ids[] = {3, 0, 3}, grads[] = {1, -1, 0};
	const struct pbk_step step = {.adam = true, .lr = 0.05, .decay = 0.995, .eps = 0.02};
	double *a = put(M * K, -1), *w = put(K * N, -1), *x = put(3 * K, -1), *dy = put(3 * N, -1),
	       *dense = put(K * N, -1);
	double *c = put(2 * M * N, -1), dots[2];
	const struct pbk_gradient factors = {.rank = 3, .ldx = K, .lddy = N, .x = x, .dy = dy},
				  whole = {.dense = dense};
	struct pbk_stepped items[2] = {{M, K, N, a, w, factors, 0.5, true, false, dy, c},
				       {M, K, N, a, w, whole, 0.5, true, true, NULL, c + M * N}};
	t->gemm_stepped(context, &step, N, K, N, 2, items);
	take(c, 2 * M * N);
	const struct pbk_stepped_rows rows = {3, N, w, x, ids, grads, 0.5, true, c};
	t->step_rows(context, &step, true, 1, &rows);
	take(c, 3 * N);
	t->step_dots(context, &step, N, K, w, N, &whole, 2, items, dots);
	note(dots[0]);
	note(dots[1]);
	const struct pbk_gradient_pair pairs[2] = {{K, N, factors, whole}, {K, N, factors, factors}};
	t->gradient_dots(context, 2, pairs, dots);
	note(dots[0]);
	note(dots[1]);
}

static void run_norms(void)
{
	static const int32_t first[] = {0, 2, 2, 5};
	double *x = put(5 * 13, -1), *w = put(3 * 13, -1), *b = put(3 * 13, -1), *y = put(5 * 13, -1);
	double *dy = put(5 * 13, -1), *dx = put(5 * 13, -1);
	t->layer_norm(context, 3, first, 13, 0.1, x, w, b, 13, y);
	take(y, 5 * 13);
	t->layer_norm_backward(context, 5, 13, 0.1, x, w, dy, dx, y);
	take(dx, 5 * 13);
	take(y, 5 * 13);
}

static void run_attention(void)
{
	enum { QUERIES = 3, ROWS = 4, HEADS = 2, E = 5, WIDTH = HEADS * E };
	static const int32_t first[] = {0, 1, 4, 6}, path[] = {3, 0, 1, 0, 2, 3};
	double *q = put(QUERIES * WIDTH, -1), *z = put(QUERIES * WIDTH, -1), *dz = put(QUERIES * WIDTH, -1);
	double *k = put(ROWS * WIDTH, -1), *v = put(ROWS * WIDTH, -1);
	double *dq = put(QUERIES * WIDTH, -1), *dk = put(ROWS * WIDTH, -1), *dv = put(ROWS * WIDTH, -1);
	const struct pbk_paths item = {QUERIES, q, k, v, first, path, z};
	t->attend(context, HEADS, E, 1, &item);
	take(z, QUERIES * WIDTH);
	t->attend_backward(context, true, HEADS, E, &item, dz, ROWS, dq, dk, dv);
	take(dq, QUERIES * WIDTH);
	take(dk, ROWS * WIDTH);
	take(dv, ROWS * WIDTH);
}

static void run_rows_used(void)
{
	int64_t used[4] = {0};
	double *x = put(4 * 30, -1);
	int64_t *counted = (int64_t *)put(4, -1);
	t->zero(context, x, 30 * sizeof *x);
	t->zero(context, x + 45, 15 * sizeof *x);
	t->zero(context, counted, sizeof used);
	t->rows_used(context, 1, &(struct pbk_blocks){x, 4, 6, 5, 5, 30, counted});
	t->download(context, used, counted, sizeof used);
	for (int i = 0; i < 4; i++) {
		ck_assert(used[i] >= 0 && used[i] <= 6);
		note((double)used[i]);
	}
}

int run_scenario(const struct pbk_table *table, pbk_context *in, double out[SCENARIO_RESULTS])
{
	static double ignored[SCENARIO_RESULTS];
	t = table;
	context = in;
	results = out ? out : ignored;
	taken = n_results = 0;
	memory = t->alloc(context, ROOM * sizeof *memory);
	if (!memory)
		return PBK_E_NOMEM;
	random_seed(17);
	for (int i = 0; i < n_kernel_cases; i++)
		run_case(&kernel_cases[i]);
	run_windows();
	run_products();
	run_steps();
	run_norms();
	run_attention();
	run_rows_used();
	const int failure = t->sync(context);
	t->free(context, memory);
	return failure;
}

int count_results(void)
{
	return n_results;
}

void expect_scenario(const struct pbk_table *table, pbk_context *in, const char *what)
{
	static double got[SCENARIO_RESULTS], want[SCENARIO_RESULTS];
	pbk_context *cpu = pbk_cpu_open(1);
	ck_assert_ptr_nonnull(cpu);
	ck_assert_int_eq(run_scenario(pbk_cpu_f64(), cpu, want), PBK_OK);
	const int count = count_results();
	pbk_cpu_close(cpu);
	ck_assert_int_eq(run_scenario(table, in, got), PBK_OK);
	ck_assert_int_eq(count_results(), count);
	for (int i = 0; i < count; i++)
		EXPECT(nearly(got[i], want[i], 1e-12), "%s: result %d of %d is %.17g, expected %.17g", what, i, count,
		       got[i], want[i]);
}
