/* attend.c: attention of single queries over lists of rows: scores, softmax and the mean of the values at once. The
 * backward kernel forms the pattern again and adds to its outputs. */
#include "approx.h"

enum { BLOCK = 1024 }; /* rows of a list whose scores are held at a time */

/* What has been seen of a list so far: sum of exp(score - largest), and z weighted the same way. */
struct running {
	real largest, total;
};

/* One block of a list into z [e]; `distance` is that between rows of k and v. */
static void attend_block(int64_t e, int64_t distance, int64_t count, const int32_t *path, const real *q, const real *k,
			 const real *v, struct running *state, real *restrict z)
{
	real score[BLOCK];
	const real scale = 1 / sqrt((real)e);
	real largest = state->largest;
	for (int64_t j = 0; j < count; j++) {
		score[j] = scale * dot(e, q, k + path[j] * distance);
		largest = score[j] > largest ? score[j] : largest;
	}
	const real kept = real_exp(state->largest - largest);
	for (int64_t j = 0; j < count; j++)
		score[j] = real_exp(score[j] - largest);
	state->largest = largest;
	state->total = state->total * kept + sum(count, score);
	for (int64_t i = 0; i < e; i++)
		z[i] *= kept;
	for (int64_t j = 0; j < count; j++) {
		const real *restrict row = v + path[j] * distance;
		for (int64_t i = 0; i < e; i++)
			z[i] += score[j] * row[i];
	}
}

static void attend_query(int64_t heads, int64_t e, const struct pbk_paths *p, int64_t query, int64_t head)
{
	const int64_t begin = p->host_first[query], count = p->host_first[query + 1] - begin;
	const real *q = (const real *)p->q + (query * heads + head) * e;
	real *z = (real *)p->z + (query * heads + head) * e;
	struct running state = {-(real)INFINITY, 0};
	for (int64_t i = 0; i < e; i++)
		z[i] = 0;
	for (int64_t j = 0; j < count; j += BLOCK)
		attend_block(e, heads * e, count - j < BLOCK ? count - j : BLOCK, p->host_path + begin + j, q,
			     (const real *)p->k + head * e, (const real *)p->v + head * e, &state, z);
	for (int64_t i = 0; i < e; i++)
		z[i] /= state.total;
}

static void attend_item(int64_t heads, int64_t e, const struct pbk_paths *p)
{
	for (int64_t i = 0; i < p->queries * heads; i++)
		attend_query(heads, e, p, i / heads, i % heads);
}

static void attend(pbk_context *context, int64_t heads, int64_t e, int64_t count, const struct pbk_paths *items)
{
	int64_t work = 0;
	for (int64_t i = 0; i < count; i++)
		work += (items[i].host_first[items[i].queries] - items[i].host_first[0]) * heads * e;
	PBK_PARALLEL(context, count, work, for (int64_t i = begin; i < end; i++) attend_item(heads, e, &items[i]));
}

/* One query and head; pointers are to the head's columns. */
struct slopes {
	const real *q, *k, *v, *z, *dz;
	real *dq, *dk, *dv;
};

static void add_scaled(int64_t n, real a, const real *restrict x, real *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

/* ret_largest and ret_total: what the softmax over the list's scores subtracts and divides by. */
static void normalise(int64_t e, int64_t ld, int64_t n, const int32_t *path, real scale, const struct slopes *p,
		      real *ret_largest, real *ret_total)
{
	real largest = -(real)INFINITY, total = 0;
	for (int64_t j = 0; j < n; j++) {
		const real score = scale * dot(e, p->q, p->k + path[j] * ld);
		if (score > largest) {
			total *= real_exp(largest - score);
			largest = score;
		}
		total += real_exp(score - largest);
	}
	*ret_largest = largest;
	*ret_total = total;
}

static void head_backward(int64_t e, int64_t ld, int64_t n, const int32_t *path, real scale, const struct slopes *p)
{
	const real mean = dot(e, p->dz, p->z); /* of the pattern's gradient, weighted by the pattern */
	real largest, total;
	normalise(e, ld, n, path, scale, p, &largest, &total);
	for (int64_t j = 0; j < n; j++) {
		const int64_t row = path[j] * ld;
		const real pattern = real_exp(scale * dot(e, p->q, p->k + row) - largest) / total;
		const real slope = scale * pattern * (dot(e, p->dz, p->v + row) - mean);
		add_scaled(e, slope, p->k + row, p->dq);
		add_scaled(e, slope, p->q, p->dk + row);
		add_scaled(e, pattern, p->dz, p->dv + row);
	}
}

static void query_backward(int64_t heads, int64_t e, const struct pbk_paths *p, int64_t query, int64_t head,
			   const real *dz, real *dq, real *dk, real *dv)
{
	const int64_t at = (query * heads + head) * e, first = p->host_first[query];
	const struct slopes slopes = {
		.q = (const real *)p->q + at,
		.k = (const real *)p->k + head * e,
		.v = (const real *)p->v + head * e,
		.z = (const real *)p->z + at,
		.dz = dz + at,
		.dq = dq + at,
		.dk = dk + head * e,
		.dv = dv + head * e,
	};
	head_backward(e, heads * e, p->host_first[query + 1] - first, p->host_path + first, 1 / sqrt((real)e),
		      &slopes);
}

/* Threads share the heads, since two queries may look at the same row. */
static void attend_backward(pbk_context *context, int64_t heads, int64_t e, const struct pbk_paths *p, const void *dz,
			    void *dq, void *dk, void *dv)
{
	const int64_t pairs = p->queries ? p->host_first[p->queries] - p->host_first[0] : 0;
	PBK_PARALLEL(
		context, heads, pairs * heads * e * 4, for (int64_t h = begin; h < end; h++)
			for (int64_t i = 0; i < p->queries; i++) query_backward(heads, e, p, i, h, dz, dq, dk, dv));
}

void PBK_NAME(pbk_fill_attend)(struct pbk_table *table)
{
	table->attend = attend;
	table->attend_backward = attend_backward;
}
