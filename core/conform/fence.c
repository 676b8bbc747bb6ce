/* fence.c: one memory file, mapped twice into a reserved range. */
#include "conform/fence.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/status.h"

enum { PATTERN = 0xa5, LEAST_GUARD = 1 << 16 };

static size_t padded(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static int map_sides(struct pb_fence *f, int fd)
{
	static const int access[PB_FENCE_SIDES] = {PROT_READ | PROT_WRITE, PROT_READ};
	for (int side = 0; side < PB_FENCE_SIDES; side++) {
		char *at = f->begin + f->guard + (size_t)side * (f->pages + f->guard);
		if (mmap(at, f->pages, access[side], MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			return -1;
		f->data[side] = at + f->pages - f->size;
	}
	return 0;
}

int pb_fence_init(struct pb_fence *fence, size_t size)
{
	struct pb_fence f = {.size = size};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	f.pages = padded(size ? size : 1, page);
	/* As much again: what runs over by a stride meets it, too. */
	f.guard = padded(f.pages + LEAST_GUARD, page);
	f.length = 2 * f.pages + 3 * f.guard;
	int fd = memfd_create("patchbay fence", MFD_CLOEXEC);
	void *begin = mmap(NULL, f.length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	f.begin = begin == MAP_FAILED ? NULL : begin;
	int rc = 0;
	if (fd < 0 || !f.begin || ftruncate(fd, (off_t)f.pages) < 0 || map_sides(&f, fd) < 0)
		rc = pb_fail(PB_E_NOMEM, "no memory for a fenced tensor of %zu bytes: %s", size, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (rc) {
		pb_fence_finish(&f);
		return rc;
	}
	memset(f.data[PB_FENCE_WRITABLE] - (f.pages - size), PATTERN, f.pages - size);
	*fence = f;
	return 0;
}

void pb_fence_finish(struct pb_fence *fence)
{
	if (fence->begin)
		munmap(fence->begin, fence->length);
	*fence = (struct pb_fence){0};
}

size_t pb_fence_damage(const struct pb_fence *fence)
{
	const unsigned char *data = (const unsigned char *)fence->data[PB_FENCE_WRITABLE];
	for (size_t i = 1; i <= fence->pages - fence->size; i++)
		if (*(data - i) != PATTERN)
			return i;
	return 0;
}

bool pb_fence_find(const struct pb_fence *fence, const void *address, enum pb_fence_side *ret_side,
		   int64_t *ret_offset)
{
	uintptr_t at = (uintptr_t)address, begin = (uintptr_t)fence->begin;
	if (!fence->begin || at < begin || at >= begin + fence->length)
		return false;
	/* The part between the sides is shared by halves. */
	bool second = at - begin >= fence->guard + fence->pages + fence->guard / 2;
	*ret_side = second ? PB_FENCE_READONLY : PB_FENCE_WRITABLE;
	*ret_offset = (int64_t)(at - (uintptr_t)fence->data[*ret_side]);
	return true;
}
