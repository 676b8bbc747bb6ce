/* image_link.c: an image's dynamic symbols and relocations: the part of a loader that calls nothing. */
#include <string.h>

#include "base/status.h"
#include "host/image_impl.h"

enum { MOST_SYMBOLS = 1 << 20 };

/* Relocations of data; those of procedure tables and of thread-local memory are of no use here. */
#if defined(__x86_64__)
enum {
	RELATIVE = R_X86_64_RELATIVE,
	RESOLVED = R_X86_64_IRELATIVE, /* what a function of the file returns: the function stands for it */
	ABSOLUTE = R_X86_64_64,
	GLOBAL = R_X86_64_GLOB_DAT,
};
#elif defined(__aarch64__)
enum {
	RELATIVE = R_AARCH64_RELATIVE,
	RESOLVED = R_AARCH64_IRELATIVE,
	ABSOLUTE = R_AARCH64_ABS64,
	GLOBAL = R_AARCH64_GLOB_DAT,
};
#else
#error "the relocations of this machine are missing here, and its name in image.c"
#endif

/* What PT_DYNAMIC says. */
struct dynamic {
	uint64_t hash, gnu_hash, symbols, names, names_size;
	uint64_t rela, rela_size, relr, relr_size;
};

static void read_entry(struct dynamic *d, const Elf64_Dyn *entry)
{
	uint64_t value = entry->d_un.d_val;
	switch (entry->d_tag) {
	case DT_HASH: d->hash = value; break;
	case DT_GNU_HASH: d->gnu_hash = value; break;
	case DT_SYMTAB: d->symbols = value; break;
	case DT_STRTAB: d->names = value; break;
	case DT_STRSZ: d->names_size = value; break;
	case DT_RELA: d->rela = value; break;
	case DT_RELASZ: d->rela_size = value; break;
	case DT_RELR: d->relr = value; break;
	case DT_RELRSZ: d->relr_size = value; break;
	default: break;
	}
}

static void read_dynamic(const struct pb_image *image, struct dynamic *d)
{
	const Elf64_Phdr *s = image->segments, *end = s + image->n_segments;
	while (s < end && s->p_type != PT_DYNAMIC)
		s++;
	const unsigned char *at = s < end ? pb_image_at(image, s->p_vaddr, s->p_memsz) : NULL;
	for (uint64_t i = 0; at && i < s->p_memsz / sizeof(Elf64_Dyn); i++) {
		Elf64_Dyn entry;
		memcpy(&entry, at + i * sizeof entry, sizeof entry);
		if (entry.d_tag == DT_NULL)
			break;
		read_entry(d, &entry);
	}
}

static bool read_word(const struct pb_image *image, uint64_t address, uint32_t *ret_word)
{
	const void *at = pb_image_at(image, address, sizeof *ret_word);
	if (at)
		memcpy(ret_word, at, sizeof *ret_word);
	return at;
}

/* The table's size is nowhere but in the hash tables: in the old kind's header; and the new kind's last bucket ends
 * with the last symbol. */
static bool count_hashed(const struct pb_image *image, uint64_t hash, uint64_t *ret_count)
{
	uint32_t count;
	if (!read_word(image, hash + 4, &count))
		return false;
	*ret_count = count;
	return true;
}

static bool count_gnu_hashed(const struct pb_image *image, uint64_t hash, uint64_t *ret_count)
{
	uint32_t n_buckets, unhashed, bloom_size, word, last = 0;
	if (!read_word(image, hash, &n_buckets) || !read_word(image, hash + 4, &unhashed) ||
	    !read_word(image, hash + 8, &bloom_size))
		return false;
	uint64_t buckets = hash + 16 + (uint64_t)bloom_size * 8, chains = buckets + (uint64_t)n_buckets * 4;
	for (uint64_t i = 0; i < n_buckets; i++) {
		if (!read_word(image, buckets + i * 4, &word))
			return false;
		last = word > last ? word : last;
	}
	uint64_t count = last;
	if (last < unhashed) {
		count = unhashed;
	} else {
		do
			if (!read_word(image, chains + (count - unhashed) * 4, &word))
				return false;
		while (count++, !(word & 1));
	}
	*ret_count = count;
	return true;
}

static int find_symbols(struct pb_image *image, const struct dynamic *d)
{
	bool found = true;
	if (d->gnu_hash)
		found = count_gnu_hashed(image, d->gnu_hash, &image->n_symbols);
	else if (d->hash)
		found = count_hashed(image, d->hash, &image->n_symbols);
	if (!found || image->n_symbols > MOST_SYMBOLS ||
	    !pb_image_at(image, d->symbols, image->n_symbols * sizeof(Elf64_Sym)) ||
	    !pb_image_at(image, d->names, d->names_size))
		return pb_image_refuse(image, "its dynamic symbols are damaged");
	image->symbols = d->symbols;
	image->names = d->names;
	image->names_size = d->names_size;
	return 0;
}

/* Relocations may have written over anything since the tables were found, so each is looked at when it is used. */
static bool read_symbol(const struct pb_image *image, uint64_t i, Elf64_Sym *ret_symbol)
{
	const void *at = pb_image_at(image, image->symbols + i * sizeof *ret_symbol, sizeof *ret_symbol);
	if (at)
		memcpy(ret_symbol, at, sizeof *ret_symbol);
	return at;
}

/* The padding behind the image ends the last text. */
static const char *name_of(const struct pb_image *image, const Elf64_Sym *symbol)
{
	return symbol->st_name < image->names_size ? pb_image_at(image, image->names + symbol->st_name, 1) : NULL;
}

static uint64_t place_of(const struct pb_image *image, uint64_t address)
{
	return (uintptr_t)image->bytes + (address - image->first);
}

/* Others' symbols are nowhere yet; but who asks whether a slot is filled must see that it is. */
static uint64_t value_of(const struct pb_image *image, const Elf64_Sym *symbol)
{
	if (symbol->st_shndx == SHN_UNDEF)
		return ELF64_ST_BIND(symbol->st_info) == STB_WEAK ? 0 : place_of(image, image->first + image->size);
	return symbol->st_shndx == SHN_ABS ? symbol->st_value : place_of(image, symbol->st_value);
}

static bool relocate(const struct pb_image *image, const Elf64_Rela *r)
{
	uint64_t value;
	Elf64_Sym symbol;
	switch (ELF64_R_TYPE(r->r_info)) {
	case RELATIVE:
	case RESOLVED: value = place_of(image, (uint64_t)r->r_addend); break;
	case ABSOLUTE:
	case GLOBAL:
		if (!read_symbol(image, ELF64_R_SYM(r->r_info), &symbol))
			return false;
		value = value_of(image, &symbol);
		if (symbol.st_shndx != SHN_UNDEF)
			value += (uint64_t)r->r_addend;
		break;
	default: return true;
	}
	void *at = pb_image_at(image, r->r_offset, sizeof value);
	if (at)
		memcpy(at, &value, sizeof value);
	return at;
}

static bool apply_rela(const struct pb_image *image, uint64_t table, uint64_t size)
{
	const unsigned char *at = pb_image_at(image, table, size);
	for (uint64_t i = 0; at && i < size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela r;
		memcpy(&r, at + i * sizeof r, sizeof r);
		if (!relocate(image, &r))
			return false;
	}
	return at;
}

static bool shift_word(const struct pb_image *image, uint64_t address)
{
	uint64_t value;
	void *at = pb_image_at(image, address, sizeof value);
	if (!at)
		return false;
	memcpy(&value, at, sizeof value);
	value = place_of(image, value);
	memcpy(at, &value, sizeof value);
	return true;
}

/* Packed relative relocations: an even word is the address of one; each bit of an odd word behind it, but for the
 * lowest, says whether there is another 8 bytes further on. */
static bool apply_relr(const struct pb_image *image, uint64_t table, uint64_t size)
{
	const unsigned char *at = pb_image_at(image, table, size);
	uint64_t next = 0;
	for (uint64_t i = 0; at && i < size / sizeof(uint64_t); i++) {
		uint64_t word;
		memcpy(&word, at + i * sizeof word, sizeof word);
		if (word & 1) {
			for (int bit = 1; bit < 64; bit++)
				if (word >> bit & 1 && !shift_word(image, next + (uint64_t)(bit - 1) * 8))
					return false;
			next += 63 * 8;
		} else {
			if (!shift_word(image, word))
				return false;
			next = word + 8;
		}
	}
	return at;
}

int pb_image_link(struct pb_image *image)
{
	struct dynamic d = {0};
	read_dynamic(image, &d);
	int rc = d.symbols ? find_symbols(image, &d) : 0;
	if (!rc && ((d.relr_size && !apply_relr(image, d.relr, d.relr_size)) ||
		    (d.rela_size && !apply_rela(image, d.rela, d.rela_size))))
		rc = pb_image_refuse(image, "its relocations are damaged");
	return rc;
}

static bool is_global(const Elf64_Sym *symbol)
{
	unsigned char bind = ELF64_ST_BIND(symbol->st_info);
	return bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE;
}

static bool is_export(const Elf64_Sym *symbol)
{
	unsigned char visibility = ELF64_ST_VISIBILITY(symbol->st_other);
	return is_global(symbol) && symbol->st_shndx != SHN_UNDEF &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* Of weak and unique symbols the loader takes any file's: those of C++ templates are the same in all. */
static bool is_strong_export(const Elf64_Sym *symbol)
{
	return is_export(symbol) && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL;
}

static bool is_import(const Elf64_Sym *symbol)
{
	return is_global(symbol) && symbol->st_shndx == SHN_UNDEF;
}

const void *pb_image_symbol(const struct pb_image *image, const char *name)
{
	Elf64_Sym symbol;
	for (uint64_t i = 1; i < image->n_symbols && read_symbol(image, i, &symbol); i++) {
		const char *its = is_export(&symbol) && symbol.st_shndx != SHN_ABS ? name_of(image, &symbol) : NULL;
		if (its && !strcmp(its, name))
			return pb_image_at(image, symbol.st_value, 0);
	}
	return NULL;
}

/* The first symbol is the empty one. */
static int list(const struct pb_image *image, bool (*wanted)(const Elf64_Sym *), struct pb_arena *arena,
		const char *const **ret_names, size_t *ret_count)
{
	const char **names = pb_arena_array(arena, image->n_symbols + 1, sizeof *names);
	size_t count = 0;
	Elf64_Sym symbol;
	if (!names)
		return -PB_E_NOMEM;
	for (uint64_t i = 1; i < image->n_symbols && read_symbol(image, i, &symbol); i++) {
		const char *name = wanted(&symbol) ? name_of(image, &symbol) : NULL;
		if (name)
			names[count++] = name;
	}
	*ret_names = names;
	*ret_count = count;
	return 0;
}

int pb_image_exports(const struct pb_image *image, struct pb_arena *arena, const char *const **ret_names,
		     size_t *ret_count)
{
	return list(image, is_strong_export, arena, ret_names, ret_count);
}

int pb_image_imports(const struct pb_image *image, struct pb_arena *arena, const char *const **ret_names,
		     size_t *ret_count)
{
	return list(image, is_import, arena, ret_names, ret_count);
}
