/* npz.c: numpy's .npz: a zip archive of NAME.npy, each a header in Python's notation and row-major elements. Arrays
 * of texts are values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/formats.h"
#include "ckpt/pickle.h"

static const unsigned char npy_magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static int fail(const struct pb_ckpt *ckpt, const char *name, const char *reason)
{
	char shown[120];
	pb_pickle_printable(name, strlen(name), shown, sizeof shown);
	return pb_fail(PB_E_FORMAT, "%s: array %s: %s", ckpt->path, shown, reason);
}

/* The text behind "'key':" and blanks. */
static const char *find_key(const char *header, const char *key)
{
	const char *at = strstr(header, key);
	return at ? at + strlen(key) + strspn(at + strlen(key), " ") : NULL;
}

static int take_dtype(const struct pb_ckpt *ckpt, struct pb_ckpt_tensor *t, const char *header)
{
	static const char *const descr[] = {
#define DESCR(name, bytes, st, np) np,
		PB_CKPT_DTYPE_MAP(DESCR)
#undef DESCR
	};
	const char *text = find_key(header, "'descr':");
	for (size_t i = 0; text && i < sizeof descr / sizeof *descr; i++) {
		if (descr[i] && text[0] == '\'' && !strncmp(text + 1, descr[i], 3) && text[4] == '\'') {
			t->dtype = (enum pb_ckpt_dtype)i;
			return 0;
		}
	}
	return fail(ckpt, t->name, "elements of its type are not supported (little-endian numbers and booleans are)");
}

static int take_shape(const struct pb_ckpt *ckpt, struct pb_ckpt_tensor *t, const char *header)
{
	const char *at = find_key(header, "'shape':");
	if (!at || *at++ != '(')
		return fail(ckpt, t->name, "its header has no shape");
	int64_t count = 1;
	bool empty = false, too_large = false;
	for (t->rank = 0; *at >= '0' && *at <= '9'; t->rank++) {
		char *end;
		if (t->rank == PB_CKPT_MAX_RANK)
			return fail(ckpt, t->name, "it has more than 8 axes");
		t->shape[t->rank] = strtoll(at, &end, 10);
		empty |= !t->shape[t->rank];
		too_large |= __builtin_mul_overflow(count, t->shape[t->rank], &count);
		at = end + strspn(end, ", ");
	}
	if (*at != ')')
		return fail(ckpt, t->name, "its shape cannot be read");
	if (too_large && !empty)
		return fail(ckpt, t->name, "it is larger than memory can be");
	t->count = empty ? 0 : count;
	return 0;
}

static int take_header(const struct pb_ckpt *ckpt, struct pb_ckpt_tensor *t, const char *header, bool texts)
{
	const char *order = find_key(header, "'fortran_order':");
	if (!order || (strncmp(order, "False", 5) && strncmp(order, "True", 4)))
		return fail(ckpt, t->name, "its header does not say its order");
	if (*order == 'T')
		return fail(ckpt, t->name, "it is stored column by column, which is not supported");
	int rc = texts ? 0 : take_dtype(ckpt, t, header);
	return rc < 0 ? rc : take_shape(ckpt, t, header);
}

/* Characters of each element where the array is one of texts, "'<U12'"; else 0. */
static size_t text_width(const char *header)
{
	const char *descr = find_key(header, "'descr':");
	char *end;
	if (!descr || strncmp(descr, "'<U", 3) || descr[3] < '1' || descr[3] > '9')
		return 0;
	unsigned long width = strtoul(descr + 3, &end, 10);
	return *end == '\'' && width < SIZE_MAX / 4 ? width : 0;
}

static void add_point(struct pb_text *out, uint32_t c)
{
	const bool bad = c > 0x10ffff || (c >= 0xd800 && c < 0xe000);
	c = bad ? 0xfffd : c;
	const unsigned char last = (unsigned char)(0x80 | (c & 0x3f));
	const unsigned char middle = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	const unsigned char third = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	if (c < 0x80)
		pb_text_add_bytes(out, &(unsigned char){(unsigned char)c}, 1);
	else if (c < 0x800)
		pb_text_add_bytes(out, (unsigned char[]){(unsigned char)(0xc0 | c >> 6), last}, 2);
	else if (c < 0x10000)
		pb_text_add_bytes(out, (unsigned char[]){(unsigned char)(0xe0 | c >> 12), middle, last}, 3);
	else
		pb_text_add_bytes(out, (unsigned char[]){(unsigned char)(0xf0 | c >> 18), third, middle, last}, 4);
}

/* An array of texts is a value of the file: ["a", "b"]. */
static int take_texts(struct pb_ckpt *ckpt, struct pb_ckpt_tensor *t, const unsigned char *data, size_t size,
		      size_t width)
{
	struct pb_text list = {0};
	if (size % (4 * width) || (uint64_t)t->count != size / (4 * width))
		return fail(ckpt, t->name, "its shape does not fit the bytes it has");
	pb_text_add(&list, "[");
	for (int64_t i = 0; i < t->count; i++) {
		struct pb_text one = {0};
		const unsigned char *c = data + (size_t)i * 4 * width;
		for (size_t k = 0; k < width && (c[0] | c[1] | c[2] | c[3]); k++, c += 4)
			add_point(&one, (uint32_t)c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 |
						(uint32_t)c[3] << 24);
		pb_text_add(&list, i ? ", " : "");
		pb_text_add_json(&list, one.data ? one.data : "");
		list.failed |= one.failed;
		pb_text_finish(&one);
	}
	pb_text_add(&list, "]");
	int rc = pb_text_status(&list);
	const char *text = rc ? NULL : pb_arena_strdup(&ckpt->arena, list.data);
	pb_text_finish(&list);
	if (!text)
		return -PB_E_NOMEM;
	ckpt->values[ckpt->n_values++] = (struct pb_ckpt_value){.name = t->name, .text = text};
	return 0;
}

/* `npy` has a NUL behind its last byte. */
static int take_array(struct pb_ckpt *ckpt, struct pb_ckpt_tensor *t, const unsigned char *npy, size_t size)
{
	if (size < 12 || memcmp(npy, npy_magic, sizeof npy_magic) || npy[6] < 1 || npy[6] > 3)
		return fail(ckpt, t->name, "it is not a .npy of version 1 to 3");
	size_t start = npy[6] == 1 ? 10 : 12, length = (size_t)npy[8] | (size_t)npy[9] << 8;
	if (start == 12)
		length |= (size_t)npy[10] << 16 | (size_t)npy[11] << 24;
	if (length > size - start || length > 65536)
		return fail(ckpt, t->name, "its header is cut off");
	char *header = pb_arena_strndup(&ckpt->arena, (const char *)npy + start, length);
	const size_t text = header ? text_width(header) : 0;
	int rc = header ? take_header(ckpt, t, header, text > 0) : -PB_E_NOMEM;
	if (rc < 0)
		return rc;
	if (text)
		return take_texts(ckpt, t, npy + start + length, size - start - length, text);
	size_t left = size - start - length, width = pb_ckpt_dtype_size(t->dtype);
	if (left % width || (uint64_t)t->count != left / width)
		return fail(ckpt, t->name, "its shape does not fit the bytes it has");
	t->data = npy + start + length;
	ckpt->n_tensors++;
	return 0;
}

static size_t array_name_length(const char *member)
{
	size_t length = strlen(member);
	return length > 4 && !strcmp(member + length - 4, ".npy") ? length - 4 : 0;
}

bool pb_npz_is(const struct pb_archive *archive)
{
	for (int64_t i = 0; i < archive->n_members; i++)
		if (!array_name_length(pb_archive_name(archive, i)))
			return false;
	return archive->n_members > 0;
}

int pb_npz_read(struct pb_ckpt *ckpt, struct pb_archive *archive)
{
	ckpt->format = "npz";
	ckpt->tensors = pb_arena_array(&ckpt->arena, (size_t)archive->n_members, sizeof *ckpt->tensors);
	ckpt->values = pb_arena_array(&ckpt->arena, (size_t)archive->n_members, sizeof *ckpt->values);
	int rc = ckpt->tensors && ckpt->values ? 0 : -PB_E_NOMEM;
	for (int64_t i = 0; i < archive->n_members && !rc; i++) {
		struct pb_ckpt_tensor *t = &ckpt->tensors[ckpt->n_tensors];
		*t = (struct pb_ckpt_tensor){0};
		const char *member = pb_archive_name(archive, i);
		void *npy;
		size_t size;
		t->name = pb_arena_strndup(&ckpt->arena, member, array_name_length(member));
		rc = t->name ? pb_archive_read(archive, i, &ckpt->arena, &npy, &size) : -PB_E_NOMEM;
		if (!rc)
			rc = take_array(ckpt, t, npy, size);
	}
	return rc;
}
