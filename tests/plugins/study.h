/* study.h: a dataset of oocl or mod_arith, and the rules of both, written down a second time. */
#ifndef PB_TESTS_PLUGINS_STUDY_H
#define PB_TESTS_PLUGINS_STUDY_H

#include "plugins/plug.h"

enum { MOST = 200 }; /* integers of a dataset */

/* One dataset, and what the tests know of it. */
struct study {
	struct plug plug;
	const struct pb_dataset_ops *ops;
	void *self;
	int mod, offset;
	int (*operation)(int x, int y); /* before the modulus; never negative */
	const char *set_of[MOST];       /* by integer; NULL: in none */
	bool seen[MOST];
};

int product(int x, int y);
int sum(int x, int y);
int difference(int x, int y); /* for mod 30 */
int sum_of_squares(int x, int y);

/* All below fail the test where a rule is broken. */

/* Opens the plugin, whose units must be different integers below `mod`. The operation is `product`; a test may set
 * another. To be closed: the plug. */
void study_open(struct study *s, const char *plugin, uint64_t seed, int mod, int offset, const char *params);
int64_t split_number(struct study *s, const char *name, struct pb_split *ret_split);
/* One epoch of a split: 4 tokens each, all scored. Valid until the next call for the same split. */
struct pb_examples examples(struct study *s, const char *name, int64_t epoch);

/* What one example turned out to be. */
struct reading {
	enum { DEFINITION, QUESTION, ARITHMETIC } kind;
	int n;    /* DEFINITION, QUESTION: the integer */
	int says; /* DEFINITION */
	bool reliable;
	int question; /* QUESTION: 0 .. 11 */
	int pair;     /* ARITHMETIC: x*mod + y */
};

struct reading read_example(const struct study *s, const struct pb_examples *e, int64_t i);
/* Marks the pairs of a split of arithmetic in seen[mod*mod], each of which must be new. */
void mark_pairs(const struct study *s, const struct pb_examples *e, char *seen);

/* Definitions of one set: each integer of it once; DfQ2's a derangement, the others' true. */
void check_definitions(struct study *s, const char *set, bool reliable);
/* Every split of oocl, by the values of val_questions, mix, held_out_pretrain and held_out_mix. */
void check_oocl(struct study *s, int held_out, double mix, double pretrain, double in_mix);
/* Each of the four sets has so many integers. */
void check_sizes(const struct study *s, int each);
/* A model needs this vocabulary, and a context of 5. */
void check_needs(const struct study *s, int64_t d_vocab);

#endif
