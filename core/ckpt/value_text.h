/* value_text.h: an unpickled value as a person would write it. */
#ifndef PB_CKPT_VALUE_TEXT_H
#define PB_CKPT_VALUE_TEXT_H

#include "ckpt/pickle.h"

/* A sequence or dict is flat when it has no container in it; what is no container is flat. */
bool pb_value_is_flat(const struct pb_pickle_value *value);
bool pb_value_is_container(const struct pb_pickle_value *value); /* tuple, list, set, dict */
/* 3, "abc", true, none, [1, 2, 3], tensor F32 [2, 3]. The value must be flat, and no dict unless it is empty. */
void pb_value_add_text(struct pb_text *out, const struct pb_pickle_value *value);

#endif
