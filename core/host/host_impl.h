/* host_impl.h: what the parts of host/ share. */
#ifndef PB_HOST_IMPL_H
#define PB_HOST_IMPL_H

#include <stdatomic.h>

#include "host/registry.h"

struct pb_instance_impl {
	struct pb_device *device; /* NULL: none */
	char *base_dir;           /* where read_file looks; NULL: the working folder */
	char *who;                /* "setter noise" */
	struct pb_yaml defaults;  /* owns the texts of an instance made without a file */
	atomic_long held;         /* allocations that the plugin has not freed */
};

/* Differences between a plugin's ABI block and the host's, as an error about `path`. */
int pb_abi_compare(const char *path, const struct pb_abi *plugin);

/* A plugin loaded from a file; its table and operations are copies in `arena`, of the host's size and in order. On
 * failure `ret_kind` and `ret_name` (which may be set then, too) say what it called
 * itself, as far as it is known; the name lies in `arena`. */
struct pb_load {
	void *handle;
	const struct pb_plugin *plugin; /* NULL: failed */
	uint32_t kind;    /* 0: not known */
	const char *name; /* NULL: not known */
};
int pb_plugin_load(const char *path, struct pb_arena *arena, struct pb_load *load);

/* Fills in all services for a plugin of this instance. */
void pb_services_init(struct pb_host *host, struct pb_instance_impl *impl, uint64_t seed);
/* The reason that the instance's plugin gave on this thread since it was last forgotten; NULL: none. */
const char *pb_services_reason(const struct pb_instance_impl *impl);
void pb_services_forget_reason(void);
/* Warns of memory that the plugin kept beyond destroy. */
void pb_services_check_freed(struct pb_instance_impl *impl);
/* What a call returned: 0, or a status with a text that names the plugin, the call and the reason. */
int pb_instance_result(const struct pb_instance *instance, const char *call, int rc);

/* Unchecked; dataset.h has the checked ones. */
int pb_call_split(struct pb_instance *instance, int64_t i, struct pb_split *ret_split);
int pb_call_unit(struct pb_instance *instance, int64_t i, struct pb_unit *ret_unit);
int pb_call_examples(struct pb_instance *instance, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples);
int pb_call_probe(struct pb_instance *instance, int64_t i_unit, struct pb_probe *ret_probe);

void pb_host_log(int level, const char *who, const char *format, ...) PB_PRINTF(3, 4);

#endif
