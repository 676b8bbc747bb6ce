/* plugin.h: what a plugin exports.
 *
 * A plugin is a shared object that exports one symbol, `patchbay_plugin`; everything else is hidden. Include this
 * header and that of the plugin's kind (setter.h, metric.h, dataset.h), fill the table and write PB_PLUGIN_ABI once.
 *
 * The host reads the table from the file, as data, without loading it: it lists and explains plugins that way. So the
 * table and all that it points to are constants of this file: initialised, not filled in by code or defined
 * elsewhere. The file is loaded, and its constructors run, only when an experiment uses the plugin; the table must
 * say the same then. The ABI block comes first, from an ELF note, and is compared with the host's; no code of a
 * plugin that does not fit is ever run. Majors must be equal, the plugin's minor at most the host's.
 *
 * Within a major, a struct that starts with (or has) `struct_size` only grows at its end, and each minor may add
 * members: struct pb_plugin, pb_host, the operations, and what single calls hand over. The side that fills one in
 * writes its own sizeof there; the side that reads takes no more than that and counts what is missing as zero. A host
 * so takes plugins of all older minors: PB_*_LEAST is what it insists on. All other structs are frozen within a
 * major, since arrays of them or others' members lie behind them: struct pb_abi, pb_extension, pb_param and its
 * lists, pb_scored; pb_view, too, although it has a size. (PB_ABI_LAYOUT checks those whose change nothing else would
 * show.)
 */
#ifndef PATCHBAY_PLUGIN_H
#define PATCHBAY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "schema.h"
#include "view.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PB_ABI_MAGIC 0x79616270u /* "pbay" */
#define PB_ABI_MAJOR 1u
#define PB_ABI_MINOR 0u

#define PB_SCORED_SIZE 32u /* sizeof(struct pb_scored); dataset.h sees to it */

/* A mixed-radix digest of the sizes of the structs whose layout both sides must agree on. */
#define PB_ABI_LAYOUT                                                                                  \
	((uint32_t)(sizeof(struct pb_view) * 1000003u + sizeof(struct pb_param) * 10007u +             \
		    PB_SCORED_SIZE * 1009u + offsetof(struct pb_view, data) * 101u + offsetof(struct pb_param, doc) * 11u +     \
		    offsetof(struct pb_host, fail)))

struct pb_abi {
	uint32_t magic;
	uint32_t major, minor;
	uint32_t real_bytes;  /* bytes of a scalar that crosses: sizeof(double) */
	uint32_t index_bytes; /* bytes of an index: sizeof(int64_t) */
	uint32_t layout;      /* PB_ABI_LAYOUT of the build */
};

#define PB_ABI_INIT                                                                                                  \
	{                                                                                                            \
		PB_ABI_MAGIC, PB_ABI_MAJOR, PB_ABI_MINOR, (uint32_t)sizeof(double), (uint32_t)sizeof(int64_t),        \
			PB_ABI_LAYOUT                                                                                \
	}

enum pb_kind {
	PB_KIND_SETTER = 1,
	PB_KIND_METRIC,
	PB_KIND_DATASET,
	PB_KIND_EXECUTOR,
};

/* A further interface, found by a frozen id such as "patchbay.metric.gradient/1". */
struct pb_extension {
	const char *id;
	const void *ops;
};

struct pb_plugin {
	struct pb_abi abi; /* PB_ABI_INIT */
	uint32_t struct_size;
	uint32_t kind;       /* enum pb_kind */
	const char *name;    /* the name in YAML: [a-z][a-z0-9_]* */
	const char *version; /* "1.0.0" */
	const char *author;
	const char *summary; /* one line */
	const char *doc;     /* paragraphs; may be NULL */
	const struct pb_param *params;
	uint32_t n_params;
	uint32_t params_size; /* sizeof the struct that `params` describes; 0 without parameters */
	const void *ops;      /* struct pb_setter_ops, pb_metric_ops or pb_dataset_ops, by kind */
	const struct pb_extension *extensions;
	uint32_t n_extensions;
	uint32_t reserved;
};

/* Bytes of `type` up to the end of `member`. */
#define PB_SIZE_TO(type, member) ((uint32_t)(offsetof(type, member) + sizeof(((type *)0)->member)))

#define PB_PLUGIN_LEAST PB_SIZE_TO(struct pb_plugin, reserved) /* struct_size as of 1.0 */

#define PB_EXPORT __attribute__((visibility("default")))

/* The plugin defines it, and this declaration exports it: const struct pb_plugin patchbay_plugin = {...}; (PB_EXPORT
 * may stand in front of that in C, but a C++ compiler warns of it.) */
PB_EXPORT extern const struct pb_plugin patchbay_plugin;

/* ELF note that carries the ABI block: name "patchbay", type 1. Once per plugin, at file scope. */
struct pb_abi_note {
	uint32_t name_size, desc_size, type;
	char name[12];
	struct pb_abi abi;
};

#define PB_PLUGIN_ABI                                                                                                \
	__attribute__((section(".note.patchbay"), used, aligned(4))) static const struct pb_abi_note pb_abi_note = {  \
		9, (uint32_t)sizeof(struct pb_abi), 1, "patchbay", PB_ABI_INIT}

#define PB_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

#ifdef __cplusplus
}
#endif
#endif
