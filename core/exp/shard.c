/* shard.c: journals of shards made into one. */
#include "exp/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/status.h"
#include "exp/folder.h"
#include "exp/journal.h"
#include "exp/record.h"

static const size_t most = (size_t)1 << 40;

/* A shard's journal, read. */
struct part {
	const char *dir, *path;
	char *content;
	size_t size;
	struct pb_shard shard;
	struct pb_record identity; /* without the shard's line */
};

/* Of the other shards every place has one. */
struct merger {
	size_t n;
	struct part *parts; /* [n] */
	struct pb_arena arena;
};

static int take_identity(struct part *p, const struct pb_record *record)
{
	int length = 0;
	char line[80];
	snprintf(line, sizeof line, "%.*s", (int)(record->size < 79 ? record->size : 79), record->data);
	if (record->type != PB_JOURNAL_IDENTITY ||
	    sscanf(line, "shard: %zu/%zu\n%n", &p->shard.index, &p->shard.count, &length) != 2 || !length ||
	    p->shard.index < 1 || p->shard.index > p->shard.count)
		return pb_fail(PB_E_USAGE, "%s is no shard of a run (`patchbay run ... --shard 1/4` makes one)", p->dir);
	p->identity = (struct pb_record){record->type, record->data + length, record->size - (size_t)length};
	return 0;
}

static int read_part(struct part *p)
{
	void *content;
	size_t at = 0;
	struct pb_record record;
	bool finished = false;
	if (!pb_folder_holds(p->dir))
		return pb_fail(PB_E_USAGE, "%s holds no run", p->dir);
	int rc = pb_file_read(p->path, most, &content, &p->size);
	if (rc)
		return rc;
	p->content = content;
	if (!pb_record_next(p->content, p->size, &at, &record))
		return pb_fail(PB_E_FORMAT, "%s is no journal of a run, or it was cut off at its beginning", p->path);
	rc = take_identity(p, &record);
	while (!rc && pb_record_next(p->content, p->size, &at, &record))
		finished |= record.type == PB_JOURNAL_FINISHED;
	if (!rc && pb_record_follows(p->content, p->size, at))
		rc = pb_fail(PB_E_FORMAT, "%s was altered or damaged at byte %zu, in the midst of it", p->path, at);
	if (!rc && !finished)
		rc = pb_fail(PB_E_USAGE, "shard %zu/%zu in %s is not finished: go on with it by --resume --shard %zu/%zu --out %s",
			     p->shard.index, p->shard.count, p->dir, p->shard.index, p->shard.count, p->dir);
	return rc;
}

/* The training stages must have gone the same way; how long they took does not count. */
static bool same_stages(const struct part *a, const struct part *b)
{
	size_t at_a = 0, at_b = 0;
	struct pb_record x, y;
	for (;;) {
		bool more_a, more_b;
		while ((more_a = pb_record_next(a->content, a->size, &at_a, &x)) && x.type != PB_JOURNAL_STAGE)
			;
		while ((more_b = pb_record_next(b->content, b->size, &at_b, &y)) && y.type != PB_JOURNAL_STAGE)
			;
		if (!more_a || !more_b)
			return more_a == more_b;
		if (x.size != y.size || x.size < sizeof(double) ||
		    memcmp(x.data + sizeof(double), y.data + sizeof(double), x.size - sizeof(double)) != 0)
			return false;
	}
}

static int fail_other(const struct part *a, const struct part *b)
{
	const char *x = a->identity.data, *y = b->identity.data;
	const char *end_x = x + a->identity.size, *end_y = y + b->identity.size;
	size_t nx = 0, ny = 0;
	for (;;) {
		for (nx = 0; x + nx < end_x && x[nx] != '\n';)
			nx++;
		for (ny = 0; y + ny < end_y && y[ny] != '\n';)
			ny++;
		if (nx != ny || memcmp(x, y, nx) != 0 || x + nx >= end_x || y + ny >= end_y)
			break;
		x += nx + 1;
		y += ny + 1;
	}
	return pb_fail(PB_E_USAGE, "%s and %s are shards of different runs:\n  the one has:   %.*s\n  the other has: %.*s", a->dir,
		       b->dir, (int)nx, x, (int)ny, y);
}

static int check_pair(const struct part *a, const struct part *b)
{
	if (a->shard.count != b->shard.count)
		return pb_fail(PB_E_USAGE, "%s is a shard of %zu, %s one of %zu", a->dir, a->shard.count, b->dir, b->shard.count);
	if (a->shard.index == b->shard.index)
		return pb_fail(PB_E_USAGE, "%s and %s are both shard %zu/%zu", a->dir, b->dir, a->shard.index, a->shard.count);
	if (a->identity.size != b->identity.size || memcmp(a->identity.data, b->identity.data, a->identity.size) != 0)
		return fail_other(a, b);
	if (!same_stages(a, b))
		return pb_fail(PB_E_USAGE, "training went another way in %s than in %s: one of them was altered", a->dir, b->dir);
	return 0;
}

static int check_gaps(const struct merger *m)
{
	const size_t count = m->parts[0].shard.count;
	for (size_t k = 1; k <= count; k++) {
		bool found = false;
		for (size_t i = 0; i < m->n; i++)
			found |= m->parts[i].shard.index == k;
		if (!found)
			return pb_fail(PB_E_USAGE, "shard %zu/%zu is missing", k, count);
	}
	return 0;
}

static int read_parts(struct merger *m, const char *const *dirs, const char *below)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < m->n; i++) {
		struct part *p = &m->parts[i];
		p->dir = *below ? pb_arena_printf(&m->arena, "%s/%s", dirs[i], below) : dirs[i];
		p->path = p->dir ? pb_arena_printf(&m->arena, "%s/journal", p->dir) : NULL;
		rc = p->path ? read_part(p) : -PB_E_NOMEM;
		for (size_t k = 0; !rc && k < i; k++)
			rc = check_pair(&m->parts[k], p);
	}
	return rc ? rc : check_gaps(m);
}

/* The identity, the stages of the first and the cells of all. */
static int write_journal(struct merger *m, const char *path)
{
	int fd = pb_file_open_plain(path, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	const struct pb_record *id = &m->parts[0].identity;
	int rc = pb_record_append(fd, path, id->type, id->data, id->size, NULL, 0);
	for (size_t i = 0; !rc && i < m->n; i++) {
		size_t at = 0;
		struct pb_record r;
		while (!rc && pb_record_next(m->parts[i].content, m->parts[i].size, &at, &r))
			if (r.type == PB_JOURNAL_CELL || (r.type == PB_JOURNAL_STAGE && !i))
				rc = pb_record_append(fd, path, r.type, r.data, r.size, NULL, 0);
	}
	if (!rc && fsync(fd) < 0)
		rc = pb_fail(PB_E_IO, "cannot write %s: %s", path, strerror(errno));
	close(fd);
	return rc;
}

static int copy(struct merger *m, const char *out, const char *name)
{
	void *data;
	size_t size;
	const char *from = pb_arena_printf(&m->arena, "%s/%s", m->parts[0].dir, name);
	const char *to = pb_arena_printf(&m->arena, "%s/%s", out, name);
	if (!from || !to)
		return -PB_E_NOMEM;
	if (access(from, F_OK))
		return 0;
	int rc = pb_file_read(from, most, &data, &size);
	if (rc)
		return rc;
	rc = pb_file_write(to, data, size);
	free(data);
	return rc;
}

/* Every plain file of a folder that is there. */
static int copy_folder(struct merger *m, const char *out, const char *name)
{
	struct dirent **files;
	const char *from = pb_arena_printf(&m->arena, "%s/%s", m->parts[0].dir, name);
	const char *to = pb_arena_printf(&m->arena, "%s/%s", out, name);
	if (!from || !to)
		return -PB_E_NOMEM;
	int n = scandir(from, &files, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : pb_fail(PB_E_IO, "cannot read %s: %s", from, strerror(errno));
	int rc = pb_file_make_dir(to);
	for (int i = 0; i < n; i++) {
		if (!rc && *files[i]->d_name != '.') {
			const char *file = pb_arena_printf(&m->arena, "%s/%s", name, files[i]->d_name);
			rc = file ? copy(m, out, file) : -PB_E_NOMEM;
		}
		free(files[i]);
	}
	free(files);
	return rc;
}

/* config.yaml is the last: it says that here is a run. */
static int write_folder(struct merger *m, const char *out)
{
	static const char *const files[] = {"manifest.yaml", "sets.csv", "state.safetensors"};
	const char *journal = pb_arena_printf(&m->arena, "%s/journal", out);
	int rc = pb_file_make_dir(out);
	if (!rc)
		rc = journal ? write_journal(m, journal) : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < sizeof files / sizeof *files; i++)
		rc = copy(m, out, files[i]);
	if (!rc)
		rc = copy_folder(m, out, "checkpoints");
	if (!rc)
		rc = copy_folder(m, out, "curves");
	return rc ? rc : copy(m, out, "config.yaml");
}

static int merge_below(const char *const *dirs, size_t n, const char *below, const char *out)
{
	struct merger m = {.n = n};
	m.parts = pb_arena_array(&m.arena, n, sizeof *m.parts);
	int rc = m.parts ? read_parts(&m, dirs, below) : -PB_E_NOMEM;
	if (!rc)
		rc = write_folder(&m, out);
	for (size_t i = 0; m.parts && i < n; i++)
		free(m.parts[i].content);
	pb_arena_finish(&m.arena);
	return rc;
}

int pb_shards_merge(const char *const *dirs, size_t n, const char *out, const int64_t *seeds, size_t n_seeds)
{
	int rc = pb_folder_holds(out) ? pb_fail(PB_E_USAGE, "%s holds a run already: choose another --out, or remove it", out) : 0;
	for (size_t i = 0; !rc && i < n_seeds; i++) {
		char below[40];
		snprintf(below, sizeof below, "seed-%lld", (long long)seeds[i]);
		char *to = pb_file_join(out, below);
		rc = to ? merge_below(dirs, n, below, to) : -PB_E_NOMEM;
		free(to);
	}
	return rc ? rc : merge_below(dirs, n, "", out);
}
