/* test_image.c: what is read from plugins' files without loading them is what loading gives. */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "host/host_impl.h"
#include "host/image_impl.h"
#include "support/support.h"

static const char *built(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_BUILD"), name);
	return path;
}

static const char *const linked[] = {
	"tests/plugins/bad/good.so", "tests/plugins/bad/sysv.so",  "tests/plugins/bad/relr.so",
	"tests/plugins/bad/lld.so",  "tests/plugins/bad/older.so", "tests/plugins/bad/newer.so",
};

static void check_same_params(const struct pb_param *a, const struct pb_param *b, uint32_t n)
{
	ck_assert_uint_eq(pb_schema_hash(a, n), pb_schema_hash(b, n));
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_str_eq(a[i].doc, b[i].doc);
		ck_assert_uint_eq(a[i].offset, b[i].offset);
		ck_assert_uint_eq(a[i].n_fields, b[i].n_fields);
		check_same_params(a[i].fields, b[i].fields, a[i].n_fields);
	}
}

/* The table from the file is the loaded one. */
static void check_same_table(const char *path)
{
	struct pb_arena arena = {0};
	struct pb_load read = {0}, live = {0};
	ck_assert_ok(pb_plugin_read(path, &arena, &read));
	ck_assert_ptr_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
	live = read;
	ck_assert_ok(pb_plugin_open(path, &arena, &live));
	const struct pb_plugin *a = read.plugin, *b = live.plugin;
	ck_assert_ptr_ne(a, b);
	ck_assert(!memcmp(&a->abi, &b->abi, sizeof a->abi) && a->kind == b->kind);
	ck_assert_str_eq(a->name, b->name);
	ck_assert_str_eq(a->version, b->version);
	ck_assert_str_eq(a->summary, b->summary);
	ck_assert_pstr_eq(a->author, b->author);
	ck_assert_pstr_eq(a->doc, b->doc);
	ck_assert_uint_eq(a->params_size, b->params_size);
	ck_assert_uint_eq(a->n_params, b->n_params);
	check_same_params(a->params, b->params, a->n_params);
	if (a->kind == PB_KIND_SETTER) {
		const struct pb_setter_ops *x = a->ops, *y = b->ops;
		ck_assert(x->flags == y->flags && x->effect == y->effect && x->n_axes == y->n_axes);
		ck_assert(!x->create == !y->create && !x->adjoint == !y->adjoint && x->apply && y->apply);
		ck_assert(!x->n_axes || !memcmp(x->axes, y->axes, x->n_axes));
	}
	dlclose(live.handle);
	pb_plugin_forget_image(&read);
	pb_arena_finish(&arena);
}

START_TEST(tables_are_those_of_the_loaded_files)
{
	struct dirent **files;
	char path[8192];
	int n = scandir(built("plugins"), &files, NULL, alphasort), count = 0;
	ck_assert_int_gt(n, 0);
	for (int i = 0; i < n; i++) {
		size_t length = strlen(files[i]->d_name);
		snprintf(path, sizeof path, "%s/%s", built("plugins"), files[i]->d_name);
		if (length > 3 && !strcmp(files[i]->d_name + length - 3, ".so")) {
			check_same_table(path);
			count++;
		}
		free(files[i]);
	}
	free(files);
	ck_assert_int_eq(count, 17);
	for (size_t i = 0; i < PB_COUNT(linked); i++)
		if (!access(built(linked[i]), R_OK)) /* as the compiler's linkers allow */
			check_same_table(built(linked[i]));
}
END_TEST

static bool has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* But for those that a sanitizer adds. */
static size_t own_names(const char *const *names, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += *names[i] != '_';
	return n;
}

START_TEST(symbols)
{
	struct pb_arena arena = {0};
	struct pb_image *image;
	const char *const *names;
	size_t n;
	ck_assert_ok(pb_image_open(built("tests/plugins/bad/good.so"), &image));
	ck_assert_ok(pb_image_exports(image, &arena, &names, &n));
	ck_assert_uint_eq(own_names(names, n), 1);
	ck_assert(has(names, n, "patchbay_plugin"));
	const struct pb_plugin *plugin = pb_image_symbol(image, "patchbay_plugin");
	ck_assert(pb_image_holds(image, plugin, sizeof *plugin, 8));
	ck_assert_str_eq(plugin->name, "good");
	ck_assert_ptr_null(pb_image_symbol(image, "patchbay"));
	ck_assert_ptr_null(pb_image_symbol(image, "params")); /* hidden */
	pb_image_close(image);
	for (size_t i = 1; i <= 3; i += 2) { /* both kinds of hash table */
		if (access(built(linked[i]), R_OK))
			continue;
		ck_assert_ok(pb_image_open(built(linked[i]), &image));
		ck_assert_ok(pb_image_exports(image, &arena, &names, &n));
		ck_assert_uint_eq(own_names(names, n), 2);
		ck_assert(has(names, n, "patchbay_plugin") && has(names, n, "extra"));
		ck_assert_ptr_nonnull(pb_image_symbol(image, "extra"));
		pb_image_close(image);
	}
	ck_assert_ok(pb_image_open(built("tests/plugins/bad/unresolved.so"), &image));
	ck_assert_ok(pb_image_imports(image, &arena, &names, &n));
	ck_assert(has(names, n, "nobody_defines_this") && !has(names, n, "patchbay_plugin"));
	ck_assert_ptr_null(pb_image_symbol(image, "nobody_defines_this"));
	pb_image_close(image);
	pb_image_close(NULL);
	pb_arena_finish(&arena);
}
END_TEST

START_TEST(bounds)
{
	struct pb_image *image;
	ck_assert_ok(pb_image_open(built("tests/plugins/bad/good.so"), &image));
	const unsigned char *end = image->bytes + image->size;
	ck_assert(pb_image_holds(image, image->bytes, image->size, 1));
	ck_assert(pb_image_holds(image, end, 0, 1));
	ck_assert(!pb_image_holds(image, end, 1, 1));
	ck_assert(!pb_image_holds(image, image->bytes, image->size + 1, 1));
	ck_assert(!pb_image_holds(image, image->bytes, SIZE_MAX, 1));
	ck_assert(!pb_image_holds(image, image->bytes - 1, 1, 1));
	ck_assert(!pb_image_holds(image, NULL, 1, 1));
	ck_assert(!pb_image_holds(image, (void *)UINTPTR_MAX, 1, 1));
	ck_assert(!pb_image_holds(image, image->bytes + 4, 8, 8));
	ck_assert(*end == 0);
	pb_image_close(image);
}
END_TEST

START_TEST(build_ids)
{
	struct pb_image *image;
	size_t size;
	ck_assert_ok(pb_image_open(built("tests/plugins/bad/good.so"), &image));
	const unsigned char *id = pb_image_note(image, "GNU", NT_GNU_BUILD_ID, &size);
	ck_assert_ptr_null(pb_image_note(image, "GNU", 77, &size));
	ck_assert_ptr_null(pb_image_note(image, "GN", NT_GNU_BUILD_ID, &size));
	if (id) { /* some compilers make none */
		char text[8];
		ck_assert_uint_eq(strlen(pb_image_build_id(image)), 2 * size);
		snprintf(text, sizeof text, "%02x%02x", id[0], id[1]);
		ck_assert(!strncmp(pb_image_build_id(image), text, 4));
	}
	pb_image_close(image);
	if (!access(built("tests/plugins/bad/sysv.so"), R_OK)) {
		ck_assert_ok(pb_image_open(built("tests/plugins/bad/sysv.so"), &image));
		ck_assert_str_eq(pb_image_build_id(image), "");
		pb_image_close(image);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("image");
	TCase *t = tcase_create("image");
	tcase_add_test(t, tables_are_those_of_the_loaded_files);
	tcase_add_test(t, symbols);
	tcase_add_test(t, bounds);
	tcase_add_test(t, build_ids);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
