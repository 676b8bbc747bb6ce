/* kernels.h: everything that computes, as one table of functions per device and element type.
 *
 * A table is filled with plain C first; faster entries are written over it (kernels/cpu/table.c), each tested against
 * the plain one. The CUDA table has the same entries. `void *` operands point to elements of the table's type, in the
 * memory of the table's device; matrices are row-major; `ld` is the distance between rows in elements. Operands of one
 * call must not overlap, except where a comment says in place.
 *
 * Calls are ordered but may be asynchronous. A failure is remembered in the context; `sync` waits and returns it. Pure
 * functions of their arguments: neither the number of threads nor other rows change a row's bits.
 */
#ifndef PBK_KERNELS_H
#define PBK_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PBK_MAX_RANK 6

enum pbk_error {
	PBK_OK = 0,
	PBK_E_NOMEM,
	PBK_E_DEVICE,
};

enum pbk_act {
	PBK_RELU = 0,
	PBK_GELU,     /* x * Phi(x), by erf: PyTorch's gelu */
	PBK_GELU_NEW, /* tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
	PBK_SILU,     /* x / (1 + exp(-x)) */
};

struct pbk_context; /* threads, streams, workspace, the remembered failure */

/* An N-dimensional loop; strides in elements. */
struct pbk_nd {
	int rank;
	int64_t shape[PBK_MAX_RANK];
	int64_t dst_stride[PBK_MAX_RANK];
	int64_t src_stride[PBK_MAX_RANK]; /* unused with one operand */
};

/* Constants of one optimizer step. PyTorch's definitions, in its order of operations. */
struct pbk_adam {
	double lr, beta1, beta2, eps, weight_decay;
	double bias1, bias2; /* 1 - beta1^t, 1 - beta2^t */
	bool decoupled;      /* AdamW: p *= 1 - lr*wd first; Adam: g += wd*p */
	double grad_scale;   /* the clip coefficient, multiplied into g */
};

struct pbk_sgd {
	double lr, momentum, dampening, weight_decay, grad_scale;
	bool nesterov, first; /* first: the momentum buffer is set to g */
};

/* The first step of an optimizer from fresh state, in closed form: with g' = grad_scale*g + l2*p,
 * Adam and AdamW leave p*decay - lr*g'/(|g'| + eps), SGD leaves p*decay - lr*g'. Equal to pbk_adam and pbk_sgd at t = 1
 * up to rounding. With decay - 1 in place of decay it is the change of p. */
struct pbk_step {
	bool adam;
	double lr, decay, l2, eps;
};

/* A matrix's gradient [k,n]: X^T dY from factors X [rank,k] and dY [rank,n], or itself where `dense` is given (rank is
 * 0 then). Rank 0 and no `dense`: zero. */
struct pbk_gradient {
	int64_t rank, ldx, lddy;
	const void *x, *dy;
	const void *dense; /* [k,n], contiguous */
};

/* C = A * W' + bias, W' being W [k,n] after a step by the gradient: formed in cache, used at once and dropped. */
struct pbk_stepped {
	int64_t m, lda, ldc;
	const void *a, *w;
	struct pbk_gradient gradient;
	double grad_scale;
	bool present; /* false: no step, W' is W */
	bool add;     /* C is added to, not set */
	const void *bias; /* [n] or NULL */
	void *c;
};

/* y[r] = row host_ids[r] of `table` [.., n] after a step by the gradient in row host_grads[r] of g (-1: zero). */
struct pbk_stepped_rows {
	int64_t rows, n;
	const void *table, *g;
	const int32_t *host_ids, *host_grads;
	double grad_scale;
	bool present; /* false: no step */
	void *y;      /* [rows, n] */
};

/* Attention of `queries` rows, each over its own list of rows of k and v: q, z [queries, heads, e], k, v [.., heads, e];
 * z is the mean of the list's v weighted by softmax(q.k / sqrt(e)). Query i's list is rows
 * host_path[host_first[i] .. host_first[i + 1]), at least one. */
struct pbk_paths {
	int64_t queries;
	const void *q, *k, *v;
	const int32_t *host_first, *host_path;
	void *z;
};

/* torch.nn.functional.linear, of W transposed: y [rows, groups * n] = x [rows, k] W + bias [groups * n]: group g's columns by
 * W_g [k, n], which follow each other. */
struct pbk_linear {
	int64_t groups, rows, k, n;
	const void *x, *w, *bias;
	void *y;
};

/* Part of the gradient by x: dy [rows, groups * n] times W transposed. */
struct pbk_linear_input {
	const void *dy, *w;
};

/* The gradient by W: dw [groups, k, n] = (or +=) x_g^T dy_g, where x_g [rows, k] is at x + g*stride_x, dy_g [rows, n] at dy +
 * g*stride_dy. */
struct pbk_linear_weight {
	bool add;
	int64_t groups, rows, k, n, ldx, lddy, stride_x, stride_dy;
	const void *x, *dy;
	void *dw;
};

/* out[c] = (or +=) the sum of x[c]'s rows, or of their products with y[c]'s where there is y: x, y [count, rows, n], out
 * [count, n]. */
struct pbk_row_sum {
	bool add;
	int64_t count, rows, n;
	const void *x, *y;
	void *out;
};

/* A vector to read. */
struct pbk_vector {
	const void *x;
	int64_t n;
};

/* Blocks x_i [rows, n] to look at: block i is at x + i*stride, its rows are ld apart. */
struct pbk_blocks {
	const void *x;
	int64_t count, rows, n, ld, stride;
	int64_t *used; /* [count], on the device, 0 before */
};

/* The inner product of two gradients of one matrix. */
struct pbk_gradient_pair {
	int64_t k, n;
	struct pbk_gradient a, b;
};

typedef struct pbk_context pbk_context;

struct pbk_table {
	const char *name; /* "cpu f32" */
	size_t real_size;

	/* Memory, 64-byte aligned. NULL when there is none; freeing NULL does nothing. */
	void *(*alloc)(pbk_context *, size_t size);
	void (*free)(pbk_context *, void *);
	void (*zero)(pbk_context *, void *dst, size_t size);
	void (*copy)(pbk_context *, void *dst, const void *src, size_t size);     /* device to device */
	void (*upload)(pbk_context *, void *dst, const void *src, size_t size);   /* host to device; waits */
	void (*download)(pbk_context *, void *dst, const void *src, size_t size); /* device to host; waits */
	void (*submit)(pbk_context *);      /* what was called so far begins, while the host goes on */
	int (*sync)(pbk_context *);         /* waits; enum pbk_error since the last sync or failed */
	int (*failed)(pbk_context *);       /* the same, as far as it is known by now; does not wait */
	const char *(*why)(pbk_context *); /* what the last failure was, as the device says it */

	/* C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C. beta 0: C is not read. A row of C has the same bits in a
	 * product of any number of rows and in a batch. */
	void (*gemm)(pbk_context *, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
		     int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
	/* `count` of them, operands `stride_*` elements apart (0: shared). */
	void (*gemm_batch)(pbk_context *, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
			   const void *a, int64_t lda, int64_t stride_a, const void *b, int64_t ldb, int64_t stride_b,
			   double beta, void *c, int64_t ldc, int64_t stride_c, int64_t count);
	/* A layer, and its gradients. Those of a list do not depend on each other. */
	void (*linear)(pbk_context *, int64_t count, const struct pbk_linear *host_list);
	/* dx [rows, k] = (or +=) the sum of the parts, at least one, of at least one group. */
	void (*linear_inputs)(pbk_context *, bool add, int64_t groups, int64_t rows, int64_t k, int64_t n, void *dx,
			      int64_t count, const struct pbk_linear_input *host_parts);
	void (*linear_weights)(pbk_context *, int64_t count, const struct pbk_linear_weight *host_list);

	/* Strided windows; dst and src may be the same window. */
	void (*nd_copy)(pbk_context *, const struct pbk_nd *, void *dst, const void *src);
	void (*nd_axpy)(pbk_context *, const struct pbk_nd *, void *dst, double a, const void *src);
	void (*nd_scale)(pbk_context *, const struct pbk_nd *, void *dst, double a);
	void (*nd_fill)(pbk_context *, const struct pbk_nd *, void *dst, double a);
	/* Row-major element i = mean + std * normal(seed, stream, i), the generator of core/base/rng.h. */
	void (*nd_noise)(pbk_context *, const struct pbk_nd *, void *dst, double mean, double std, uint64_t seed,
			 uint64_t stream);
	void (*nd_read)(pbk_context *, const struct pbk_nd *, double *host_dst, const void *src); /* waits */
	void (*nd_write)(pbk_context *, const struct pbk_nd *, void *dst, const double *host_src);
	/* Largest |dst - src|; a NaN on one side only gives infinity, equal infinities give 0. Waits. */
	double (*nd_max_difference)(pbk_context *, const struct pbk_nd *, const void *dst, const void *src);
	/* The same, and *largest (on the device) becomes it where it was smaller; does not wait. */
	void (*nd_raise_difference)(pbk_context *, const struct pbk_nd *, const void *dst, const void *src,
				    double *largest);

	/* Whole vectors. */
	void (*add)(pbk_context *, int64_t n, void *y, const void *a, const void *b); /* y = a + b; y may be a or b */
	void (*axpy)(pbk_context *, int64_t n, double a, const void *x, void *y);     /* y += a*x */
	/* sums[i], on the device, = vector i's sum of squares, in double. */
	void (*sum_squares)(pbk_context *, int64_t count, const struct pbk_vector *host_list, double *sums);

	/* Rows: x [rows, n]. */
	void (*bias_add)(pbk_context *, int64_t rows, int64_t n, void *y, const void *bias);     /* y += bias */
	void (*sum_rows)(pbk_context *, int64_t count, const struct pbk_row_sum *host_list);
	/* Of each list's blocks, used[i]: how many rows there are up to the last one with an element that is not 0. */
	void (*rows_used)(pbk_context *, int64_t count, const struct pbk_blocks *host_list);
	void (*gather_rows)(pbk_context *, int64_t rows, int64_t n, const void *table, const int32_t *host_ids,
			    void *y); /* y[r] = table[ids[r]] */
	void (*scatter_add_rows)(pbk_context *, int64_t rows, int64_t n, void *table, const int32_t *host_ids,
				 const void *x); /* table[ids[r]] += x[r], in the order of r */

	/* Layer norm in TransformerLens' steps. Backward kernels add to dx (and dscale). */
	void (*center)(pbk_context *, int64_t rows, int64_t n, const void *x, void *y); /* y = x - mean(x) */
	void (*center_backward)(pbk_context *, int64_t rows, int64_t n, const void *dy, void *dx);
	void (*rms)(pbk_context *, int64_t rows, int64_t n, double eps, const void *x,
		    void *scale); /* scale[r] = sqrt(mean(x^2) + eps) */
	void (*rms_backward)(pbk_context *, int64_t rows, int64_t n, const void *x, const void *scale,
			     const void *dscale, void *dx); /* dx += dscale * x / (n*scale) */
	void (*divide)(pbk_context *, int64_t rows, int64_t n, const void *x, const void *scale, void *y);
	void (*divide_backward)(pbk_context *, int64_t rows, int64_t n, const void *x, const void *scale,
				const void *dy, void *dx, void *dscale); /* dx or dscale may be NULL */
	void (*affine)(pbk_context *, int64_t rows, int64_t n, const void *x, const void *w, const void *b,
		       void *y); /* y = x*w + b */
	void (*affine_backward)(pbk_context *, int64_t rows, int64_t n, const void *w, const void *dy,
				void *dx); /* dx += dy*w */

	/* Elementwise, attention. */
	void (*act)(pbk_context *, enum pbk_act, int64_t n, const void *x, void *y);
	/* dx = (or +=) */
	void (*act_backward)(pbk_context *, enum pbk_act, bool add, int64_t n, const void *x, const void *dy, void *dx);
	/* scores [count, p, p]: -inf where key > query, in place. */
	void (*causal_mask)(pbk_context *, int64_t count, int64_t p, void *scores);
	/* scores' gradient: 0 where key > query, in place. */
	void (*causal_zero)(pbk_context *, int64_t count, int64_t p, void *dscores);
	void (*softmax)(pbk_context *, int64_t rows, int64_t n, const void *x, void *y); /* -inf gives exactly 0 */
	void (*softmax_backward)(pbk_context *, int64_t rows, int64_t n, const void *y, const void *dy,
				 void *dx); /* dx += y*(dy - sum(y*dy)) */

	/* scores[r], on the device, = -log softmax(logits[r])[host_answers[r]], in double; dlogits[r] = weight times its
	 * gradient. dlogits may be NULL. */
	void (*cross_entropy)(pbk_context *, int64_t rows, int64_t n, const void *logits, const int32_t *host_answers,
			      double weight, double *scores, void *dlogits);

	/* Optimizers, in place on p and the state; g is only read. */
	void (*adam)(pbk_context *, const struct pbk_adam *, int64_t n, void *p, const void *g, void *m, void *v);
	void (*sgd)(pbk_context *, const struct pbk_sgd *, int64_t n, void *p, const void *g,
		    void *buffer); /* buffer may be NULL without momentum */

	/* Weights after one step, never stored. Items that share a w should be neighbours. An item's bits depend on
	 * nothing but that item. `items` is in host memory. */
	void (*gemm_stepped)(pbk_context *, const struct pbk_step *, int64_t n, int64_t k, int64_t ldw, int64_t count,
			     const struct pbk_stepped *items);
	/* y = (or +=) rows of tables after a step. `items` is in host memory. */
	void (*step_rows)(pbk_context *, const struct pbk_step *, bool add, int64_t count,
			  const struct pbk_stepped_rows *items);
	/* host_dots[i] = sum over elements of (W'_i - W) * M, in double: W'_i is W [k,n] after a step by
	 * items[i].gradient (of an item only gradient, grad_scale and present count). `step` is the usual one. Waits. */
	void (*step_dots)(pbk_context *, const struct pbk_step *, int64_t n, int64_t k, const void *w, int64_t ldw,
			  const struct pbk_gradient *m, int64_t count, const struct pbk_stepped *items,
			  double *host_dots);
	/* Inner products, in double, through the factors' Gram matrices where both have factors. Waits. */
	void (*gradient_dots)(pbk_context *, int64_t count, const struct pbk_gradient_pair *host_pairs,
			      double *host_dots);
	/* center, rms, divide and affine in one: group g owns rows host_first[g] .. host_first[g + 1) and the vectors w
	 * + g*stride and b + g*stride; w and b may be NULL: no affine. y may be x. */
	void (*layer_norm)(pbk_context *, int64_t groups, const int32_t *host_first, int64_t n, double eps,
			   const void *x, const void *w, const void *b, int64_t stride, void *y);
	/* dx += the gradient of sum(dy * y) where y is layer_norm's of one group, and normalized = (x - mean) / scale; w may
	 * be NULL. */
	void (*layer_norm_backward)(pbk_context *, int64_t rows, int64_t n, double eps, const void *x, const void *w,
				    const void *dy, void *dx, void *normalized);
	void (*attend)(pbk_context *, int64_t heads, int64_t e, int64_t count, const struct pbk_paths *items);
	/* After attend has written z: dq [queries, heads, e], dk and dv [rows, heads, e] = (or +=) the gradients of sum(dz * z).
	 * The three must differ; no path has a row beyond `rows`. */
	void (*attend_backward)(pbk_context *, bool add, int64_t heads, int64_t e, const struct pbk_paths *, const void *dz,
				int64_t rows, void *dq, void *dk, void *dv);
};

pbk_context *pbk_cpu_open(int threads); /* 0: all cores; NULL: out of memory */
void pbk_cpu_close(pbk_context *);
/* The tables with everything this CPU can do, and with plain C only (the reference of the tests). */
const struct pbk_table *pbk_cpu_f32(void);
const struct pbk_table *pbk_cpu_f64(void);
const struct pbk_table *pbk_cpu_f32_plain(void);
const struct pbk_table *pbk_cpu_f64_plain(void);
/* The instructions that the fast tables are compiled for: "baseline", "avx2" or "avx512". Others may round otherwise. */
const char *pbk_cpu_isa(void);

#endif
