/* host.h: status codes and the services the host gives to plugins.
 *
 * A plugin receives one `const struct pb_host *` per instance and never links against the host. Every call may
 * be made from any of the plugin's own calls (create .. destroy), on the thread that made that call, unless a
 * comment says otherwise. Every call that returns int gives 0 or a negative status.
 */
#ifndef PATCHBAY_HOST_H
#define PATCHBAY_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "view.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text). A function fails with -PB_E_name. */
#define PB_STATUS_MAP(X)                                       \
	X(NOMEM, 1, "out of memory")                           \
	X(IO, 2, "input or output failed")                     \
	X(FORMAT, 3, "malformed file")                         \
	X(CONFIG, 4, "bad configuration")                      \
	X(USAGE, 5, "wrong usage")                             \
	X(SHAPE, 6, "shapes do not fit")                       \
	X(RANGE, 7, "value out of range")                      \
	X(NOTFOUND, 8, "not found")                            \
	X(UNSUPPORTED, 9, "not supported")                     \
	X(ABI, 10, "plugin built against another patchbay")    \
	X(PLUGIN, 11, "plugin failed")                         \
	X(NUMERIC, 12, "not a finite number")                  \
	X(INTERRUPTED, 13, "interrupted")                      \
	X(INTERNAL, 14, "internal error")                      \
	X(DEVICE, 15, "the device failed")

enum pb_status {
	PB_OK = 0,
#define PB_STATUS_ENUM(name, value, text) PB_E_##name = value,
	PB_STATUS_MAP(PB_STATUS_ENUM)
#undef PB_STATUS_ENUM
};

enum pb_log_level {
	PB_LOG_DEBUG = 0,
	PB_LOG_INFO,
	PB_LOG_WARNING,
};

#if defined(__GNUC__)
#define PB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PB_PRINTF(fmt, args)
#endif

struct pb_host {
	uint32_t struct_size;
	uint32_t reserved;
	void *impl;    /* the host's own; a plugin leaves it alone */
	uint64_t seed; /* the experiment's seed */

	/* Records why the current call fails and returns -status. A plugin returns what this returns; a failure
	 * without a reason is itself reported. */
	int (*fail)(const struct pb_host *host, int status, const char *format, ...) PB_PRINTF(3, 4);
	void (*log)(const struct pb_host *host, int level, const char *format, ...) PB_PRINTF(3, 4);

	/* Memory owned by the plugin, zeroed; NULL when there is none. Free with `free` (NULL allowed).
	 * Not to be called from a setter's or a metric's apply. */
	void *(*alloc)(const struct pb_host *host, size_t size);
	void (*free)(const struct pb_host *host, void *memory);

	/* Reads a text file named in the parameters, relative to the experiment file. *ret_text is ended by a
	 * NUL that *ret_size does not count, belongs to the plugin, and is freed with `free`. Setup calls only. */
	int (*read_file)(const struct pb_host *host, const char *path, char **ret_text, size_t *ret_size);

	/* Operations on views, which run where the tensor lives. The views of one call have equal shapes and
	 * dtypes; dst must not be read-only; dst and src may be the same window but not overlap otherwise. */

	/* Narrows `axis` (0 .. rank-1) to [begin, begin+count). Copies no data. */
	int (*slice)(const struct pb_host *host, const struct pb_view *view, int axis, int64_t begin, int64_t count,
		     struct pb_view *ret_view);
	int (*copy)(const struct pb_host *host, const struct pb_view *dst, const struct pb_view *src); /* dst = src */
	int (*axpy)(const struct pb_host *host, const struct pb_view *dst, double a,
		    const struct pb_view *src);                                        /* dst += a*src */
	int (*scale)(const struct pb_host *host, const struct pb_view *dst, double a); /* dst *= a */
	int (*fill)(const struct pb_host *host, const struct pb_view *dst, double a);  /* dst = a */
	/* dst = normal(mean, std), element i (in row-major order of the window) drawn from the host's generator
	 * at (seed, stream, i): the same arguments give the same values on any device. */
	int (*noise)(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		     uint64_t stream);
	/* Row-major copies between a view and the plugin's own doubles; count is the number of elements. */
	int (*read)(const struct pb_host *host, const struct pb_view *src, double *dst, size_t count);
	int (*write)(const struct pb_host *host, const struct pb_view *dst, const double *src, size_t count);

	/* Philox4x32-10 at (seed, stream, counter): 64 uniform bits, a pure function of its arguments. */
	uint64_t (*random)(const struct pb_host *host, uint64_t seed, uint64_t stream, uint64_t counter);
	/* Fisher-Yates shuffle of `items` by that generator; a pure function of seed, stream and count. */
	void (*shuffle)(const struct pb_host *host, uint64_t seed, uint64_t stream, int64_t *items, size_t count);

	/* dst += what `noise` would have written. */
	int (*add_noise)(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
			 uint64_t stream);
};

#ifdef __cplusplus
}
#endif
#endif
