/* abi.c: reads a plugin's ABI block from its ELF note, without loading the plugin. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "host/host_impl.h"

enum {
	MOST_SEGMENTS = 1024,
	MOST_NOTES = 1 << 20, /* bytes in one segment of notes */
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE /* not checked: dlopen will */
#endif

#define NOTE_NAME "patchbay"

/* An open file; everything read from it is checked against its size. */
struct image {
	const char *path;
	int fd;
	uint64_t size;
};

static int not_plugin(const struct image *image, const char *why)
{
	return pb_fail(PB_E_FORMAT, "%s is no plugin: %s", image->path, why);
}

static int open_image(const char *path, struct image *ret_image)
{
	struct stat st;
	/* Not to wait for a writer if this is a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int rc =
			pb_fail(errno == ENOENT ? PB_E_NOTFOUND : PB_E_IO, "cannot open %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_image = (struct image){path, fd, (uint64_t)st.st_size};
	if (S_ISREG(st.st_mode))
		return 0;
	close(fd);
	return not_plugin(ret_image, "it is not a regular file");
}

static int read_at(const struct image *image, uint64_t offset, void *data, size_t size)
{
	if (offset > image->size || size > image->size - offset)
		return not_plugin(image, "the file is cut short or damaged");
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(image->fd, (char *)data + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return pb_fail(PB_E_IO, "cannot read %s: %s", image->path, n ? strerror(errno) : "it shrank");
		done += (size_t)n;
	}
	return 0;
}

static int read_header(const struct image *image, Elf64_Ehdr *ret_header)
{
	Elf64_Ehdr h;
	if (image->size < sizeof h)
		return not_plugin(image, "it is too short for a shared object");
	int rc = read_at(image, 0, &h, sizeof h);
	if (rc < 0)
		return rc;
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return not_plugin(image, "it is not an ELF file");
	unsigned char data = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != data ||
	    (MACHINE != EM_NONE && h.e_machine != MACHINE))
		return not_plugin(image, "it is built for another machine than this patchbay");
	if (h.e_type != ET_DYN)
		return not_plugin(image, "it is not a shared object; link it with -shared");
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum > MOST_SEGMENTS)
		return not_plugin(image, "its ELF header is damaged");
	*ret_header = h;
	return 0;
}

static uint64_t padded(uint64_t size, uint64_t align)
{
	return (size + align - 1) / align * align;
}

/* Looks through the notes of one segment. Sizes are 32 bits, so no sum of two of them overflows 64. */
static bool find_note(const unsigned char *notes, uint64_t size, uint64_t align, struct pb_abi *ret_abi)
{
	for (uint64_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr h;
		memcpy(&h, notes + at, sizeof h);
		uint64_t name = at + sizeof h, desc = at + padded(sizeof h + h.n_namesz, align);
		uint64_t end = desc + padded(h.n_descsz, align);
		if (desc + h.n_descsz > size)
			return false;
		if (h.n_namesz == sizeof NOTE_NAME && !memcmp(notes + name, NOTE_NAME, sizeof NOTE_NAME) &&
		    h.n_type == 1 && h.n_descsz >= sizeof *ret_abi) {
			memcpy(ret_abi, notes + desc, sizeof *ret_abi);
			return true;
		}
		if (end > size)
			return false;
		at = end;
	}
	return false;
}

static int read_notes(const struct image *image, const Elf64_Phdr *segment, bool *ret_found, struct pb_abi *ret_abi)
{
	if (segment->p_filesz > MOST_NOTES)
		return 0;
	size_t size = (size_t)segment->p_filesz;
	unsigned char *notes = malloc(size + 1);
	if (!notes)
		return pb_fail_nomem(size, image->path);
	int rc = read_at(image, segment->p_offset, notes, size);
	if (!rc)
		*ret_found = find_note(notes, size, segment->p_align == 8 ? 8 : 4, ret_abi);
	free(notes);
	return rc;
}

static int read_abi(const struct image *image, struct pb_abi *ret_abi)
{
	Elf64_Ehdr h = {0};
	bool found = false;
	int rc = read_header(image, &h);
	for (uint64_t i = 0; !rc && !found && i < h.e_phnum; i++) {
		Elf64_Phdr segment;
		if (h.e_phoff > image->size)
			return not_plugin(image, "its ELF header is damaged");
		rc = read_at(image, h.e_phoff + i * sizeof segment, &segment, sizeof segment);
		if (!rc && segment.p_type == PT_NOTE)
			rc = read_notes(image, &segment, &found, ret_abi);
	}
	if (!rc && !found)
		return not_plugin(image, "it has no patchbay ABI note; its source must have `PB_PLUGIN_ABI;` once, at "
					 "file scope");
	return rc;
}

struct field {
	const char *name;
	uint32_t host, plugin;
	bool fits;
};

int pb_abi_compare(const char *path, const struct pb_abi *plugin)
{
	const struct pb_abi host = PB_ABI_INIT;
	const struct field fields[] = {
		{"magic", host.magic, plugin->magic, host.magic == plugin->magic},
		{"ABI major", host.major, plugin->major, host.major == plugin->major},
		{"ABI minor", host.minor, plugin->minor, host.major != plugin->major || plugin->minor <= host.minor},
		{"real bytes", host.real_bytes, plugin->real_bytes, host.real_bytes == plugin->real_bytes},
		{"index bytes", host.index_bytes, plugin->index_bytes, host.index_bytes == plugin->index_bytes},
		{"layout", host.layout, plugin->layout, host.layout == plugin->layout},
	};
	struct pb_text text = {0};
	bool fits = true, newer = plugin->major > host.major || (fields[1].fits && plugin->minor > host.minor);
	for (size_t i = 0; i < PB_COUNT(fields); i++) {
		const struct field *f = &fields[i];
		bool hex = i == 0 || i == 5;
		if (!f->fits)
			pb_text_add(&text, hex ? "\n  %s: host %#010x, plugin %#010x" : "\n  %s: host %u, plugin %u",
				    f->name, f->host, f->plugin);
		fits &= f->fits;
	}
	int rc = pb_text_status(&text);
	if (!rc && !fits)
		rc = pb_fail(PB_E_ABI,
			     "%s was built against another patchbay; these differ:%s\n"
			     "rebuild the plugin with the headers of this patchbay (%s)%s",
			     path, text.data, PB_VERSION,
			     newer ? ", or install the newer patchbay it was built for" : "");
	pb_text_finish(&text);
	return rc;
}

int pb_abi_check_file(const char *path)
{
	struct image image;
	struct pb_abi abi;
	int rc = open_image(path, &image);
	if (rc < 0)
		return rc;
	rc = read_abi(&image, &abi);
	close(image.fd);
	return rc ? rc : pb_abi_compare(path, &abi);
}
