/* fuzz_image.c: any bytes as a plugin's file: read without loading it, and described. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/plugin_show.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"
#include "host/host_impl.h"

const char *const pb_fuzz_tokens[] = {"patchbay", "patchbay_plugin", "\x7f" "ELF", "GNU", NULL};

static void describe(const char *path, const struct pb_load *load)
{
	const struct pb_loaded loaded = {
		.path = path, .name = load->name, .plugin = load->plugin, .build_id = load->build_id};
	struct pb_text text = {0};
	struct pb_json json = {0};
	pb_plugin_add_line(&loaded, &text);
	if (pb_plugin_add_text(&loaded, NULL, &text) < 0 || !strstr(text.data, load->name))
		abort();
	pb_plugin_add_json(&loaded, &json);
	if (!json.text.length)
		abort();
	pb_text_finish(&text);
	pb_text_finish(&json.text);
}

static void list_symbols(const struct pb_image *image, struct pb_arena *arena)
{
	const char *const *names;
	size_t n, length = 0;
	if (pb_image_exports(image, arena, &names, &n) < 0)
		abort();
	for (size_t i = 0; i < n && i < 100; i++)
		length += strlen(names[i]);
	if (pb_image_imports(image, arena, &names, &n) < 0)
		abort();
	for (size_t i = 0; i < n && i < 100; i++)
		length += strlen(names[i]);
	if (length > (size_t)1 << 40)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = PB_FUZZ_FILE({data, size});
	struct pb_arena arena = {0};
	struct pb_load load = {0};
	int rc = pb_plugin_read(path, &arena, &load);
	if (rc == -PB_E_INTERNAL || rc == -PB_E_IO || rc == -PB_E_NOTFOUND || (rc < 0 && !*pb_error_text()))
		abort();
	if (!rc) {
		describe(path, &load);
		list_symbols(load.image, &arena);
	}
	pb_plugin_forget_image(&load);
	pb_arena_finish(&arena);
	return 0;
}
