/* window.c: index arithmetic on strided windows. */
#include "conform/window.h"

#include <stdio.h>

#include "tensor/tensor.h"

static void index_of(const struct pb_view *view, int64_t i, int64_t ret_index[PB_MAX_RANK])
{
	for (int axis = view->rank - 1; axis >= 0; axis--) {
		ret_index[axis] = i % view->shape[axis];
		i /= view->shape[axis];
	}
}

int64_t pb_window_extent(const struct pb_view *view)
{
	int64_t last = 0;
	if (!pb_view_count(view))
		return 0;
	for (int axis = 0; axis < view->rank; axis++)
		last += (view->shape[axis] - 1) * view->stride[axis];
	return last + 1;
}

int64_t pb_window_offset(const struct pb_view *view, int64_t i)
{
	int64_t index[PB_MAX_RANK], offset = 0;
	index_of(view, i, index);
	for (int axis = 0; axis < view->rank; axis++)
		offset += index[axis] * view->stride[axis];
	return offset;
}

double pb_window_value(const struct pb_view *view, int64_t i)
{
	const void *at = pb_view_at(view, pb_window_offset(view, i));
	return view->dtype == PB_F64 ? *(const double *)at : (double)*(const float *)at;
}

void pb_window_put(const struct pb_view *view, int64_t i, double value)
{
	void *at = pb_view_at(view, pb_window_offset(view, i));
	if (view->dtype == PB_F64)
		*(double *)at = value;
	else
		*(float *)at = (float)value;
}

int64_t pb_window_find(const struct pb_view *view, int64_t offset)
{
	for (int64_t i = 0, n = pb_view_count(view); i < n; i++)
		if (pb_window_offset(view, i) == offset)
			return i;
	return -1;
}

void pb_window_index_text(const struct pb_view *view, int64_t i, char *text, size_t size)
{
	int64_t index[PB_MAX_RANK];
	size_t used = (size_t)snprintf(text, size, "[");
	index_of(view, i, index);
	for (int axis = 0; axis < view->rank && used < size; axis++)
		used += (size_t)snprintf(text + used, size - used, "%s%lld", axis ? ", " : "",
					 (long long)index[axis]);
	if (used < size)
		snprintf(text + used, size - used, "]");
}
