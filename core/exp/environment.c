/* environment.c: collected once, at the end of a run. */
#include "exp/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/schema.h"
#include "base/status.h"

enum { MAX_PAIRS = 64 };

struct list {
	struct pb_arena *arena;
	struct pb_result_pair *items;
	size_t n;
};

static void add(struct list *list, const char *name, const char *value)
{
	if (list->n < MAX_PAIRS && name && value)
		list->items[list->n++] = (struct pb_result_pair){name, value};
}

static void add_plugin(struct list *list, const struct pb_instance *instance)
{
	const struct pb_plugin *p = instance->loaded->plugin;
	char *name = pb_arena_printf(list->arena, "%s %s", pb_kind_name((enum pb_kind)p->kind), p->name);
	for (size_t i = 0; name && i < list->n; i++)
		if (!strcmp(list->items[i].name, name))
			return;
	add(list, name,
	    pb_arena_printf(list->arena, "%s, schema %016llx", p->version,
			    (unsigned long long)pb_schema_hash(p->params, p->n_params)));
}

static const char *cpu_name(struct pb_arena *arena)
{
	char line[512];
	const char *name = "unknown";
	FILE *f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof line, f)) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		name = pb_arena_strdup(arena, colon + 2);
		break;
	}
	if (f)
		fclose(f);
	return name;
}

/* Products other than float32's come with their error. */
static int add_matmul(struct list *list, const struct pb_plan *plan)
{
	const char *name = pb_matmul_names[plan->config->matmul];
	double error;
	if (!plan->device->backend)
		return 0;
	int rc = plan->config->matmul ? pb_device_matmul_error(plan->device, &error) : 0;
	if (!rc)
		add(list, "matmul",
		    plan->config->matmul
			    ? pb_arena_printf(list->arena, "%s: elements of a product off by up to %.1e of their rms", name,
					      error)
			    : name);
	return rc;
}

int pb_environment(const struct pb_plan *plan, const char *engine, struct pb_arena *arena, struct pb_result_run *result)
{
	struct list list = {arena, pb_arena_array(arena, MAX_PAIRS, sizeof *list.items), 0};
	char date[40];
	time_t now = time(NULL);
	struct tm tm;
	struct utsname host;
	if (!list.items)
		return -PB_E_NOMEM;
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
	result->name = plan->config->name;
	result->question = plan->config->question;
	result->version = PB_VERSION;
	result->date = pb_arena_strdup(arena, date);
	add(&list, "patchbay", PB_VERSION);
	add(&list, "compiler", __VERSION__);
	if (!uname(&host))
		add(&list, "system", pb_arena_printf(arena, "%s %s %s", host.sysname, host.release, host.machine));
	add(&list, "cpu", cpu_name(arena));
	add(&list, "cores", pb_arena_printf(arena, "%ld", sysconf(_SC_NPROCESSORS_ONLN)));
	add(&list, "device", plan->device->description);
	int rc = add_matmul(&list, plan);
	if (rc)
		return rc;
	add(&list, "engine", engine);
	add(&list, "precision", plan->config->dtype == PB_F64 ? "f64" : "f32");
	add(&list, "seed", pb_arena_printf(arena, "%lld", (long long)plan->config->seed));
	if (plan->config->model.load)
		add(&list, "checkpoint", plan->config->model.load);
	add_plugin(&list, plan->data);
	for (size_t i = 0; i < plan->n_scorers; i++)
		add_plugin(&list, plan->scorers[i]->instance);
	for (size_t i = 0; i < plan->n_sweeps; i++)
		if (plan->sweeps[i].setter)
			add_plugin(&list, plan->sweeps[i].setter);
	result->environment = list.items;
	result->n_environment = list.n;
	return result->date ? 0 : -PB_E_NOMEM;
}
