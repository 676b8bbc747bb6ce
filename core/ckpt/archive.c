/* archive.c: members of a zip archive, checked before memory is taken. */
#include "ckpt/archive.h"

#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "ckpt/pickle.h"

enum {
	MAX_MEMBERS = 1 << 20,
	MAX_RATIO = 100, /* unpacked bytes per byte of the file; weights do not compress, zeros do */
};
#define SPARE_BYTES ((uint64_t)64 << 20) /* unpacked bytes that even a small file may have */

static bool name_is_safe(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
			return false;
	}
	return true;
}

static int check_names(const struct pb_archive *archive)
{
	for (int64_t i = 0; i < archive->n_members; i++) {
		const char *name = pb_archive_name(archive, i);
		char shown[120];
		if (!name)
			return pb_fail(PB_E_FORMAT, "%s: damaged zip: a member has no name", archive->path);
		pb_pickle_printable(name, strlen(name), shown, sizeof shown);
		if (!name_is_safe(name))
			return pb_fail(PB_E_FORMAT, "%s: refuses the member \"%s\": its name leaves the archive",
				       archive->path, shown);
		if (pb_archive_find(archive, name) != i)
			return pb_fail(PB_E_FORMAT, "%s: two members are named \"%s\"", archive->path, shown);
	}
	return 0;
}

int pb_archive_open(const char *path, struct pb_archive *ret_archive)
{
	struct pb_archive archive = {.path = path};
	struct stat st;
	int code = 0, rc = 0;
	archive.zip = zip_open(path, ZIP_RDONLY, &code);
	if (!archive.zip) {
		zip_error_t error;
		if (code == ZIP_ER_MEMORY)
			return pb_fail_nomem(0, path);
		zip_error_init_with_code(&error, code);
		rc = pb_fail(PB_E_FORMAT, "%s: damaged zip: %s", path, zip_error_strerror(&error));
		zip_error_fini(&error);
		return rc;
	}
	archive.n_members = zip_get_num_entries(archive.zip, 0);
	if (stat(path, &st) < 0)
		rc = pb_fail(PB_E_IO, "cannot examine %s", path);
	else if (archive.n_members > MAX_MEMBERS)
		rc = pb_fail(PB_E_FORMAT, "%s: more than %d members", path, MAX_MEMBERS);
	else
		rc = check_names(&archive);
	if (rc < 0) {
		pb_archive_close(&archive);
		return rc;
	}
	archive.budget = (uint64_t)st.st_size > UINT64_MAX / MAX_RATIO - SPARE_BYTES
				 ? UINT64_MAX
				 : (uint64_t)st.st_size * MAX_RATIO + SPARE_BYTES;
	*ret_archive = archive;
	return 0;
}

void pb_archive_close(struct pb_archive *archive)
{
	zip_discard(archive->zip);
}

const char *pb_archive_name(const struct pb_archive *archive, int64_t index)
{
	return zip_get_name(archive->zip, (zip_uint64_t)index, ZIP_FL_ENC_RAW);
}

int64_t pb_archive_find(const struct pb_archive *archive, const char *name)
{
	return zip_name_locate(archive->zip, name, ZIP_FL_ENC_RAW);
}

static int fail_member(const struct pb_archive *archive, int64_t index, const char *reason)
{
	char shown[120];
	const char *name = pb_archive_name(archive, index);
	pb_pickle_printable(name ? name : "?", name ? strlen(name) : 1, shown, sizeof shown);
	return pb_fail(PB_E_FORMAT, "%s: damaged zip: member %s: %s", archive->path, shown, reason);
}

int pb_archive_size(struct pb_archive *archive, int64_t index, uint64_t *ret_size)
{
	const zip_uint64_t need = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
	zip_stat_t st;
	if (zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &st) < 0 || (st.valid & need) != need)
		return fail_member(archive, index, "its entry cannot be read");
	if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
		return fail_member(archive, index, "it is encrypted");
	if (st.comp_method != ZIP_CM_STORE && st.comp_method != ZIP_CM_DEFLATE)
		return fail_member(archive, index, "it is neither stored nor deflated");
	if (st.comp_method == ZIP_CM_STORE && st.size != st.comp_size)
		return fail_member(archive, index, "its two sizes differ");
	*ret_size = st.size;
	return 0;
}

static int unpack(struct pb_archive *archive, int64_t index, unsigned char *data, size_t size)
{
	zip_file_t *file = zip_fopen_index(archive->zip, (zip_uint64_t)index, 0);
	if (!file)
		return fail_member(archive, index, zip_strerror(archive->zip));
	int rc = 0;
	size_t done = 0;
	while (!rc && done < size) {
		zip_int64_t n = zip_fread(file, data + done, size - done);
		if (n <= 0)
			rc = fail_member(archive, index, n < 0 ? zip_file_strerror(file) : "it ends too early");
		else
			done += (size_t)n;
	}
	/* Reading past the end makes libzip compare the checksum. */
	unsigned char more;
	zip_int64_t n = rc < 0 ? 0 : zip_fread(file, &more, 1);
	if (n)
		rc = fail_member(archive, index, n < 0 ? zip_file_strerror(file) : "it is longer than it says");
	zip_fclose(file);
	return rc;
}

int pb_archive_read(struct pb_archive *archive, int64_t index, struct pb_arena *arena, void **ret_data,
		    size_t *ret_size)
{
	uint64_t size;
	int rc = pb_archive_size(archive, index, &size);
	if (rc < 0)
		return rc;
	if (size > archive->budget || size >= SIZE_MAX)
		return pb_fail(PB_E_FORMAT, "%s: a zip bomb: it unpacks to more than %d times its size", archive->path,
			       MAX_RATIO);
	archive->budget -= size;
	unsigned char *data = pb_arena_alloc(arena, (size_t)size + 1);
	if (!data)
		return -PB_E_NOMEM;
	rc = unpack(archive, index, data, (size_t)size);
	if (rc < 0)
		return rc;
	*ret_data = data;
	*ret_size = (size_t)size;
	return 0;
}
