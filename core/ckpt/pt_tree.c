/* pt_tree.c: walks an unpickled tree and names what is in it.
 *
 * The tree is hostile: it may share nodes a million times over or contain itself. The walk keeps its own stack and
 * bounds depth, visits and the text it makes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/pt.h"
#include "ckpt/value_text.h"

enum {
	MAX_DEPTH = 64,
	MAX_VISITS = 1 << 20,
	MAX_NAME = 1024,
	MAX_TEXT = 256 << 20, /* bytes of names, texts and integers in all */
};

struct frame {
	const struct pb_pickle_value *container;
	size_t next;	    /* item to visit next */
	size_t name_length; /* of the container's own name */
};

struct walk {
	struct pb_pt *pt;
	const struct pb_pickle_value *selected; /* where the tensors are looked for; NULL: everywhere */
	struct frame frames[MAX_DEPTH];
	int depth, selected_depth; /* selected_depth: frames on the stack when `selected` was entered, or 0 */
	struct pb_text name, scratch;
	size_t visits, text_bytes;
	size_t tensors_room, values_room;
};

static bool holds_tensors(const struct pb_pickle_value *value)
{
	if (!value || value->type != PB_PICKLE_DICT)
		return false;
	for (size_t i = 1; i < value->list.count; i += 2)
		if (value->list.items[i]->type == PB_PICKLE_TENSOR)
			return true;
	return false;
}

/* A training checkpoint keeps the model under a key, beside the optimizer and what else there is. */
static void select_model(struct walk *w, const struct pb_pickle_value *root)
{
	static const char *const keys[] = {"state_dict", "model"};
	w->pt->ckpt->prefix = "";
	if (holds_tensors(root))
		return;
	for (size_t i = 0; i < sizeof keys / sizeof *keys && !w->selected; i++) {
		const struct pb_pickle_value *value = pb_pickle_get(root, keys[i]);
		if (!holds_tensors(value))
			continue;
		w->selected = value;
		w->pt->ckpt->prefix = keys[i];
	}
}

static int charge(struct walk *w, size_t bytes)
{
	w->text_bytes += bytes;
	if (w->text_bytes > MAX_TEXT)
		return pb_fail(PB_E_FORMAT, "%s: its names and values take more than %d MiB", w->pt->ckpt->path,
			       MAX_TEXT >> 20);
	return 0;
}

/* Room for one more item of an array in the arena. */
static void *extend(struct walk *w, void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	size_t more = *room ? *room * 2 : 64;
	void *copy = pb_arena_array(&w->pt->ckpt->arena, more, size);
	if (copy && count)
		memcpy(copy, array, count * size);
	if (copy)
		*room = more;
	return copy;
}

static int add_tensor(struct walk *w, const struct pb_pickle_tensor *source)
{
	struct pb_ckpt *ckpt = w->pt->ckpt;
	size_t n = ckpt->n_tensors, sources_room = w->tensors_room;
	void *tensors = extend(w, ckpt->tensors, n, &w->tensors_room, sizeof *ckpt->tensors);
	void *sources = extend(w, w->pt->sources, n, &sources_room, sizeof(void *));
	const char *name = pb_arena_strdup(&ckpt->arena, w->name.length ? w->name.data : "tensor");
	if (!tensors || !sources || !name)
		return -PB_E_NOMEM;
	ckpt->tensors = tensors;
	w->pt->sources = sources;
	struct pb_ckpt_tensor *t = &ckpt->tensors[n];
	*t = (struct pb_ckpt_tensor){.name = name, .dtype = source->dtype, .rank = source->rank};
	memcpy(t->shape, source->shape, sizeof t->shape);
	w->pt->sources[n] = source;
	ckpt->n_tensors++;
	return 0;
}

/* The integers of a value that is one or a list of them. */
static int take_ints(struct walk *w, const struct pb_pickle_value *value, struct pb_ckpt_value *out)
{
	bool one = value->type == PB_PICKLE_INT;
	if (!one && (!pb_value_is_container(value) || value->type == PB_PICKLE_DICT))
		return 0;
	size_t count = one ? 1 : value->list.count;
	for (size_t i = 0; !one && i < count; i++)
		if (value->list.items[i]->type != PB_PICKLE_INT)
			return 0;
	int64_t *ints = pb_arena_array(&w->pt->ckpt->arena, count + 1, sizeof *ints);
	if (!ints)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < count; i++)
		ints[i] = one ? value->integer : value->list.items[i]->integer;
	out->ints = ints;
	out->n_ints = (int64_t)count;
	return charge(w, count * sizeof *ints);
}

static int add_value(struct walk *w, const struct pb_pickle_value *value)
{
	struct pb_ckpt *ckpt = w->pt->ckpt;
	void *values = extend(w, ckpt->values, ckpt->n_values, &w->values_room, sizeof *ckpt->values);
	if (!values)
		return -PB_E_NOMEM;
	ckpt->values = values;
	pb_text_clear(&w->scratch);
	pb_value_add_text(&w->scratch, value);
	int rc = pb_text_status(&w->scratch);
	if (!rc)
		rc = charge(w, w->name.length + w->scratch.length);
	if (rc < 0)
		return rc;
	struct pb_ckpt_value out = {0};
	out.name = pb_arena_strdup(&ckpt->arena, w->name.length ? w->name.data : "value");
	out.text = pb_arena_strdup(&ckpt->arena, w->scratch.data);
	rc = out.name && out.text ? take_ints(w, value, &out) : -PB_E_NOMEM;
	if (!rc)
		ckpt->values[ckpt->n_values++] = out;
	return rc;
}

/* Adds "." and the key to the name. */
static int add_key(struct walk *w, const struct pb_pickle_value *key)
{
	if (pb_value_is_container(key) && (key->type == PB_PICKLE_DICT || !pb_value_is_flat(key)))
		return pb_fail(PB_E_FORMAT, "%s: a key below \"%s\" is not a name", w->pt->ckpt->path,
			       w->name.length ? w->name.data : "");
	if (w->name.length)
		pb_text_add(&w->name, ".");
	if (key->type != PB_PICKLE_STR) {
		pb_value_add_text(&w->name, key);
	} else if (memchr(key->string.data, 0, key->string.length)) {
		return pb_fail(PB_E_FORMAT, "%s: a key has a zero byte in it", w->pt->ckpt->path);
	} else {
		pb_text_add_bytes(&w->name, key->string.data, key->string.length);
	}
	if (w->name.length > MAX_NAME)
		return pb_fail(PB_E_FORMAT, "%s: a name is longer than %d bytes", w->pt->ckpt->path, MAX_NAME);
	return pb_text_status(&w->name);
}

static int enter(struct walk *w, const struct pb_pickle_value *container)
{
	if (w->depth == MAX_DEPTH)
		return pb_fail(PB_E_FORMAT, "%s: containers are nested more than %d deep, or contain themselves",
			       w->pt->ckpt->path, MAX_DEPTH);
	if (container == w->selected && w->depth == 1) {
		w->selected_depth = 1;
		pb_text_clear(&w->name); /* names start anew below the prefix */
	}
	w->frames[w->depth++] = (struct frame){.container = container, .name_length = w->name.length};
	return 0;
}

/* One node, whose name is complete. */
static int visit(struct walk *w, const struct pb_pickle_value *value)
{
	if (++w->visits > MAX_VISITS)
		return pb_fail(PB_E_FORMAT, "%s: more than %d objects", w->pt->ckpt->path, MAX_VISITS);
	if (value->type == PB_PICKLE_TENSOR && (!w->selected || w->selected_depth))
		return charge(w, w->name.length) < 0 ? -PB_E_FORMAT : add_tensor(w, value->tensor);
	bool whole = !pb_value_is_container(value) ||
		     (value->type == PB_PICKLE_DICT ? !value->list.count : pb_value_is_flat(value));
	return whole ? add_value(w, value) : enter(w, value);
}

/* Visits the next item of the innermost container, or leaves it. */
static int step(struct walk *w)
{
	struct frame *f = &w->frames[w->depth - 1];
	const struct pb_pickle_list *list = &f->container->list;
	bool dict = f->container->type == PB_PICKLE_DICT;
	if (w->name.data) {
		w->name.length = f->name_length;
		w->name.data[f->name_length] = '\0';
	}
	if (f->next == list->count) {
		w->depth--;
		if (w->depth <= w->selected_depth)
			w->selected_depth = 0;
		return 0;
	}
	struct pb_pickle_value index = {.type = PB_PICKLE_INT, .integer = (int64_t)f->next};
	const struct pb_pickle_value *key = dict ? list->items[f->next] : &index;
	const struct pb_pickle_value *value = list->items[f->next + dict];
	f->next += dict ? 2 : 1;
	int rc = add_key(w, key);
	return rc < 0 ? rc : visit(w, value);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unique(const struct pb_ckpt *ckpt)
{
	const char **names = malloc((ckpt->n_tensors + 1) * sizeof *names);
	if (!names)
		return pb_fail_nomem(ckpt->n_tensors * sizeof *names, "names");
	for (size_t i = 0; i < ckpt->n_tensors; i++)
		names[i] = ckpt->tensors[i].name;
	qsort(names, ckpt->n_tensors, sizeof *names, compare_names);
	int rc = 0;
	for (size_t i = 1; i < ckpt->n_tensors && !rc; i++) {
		char shown[120];
		if (!strcmp(names[i - 1], names[i]))
			rc = pb_fail(PB_E_FORMAT, "%s: two tensors are named %s", ckpt->path,
				     pb_pickle_printable(names[i], strlen(names[i]), shown, sizeof shown));
	}
	free(names);
	return rc;
}

int pb_pt_collect(struct pb_pt *pt, const struct pb_pickle_value *root)
{
	struct walk w = {.pt = pt};
	select_model(&w, root);
	int rc = visit(&w, root);
	while (!rc && w.depth)
		rc = step(&w);
	pb_text_finish(&w.name);
	pb_text_finish(&w.scratch);
	return rc < 0 ? rc : check_unique(pt->ckpt);
}
