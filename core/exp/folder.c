/* folder.c: where a run's files go. */
#include "exp/folder.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "ckpt/model_load.h"
#include "report/csv.h"
#include "exp/resolve.h"

/* runs/NAME-DATE-TIME; `number` tells runs of one second apart. */
static char *default_path(const char *name, int number)
{
	char stamp[32], safe[80];
	size_t n = 0;
	time_t now = time(NULL);
	struct tm tm;
	for (; *name && n + 1 < sizeof safe; name++)
		safe[n++] = isalnum((unsigned char)*name) || strchr("._-", *name) ? *name : '-';
	safe[n] = '\0';
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	if (number > 1)
		snprintf(stamp + strlen(stamp), sizeof stamp - strlen(stamp), "-%d", number);
	size_t size = strlen(safe) + sizeof stamp + 8;
	char *path = malloc(size);
	if (path)
		snprintf(path, size, "runs/%s-%s", safe, stamp);
	else
		pb_fail_nomem(size, "a path");
	return path;
}

/* A folder that was not there before: of runs started together, each gets its own. */
static int make_default(const char *name, char **ret_path)
{
	int rc = pb_file_make_dir("runs");
	for (int number = 1; !rc; number++) {
		char *path = default_path(name, number);
		if (!path)
			return -PB_E_NOMEM;
		if (!mkdir(path, 0777)) {
			*ret_path = path;
			return 0;
		}
		if (errno != EEXIST)
			rc = pb_fail(PB_E_IO, "cannot make the folder %s: %s", path, strerror(errno));
		free(path);
	}
	return rc;
}

static bool holds_run(const char *path)
{
	char *file = pb_file_join(path, "config.yaml");
	bool holds = file && !access(file, F_OK);
	free(file);
	return holds;
}

static int make_asked(const char *out, char **ret_path)
{
	if (holds_run(out))
		return pb_fail(PB_E_USAGE, "%s holds a run already: choose another --out, or remove it", out);
	int rc = pb_file_make_dir(out);
	if (!rc && !(*ret_path = strdup(out)))
		rc = pb_fail_nomem(strlen(out), "a path");
	return rc;
}

static int write_config(const struct pb_plan *plan, const char *path)
{
	struct pb_text text = {0};
	int rc = pb_resolve(plan, &text);
	char *file = pb_file_join(path, "config.yaml");
	if (!rc)
		rc = file ? pb_file_write(file, text.data ? text.data : "", text.length) : -PB_E_NOMEM;
	free(file);
	pb_text_finish(&text);
	return rc;
}

/* Which unit is in which set: sets may have been drawn from the seed. */
static int write_units(const struct pb_plan *plan, const char *path)
{
	struct pb_csv csv = {0};
	/* Each of several seeds has sets of its own, in its own folder. */
	bool one = !plan->config->seeds.count;
	int64_t n = one ? pb_dataset_n_units(plan->data) : 0;
	int rc = 0;
	pb_csv_string(&csv, "unit");
	pb_csv_string(&csv, "set");
	pb_csv_end_row(&csv);
	for (int64_t i = 0; !rc && i < n; i++) {
		struct pb_unit unit;
		rc = pb_data_unit(plan, i, &unit);
		if (rc)
			break;
		pb_csv_string(&csv, unit.name);
		pb_csv_string(&csv, unit.set);
		pb_csv_end_row(&csv);
	}
	char *file = pb_file_join(path, "sets.csv");
	if (!rc && n)
		rc = pb_text_status(&csv.text);
	if (!rc && n)
		rc = file ? pb_file_write(file, csv.text.data, csv.text.length) : -PB_E_NOMEM;
	free(file);
	pb_text_finish(&csv.text);
	return rc;
}

int pb_folder_open(const struct pb_plan *plan, const char *out, struct pb_events *above,
		   struct pb_folder *ret_folder)
{
	struct pb_folder f = {0};
	char *log = NULL;
	int rc = out ? make_asked(out, &f.path) : make_default(plan->config->name, &f.path);
	if (!rc)
		rc = write_config(plan, f.path);
	if (!rc)
		rc = write_units(plan, f.path);
	if (!rc && !(log = pb_file_join(f.path, "log.txt")))
		rc = -PB_E_NOMEM;
	if (!rc && !(f.log = fopen(log, "w")))
		rc = pb_fail(PB_E_IO, "cannot write %s", log);
	free(log);
	if (rc)
		pb_folder_close(&f);
	else
		pb_events_open(&f.events, f.path, above);
	if (!rc)
		*ret_folder = f;
	return rc;
}

void pb_folder_close(struct pb_folder *folder)
{
	if (folder->log)
		fclose(folder->log);
	pb_events_close(&folder->events);
	free(folder->path);
	*folder = (struct pb_folder){0};
}

void pb_folder_log(struct pb_folder *folder, const char *format, ...)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	va_list args;
	char line[2048];
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	pb_utf8_disarm(line);
	fprintf(folder->log, "%s %s\n", stamp, line);
	fflush(folder->log);
}

int pb_folder_save(const struct pb_folder *folder, const char *name, const struct pb_params *params)
{
	char file[256];
	snprintf(file, sizeof file, "checkpoints/%s.safetensors", name);
	char *dir = pb_file_join(folder->path, "checkpoints"), *path = pb_file_join(folder->path, file);
	int rc = dir && path ? pb_file_make_dir(dir) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_ckpt_save_params(path, params);
	free(dir);
	free(path);
	return rc;
}
