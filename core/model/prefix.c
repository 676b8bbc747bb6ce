/* prefix.c: finds equal prefixes by a hash table of (row before, token). */
#include "model/prefix.h"

#include <string.h>

#include "base/status.h"

struct builder {
	const struct pb_examples *x;
	struct pb_arena *arena;
	int32_t *token, *pos, *parent; /* by row */
	int64_t n_rows;
	int32_t *table; /* rows by hash; -1: free */
	uint64_t mask;
};

static int builder_init(struct builder *b, int64_t most)
{
	uint64_t size = 16;
	while (size < 2 * (uint64_t)most)
		size *= 2;
	b->mask = size - 1;
	b->token = pb_arena_array(b->arena, (size_t)most, sizeof *b->token);
	b->pos = pb_arena_array(b->arena, (size_t)most, sizeof *b->pos);
	b->parent = pb_arena_array(b->arena, (size_t)most, sizeof *b->parent);
	b->table = pb_arena_array(b->arena, size, sizeof *b->table);
	if (!b->token || !b->pos || !b->parent || !b->table)
		return -PB_E_NOMEM;
	memset(b->table, 0xff, size * sizeof *b->table);
	return 0;
}

/* The row that continues `parent` (-1: none) with a token. */
static int32_t row_of(struct builder *b, int32_t parent, int32_t token, int32_t pos)
{
	uint64_t h = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)token) * 0x9e3779b97f4a7c15u;
	for (uint64_t i = h >> 20;; i++) {
		int32_t *at = &b->table[i & b->mask];
		if (*at < 0) {
			*at = (int32_t)b->n_rows++;
			b->token[*at] = token;
			b->pos[*at] = pos;
			b->parent[*at] = parent;
		}
		if (b->parent[*at] == parent && b->token[*at] == token)
			return *at;
	}
}

/* The paths of the listed rows (NULL: of rows 0 .. n-1). */
static int make_paths(struct builder *b, const int32_t *rows, int64_t n, const int32_t **ret_first,
		      const int32_t **ret_path)
{
	int32_t *first = pb_arena_array(b->arena, (size_t)n + 1, sizeof *first);
	if (!first)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++) {
		int64_t next = first[i] + (int64_t)b->pos[rows ? rows[i] : i] + 1;
		if (next > INT32_MAX)
			return pb_fail(PB_E_RANGE, "the questions are too long together: more than 2^31 pairs of positions");
		first[i + 1] = (int32_t)next;
	}
	int32_t *path = pb_arena_array(b->arena, (size_t)first[n] + 1, sizeof *path);
	if (!path)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n; i++) {
		int32_t row = rows ? rows[i] : (int32_t)i;
		for (int32_t k = first[i + 1]; k-- > first[i]; row = b->parent[row])
			path[k] = row;
	}
	*ret_first = first;
	*ret_path = path;
	return 0;
}

/* Rows of one example up to its last scored position, and the ends of its scored rows. */
static void add_example(struct builder *b, int64_t example, const struct pb_scored *scored, int64_t n, int32_t *end_of,
			int32_t *rows)
{
	const int32_t *tokens = b->x->tokens + example * b->x->n_pos;
	int32_t last = -1, row = -1;
	for (int64_t i = 0; i < n; i++)
		last = scored[i].pos > last ? scored[i].pos : last;
	for (int32_t p = 0; p <= last; p++)
		rows[p] = row = row_of(b, row, tokens[p], p);
	for (int64_t i = 0; i < n; i++)
		end_of[i] = rows[scored[i].pos];
}

/* Turns rows into places among the distinct ones. */
static int make_ends(struct builder *b, int32_t *end_of, int64_t n_scored, struct pb_prefixes *p)
{
	int32_t *place = pb_arena_array(b->arena, (size_t)b->n_rows + 1, sizeof *place);
	int32_t *end = pb_arena_array(b->arena, (size_t)n_scored + 1, sizeof *end);
	if (!place || !end)
		return -PB_E_NOMEM;
	for (int64_t i = 0; i < n_scored; i++) {
		int32_t row = end_of[i];
		if (!place[row]) {
			end[p->n_ends++] = row;
			place[row] = (int32_t)p->n_ends;
		}
		end_of[i] = place[row] - 1;
	}
	p->end = end;
	p->end_of = end_of;
	p->n_scored = n_scored;
	return make_paths(b, end, p->n_ends, &p->end_first, &p->end_path);
}

int pb_prefixes_make(const struct pb_examples *examples, int64_t first_example, int64_t n, int64_t first_scored,
		     int64_t n_scored, struct pb_arena *arena, struct pb_prefixes *ret_prefixes)
{
	struct builder b = {.x = examples, .arena = arena};
	struct pb_prefixes p = {0};
	int64_t at = first_scored, end = first_scored + n_scored;
	int32_t *end_of = pb_arena_array(arena, (size_t)n_scored + 1, sizeof *end_of);
	int32_t *rows = pb_arena_array(arena, (size_t)examples->n_pos, sizeof *rows);
	int rc = end_of && rows ? builder_init(&b, n * examples->n_pos) : -PB_E_NOMEM;
	for (int64_t e = first_example; !rc && e < first_example + n; e++) {
		int64_t from = at;
		while (at < end && examples->scored[at].example == e)
			at++;
		add_example(&b, e, examples->scored + from, at - from, end_of + (from - first_scored), rows);
	}
	if (!rc)
		rc = make_ends(&b, end_of, n_scored, &p);
	if (!rc)
		rc = make_paths(&b, NULL, b.n_rows, &p.first, &p.path);
	p.n_rows = b.n_rows;
	p.token = b.token;
	p.pos = b.pos;
	if (!rc)
		*ret_prefixes = p;
	return rc;
}
