/* services.c: what the host does for a plugin. Everything that comes from the plugin is checked here, once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "host/host_impl.h"
#include "tensor/tensor.h"

enum { MOST_FILE = 256 << 20 };

/* Calls of one instance may run in several threads; each has its own reason. */
static _Thread_local struct {
	const struct pb_instance_impl *owner;
	char text[2048];
} reason;

static pb_host_log_sink *log_sink;
static void *log_context;

void pb_host_set_log(pb_host_log_sink *sink, void *context)
{
	log_sink = sink;
	log_context = context;
}

static void log_text(int level, const char *who, const char *format, va_list args)
{
	char text[2048];
	if (!log_sink)
		return;
	vsnprintf(text, sizeof text, format, args);
	log_sink(log_context, level, who, text);
}

void pb_host_log(int level, const char *who, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_text(level, who, format, args);
	va_end(args);
}

const char *pb_services_reason(const struct pb_instance_impl *impl)
{
	return reason.owner == impl && *reason.text ? reason.text : NULL;
}

void pb_services_forget_reason(void)
{
	reason.owner = NULL;
}

static int fail(const struct pb_host *host, int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(reason.text, sizeof reason.text, format, args);
	va_end(args);
	reason.owner = host->impl;
	return pb_status_is_known(status) ? -status : -PB_E_PLUGIN;
}

/* The core's own failure in a service is a reason too: a plugin passes it on as it is. */
static int passed_on(const struct pb_host *host, const char *service, int rc)
{
	return rc ? fail(host, -rc, "host->%s: %s", service, pb_error_text()) : 0;
}

static void write_log(const struct pb_host *host, int level, const char *format, ...)
{
	const struct pb_instance_impl *impl = host->impl;
	va_list args;
	va_start(args, format);
	log_text(level, impl->who, format, args);
	va_end(args);
}

static void *allocate(const struct pb_host *host, size_t size)
{
	struct pb_instance_impl *impl = host->impl;
	void *memory = calloc(1, size ? size : 1);
	impl->held += memory != NULL;
	return memory;
}

static void release(const struct pb_host *host, void *memory)
{
	struct pb_instance_impl *impl = host->impl;
	impl->held -= memory != NULL;
	free(memory);
}

void pb_services_check_freed(struct pb_instance_impl *impl)
{
	long held = impl->held;
	if (held > 0)
		pb_host_log(PB_LOG_WARNING, impl->who,
			    "destroy left %ld allocation%s of host->alloc and host->read_file that host->free was not "
			    "given: a mistake of the plugin",
			    held, held == 1 ? "" : "s");
}

/* What comes from files decides results as parameters do. */
static int note_file(struct pb_instance_impl *impl, const char *path, const void *data, size_t size)
{
	pthread_mutex_lock(&impl->lock);
	pb_text_add(&impl->files, "file: ");
	pb_text_add_json(&impl->files, path); /* a name may have line ends */
	pb_text_add(&impl->files, ", checksum %016llx\n", (unsigned long long)pb_checksum(data, size));
	int rc = pb_text_status(&impl->files);
	pthread_mutex_unlock(&impl->lock);
	return rc;
}

static int read_file(const struct pb_host *host, const char *path, char **ret_text, size_t *ret_size)
{
	struct pb_instance_impl *impl = host->impl;
	char *whole = pb_file_join(impl->base_dir, path);
	void *data;
	size_t size;
	int rc = whole ? pb_file_read(whole, MOST_FILE, &data, &size) : -PB_E_NOMEM;
	if (!rc && memchr(data, '\0', size)) {
		rc = pb_fail(PB_E_FORMAT, "%s is not a text file", whole);
		free(data);
	} else if (!rc && (rc = note_file(impl, path, data, size)) < 0) {
		free(data);
	}
	free(whole);
	if (rc < 0)
		return fail(host, -rc, "%s", pb_error_text());
	impl->held++;
	*ret_text = data;
	*ret_size = size;
	return 0;
}

static int check_view(const struct pb_host *host, const char *service, const struct pb_view *view)
{
	const struct pb_instance_impl *impl = host->impl;
	if (!impl->device)
		return fail(host, PB_E_USAGE, "host->%s: there are no tensors here; views are for setters", service);
	if (!view)
		return fail(host, PB_E_USAGE, "host->%s: the view is NULL", service);
	if (view->rank < 0 || view->rank > PB_MAX_RANK || (view->dtype != PB_F32 && view->dtype != PB_F64))
		return fail(host, PB_E_USAGE, "host->%s: the view is damaged (rank %d, dtype %u)", service,
			    (int)view->rank, view->dtype);
	if (!view->data && pb_view_count(view))
		return fail(host, PB_E_USAGE, "host->%s: the view has no data; it only describes a shape", service);
	return 0;
}

static void shape_text(const struct pb_view *view, char *text, size_t size)
{
	size_t used = 0;
	for (int i = 0; i < view->rank && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)view->shape[i]);
}

static int check_views(const struct pb_host *host, const char *service, const struct pb_view *dst,
		       const struct pb_view *src)
{
	int rc = check_view(host, service, dst);
	if (!rc)
		rc = check_view(host, service, src);
	if (rc || pb_view_same_shape(dst, src))
		return rc;
	char a[128] = "", b[128] = "";
	shape_text(dst, a, sizeof a);
	shape_text(src, b, sizeof b);
	return fail(host, PB_E_SHAPE, "host->%s: the target is [%s], the source [%s]", service, a, b);
}

static struct pb_device *device_of(const struct pb_host *host)
{
	const struct pb_instance_impl *impl = host->impl;
	return impl->device;
}

static int slice(const struct pb_host *host, const struct pb_view *view, int axis, int64_t begin, int64_t count,
		 struct pb_view *ret_view)
{
	int rc = view && !view->data ? 0 : check_view(host, "slice", view);
	return rc ? rc : passed_on(host, "slice", pb_view_slice(view, axis, begin, count, ret_view));
}

static int copy(const struct pb_host *host, const struct pb_view *dst, const struct pb_view *src)
{
	int rc = check_views(host, "copy", dst, src);
	return rc ? rc : passed_on(host, "copy", pb_view_copy(device_of(host), dst, src));
}

static int axpy(const struct pb_host *host, const struct pb_view *dst, double a, const struct pb_view *src)
{
	int rc = check_views(host, "axpy", dst, src);
	return rc ? rc : passed_on(host, "axpy", pb_view_axpy(device_of(host), dst, a, src));
}

static int scale(const struct pb_host *host, const struct pb_view *dst, double a)
{
	int rc = check_view(host, "scale", dst);
	return rc ? rc : passed_on(host, "scale", pb_view_scale(device_of(host), dst, a));
}

static int fill(const struct pb_host *host, const struct pb_view *dst, double a)
{
	int rc = check_view(host, "fill", dst);
	return rc ? rc : passed_on(host, "fill", pb_view_fill(device_of(host), dst, a));
}

static int noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		 uint64_t stream)
{
	int rc = check_view(host, "noise", dst);
	return rc ? rc : passed_on(host, "noise", pb_view_noise(device_of(host), dst, mean, std, seed, stream));
}

static int add_noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		     uint64_t stream)
{
	struct pb_pool pool;
	struct pb_view drawn;
	int rc = check_view(host, "add_noise", dst);
	if (rc < 0)
		return rc;
	pb_pool_init(&pool, device_of(host));
	rc = pb_tensor_new(&pool, dst->dtype, dst->rank, dst->shape, &drawn);
	if (!rc)
		rc = pb_view_noise(pool.device, &drawn, mean, std, seed, stream);
	if (!rc)
		rc = pb_view_axpy(pool.device, dst, 1.0, &drawn);
	pb_pool_finish(&pool);
	return passed_on(host, "add_noise", rc);
}

static int check_count(const struct pb_host *host, const char *service, const struct pb_view *view, size_t count)
{
	int rc = check_view(host, service, view);
	if (rc || pb_view_count(view) == (int64_t)count)
		return rc;
	return fail(host, PB_E_SHAPE, "host->%s: the view has %lld elements, not %zu", service,
		    (long long)pb_view_count(view), count);
}

static int read_view(const struct pb_host *host, const struct pb_view *src, double *dst, size_t count)
{
	int rc = check_count(host, "read", src, count);
	return rc ? rc : passed_on(host, "read", pb_view_read(device_of(host), src, dst));
}

static int write_view(const struct pb_host *host, const struct pb_view *dst, const double *src, size_t count)
{
	int rc = check_count(host, "write", dst, count);
	return rc ? rc : passed_on(host, "write", pb_view_write(device_of(host), dst, src));
}

static uint64_t random_bits(const struct pb_host *host, uint64_t seed, uint64_t stream, uint64_t counter)
{
	(void)host;
	return pb_random(seed, stream, counter);
}

static void shuffle(const struct pb_host *host, uint64_t seed, uint64_t stream, int64_t *items, size_t count)
{
	(void)host;
	pb_random_shuffle(seed, stream, items, count);
}

void pb_services_init(struct pb_host *host, struct pb_instance_impl *impl, uint64_t seed)
{
	*host = (struct pb_host){
		.struct_size = sizeof *host,
		.impl = impl,
		.seed = seed,
		.fail = fail,
		.log = write_log,
		.alloc = allocate,
		.free = release,
		.read_file = read_file,
		.slice = slice,
		.copy = copy,
		.axpy = axpy,
		.scale = scale,
		.fill = fill,
		.noise = noise,
		.read = read_view,
		.write = write_view,
		.random = random_bits,
		.shuffle = shuffle,
		.add_noise = add_noise,
	};
}
