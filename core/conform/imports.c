/* imports.c: leads a loaded plugin's imports elsewhere. The loader has written the address of every function that the
 * plugin takes from other files into a table of the plugin's (RTLD_NOW: all of them); the addresses are changed
 * there.
 */
#include "conform/counts.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
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

/* X(id, symbol, words, result, parameters, arguments): all that takes memory, or gives it back. */
#define IMPORTS(X)                                                                                               \
	X(malloc, "malloc", "malloc", void *, (size_t size), (size))                                             \
	X(calloc, "calloc", "calloc", void *, (size_t count, size_t size), (count, size))                        \
	X(realloc, "realloc", "realloc", void *, (void *memory, size_t size), (memory, size))                    \
	X(reallocarray, "reallocarray", "reallocarray", void *, (void *memory, size_t count, size_t size),       \
	  (memory, count, size))                                                                                 \
	X(aligned_alloc, "aligned_alloc", "aligned_alloc", void *, (size_t align, size_t size), (align, size))   \
	X(memalign, "memalign", "memalign", void *, (size_t align, size_t size), (align, size))                  \
	X(posix_memalign, "posix_memalign", "posix_memalign", int, (void **to, size_t align, size_t size),       \
	  (to, align, size))                                                                                     \
	X(strdup, "strdup", "strdup", char *, (const char *text), (text))                                        \
	X(strndup, "strndup", "strndup", char *, (const char *text, size_t size), (text, size))                  \
	X(vasprintf, "vasprintf", "vasprintf", int, (char **to, const char *format, va_list args),               \
	  (to, format, args))                                                                                    \
	X(vasprintf_chk, "__vasprintf_chk", "vasprintf", int,                                                    \
	  (char **to, int flag, const char *format, va_list args), (to, flag, format, args))                     \
	X(getline, "getline", "getline", ssize_t, (char **line, size_t *size, FILE *file), (line, size, file))   \
	X(getdelim, "getdelim", "getdelim", ssize_t, (char **line, size_t *size, int end, FILE *file),           \
	  (line, size, end, file))                                                                               \
	X(open_memstream, "open_memstream", "open_memstream", FILE *, (char **to, size_t *size), (to, size))     \
	X(realpath, "realpath", "realpath", char *, (const char *path, char *room), (path, room))                \
	X(fopen, "fopen", "fopen", FILE *, (const char *path, const char *mode), (path, mode))                   \
	X(fopen64, "fopen64", "fopen", FILE *, (const char *path, const char *mode), (path, mode))               \
	X(new, "_Znwm", "operator new", void *, (size_t size), (size))                                           \
	X(new_array, "_Znam", "operator new[]", void *, (size_t size), (size))                                   \
	X(new_nothrow, "_ZnwmRKSt9nothrow_t", "operator new", void *, (size_t size, const void *tag),            \
	  (size, tag))                                                                                           \
	X(new_array_nothrow, "_ZnamRKSt9nothrow_t", "operator new[]", void *, (size_t size, const void *tag),    \
	  (size, tag))                                                                                           \
	X(new_aligned, "_ZnwmSt11align_val_t", "operator new", void *, (size_t size, size_t align),              \
	  (size, align))                                                                                         \
	X(new_array_aligned, "_ZnamSt11align_val_t", "operator new[]", void *, (size_t size, size_t align),      \
	  (size, align))

/* Those without a result: X(id, symbol, words, parameters, arguments). */
#define RELEASES(X) \
	X(delete, "_ZdlPv", "operator delete", (void *memory), (memory))                                   \
	X(delete_sized, "_ZdlPvm", "operator delete", (void *memory, size_t size), (memory, size))         \
	X(delete_array, "_ZdaPv", "operator delete[]", (void *memory), (memory))                           \
	X(delete_array_sized, "_ZdaPvm", "operator delete[]", (void *memory, size_t size), (memory, size))

#define AT_ENUM(id, ...) AT_##id,
enum { IMPORTS(AT_ENUM) RELEASES(AT_ENUM) AT_asprintf, AT_asprintf_chk, N_IMPORTS };

/* What the loader had put in their places. */
static void (*theirs[N_IMPORTS])(void);

static void note_import(const char *name)
{
	if (!pb_counts()->imports++)
		pb_counts()->import = name;
}

#define COUNTED(id, symbol, words, result, parameters, arguments)        \
	static result counted_##id parameters                            \
	{                                                                \
		note_import(words);                                      \
		return ((result(*) parameters)theirs[AT_##id])arguments; \
	}
IMPORTS(COUNTED)

#define COUNTED_RELEASE(id, symbol, words, parameters, arguments)      \
	static void counted_##id parameters                            \
	{                                                              \
		note_import(words);                                    \
		((void(*) parameters)theirs[AT_##id])arguments;        \
	}
RELEASES(COUNTED_RELEASE)

static PB_PRINTF(2, 3) int counted_asprintf(char **to, const char *format, ...)
{
	va_list args;
	note_import("asprintf");
	va_start(args, format);
	int n = vasprintf(to, format, args);
	va_end(args);
	return n;
}

static PB_PRINTF(3, 4) int counted_asprintf_chk(char **to, int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	note_import("asprintf");
	va_start(args, format);
	int n = vasprintf(to, format, args);
	va_end(args);
	return n;
}

#define ENTRY(id, symbol, ...) [AT_##id] = {symbol, (void (*)(void))counted_##id},
static const struct {
	const char *name;
	void (*ours)(void);
} replaced[N_IMPORTS] = {
	IMPORTS(ENTRY) RELEASES(ENTRY)
	[AT_asprintf] = {"asprintf", (void (*)(void))counted_asprintf},
	[AT_asprintf_chk] = {"__asprintf_chk", (void (*)(void))counted_asprintf_chk},
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
static int write_slot(void *slot, size_t which)
{
	void (*function)(void) = replaced[which].ours, (*old)(void);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *begin = (char *)((uintptr_t)slot / page * page);
	if (mprotect(begin, page, PROT_READ | PROT_WRITE) < 0)
		return pb_fail(PB_E_UNSUPPORTED, "the plugin's table of imports cannot be written: %s",
			       strerror(errno));
	memcpy(&old, slot, sizeof old);
	if (old != function)
		theirs[which] = old;
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
				rc = write_slot((void *)(t->base + entries[i].r_offset), k);
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
