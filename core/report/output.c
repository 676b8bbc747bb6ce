/* output.c: where the files of a run go. */
#include "report/output.h"

#include <ctype.h>

#include "base/file.h"
#include "base/status.h"

/* Names come from experiment files: no folders, no hidden files, nothing a shell would trip over. */
static void add_file_name(struct pb_text *path, const char *name)
{
	for (const char *c = name; *c; c++) {
		bool keep = isalnum((unsigned char)*c) || *c == '-' || *c == '_' || (*c == '.' && c != name);
		pb_text_add_bytes(path, keep ? c : "_", 1);
	}
	if (!*name)
		pb_text_add(path, "unnamed");
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
