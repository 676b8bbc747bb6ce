/* folder.c: where a run's files go. */
#include "exp/folder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/status.h"
#include "base/utf8.h"
#include "ckpt/model_load.h"
#include "report/csv.h"
#include "exp/identity.h"
#include "exp/resolve.h"
#include "exp/shard.h"

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

bool pb_folder_holds(const char *path)
{
	char *file = pb_file_join(path, "config.yaml");
	bool holds = file && !access(file, F_OK);
	free(file);
	return holds;
}

/* A run that was killed before its config.yaml was there had done nothing. Looks for that first: a folder that goes away as a
 * whole meanwhile has no lock then either. */
static bool is_stillborn(const char *path)
{
	char *lock = pb_folder_holds(path) ? NULL : pb_file_join(path, ".lock");
	const bool stillborn = lock && !access(lock, F_OK);
	free(lock);
	return stillborn;
}

static int find_asked(const char *out, char **ret_path)
{
	if (!out)
		return pb_fail(PB_E_USAGE, "which run is to be gone on with? Name its folder with --out");
	if (!pb_folder_holds(out))
		return pb_fail(PB_E_USAGE, "%s holds no run to go on with: begin one without --resume", out);
	*ret_path = strdup(out);
	return *ret_path ? 0 : pb_fail_nomem(strlen(out), "a path");
}

static int make_asked(const char *out, char **ret_path)
{
	if (pb_folder_holds(out))
		return pb_fail(PB_E_USAGE, "%s holds a run already: choose another --out, or remove it", out);
	int rc = pb_file_make_dir(out);
	if (!rc && !(*ret_path = strdup(out)))
		rc = pb_fail_nomem(strlen(out), "a path");
	return rc;
}

static int write_text(const char *path, const char *name, const struct pb_text *text)
{
	char *file = pb_file_join(path, name);
	int rc = file ? pb_file_write(file, text->data ? text->data : "", text->length) : -PB_E_NOMEM;
	free(file);
	return rc;
}

static int write_config(const struct pb_plan *plan, const char *engine, const char *path)
{
	struct pb_text config = {0}, manifest = {0};
	int rc = pb_identity_manifest(plan, engine, &manifest);
	if (!rc)
		rc = write_text(path, "manifest.yaml", &manifest);
	if (!rc)
		rc = pb_resolve(plan, &config);
	if (!rc)
		rc = write_text(path, "config.yaml", &config); /* the last: it says that here is a run */
	pb_text_finish(&config);
	pb_text_finish(&manifest);
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

char *pb_folder_path(const struct pb_folder *folder, const char *name)
{
	return pb_file_join(folder->path, name);
}

/* Whoever holds it is at work in the folder. It ends with the process, whatever ends that. */
static int take_lock(struct pb_folder *f)
{
	char *path = pb_folder_path(f, ".lock");
	if (!path)
		return -PB_E_NOMEM;
	f->lock = pb_file_open_plain(path, O_RDWR | O_CREAT);
	int rc = f->lock < 0 ? f->lock : 0;
	if (!rc && pb_lock_take(f->lock) < 0)
		rc = errno == EAGAIN || errno == EACCES
			     ? pb_fail(PB_E_USAGE, "a run is going on in %s: wait for it, or choose another --out", f->path)
			     : pb_fail(PB_E_IO, "cannot lock %s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static int open_log(struct pb_folder *f)
{
	char *path = pb_folder_path(f, "log.txt");
	int fd = path ? pb_file_open_plain(path, O_WRONLY | O_CREAT | O_APPEND | (f->resumed ? 0 : O_TRUNC)) : -PB_E_NOMEM;
	f->log = fd < 0 ? NULL : fdopen(fd, "a");
	int rc = f->log ? 0 : fd < 0 ? fd : pb_fail_nomem(0, path);
	if (fd >= 0 && !f->log)
		close(fd);
	free(path);
	return rc;
}

static int open_journal(const struct pb_plan *plan, const struct pb_run_options *o, struct pb_folder *f)
{
	struct pb_text identity = {0};
	f->journal_path = pb_folder_path(f, "journal");
	if (o->shard.count)
		pb_text_add(&identity, PB_SHARD_LINE, o->shard.index, o->shard.count);
	const size_t front = identity.length;
	int rc = f->journal_path ? pb_identity(plan, pb_engine_name(plan, &o->engine), &identity) : -PB_E_NOMEM;
	if (!rc)
		f->identity = pb_checksum(identity.data + front, identity.length - front);
	if (!rc)
		rc = pb_journal_open(f->journal_path, identity.data, f->resumed, &f->journal);
	pb_text_finish(&identity);
	return rc;
}

int pb_folder_open(const struct pb_plan *plan, const struct pb_run_options *o, struct pb_folder *ret_folder)
{
	const char *out = o->out;
	const bool stillborn = out && is_stillborn(out), resume = o->resume && !stillborn;
	struct pb_folder f = {.resumed = resume, .lock = -1, .journal.fd = -1};
	int rc = resume ? find_asked(out, &f.path) : out ? make_asked(out, &f.path) : make_default(plan->config->name, &f.path);
	if (!rc)
		rc = take_lock(&f);
	/* Another may have been faster. */
	if (!rc && !resume && pb_folder_holds(f.path))
		rc = pb_fail(PB_E_USAGE, "%s holds a run already: choose another --out, or remove it", f.path);
	if (!rc && (resume || stillborn))
		rc = pb_file_clear_unfinished(f.path);
	if (!rc)
		rc = open_journal(plan, o, &f);
	if (!rc && !resume)
		rc = write_units(plan, f.path);
	if (!rc && !resume)
		rc = write_config(plan, pb_engine_name(plan, &o->engine), f.path);
	if (!rc)
		rc = open_log(&f);
	if (rc) {
		pb_folder_close(&f);
		return rc;
	}
	pb_events_open(&f.events, f.path, o->events);
	*ret_folder = f;
	return 0;
}

void pb_folder_close(struct pb_folder *folder)
{
	if (folder->log)
		fclose(folder->log);
	pb_events_close(&folder->events);
	pb_journal_close(&folder->journal);
	if (folder->lock >= 0)
		close(folder->lock);
	free(folder->journal_path);
	free(folder->path);
	*folder = (struct pb_folder){.lock = -1, .journal.fd = -1};
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

/* "checkpoints/NAME.safetensors" in the folder. */
static char *checkpoint_path(const struct pb_folder *folder, const char *name)
{
	char file[256];
	snprintf(file, sizeof file, "checkpoints/%s.safetensors", name);
	return pb_folder_path(folder, file);
}

static int checksum_file(const char *path, uint64_t *ret_checksum)
{
	void *data;
	size_t size;
	int rc = pb_file_read(path, (size_t)1 << 40, &data, &size);
	if (rc)
		return rc;
	*ret_checksum = pb_checksum(data, size);
	free(data);
	return 0;
}

int pb_folder_save(const struct pb_folder *folder, const char *name, const struct pb_params *params, uint64_t *ret_checksum)
{
	char *dir = pb_folder_path(folder, "checkpoints"), *path = checkpoint_path(folder, name);
	int rc = dir && path ? pb_file_make_dir(dir) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_ckpt_save_params(path, params);
	if (!rc)
		rc = checksum_file(path, ret_checksum);
	free(dir);
	free(path);
	return rc;
}

int pb_folder_load(const struct pb_folder *folder, const char *name, uint64_t checksum, struct pb_params *params)
{
	struct pb_ckpt ckpt;
	char *path = checkpoint_path(folder, name);
	uint64_t sum = 0;
	int rc = path ? checksum_file(path, &sum) : -PB_E_NOMEM;
	if (!rc && sum != checksum)
		rc = pb_fail(PB_E_FORMAT,
			     "%s is not what the run saved, it was altered or damaged: put it back, or begin anew with another --out",
			     path);
	if (!rc)
		rc = pb_ckpt_read(path, &ckpt);
	if (!rc) {
		rc = pb_ckpt_load_params(&ckpt, params);
		pb_ckpt_finish(&ckpt);
	}
	free(path);
	return rc;
}
