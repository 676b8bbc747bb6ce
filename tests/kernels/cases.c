/* cases.c: the kernels on rows and vectors, each next to its formula. */
#include "cases.h"

#include <math.h>
#include <stddef.h>

#define D(k) ((double *)c->x[k])

int64_t case_side(int64_t n)
{
	return n % 13 + (n > 0);
}

int64_t case_size(const struct kernel_case *kc, int operand, int64_t rows, int64_t n)
{
	switch (kc->operands[operand]) {
	case 'N': return n;
	case 'R':
	case 'S': return rows;
	case 'T': return VOCAB * n;
	case 'C': return rows * case_side(n) * case_side(n);
	default: return rows * n;
	}
}

/* Declares a case's two functions: k(ernel) by the table, f(ormula) by loops over i = rows*n elements or r, j. */
#define KERNEL(name, ...)                                                                                              \
	static void k_##name(struct call *c)                                                                           \
	{                                                                                                              \
		const struct pbk_table *t = c->table;                                                                  \
		pbk_context *ctx = c->context;                                                                         \
		const int64_t rows = c->rows, n = c->n;                                                                \
		(void)rows, (void)n;                                                                                   \
		__VA_ARGS__;                                                                                           \
	}
#define FORMULA(name, ...)                                                                                             \
	static void f_##name(struct call *c)                                                                           \
	{                                                                                                              \
		const int64_t rows = c->rows, n = c->n;                                                                \
		__VA_ARGS__;                                                                                           \
	}
#define EACH(i)        for (int64_t i = 0; i < rows * n; i++)
#define EACH_ROW(r)    for (int64_t r = 0; r < rows; r++)
#define EACH_COLUMN(j) for (int64_t j = 0; j < n; j++)

static double row_mean(const double *x, int64_t n)
{
	double total = 0;
	EACH_COLUMN(j) total += x[j];
	return total / (double)n;
}

static double row_dot(const double *x, const double *y, int64_t n)
{
	double total = 0;
	EACH_COLUMN(j) total += x[j] * y[j];
	return total;
}

/* Vectors. */
KERNEL(add, t->add(ctx, rows *n, c->x[2], c->x[0], c->x[1]))
FORMULA(add, EACH(i) D(2)[i] = D(0)[i] + D(1)[i])
KERNEL(add_to, t->add(ctx, rows *n, c->x[0], c->x[0], c->x[1]))
FORMULA(add_to, EACH(i) D(0)[i] += D(1)[i])
KERNEL(axpy, t->axpy(ctx, rows *n, 0.7, c->x[0], c->x[1]))
FORMULA(axpy, EACH(i) D(1)[i] += 0.7 * D(0)[i])
static void k_sum_squares(struct call *c)
{
	const struct pbk_vector all = {c->x[0], c->rows * c->n};
	c->table->sum_squares(c->context, 1, &all, c->sum);
	c->table->download(c->context, &c->result, c->sum, sizeof c->result);
}
FORMULA(sum_squares, EACH(i) c->result += D(0)[i] * D(0)[i])

/* Rows. */
KERNEL(bias_add, t->bias_add(ctx, rows, n, c->x[0], c->x[1]))
FORMULA(bias_add, EACH(i) D(0)[i] += D(1)[i % n])
KERNEL(sum_rows, t->sum_rows(ctx, 1, &(struct pbk_row_sum){true, 1, rows, n, c->x[0], NULL, c->x[1]}))
FORMULA(sum_rows, EACH(i) D(1)[i % n] += D(0)[i])
KERNEL(sum_blocks, t->sum_rows(ctx, 1, &(struct pbk_row_sum){true, rows, 1, n, c->x[0], NULL, c->x[1]}))
FORMULA(sum_blocks, EACH(i) D(1)[i] += D(0)[i])
KERNEL(sum_rows_product, t->sum_rows(ctx, 1, &(struct pbk_row_sum){true, 1, rows, n, c->x[0], c->x[1], c->x[2]}))
FORMULA(sum_rows_product, EACH(i) D(2)[i % n] += D(0)[i] * D(1)[i])
KERNEL(gather_rows, t->gather_rows(ctx, rows, n, c->x[0], c->ids, c->x[1]))
FORMULA(gather_rows, EACH(i) D(1)[i] = D(0)[c->ids[i / n] * n + i % n])
KERNEL(scatter_add_rows, t->scatter_add_rows(ctx, rows, n, c->x[0], c->ids, c->x[1]))
FORMULA(scatter_add_rows, EACH(i) D(0)[c->ids[i / n] * n + i % n] += D(1)[i])

/* Layer norm. */
KERNEL(center, t->center(ctx, rows, n, c->x[0], c->x[1]))
FORMULA(
	center, EACH_ROW(r) {
		const double mean = row_mean(D(0) + r * n, n);
		EACH_COLUMN(j) D(1)[r * n + j] = D(0)[r * n + j] - mean;
	})
KERNEL(center_backward, t->center_backward(ctx, rows, n, c->x[0], c->x[1]))
FORMULA(
	center_backward, EACH_ROW(r) {
		const double mean = row_mean(D(0) + r * n, n);
		EACH_COLUMN(j) D(1)[r * n + j] += D(0)[r * n + j] - mean;
	})
KERNEL(rms, t->rms(ctx, rows, n, 0.01, c->x[0], c->x[1]))
FORMULA(rms, EACH_ROW(r) D(1)[r] = sqrt(row_dot(D(0) + r * n, D(0) + r * n, n) / (double)n + 0.01))
KERNEL(rms_backward, t->rms_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2], c->x[3]))
FORMULA(rms_backward, EACH(i) D(3)[i] += D(2)[i / n] * D(0)[i] / ((double)n * D(1)[i / n]))
KERNEL(divide, t->divide(ctx, rows, n, c->x[0], c->x[1], c->x[2]))
FORMULA(divide, EACH(i) D(2)[i] = D(0)[i] / D(1)[i / n])
KERNEL(divide_backward, t->divide_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2], c->x[3], c->x[4]))
FORMULA(
	divide_backward, EACH(i) {
		D(3)[i] += D(2)[i] / D(1)[i / n];
		D(4)[i / n] -= D(2)[i] * D(0)[i] / (D(1)[i / n] * D(1)[i / n]);
	})
KERNEL(divide_backward_x, t->divide_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2], c->x[3], NULL))
FORMULA(divide_backward_x, EACH(i) D(3)[i] += D(2)[i] / D(1)[i / n])
KERNEL(divide_backward_scale, t->divide_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2], NULL, c->x[3]))
FORMULA(divide_backward_scale, EACH(i) D(3)[i / n] -= D(2)[i] * D(0)[i] / (D(1)[i / n] * D(1)[i / n]))
KERNEL(affine, t->affine(ctx, rows, n, c->x[0], c->x[1], c->x[2], c->x[3]))
FORMULA(affine, EACH(i) D(3)[i] = D(0)[i] * D(1)[i % n] + D(2)[i % n])
KERNEL(affine_backward, t->affine_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2]))
FORMULA(affine_backward, EACH(i) D(2)[i] += D(1)[i] * D(0)[i % n])

/* Activations; the tanh form is written here with the constants spelled out. */
static double relu(double x)
{
	return x > 0 ? x : 0;
}

static double relu_slope(double x)
{
	return x > 0;
}

static double gelu(double x)
{
	return x * 0.5 * erfc(-x / sqrt(2));
}

static double gelu_slope(double x)
{
	return 0.5 * erfc(-x / sqrt(2)) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
}

static double gelu_new(double x)
{
	return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * pow(x, 3))));
}

static double gelu_new_slope(double x)
{
	const double u = sqrt(2 / M_PI) * (x + 0.044715 * pow(x, 3)), du = sqrt(2 / M_PI) * (1 + 0.134145 * x * x);
	return 0.5 * (1 + tanh(u)) + 0.5 * x * du / (cosh(u) * cosh(u));
}

static double silu(double x)
{
	return x / (1 + exp(-x));
}

static double silu_slope(double x)
{
	return (1 + exp(-x) * (1 + x)) / ((1 + exp(-x)) * (1 + exp(-x)));
}

#define ACTIVATION(name, kind)                                                                                         \
	KERNEL(name, t->act(ctx, kind, rows *n, c->x[0], c->x[1]))                                                     \
	FORMULA(name, EACH(i) D(1)[i] = name(D(0)[i]))                                                                 \
	KERNEL(name##_backward, t->act_backward(ctx, kind, true, rows *n, c->x[0], c->x[1], c->x[2]))                  \
	FORMULA(name##_backward, EACH(i) D(2)[i] += D(1)[i] * name##_slope(D(0)[i]))                                   \
	KERNEL(name##_slopes, t->act_backward(ctx, kind, false, rows *n, c->x[0], c->x[1], c->x[2]))                   \
	FORMULA(name##_slopes, EACH(i) D(2)[i] = D(1)[i] * name##_slope(D(0)[i]))
ACTIVATION(relu, PBK_RELU)
ACTIVATION(gelu, PBK_GELU)
ACTIVATION(gelu_new, PBK_GELU_NEW)
ACTIVATION(silu, PBK_SILU)

/* Attention. */
static void fill_future(struct call *c, double value)
{
	const int64_t p = case_side(c->n);
	for (int64_t i = 0; i < c->rows * p * p; i++)
		if (i % p > i / p % p)
			D(0)[i] = value;
}

KERNEL(causal_mask, t->causal_mask(ctx, rows, case_side(n), c->x[0]))
static void f_causal_mask(struct call *c)
{
	fill_future(c, -INFINITY);
}

KERNEL(causal_zero, t->causal_zero(ctx, rows, case_side(n), c->x[0]))
static void f_causal_zero(struct call *c)
{
	fill_future(c, 0);
}

KERNEL(softmax, t->softmax(ctx, rows, n, c->x[0], c->x[1]))
FORMULA(
	softmax, EACH_ROW(r) {
		double total = 0;
		EACH_COLUMN(j) total += exp(D(0)[r * n + j]);
		EACH_COLUMN(j) D(1)[r * n + j] = exp(D(0)[r * n + j]) / total;
	})
KERNEL(softmax_backward, t->softmax_backward(ctx, rows, n, c->x[0], c->x[1], c->x[2]))
FORMULA(
	softmax_backward, EACH_ROW(r) {
		const double mean = row_dot(D(0) + r * n, D(1) + r * n, n);
		EACH_COLUMN(j) D(2)[r * n + j] += D(0)[r * n + j] * (D(1)[r * n + j] - mean);
	})

/* Optimizers; the algorithms as a whole are tested in tests/optim. */
static const struct pbk_adam adamw = {0.01, 0.9, 0.98, 1e-8, 0.1, 0.271, 0.0588, true, 0.5};
static const struct pbk_adam adam = {0.01, 0.3, 0.98, 1e-8, 0.1, 0.973, 0.0588, false, 1};
static const struct pbk_sgd sgd = {.lr = 0.1, .weight_decay = 0.2, .grad_scale = 0.5};
static const struct pbk_sgd momentum = {0.1, 0.9, 0.3, 0.2, 0.5, false, false};
static const struct pbk_sgd nesterov = {0.1, 0.9, 0, 0.2, 0.5, true, false};
static const struct pbk_sgd first = {0.1, 0.9, 0.3, 0.2, 0.5, false, true};

static void adam_formula(struct call *c, const struct pbk_adam *a)
{
	for (int64_t i = 0; i < c->rows * c->n; i++) {
		double *p = D(0) + i, *m = D(2) + i, *v = D(3) + i;
		const double g = a->grad_scale * D(1)[i] + (a->decoupled ? 0 : a->weight_decay * *p);
		*m = a->beta1 * *m + (1 - a->beta1) * g;
		*v = a->beta2 * *v + (1 - a->beta2) * g * g;
		*p -= (a->decoupled ? a->lr * a->weight_decay * *p : 0) +
		      a->lr * (*m / a->bias1) / (sqrt(*v / a->bias2) + a->eps);
	}
}

static void sgd_formula(struct call *c, const struct pbk_sgd *s)
{
	for (int64_t i = 0; i < c->rows * c->n; i++) {
		double *p = D(0) + i, g = s->grad_scale * D(1)[i] + s->weight_decay * *p;
		if (s->momentum > 0) {
			double *b = D(2) + i;
			*b = s->first ? g : s->momentum * *b + (1 - s->dampening) * g;
			g = s->nesterov ? g + s->momentum * *b : *b;
		}
		*p -= s->lr * g;
	}
}

#define ADAM(name)                                                                                                     \
	KERNEL(name, t->adam(ctx, &name, rows *n, c->x[0], c->x[1], c->x[2], c->x[3]))                                 \
	static void f_##name(struct call *c)                                                                           \
	{                                                                                                              \
		adam_formula(c, &name);                                                                                \
	}
#define SGD(name)                                                                                                      \
	KERNEL(name, t->sgd(ctx, &name, rows *n, c->x[0], c->x[1], c->x[2]))                                           \
	static void f_##name(struct call *c)                                                                           \
	{                                                                                                              \
		sgd_formula(c, &name);                                                                                 \
	}
ADAM(adamw)
ADAM(adam)
SGD(sgd)
SGD(momentum)
SGD(nesterov)
SGD(first)

#define CASE(name, operands, by_row)                                                                                   \
	{                                                                                                              \
#name, operands, k_##name, f_##name, by_row                                                            \
	}
const struct kernel_case kernel_cases[] = {
	CASE(add, "MMM", true),
	CASE(add_to, "MM", true),
	CASE(axpy, "MM", true),
	CASE(sum_squares, "M", false),
	CASE(bias_add, "MN", true),
	CASE(sum_rows, "MN", false),
	CASE(sum_blocks, "MM", true),
	CASE(sum_rows_product, "MMN", false),
	CASE(gather_rows, "TM", true),
	CASE(scatter_add_rows, "TM", false),
	CASE(center, "MM", true),
	CASE(center_backward, "MM", true),
	CASE(rms, "MR", true),
	CASE(rms_backward, "MSRM", true),
	CASE(divide, "MSM", true),
	CASE(divide_backward, "MSMMR", true),
	CASE(divide_backward_x, "MSMM", true),
	CASE(divide_backward_scale, "MSMR", true),
	CASE(affine, "MNNM", true),
	CASE(affine_backward, "NMM", true),
	CASE(relu, "MM", true),
	CASE(relu_backward, "MMM", true),
	CASE(relu_slopes, "MMM", true),
	CASE(gelu, "MM", true),
	CASE(gelu_backward, "MMM", true),
	CASE(gelu_slopes, "MMM", true),
	CASE(gelu_new, "MM", true),
	CASE(gelu_new_backward, "MMM", true),
	CASE(gelu_new_slopes, "MMM", true),
	CASE(silu, "MM", true),
	CASE(silu_backward, "MMM", true),
	CASE(silu_slopes, "MMM", true),
	CASE(causal_mask, "C", true),
	CASE(causal_zero, "C", true),
	CASE(softmax, "MM", true),
	CASE(softmax_backward, "MMM", true),
	CASE(adamw, "MMMQ", true),
	CASE(adam, "MMMQ", true),
	CASE(sgd, "MM", true),
	CASE(momentum, "MMM", true),
	CASE(nesterov, "MMM", true),
	CASE(first, "MMM", true),
};
const int n_kernel_cases = sizeof kernel_cases / sizeof *kernel_cases;
