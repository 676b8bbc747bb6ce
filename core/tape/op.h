/* op.h: the operations a transformer needs. Each returns a new node, or NULL with the error recorded.
 *
 * Shapes: b examples, p positions, h heads, d = d_model, e = d_head, V = d_vocab. Activations are contiguous. Backward
 * adds to the gradients of the inputs. Weights of one call have the tape's dtype.
 */
#ifndef PB_TAPE_OP_H
#define PB_TAPE_OP_H

#include "tape/tape.h"

/* y[b,p] = W[ids[b*p]]; W [n, d]. ids (host memory) must stay until the tape's reset. */
struct pb_var *pb_op_embed(struct pb_tape *tape, const struct pb_weight *w, const int32_t *ids, int64_t b, int64_t p);
struct pb_var *pb_op_add(struct pb_tape *tape, struct pb_var *a, struct pb_var *b);

/* Layer norm in TransformerLens' steps, so that scale and normalized are points of their own. x [.., n] */
struct pb_var *pb_op_center(struct pb_tape *tape, struct pb_var *x);          /* x - mean(x) */
struct pb_var *pb_op_rms(struct pb_tape *tape, struct pb_var *x, double eps); /* [.., 1] sqrt(mean(x^2) + eps) */
struct pb_var *pb_op_divide(struct pb_tape *tape, struct pb_var *x, struct pb_var *scale); /* x / scale */
struct pb_var *pb_op_affine(struct pb_tape *tape, struct pb_var *x, const struct pb_weight *w,
			    const struct pb_weight *b); /* x*w + b */

/* The four at once, where nobody asks for scale or normalized. w and b may both be NULL: no affine. */
struct pb_var *pb_op_layer_norm(struct pb_tape *tape, struct pb_var *x, double eps, const struct pb_weight *w,
				const struct pb_weight *b);

/* y[b,p,n] = x[b,p,..] W[.., n] + bias[n]; the axes of x behind the second are multiplied out. bias may be NULL.
 * x of rank 2 gives y of rank 2. */
struct pb_var *pb_op_linear(struct pb_tape *tape, struct pb_var *x, const struct pb_weight *w,
			    const struct pb_weight *bias);
/* q, k or v: y[b,p,h,e] = x[b,p,d] W[h,d,e] + bias[h,e]. */
struct pb_heads {
	struct pb_var *x;
	struct pb_weight w, bias;
	struct pb_var *y; /* the result */
};
/* The three, or fewer (one at least), at once: of one h, d and e. */
int pb_op_heads(struct pb_tape *tape, struct pb_heads *list, int count);
/* [b,h,query,key] = q.k / sqrt(e), -inf where key > query */
struct pb_var *pb_op_attn_scores(struct pb_tape *tape, struct pb_var *q, struct pb_var *k);
struct pb_var *pb_op_softmax(struct pb_tape *tape, struct pb_var *x); /* over the last axis */
/* z[b,p,h,e] = sum over key of pattern[b,h,p,key] v[b,key,h,e] */
struct pb_var *pb_op_attn_mix(struct pb_tape *tape, struct pb_var *pattern, struct pb_var *v);
/* The three in one, where rows attend to any others: z[r] is the mean of v over the list's rows, weighted by
 * softmax(q[r].k / sqrt(e)). q [b,p,h,e], its rows counted through; k, v [..,..,h,e]; row r's list is path[first[r] ..
 * first[r+1]), at least one.
 * Both in host memory until the tape's reset. */
struct pb_var *pb_op_attend(struct pb_tape *tape, struct pb_var *q, struct pb_var *k, struct pb_var *v,
			    const int32_t *first, const int32_t *path);
/* result[b,p,h,d] = z[b,p,h,e] W_O[h,e,d] */
struct pb_var *pb_op_result(struct pb_tape *tape, struct pb_var *z, const struct pb_weight *w);
/* [b,p,d] = sum over heads + bias */
struct pb_var *pb_op_sum_heads(struct pb_tape *tape, struct pb_var *result, const struct pb_weight *bias);
struct pb_var *pb_op_act(struct pb_tape *tape, enum pbk_act act, struct pb_var *x);
/* y[r] = x[rows[r]], x flattened to [rows, n]; rows in host memory until the tape's reset */
struct pb_var *pb_op_rows(struct pb_tape *tape, struct pb_var *x, const int32_t *rows, int64_t n_rows);

#endif
