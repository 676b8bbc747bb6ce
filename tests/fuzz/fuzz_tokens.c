/* fuzz_tokens.c: any bytes as the table of prompt pairs that the dataset `tokens` reads, and as its list of token texts. Its
 * sources are this program's, so that they are measured and watched as the rest is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"
#include "host/dataset.h"

extern const struct pb_plugin patchbay_plugin;

const char *const pb_fuzz_tokens[] = {
	"name,clean,corrupted,pos,answer,distractor\n",
	"clean,corrupted,answer\n",
	"1 2,2 1,3\n",
	"a,1 2 3,3 2 1,-1,4,5\n",
	"\"",
	"\"\"",
	",",
	"\r\n",
	"\xef\xbb\xbf",
	"100000000",
	"9223372036854775808",
	"all",
	NULL,
};

static void check_data(struct pb_instance *data)
{
	struct pb_split split;
	struct pb_unit unit;
	struct pb_examples examples;
	struct pb_probe_data probe;
	char text[64];
	for (int64_t i = 0; i < pb_dataset_n_splits(data); i++)
		if (pb_dataset_split(data, i, &split) < 0 || pb_dataset_examples(data, INT32_MAX, i, 0, &examples) < 0)
			abort();
	for (int64_t i = 0; i < pb_dataset_n_units(data); i++)
		if (pb_dataset_unit(data, i, &unit) < 0 || pb_dataset_probe(data, INT32_MAX, i, &probe) < 0)
			abort();
	if (pb_dataset_token_text(data, 0, text, sizeof text) < 0)
		abort();
}

/* `format` makes the parameters of the path. */
static void try(const char *format, const char *path)
{
	const struct pb_loaded loaded = {.path = "tokens", .name = "tokens", .plugin = &patchbay_plugin, .live = true};
	struct pb_instance *data;
	struct pb_yaml yaml;
	char params[200];
	snprintf(params, sizeof params, format, path, path);
	pb_error_clear();
	if (pb_yaml_parse("params", params, strlen(params), &yaml) < 0)
		abort();
	int rc = pb_instance_create(&loaded, &yaml, yaml.root, NULL, 1, "/", NULL, &data);
	if (rc < 0 && rc != -PB_E_CONFIG && rc != -PB_E_NOMEM)
		abort();
	if (!rc) {
		check_data(data);
		pb_instance_destroy(data);
	}
	pb_yaml_finish(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = PB_FUZZ_FILE({data, size});
	pb_guard_enable(false);
	try("{file: %s}", path);
	try("{file: %s, vocab_file: %s}", path);
	return 0;
}
