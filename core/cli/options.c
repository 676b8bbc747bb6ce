/* options.c: reads the options of run, train, check and hooks. */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tensor/tensor.h"

enum option {
	OPT_SET,
	OPT_OUT,
	OPT_DEVICE,
	OPT_ENGINE,
	OPT_MEMORY,
	OPT_BATCH,
	OPT_THREADS,
	OPT_PLUGIN_TIME,
	OPT_RESUME,
	OPT_SAVE_EVERY,
	OPT_QUIET,
	OPT_JSON,
	OPT_HELP,
};

static const struct {
	const char *name;
	bool takes_value;
	enum option option;
	const char *commands; /* those that know it */
} table[] = {
	{"--set", true, OPT_SET, "run train check hooks"}, {"--out", true, OPT_OUT, "run train"},
	{"--device", true, OPT_DEVICE, "run train"},       {"--engine", true, OPT_ENGINE, "run"},
	{"--memory", true, OPT_MEMORY, "run"},             {"--batch", true, OPT_BATCH, "run"},
	{"--threads", true, OPT_THREADS, "run train"},     {"--plugin-time", true, OPT_PLUGIN_TIME, "run train check"},
	{"--quiet", false, OPT_QUIET, "run train check"},  {"-q", false, OPT_QUIET, "run train check"},
	{"--json", false, OPT_JSON, "run train"},              {"--resume", false, OPT_RESUME, "run train"},
	{"--save-every", true, OPT_SAVE_EVERY, "run train"},
	{"--help", false, OPT_HELP, "run train check hooks"}, {"-h", false, OPT_HELP, "run train check hooks"},
};

enum { N_OPTIONS = sizeof table / sizeof *table };

static int usage(const char *command, const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "patchbay %s: %s `%s`", command, what, word);
	if (nearest)
		fprintf(stderr, "; did you mean `%s`?", nearest);
	fprintf(stderr, "\n(`patchbay %s --help` lists the options)\n", command);
	return 2;
}

static int choose(const char *command, const char *option, const char *value, const char *const *choices,
		  const char **ret_value)
{
	for (size_t i = 0; choices[i]; i++) {
		if (!strcmp(value, choices[i])) {
			*ret_value = choices[i];
			return 0;
		}
	}
	fprintf(stderr, "patchbay %s: %s takes ", command, option);
	for (size_t i = 0; choices[i]; i++)
		fprintf(stderr, "%s%s", i ? " or " : "", choices[i]);
	fprintf(stderr, ", not `%s`\n", value);
	return 2;
}

/* "512M": bytes, with K, M or G behind them. */
static bool parse_size(const char *text, size_t *ret_size)
{
	static const char units[] = "KMG";
	char *end;
	double value = strtod(text, &end);
	const char *unit = *end ? strchr(units, *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		value *= 1024.0;
	if (end == text || (*end && (!unit || end[1])) || !(value >= 1.0 && value < 1e18))
		return false;
	*ret_size = (size_t)value;
	return true;
}

static int apply(const char *command, enum option option, const char *value, size_t *n_sets, struct pb_cli_run *o)
{
	static const char *const engines[] = {"auto", "reference", NULL};
	char *end;
	switch (option) {
	case OPT_SET:
		if (*n_sets == PB_CLI_MAX_SETS)
			return usage(command, "too many --set, at", value, NULL);
		o->sets[(*n_sets)++] = value;
		return 0;
	case OPT_OUT: o->out = value; return 0;
	case OPT_DEVICE:
		o->device = value;
		return pb_device_is_name(value)
			       ? 0
			       : usage(command, "--device takes auto, cpu, cuda or cuda:NUMBER, not", value, NULL);
	case OPT_ENGINE: return choose(command, "--engine", value, engines, &o->engine);
	case OPT_MEMORY:
		return parse_size(value, &o->memory) ? 0
						     : usage(command, "--memory takes bytes, such as 512M or 4G, not",
							     value, NULL);
	case OPT_BATCH:
		o->batch = (int)strtol(value, &end, 10);
		return !*end && o->batch >= 1 && o->batch <= 4096
			       ? 0
			       : usage(command, "--batch takes a number of cells from 1 to 4096, not", value, NULL);
	case OPT_THREADS:
		o->threads = (int)strtol(value, &end, 10);
		return *value && !*end && o->threads >= 0 && o->threads <= 1024
			       ? 0
			       : usage(command, "--threads takes a number from 0 (all) to 1024, not", value, NULL);
	case OPT_PLUGIN_TIME:
		o->plugin_time = strtod(value, &end);
		return !*end && o->plugin_time >= 0 && o->plugin_time <= 1e6
			       ? 0
			       : usage(command, "--plugin-time takes seconds from 0 (no limit) to 1000000, not", value,
				       NULL);
	case OPT_QUIET: o->quiet = true; return 0;
	case OPT_JSON: o->json = true; return 0;
	case OPT_RESUME: o->resume = true; return 0;
	case OPT_SAVE_EVERY:
		o->save_every = strtod(value, &end);
		return !*end && o->save_every >= 0 && o->save_every <= 1e6
			       ? 0
			       : usage(command, "--save-every takes seconds from 0 to 1000000, not", value, NULL);
	default: o->help = true; return 0;
	}
}

/* argv[*i], and its value where it takes one. */
static int parse_option(int argc, char **argv, int *i, size_t *n_sets, struct pb_cli_run *o)
{
	const char *command = argv[0], *word = argv[*i], *names[N_OPTIONS], *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word), n_names = 0;
	for (size_t k = 0; k < N_OPTIONS; k++) {
		if (!strstr(table[k].commands, command))
			continue;
		if (table[k].name[1] == '-')
			names[n_names++] = table[k].name + 2;
		if (strncmp(word, table[k].name, length) || table[k].name[length])
			continue;
		if (equals && !table[k].takes_value)
			return usage(command, "this option takes no value:", word, NULL);
		const char *value = equals ? equals + 1 : NULL;
		if (table[k].takes_value && !value) {
			if (++*i == argc)
				return usage(command, "a value is missing behind", word, NULL);
			value = argv[*i];
		}
		if (value && !*value)
			return usage(command, "the value is empty in", word, NULL);
		return apply(command, table[k].option, value, n_sets, o);
	}
	/* The dashes are alike in all of them. */
	char name[32];
	size_t dashes = strspn(word, "-");
	snprintf(name, sizeof name, "%.*s", (int)(length - dashes), word + dashes);
	const char *nearest = pb_nearest(name, names, n_names);
	return usage(command, "unknown option", word, nearest ? nearest - 2 : NULL);
}

int pb_cli_parse(int argc, char **argv, struct pb_cli_run *ret_options)
{
	struct pb_cli_run o = {.engine = "auto", .plugin_time = 60, .save_every = 60};
	size_t n_sets = 0;
	int rc = 0;
	for (int i = 1; !rc && i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1])
			rc = parse_option(argc, argv, &i, &n_sets, &o);
		else if (o.file)
			rc = usage(argv[0], "one file is enough; what is", argv[i], NULL);
		else
			o.file = argv[i];
	}
	if (!rc && !o.file && !o.help)
		rc = usage(argv[0], "which file? An argument is missing behind", argv[0], NULL);
	if (!rc)
		*ret_options = o;
	return rc;
}

int pb_cli_fail(const char *command, const char *file, int rc)
{
	const char *text = *pb_error_text() ? pb_error_text() : pb_status_text(rc);
	size_t length = strlen(file);
	bool placed = rc == -PB_E_CONFIG &&
		      ((!strncmp(text, file, length) && text[length] == ':') || !strncmp(text, "--set ", 6));
	if (!placed)
		fprintf(stderr, "patchbay %s: ", command);
	char *safe = strdup(text);
	if (safe)
		pb_utf8_disarm(safe);
	fprintf(stderr, "%s\n", safe ? safe : pb_status_text(rc));
	free(safe);
	return pb_status_exit_code(rc);
}
