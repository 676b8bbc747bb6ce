/* attend.c: attention of single queries over lists of rows: scores, softmax and the mean of the values at once. The
 * backward kernel forms the pattern again. */
#include <string.h>

#include "approx.h"
#include "vector.h"

enum {
	BLOCK = 1024, /* rows of a list whose scores are held at a time; a multiple of LANES */
	ROWS = 4,     /* whose scores are made together */
	PART = 8,     /* vectors of z that are summed together */
	LONG = 64,    /* a long list */
};

/* What one head of one query works on; `distance` is that between rows of k and v. */
struct query {
	int64_t e, distance;
	real scale;
	const real *q, *k, *v;
	real *z;
};

/* What has been seen of a list so far: sum of exp(score - largest), and z weighted the same way. */
struct running {
	real largest, total;
};

static ALWAYS_INLINE real sum_vector(vector v)
{
#if defined(__AVX512F__)
	return sizeof(real) == sizeof(float) ? (real)_mm512_reduce_add_ps((__m512)v)
					     : (real)_mm512_reduce_add_pd((__m512d)v);
#else
	real lane[WIDTH];
	store(lane, v);
	for (int half = WIDTH / 2; half; half /= 2)
		for (int l = 0; l < half; l++)
			lane[l] += lane[l + half];
	return lane[0];
#endif
}

static ALWAYS_INLINE void score_rows(const int rows, const struct query *t, const int32_t *path, real *restrict score)
{
	vector total[ROWS] = {0};
	const real *row[ROWS];
	int64_t i = 0;
	for (int r = 0; r < rows; r++)
		row[r] = t->k + path[r] * t->distance;
	for (; i + WIDTH <= t->e; i += WIDTH)
		for (int r = 0; r < rows; r++)
			total[r] += load(t->q + i) * load(row[r] + i);
	for (int r = 0; r < rows; r++) {
		score[r] = sum_vector(total[r]);
		for (int64_t j = i; j < t->e; j++)
			score[r] += t->q[j] * row[r][j];
	}
}

/* z[at ..] = the sum of v's rows by weight, `vectors` of them; and kept * z, unless this is the first block. */
static ALWAYS_INLINE void add_values(const int vectors, const struct query *t, int64_t at, int64_t count,
				     const int32_t *path, const real *weight, bool first, real kept)
{
	vector sum[PART];
	for (int i = 0; i < vectors; i++)
		sum[i] = first ? (vector){0} : kept * load(t->z + at + i * WIDTH);
	for (int64_t j = 0; j < count; j++) {
		const real *row = t->v + path[j] * t->distance + at;
		for (int i = 0; i < vectors; i++)
			sum[i] += weight[j] * load(row + i * WIDTH);
	}
	for (int i = 0; i < vectors; i++)
		store(t->z + at + i * WIDTH, sum[i]);
}

static void add_block_values(const struct query *t, int64_t count, const int32_t *path, const real *weight, bool first,
			     real kept)
{
	int64_t at = 0;
	for (; at + PART * WIDTH <= t->e; at += PART * WIDTH)
		add_values(PART, t, at, count, path, weight, first, kept);
	for (; at + WIDTH <= t->e; at += WIDTH)
		add_values(1, t, at, count, path, weight, first, kept);
	for (; at < t->e; at++) {
		real total = first ? 0 : kept * t->z[at];
		for (int64_t j = 0; j < count; j++)
			total += weight[j] * t->v[path[j] * t->distance + at];
		t->z[at] = total;
	}
}

/* Multiplies by `scale`; returns the largest, at least `bound`. A NaN is passed over here and kept by exp. */
static real scale_scores(int64_t n, real scale, real bound, real *restrict x)
{
	int64_t i = 0;
	if (n >= LANES) {
		real lane[LANES];
		for (int l = 0; l < LANES; l++)
			lane[l] = bound;
		for (; i + LANES <= n; i += LANES)
			for (int l = 0; l < LANES; l++) {
				x[i + l] *= scale;
				lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
			}
		for (int l = 0; l < LANES; l++)
			bound = lane[l] > bound ? lane[l] : bound;
	}
	for (; i < n; i++) {
		x[i] *= scale;
		bound = x[i] > bound ? x[i] : bound;
	}
	return bound;
}

static real sum_scores(int64_t n, const real *restrict x)
{
	if (n >= LANES)
		return sum(n, x);
	real total = 0;
	for (int64_t i = 0; i < n; i++)
		total += x[i];
	return total;
}

static void exp_scores(int64_t n, real largest, real *restrict x)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = real_exp(x[i] - largest);
}

static void attend_block(const struct query *t, int64_t count, const int32_t *path, bool first, struct running *state)
{
	real score[BLOCK];
	const int64_t padded = (count + LANES - 1) / LANES * LANES;
	int64_t j = 0;
	for (; j + ROWS <= count; j += ROWS)
		score_rows(ROWS, t, path + j, score + j);
	for (; j < count; j++)
		score_rows(1, t, path + j, score + j);
	for (; j < padded; j++)
		score[j] = -(real)INFINITY; /* weighs nothing, and leaves whole vectors to exp */
	const real largest = scale_scores(count, t->scale, state->largest, score);
	exp_scores(sizeof(real) == sizeof(float) ? padded : count, largest, score);
	const real kept = first ? 0 : real_exp(state->largest - largest);
	state->largest = largest;
	state->total = state->total * kept + sum_scores(count, score);
	add_block_values(t, count, path, score, first, kept);
}

static void attend_query(const struct query *t, int64_t count, const int32_t *path)
{
	struct running state = {-(real)INFINITY, 0};
	for (int64_t j = 0; j < count; j += BLOCK)
		attend_block(t, least(BLOCK, count - j), path + j, j == 0, &state);
	const real inverse = 1 / state.total;
	for (int64_t i = 0; i < t->e; i++)
		t->z[i] *= inverse;
}

static void attend_head(int64_t heads, int64_t e, const struct pbk_paths *p, int64_t i, int64_t head)
{
	const int64_t at = (i * heads + head) * e, first = p->host_first[i];
	const struct query query = {
		.e = e,
		.distance = heads * e,
		.scale = 1 / sqrt((real)e),
		.q = (const real *)p->q + at,
		.k = (const real *)p->k + head * e,
		.v = (const real *)p->v + head * e,
		.z = (real *)p->z + at,
	};
	attend_query(&query, p->host_first[i + 1] - first, p->host_path + first);
}

/* Queries [begin, end). With long lists head by head, whose part of k and v then stays in a near cache. */
static void attend_queries(int64_t heads, int64_t e, const struct pbk_paths *p, int64_t begin, int64_t end)
{
	const bool long_lists = p->host_first[end] - p->host_first[begin] > (end - begin) * LONG;
	for (int64_t head = 0; long_lists && head < heads; head++)
		for (int64_t i = begin; i < end; i++)
			attend_head(heads, e, p, i, head);
	for (int64_t i = begin; !long_lists && i < end; i++)
		for (int64_t head = 0; head < heads; head++)
			attend_head(heads, e, p, i, head);
}

/* Queries [begin, end) of all items in a row. */
static void attend_range(int64_t heads, int64_t e, int64_t count, const struct pbk_paths *items, int64_t begin,
			 int64_t end)
{
	for (int64_t i = 0; i < count && end > 0; i++) {
		if (begin < items[i].queries)
			attend_queries(heads, e, &items[i], begin, least(end, items[i].queries));
		begin = begin < items[i].queries ? 0 : begin - items[i].queries;
		end -= items[i].queries;
	}
}

static void attend(pbk_context *context, int64_t heads, int64_t e, int64_t count, const struct pbk_paths *items)
{
	int64_t queries = 0, work = 0;
	for (int64_t i = 0; i < count; i++) {
		queries += items[i].queries;
		work += (items[i].host_first[items[i].queries] - items[i].host_first[0]) * heads * e;
	}
	PBK_PARALLEL(context, queries, work, attend_range(heads, e, count, items, begin, end));
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
		/* The largest may come out above itself when it is formed anew; a huge one by more than exp takes. */
		const real above = scale * dot(e, p->q, p->k + row) - largest;
		const real pattern = real_exp(above > 0 ? 0 : above) / total;
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

static void clear_head(int64_t rows, int64_t ld, int64_t e, real *x)
{
	for (int64_t r = 0; r < rows; r++)
		memset(x + r * ld, 0, (size_t)e * sizeof *x);
}

static void head_of_all(bool add, int64_t heads, int64_t e, const struct pbk_paths *p, int64_t head, const real *dz,
			int64_t rows, real *dq, real *dk, real *dv)
{
	if (!add) {
		clear_head(p->queries, heads * e, e, dq + head * e);
		clear_head(rows, heads * e, e, dk + head * e);
		clear_head(rows, heads * e, e, dv + head * e);
	}
	for (int64_t i = 0; i < p->queries; i++)
		query_backward(heads, e, p, i, head, dz, dq, dk, dv);
}

/* Threads share the heads, since two queries may look at the same row. */
static void attend_backward(pbk_context *context, bool add, int64_t heads, int64_t e, const struct pbk_paths *p,
			    const void *dz, int64_t rows, void *dq, void *dk, void *dv)
{
	const int64_t pairs = p->queries ? p->host_first[p->queries] - p->host_first[0] : 0;
	PBK_PARALLEL(context, heads, pairs * heads * e * 4, for (int64_t h = begin; h < end; h++)
			     head_of_all(add, heads, e, p, h, dz, rows, dq, dk, dv));
}

void PBK_NAME(pbk_fill_attend)(struct pbk_table *table)
{
	table->attend = attend;
	table->attend_backward = attend_backward;
}
