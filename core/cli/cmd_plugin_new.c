/* cmd_plugin_new.c: `patchbay plugin new KIND NAME`: a project to write a plugin in, copied from a template. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/install.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/options.h"

/* In a template's files and their names it stands for the plugin's name. */
#define PLACEHOLDER "placeholder"

enum { MOST_FILES = 32, MOST_FILE = 1 << 20, MOST_NAME = 60 };

static const char *const kinds[] = {"setter", "metric", "dataset", NULL};

struct request {
	const char *kind, *name, *dir;
};

/* What will be written. */
struct project {
	struct pb_text names[MOST_FILES], texts[MOST_FILES];
	int count;
};

static bool is_name(const char *name)
{
	size_t length = strlen(name);
	if (!islower((unsigned char)*name) || length > MOST_NAME)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static void add_named(struct pb_text *out, const char *text, const char *name)
{
	for (const char *at; (at = strstr(text, PLACEHOLDER)); text = at + strlen(PLACEHOLDER)) {
		pb_text_add_bytes(out, text, (size_t)(at - text));
		pb_text_add(out, "%s", name);
	}
	pb_text_add(out, "%s", text);
}

static int read_template(const char *folder, const char *file, const char *name, struct project *p)
{
	if (p->count == MOST_FILES)
		return pb_fail(PB_E_INTERNAL, "%s has more than %d files", folder, MOST_FILES);
	struct pb_text *path = &p->names[p->count], *text = &p->texts[p->count++];
	char *from = pb_file_join(folder, file);
	void *data = NULL;
	size_t size;
	int rc = from ? pb_file_read(from, MOST_FILE, &data, &size) : -PB_E_NOMEM;
	if (!rc) {
		add_named(path, file, name);
		add_named(text, data, name);
		rc = path->failed ? pb_text_status(path) : pb_text_status(text);
	}
	free(data);
	free(from);
	return rc;
}

static int read_templates(const char *folder, const char *name, struct project *p)
{
	struct dirent **files;
	int n = scandir(folder, &files, NULL, alphasort), rc = 0;
	if (n < 0)
		return pb_fail(PB_E_NOTFOUND,
			       "the templates are not where they were installed, %s: %s\n"
			       "Install patchbay again, or copy the folder plugins/template of its source there",
			       folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		/* Neither the folder itself nor what an editor left. */
		if (!rc && files[i]->d_name[0] != '.')
			rc = read_template(folder, files[i]->d_name, name, p);
		free(files[i]);
	}
	free(files);
	return rc;
}

static int find_templates(const struct request *r, struct project *p)
{
	char *root =
		pb_in_build_tree() ? strdup(PB_SOURCE_DIR "/plugins/template") : pb_installed_path(PB_TEMPLATE_DIR);
	char *folder = root ? pb_file_join(root, r->kind) : NULL;
	int rc = folder ? read_templates(folder, r->name, p) : pb_fail_nomem(1, "a path");
	free(folder);
	free(root);
	return rc;
}

/* All was read before; whatever exists by the name stays as it is. */
static int write_project(const char *target, const struct project *p)
{
	int rc = 0;
	if (mkdir(target, 0777) < 0)
		return errno == EEXIST ? pb_fail(PB_E_USAGE,
						 "%s exists, and nothing is overwritten: choose another name "
						 "or --dir, or move it away",
						 target)
				       : pb_fail(PB_E_IO, "cannot make the folder %s: %s", target, strerror(errno));
	for (int i = 0; !rc && i < p->count; i++) {
		char *path = pb_file_join(target, p->names[i].data);
		rc = path ? pb_file_write(path, p->texts[i].data, p->texts[i].length) : -PB_E_NOMEM;
		free(path);
	}
	return rc ? pb_fail_in(rc, "%s is not complete; remove it", target) : 0;
}

static void say_what_next(const struct request *r, const char *target, const struct project *p)
{
	printf("%s `%s`, in %s:", r->kind, r->name, target);
	for (int i = 0; i < p->count; i++)
		printf(" %s", p->names[i].data);
	printf("\n\nIt works as it is: build it, and run the experiment with it.\n\n");
	if (pb_in_build_tree())
		printf("  export PKG_CONFIG_PATH=%s/meson-uninstalled   # patchbay is not installed\n", PB_BUILD_DIR);
	printf("  cd %s\n"
	       "  meson setup build && meson test -C build\n"
	       "  PATCHBAY_PLUGIN_PATH=build %s run example.yaml\n\n"
	       "Then change %s.c; its README.md tells how to do without meson.\n",
	       target, pb_in_build_tree() ? PB_BUILD_DIR "/core/patchbay" : "patchbay", r->name);
}

static int make(const struct request *r)
{
	struct project project = {0};
	char *target = !strcmp(r->dir, ".") ? strdup(r->name) : pb_file_join(r->dir, r->name);
	int rc = target ? find_templates(r, &project) : pb_fail_nomem(1, "a path");
	if (!rc)
		rc = pb_file_make_dir(r->dir);
	if (!rc)
		rc = write_project(target, &project);
	if (!rc)
		say_what_next(r, target, &project);
	for (int i = 0; i < project.count; i++) {
		pb_text_finish(&project.names[i]);
		pb_text_finish(&project.texts[i]);
	}
	free(target);
	return rc ? pb_cli_fail(&pb_cmd_plugin_new, NULL, rc) : 0;
}

static int run(int argc, char **argv)
{
	struct request r = {.dir = "."};
	int code;
	if (!pb_cli_parse(&pb_cmd_plugin_new, argc, argv, &r, &code))
		return code;
	r.kind = argv[1];
	r.name = argv[2];
	if (!is_name(r.name))
		return pb_cli_usage(&pb_cmd_plugin_new,
				    "a plugin's name has at most 60 lower-case letters, digits and _, and begins with "
				    "a letter; so it cannot be",
				    r.name, NULL);
	return make(&r);
}

static const struct pb_cli_word operands[] = {
	{.name = "KIND", .choices = kinds},
	{.name = "NAME"},
	{0},
};

static const struct pb_cli_option dir = {
	.name = "dir", .type = PB_CLI_TEXT, .offset = offsetof(struct request, dir),
	.value = {.name = "FOLDER", .offer = PB_CLI_FOLDERS},
	.doc = "where the project's folder is made; default here"};

static const struct pb_cli_example examples[] = {
	{"plugin new setter my_patch", "the project my_patch, here"},
	{"plugin new metric my_score --dir ~/plugins", "the project my_score in another folder"},
	{0},
};

const struct pb_cli_command pb_cmd_plugin_new = {
	.name = "plugin new",
	.summary = "a project to write a setter, metric or dataset in",
	.doc = "Writes FOLDER/NAME (FOLDER: here, if left out): the source of a plugin that works, meson.build, a "
	       "test, an experiment that runs in seconds, and a README. NAME is what experiments call the plugin: "
	       "lower-case letters, digits and _, beginning with a letter.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&dir, NULL},
	.examples = examples,
	.run = run,
	.writes = true,
};
