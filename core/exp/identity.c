/* identity.c: collected before a run begins. */
#include "exp/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/build_id.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/status.h"
#include "exp/resolve.h"

/* An experiment's plugins are each told once. */
static void add_plugin(struct pb_text *out, const struct pb_instance *instance)
{
	const struct pb_plugin *p = instance->loaded->plugin;
	struct pb_text line = {0};
	pb_text_add(&line, "plugin: %s %s %s, build id %s\n", pb_kind_name((enum pb_kind)p->kind), p->name, p->version,
		    instance->loaded->build_id && *instance->loaded->build_id ? instance->loaded->build_id : "none");
	if (!line.failed && (!out->data || !strstr(out->data, line.data)))
		pb_text_add(out, "%s", line.data);
	pb_text_add(out, "%s", pb_instance_files(instance));
	out->failed |= line.failed;
	pb_text_finish(&line);
}

static int add_file(struct pb_text *out, const char *path)
{
	void *data;
	size_t size;
	int rc = pb_file_read(path, (size_t)1 << 40, &data, &size);
	if (rc)
		return rc;
	pb_text_add(out, "checkpoint: %s, checksum %016llx\n", path, (unsigned long long)pb_checksum(data, size));
	free(data);
	return 0;
}

static int add_files(const struct pb_plan *plan, struct pb_text *out)
{
	const struct pb_yaml_node *files = plan->config->checkpoints;
	int rc = plan->config->model.load ? add_file(out, plan->config->model.load) : 0;
	for (size_t i = 0; !rc && files && i < files->count; i++)
		if (files->items[i]->kind == PB_YAML_SCALAR)
			rc = add_file(out, files->items[i]->text);
	return rc;
}

int pb_identity_facts(const struct pb_plan *plan, const char *engine, struct pb_text *out)
{
	char build[PB_BUILD_ID_TEXT];
	pb_build_id(NULL, build);
	pb_text_add(out, "patchbay: %s, %s, build id %s\n", PB_VERSION, __VERSION__, build);
	pb_text_add(out, "device: %s", plan->device->description);
	if (plan->device->backend) {
		pb_build_id(plan->device->backend, build);
		pb_text_add(out, ", kernels' build id %s", build);
	}
	pb_text_add(out, "\nengine: %s\n", engine);
	add_plugin(out, plan->data);
	for (size_t i = 0; i < plan->n_scorers; i++)
		add_plugin(out, plan->scorers[i]->instance);
	for (size_t i = 0; i < plan->n_sweeps; i++)
		if (plan->sweeps[i].setter)
			add_plugin(out, plan->sweeps[i].setter);
	int rc = add_files(plan, out);
	return rc ? rc : pb_text_status(out);
}

int pb_identity(const struct pb_plan *plan, const char *engine, struct pb_text *out)
{
	int rc = pb_identity_facts(plan, engine, out);
	return rc ? rc : pb_resolve_unplaced(plan, out);
}

int pb_identity_manifest(const struct pb_plan *plan, const char *engine, struct pb_text *out)
{
	struct pb_text facts = {0};
	int rc = pb_identity_facts(plan, engine, &facts);
	if (!rc)
		pb_text_add(out, "# `patchbay run` with this file, in the working folder of then, repeats the run, and tells what is "
				 "otherwise by then.\nmanifest:\n");
	for (const char *line = facts.data; !rc && line && *line; line += strcspn(line, "\n") + 1) {
		struct pb_text one = {0};
		pb_text_add_bytes(&one, line, strcspn(line, "\n"));
		pb_text_add(out, "  - ");
		pb_text_add_json(out, one.data ? one.data : "");
		pb_text_add(out, "\n");
		out->failed |= one.failed;
		pb_text_finish(&one);
	}
	pb_text_finish(&facts);
	return rc ? rc : pb_resolve(plan, out);
}

static bool has_line(const char *text, const char *line, size_t length)
{
	for (const char *at = text; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strcspn(at, "\n") == length && !strncmp(at, line, length))
			return true;
	return false;
}

/* The next line from `at` on that `other` lacks, of the same kind ("device: ") as `like` (NULL: of any); NULL: there is none. */
static const char *only_line(const char *at, const char *other, const char *like)
{
	const size_t kind = like ? strcspn(like, ":\n") + 1 : 0;
	for (; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
		if ((!like || !strncmp(at, like, kind)) && !has_line(other, at, strcspn(at, "\n")))
			return at;
	return NULL;
}

static const char *copy_line(const char *line, struct pb_arena *arena)
{
	return line ? pb_arena_strndup(arena, line, strcspn(line, "\n")) : "nothing such";
}

void pb_identity_difference(const char *then, const char *now, struct pb_arena *arena, const char **ret_then, const char **ret_now)
{
	const char *old = only_line(then, now, NULL);
	const char *fresh = old ? only_line(now, then, old) : only_line(now, then, NULL);
	*ret_then = old || fresh ? copy_line(old, arena) : NULL;
	*ret_now = old || fresh ? copy_line(fresh, arena) : NULL;
}

int pb_identity_compare(const struct pb_plan *plan, const char *engine, struct pb_arena *arena,
			const char *const **ret_notes, size_t *ret_n)
{
	const struct pb_string_list *then = &plan->config->manifest;
	const char **notes = pb_arena_array(arena, then->count + 1, sizeof *notes);
	struct pb_text facts = {0}, lines = {0};
	size_t n = 0;
	int rc = !notes ? -PB_E_NOMEM : then->count ? pb_identity_facts(plan, engine, &facts) : 0;
	for (size_t i = 0; i < then->count; i++)
		pb_text_add(&lines, "%s\n", then->items[i]);
	rc = rc ? rc : pb_text_status(&lines);
	for (size_t i = 0; !rc && i < then->count; i++) {
		if (has_line(facts.data, then->items[i], strlen(then->items[i])))
			continue;
		const char *now = copy_line(only_line(facts.data, lines.data, then->items[i]), arena);
		notes[n] = now ? pb_arena_printf(arena, "the manifest's run had `%s`, this one `%s`: results may differ",
						 then->items[i], now)
			       : NULL;
		rc = notes[n++] ? 0 : -PB_E_NOMEM;
	}
	pb_text_finish(&facts);
	pb_text_finish(&lines);
	*ret_notes = notes;
	*ret_n = n;
	return rc;
}
