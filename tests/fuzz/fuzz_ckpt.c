/* fuzz_ckpt.c: any bytes as a checkpoint: read, described, written and read again. Bytes that are no checkpoint are
 * also tried as what is inside one, since a zip's checksums and the lengths in front of a header keep most mutations
 * away from there. PT, NPZ: which format; without, safetensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"

#ifdef PT
static const unsigned char preamble[] = {
	0x80, 2,   0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.', /* magic */
	0x80, 2,   'M',	 0xe9, 3,    '.',							/* protocol 1001 */
	'}',  'X', 13,	 0,    0,    0,	   'l',	 'i',  't',  't',  'l',	 'e',  '_',  'e',  'n',
	'd',  'i', 'a',	 'n',  0x88, 's',  '.', /* {"little_endian": True} */
};
/* No storages. */
static const unsigned char ending[] = {']', '.'};
#endif

const char *const pb_fuzz_tokens[] = {
	"ctorch._utils\n_rebuild_tensor_v2\n",
	"ctorch._utils\n_rebuild_parameter\n",
	"ctorch\nFloatStorage\n",
	"ctorch\nSize\n",
	"ctorch\ndevice\n",
	"ccollections\nOrderedDict\n",
	"c__builtin__\nset\n",
	"c_codecs\nencode\n",
	"cos\nsystem\n",
	"X\a",
	"U\003abc",
	"\x8a\b",
	"\x85",
	"\x86",
	"\x87",
	"\x94",
	"\x93",
	"\x90",
	"\x8f",
	"((((",
	"]]]]",
	"}](",
	"2222",
	"h\001",
	"q\001",
	"R",
	"Q",
	"b",
	"s",
	"u",
	"e",
	"t",
	"l",
	"d",
	".",
	"\"shape\":[",
	"\"data_offsets\":[0,",
	"\"dtype\":\"F64\"",
	"18446744073709551615",
	"-1",
	"'shape': (",
	"'descr': '<f4'",
	NULL,
};

static void check_equal(const struct pb_ckpt *a, const struct pb_ckpt *b)
{
	if (a->n_tensors != b->n_tensors)
		abort();
	for (size_t i = 0; i < a->n_tensors; i++) {
		const struct pb_ckpt_tensor *x = &a->tensors[i], *y = pb_ckpt_find(b, x->name);
		size_t size = (size_t)x->count * pb_ckpt_dtype_size(x->dtype);
		if (!y || x->dtype != y->dtype || x->rank != y->rank || x->count != y->count ||
		    memcmp(x->shape, y->shape, sizeof x->shape) || (size && memcmp(x->data, y->data, size)))
			abort();
	}
}

/* What a writer takes, a reader gives back. */
static void check_round_trip(const struct pb_ckpt *ckpt)
{
	static char path[64];
	static unsigned count;
	struct pb_ckpt again;
	if (count++ % 16) /* a file appears with fsync and rename, which takes longer than all the rest */
		return;
	snprintf(path, sizeof path, "/tmp/fuzz-ckpt-%ld", (long)getpid());
	if (!pb_ckpt_write_safetensors(path, ckpt->tensors, ckpt->n_tensors)) {
		if (pb_ckpt_read(path, &again) < 0) {
			fprintf(stderr, "%s\n", pb_error_text());
			abort();
		}
		check_equal(ckpt, &again);
		pb_ckpt_finish(&again);
	}
	unlink(path);
}

static int try(const char *path)
{
	struct pb_ckpt ckpt;
	struct pb_text text = {0};
	pb_error_clear();
	int rc = pb_ckpt_read(path, &ckpt);
	if (rc < 0) {
		if (rc == -PB_E_INTERNAL || (rc != -PB_E_NOMEM && !strstr(pb_error_text(), path)))
			abort();
		return rc;
	}
	if (pb_ckpt_describe(&ckpt, &text) < 0 || !strstr(text.data, ckpt.format))
		abort();
	check_round_trip(&ckpt);
	pb_text_finish(&text);
	pb_ckpt_finish(&ckpt);
	return 0;
}

#if defined PT
/* As it is; as the pickle of a new file; as that of an old one. */
static void try_all(const uint8_t *data, size_t size)
{
	static const char numbers[64], byteorder[] = "little", version[] = "3\n";
	if (!try(PB_FUZZ_FILE({data, size})))
		return;
	try(pb_fuzz_zip((const struct pb_fuzz_member[]){{"a/data.pkl", data, size},
	                                                {"a/byteorder", byteorder, sizeof byteorder - 1},
	                                                {"a/data/0", numbers, sizeof numbers},
	                                                {"a/version", version, sizeof version - 1}}, 4));
	try(PB_FUZZ_FILE({preamble, sizeof preamble}, {data, size}, {ending, sizeof ending}));
}
#elif defined NPZ
/* As it is; as the one array; as that and another one. */
static void try_all(const uint8_t *data, size_t size)
{
	if (!try(PB_FUZZ_FILE({data, size})))
		return;
	try(pb_fuzz_zip((const struct pb_fuzz_member[]){{"a.npy", data, size}}, 1));
	try(pb_fuzz_zip((const struct pb_fuzz_member[]){{"a.npy", data, size / 2},
	                                                {"b.npy", data + size / 2, size - size / 2}}, 2));
}
#else
/* As it is; as a header with its length in front and a few numbers behind. */
static void try_all(const uint8_t *data, size_t size)
{
	static const char numbers[64];
	unsigned char length[8] = {0};
	if (!try(PB_FUZZ_FILE({data, size})))
		return;
	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)((uint64_t)size >> 8 * i);
	try(PB_FUZZ_FILE({length, sizeof length}, {data, size}, {numbers, sizeof numbers}));
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_all(data, size);
	return 0;
}
