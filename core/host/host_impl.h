/* host_impl.h: what the parts of host/ share. */
#ifndef PB_HOST_IMPL_H
#define PB_HOST_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/text.h"
#include "host/image.h"
#include "host/registry.h"

struct pb_instance_impl {
	struct pb_device *device; /* NULL: none */
	char *base_dir;           /* where read_file looks; NULL: the working folder */
	char *who;                /* "setter noise" */
	struct pb_yaml defaults;  /* owns the texts of an instance made without a file */
	pthread_mutex_t lock;     /* of `files` */
	struct pb_text files;     /* that it has read: a line each, "file: NAME, checksum SUM" */
	atomic_long held;         /* allocations that the plugin has not freed */
	atomic_int told_control;  /* that it changes floating point */
};

/* Differences between a plugin's ABI block and the host's, as an error about `path`. */
int pb_abi_compare(const char *path, const struct pb_abi *plugin);

/* The ABI block in the file's note. */
int pb_abi_check(const char *path, const struct pb_image *image);

/* One plugin file. */
struct pb_load {
	/* The table and its operations are copies in the arena, of the host's size and in order; what they point to
	 * is the image's, or the loaded file's. NULL: failed. */
	const struct pb_plugin *plugin;
	uint32_t kind;          /* what it calls itself, as far as it is known, on failure too; 0: not known */
	const char *name;       /* likewise, in the arena; NULL: not known */
	const char *build_id;   /* in the arena */
	struct pb_image *image; /* where plugin's pointers lead until it is loaded */
	void *handle;           /* NULL: not loaded */
};
/* Fills in `load` (zeroed) without running anything: no function of the plugin may be called. */
int pb_plugin_read(const char *path, struct pb_arena *arena, struct pb_load *load);
/* Loads a plugin that was read; load->plugin is the live one then. On failure all stays as it was. */
int pb_plugin_open(const char *path, struct pb_arena *arena, struct pb_load *load);
/* Frees the image. The table that was read is gone with it. */
void pb_plugin_forget_image(struct pb_load *load);

/* Does a plugin's table stay inside its file? "its table is damaged: params[2].doc leads out of the file". `plugin`
 * and plugin->ops are the host's copies; for the copying, whether `size` bytes of a table `what` are there. */
int pb_table_check_room(const struct pb_image *image, const char *what, const void *at, size_t size);
int pb_table_check(const struct pb_image *image, const struct pb_plugin *plugin); /* all but what ops point to */
int pb_table_check_ops(const struct pb_image *image, const struct pb_plugin *plugin);

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
