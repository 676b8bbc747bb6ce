/* test_load.c: plugins are loaded when they are wanted, and what becomes of those that cannot be. */
#include <dlfcn.h>

#include "host/folders.h"

/* What only the loader finds is told to who wants the plugin, in the place where he wants it. */
START_TEST(plugins_that_do_not_load)
{
	static const char text[] = "setter: unresolved\n";
	const char *a = folder("a");
	const struct pb_loaded *found = NULL;
	struct pb_yaml yaml;
	install("tests/plugins/bad/unresolved.so", a, "unresolved.so");
	install("tests/plugins/bad/imported.so", a, "imported.so");
	struct pb_registry *r = registry_of(a);
	const struct pb_loaded *l = entry_in(r, a, "unresolved.so");
	ck_assert_ptr_nonnull(l->plugin);
	ck_assert_str_eq(l->name, "unresolved");
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "unresolved", NULL, NULL, &found), -PB_E_NOTFOUND);
	ck_assert_ptr_null(l->plugin);
	check_contains(l->reason, "the loader says: ");
	check_contains(l->reason, "nobody_defines_this");
	check_contains(pb_error_text(), "unresolved.so did not load: the loader says: ");
	ck_assert_ok(pb_yaml_parse("x.yaml", text, strlen(text), &yaml));
	const struct pb_yaml_node *at = pb_yaml_get(yaml.root, "setter");
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, at->text, &yaml, at, &found), -PB_E_CONFIG);
	ck_assert_int_eq(pb_yaml_status(&yaml), -PB_E_CONFIG);
	check_contains(pb_error_text(), "x.yaml:1:9: ");
	check_contains(pb_error_text(), "unresolved.so did not load: the loader says: ");
	check_contains(pb_error_text(), "\nthere is no setter plugin `unresolved`"); /* behind the reason */
	pb_yaml_finish(&yaml);
	/* A slot that the loader will fill counts as filled. */
	ck_assert_msg(entry_in(r, a, "imported.so")->plugin != NULL, "%s", entry_in(r, a, "imported.so")->reason);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "imported", NULL, NULL, &found), -PB_E_NOTFOUND);
	check_contains(pb_error_text(), "nobody_applies");
	ck_assert_ptr_null(found);
	pb_registry_destroy(r);
}
END_TEST

/* As if it had not been there, with a warning, as for a file that is no plugin. */
START_TEST(one_that_does_not_load_shadows_nothing)
{
	char path[8192];
	const char *a = folder("a"), *b = folder("b"), *c = folder("c");
	const struct pb_loaded *l;
	install("tests/plugins/bad/imported.so", a, "x.so");
	install("tests/plugins/bad/imported.so", b, "x.so");
	install("tests/plugins/bad/imported.so", c, "x.so");
	install("plugins/setter_zero.so", a, "zero.so");
	snprintf(path, sizeof path, "%s:%s:%s", a, b, c);
	struct pb_registry *r = registry_of(path);
	const struct pb_loaded *second = entry_in(r, b, "x.so"), *third = entry_in(r, c, "x.so");
	ck_assert_ptr_eq(second->shadowed_by, entry_in(r, a, "x.so"));
	ck_assert_ptr_eq(third->shadowed_by, entry_in(r, a, "x.so"));
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "imported", NULL, NULL, &l), -PB_E_NOTFOUND);
	ck_assert_ptr_null(second->shadowed_by);
	ck_assert_ptr_null(third->shadowed_by);
	ck_assert_ptr_null(third->plugin);
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "zero", NULL, NULL, &l));
	ck_assert_ptr_eq(l, entry_in(r, a, "zero.so"));
	pb_registry_destroy(r);
}
END_TEST

/* The one in front cannot be loaded, since it calls itself otherwise then; the next of the name is taken. */
START_TEST(the_next_of_a_name_is_used)
{
	char path[8192];
	const char *a = folder("a"), *b = folder("b");
	const struct pb_loaded *l;
	void *data;
	size_t size;
	setenv("PB_TEST_CONSTRUCTOR", "rename", 1);
	install("tests/plugins/bad/constructor.so", a, "x.so");
	/* A copy, which the loader takes for another file. */
	ck_assert_ok(pb_file_read(built("tests/plugins/bad/constructor.so"), 1 << 24, &data, &size));
	write_file(b, "x.so", data, size);
	free(data);
	snprintf(path, sizeof path, "%s:%s", a, b);
	struct pb_registry *r = registry_of(path);
	const struct pb_loaded *first = entry_in(r, a, "x.so");
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_METRIC, "constructor", NULL, NULL, &l), -PB_E_NOTFOUND);
	check_contains(first->reason, "once loaded it is the metric `instructor`, but its file says");
	pb_registry_destroy(r);
	r = registry_of(path);
	first = entry_in(r, a, "x.so");
	pb_host_set_log(keep_log, logged);
	ck_assert_int_eq(unlink(first->path), 0);
	ck_assert_int_eq(setenv("PB_TEST_CONSTRUCTOR", "stay", 1), 0);
	ck_assert_ok(pb_registry_find(r, PB_KIND_METRIC, "constructor", NULL, NULL, &l));
	ck_assert_ptr_eq(l, entry_in(r, b, "x.so"));
	ck_assert_ptr_null(l->shadowed_by);
	check_contains(logged, "did not load, so ");
	check_contains(first->reason, "cannot open");
	pb_registry_destroy(r);
}
END_TEST

/* Between reading and loading another file has taken the place, and that one does not fit: it is not run. */
START_TEST(the_file_is_looked_at_again)
{
	const char *a = folder("a");
	const struct pb_loaded *found;
	void *data;
	size_t size;
	unsetenv("PB_TEST_CONSTRUCTOR"); /* to load it is to die */
	ck_assert_ok(pb_file_read(built("tests/plugins/bad/constructor.so"), 1 << 24, &data, &size));
	write_file(a, "x.so", data, size);
	struct pb_registry *r = registry_of(a);
	const struct pb_loaded *l = entry_in(r, a, "x.so");
	ck_assert_str_eq(l->name, "constructor");
	char *name = memmem(data, size, "patchbay\0\0\0", 12);
	ck_assert_ptr_nonnull(name);
	name[12 + offsetof(struct pb_abi, major)]++;
	write_file(a, "x.so", data, size);
	free(data);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_METRIC, "constructor", NULL, NULL, &found), -PB_E_NOTFOUND);
	check_contains(l->reason, "ABI major: host 1, plugin 2");
	pb_registry_destroy(r);
}
END_TEST

START_TEST(loading_waits_until_a_plugin_is_wanted)
{
	const char *a = folder("a");
	const struct pb_loaded *found, *again;
	struct pb_instance *i;
	install("tests/plugins/bad/constructor.so", a, "constructor.so");
	unsetenv("PB_TEST_CONSTRUCTOR"); /* to load it is to die */
	struct pb_registry *r = registry_of(a);
	const struct pb_loaded *l = entry_in(r, a, "constructor.so");
	ck_assert_str_eq(l->name, "constructor");
	ck_assert_str_eq(l->plugin->summary, "runs before anybody asked it to");
	ck_assert_str_eq(((const struct pb_metric_ops *)l->plugin->ops)->unit, "one");
	ck_assert_uint_eq(strlen(l->build_id) % 2, 0);
	ck_assert(!l->live);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_METRIC, "constructr", NULL, NULL, &found), -PB_E_NOTFOUND);
	ck_assert_ptr_null(dlopen(l->path, RTLD_NOW | RTLD_NOLOAD));
	setenv("PB_TEST_CONSTRUCTOR", "stay", 1);
	ck_assert_ok(pb_registry_find(r, PB_KIND_METRIC, "constructor", NULL, NULL, &found));
	ck_assert_ptr_eq(found, l);
	ck_assert(l->live);
	const struct pb_plugin *live = l->plugin;
	ck_assert_str_eq(live->name, "constructor");
	ck_assert_ok(pb_registry_find(r, PB_KIND_METRIC, "constructor", NULL, NULL, &again));
	ck_assert_ptr_eq(again->plugin, live);
	ck_assert_ok(pb_instance_create(found, NULL, NULL, NULL, 1, NULL, NULL, &i));
	pb_instance_destroy(i);
	pb_registry_destroy(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load");
	TCase *t = tcase_create("load");
	tcase_add_test(t, plugins_that_do_not_load);
	tcase_add_test(t, one_that_does_not_load_shadows_nothing);
	tcase_add_test(t, the_next_of_a_name_is_used);
	tcase_add_test(t, the_file_is_looked_at_again);
	tcase_add_test(t, loading_waits_until_a_plugin_is_wanted);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
