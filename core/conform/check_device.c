/* check_device.c: does a setter that does not declare raw memory leave it alone? On a GPU it would have to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/cases.h"
#include "conform/remote.h"
#include "conform/window.h"

enum { WHOLE, FROM, N_REMOTES };

/* An address within a tensor that the plugin touched, by the view that it has on it. */
static int refuse_touch(const struct pb_case *one, const char *name, const struct pb_view *view)
{
	const struct pb_fault *fault = &one->instance->fault;
	int64_t offset = (const char *)fault->address - (const char *)view->data;
	int64_t i = pb_window_find(view, offset / (int64_t)pb_dtype_size(view->dtype));
	char index[128] = "";
	if (i >= 0)
		pb_window_index_text(view, i, index, sizeof index);
	return pb_fail(
		PB_E_PLUGIN,
		"apply %s `%s`%s%s itself, which lies on a GPU in some runs: go through the host's operations, "
		"or declare PB_RAW_MEMORY",
		fault->access == PB_ACCESS_WRITE ? "wrote to" : "read", name, *index ? " element " : "", index);
}

static bool is_in(const struct pb_remote *remote, const void *address)
{
	return remote->begin && (uintptr_t)address - (uintptr_t)remote->begin < remote->length;
}

/* The same call on views of what is not there. */
static int call_remotely(struct pb_case *one, const struct pb_remote *remotes)
{
	struct pb_view activation = one->activation, target = one->target, source = one->source;
	struct pb_setter_call call = one->call;
	activation.data = remotes[WHOLE].begin;
	target.data = remotes[WHOLE].begin + ((char *)one->target.data - one->whole);
	source.data = remotes[FROM].begin + ((char *)one->source.data - one->from);
	call.activation = &activation;
	call.target = &target;
	call.source = call.source ? &source : NULL;
	memcpy(one->whole, one->kept, one->size);
	pb_remote_install(one->instance, remotes, N_REMOTES);
	int rc = pb_setter_apply(one->instance, &call);
	pb_remote_install(one->instance, NULL, 0);
	if (rc && is_in(&remotes[WHOLE], one->instance->fault.address))
		return refuse_touch(one, "target", &target);
	if (rc && is_in(&remotes[FROM], one->instance->fault.address))
		return refuse_touch(one, "source", &source);
	return rc;
}

static int try_device(struct pb_checkup *c, struct pb_case *one)
{
	struct pb_remote remotes[N_REMOTES] = {0};
	char *expected = malloc(one->size + 1);
	(void)c;
	int rc = expected ? pb_case_call(one, false) : pb_fail_nomem(one->size, "results");
	if (!rc) {
		memcpy(expected, one->whole, one->size);
		rc = pb_remote_init(&remotes[WHOLE], one->whole, one->size);
	}
	if (!rc)
		rc = pb_remote_init(&remotes[FROM], one->from, one->size);
	if (!rc)
		rc = call_remotely(one, remotes);
	if (!rc && memcmp(expected, one->whole, one->size) != 0)
		rc = pb_fail(PB_E_PLUGIN, "apply gives other results on tensors that only the host can reach");
	for (int i = 0; i < N_REMOTES; i++)
		pb_remote_finish(&remotes[i]);
	free(expected);
	return rc;
}

int pb_check_device(struct pb_checkup *c)
{
	struct pb_cases cases = {.few = true};
	if (((const struct pb_setter_ops *)c->loaded->plugin->ops)->flags & PB_RAW_MEMORY)
		return pb_check_skip("it declares that it works on raw memory");
	return pb_cases_each(c, &cases, try_device);
}
