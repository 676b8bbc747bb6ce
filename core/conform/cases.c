/* cases.c: hook points, their tensors, and the cells of a sweep over them. */
#include "conform/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "conform/child.h"
#include "hook/site.h"
#include "host/host_impl.h"

enum { LAYERS = 2, POSITIONS = 5, MOST_VARIANTS = 3 };

/* The axes of one sweep. */
struct axes {
	uint8_t items[PB_MAX_RANK];
	uint32_t n;
};

/* A point with all that a case at it has in common. */
struct point {
	const struct pb_site *site;
	const struct axes *axes;
	uint32_t dtype, direction;
	int64_t batch;
	struct pb_instance *instance;
};

static bool site_has(const struct pb_site *site, uint8_t axis)
{
	return axis == PB_AXIS_LAYER ? site->layer >= 0 : memchr(site->axis, axis, (size_t)site->rank) != NULL;
}

static bool is_index(uint8_t axis)
{
	return axis >= PB_AXIS_POS && axis <= PB_AXIS_SRC_POS;
}

/* Of a setter with free axes: the layer, with one axis more, and with all. */
static void add_free(const struct pb_site *site, int which, struct axes *axes)
{
	*axes = (struct axes){0};
	if (site->layer >= 0)
		axes->items[axes->n++] = PB_AXIS_LAYER;
	for (int i = 0, added = 0; i < site->rank; i++)
		if (is_index(site->axis[i]) && (which == 2 || added++ < which))
			axes->items[axes->n++] = site->axis[i];
}

/* Returns how many sets of axes there are at the site. */
static int variants_of(const struct pb_setter_ops *ops, const struct pb_site *site, struct axes *variants)
{
	int n = 0;
	if (ops->flags & PB_SETTER_FREE_AXES) {
		for (int which = 0; which < MOST_VARIANTS; which++) {
			add_free(site, which, &variants[n]);
			n += variants[n].n && (!n || variants[n].n > variants[n - 1].n);
		}
		return n;
	}
	variants[0] = (struct axes){.n = ops->n_axes};
	memcpy(variants[0].items, ops->axes, ops->n_axes);
	for (uint32_t i = 0; i < ops->n_axes; i++)
		if (!site_has(site, ops->axes[i]))
			return 0;
	return 1;
}

static struct pb_view tensor_at(const struct point *p, void *data)
{
	int64_t shape[PB_MAX_RANK];
	int rank = pb_site_shape(p->site, p->batch, POSITIONS, shape);
	struct pb_view view = pb_view_over(data, p->dtype, rank, shape);
	memcpy(view.axis, p->site->axis, (size_t)rank);
	return view;
}

static int64_t length_of(const struct pb_view *tensor, uint8_t axis)
{
	int i = pb_view_find_axis(tensor, axis);
	return i < 0 ? LAYERS : tensor->shape[i];
}

static int take_region(const struct point *p, const int64_t *index, const struct pb_view *tensor,
		       struct pb_view *ret_region)
{
	int rc = 0;
	*ret_region = *tensor;
	for (uint32_t i = 0; !rc && i < p->axes->n; i++)
		if (p->axes->items[i] != PB_AXIS_LAYER)
			rc = pb_view_select(ret_region, p->axes->items[i], index[i], ret_region);
	return rc;
}

/* Its own words are kept; what is no refusal is a failure. */
static int prepare(const struct point *p, struct pb_cases *cases, bool *ret_fits)
{
	int64_t first[PB_MAX_RANK] = {0};
	struct pb_setter_shape shape = {
		.struct_size = sizeof shape, .direction = p->direction, .hook = p->site->name};
	struct pb_view tensor = tensor_at(p, NULL);
	int rc = take_region(p, first, &tensor, &shape.region);
	pb_child_progress("%s, %s, batch of %d, prepare", p->site->name, pb_dtype_name(p->dtype), (int)p->batch);
	if (!rc)
		rc = pb_setter_prepare(p->instance, &shape);
	*ret_fits = !rc;
	if (!rc || p->instance->fault.signal || !pb_services_reason(p->instance->impl))
		return rc;
	snprintf(cases->refusal, sizeof cases->refusal, "%s", pb_error_text());
	return 0;
}

static void set(char *data, uint32_t dtype, int64_t i, double value)
{
	if (dtype == PB_F64)
		((double *)(void *)data)[i] = value;
	else
		((float *)(void *)data)[i] = (float)value;
}

/* Normal numbers; at scores, forward, those that look ahead are masked. */
static void fill(const struct pb_checkup *c, const struct pb_view *tensor, bool masked, uint64_t stream)
{
	for (int64_t i = 0, n = pb_view_count(tensor); i < n; i++) {
		bool ahead = i % POSITIONS > i / POSITIONS % POSITIONS;
		set(tensor->data, tensor->dtype, i,
		    masked && ahead ? -INFINITY : pb_random_normal(c->options->seed, stream, (uint64_t)i));
	}
}

static void describe(const struct point *p, struct pb_case *one)
{
	static const char *const words[] = {[PB_AXIS_LAYER] = "layer",
					    [PB_AXIS_POS] = "pos",
					    [PB_AXIS_HEAD] = "head",
					    [PB_AXIS_DEST_POS] = "dest_pos",
					    [PB_AXIS_SRC_POS] = "src_pos"};
	size_t room = sizeof one->what;
	int n = snprintf(one->what, room, "%s, %s, batch of %d, ", p->site->name, pb_dtype_name(p->dtype),
			 (int)p->batch);
	for (uint32_t i = 0; i < p->axes->n && n < (int)room; i++)
		n += snprintf(one->what + n, room - (size_t)n, "%s%s %d", i ? ", " : "", words[p->axes->items[i]],
			      (int)one->index[i]);
	if (n < (int)room)
		snprintf(one->what + n, room - (size_t)n, ", %s",
			 p->direction == PB_FORWARD ? "forward" : "backward");
}

static void finish(struct pb_case *one)
{
	free(one->whole);
	free(one->from);
	free(one->kept);
}

/* The tensors of a case, with values. */
static int make_tensors(struct pb_checkup *c, const struct point *p, struct pb_case *one, struct pb_view *ret_from)
{
	bool mean = pb_setter_ops(p->instance)->source == PB_SOURCE_MEAN;
	struct pb_view tensor = tensor_at(p, NULL);
	size_t count = (size_t)pb_view_count(&tensor);
	one->size = count * pb_dtype_size(p->dtype);
	one->from_size = mean ? one->size / (size_t)p->batch : one->size;
	one->whole = malloc(one->size + 1);
	one->kept = malloc(one->size + 1);
	one->from = malloc(one->size + 1);
	if (!one->whole || !one->kept || !one->from)
		return pb_fail_nomem(one->size, "a tensor to try a setter on");
	one->masked = p->site->kind == PB_SITE_ATTN_SCORES && p->direction == PB_FORWARD;
	one->activation = tensor_at(p, one->whole);
	*ret_from = tensor_at(p, one->from);
	fill(c, &one->activation, one->masked, 1);
	fill(c, ret_from, one->masked, 2);
	memcpy(one->kept, one->whole, one->size);
	if (mean)
		ret_from->stride[0] = 0; /* one example stands for all */
	return 0;
}

static int make_case(struct pb_checkup *c, const struct point *p, bool last, struct pb_case *one)
{
	struct pb_view from;
	*one = (struct pb_case){.instance = p->instance};
	int rc = make_tensors(c, p, one, &from);
	for (uint32_t i = 0; !rc && i < p->axes->n; i++)
		one->index[i] = p->axes->items[i] == PB_AXIS_LAYER ? p->site->layer
				: last ? length_of(&one->activation, p->axes->items[i]) - 1
				       : 0;
	if (!rc)
		rc = take_region(p, one->index, &one->activation, &one->target);
	if (!rc)
		rc = take_region(p, one->index, &from, &one->source);
	if (rc)
		return rc;
	one->activation.flags |= PB_VIEW_READONLY;
	one->source.flags |= PB_VIEW_READONLY;
	one->call = (struct pb_setter_call){
		.struct_size = sizeof one->call,
		.direction = p->direction,
		.hook = p->site->name,
		.layer = p->site->layer,
		.n_index = p->axes->n,
		.index = one->index,
		.activation = &one->activation,
		.target = &one->target,
		.source = pb_setter_ops(p->instance)->source == PB_SOURCE_NONE ? NULL : &one->source,
		.stream = pb_random(c->options->seed, 3, p->direction),
	};
	describe(p, one);
	return 0;
}

/* A case and what it gave. */
struct kept {
	bool there;
	struct pb_case one;
	char *result;
};

static int keep(struct kept *first, struct pb_case *one)
{
	first->result = malloc(one->size + 1);
	int rc = first->result ? pb_case_call(one, false) : pb_fail_nomem(one->size, "a result");
	if (rc)
		return rc;
	memcpy(first->result, one->whole, one->size);
	first->one = *one;
	first->there = true;
	return 0;
}

/* The views of a case lie in it, and move with it. */
static int repeat(struct kept *first)
{
	struct pb_case *one = &first->one;
	one->call.index = one->index;
	one->call.activation = &one->activation;
	one->call.target = &one->target;
	if (one->call.source)
		one->call.source = &one->source;
	int rc = pb_case_call(one, false);
	if (!rc && memcmp(first->result, one->whole, one->size) != 0)
		rc = pb_fail(PB_E_PLUGIN, "apply gives something else after calls for other cells: what it writes "
					  "may not depend on the calls before");
	return rc ? pb_fail_in(rc, "%s, once more", one->what) : 0;
}

static void forget(struct kept *first)
{
	if (first->there)
		finish(&first->one);
	free(first->result);
}

static int try_cells(struct pb_checkup *c, struct pb_cases *cases, const struct point *p, struct kept *first,
		     pb_case_function *f)
{
	int rc = 0;
	for (int last = 1; !rc && last >= (cases->few ? 1 : 0); last--) {
		struct pb_case one;
		rc = make_case(c, p, last, &one);
		if (!rc) {
			pb_child_progress("%s", one.what);
			rc = f(c, &one);
			if (rc < 0)
				rc = pb_fail_in(rc, "%s", one.what);
			cases->n++;
		}
		if (!rc && cases->again && !first->there)
			rc = keep(first, &one);
		if (!first->there || first->one.whole != one.whole)
			finish(&one);
	}
	return rc;
}

static int try_directions(struct pb_checkup *c, struct pb_cases *cases, struct point *p, const bool *fits, uint32_t n,
			  pb_case_function *f)
{
	struct kept first = {0};
	int rc = 0;
	for (p->direction = 0; !rc && p->direction < n; p->direction++)
		if (fits[p->direction])
			rc = try_cells(c, cases, p, &first, f);
	if (!rc && first.there)
		rc = repeat(&first);
	forget(&first);
	return rc;
}

/* As in a run: all that a sweep will patch is prepared first, and again where the batch is another. */
static int try_point(struct pb_checkup *c, struct pb_cases *cases, struct point *p, pb_case_function *f)
{
	static const int64_t batches[] = {1, PB_CASE_EXAMPLES};
	bool mean = pb_setter_ops(p->instance)->source == PB_SOURCE_MEAN;
	int rc = 0;
	for (size_t b = cases->few ? 1 : 0; !rc && b < PB_COUNT(batches); b++) {
		bool fits[2] = {false, false};
		p->batch = batches[b];
		uint32_t directions = mean || cases->few ? 1 : 2;
		for (p->direction = 0; !rc && p->direction < directions; p->direction++)
			rc = prepare(p, cases, &fits[p->direction]);
		if (!rc)
			rc = try_directions(c, cases, p, fits, directions, f);
	}
	return rc;
}

static int try_site(struct pb_checkup *c, struct pb_cases *cases, const struct pb_site *site, pb_case_function *f)
{
	static const uint32_t dtypes[] = {PB_F64, PB_F32};
	struct axes variants[MOST_VARIANTS + 1];
	int n = variants_of(c->loaded->plugin->ops, site, variants), rc = 0;
	for (int v = 0; !rc && v < n; v++)
		for (size_t d = 0; !rc && d < (cases->few ? 1 : PB_COUNT(dtypes)); d++) {
			struct point p = {.site = site, .axes = &variants[v], .dtype = dtypes[d]};
			rc = pb_check_instance(c, c->options->seed, &p.instance);
			if (rc)
				return rc;
			rc = try_point(c, cases, &p, f);
			if (rc)
				pb_instance_forget(p.instance);
			else
				rc = pb_check_destroy(c, p.instance);
		}
	return rc;
}

int pb_cases_each(struct pb_checkup *c, struct pb_cases *cases, pb_case_function *f)
{
	int64_t d_model = c->options->d_model ? c->options->d_model : 16;
	int64_t n_heads = c->options->n_heads ? c->options->n_heads : 2;
	const struct pb_site_dims dims = {
		.n_layers = LAYERS,
		.n_heads = n_heads,
		.d_model = d_model,
		.d_head = d_model / n_heads,
		.d_mlp = 4 * d_model,
		.has_norm = true,
	};
	struct pb_sites sites;
	int rc = pb_sites_init(&sites, &dims);
	if (rc)
		return rc;
	/* One block is enough, and the points outside. */
	for (int i = 0; !rc && i < sites.n; i++)
		if (sites.items[i].layer != 0)
			rc = try_site(c, cases, &sites.items[i], f);
	pb_sites_finish(&sites);
	return rc;
}

int pb_case_call(struct pb_case *one, bool adjoint)
{
	memcpy(one->whole, one->kept, one->size);
	return adjoint ? pb_setter_adjoint(one->instance, &one->call) : pb_setter_apply(one->instance, &one->call);
}
