/* oocl.h: what the parts of the dataset oocl share. */
#ifndef PB_PLUGINS_DATASET_OOCL_H
#define PB_PLUGINS_DATASET_OOCL_H

#include <stdbool.h>

#include "mod.h"

enum { OOCL_QUESTIONS = 12 }; /* per integer */

enum oocl_set_id { DTQ1, DFQ2, DT3, DF4, N_SETS, REST = N_SETS };

enum oocl_split_id {
	ARITHMETIC,
	ARITHMETIC_VALIDATION,
	ARITHMETIC_PRETRAIN_VALIDATION,
	X1,
	X2,
	DTQ1_HELD_OUT,
	DFQ2_HELD_OUT,
	DTQ1_TRAIN,
	DFQ2_TRAIN,
	DT3_QUESTIONS,
	DF4_QUESTIONS,
	DEFINITIONS, /* one for each set, in their order */
	N_SPLITS = DEFINITIONS + N_SETS,
};

struct oocl_listed {
	struct pb_int_list DtQ1, DfQ2, Dt3, Df4;
};

struct oocl_params {
	int64_t mod;
	int32_t operation;
	int64_t alias_offset;
	struct oocl_listed sets;
	int64_t val_questions;
	double mix, held_out_pretrain, held_out_mix;
};

struct oocl_set {
	const char *name;
	bool reliable; /* its definitions are tagged R */
	int64_t count;
	int64_t *items; /* [count] */
	int64_t *says;  /* [count]: the integer that each definition names */
};

struct oocl {
	const struct pb_host *host;
	const struct oocl_params *p;
	struct oocl_set sets[N_SETS + 1]; /* REST: integers of no set; name NULL, in no split, but units all the same */
	int64_t *pairs;     /* [mod*mod]: what is held out comes first */
	int64_t n_mix_held; /* how many of the first pairs the mix never uses */
	int64_t n_fixed[2]; /* X1 and X2: the examples that stay ... */
	int64_t n_mix[2];   /* ... and the arithmetic behind them */
	int64_t *order;     /* [mod*mod - n_mix_held]: scratch for the mix */
	struct mod_batch splits[N_SPLITS];
	struct mod_batch clean, corrupted, questions; /* the probe last asked for */
	char (*unit_names)[8];
};

static inline int64_t oocl_alias(const struct oocl *o, int64_t n)
{
	return o->p->mod + o->p->alias_offset + n;
}

/* Lists or draws the four sets and says what each definition claims. */
int oocl_make_sets(struct oocl *o);
/* The sets' integers, then the rest; *ret_set is the one it belongs to. i < the sum of all counts. */
int64_t oocl_integer(const struct oocl *o, int64_t i, const struct oocl_set **ret_set);

/* Everything but the mix, which each epoch draws anew. */
int oocl_make_splits(struct oocl *o);
void oocl_mix(struct oocl *o, enum oocl_split_id split, int64_t epoch);
void oocl_fill_probe(struct oocl *o, int64_t n);

#endif
