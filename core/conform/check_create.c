/* check_create.c: parameters, lifecycle, and what goes wrong around a plugin while it is made. */
#include <string.h>

#include "base/status.h"
#include "conform/check_impl.h"
#include "conform/child.h"
#include "conform/pieces.h"
#include "conform/watch.h"
#include "host/host_impl.h"

enum {
	ROUNDS = 40, /* of random parameters */
	MOST_FAILING = 100, /* allocations that are made to fail, one at a time */
	MOST_LINES = 20,    /* of parameters that are shown */
	MOST_COLUMNS = 80,
};

/* Parameters under test, as they are made. */
struct attempt {
	struct pb_checkup *c;
	struct pb_yaml yaml;
	struct pb_params params;
};

static struct pb_params params_of(struct pb_checkup *c, struct pb_yaml *yaml)
{
	const struct pb_plugin *plugin = c->loaded->plugin;
	return (struct pb_params){
		.yaml = yaml,
		.table = plugin->params,
		.n = plugin->n_params,
		.given = c->given.root,
		.seed = c->options->seed,
	};
}

static void begin(struct attempt *a, struct pb_checkup *c, uint64_t stream)
{
	*a = (struct attempt){.c = c, .yaml = {.file = "parameters"}};
	a->params = params_of(c, &a->yaml);
	a->params.stream = stream;
}

static void end(struct attempt *a)
{
	pb_arena_finish(&a->yaml.arena);
}

static int configure(struct attempt *a, const struct pb_yaml_node *map, struct pb_instance **ret_instance)
{
	struct pb_checkup *c = a->c;
	int rc = pb_instance_configure(c->loaded, &a->yaml, map, NULL, c->options->seed, c->options->dir, &c->device,
				       ret_instance);
	if (!rc)
		pb_counts_install(*ret_instance);
	return rc;
}

int pb_check_fail_lost(const struct pb_checkup *c, const char *after, long n)
{
	const struct pb_plugin *plugin = c->loaded->plugin;
	return pb_fail(PB_E_PLUGIN, "%s %s: %s, %ld piece%s of memory from the host %s not freed",
		       pb_kind_name(plugin->kind), plugin->name, after, n, n == 1 ? "" : "s",
		       n == 1 ? "was" : "were");
}

static int start_watched(struct pb_instance *instance)
{
	struct pb_watch watch = {0};
	int rc = pb_watch_init(&watch, instance);
	if (!rc)
		rc = pb_instance_start(instance);
	if (!rc)
		rc = pb_watch_check(&watch, "create");
	pb_watch_finish(&watch);
	return rc;
}

int pb_check_instance(struct pb_checkup *c, uint64_t seed, struct pb_instance **ret_instance)
{
	struct pb_instance *instance;
	pb_counts_reset();
	int rc = pb_instance_configure(c->loaded, NULL, c->given.root, NULL, seed, c->options->dir, &c->device,
				       &instance);
	if (rc)
		return rc;
	pb_counts_install(instance);
	rc = start_watched(instance);
	if (rc)
		pb_instance_forget(instance);
	else
		*ret_instance = instance;
	return rc;
}

int pb_check_cycle(struct pb_checkup *c, long *ret_lost)
{
	struct pb_instance *instance;
	int rc = pb_check_instance(c, c->options->seed, &instance);
	if (rc)
		return rc;
	rc = pb_instance_end(instance);
	*ret_lost = pb_counts()->live;
	pb_instance_forget(instance);
	return rc;
}

static int count_lost(struct pb_checkup *c, long *ret_lost)
{
	int rc = pb_check_cycle(c, ret_lost);
	return rc ? rc : pb_pieces_check(c->loaded);
}

/* What is left beyond what create and destroy leave by themselves, which is pb_check_cycles' to tell. */
static int check_lost(struct pb_checkup *c, const char *after, long lost)
{
	long always = 0;
	int rc = pb_pieces_check(c->loaded);
	if (!rc && lost)
		rc = count_lost(c, &always);
	return rc || lost <= always ? rc : pb_check_fail_lost(c, after, lost - always);
}

/* A refusal with a reason is in order: 0, and not accepted. The instance is used up. */
static int start(struct pb_checkup *c, struct pb_instance *instance, bool *ret_accepted)
{
	int rc = pb_instance_start(instance);
	bool reasoned = rc < 0 && !instance->fault.signal && pb_services_reason(instance->impl);
	*ret_accepted = !rc;
	if (rc && !reasoned) {
		pb_instance_forget(instance);
		return rc;
	}
	rc = rc ? 0 : pb_instance_end(instance);
	pb_instance_forget(instance);
	return rc ? rc
		  : check_lost(c, *ret_accepted ? "behind destroy" : "behind a create that failed",
			       pb_counts()->live);
}

/* Lines and their ends that nobody would read are left out. */
static void add_short(const char *lines, struct pb_text *out)
{
	for (int n = 0; *lines && n < MOST_LINES; n++) {
		size_t length = strcspn(lines, "\n"), shown = length < MOST_COLUMNS ? length : MOST_COLUMNS;
		while (shown < length && ((unsigned char)lines[shown] & 0xc0) == 0x80)
			shown--;
		pb_text_add(out, "\n");
		pb_text_add_bytes(out, lines, shown);
		if (shown < length)
			pb_text_add(out, "... (%zu bytes)", length);
		lines += length + (lines[length] == '\n');
	}
	if (*lines)
		pb_text_add(out, "\n...");
}

/* What the parameters were belongs to what is told of a failure. */
static int fail_with(const struct pb_yaml_node *map, int rc)
{
	struct pb_text text = {0}, yaml = {0};
	pb_text_add(&text, "%s\nwith the parameters", pb_error_text());
	pb_yaml_emit(map, 2, &yaml);
	if (!yaml.failed)
		add_short(yaml.data, &text);
	if (!text.failed)
		rc = pb_fail(-rc, "%s", text.data);
	pb_text_finish(&text);
	pb_text_finish(&yaml);
	return rc;
}

/* The same, in case that the process does not come back. */
static void tell_parameters(const struct pb_yaml_node *map)
{
	struct pb_text text = {0}, yaml = {0};
	pb_text_add(&text, "with the parameters");
	pb_yaml_emit(map, 2, &yaml);
	if (!yaml.failed)
		add_short(yaml.data, &text);
	if (!text.failed)
		pb_child_progress("%s\n", text.data);
	pb_text_finish(&text);
	pb_text_finish(&yaml);
}

/* Makes and destroys an instance. `refused`: its table must not let these parameters pass. */
static int try_map(struct attempt *a, const struct pb_yaml_node *map, bool refused, bool *ret_accepted)
{
	struct pb_instance *instance;
	*ret_accepted = false;
	if (!map)
		return pb_fail_nomem(1, "parameters");
	int rc = configure(a, map, &instance);
	if (rc)
		return rc == -PB_E_NOMEM ? rc : 0;
	if (refused) {
		pb_instance_forget(instance);
		return fail_with(map, pb_fail(PB_E_PLUGIN, "a value that its table rules out was accepted"));
	}
	pb_counts_reset();
	tell_parameters(map);
	rc = start(a->c, instance, ret_accepted);
	return rc ? fail_with(map, rc) : 0;
}

int pb_check_destroy(struct pb_checkup *c, struct pb_instance *instance)
{
	int rc = pb_instance_end(instance);
	pb_instance_forget(instance);
	return rc ? rc : check_lost(c, "behind destroy", pb_counts()->live);
}

/* As in a user's file without a word about them. */
static int create_plainly(struct pb_checkup *c)
{
	long lost;
	if (!count_lost(c, &lost))
		return 0;
	return pb_fail(PB_E_PLUGIN, "%s\n%s", pb_error_text(),
		       c->given.root
			       ? "(with the parameters of --params)"
			       : "(with its defaults; what it needs beyond them, give by --params, and the folder of "
				 "its files by --dir)");
}

/* With every default written out. */
static int create_explicitly(struct pb_checkup *c)
{
	struct attempt a;
	struct pb_instance *instance;
	begin(&a, c, 0);
	const struct pb_yaml_node *map = pb_params_defaults(&a.params);
	int rc = map ? configure(&a, map, &instance) : pb_fail_nomem(1, "parameters");
	if (rc == -PB_E_CONFIG)
		rc = pb_yaml_status(&a.yaml);
	if (!rc) {
		rc = pb_instance_start(instance);
		if (!rc)
			rc = pb_instance_end(instance);
		pb_instance_forget(instance);
	}
	if (rc && map)
		rc = fail_with(map, pb_fail_in(rc, "its own defaults, written out"));
	end(&a);
	return rc;
}

int pb_check_create(struct pb_checkup *c)
{
	int rc = create_plainly(c);
	return rc ? rc : create_explicitly(c);
}

typedef struct pb_yaml_node *value_maker(struct pb_params *params, size_t i, size_t k, bool *ret_refused,
					 bool *ret_more);

static struct pb_yaml_node *hostile(struct pb_params *params, size_t i, size_t k, bool *ret_refused, bool *ret_more)
{
	*ret_refused = false;
	return pb_params_hostile(params, i, k, ret_more);
}

static int try_values(struct pb_checkup *c, value_maker *make)
{
	bool accepted, refused, more = true;
	size_t n = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < c->loaded->plugin->n_params; i++)
		for (size_t k = 0; !rc; k++) {
			struct attempt a;
			begin(&a, c, k);
			const struct pb_yaml_node *map = make(&a.params, i, k, &refused, &more);
			if (more)
				rc = try_map(&a, map, refused, &accepted);
			end(&a);
			if (!more)
				break;
			n++;
		}
	return rc || n ? rc : pb_check_skip("no parameter is of a type that this concerns");
}

int pb_check_bounds(struct pb_checkup *c)
{
	return try_values(c, pb_params_bound);
}

int pb_check_hostile(struct pb_checkup *c)
{
	return try_values(c, hostile);
}

int pb_check_random(struct pb_checkup *c)
{
	bool accepted;
	int rc = 0;
	if (!c->loaded->plugin->n_params)
		return pb_check_skip("it has no parameters");
	for (uint64_t round = 0; !rc && round < ROUNDS; round++) {
		struct attempt a;
		begin(&a, c, 1000 + round);
		rc = try_map(&a, pb_params_random(&a.params), false, &accepted);
		end(&a);
	}
	return rc;
}

/* Each allocation of create fails once. That create goes on without it is allowed; losing memory or crashing is not.
 */
int pb_check_memory(struct pb_checkup *c)
{
	struct attempt a;
	bool accepted;
	long lost;
	int rc = count_lost(c, &lost);
	long n = pb_counts()->allocations;
	if (rc || !n)
		return rc ? rc : pb_check_skip("create takes no memory from the host");
	for (long k = 1; !rc && k <= n && k <= MOST_FAILING; k++) {
		struct pb_instance *instance;
		begin(&a, c, 0);
		rc = configure(&a, c->given.root, &instance);
		if (!rc) {
			pb_counts_reset()->failing = k;
			rc = start(c, instance, &accepted);
		}
		if (rc)
			rc = pb_fail_in(rc, "when host->alloc gives NULL in create (call %ld of %ld)", k, n);
		end(&a);
	}
	return rc;
}

static int try_file(struct pb_checkup *c, bool missing, const char *content, const char *what)
{
	struct attempt a;
	struct pb_instance *instance;
	bool accepted;
	begin(&a, c, 0);
	int rc = configure(&a, c->given.root, &instance);
	if (!rc) {
		struct pb_counts *counts = pb_counts_reset();
		counts->no_files = missing;
		counts->file_text = content;
		rc = start(c, instance, &accepted);
	}
	end(&a);
	return rc ? pb_fail_in(rc, "when a file that it reads %s", what) : 0;
}

int pb_check_files(struct pb_checkup *c)
{
	long lost;
	int rc = count_lost(c, &lost);
	if (rc || !pb_counts()->files)
		return rc ? rc : pb_check_skip("create reads no file");
	rc = try_file(c, true, NULL, "is missing");
	if (!rc)
		rc = try_file(c, false, "", "is empty");
	if (!rc)
		rc = try_file(c, false, "\n\n", "has empty lines");
	if (!rc)
		rc = try_file(c, false, "1", "ends in its first number");
	if (!rc)
		rc = try_file(c, false, "1e999 -1e999 nan 99999999999999999999 -1\n",
			      "has numbers beyond all bounds");
	if (!rc)
		rc = try_file(c, false, "\377\376 %n%n%s \"\"\" ,,,,\r\n\"", "holds anything but data");
	return rc;
}
