/* test_damage.c: plugins' files that are damaged or made to do harm: read, described or refused, and nothing
 * worse. */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Reads a file as the registry does, and what it took for a plugin as the command line does: every text, to its
 * end. */
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

/* One to four bytes anywhere; every other time in the tables that link the file, which are at its beginning and where
 * its constants end. */
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
	uint64_t end = image->first + image->size;
	uint64_t params = (uint64_t)((const unsigned char *)p->params - image->bytes);
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
	check_damage(&c, "fields are nested too deep");
	pb_image_close(image);
	copy_close(&c);
}
END_TEST

START_TEST(tables_that_grow_as_they_are_read)
{
	ck_assert_int_eq(walk(built("tests/plugins/bad/wide.so")), -PB_E_PLUGIN);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "fields are more than 4000, with the nested ones"));
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
	Suite *s = suite_create("damage");
	TCase *t = tcase_create("damage");
	tcase_add_test(t, bad_plugins_are_walked);
	tcase_add_test(t, files_cut_short);
	tcase_add_loop_test(t, changed_bytes, 0, 4);
	tcase_add_test(t, pointers_that_lead_out);
	tcase_add_test(t, tables_that_grow_as_they_are_read);
	tcase_add_test(t, segments_and_tables_that_cannot_be);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
