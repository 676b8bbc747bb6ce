/* step_tile.h: tiles of a weight matrix after one step, formed in the first cache: NR columns and some rows. */
#ifndef PBK_STEP_TILE_H
#define PBK_STEP_TILE_H

#include "vector.h"

enum {
	NR = 2 * WIDTH,
	RANKS = 4, /* rows of factors that are kept in registers */
};

typedef __typeof__((vector){0} < (vector){0}) bit_vector;

/* How a weight moves; each its own loop. */
enum rule { ADAM, ADAM_L2, SGD };

/* A step's constants in the element type. Weights after it are kept divided by `scale`, which spares a product for each:
 * scale * (w - rate * ...), where scale is the weights' decay and scale * rate the learning rate. */
struct rule_constants {
	enum rule rule;
	real rate, scale, l2, eps;
};

/* Columns [j, j + columns) of a gradient, at most NR of them. */
struct gradient_panel {
	const struct pbk_gradient *gradient;
	int64_t n, j, columns;
	real scale;
};

/* `decay` that is nothing beside the learning rate is taken to be so small that w is lost in the sum, as it should. An eps
 * below the smallest normal number is no part of a float either. */
static inline struct rule_constants rule_constants(const struct pbk_step *s, double decay)
{
	const double eps = sizeof(real) == sizeof(float) ? fmax(s->eps, 0x1p-126) : s->eps;
	const double least_scale = s->lr * (sizeof(real) == sizeof(float) ? 0x1p-30 : 0x1p-60);
	const double scale = fabs(decay) > least_scale ? decay : s->lr > 0 ? least_scale : 1;
	const enum rule rule = !s->adam ? SGD : s->l2 != 0 ? ADAM_L2 : ADAM;
	return (struct rule_constants){rule, (real)(s->lr / scale), (real)scale, (real)s->l2, (real)eps};
}

static ALWAYS_INLINE vector magnitude(vector x)
{
	return (vector)((bit_vector)x & ~(bit_vector) - (vector){0});
}

/* w after a step, divided by c->scale. */
static ALWAYS_INLINE vector stepped(const enum rule rule, const struct rule_constants *c, vector w, vector g)
{
	if (rule != ADAM)
		g += c->l2 * w;
	if (rule != SGD)
		g /= magnitude(g) + c->eps;
	return w - c->rate * g;
}

/* `rank` rows of dY from row r on, scaled; zeros fill up the columns. */
static inline void load_factors(const struct gradient_panel *p, int64_t r, int64_t rank, vector dy[RANKS][2])
{
	real row[NR] = {0};
	for (int64_t i = 0; i < rank; i++) {
		const real *restrict from = (const real *)p->gradient->dy + (r + i) * p->gradient->lddy + p->j;
		for (int64_t j = 0; j < p->columns; j++)
			row[j] = p->scale * from[j];
		memcpy(dy[i], row, sizeof row);
	}
}

/* Row `row` of `rank` factors' product, added to g; x points at the factors' first element. */
static ALWAYS_INLINE vector add_factors(const int rank, const real *x, int64_t ldx, int64_t row, vector dy[RANKS][2],
					int half, vector g)
{
	for (int r = 0; r < rank; r++)
		g += dy[r][half] * x[r * ldx + row];
	return g;
}

/* Rows [k0, k0 + kc) of the gradient, added to what `tile` holds; of `rank` factors from r on. */
static ALWAYS_INLINE void add_rank(const int rank, const struct gradient_panel *p, int64_t r, int64_t k0, int64_t kc,
				   real *tile)
{
	vector dy[RANKS][2];
	const int64_t ldx = p->gradient->ldx;
	const real *x = (const real *)p->gradient->x + r * ldx + k0;
	load_factors(p, r, rank, dy);
	for (int64_t i = 0; i < kc; i++)
		for (int half = 0; half < 2; half++) {
			real *at = tile + i * NR + half * WIDTH;
			store(at, add_factors(rank, x, ldx, i, dy, half, load(at)));
		}
}

/* tile [kc, NR] = rows [k0, k0 + kc) of the gradient, zeros beyond its columns. */
static inline void gradient_tile(const struct gradient_panel *p, int64_t k0, int64_t kc, real *tile)
{
	const int64_t rank = p->gradient->rank;
	memset(tile, 0, (size_t)(kc * NR) * sizeof *tile);
	for (int64_t r = 0; r + RANKS <= rank; r += RANKS)
		add_rank(RANKS, p, r, k0, kc, tile);
	for (int64_t r = rank / RANKS * RANKS; r < rank; r++)
		add_rank(1, p, r, k0, kc, tile);
	for (int64_t i = 0; p->gradient->dense && i < kc; i++) {
		const real *restrict row = (const real *)p->gradient->dense + (k0 + i) * p->n + p->j;
		for (int64_t j = 0; j < p->columns; j++)
			tile[i * NR + j] = p->scale * row[j];
	}
}

/* tile = W [kc, NR] after a step by rows [k0, k0 + kc) of a gradient of `rank`, divided by the constants' scale. */
static ALWAYS_INLINE void step_by_rank(const int rank, const enum rule rule, const struct rule_constants *constants,
				       const struct gradient_panel *p, int64_t k0, int64_t kc, const real *restrict w,
				       real *restrict tile)
{
	const struct rule_constants c = *constants;
	vector dy[RANKS][2];
	const int64_t ldx = p->gradient->ldx;
	const real *restrict x = (const real *)p->gradient->x + k0;
	load_factors(p, 0, rank, dy);
	for (int64_t i = 0; i < kc; i++)
		for (int half = 0; half < 2; half++) {
			const vector g = add_factors(rank, x, ldx, i, dy, half, (vector){0});
			store(tile + i * NR + half * WIDTH, stepped(rule, &c, load(w + i * NR + half * WIDTH), g));
		}
}

/* The same of the gradient that `tile` holds. */
static ALWAYS_INLINE void step_by_tile(const enum rule rule, const struct rule_constants *constants, int64_t kc,
				       const real *restrict w, real *restrict tile)
{
	const struct rule_constants c = *constants;
	for (int64_t i = 0; i < kc * NR; i += WIDTH)
		store(tile + i, stepped(rule, &c, load(w + i), load(tile + i)));
}

static ALWAYS_INLINE void step_by_rule(const enum rule rule, const struct rule_constants *c,
				       const struct gradient_panel *p, int64_t k0, int64_t kc, const real *w,
				       real *tile)
{
	switch (p->gradient->dense ? -1 : p->gradient->rank) {
	case 1: step_by_rank(1, rule, c, p, k0, kc, w, tile); break;
	case 2: step_by_rank(2, rule, c, p, k0, kc, w, tile); break;
	case 3: step_by_rank(3, rule, c, p, k0, kc, w, tile); break;
	case 4: step_by_rank(4, rule, c, p, k0, kc, w, tile); break;
	default: gradient_tile(p, k0, kc, tile); step_by_tile(rule, c, kc, w, tile);
	}
}

/* tile = W [kc, NR] after a step by rows [k0, k0 + kc) of the gradient, divided by c->scale. */
static inline void step_tile(const struct rule_constants *c, const struct gradient_panel *p, int64_t k0, int64_t kc,
			     const real *w, real *tile)
{
	switch (c->rule) {
	case ADAM: step_by_rule(ADAM, c, p, k0, kc, w, tile); break;
	case ADAM_L2: step_by_rule(ADAM_L2, c, p, k0, kc, w, tile); break;
	case SGD: step_by_rule(SGD, c, p, k0, kc, w, tile); break;
	}
}

/* packed [kc, NR] = W, `columns` of it, rows ldw apart; zeros fill up the columns. */
static inline void pack_tile(int64_t kc, int64_t columns, const real *restrict w, int64_t ldw, real *restrict packed)
{
	for (int64_t i = 0; i < kc; i++) {
		if (columns == NR) {
			memcpy(packed + i * NR, w + i * ldw, NR * sizeof *w);
			continue;
		}
		memset(packed + i * NR, 0, NR * sizeof *w);
		memcpy(packed + i * NR, w + i * ldw, (size_t)columns * sizeof *w);
	}
}

#endif
