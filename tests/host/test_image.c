/* test_image.c: what is read from plugins' files without loading them: the same as loading gives, and nothing worse than
 * an error from files that are damaged. */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "cli/plugin_show.h"
#include "host/host_impl.h"
#include "host/image_impl.h"
#include "support/support.h"

static const char *built(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_BUILD"), name);
	return path;
}

/* A file's bytes, and a file of the test's own to change them in. */
struct copy {
	unsigned char *data, *good;
	size_t size;
	char path[4200];
	FILE *file;
};

static void copy_open(struct copy *c, const char *from)
{
	void *data;
	ck_assert_ok(pb_file_read(built(from), 1 << 24, &data, &c->size));
	c->good = data;
	c->data = malloc(c->size);
	ck_assert_ptr_nonnull(c->data);
	memcpy(c->data, c->good, c->size);
	snprintf(c->path, sizeof c->path, "%s/copy.so", pb_test_dir());
	c->file = fopen(c->path, "w+b");
	ck_assert_ptr_nonnull(c->file);
}

static void copy_write(struct copy *c, size_t size)
{
	rewind(c->file);
	ck_assert_uint_eq(fwrite(c->data, 1, size, c->file), size);
	fflush(c->file);
	ck_assert_int_eq(ftruncate(fileno(c->file), (off_t)size), 0);
}

static void copy_close(struct copy *c)
{
	fclose(c->file);
	free(c->data);
	free(c->good);
}

/* Reads a file as the registry does, and what it took for a plugin as the command line does: every text, to its end. */
static int walk(const char *path)
{
	struct pb_arena arena = {0};
	struct pb_load load = {0};
	int rc = pb_plugin_read(path, &arena, &load);
	ck_assert_msg(rc == 0 || rc == -PB_E_FORMAT || rc == -PB_E_ABI || rc == -PB_E_PLUGIN ||
			      rc == -PB_E_UNSUPPORTED,
		      "%d: %s", rc, pb_error_text());
	if (!rc) {
		struct pb_loaded loaded = {path, load.name, load.plugin, load.build_id, false, NULL, NULL};
		struct pb_text text = {0};
		struct pb_json json = {0};
		ck_assert_ok(pb_plugin_add_text(&loaded, NULL, &text));
		pb_plugin_add_json(&loaded, &json);
		ck_assert(strlen(text.data) == text.length && strlen(json.text.data) == json.text.length);
		pb_text_finish(&text);
		pb_text_finish(&json.text);
	}
	pb_plugin_forget_image(&load);
	pb_arena_finish(&arena);
	return rc;
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

START_TEST(symbols)
{
	struct pb_arena arena = {0};
	struct pb_image *image;
	const char *const *names;
	size_t n;
	ck_assert_ok(pb_image_open(built("tests/plugins/bad/good.so"), &image));
	ck_assert_ok(pb_image_exports(image, &arena, &names, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(names[0], "patchbay_plugin");
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
		ck_assert_uint_eq(n, 2);
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

static bool is_plugin(const struct dirent *d)
{
	size_t length = strlen(d->d_name);
	return length > 3 && !strcmp(d->d_name + length - 3, ".so");
}

START_TEST(bad_plugins_are_walked)
{
	char path[8192];
	int n = 0;
	unsetenv("PB_TEST_CONSTRUCTOR"); /* among them one that none may load */
	DIR *dir = opendir(built("tests/plugins/bad"));
	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *d; (d = readdir(dir));) {
		if (!is_plugin(d))
			continue;
		snprintf(path, sizeof path, "%s/%s", built("tests/plugins/bad"), d->d_name);
		walk(path);
		ck_assert_ptr_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
		n++;
	}
	closedir(dir);
	ck_assert_int_gt(n, 30);
}
END_TEST

/* Files of every length: whole segments or none. */
START_TEST(files_cut_short)
{
	struct copy c;
	copy_open(&c, "tests/plugins/bad/good.so");
	for (size_t size = c.size; size > 0; size -= size > 4096 ? 61 : 7 < size ? 7 : size) {
		copy_write(&c, size);
		int rc = walk(c.path);
		ck_assert(rc == -PB_E_FORMAT || (rc == 0 && size > c.size / 2));
	}
	copy_close(&c);
}
END_TEST

enum { FUZZED = 3000 };

/* One to four bytes anywhere; every other time in the tables that link the file, which are at its beginning and where its
 * constants end. */
START_TEST(changed_bytes)
{
	static const char *const from[] = {"tests/plugins/bad/good.so", "plugins/dataset_oocl.so",
					   "plugins/metric_accuracy.so", "tests/plugins/bad/relr.so"};
	static const unsigned char odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct copy c;
	uint64_t counter = 0;
	int fine = 0;
	if (access(built(from[_i]), R_OK))
		return;
	copy_open(&c, from[_i]);
	for (int i = 0; i < FUZZED; i++) {
		memcpy(c.data, c.good, c.size);
		for (uint64_t k = pb_random(7, 0, counter++) % 4 + 1; k > 0; k--) {
			uint64_t draw = pb_random(7, 1, counter++), value = pb_random(7, 2, counter++);
			size_t at = draw % (i % 2 && c.size > 0x600 ? 0x600 : c.size);
			c.data[at] = value & 8 ? odd[value % sizeof odd] : (unsigned char)(value >> 8);
		}
		copy_write(&c, c.size);
		fine += walk(c.path) == 0;
	}
	ck_assert_int_gt(fine, FUZZED / 20);
	ck_assert_int_lt(fine, FUZZED * 19 / 20);
	copy_close(&c);
}
END_TEST

/* Where a relocation writes to `slot` of the image, has it write the address `value` of the file instead. */
static void redirect(struct copy *c, const struct pb_image *image, const void *slot, uint64_t value)
{
	uint64_t address = image->first + (uint64_t)((const unsigned char *)slot - image->bytes);
	Elf64_Rela r;
	for (size_t at = 0; at + sizeof r <= c->size; at += 8) {
		memcpy(&r, c->data + at, sizeof r);
		if (r.r_offset == address && ELF64_R_SYM(r.r_info) == 0 && ELF64_R_TYPE(r.r_info)) {
			r.r_addend = (int64_t)value;
			memcpy(c->data + at, &r, sizeof r);
			return;
		}
	}
	ck_abort_msg("no relocation of %#llx", (unsigned long long)address);
}

static void check_damage(struct copy *c, const char *part)
{
	copy_write(c, c->size);
	ck_assert_int_eq(walk(c->path), -PB_E_PLUGIN);
	ck_assert_msg(strstr(pb_error_text(), part) != NULL, "no `%s` in: %s", part, pb_error_text());
	memcpy(c->data, c->good, c->size);
}

START_TEST(pointers_that_lead_out)
{
	struct copy c;
	struct pb_image *image;
	copy_open(&c, "plugins/dataset_tokens.so");
	ck_assert_ok(pb_image_open(built("plugins/dataset_tokens.so"), &image));
	const struct pb_plugin *p = pb_image_symbol(image, "patchbay_plugin");
	const struct pb_param *record = p->params;
	while (!record->fields)
		record++;
	char text[80];
	uint64_t end = image->first + image->size, params = (uint64_t)((const unsigned char *)p->params - image->bytes);
	redirect(&c, image, &p->name, end);
	check_damage(&c, "its table is damaged: name leads out of the file");
	redirect(&c, image, &p->doc, UINT64_MAX - 5);
	check_damage(&c, "its table is damaged: doc leads out of the file");
	redirect(&c, image, &p->params, end - 8);
	check_damage(&c, "its table is damaged: params leads out of the file");
	redirect(&c, image, &p->params, image->first + params + 4);
	check_damage(&c, "its table is damaged: params leads out of the file"); /* not aligned */
	redirect(&c, image, &p->params[1].doc, 1u << 30);
	check_damage(&c, "its table is damaged: params[1].doc leads out of the file");
	redirect(&c, image, &p->ops, end);
	check_damage(&c, "its table is damaged: ops leads out of the file");
	redirect(&c, image, &record->fields[0].doc, end);
	snprintf(text, sizeof text, "params[%d].fields[0].doc leads out of the file", (int)(record - p->params));
	check_damage(&c, text);
	redirect(&c, image, &record->fields, end - 8);
	snprintf(text, sizeof text, "params[%d].fields leads out of the file", (int)(record - p->params));
	check_damage(&c, text);
	/* A record of itself. */
	redirect(&c, image, &record->fields, image->first + params);
	check_damage(&c, "is damaged: params[");
	pb_image_close(image);
	copy_close(&c);
}
END_TEST

START_TEST(segments_and_tables_that_cannot_be)
{
	struct copy c;
	copy_open(&c, "tests/plugins/bad/good.so");
	Elf64_Ehdr *header = (Elf64_Ehdr *)c.data;
	Elf64_Phdr *s = (Elf64_Phdr *)(c.data + header->e_phoff), *second = s + 1;
	ck_assert(s->p_type == PT_LOAD && second->p_type == PT_LOAD);
	const struct {
		uint64_t *where, value;
		const char *says;
	} wild[] = {
		{&second->p_vaddr, 0, "segments are damaged"}, /* on the first */
		{&second->p_memsz, UINT64_MAX, "segments are damaged"},
		{&second->p_memsz, 0, "segments are damaged"},
		{&s[3].p_memsz, 1ull << 40, "more than 256 MiB"},
		{&s[3].p_vaddr, 1ull << 40, "more than 256 MiB"},
		{&s->p_offset, UINT64_MAX, "cut short or damaged"},
		{&header->e_phoff, UINT64_MAX - 8, "cut short or damaged"},
	};
	ck_assert(s[3].p_type == PT_LOAD);
	for (size_t i = 0; i < PB_COUNT(wild); i++) {
		*wild[i].where = wild[i].value;
		copy_write(&c, c.size);
		ck_assert_int_eq(walk(c.path), -PB_E_FORMAT);
		ck_assert_msg(strstr(pb_error_text(), wild[i].says) != NULL, "%zu: %s", i, pb_error_text());
		memcpy(c.data, c.good, c.size);
	}
	for (Elf64_Phdr *p = s; p < s + header->e_phnum; p++)
		p->p_type = p->p_type == PT_LOAD ? PT_NULL : p->p_type;
	copy_write(&c, c.size);
	ck_assert_int_eq(walk(c.path), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "no segment to load"));
	copy_close(&c);
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
	tcase_add_test(t, bad_plugins_are_walked);
	tcase_add_test(t, files_cut_short);
	tcase_add_loop_test(t, changed_bytes, 0, 4);
	tcase_add_test(t, pointers_that_lead_out);
	tcase_add_test(t, segments_and_tables_that_cannot_be);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
