/* window.h: the elements of a strided window in host memory, one by one. */
#ifndef PB_CONFORM_WINDOW_H
#define PB_CONFORM_WINDOW_H

#include <patchbay/view.h>
#include <stdbool.h>
#include <stddef.h>

/* Elements from the window's first to its last, those between that are not its own included; 0 for an empty one. */
int64_t pb_window_extent(const struct pb_view *view);
/* Of its element i, in row-major order: how many elements behind the first it lies, and its value. */
int64_t pb_window_offset(const struct pb_view *view, int64_t i);
double pb_window_value(const struct pb_view *view, int64_t i);
void pb_window_put(const struct pb_view *view, int64_t i, double value);
/* Which element lies that many behind the first; -1: none. */
int64_t pb_window_find(const struct pb_view *view, int64_t offset);
/* Its index, "[0, 1, 3]". */
void pb_window_index_text(const struct pb_view *view, int64_t i, char *text, size_t size);

#endif
