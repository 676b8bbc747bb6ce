/* tail.c: whole tensors for hooks, from passes that leave out the last positions. */
#include "hook/tail.h"

#include <math.h>
#include <string.h>

static bool is_position(uint8_t axis)
{
	return axis == PB_AXIS_POS || axis == PB_AXIS_DEST_POS || axis == PB_AXIS_SRC_POS;
}

/* The part of `whole` that a pass has whose tensor there is `value`. */
static int front(const struct pb_site *site, const struct pb_view *whole, const struct pb_view *value,
		 struct pb_view *ret_front)
{
	struct pb_view part = *whole;
	int rc = 0;
	for (int i = 0; !rc && i < part.rank; i++)
		if (is_position(site->axis[i]))
			rc = pb_view_slice(&part, i, 0, value->shape[i], &part);
	if (!rc)
		*ret_front = part;
	return rc;
}

static int make_whole(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
		      const struct pb_view *value, struct pb_view *ret_whole)
{
	int64_t shape[PB_MAX_RANK];
	for (int i = 0; i < value->rank; i++)
		shape[i] = is_position(site->axis[i]) ? tail->positions : value->shape[i];
	return pb_tape_tensor(tape, value->rank, shape, ret_whole);
}

static int put_front(struct pb_tape *tape, const struct pb_site *site, const struct pb_view *value,
		     const struct pb_view *whole)
{
	struct pb_view part;
	int rc = front(site, whole, value, &part);
	return rc ? rc : pb_view_copy(tape->device, &part, value);
}

int pb_tail_value(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site, int site_id,
		  const struct pb_view *value, struct pb_view *ret_whole)
{
	struct pb_view whole;
	int rc = make_whole(tail, tape, site, value, &whole);
	if (!rc)
		rc = tail->fill(tail->user, site_id, &whole);
	if (!rc)
		rc = put_front(tape, site, value, &whole);
	if (!rc)
		*ret_whole = whole;
	return rc;
}

int pb_tail_gradient(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
		     const struct pb_view *gradient, struct pb_view *ret_whole)
{
	struct pb_view whole;
	int rc = make_whole(tail, tape, site, gradient, &whole);
	if (!rc)
		rc = pb_view_fill(tape->device, &whole, 0.0);
	if (!rc)
		rc = put_front(tape, site, gradient, &whole);
	if (!rc)
		*ret_whole = whole;
	return rc;
}

int pb_tail_open(struct pb_tail *tail, struct pb_tape *tape)
{
	struct pb_view largest;
	int rc = pb_tensor_zeros(&tape->pool, PB_F64, 1, (int64_t[]){1}, &largest);
	if (!rc)
		rc = pb_tensor_zeros(&tape->pool, tape->dtype, 1, (int64_t[]){1}, &tail->zero);
	if (!rc)
		rc = pb_tensor_new(&tape->pool, tape->dtype, 1, (int64_t[]){1}, &tail->none);
	if (!rc)
		rc = pb_view_fill(tape->device, &tail->none, -INFINITY);
	tail->largest = rc ? NULL : largest.data;
	return rc;
}

int pb_tail_settle(struct pb_tail *tail, struct pb_tape *tape)
{
	double largest = 0.0;
	pb_kernels(tape->device, tape->dtype)->download(tape->device->context, &largest, tail->largest, sizeof largest);
	tail->written = largest != 0.0;
	return pb_device_status(tape->device);
}

/* Has the device look for an element of the view that is another than `usual`. */
static int look(const struct pb_tail *tail, struct pb_tape *tape, const struct pb_view *view, const struct pb_view *usual)
{
	struct pb_view all = *view;
	all.data = usual->data;
	for (int i = 0; i < all.rank; i++)
		all.stride[i] = 0;
	return pb_view_raise_difference(tape->device, view, &all, tail->largest);
}

/* Queries before the end look at no key behind it, unless a hook makes them. */
static int look_for_ties(struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
			 const struct pb_view *whole, const struct pb_view *value)
{
	struct pb_view part = *whole;
	int keys = pb_view_find_axis(&part, PB_AXIS_SRC_POS);
	if (keys < 0)
		return 0;
	int64_t end = value->shape[keys];
	int rc = pb_view_slice(&part, keys, end, part.shape[keys] - end, &part);
	if (!rc)
		rc = pb_view_slice(&part, keys - 1, 0, value->shape[keys - 1], &part);
	if (!rc)
		rc = look(tail, tape, &part, site->kind == PB_SITE_PATTERN ? &tail->zero : &tail->none);
	return rc;
}

int pb_tail_cut(struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site, const struct pb_view *whole,
		const struct pb_view *ret_value)
{
	struct pb_view part, tagged = *whole;
	memcpy(tagged.axis, site->axis, sizeof site->axis);
	int rc = look_for_ties(tail, tape, site, &tagged, ret_value);
	if (!rc)
		rc = front(site, whole, ret_value, &part);
	return rc ? rc : pb_view_copy(tape->device, ret_value, &part);
}

int pb_tail_cut_gradient(struct pb_tail *tail, struct pb_tape *tape, const struct pb_site *site,
			 const struct pb_view *whole, const struct pb_view *ret_gradient)
{
	struct pb_view part;
	int rc = front(site, whole, ret_gradient, &part);
	if (!rc)
		rc = pb_view_copy(tape->device, ret_gradient, &part);
	if (!rc)
		rc = pb_view_fill(tape->device, &part, 0.0);
	return rc ? rc : look(tail, tape, whole, &tail->zero);
}
