/* dataset.h: what a dataset plugin hands out, checked against its header's contract. */
#ifndef PB_HOST_DATASET_H
#define PB_HOST_DATASET_H

#include "host/calls.h"

struct pb_probe_data {
	struct pb_examples clean, corrupted, questions; /* questions.n_examples 0: none */
};

/* Everything but `ret_split`'s and `ret_unit`'s members belongs to the plugin, as long as its header says. d_vocab: tokens must be
 * below; INT32_MAX where there is no vocabulary to compare with. -PB_E_PLUGIN names the plugin, the split or unit, and the first
 * mistake. */
int pb_dataset_split(struct pb_instance *data, int64_t i, struct pb_split *ret_split);
int pb_dataset_unit(struct pb_instance *data, int64_t i, struct pb_unit *ret_unit);
int pb_dataset_examples(struct pb_instance *data, int64_t d_vocab, int64_t split, int64_t epoch,
			struct pb_examples *ret_examples);
int pb_dataset_probe(struct pb_instance *data, int64_t d_vocab, int64_t unit, struct pb_probe_data *ret_probe);

#endif
