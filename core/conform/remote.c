/* remote.c: reserved addresses, and services that translate them. */
#include "conform/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/status.h"

static struct pb_host own; /* the services behind these */
static const struct pb_remote *remotes;
static size_t n_remotes;

int pb_remote_init(struct pb_remote *remote, void *memory, size_t size)
{
	void *begin = mmap(NULL, size + 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (begin == MAP_FAILED)
		return pb_fail(PB_E_NOMEM, "no addresses for a tensor of %zu bytes: %s", size, strerror(errno));
	*remote = (struct pb_remote){.begin = begin, .length = size + 1, .memory = memory, .size = size};
	return 0;
}

void pb_remote_finish(struct pb_remote *remote)
{
	if (remote->begin)
		munmap(remote->begin, remote->length);
	*remote = (struct pb_remote){0};
}

/* The view where its elements are; others, and what is no view, are left as they are. */
static const struct pb_view *here(const struct pb_view *view, struct pb_view *room)
{
	for (size_t i = 0; view && i < n_remotes; i++) {
		uintptr_t at = (uintptr_t)view->data, begin = (uintptr_t)remotes[i].begin;
		if (at < begin || at >= begin + remotes[i].length)
			continue;
		*room = *view;
		room->data = remotes[i].memory + (at - begin);
		return room;
	}
	return view;
}

static int copy(const struct pb_host *host, const struct pb_view *dst, const struct pb_view *src)
{
	struct pb_view to, from;
	return own.copy(host, here(dst, &to), here(src, &from));
}

static int axpy(const struct pb_host *host, const struct pb_view *dst, double a, const struct pb_view *src)
{
	struct pb_view to, from;
	return own.axpy(host, here(dst, &to), a, here(src, &from));
}

static int scale(const struct pb_host *host, const struct pb_view *dst, double a)
{
	struct pb_view to;
	return own.scale(host, here(dst, &to), a);
}

static int fill(const struct pb_host *host, const struct pb_view *dst, double a)
{
	struct pb_view to;
	return own.fill(host, here(dst, &to), a);
}

static int noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		 uint64_t stream)
{
	struct pb_view to;
	return own.noise(host, here(dst, &to), mean, std, seed, stream);
}

static int add_noise(const struct pb_host *host, const struct pb_view *dst, double mean, double std, uint64_t seed,
		     uint64_t stream)
{
	struct pb_view to;
	return own.add_noise(host, here(dst, &to), mean, std, seed, stream);
}

static int read_view(const struct pb_host *host, const struct pb_view *src, double *dst, size_t count)
{
	struct pb_view from;
	return own.read(host, here(src, &from), dst, count);
}

static int write_view(const struct pb_host *host, const struct pb_view *dst, const double *src, size_t count)
{
	struct pb_view to;
	return own.write(host, here(dst, &to), src, count);
}

void pb_remote_install(struct pb_instance *instance, const struct pb_remote *list, size_t n)
{
	struct pb_host *host = &instance->host;
	remotes = list;
	n_remotes = list ? n : 0;
	if (host->copy == copy)
		return;
	own = *host;
	host->copy = copy;
	host->axpy = axpy;
	host->scale = scale;
	host->fill = fill;
	host->noise = noise;
	host->add_noise = add_noise;
	host->read = read_view;
	host->write = write_view;
}
