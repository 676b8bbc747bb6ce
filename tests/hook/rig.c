/* rig.c: the chain and the deeds. */
#include "rig.h"

#include <string.h>

#include "base/status.h"
#include "support/device.h"
#include "support/support.h"

struct rig rig;
static int order;

void rig_open(void)
{
	const struct pb_site_dims dims = {
	        .n_layers = 1, .n_heads = 1, .d_model = 1, .d_head = 1, .d_mlp = 1, .has_norm = true};
	memset(&rig, 0, sizeof rig);
	order = 0;
	ck_assert_ok(pb_test_device(1, &rig.device));
	ck_assert_ok(pb_sites_init(&rig.sites, &dims));
	pb_bus_init(&rig.bus, &rig.sites);
	pb_tape_init(&rig.tape, &rig.device, PB_F64);
	rig.pre = pb_sites_id(&rig.sites, PB_SITE_RESID_PRE, 0);
	rig.mid = pb_sites_id(&rig.sites, PB_SITE_RESID_MID, 0);
	rig.post = pb_sites_id(&rig.sites, PB_SITE_RESID_POST, 0);
}

void rig_close(void)
{
	pb_tape_finish(&rig.tape);
	pb_bus_finish(&rig.bus);
	pb_sites_finish(&rig.sites);
	pb_device_close(&rig.device);
}

static int leaf_backward(struct pb_tape *tape, struct pb_var *y)
{
	(void)tape, (void)y;
	return 0;
}

static const struct pb_op leaf_op = {"leaf", leaf_backward, true};

struct pb_var *rig_forward(int site)
{
	static const struct pb_grad_sink_ops none;
	struct pb_view value;
	rig.sink.ops = &none;
	pb_tape_reset(&rig.tape, &rig.sink);
	if (rig.bus.tail)
		ck_assert_ok(pb_tail_open(rig.bus.tail, &rig.tape));
	ck_assert_ok(pb_tensor_new(&rig.tape.pool, PB_F64, 3, (int64_t[]){EXAMPLES, POSITIONS, 1}, &value));
	ck_assert_ok(pb_view_write(&rig.device, &value, (const double[COUNT]){1, 2, 3, 4, 5, 6}));
	rig.x = pb_tape_node_over(&rig.tape, &leaf_op, true, NULL, NULL, &value);
	ck_assert_ptr_nonnull(rig.x);
	return pb_bus_site(&rig.bus, &rig.tape, site, rig.x);
}

int rig_backward(struct pb_var *y)
{
	struct pb_view seed;
	rig_read(&y->value, rig.y);
	ck_assert_ok(pb_tensor_clone(&rig.tape.pool, &y->value, &seed));
	ck_assert_ok(pb_view_write(&rig.device, &seed, (const double[COUNT]){10, 20, 30, 40, 50, 60}));
	int rc = pb_tape_backward(&rig.tape, y, &seed);
	rig.has_dx = rig.x->grad.data;
	if (rig.has_dx)
		rig_read(&rig.x->grad, rig.dx);
	return rc;
}

void rig_pass(int site)
{
	struct pb_var *y = rig_forward(site);
	ck_assert_msg(y != NULL, "%s", pb_error_text());
	ck_assert_ok(rig_backward(y));
	if (rig.bus.tail)
		ck_assert_ok(pb_tail_settle(rig.bus.tail, &rig.tape));
}

void rig_read(const struct pb_view *view, double *values)
{
	ck_assert_int_le(pb_view_count(view), COUNT);
	ck_assert_ok(pb_view_read(&rig.device, view, values));
}

void rig_expect(const double *got, const double want[COUNT])
{
	for (int i = 0; i < COUNT; i++)
		ck_assert_msg(got[i] == want[i], "element %d is %g, not %g", i, got[i], want[i]);
}

int deed_see(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed->fired++;
	deed->order = ++order;
	deed->examples = call->value.shape[0];
	rig_read(&call->value, deed->seen);
	return 0;
}

int deed_set(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	return pb_view_fill(&rig.device, &call->value, deed->number);
}

int deed_add(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	double sum[COUNT];
	deed_see(deed, call);
	for (int i = 0; i < COUNT; i++)
		sum[i] = deed->seen[i] + deed->number;
	return pb_view_write(&rig.device, &call->value, sum);
}

int deed_scale(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	return pb_view_scale(&rig.device, &call->value, deed->number);
}

int deed_swap(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	double swapped[COUNT];
	deed_see(deed, call);
	for (int i = 0; i < COUNT; i++)
		swapped[i] = deed->seen[i ^ 1];
	return pb_view_write(&rig.device, &call->value, swapped);
}

int deed_first_position(void *user, const struct pb_hook_call *call, struct pb_view *ret_region)
{
	(void)user;
	return pb_view_select(&call->value, PB_AXIS_POS, 0, ret_region);
}

int deed_set_first(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	struct pb_view region;
	deed_see(deed, call);
	ck_assert_ok(deed_first_position(deed, call, &region));
	return pb_view_fill(&rig.device, &region, deed->number);
}

int deed_fail(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	return deed->number == 0 ? -PB_E_NUMERIC : pb_fail(PB_E_NUMERIC, "number %g", deed->number);
}

int deed_remove(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	for (int i = 0; i < deed->n_ids; i++)
		pb_bus_remove(&rig.bus, deed->ids[i]);
	return 0;
}

int deed_add_hooks(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	for (int i = 0; i < deed->copies; i++)
		rig_add(deed->add);
	return 0;
}

int deed_end_scope(void *user, const struct pb_hook_call *call)
{
	struct deed *deed = user;
	deed_see(deed, call);
	pb_bus_end(&rig.bus, deed->mark);
	return 0;
}

struct pb_hook forward_hook(int site, enum pb_hook_effect effect, int (*run)(void *, const struct pb_hook_call *),
                            struct deed *deed)
{
	return (struct pb_hook){.site_id = site,
	                        .direction = PB_FORWARD,
	                        .effect = effect,
	                        .user = deed,
	                        .run = run,
	                        .region = deed_first_position,
	                        .adjoint = run};
}

struct pb_hook backward_hook(int site, enum pb_hook_effect effect, int (*run)(void *, const struct pb_hook_call *),
                             struct deed *deed)
{
	return (struct pb_hook){.site_id = site, .direction = PB_BACKWARD, .effect = effect, .user = deed, .run = run};
}

struct pb_hook on_examples(struct pb_hook hook, int64_t first, int64_t examples)
{
	hook.first_example = first;
	hook.examples = examples;
	return hook;
}

int rig_add(struct pb_hook hook)
{
	int id = -1;
	ck_assert_ok(pb_bus_add(&rig.bus, &hook, &id));
	return id;
}
