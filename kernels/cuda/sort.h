/* sort.h: lists of small numbers in order, on the host. */
#ifndef PBK_CUDA_SORT_H
#define PBK_CUDA_SORT_H

#include <stdint.h>

/* Places of `ids` [count], those of one id in their order: order[first[i] .. first[i + 1]) are the places of id i. first
 * [n_ids + 1], order [count]; ids are below n_ids. */
static inline void pbk_sort_ids(const int32_t *ids, int64_t count, int64_t n_ids, int32_t *first, int32_t *order)
{
	for (int64_t i = 0; i <= n_ids; i++)
		first[i] = 0;
	for (int64_t at = 0; at < count; at++)
		first[ids[at] + 1]++;
	for (int64_t i = 0; i < n_ids; i++)
		first[i + 1] += first[i];
	for (int64_t at = 0; at < count; at++)
		order[first[ids[at]]++] = (int32_t)at;
	for (int64_t i = n_ids; i > 0; i--) /* each has become the next one's begin */
		first[i] = first[i - 1];
	first[0] = 0;
}

static inline int64_t pbk_count_ids(const int32_t *ids, int64_t count)
{
	int64_t n = 0;
	for (int64_t at = 0; at < count; at++)
		n = ids[at] >= n ? (int64_t)ids[at] + 1 : n;
	return n;
}

#endif
