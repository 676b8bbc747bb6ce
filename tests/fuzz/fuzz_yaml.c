/* fuzz_yaml.c: any bytes as an experiment file: parsed, decoded, changed by --set, written and read again. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/schema.h"
#include "base/status.h"
#include "fuzz/driver.h"

struct part {
	double rate;
	struct pb_real_list betas;
};

struct config {
	const char *name;
	int64_t seed;
	int32_t act_fn;
	bool attn_only;
	struct part update;
	struct pb_int_list units;
	struct pb_string_list over;
	struct pb_record_list sweeps;
};

static const char *const act_fns[] = {"relu", "gelu", "gelu_new", "silu", NULL};

static const struct pb_param part_table[] = {
        {.name = "rate", .type = PB_TYPE_REAL, .offset = offsetof(struct part, rate), .max = 1, .doc = "step"},
        {.name = "betas",
         .type = PB_TYPE_REAL_LIST,
         .offset = offsetof(struct part, betas),
         .default_text = "[0.9, 0.98]",
         .doc = "decay rates"},
};

#define MEMBER(member, kind, text)                                                                                     \
	.name = #member, .type = kind, .offset = offsetof(struct config, member), .default_text = text, .doc = "a key"
#define FIELDS .fields = part_table, .n_fields = 2, .fields_size = sizeof(struct part)

static const struct pb_param table[] = {
        {MEMBER(name, PB_TYPE_STRING, "~")},
        {MEMBER(seed, PB_TYPE_INT, NULL), .max = 9007199254740992.0},
        {MEMBER(act_fn, PB_TYPE_ENUM, "relu"), .choices = act_fns},
        {MEMBER(attn_only, PB_TYPE_BOOL, "false")},
        {MEMBER(update, PB_TYPE_RECORD, NULL), FIELDS},
        {MEMBER(units, PB_TYPE_INT_LIST, "[]"), .min = -5, .max = 500},
        {MEMBER(over, PB_TYPE_STRING_LIST, "[layer]")},
        {MEMBER(sweeps, PB_TYPE_RECORD_LIST, "[]"), FIELDS},
};

const char *const pb_fuzz_tokens[] = {
        "- ",
        ": ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "\n  ",
        "#",
        "&a ",
        "*a",
        "!!int ",
        "<<: ",
        "---\n",
        "...\n",
        "|\n",
        ">-\n",
        "\"",
        "'",
        "\\0",
        "\\u2028",
        "~",
        "null",
        "true",
        "yes",
        "0x1F",
        "1e999",
        "1e-999",
        ".nan",
        "-.inf",
        "1_000",
        "010",
        "1e3",
        "\t",
        "\xc2\x85",
        "\xef\xbb\xbf",
        "9223372036854775808",
        "name: ",
        "seed: ",
        "act_fn:",
        "update: ",
        "sweeps:",
        "rate: ",
        "betas: ",
        NULL,
};

/* Equal as YAML: `quoted` counts only where it keeps a text from being a number, a truth value or nothing. */
static bool equal(const struct pb_yaml_node *a, const struct pb_yaml_node *b)
{
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if (pb_yaml_is_null(a) || pb_yaml_is_null(b))
		return pb_yaml_is_null(a) && pb_yaml_is_null(b);
	if (a->kind == PB_YAML_SCALAR) {
		char kind[128];
		snprintf(kind, sizeof kind, "%s", pb_yaml_kind_name(a));
		return !strcmp(a->text, b->text) && !strcmp(kind, pb_yaml_kind_name(b));
	}
	for (size_t i = 0; i < a->count; i++)
		if (!equal(a->items[i], b->items[i]) || (a->keys && !equal(a->keys[i], b->keys[i])))
			return false;
	return true;
}

static void check_round_trip(const struct pb_yaml_node *root)
{
	struct pb_text text = {0};
	struct pb_yaml again;
	pb_yaml_emit(root, 0, &text);
	/* What is written may be larger than what was read, and then over the limit. */
	if (text.length < 4 << 20) {
		if (pb_yaml_parse("again", text.data, text.length, &again) < 0 || !equal(root, again.root)) {
			fprintf(stderr, "not the same once written:\n%s\n%s\n", text.data, pb_error_text());
			abort();
		}
		pb_yaml_finish(&again);
	}
	pb_text_finish(&text);
}

static void check_lists(const struct config *c)
{
	double sum = c->update.rate;
	const struct part *sweeps = c->sweeps.items;
	for (size_t i = 0; i < c->units.count; i++)
		sum += (double)c->units.items[i];
	for (size_t i = 0; i < c->over.count; i++)
		sum += (double)strlen(c->over.items[i]);
	for (size_t i = 0; i < c->sweeps.count; i++)
		for (size_t j = 0; j < sweeps[i].betas.count; j++)
			sum += sweeps[i].betas.items[j];
	if (sum != sum || c->act_fn < 0 || c->act_fn > 3 || c->seed < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pb_yaml yaml;
	struct config config = {0};
	pb_error_clear();
	if (pb_yaml_parse("file.yaml", (const char *)data, size, &yaml) < 0) {
		if (strncmp(pb_error_text(), "file.yaml:", 10))
			abort();
		return 0;
	}
	check_round_trip(yaml.root);
	int rc =
	        pb_schema_decode(&yaml, yaml.root, table, sizeof table / sizeof *table, NULL, "an experiment", &config);
	if (rc != pb_yaml_status(&yaml) || (rc < 0 && strncmp(pb_error_text(), "file.yaml:", 10)))
		abort();
	if (!rc)
		check_lists(&config);
	/* The beginning of the file as an assignment, and as a path. */
	char assignment[100];
	snprintf(assignment, sizeof assignment, "%.*s", (int)(size < 90 ? size : 90), yaml.source);
	pb_yaml_set(&yaml, assignment);
	snprintf(assignment, sizeof assignment, "%.*s=[1, {a: b}]", (int)(size < 80 ? size : 80), yaml.source);
	pb_yaml_set(&yaml, assignment);
	check_round_trip(yaml.root);
	pb_yaml_finish(&yaml);
	return 0;
}
