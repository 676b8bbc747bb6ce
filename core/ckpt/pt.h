/* pt.h: from an unpickled tree to a checkpoint's tensors, for both forms of .pt. */
#ifndef PB_CKPT_PT_H
#define PB_CKPT_PT_H

#include "ckpt/pickle.h"

/* A storage: all mentions with one key are one of these. */
struct pb_pt_memory {
	const char *key;
	enum pb_ckpt_dtype dtype;
	int64_t count;	  /* elements */
	const void *data; /* NULL: not loaded */
};

/* What reading either form has in hand. */
struct pb_pt {
	struct pb_ckpt *ckpt;	       /* its arena owns everything here */
	struct pb_pt_memory *memories; /* sorted by key */
	size_t n_memories;
	const struct pb_pickle_tensor **sources; /* [ckpt->n_tensors], of ckpt->tensors */
};

/* Fills ckpt->values, ckpt->tensors (without data), ckpt->prefix and sources (pt_tree.c). */
int pb_pt_collect(struct pb_pt *pt, const struct pb_pickle_value *root);
/* Sorts the mentions and checks that those with one key agree. */
int pb_pt_set_memories(struct pb_pt *pt, const struct pb_pickle_storage *mentions);
struct pb_pt_memory *pb_pt_find_memory(const struct pb_pt *pt, const char *key); /* NULL: none */
/* Checks each tensor against its storage, which must be loaded, and gives it contiguous data. */
int pb_pt_fill(struct pb_pt *pt);

#endif
