/* train_state.c: parameters, the optimizer's state and the curves as one .safetensors. */
#include "exp/train_state.h"

#include <assert.h>
#include <string.h>

#include "base/checksum.h"
#include "base/status.h"

enum { MOST_TENSORS = 12, N_PLACE = 5, N_REALS = 3 };

struct writer {
	struct pb_arena arena;
	struct pb_ckpt_tensor tensors[MOST_TENSORS];
	size_t n;
};

static void *add(struct writer *w, const char *name, enum pb_ckpt_dtype dtype, int64_t count)
{
	void *data = pb_arena_array(&w->arena, (size_t)count + 1, pb_ckpt_dtype_size(dtype));
	struct pb_ckpt_tensor t = {.name = name, .dtype = dtype, .rank = 1, .shape = {count}, .count = count, .data = data};
	assert(w->n < MOST_TENSORS);
	if (data)
		w->tensors[w->n++] = t;
	return data;
}

/* From the device; nothing where there is nothing. */
static int add_device(struct writer *w, const char *name, struct pb_device *device, uint32_t dtype, const void *from,
		      int64_t count)
{
	void *data = from ? add(w, name, dtype == PB_F64 ? PB_CKPT_F64 : PB_CKPT_F32, count) : NULL;
	if (!data)
		return from ? -PB_E_NOMEM : 0;
	pb_kernels(device, dtype)->download(device->context, data, from, (size_t)count * pb_dtype_size(dtype));
	return pb_device_status(device);
}

static int add_copy(struct writer *w, const char *name, enum pb_ckpt_dtype dtype, const void *from, int64_t count)
{
	void *data = add(w, name, dtype, count);
	if (data && count)
		memcpy(data, from, (size_t)count * pb_ckpt_dtype_size(dtype));
	return data ? 0 : -PB_E_NOMEM;
}

static int add_optim(struct writer *w, const struct pb_optim *o)
{
	int rc = add_device(w, "first", o->device, o->dtype, o->first, o->extent);
	if (!rc)
		rc = add_device(w, "second", o->device, o->dtype, o->second, o->extent);
	if (!rc)
		rc = add_copy(w, "slot_steps", PB_CKPT_I64, o->steps, o->n_slots);
	return rc ? rc : add_copy(w, "calls", PB_CKPT_I64, &o->calls, 1);
}

/* Of everything but the checksum itself, names included. */
static uint64_t checksum_of(const struct pb_ckpt_tensor *tensors, size_t n)
{
	static const char *const names[] = {"params", "first", "second", "slot_steps", "calls", "place", "reals", "curves", "run"};
	uint64_t sum = PB_CHECKSUM_START;
	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		for (size_t i = 0; i < n; i++)
			if (!strcmp(tensors[i].name, names[k])) {
				const uint64_t piece = pb_checksum(tensors[i].data, (size_t)tensors[i].count *
									      pb_ckpt_dtype_size(tensors[i].dtype));
				const uint64_t pair[] = {k, piece};
				sum = pb_checksum_more(sum, pair, sizeof pair);
			}
	return sum;
}

int pb_train_state_save(const char *path, uint64_t run, const struct pb_train_place *place, const struct pb_params *params,
			const struct pb_optim *optim, const struct pb_curves *curves)
{
	struct writer w = {0};
	const int64_t numbers[N_PLACE] = {place->stage, place->epoch, place->steps, place->at, place->count};
	const double reals[N_REALS] = {place->sum, place->loss, place->stop_value};
	int rc = add_device(&w, "params", params->device, params->dtype, params->data, params->table->count);
	if (!rc && optim)
		rc = add_optim(&w, optim);
	if (!rc)
		rc = add_copy(&w, "place", PB_CKPT_I64, numbers, N_PLACE);
	if (!rc)
		rc = add_copy(&w, "reals", PB_CKPT_F64, reals, N_REALS);
	if (!rc && curves)
		rc = add_copy(&w, "curves", PB_CKPT_F64, curves->values,
			      (int64_t)(curves->n_points * (1 + curves->n_series)));
	if (!rc)
		rc = add_copy(&w, "run", PB_CKPT_I64, &run, 1);
	if (!rc) {
		const uint64_t sum = checksum_of(w.tensors, w.n);
		rc = add_copy(&w, "checksum", PB_CKPT_I64, &sum, 1);
	}
	if (!rc)
		rc = pb_ckpt_write_safetensors(path, w.tensors, w.n);
	pb_arena_finish(&w.arena);
	return rc;
}

static int refuse(const struct pb_train_state *s, const char *what)
{
	return pb_fail(PB_E_FORMAT, "%s is not where a training stood: %s; remove it to train from the beginning",
		       s->file.path, what);
}

static const struct pb_ckpt_tensor *find(const struct pb_train_state *s, const char *name, enum pb_ckpt_dtype dtype,
					 int64_t count)
{
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&s->file, name);
	return t && t->dtype == dtype && t->count == count ? t : NULL;
}

static int take_place(struct pb_train_state *s, uint64_t run, const struct pb_param_table *table)
{
	const struct pb_ckpt_tensor *place = find(s, "place", PB_CKPT_I64, N_PLACE);
	const struct pb_ckpt_tensor *reals = find(s, "reals", PB_CKPT_F64, N_REALS);
	const struct pb_ckpt_tensor *checksum = find(s, "checksum", PB_CKPT_I64, 1);
	const struct pb_ckpt_tensor *params = pb_ckpt_find(&s->file, "params");
	const struct pb_ckpt_tensor *of = find(s, "run", PB_CKPT_I64, 1);
	int64_t numbers[N_PLACE];
	double values[N_REALS];
	uint64_t sum, its_run;
	if (!place || !reals || !checksum || !params || !of)
		return refuse(s, "parts of it are missing");
	memcpy(&sum, checksum->data, sizeof sum);
	if (sum != checksum_of(s->file.tensors, s->file.n_tensors))
		return refuse(s, "it was altered or damaged (its checksum differs)");
	memcpy(&its_run, of->data, sizeof its_run);
	if (its_run != run)
		return refuse(s, "it is of another run");
	if (params->count != table->count)
		return refuse(s, "it is of another model");
	memcpy(numbers, place->data, sizeof numbers);
	memcpy(values, reals->data, sizeof values);
	s->place = (struct pb_train_place){.stage = numbers[0], .epoch = numbers[1], .steps = numbers[2], .at = numbers[3],
					   .count = numbers[4], .sum = values[0], .loss = values[1], .stop_value = values[2]};
	return numbers[0] < 0 || numbers[1] < 0 || numbers[2] < 0 || numbers[3] < 0 ? refuse(s, "its place is none") : 0;
}

int pb_train_state_read(const char *path, uint64_t run, const struct pb_param_table *table, struct pb_train_state *ret_state)
{
	struct pb_train_state s = {0};
	int rc = pb_ckpt_read(path, &s.file);
	if (rc)
		return rc;
	rc = take_place(&s, run, table);
	if (rc)
		pb_ckpt_finish(&s.file);
	else
		*ret_state = s;
	return rc;
}

void pb_train_state_finish(struct pb_train_state *state)
{
	pb_ckpt_finish(&state->file);
}

static int upload(const struct pb_train_state *s, const char *name, struct pb_device *device, uint32_t dtype, void *to,
		  int64_t count)
{
	const struct pb_ckpt_tensor *t = to ? find(s, name, dtype == PB_F64 ? PB_CKPT_F64 : PB_CKPT_F32, count) : NULL;
	if (!t)
		return to ? refuse(s, "its numbers are of another kind or count") : 0;
	pb_kernels(device, dtype)->upload(device->context, to, t->data, (size_t)count * pb_dtype_size(dtype));
	return pb_device_status(device);
}

int pb_train_state_params(const struct pb_train_state *state, struct pb_params *params)
{
	return upload(state, "params", params->device, params->dtype, params->data, params->table->count);
}

int pb_train_state_optim(const struct pb_train_state *state, struct pb_optim *optim)
{
	const struct pb_ckpt_tensor *steps = find(state, "slot_steps", PB_CKPT_I64, optim->n_slots);
	const struct pb_ckpt_tensor *calls = find(state, "calls", PB_CKPT_I64, 1);
	if (!steps || !calls)
		return refuse(state, "the optimizer's state is missing");
	memcpy(optim->steps, steps->data, (size_t)optim->n_slots * sizeof *optim->steps);
	memcpy(&optim->calls, calls->data, sizeof optim->calls);
	int rc = upload(state, "first", optim->device, optim->dtype, optim->first, optim->extent);
	return rc ? rc : upload(state, "second", optim->device, optim->dtype, optim->second, optim->extent);
}

int pb_train_state_curves(const struct pb_train_state *state, struct pb_curves *curves)
{
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&state->file, "curves");
	int64_t width = (int64_t)(1 + curves->n_series);
	if (!t)
		return 0;
	if (t->dtype != PB_CKPT_F64 || t->count % width)
		return refuse(state, "its curves are of another experiment");
	return pb_curves_restore(curves, t->data, (size_t)(t->count / width));
}
