/* output.c: where the files of a run go. */
#include "report/output.h"

#include <ctype.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"

enum { MOST_NAME = 120 }; /* bytes; file systems have 255 for a name with its suffix */

/* Names come from experiment files and data: no folders, no hidden files, nothing a shell would trip over. What is left of two
 * names may be the same: one of which something was changed gets a number made of all of it. */
static void add_file_name(struct pb_text *path, const char *name)
{
	const size_t length = strlen(name);
	bool is_kept = length && length <= MOST_NAME;
	for (size_t i = 0; i < length && i < MOST_NAME; i++) {
		const bool keep = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '_' || (name[i] == '.' && i);
		pb_text_add_bytes(path, keep ? name + i : "_", 1);
		is_kept &= keep;
	}
	if (!length)
		pb_text_add(path, "unnamed");
	else if (!is_kept)
		pb_text_add(path, "-%08x", (unsigned)pb_checksum(name, length));
}

int pb_output_path(const char *dir, const char *sub, const char *name, const char *suffix, struct pb_text *ret_path)
{
	struct pb_text path = {0};
	pb_text_add(&path, "%s%s%s", *dir ? dir : ".", sub ? "/" : "", sub ? sub : "");
	int rc = pb_text_status(&path);
	if (!rc)
		rc = pb_file_make_dir(path.data);
	pb_text_add(&path, "/");
	add_file_name(&path, name);
	pb_text_add(&path, ".%s", suffix);
	if (!rc)
		rc = pb_text_status(&path);
	if (rc < 0)
		pb_text_finish(&path);
	else
		*ret_path = path;
	return rc;
}

int pb_output_save(const struct pb_text *text, const char *dir, const char *sub, const char *name, const char *suffix)
{
	struct pb_text path = {0};
	int rc = pb_text_status(text);
	if (!rc)
		rc = pb_output_path(dir, sub, name, suffix, &path);
	if (!rc)
		rc = pb_file_write(path.data, text->data ? text->data : "", text->length);
	pb_text_finish(&path);
	return rc;
}
