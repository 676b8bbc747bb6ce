/* build_id.c: the note that the linker has put into an object. */
#include "base/build_id.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct search {
	uintptr_t address; /* 0: in the first object, which is the program */
	char *text;
};

static void write_text(const unsigned char *id, size_t size, char *text)
{
	for (size_t i = 0; i < size && 2 * i + 2 < PB_BUILD_ID_TEXT; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
}

static void search_notes(const char *notes, size_t size, char *text)
{
	ElfW(Nhdr) h;
	for (size_t at = 0; at + sizeof h <= size;) {
		memcpy(&h, notes + at, sizeof h);
		const size_t name = at + sizeof h, id = name + ((h.n_namesz + 3) & ~3U);
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && id + h.n_descsz <= size && !memcmp(notes + name, "GNU", 4))
			write_text((const unsigned char *)notes + id, h.n_descsz, text);
		at = id + ((h.n_descsz + 3) & ~3U);
	}
}

static bool holds(const struct dl_phdr_info *object, uintptr_t address)
{
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && address - (object->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return true;
	}
	return false;
}

static int look(struct dl_phdr_info *object, size_t size, void *data)
{
	const struct search *s = data;
	(void)size;
	if (s->address && !holds(object, s->address))
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_NOTE)
			search_notes((const char *)object->dlpi_addr + object->dlpi_phdr[i].p_vaddr, object->dlpi_phdr[i].p_memsz,
				     s->text);
	return 1;
}

void pb_build_id(const void *address, char ret_text[static PB_BUILD_ID_TEXT])
{
	snprintf(ret_text, PB_BUILD_ID_TEXT, "none");
	dl_iterate_phdr(look, &(struct search){(uintptr_t)address, ret_text});
}
