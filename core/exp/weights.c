/* weights.c: named copies of the model's parameters. */
#include "exp/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/model_load.h"
#include "exp/finite.h"

int pb_weights_init(struct pb_weights_store *store, const struct pb_plan *plan)
{
	const struct pb_yaml_node *files = plan->config->checkpoints;
	const size_t n = files ? files->count : 0;
	*store = (struct pb_weights_store){.plan = plan, .files = calloc(n + 1, sizeof *store->files)};
	if (!store->files)
		return pb_fail_nomem((n + 1) * sizeof *store->files, "the checkpoints");
	for (size_t i = 0; i < n; i++)
		if (files->items[i]->kind == PB_YAML_SCALAR)
			store->files[i] = pb_file_stamp(files->items[i]->text);
	return 0;
}

static void drop(struct pb_weights_store *store, size_t i)
{
	struct pb_named_weights *item = store->items[i];
	store->items[i] = store->items[--store->n];
	pb_params_finish(&item->params);
	free(item);
}

void pb_weights_finish(struct pb_weights_store *store)
{
	while (store->n > 0)
		drop(store, store->n - 1);
	free(store->items);
	free(store->files);
	store->items = NULL;
	store->files = NULL;
	store->room = 0;
}

void pb_weights_forget_files(struct pb_weights_store *store)
{
	for (size_t i = store->n; i-- > 0;)
		if (store->items[i]->from_file)
			drop(store, i);
}

static struct pb_named_weights *find(struct pb_weights_store *store, const char *name)
{
	for (size_t i = 0; i < store->n; i++)
		if (!strcmp(store->items[i]->name, name))
			return store->items[i];
	return NULL;
}

static int make_room(struct pb_weights_store *store)
{
	size_t room = store->room ? 2 * store->room : 8;
	if (store->n < store->room)
		return 0;
	struct pb_named_weights **items = realloc(store->items, room * sizeof *items);
	if (!items)
		return pb_fail_nomem(room * sizeof *items, "the names of weights");
	store->items = items;
	store->room = room;
	return 0;
}

static int add(struct pb_weights_store *store, const char *name, struct pb_named_weights **ret_item)
{
	const struct pb_plan *plan = store->plan;
	int rc = make_room(store);
	if (rc)
		return rc;
	struct pb_named_weights *mine = malloc(sizeof *mine);
	if (!mine)
		return pb_fail_nomem(sizeof *mine, "weights");
	rc = pb_params_init(&mine->params, &plan->model.table, plan->device, plan->config->dtype);
	if (rc) {
		free(mine);
		return rc;
	}
	mine->name = name;
	mine->from_file = false;
	store->items[store->n++] = mine;
	*ret_item = mine;
	return 0;
}

int pb_weights_keep(struct pb_weights_store *store, const char *name, const struct pb_params *params)
{
	struct pb_named_weights *mine = find(store, name);
	int rc = mine ? 0 : add(store, name, &mine);
	if (!rc)
		pb_params_copy(&mine->params, params);
	return rc;
}

static int load(const char *path, struct pb_params *params)
{
	struct pb_ckpt ckpt;
	int rc = pb_ckpt_read(path, &ckpt);
	if (rc)
		return rc;
	rc = pb_ckpt_load_params(&ckpt, params);
	pb_ckpt_finish(&ckpt);
	if (!rc && (rc = pb_finite_params(params, "its parameter")) < 0)
		rc = pb_fail_in(rc, "%s", path);
	return rc;
}

static int read_checkpoint(struct pb_weights_store *store, const char *name, size_t i, const struct pb_params **ret_params)
{
	const char *path = store->plan->config->checkpoints->items[i]->text;
	struct pb_named_weights *mine;
	int rc = add(store, name, &mine);
	if (rc)
		return rc;
	mine->from_file = true;
	rc = load(path, &mine->params);
	if (!rc)
		rc = pb_file_check_stamp(path, &store->files[i], "when the run began");
	if (rc)
		drop(store, store->n - 1);
	else
		*ret_params = &mine->params;
	return rc;
}

int pb_weights_get(struct pb_weights_store *store, const char *name, const struct pb_params **ret_params)
{
	const struct pb_named_weights *mine = find(store, name);
	const struct pb_yaml_node *files = store->plan->config->checkpoints;
	if (mine || (store->start && !strcmp(name, store->start_name))) {
		*ret_params = mine ? &mine->params : store->start;
		return 0;
	}
	for (size_t i = 0; files && i < files->count; i++)
		if (!strcmp(files->keys[i]->text, name) && files->items[i]->kind == PB_YAML_SCALAR)
			return read_checkpoint(store, name, i, ret_params);
	return pb_fail(PB_E_NOTFOUND, "no weights are called `%s`", name);
}

int pb_weights_start(const struct pb_plan *plan, struct pb_params *ret_params)
{
	int rc = pb_params_init(ret_params, &plan->model.table, plan->device, plan->config->dtype);
	if (rc)
		return rc;
	if (plan->has_loaded)
		rc = load(plan->config->model.load, ret_params);
	else
		rc = pb_params_initialise(ret_params, &plan->model.config, (uint64_t)plan->config->seed);
	if (rc)
		pb_params_finish(ret_params);
	return rc;
}
