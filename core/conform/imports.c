/* imports.c: leads a loaded plugin's imports elsewhere. The loader has written the address of every function that the
 * plugin takes from other files into a table of the plugin's (RTLD_NOW: all of them); the addresses are changed
 * there.
 */
#include "conform/counts.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/status.h"

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT, ABSOLUTE = R_AARCH64_ABS64 };
#else
enum { JUMP_SLOT = -1, GLOB_DAT = -1, ABSOLUTE = -1 };
#endif

static void note_import(const char *name)
{
	pb_counts()->imports++;
	pb_counts()->import = name;
}

static void *counted_malloc(size_t size)
{
	note_import("malloc");
	return malloc(size);
}

static void *counted_calloc(size_t count, size_t size)
{
	note_import("calloc");
	return calloc(count, size);
}

static void *counted_realloc(void *memory, size_t size)
{
	note_import("realloc");
	return realloc(memory, size);
}

static void *counted_aligned_alloc(size_t alignment, size_t size)
{
	note_import("aligned_alloc");
	return aligned_alloc(alignment, size);
}

static int counted_posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
	note_import("posix_memalign");
	return posix_memalign(ret_memory, alignment, size);
}

static char *counted_strdup(const char *text)
{
	note_import("strdup");
	return strdup(text);
}

static char *counted_strndup(const char *text, size_t size)
{
	note_import("strndup");
	return strndup(text, size);
}

static const struct {
	const char *name;
	void (*ours)(void);
} replaced[] = {
	{"malloc", (void (*)(void))counted_malloc},
	{"calloc", (void (*)(void))counted_calloc},
	{"realloc", (void (*)(void))counted_realloc},
	{"aligned_alloc", (void (*)(void))counted_aligned_alloc},
	{"posix_memalign", (void (*)(void))counted_posix_memalign},
	{"strdup", (void (*)(void))counted_strdup},
	{"strndup", (void (*)(void))counted_strndup},
};

/* What of the loaded file's dynamic section is needed here. */
struct tables {
	ElfW(Addr) base;
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * calls, *others;
	size_t n_calls, n_others; /* bytes */
};

/* glibc has made addresses of the offsets in there. */
static const void *at(const struct link_map *map, ElfW(Addr) address)
{
	return (const void *)(address < map->l_addr ? map->l_addr + address : address);
}

static struct tables tables_of(const struct link_map *map)
{
	struct tables t = {.base = map->l_addr};
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		switch (d->d_tag) {
		case DT_SYMTAB: t.symbols = at(map, d->d_un.d_ptr); break;
		case DT_STRTAB: t.names = at(map, d->d_un.d_ptr); break;
		case DT_JMPREL: t.calls = at(map, d->d_un.d_ptr); break;
		case DT_PLTRELSZ: t.n_calls = d->d_un.d_val; break;
		case DT_RELA: t.others = at(map, d->d_un.d_ptr); break;
		case DT_RELASZ: t.n_others = d->d_un.d_val; break;
		default:;
		}
	return t;
}

/* The table may have been made read-only since. */
static int write_slot(void *slot, void (*function)(void))
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *begin = (char *)((uintptr_t)slot / page * page);
	if (mprotect(begin, page, PROT_READ | PROT_WRITE) < 0)
		return pb_fail(PB_E_UNSUPPORTED, "the plugin's table of imports cannot be written: %s",
			       strerror(errno));
	memcpy(slot, &function, sizeof function);
	return 0;
}

static int replace(const struct tables *t, const ElfW(Rela) * entries, size_t size)
{
	int rc = 0;
	for (size_t i = 0; !rc && entries && i < size / sizeof *entries; i++) {
		int type = (int)ELF64_R_TYPE(entries[i].r_info);
		const char *name = t->names + t->symbols[ELF64_R_SYM(entries[i].r_info)].st_name;
		if (type != JUMP_SLOT && type != GLOB_DAT && type != ABSOLUTE)
			continue;
		for (size_t k = 0; !rc && k < PB_COUNT(replaced); k++)
			if (!strcmp(name, replaced[k].name))
				rc = write_slot((void *)(t->base + entries[i].r_offset), replaced[k].ours);
	}
	return rc;
}

int pb_counts_imports(const struct pb_loaded *loaded)
{
	struct link_map *map;
	void *handle = JUMP_SLOT < 0 ? NULL : dlopen(loaded->path, RTLD_NOW | RTLD_NOLOAD);
	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
		return pb_fail(PB_E_UNSUPPORTED, "imports cannot be looked at on this machine");
	struct tables t = tables_of(map);
	int rc = t.symbols && t.names ? replace(&t, t.calls, t.n_calls) : 0;
	if (!rc && t.symbols && t.names)
		rc = replace(&t, t.others, t.n_others);
	dlclose(handle);
	return rc;
}
