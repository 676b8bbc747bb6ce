/* plug.h: how these tests get at a plugin: by name and YAML, through the registry, as an experiment does. */
#ifndef PB_TESTS_PLUGINS_PLUG_H
#define PB_TESTS_PLUGINS_PLUG_H

#include <string.h>

#include "base/status.h"
#include "host/dataset.h"
#include "support/device.h"
#include "support/support.h"
#include "tensor/tensor.h"

struct plug {
	struct pb_registry *registry;
	struct pb_yaml yaml;
	struct pb_device device;
	struct pb_instance *instance;
};

/* What pb_instance_create returns; the mistakes are the error text then. plug_close in any case. */
static inline int plug_try(struct plug *p, enum pb_kind kind, const char *name, uint64_t seed, const char *params)
{
	const struct pb_loaded *loaded;
	*p = (struct plug){0};
	ck_assert_ok(pb_registry_create(&p->registry));
	ck_assert_ok(pb_test_device(1, &p->device));
	ck_assert_ok(pb_yaml_parse("test.yaml", params, strlen(params), &p->yaml));
	ck_assert_ok(pb_registry_find(p->registry, kind, name, NULL, NULL, &loaded));
	int rc =
		pb_instance_create(loaded, &p->yaml, p->yaml.root, NULL, seed, pb_test_dir(), &p->device, &p->instance);
	return p->yaml.n_errors ? pb_yaml_status(&p->yaml) : rc;
}

static inline void plug_open(struct plug *p, enum pb_kind kind, const char *name, uint64_t seed, const char *params)
{
	ck_assert_ok(plug_try(p, kind, name, seed, params));
}

static inline void plug_close(struct plug *p)
{
	pb_instance_destroy(p->instance);
	pb_yaml_finish(&p->yaml);
	pb_device_close(&p->device);
	pb_registry_destroy(p->registry);
}

/* The parameters are refused, with all of `parts` (ended by NULL) in the text. */
static inline void plug_refuses(enum pb_kind kind, const char *name, const char *params, const char *const *parts)
{
	struct plug p;
	ck_assert_msg(plug_try(&p, kind, name, 1, params) < 0, "accepted: %s", params);
	for (; *parts; parts++)
		ck_assert_msg(strstr(pb_error_text(), *parts) != NULL, "no `%s` in: %s", *parts, pb_error_text());
	plug_close(&p);
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
