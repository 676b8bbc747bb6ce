/* image.c: reads a shared object's segments and notes into memory. */
#include "host/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "host/image_impl.h"

enum {
	MOST_SEGMENTS = 1024,
	MOST_BYTES = 256 << 20, /* of all segments and what lies between them */
	MOST_NOTES = 1 << 20,   /* bytes in one segment of notes */
	ALIGNMENT = 64,
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

/* An open file; everything read from it is checked against its size. */
struct file {
	int fd;
	uint64_t size;
};

int pb_image_refuse(const struct pb_image *image, const char *why)
{
	return pb_fail(PB_E_FORMAT, "%s is no plugin: %s", image->path, why);
}

static int open_file(const struct pb_image *image, struct file *ret_file)
{
	struct stat st;
	/* Not to wait for a writer if this is a pipe. */
	int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int rc = pb_fail(errno == ENOENT ? PB_E_NOTFOUND : PB_E_IO, "cannot open %s: %s", image->path,
				 strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_file = (struct file){fd, (uint64_t)st.st_size};
	if (S_ISREG(st.st_mode))
		return 0;
	close(fd);
	return pb_image_refuse(image, "it is not a regular file");
}

static int read_at(const struct pb_image *image, const struct file *file, uint64_t offset, void *data, size_t size)
{
	if (offset > file->size || size > file->size - offset)
		return pb_image_refuse(image, "the file is cut short or damaged");
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(file->fd, (char *)data + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return pb_fail(PB_E_IO, "cannot read %s: %s", image->path, n ? strerror(errno) : "it shrank");
		done += (size_t)n;
	}
	return 0;
}

static int read_header(const struct pb_image *image, const struct file *file, Elf64_Ehdr *ret_header)
{
	Elf64_Ehdr h;
	if (file->size < sizeof h)
		return pb_image_refuse(image, "it is too short for a shared object");
	int rc = read_at(image, file, 0, &h, sizeof h);
	if (rc < 0)
		return rc;
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return pb_image_refuse(image, "it is not an ELF file");
	unsigned char data = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != data || h.e_machine != MACHINE)
		return pb_image_refuse(image, "it is built for another machine than this patchbay");
	if (h.e_type != ET_DYN)
		return pb_image_refuse(image, "it is not a shared object; link it with -shared");
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum > MOST_SEGMENTS)
		return pb_image_refuse(image, "its ELF header is damaged");
	*ret_header = h;
	return 0;
}

static int read_segment_headers(struct pb_image *image, const struct file *file)
{
	Elf64_Ehdr h = {0};
	int rc = read_header(image, file, &h);
	if (rc < 0)
		return rc;
	image->n_segments = h.e_phnum;
	image->segments = calloc(image->n_segments + 1, sizeof *image->segments);
	if (!image->segments)
		return pb_fail_nomem(image->n_segments * sizeof *image->segments, image->path);
	return read_at(image, file, h.e_phoff, image->segments, image->n_segments * sizeof *image->segments);
}

/* Segments stand in the order of their addresses and do not overlap: the format says so, and the loader counts on
 * it. */
static int measure(struct pb_image *image)
{
	uint64_t end = 0;
	bool any = false;
	for (const Elf64_Phdr *s = image->segments; s < image->segments + image->n_segments; s++) {
		if (s->p_type != PT_LOAD)
			continue;
		if (!any)
			image->first = end = s->p_vaddr / ALIGNMENT * ALIGNMENT;
		any = true;
		if (s->p_vaddr < end || s->p_memsz < s->p_filesz || s->p_memsz > UINT64_MAX - s->p_vaddr)
			return pb_image_refuse(image, "its segments are damaged");
		end = s->p_vaddr + s->p_memsz;
		if (end - image->first > MOST_BYTES)
			return pb_image_refuse(image, "its segments take more than 256 MiB");
	}
	if (!any)
		return pb_image_refuse(image, "it has no segment to load");
	image->size = end - image->first;
	return 0;
}

static int read_segments(struct pb_image *image, const struct file *file)
{
	int rc = measure(image);
	if (rc < 0)
		return rc;
	/* From the heap, which no machine executes, and which the sanitizers watch. */
	image->bytes = calloc(1, image->size + PB_IMAGE_PADDING);
	if (!image->bytes)
		return pb_fail_nomem(image->size, image->path);
	for (const Elf64_Phdr *s = image->segments; !rc && s < image->segments + image->n_segments; s++)
		if (s->p_type == PT_LOAD)
			rc = read_at(image, file, s->p_offset, pb_image_at(image, s->p_vaddr, s->p_filesz),
				     s->p_filesz);
	return rc;
}

void *pb_image_at(const struct pb_image *image, uint64_t address, uint64_t size)
{
	uint64_t at = address - image->first;
	return address >= image->first && at <= image->size && size <= image->size - at ? image->bytes + at : NULL;
}

bool pb_image_holds(const struct pb_image *image, const void *at, size_t size, size_t align)
{
	uintptr_t begin = (uintptr_t)image->bytes, place = (uintptr_t)at;
	return place >= begin && place - begin <= image->size && size <= image->size - (place - begin) &&
	       place % align == 0;
}

static uint64_t padded(uint64_t size, uint64_t align)
{
	return (size + align - 1) / align * align;
}

/* Looks through the notes of one segment. Sizes are 32 bits, so no sum of two of them overflows 64. */
static const void *find_note(const unsigned char *notes, uint64_t size, uint64_t align, const char *name,
			     uint32_t type, size_t *ret_size)
{
	for (uint64_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr h;
		memcpy(&h, notes + at, sizeof h);
		uint64_t desc = at + padded(sizeof h + h.n_namesz, align), end = desc + padded(h.n_descsz, align);
		if (desc + h.n_descsz > size)
			return NULL;
		if (h.n_namesz == strlen(name) + 1 && !memcmp(notes + at + sizeof h, name, h.n_namesz) &&
		    h.n_type == type) {
			*ret_size = h.n_descsz;
			return notes + desc;
		}
		if (end > size)
			return NULL;
		at = end;
	}
	return NULL;
}

const void *pb_image_note(const struct pb_image *image, const char *name, uint32_t type, size_t *ret_size)
{
	const void *found = NULL;
	for (const Elf64_Phdr *s = image->segments; !found && s < image->segments + image->n_segments; s++) {
		const unsigned char *notes = s->p_type == PT_NOTE && s->p_filesz <= MOST_NOTES
						     ? pb_image_at(image, s->p_vaddr, s->p_filesz)
						     : NULL;
		if (notes)
			found = find_note(notes, s->p_filesz, s->p_align == 8 ? 8 : 4, name, type, ret_size);
	}
	return found;
}

static void read_build_id(struct pb_image *image)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = 0;
	const unsigned char *id = pb_image_note(image, "GNU", NT_GNU_BUILD_ID, &size);
	for (size_t i = 0; size <= PB_IMAGE_BUILD_ID && i < size; i++) {
		image->build_id[2 * i] = digits[id[i] >> 4];
		image->build_id[2 * i + 1] = digits[id[i] & 15];
	}
}

const char *pb_image_build_id(const struct pb_image *image)
{
	return image->build_id;
}

static int read_image(struct pb_image *image)
{
	struct file file;
	int rc = open_file(image, &file);
	if (rc < 0)
		return rc;
	rc = read_segment_headers(image, &file);
	if (!rc)
		rc = read_segments(image, &file);
	close(file.fd);
	if (rc < 0)
		return rc;
	/* Before the relocations, which have no business in there. */
	read_build_id(image);
	return pb_image_link(image);
}

int pb_image_open(const char *path, struct pb_image **ret_image)
{
	struct pb_image *image = calloc(1, sizeof *image);
	if (image)
		image->path = strdup(path);
	int rc = image && image->path ? read_image(image) : pb_fail_nomem(sizeof *image, path);
	if (rc < 0)
		pb_image_close(image);
	else
		*ret_image = image;
	return rc;
}

void pb_image_close(struct pb_image *image)
{
	if (!image)
		return;
	free(image->bytes);
	free(image->segments);
	free(image->path);
	free(image);
}
