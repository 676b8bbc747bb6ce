/* attend.c: attention of single queries over lists of rows: scores, softmax and the mean of the values at once. */
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

void PBK_NAME(pbk_fill_attend)(struct pbk_table *table)
{
	table->attend = attend;
}
