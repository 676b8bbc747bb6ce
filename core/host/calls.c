/* calls.c: calls a plugin, and what became of it. */
#include "host/calls.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "host/host_impl.h"

int pb_instance_result(const struct pb_instance *instance, const char *call, int rc)
{
	const char *who = instance->impl->who, *reason = pb_services_reason(instance->impl);
	if (!rc)
		return 0;
	if (rc > 0 || !pb_status_is_known(-rc))
		return pb_fail(PB_E_PLUGIN, "%s: %s returned %d, which is no status (%s)", who, call, rc,
			       instance->loaded->path);
	if (!reason)
		return pb_fail(-rc, "%s: %s failed without a reason (%s): a mistake of the plugin, %s", who, call,
			       pb_status_text(rc), instance->loaded->path);
	/* What create refuses is the user's parameters, whatever the call is called. */
	return strcmp(call, "create") ? pb_fail(-rc, "%s: %s: %s", who, call, reason) : pb_fail(-rc, "%s: %s", who, reason);
}

/* The working folder before a call. */
struct place {
	int folder; /* -1: not known */
	dev_t device;
	ino_t inode;
};

/* A process has one of each, and results depend on them. */
static void set_back(const struct pb_instance *instance, const char *call, const struct place *place)
{
	struct stat now;
	const char *what = NULL;
	if (place->folder >= 0 && (stat(".", &now) < 0 || now.st_ino != place->inode || now.st_dev != place->device) &&
	    !fchdir(place->folder))
		what = "the working folder";
	if (strcmp(setlocale(LC_ALL, NULL), "C") != 0 && setlocale(LC_ALL, "C"))
		what = "the locale";
	if (what)
		pb_host_log(PB_LOG_WARNING, instance->impl->who, "%s changed %s, which was set back: a mistake of the plugin",
			    call, what);
}

static int guarded(struct pb_instance *instance, const char *call, pb_guarded *function, void *arguments)
{
	char text[128];
	struct pb_fault fault;
	pb_services_forget_reason();
	int rc = pb_guard(function, arguments, instance->impl->who, call, &fault);
	if (fault.changed_control && !instance->impl->told_control++)
		pb_host_log(PB_LOG_WARNING, instance->impl->who,
			    "%s changed how floating point rounds or traps, which was set back: a mistake of the plugin", call);
	if (!fault.happened)
		return pb_instance_result(instance, call, rc);
	instance->fault = fault;
	pb_fault_text(&fault, text, sizeof text);
	return pb_fail(PB_E_PLUGIN, "%s: %s %s: a mistake of the plugin, %s", instance->impl->who, call, text,
		       instance->loaded->path);
}

/* One call's arguments; each call uses those that it has. */
struct arguments {
	struct pb_instance *instance;
	const void *in, *weight;
	void *out;
	int64_t i, epoch, *ret_count, *ret_other;
	size_t size;
};

static int create(void *arguments)
{
	struct arguments *a = arguments;
	struct pb_instance *instance = a->instance;
	int (*call)(const struct pb_host *, const void *, void **);
	switch (instance->loaded->plugin->kind) {
	case PB_KIND_SETTER: call = pb_setter_ops(instance)->create; break;
	case PB_KIND_METRIC: call = pb_metric_ops(instance)->create; break;
	default: call = pb_dataset_ops(instance)->create;
	}
	return call ? call(&instance->host, instance->params, &instance->self) : 0;
}

static int destroy(void *arguments)
{
	struct arguments *a = arguments;
	struct pb_instance *instance = a->instance;
	void (*call)(const struct pb_host *, void *);
	switch (instance->loaded->plugin->kind) {
	case PB_KIND_SETTER: call = pb_setter_ops(instance)->destroy; break;
	case PB_KIND_METRIC: call = pb_metric_ops(instance)->destroy; break;
	default: call = pb_dataset_ops(instance)->destroy;
	}
	if (call)
		call(&instance->host, instance->self);
	return 0;
}

/* Calls that set something up, and may take their time. */
static int guarded_setup(struct pb_instance *instance, const char *call, pb_guarded *function, void *arguments)
{
	struct place place = {.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	struct stat st;
	if (place.folder >= 0 && !fstat(place.folder, &st)) {
		place.inode = st.st_ino;
		place.device = st.st_dev;
	}
	int rc = guarded(instance, call, function, arguments);
	set_back(instance, call, &place);
	if (place.folder >= 0)
		close(place.folder);
	return rc;
}

int pb_instance_start(struct pb_instance *instance)
{
	return guarded_setup(instance, "create", create, &(struct arguments){.instance = instance});
}

int pb_instance_end(struct pb_instance *instance)
{
	if (instance->fault.happened)
		return 0;
	int rc = guarded(instance, "destroy", destroy, &(struct arguments){.instance = instance});
	if (!rc)
		pb_services_check_freed(instance->impl);
	return rc;
}

static int prepare(void *arguments)
{
	struct arguments *a = arguments;
	return pb_setter_ops(a->instance)->prepare(a->instance->self, &a->instance->host, a->in);
}

static int apply(void *arguments)
{
	struct arguments *a = arguments;
	return pb_setter_ops(a->instance)->apply(a->instance->self, &a->instance->host, a->in);
}

static int adjoint(void *arguments)
{
	struct arguments *a = arguments;
	return pb_setter_ops(a->instance)->adjoint(a->instance->self, &a->instance->host, a->in);
}

int pb_setter_prepare(struct pb_instance *instance, const struct pb_setter_shape *shape)
{
	if (!pb_setter_ops(instance)->prepare)
		return 0;
	return guarded_setup(instance, "prepare", prepare, &(struct arguments){.instance = instance, .in = shape});
}

int pb_setter_apply(struct pb_instance *instance, const struct pb_setter_call *call)
{
	return guarded(instance, "apply", apply, &(struct arguments){.instance = instance, .in = call});
}

int pb_setter_adjoint(struct pb_instance *instance, const struct pb_setter_call *call)
{
	return guarded(instance, "adjoint", adjoint, &(struct arguments){.instance = instance, .in = call});
}

static int score(void *arguments)
{
	struct arguments *a = arguments;
	return pb_metric_ops(a->instance)->score(a->instance->self, &a->instance->host, a->in, a->out);
}

static int metric_adjoint(void *arguments)
{
	struct arguments *a = arguments;
	return pb_metric_ops(a->instance)->adjoint(a->instance->self, &a->instance->host, a->in, a->weight, a->out);
}

static int unit_text(void *arguments)
{
	struct arguments *a = arguments;
	*(const char **)a->out = pb_metric_ops(a->instance)->instance_unit(a->instance->self);
	return 0;
}

int pb_metric_score(struct pb_instance *instance, const struct pb_metric_batch *batch, double *ret_score)
{
	return guarded(instance, "score", score,
		       &(struct arguments){.instance = instance, .in = batch, .out = ret_score});
}

int pb_metric_adjoint(struct pb_instance *instance, const struct pb_metric_batch *batch, const double *weight,
		      double *ret_dlogits)
{
	return guarded(
		instance, "adjoint", metric_adjoint,
		&(struct arguments){.instance = instance, .in = batch, .weight = weight, .out = ret_dlogits});
}

const char *pb_metric_unit(struct pb_instance *instance)
{
	const struct pb_metric_ops *ops = pb_metric_ops(instance);
	const char *unit = ops->unit;
	if (ops->instance_unit)
		guarded(instance, "instance_unit", unit_text, &(struct arguments){.instance = instance, .out = &unit});
	return unit ? unit : ops->unit;
}

static int needs(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->needs(a->instance->self, a->ret_count, a->ret_other);
}

static int n_splits(void *arguments)
{
	struct arguments *a = arguments;
	*a->ret_count = pb_dataset_ops(a->instance)->n_splits(a->instance->self);
	return 0;
}

static int n_units(void *arguments)
{
	struct arguments *a = arguments;
	*a->ret_count = pb_dataset_ops(a->instance)->n_units(a->instance->self);
	return 0;
}

static int split(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->split(a->instance->self, a->i, a->out);
}

static int examples(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->examples(a->instance->self, a->i, a->epoch, a->out);
}

static int unit(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->unit(a->instance->self, a->i, a->out);
}

static int probe(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->probe(a->instance->self, a->i, a->out);
}

static int token_text(void *arguments)
{
	struct arguments *a = arguments;
	return pb_dataset_ops(a->instance)->token_text(a->instance->self, (int32_t)a->i, a->out, a->size);
}

int pb_dataset_needs(struct pb_instance *instance, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	return guarded(instance, "needs", needs,
		       &(struct arguments){.instance = instance, .ret_count = ret_d_vocab, .ret_other = ret_n_ctx});
}

int64_t pb_dataset_n_splits(struct pb_instance *instance)
{
	int64_t n = 0;
	guarded(instance, "n_splits", n_splits, &(struct arguments){.instance = instance, .ret_count = &n});
	return n > 0 ? n : 0;
}

int64_t pb_dataset_n_units(struct pb_instance *instance)
{
	int64_t n = 0;
	guarded(instance, "n_units", n_units, &(struct arguments){.instance = instance, .ret_count = &n});
	return n > 0 ? n : 0;
}

int pb_call_split(struct pb_instance *instance, int64_t i, struct pb_split *ret_split)
{
	return guarded(instance, "split", split, &(struct arguments){.instance = instance, .i = i, .out = ret_split});
}

int pb_call_unit(struct pb_instance *instance, int64_t i, struct pb_unit *ret_unit)
{
	return guarded(instance, "unit", unit, &(struct arguments){.instance = instance, .i = i, .out = ret_unit});
}

int pb_call_examples(struct pb_instance *instance, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	return guarded(
		instance, "examples", examples,
		&(struct arguments){.instance = instance, .i = i_split, .epoch = epoch, .out = ret_examples});
}

int pb_call_probe(struct pb_instance *instance, int64_t i_unit, struct pb_probe *ret_probe)
{
	return guarded(instance, "probe", probe,
		       &(struct arguments){.instance = instance, .i = i_unit, .out = ret_probe});
}

int pb_dataset_token_text(struct pb_instance *instance, int32_t token, char *text, size_t size)
{
	return guarded(instance, "token_text", token_text,
		       &(struct arguments){.instance = instance, .i = token, .out = text, .size = size});
}
