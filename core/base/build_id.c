/* build_id.c: the note that the linker has put into the program. */
#include "base/build_id.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char text[2 * 64 + 1] = "none";

static void write_text(const unsigned char *id, size_t size)
{
	for (size_t i = 0; i < size && 2 * i + 2 < sizeof text; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
}

static void search_notes(const char *notes, size_t size)
{
	ElfW(Nhdr) h;
	for (size_t at = 0; at + sizeof h <= size;) {
		memcpy(&h, notes + at, sizeof h);
		const size_t name = at + sizeof h, id = name + ((h.n_namesz + 3) & ~3U);
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && id + h.n_descsz <= size && !memcmp(notes + name, "GNU", 4))
			write_text((const unsigned char *)notes + id, h.n_descsz);
		at = id + ((h.n_descsz + 3) & ~3U);
	}
}

/* The first object is the program. */
static int look(struct dl_phdr_info *object, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_NOTE)
			search_notes((const char *)object->dlpi_addr + object->dlpi_phdr[i].p_vaddr, object->dlpi_phdr[i].p_memsz);
	return 1;
}

static void find(void)
{
	dl_iterate_phdr(look, NULL);
}

const char *pb_build_id(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, find);
	return text;
}
