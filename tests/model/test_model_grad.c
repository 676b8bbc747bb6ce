/* test_model_grad.c: gradients of whole models, to every parameter and to every hook point, by central differences. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/status.h"
#include "small.h"
#include "support/support.h"

enum { SAMPLES = 5 }; /* entries per tensor */

static struct small s;

static int64_t sample(int64_t tensor, int i, int64_t count)
{
	return (int64_t)(pb_random(3, (uint64_t)tensor, (uint64_t)i) % (uint64_t)count);
}

static void check(const char *name, int64_t i, double got, const double f[4], double h)
{
	double want = (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
	ck_assert_msg(fabs(got - want) <= 2e-8 * (1 + fabs(want)), "%s[%lld]: %.10g, by differences %.10g", name,
	              (long long)i, got, want);
}

static const double steps[4] = {2e-4, 1e-4, -1e-4, -2e-4};

static void check_parameter(int id)
{
	const struct pb_view *view = &s.params.views[id];
	int64_t count = s.model.table.items[id].count;
	for (int k = 0; k < SAMPLES && k < count; k++) {
		int64_t i = count <= SAMPLES ? k : sample(id, k, count);
		double old = small_get(&s, view, i), f[4];
		for (int step = 0; step < 4; step++) {
			small_set(&s, view, i, old + steps[step]);
			f[step] = small_loss(&s, NULL);
		}
		small_set(&s, view, i, old);
		check(s.model.table.items[id].name, i, small_get(&s, &s.grads.views[id], i), f, steps[1]);
	}
}

START_TEST(every_parameter_s_gradient_is_right)
{
	struct pb_model_config config = variant(_i);
	small_open(&s, &config, PB_F64, 2, 4);
	small_pass(&s, NULL);
	for (int id = 0; id < s.model.table.n; id++)
		ck_assert_msg(s.present[id], "%s has no gradient", s.model.table.items[id].name);
	for (int id = 0; id < s.model.table.n; id++)
		check_parameter(id);
	small_close(&s);
}
END_TEST

START_TEST(unembedding_some_rows_gives_their_gradients)
{
	const int32_t rows[] = {7, 2, 2, 0};
	struct pb_model_config config = variant(1);
	small_open(&s, &config, PB_F64, 2, 4);
	s.rows = rows;
	s.n_rows = 4;
	small_pass(&s, NULL);
	for (int id = 0; id < s.model.table.n; id++)
		check_parameter(id);
	small_close(&s);
}
END_TEST

/* Points: a hook nudges one element of the activation; the cached gradient must tell what that does to the loss. */

struct nudge {
	int64_t element;
	double by;
};

static int nudge(void *user, const struct pb_hook_call *call)
{
	const struct nudge *n = user;
	small_set(&s, &call->value, n->element, small_get(&s, &call->value, n->element) + n->by);
	return 0;
}

static void check_site(struct pb_bus *bus, const struct pb_cache *cache, int id)
{
	const struct pb_view *grad = pb_cache_get(cache, id, PB_BACKWARD);
	struct nudge n;
	const struct pb_hook hook = {.site_id = id, .effect = PB_HOOK_PASS, .user = &n, .run = nudge};
	ck_assert_msg(grad != NULL, "%s: no gradient", s.model.sites.items[id].name);
	for (int k = 0; k < SAMPLES; k++) {
		double f[4];
		n.element = sample(1000 + id, k, pb_view_count(grad));
		for (int step = 0; step < 4; step++) {
			size_t mark = pb_bus_begin(bus);
			n.by = steps[step];
			ck_assert_ok(pb_bus_add(bus, &hook, NULL));
			f[step] = small_loss(&s, bus);
			pb_bus_end(bus, mark);
		}
		check(s.model.sites.items[id].name, n.element, small_get(&s, grad, n.element), f, steps[1]);
	}
}

static void check_sites(bool with_result)
{
	struct pb_bus bus;
	struct pb_cache cache;
	pb_bus_init(&bus, &s.model.sites);
	ck_assert_ok(pb_cache_init(&cache, &s.device, &s.model.sites));
	ck_assert_ok(pb_cache_want(&cache, "*", true, true));
	if (with_result)
		ck_assert_ok(pb_cache_want(&cache, "*result", true, true));
	size_t mark = pb_bus_begin(&bus);
	ck_assert_ok(pb_cache_attach(&cache, &bus));
	small_pass(&s, &bus);
	pb_bus_end(&bus, mark);
	for (int id = 0; id < s.model.sites.n; id++)
		if (with_result || s.model.sites.items[id].kind != PB_SITE_RESULT)
			check_site(&bus, &cache, id);
	pb_cache_finish(&cache);
	pb_bus_finish(&bus);
}

START_TEST(every_point_s_gradient_is_right)
{
	struct pb_model_config config = variant(_i);
	small_open(&s, &config, PB_F64, 2, 4);
	check_sites(_i % 2);
	small_close(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model gradients");
	TCase *grad = tcase_create("gradients");
	tcase_add_loop_test(grad, every_parameter_s_gradient_is_right, 0, n_variants);
	tcase_add_loop_test(grad, every_point_s_gradient_is_right, 0, n_variants);
	tcase_add_test(grad, unembedding_some_rows_gives_their_gradients);
	suite_add_tcase(suite, grad);
	return pb_test_run(suite, NULL);
}
