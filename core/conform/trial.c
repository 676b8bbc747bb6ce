/* trial.c: from an address that was touched to words that an author can use. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "conform/trial_impl.h"
#include "conform/window.h"
#include "tensor/tensor.h"

int pb_fenced_init(struct pb_fenced *fenced, const char *name, enum pb_fence_side side, const struct pb_view *window)
{
	struct pb_fenced f = {0};
	int rc = pb_fence_init(&f.fence, (size_t)pb_window_extent(window) * pb_dtype_size(window->dtype));
	if (rc)
		return rc;
	memcpy(f.fence.data[PB_FENCE_WRITABLE], window->data, f.fence.size);
	f.sides[side].name = name;
	f.sides[side].view = *window;
	f.sides[side].view.data = f.fence.data[side];
	*fenced = f;
	return 0;
}

int pb_trial_refuse(const struct pb_trial_call *call, const char *format, ...)
{
	char what[512];
	const struct pb_plugin *plugin = call->instance->loaded->plugin;
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	return pb_fail(PB_E_PLUGIN, "%s %s: %s%s%s %s: a mistake of the plugin, %s", pb_kind_name(plugin->kind),
		       plugin->name, call->call, call->hook ? " at " : "", call->hook ? call->hook : "", what,
		       call->instance->loaded->path);
}

/* "wrote to"; what a machine does not tell is only said to be touched. */
static const char *verb_of(const struct pb_fault *fault)
{
	switch (fault->access) {
	case PB_ACCESS_READ: return "read";
	case PB_ACCESS_WRITE: return "wrote to";
	default: return "touched";
	}
}

static int refuse_outside(const struct pb_trial_call *call, const char *name, int64_t offset, size_t size)
{
	const char *verb = verb_of(&call->instance->fault);
	if (offset < 0)
		return pb_trial_refuse(call, "%s memory %lld bytes in front of the tensor of `%s`", verb,
				       (long long)-offset, name);
	if (offset == (int64_t)size)
		return pb_trial_refuse(call, "%s memory right behind the end of the tensor of `%s`", verb, name);
	return pb_trial_refuse(call, "%s memory %lld bytes behind the end of the tensor of `%s`", verb,
			       (long long)offset - (long long)size, name);
}

/* Within the data only writing fails, and only on the side that is read-only. */
static int refuse_inside(const struct pb_trial_call *call, const char *name, const struct pb_view *view,
			 int64_t offset)
{
	char index[128] = "";
	int64_t i = pb_window_find(view, offset / (int64_t)pb_dtype_size(view->dtype));
	if (i < 0)
		return pb_trial_refuse(call, "%s the tensor of `%s`, which is read-only, outside the region",
				       verb_of(&call->instance->fault), name);
	pb_window_index_text(view, i, index, sizeof index);
	return pb_trial_refuse(call, "%s `%s`, which is read-only, element %s", verb_of(&call->instance->fault), name,
			       index);
}

int pb_trial_result(const struct pb_trial_call *call, const struct pb_fenced *fenced, size_t n, int rc)
{
	const void *address = call->instance->fault.address;
	for (size_t k = 0; rc && address && k < n; k++) {
		enum pb_fence_side side;
		int64_t offset;
		if (!pb_fence_find(&fenced[k].fence, address, &side, &offset))
			continue;
		/* A side that the plugin does not know was reached from the other. */
		if (!fenced[k].sides[side].name)
			side = side == PB_FENCE_WRITABLE ? PB_FENCE_READONLY : PB_FENCE_WRITABLE;
		offset = (const char *)address - fenced[k].fence.data[side];
		if (offset < 0 || offset >= (int64_t)fenced[k].fence.size)
			return refuse_outside(call, fenced[k].sides[side].name, offset, fenced[k].fence.size);
		return refuse_inside(call, fenced[k].sides[side].name, &fenced[k].sides[side].view, offset);
	}
	return rc ? rc : pb_watch_check(&call->watch, call->call);
}

int pb_trial_check_fronts(const struct pb_trial_call *call, const struct pb_fenced *fenced, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		size_t damage = fenced[k].fence.begin ? pb_fence_damage(&fenced[k].fence) : 0;
		enum pb_fence_side side =
			fenced[k].sides[PB_FENCE_WRITABLE].name ? PB_FENCE_WRITABLE : PB_FENCE_READONLY;
		size_t width = pb_dtype_size(fenced[k].sides[side].view.dtype);
		if (damage) /* in bytes, but by whole elements */
			return pb_trial_refuse(call, "wrote to memory %zu bytes in front of the tensor of `%s`",
					       (damage + width - 1) / width * width, fenced[k].sides[side].name);
	}
	return 0;
}
