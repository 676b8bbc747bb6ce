/* test_registry.c: which plugins are found, which one a name means, and what is said of those that do not load. */
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/folders.h"

START_TEST(all_shipped_plugins_load)
{
	static const char *const setters[] = {"layer",
					      "layer_pos",
					      "layer_head",
					      "layer_pos_head",
					      "layer_head_pattern",
					      "layer_head_pos_pattern",
					      "layer_head_dest_src_pattern",
					      "zero",
					      "mean",
					      "noise"};
	static const char *const metrics[] = {"accuracy", "correct_logit", "cross_entropy", "logit_difference"};
	static const char *const datasets[] = {"mod_arith", "oocl", "tokens"};
	struct pb_registry *r = registry_of(""); /* the build's own, since the test runs from its tree */
	const struct pb_loaded *l;
	for (size_t i = 0; i < PB_COUNT(setters); i++)
		ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, setters[i], NULL, NULL, &l));
	for (size_t i = 0; i < PB_COUNT(metrics); i++)
		ck_assert_ok(pb_registry_find(r, PB_KIND_METRIC, metrics[i], NULL, NULL, &l));
	for (size_t i = 0; i < PB_COUNT(datasets); i++)
		ck_assert_ok(pb_registry_find(r, PB_KIND_DATASET, datasets[i], NULL, NULL, &l));
	ck_assert_uint_eq(pb_registry_count(r), 17);
	for (size_t i = 0; i < pb_registry_count(r); i++) {
		l = pb_registry_at(r, i);
		ck_assert_msg(l->plugin != NULL, "%s: %s", l->path, l->reason);
		ck_assert_ptr_null(l->shadowed_by);
		ck_assert_msg(l->plugin->doc != NULL, "%s has no doc", l->name);
		ck_assert(l->live);
	}
	pb_registry_destroy(r);
}
END_TEST

/* Others could put there what they like. */
START_TEST(what_others_may_write_is_not_used)
{
	const char *a = folder("a"), *state;
	char file[8192];
	void *data;
	size_t size;
	const struct pb_loaded *l;
	ck_assert_ok(pb_file_read(built("tests/plugins/bad/good.so"), 1 << 24, &data, &size));
	write_file(a, "good.so", data, size); /* a copy: its mode is its own */
	free(data);
	snprintf(file, sizeof file, "%s/good.so", a);
	ck_assert_int_eq(chmod(a, 0777), 0);
	struct pb_registry *r = registry_of(a);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "good", NULL, NULL, &l), -PB_E_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "anybody may write to it, so it is not used: `chmod o-w` it"));
	ck_assert_str_eq(pb_registry_folder(r, 0, &state), a);
	ck_assert_ptr_nonnull(strstr(state, "anybody may write to it"));
	pb_registry_destroy(r);
	setenv("PATCHBAY_ALLOW_WRITABLE_PLUGINS", "1", 1);
	r = registry_of(a);
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "good", NULL, NULL, &l));
	pb_registry_destroy(r);
	unsetenv("PATCHBAY_ALLOW_WRITABLE_PLUGINS");
	ck_assert_int_eq(chmod(a, 0755), 0);
	ck_assert_int_eq(chmod(file, 0666), 0);
	r = registry_of(a);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "good", NULL, NULL, &l), -PB_E_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "good.so did not load: anybody may write to it"));
	pb_registry_destroy(r);
}
END_TEST

START_TEST(folders_in_their_order)
{
	char path[16384];
	const char *a = folder("a"), *b = folder("b"), *user = folder("patchbay/plugins"), *state;
	install("tests/plugins/bad/good.so", a, "good.so");
	install("plugins/setter_zero.so", b, "setter_zero.so");
	install("plugins/setter_noise.so", user, "setter_noise.so");
	snprintf(path, sizeof path, ":%s:%s:%s:/does/not/exist:", a, b, a);
	struct pb_registry *r = registry_of(path);
	ck_assert_str_eq(pb_registry_folder(r, 0, &state), a);
	ck_assert_str_eq(state, "1 file");
	ck_assert_str_eq(pb_registry_folder(r, 1, &state), b);
	ck_assert_str_eq(pb_registry_folder(r, 2, &state), "/does/not/exist");
	ck_assert_str_eq(state, "no such folder");
	ck_assert_str_eq(pb_registry_folder(r, 3, &state), user);
	ck_assert_str_eq(pb_registry_folder(r, 4, &state), built("plugins"));
	ck_assert_ptr_null(pb_registry_folder(r, 5, &state));
	pb_registry_destroy(r);
}
END_TEST

START_TEST(an_earlier_folder_shadows)
{
	const char *a = folder("a"), *user = folder("patchbay/plugins");
	const struct pb_loaded *used, *l;
	install("plugins/setter_zero.so", a, "renamed.so");
	install("plugins/setter_zero.so", user, "setter_zero.so");
	struct pb_registry *r = registry_of(a);
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "zero", NULL, NULL, &used));
	ck_assert_ptr_eq(used, entry_in(r, a, "renamed.so"));
	ck_assert_ptr_null(used->shadowed_by);
	l = entry_in(r, user, "setter_zero.so");
	ck_assert_ptr_eq(l->shadowed_by, used);
	ck_assert_ptr_nonnull(l->plugin);
	ck_assert(!l->live);
	l = entry_in(r, built("plugins"), "setter_zero.so");
	ck_assert_ptr_eq(l->shadowed_by, used);
	pb_registry_destroy(r);
}
END_TEST

START_TEST(two_of_a_name_in_one_folder)
{
	const char *a = folder("a");
	const struct pb_loaded *l;
	install("plugins/setter_zero.so", a, "one.so");
	install("plugins/setter_zero.so", a, "two.so");
	struct pb_registry *r = registry_of(a);
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "zero", NULL, NULL, &l));
	ck_assert_ptr_eq(l, entry_in(r, a, "one.so"));
	l = entry_in(r, a, "two.so");
	ck_assert_ptr_null(l->plugin);
	check_contains(l->reason, "one.so in the same folder is a setter of the same name");
	pb_registry_destroy(r);
}
END_TEST

START_TEST(a_missing_plugin)
{
	const char *a = folder("a");
	const struct pb_loaded *l = NULL;
	write_file(a, "metric_corect_logit.so", "text", 4);
	struct pb_registry *r = registry_of(a);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_METRIC, "corect_logit", NULL, NULL, &l), -PB_E_NOTFOUND);
	ck_assert_ptr_null(l);
	check_contains(pb_error_text(), "there is no metric plugin `corect_logit`; did you mean `correct_logit`?");
	check_contains(pb_error_text(), "there are: ");
	check_contains(pb_error_text(), "metric_corect_logit.so did not load: ");
	check_contains(pb_error_text(), a);
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, "accuracy", NULL, NULL, &l), -PB_E_NOTFOUND);
	check_contains(pb_error_text(), "`accuracy` is a metric, not a setter");
	pb_registry_destroy(r);
}
END_TEST

START_TEST(a_missing_plugin_has_a_place_in_the_file)
{
	static const char text[] = "metric:\n  plugin: acuracy\n";
	struct pb_yaml yaml;
	const struct pb_loaded *l;
	struct pb_registry *r = registry_of("");
	ck_assert_ok(pb_yaml_parse("x.yaml", text, strlen(text), &yaml));
	const struct pb_yaml_node *at = pb_yaml_get(pb_yaml_get(yaml.root, "metric"), "plugin");
	ck_assert_int_eq(pb_registry_find(r, PB_KIND_METRIC, at->text, &yaml, at, &l), -PB_E_CONFIG);
	ck_assert_int_eq(pb_yaml_status(&yaml), -PB_E_CONFIG);
	check_contains(pb_error_text(), "x.yaml:2:11: there is no metric plugin `acuracy`; did you mean `accuracy`?");
	pb_yaml_finish(&yaml);
	pb_registry_destroy(r);
}
END_TEST

/* The shipped plugin is used, but not in silence. */
START_TEST(a_broken_file_in_front_of_a_good_one)
{
	const char *a = folder("a");
	const struct pb_loaded *l;
	write_file(a, "setter_zero.so", "text", 4);
	struct pb_registry *r = registry_of(a);
	pb_host_set_log(keep_log, logged);
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "zero", NULL, NULL, &l));
	ck_assert_str_eq(l->path, entry_in(r, built("plugins"), "setter_zero.so")->path);
	check_contains(logged, "setter_zero.so did not load, so ");
	*logged = '\0';
	ck_assert_ok(pb_registry_find(r, PB_KIND_SETTER, "noise", NULL, NULL, &l));
	ck_assert_str_eq(logged, "");
	pb_registry_destroy(r);
}
END_TEST

struct bad {
	const char *name, *parts[3];
};

static const struct bad bad_plugins[] = {
	{"magic", {"\n  magic: host 0x79616270, plugin 0x00000001\n", "rebuild the plugin"}},
	{"major", {"\n  ABI major: host 1, plugin 2\n", "rebuild the plugin", "or install the newer patchbay"}},
	{"minor", {"\n  ABI minor: host 0, plugin 1\n", "or install the newer patchbay"}},
	{"real", {"\n  real bytes: host 8, plugin 4\n"}},
	{"index", {"\n  index bytes: host 8, plugin 4\n"}},
	{"layout", {"\n  layout: host 0x"}},
	{"several", {"\n  real bytes: host 8, plugin 4\n  index bytes: host 8, plugin 4\n"}},
	{"forged", {"\n  real bytes: host 8, plugin 4\n"}},
	{"note", {"has no patchbay ABI note", "PB_PLUGIN_ABI"}},
	{"symbol", {"does not export patchbay_plugin"}},
	{"kind", {"its kind is 9"}},
	{"executor", {"no executor plugins"}},
	{"name", {"`Bad-Name`"}},
	{"version", {"no version"}},
	{"summary", {"no summary"}},
	{"struct_size", {"patchbay_plugin.struct_size is 8"}},
	{"no_ops", {"ops are NULL"}},
	{"extensions", {"counts 1 extensions, but they are NULL"}},
	{"ops_size", {"ops.struct_size is 16"}},
	{"apply", {"ops->apply is NULL"}},
	{"flags", {"bits that mean nothing: 0x40"}},
	{"axes", {"ops->axes must list"}},
	{"axis", {"ops->axes[0] is 7"}},
	{"axis_twice", {"lists an axis twice"}},
	{"effect", {"ops->effect is 9"}},
	{"source", {"ops->source is 9"}},
	{"adjoint", {"ops->adjoint goes with PB_EFFECT_LINEAR"}},
	{"mean", {"string parameter `split`"}},
	{"param_doc", {"`count` needs a doc text"}},
};

START_TEST(bad_plugins_stay_listed_with_their_reason)
{
	const struct bad *bad = &bad_plugins[_i];
	char file[64], path[128];
	const char *a = folder("a");
	snprintf(file, sizeof file, "%s.so", bad->name);
	snprintf(path, sizeof path, "tests/plugins/bad/%s", file);
	install(path, a, file);
	struct pb_registry *r = registry_of(a);
	const struct pb_loaded *l = entry_in(r, a, file), *found;
	ck_assert_msg(!l->plugin, "%s was loaded", file);
	ck_assert_str_eq(l->name, bad->name);
	for (int i = 0; i < 3 && bad->parts[i]; i++)
		check_contains(l->reason, bad->parts[i]);
	/* It is shown to who asks for the plugin by its file's name, where the plugin's own is not known. */
	if (_i < 10) {
		ck_assert_int_eq(pb_registry_find(r, PB_KIND_SETTER, bad->name, NULL, NULL, &found), -PB_E_NOTFOUND);
		check_contains(pb_error_text(), l->reason);
	}
	pb_registry_destroy(r);
}
END_TEST

/* Both ways, within a major: tables that end earlier than the host's, and later. */
START_TEST(plugins_of_other_minors)
{
	const char *a = folder("a");
	const struct pb_loaded *l;
	struct pb_instance *i;
	const int32_t answers[] = {3, 8};
	const struct pb_metric_batch batch = {.struct_size = sizeof batch, .n_rows = 2, .answer = answers};
	double scores[2];
	install("tests/plugins/bad/older.so", a, "older.so");
	install("tests/plugins/bad/newer.so", a, "newer.so");
	struct pb_registry *r = registry_of(a);
	ck_assert_msg(!pb_registry_find(r, PB_KIND_METRIC, "older", NULL, NULL, &l), "%s", pb_error_text());
	ck_assert_ok(pb_instance_create(l, NULL, NULL, NULL, 1, NULL, NULL, &i));
	ck_assert(!pb_metric_ops(i)->instance_unit);
	ck_assert_str_eq(pb_metric_unit(i), "old");
	ck_assert_ok(pb_metric_score(i, &batch, scores));
	ck_assert(scores[0] == 3 && scores[1] == 8);
	pb_instance_destroy(i);
	ck_assert_msg(!pb_registry_find(r, PB_KIND_SETTER, "newer", NULL, NULL, &l), "%s", pb_error_text());
	ck_assert_ok(pb_instance_create(l, NULL, NULL, NULL, 1, NULL, NULL, &i));
	ck_assert(pb_setter_ops(i)->apply != NULL);
	pb_instance_destroy(i);
	pb_registry_destroy(r);
}
END_TEST

/* No code of a plugin that does not fit is run: its file is not even mapped. */
START_TEST(the_note_is_read_without_loading)
{
	const char *a = folder("a");
	char path[8192];
	snprintf(path, sizeof path, "%s/layout.so", a);
	install("tests/plugins/bad/layout.so", a, "layout.so");
	ck_assert_int_eq(pb_abi_check_file(path), -PB_E_ABI);
	ck_assert_ptr_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
	struct pb_registry *r = registry_of(a);
	ck_assert_ptr_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
	pb_registry_destroy(r);
	ck_assert_ok(pb_abi_check_file(built("tests/plugins/bad/good.so")));
	ck_assert_int_eq(pb_abi_check_file("/does/not/exist.so"), -PB_E_NOTFOUND);
}
END_TEST

START_TEST(files_that_are_no_plugins)
{
	const char *a = folder("a");
	char path[8192];
	write_file(a, "empty.so", "", 0);
	write_file(a, "text.so", "This is not a shared object, but it is long enough for the header of one.", 72);
	write_file(a, "notes.txt", "no", 2);
	write_file(a, ".hidden.so", "no", 2);
	snprintf(path, sizeof path, "%s/dir.so", a);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/pipe.so", a);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof path, "%s/dangling.so", a);
	ck_assert_int_eq(symlink("/does/not/exist", path), 0);
	struct pb_registry *r = registry_of(a);
	ck_assert_uint_eq(pb_registry_count(r), 5 + 17);
	check_contains(entry_in(r, a, "empty.so")->reason, "too short");
	check_contains(entry_in(r, a, "text.so")->reason, "not an ELF file");
	check_contains(entry_in(r, a, "dir.so")->reason, "not a regular file");
	check_contains(entry_in(r, a, "pipe.so")->reason, "not a regular file");
	check_contains(entry_in(r, a, "dangling.so")->reason, "cannot open");
	pb_registry_destroy(r);
}
END_TEST

/* Every cut of a good plugin, and changed bytes in its headers and notes, are refused or read, never more. */
START_TEST(damaged_elf_files)
{
	void *good, *copy;
	size_t size;
	char path[8192];
	snprintf(path, sizeof path, "%s/damaged.so", pb_test_dir());
	ck_assert_ok(pb_file_read(built("tests/plugins/bad/good.so"), 1 << 24, &good, &size));
	copy = malloc(size);
	ck_assert_ptr_nonnull(copy);
	FILE *file = fopen(path, "w+b");
	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < 0x300; i++) {
		static const unsigned char values[] = {0x00, 0xff, 0x7f, 0x01};
		for (size_t k = 0; k < sizeof values; k++) {
			memcpy(copy, good, size);
			((unsigned char *)copy)[i] = values[k];
			rewind(file);
			ck_assert_uint_eq(fwrite(copy, 1, size, file), size);
			fflush(file);
			int rc = pb_abi_check_file(path);
			ck_assert(rc == 0 || rc == -PB_E_FORMAT || rc == -PB_E_ABI);
		}
	}
	for (size_t cut = 0; cut < 0x300; cut++) {
		ck_assert_int_eq(truncate(path, 0), 0);
		rewind(file);
		ck_assert_uint_eq(fwrite(good, 1, cut, file), cut);
		fflush(file);
		int rc = pb_abi_check_file(path);
		ck_assert(rc == -PB_E_FORMAT || (rc == 0 && cut > 0x250));
	}
	fclose(file);
	free(copy);
	free(good);
}
END_TEST

/* A segment of notes that ends inside the note. */
START_TEST(notes_cut_short)
{
	void *data;
	size_t size;
	char path[8192];
	snprintf(path, sizeof path, "%s/short.so", pb_test_dir());
	ck_assert_ok(pb_file_read(built("tests/plugins/bad/good.so"), 1 << 24, &data, &size));
	const Elf64_Ehdr *header = data;
	Elf64_Phdr *segment = (Elf64_Phdr *)((char *)data + header->e_phoff), *end = segment + header->e_phnum;
	while (segment < end && !(segment->p_type == PT_NOTE &&
				  memmem((char *)data + segment->p_offset, segment->p_filesz, "patchbay", 9)))
		segment++;
	ck_assert(segment < end);
	const char *notes = (char *)data + segment->p_offset;
	const char *name = memmem(notes, segment->p_filesz, "patchbay", 9);
	uint64_t whole = (uint64_t)(name - notes) + 12 + sizeof(struct pb_abi);
	for (uint64_t n = 0; n <= whole; n++) {
		segment->p_filesz = n;
		ck_assert_ok(pb_file_write(path, data, size));
		ck_assert_int_eq(pb_abi_check_file(path), n < whole ? -PB_E_FORMAT : 0);
	}
	free(data);
}
END_TEST

START_TEST(kind_names)
{
	ck_assert_str_eq(pb_kind_name(PB_KIND_SETTER), "setter");
	ck_assert_str_eq(pb_kind_name(PB_KIND_METRIC), "metric");
	ck_assert_str_eq(pb_kind_name(PB_KIND_DATASET), "dataset");
	ck_assert_str_eq(pb_kind_name(PB_KIND_EXECUTOR), "executor");
	ck_assert_str_eq(pb_kind_name((enum pb_kind)77), "plugin");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry");
	tcase_add_test(t, all_shipped_plugins_load);
	tcase_add_test(t, what_others_may_write_is_not_used);
	tcase_add_test(t, folders_in_their_order);
	tcase_add_test(t, an_earlier_folder_shadows);
	tcase_add_test(t, two_of_a_name_in_one_folder);
	tcase_add_test(t, a_missing_plugin);
	tcase_add_test(t, a_missing_plugin_has_a_place_in_the_file);
	tcase_add_test(t, a_broken_file_in_front_of_a_good_one);
	tcase_add_loop_test(t, bad_plugins_stay_listed_with_their_reason, 0, (int)PB_COUNT(bad_plugins));
	tcase_add_test(t, plugins_of_other_minors);
	tcase_add_test(t, the_note_is_read_without_loading);
	tcase_add_test(t, files_that_are_no_plugins);
	tcase_add_test(t, damaged_elf_files);
	tcase_add_test(t, notes_cut_short);
	tcase_add_test(t, kind_names);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
