/* tokens.h: what the parts of the dataset tokens share. */
#ifndef PB_PLUGINS_DATASET_TOKENS_H
#define PB_PLUGINS_DATASET_TOKENS_H

#include <patchbay/dataset.h>

enum { MOST_TOKENS = 100000000 }; /* in a vocabulary; keeps every sum of ids in range */

struct tokens_pair {
	const char *name; /* NULL: its number */
	struct pb_int_list clean, corrupted;
	int64_t pos, answer, distractor;
};

struct tokens_params {
	struct pb_record_list pairs; /* of struct tokens_pair */
	const char *file, *vocab_file;
};

/* All clean examples lie one behind the other, likewise the corrupted ones: where the lengths agree, they are a batch.
 */
struct tokens {
	const struct pb_host *host;
	const struct tokens_params *p;
	int64_t n_pairs, n_ids;     /* so far */
	int32_t *clean, *corrupted; /* [n_ids] */
	int64_t *begin;             /* [n_pairs + 1]: where each pair's ids begin */
	struct pb_scored *scored;   /* [n_pairs]: as an example of the batch of all */
	struct pb_scored *single;   /* [n_pairs]: as the only example */
	struct pb_examples probed[2]; /* the probe last asked for: clean, corrupted */
	const char **names;         /* [n_pairs] */
	char (*numbers)[16];        /* [n_pairs]: the names of those without one */
	int64_t n_pos;              /* tokens of every example; 0: the lengths differ */
	int64_t longest, largest;   /* example, token id */
	char *file_text;            /* cut up in place; names point into it */
	char *vocab_text;
	const char **vocab; /* [n_vocab]: text of each token; NULL without a file */
	int64_t n_vocab;
};

/* Memory for that many pairs with that many clean tokens in all. */
int tokens_reserve(struct tokens *t, size_t n_pairs, size_t n_ids);
/* Checks and appends one pair; `where` names it in a message ("pairs.0"). */
int tokens_add(struct tokens *t, const struct tokens_pair *pair, const char *where);
/* Reads the pairs from the file of the parameters. */
int tokens_read_csv(struct tokens *t);
/* Reads the token texts, one a line. */
int tokens_read_vocab(struct tokens *t);

#endif
