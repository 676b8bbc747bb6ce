/* oocl_splits.c: definitions, questions and arithmetic as batches of examples. */
#include "oocl.h"

enum which { ALL, TRAINED, HELD_OUT };

static const int64_t factors[OOCL_QUESTIONS / 2] = {2, 3, 5, 6, 10, 15};

/* `T alias says P` */
static void add_definition(struct oocl *o, struct mod_batch *batch, bool reliable, int64_t n, int64_t says)
{
	int64_t equals = 2 * o->p->mod;
	mod_batch_add(batch, equals + (reliable ? 1 : 2), oocl_alias(o, n), says, equals + 3, 1);
}

/* Even k: `d alias = z`; odd k: `alias d = z`. The answer is the truth, whatever the definition said. */
static void add_question(struct oocl *o, struct mod_batch *batch, int64_t n, int k)
{
	int64_t d = factors[k / 2], alias = oocl_alias(o, n), mod = o->p->mod;
	if (k % 2)
		mod_batch_add(batch, alias, d, 2 * mod, mod_apply(o->p->operation, n, d, mod), 2);
	else
		mod_batch_add(batch, d, alias, 2 * mod, mod_apply(o->p->operation, d, n, mod), 2);
}

static void add_definitions(struct oocl *o, struct mod_batch *batch, const struct oocl_set *set)
{
	for (int64_t i = 0; i < set->count; i++)
		add_definition(o, batch, set->reliable, set->items[i], set->says[i]);
}

/* Which of n's questions are not trained on, one bit each. */
static unsigned held_out_questions(const struct oocl *o, int64_t n)
{
	int64_t order[OOCL_QUESTIONS];
	for (int k = 0; k < OOCL_QUESTIONS; k++)
		order[k] = k;
	o->host->shuffle(o->host, o->host->seed, mod_stream("oocl/questions") + (uint64_t)n, order, OOCL_QUESTIONS);
	unsigned held_out = 0;
	for (int64_t k = 0; k < o->p->val_questions; k++)
		held_out |= 1u << order[k];
	return held_out;
}

static void add_questions(struct oocl *o, struct mod_batch *batch, const struct oocl_set *set, enum which which)
{
	for (int64_t i = 0; i < set->count; i++) {
		unsigned held_out = held_out_questions(o, set->items[i]);
		unsigned mask = which == ALL ? ~0u : which == HELD_OUT ? held_out : ~held_out;
		for (int k = 0; k < OOCL_QUESTIONS; k++)
			if (mask >> k & 1u)
				add_question(o, batch, set->items[i], k);
	}
}

/* Pairs are shuffled once; what pretraining leaves out and what the mix leaves out are both its beginning, so the
 * shorter of the two is in neither. */
static int make_arithmetic(struct oocl *o)
{
	int64_t mod = o->p->mod, n = mod * mod, pretrain = mod_held_out(mod, o->p->held_out_pretrain);
	int64_t neither = pretrain < o->n_mix_held ? pretrain : o->n_mix_held;
	const int64_t begin[] = {pretrain, 0, 0}, end[] = {n, neither, pretrain};
	for (int s = ARITHMETIC; s <= ARITHMETIC_PRETRAIN_VALIDATION; s++) {
		int rc = mod_batch_init(o->host, end[s] - begin[s], &o->splits[s]);
		if (rc < 0)
			return rc;
		for (int64_t i = begin[s]; i < end[s]; i++)
			mod_batch_add_pair(&o->splits[s], o->p->operation, mod, o->pairs[i]);
	}
	return 0;
}

static int make_training_split(struct oocl *o, enum oocl_split_id split, int64_t n_fixed)
{
	int64_t n_mix = (int64_t)(o->p->mix * (double)n_fixed + 0.5);
	o->n_fixed[split - X1] = n_fixed;
	o->n_mix[split - X1] = n_mix;
	return mod_batch_init(o->host, n_fixed + n_mix, &o->splits[split]);
}

/* X1: definitions and the questions to train on, of two sets. X2: definitions of the other two. */
static int make_training(struct oocl *o)
{
	const struct oocl_set *s = o->sets;
	int64_t trained = OOCL_QUESTIONS - o->p->val_questions;
	int rc = make_training_split(o, X1, (s[DTQ1].count + s[DFQ2].count) * (1 + trained));
	if (!rc)
		rc = make_training_split(o, X2, s[DT3].count + s[DF4].count);
	if (rc < 0)
		return rc;
	for (int i = 0; i < N_SETS; i++)
		add_definitions(o, &o->splits[i < DT3 ? X1 : X2], &s[i]);
	add_questions(o, &o->splits[X1], &s[DTQ1], TRAINED);
	add_questions(o, &o->splits[X1], &s[DFQ2], TRAINED);
	oocl_mix(o, X1, 0);
	oocl_mix(o, X2, 0);
	return 0;
}

/* Of the sets that X1 trains on, some of the questions; of the others, all. */
static int make_questions(struct oocl *o)
{
	int64_t held_out = o->p->val_questions, trained = OOCL_QUESTIONS - held_out;
	const struct {
		int set;
		int64_t each;
		enum which which;
	} wanted[] = {
		{DTQ1, held_out, HELD_OUT}, {DFQ2, held_out, HELD_OUT}, {DTQ1, trained, TRAINED},
		{DFQ2, trained, TRAINED},   {DT3, OOCL_QUESTIONS, ALL}, {DF4, OOCL_QUESTIONS, ALL},
	};
	for (int i = 0; i < DEFINITIONS - DTQ1_HELD_OUT; i++) {
		struct mod_batch *batch = &o->splits[DTQ1_HELD_OUT + i];
		const struct oocl_set *set = &o->sets[wanted[i].set];
		int rc = mod_batch_init(o->host, set->count * wanted[i].each, batch);
		if (rc < 0)
			return rc;
		add_questions(o, batch, set, wanted[i].which);
	}
	return 0;
}

static int make_definitions(struct oocl *o)
{
	for (int s = 0; s < N_SETS; s++) {
		int rc = mod_batch_init(o->host, o->sets[s].count, &o->splits[DEFINITIONS + s]);
		if (rc < 0)
			return rc;
		add_definitions(o, &o->splits[DEFINITIONS + s], &o->sets[s]);
	}
	return 0;
}

static int make_probe(struct oocl *o)
{
	int rc = mod_batch_init(o->host, 1, &o->clean);
	if (!rc)
		rc = mod_batch_init(o->host, 1, &o->corrupted);
	return rc ? rc : mod_batch_init(o->host, OOCL_QUESTIONS, &o->questions);
}

int oocl_make_splits(struct oocl *o)
{
	int64_t mod = o->p->mod;
	o->n_mix_held = mod_held_out(mod, o->p->held_out_mix);
	o->pairs = mod_pairs(o->host, mod);
	if (!o->pairs)
		return -PB_E_NOMEM;
	o->order = o->host->alloc(o->host, (size_t)(mod * mod - o->n_mix_held) * sizeof *o->order);
	if (!o->order)
		return o->host->fail(o->host, PB_E_NOMEM, "no memory for %lld pairs", (long long)(mod * mod));
	int rc = make_arithmetic(o);
	if (!rc)
		rc = make_training(o);
	if (!rc)
		rc = make_questions(o);
	if (!rc)
		rc = make_definitions(o);
	return rc ? rc : make_probe(o);
}

/* Draws without replacement; a mix larger than all there is starts over. */
void oocl_mix(struct oocl *o, enum oocl_split_id split, int64_t epoch)
{
	struct mod_batch *batch = &o->splits[split];
	int64_t mod = o->p->mod, n = mod * mod - o->n_mix_held, n_mix = o->n_mix[split - X1];
	if (!n_mix)
		return;
	for (int64_t i = 0; i < n; i++)
		o->order[i] = i;
	uint64_t stream = mod_stream(split == X1 ? "oocl/mix/X1" : "oocl/mix/X2") + (uint64_t)epoch;
	o->host->shuffle(o->host, o->host->seed, stream, o->order, (size_t)n);
	batch->view.n_examples = batch->view.n_scored = o->n_fixed[split - X1];
	for (int64_t i = 0; i < n_mix; i++)
		mod_batch_add_pair(batch, o->p->operation, mod, o->pairs[o->n_mix_held + o->order[i % n]]);
}

static void restart(struct mod_batch *batch)
{
	batch->view.n_examples = batch->view.n_scored = 0;
}

void oocl_fill_probe(struct oocl *o, int64_t n)
{
	restart(&o->clean);
	restart(&o->corrupted);
	restart(&o->questions);
	add_definition(o, &o->clean, true, n, n);
	add_definition(o, &o->corrupted, false, n, n);
	for (int k = 0; k < OOCL_QUESTIONS; k++)
		add_question(o, &o->questions, n, k);
}
