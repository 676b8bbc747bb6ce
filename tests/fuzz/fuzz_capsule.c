/* fuzz_capsule.c: any bytes as a capsule, or as the text in one whose arrays are in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"
#include "host/capsule.h"

const char *const pb_fuzz_tokens[] = {
	"{\"format\":\"patchbay.capsule/1\",\"kind\":\"setter\",\"name\":\"a\",\"params\":\"{}\","
	"\"call\":\"apply\",\"failure\":\"b\",",
	"\"kind\":\"metric\"",
	"\"hook\":\"blocks.0.hook_resid_pre\",\"layer\":0,\"direction\":\"backward\",\"dtype\":\"f64\"",
	"\"stream\":\"18446744073709551615\"",
	"\"index\":[0,1]",
	"\"axes\":[1,2]",
	"\"activation_axes\":[1,2]",
	"\"call\":\"adjoint\"",
	NULL,
};

static void try(const char *path)
{
	struct pb_capsule c;
	pb_error_clear();
	int rc = pb_capsule_read(path, &c);
	if (rc == -PB_E_INTERNAL || (rc < 0 && rc != -PB_E_NOMEM && !strstr(pb_error_text(), path)))
		abort();
	if (rc < 0)
		return;
	if (!c.name || !c.params || !c.call || !c.failure || c.n_index > PB_MAX_RANK)
		abort();
	pb_capsule_finish(&c);
}

/* An .npy: `descr`, `shape`, then zeros or `data`. */
static struct pb_fuzz_member make_array(char file[512], const char *name, const char *descr, const char *shape,
					size_t size)
{
	memset(file, 0, 512);
	memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
	memset(file + 10, ' ', 118);
	int n = snprintf(file + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
	file[10 + n] = ' ';
	file[127] = '\n';
	return (struct pb_fuzz_member){name, file, 128 + size};
}

static const char *make_capsule(const uint8_t *data, size_t size)
{
	static char text[128 + 8192], file[6][512], shape[24];
	size = size > 8192 ? 8192 : size;
	snprintf(shape, sizeof shape, "%zu,", size);
	struct pb_fuzz_member about = make_array(text, "about.npy", "|u1", shape, size);
	memcpy(text + 128, data, size);
	return pb_fuzz_zip((const struct pb_fuzz_member[]){
				   about,
				   make_array(file[0], "activation.npy", "<f8", "2, 3", 48),
				   make_array(file[1], "logits.npy", "<f8", "2, 3", 48),
				   make_array(file[2], "answer.npy", "<i4", "2,", 8),
				   make_array(file[3], "distractor.npy", "<i4", "2,", 8),
				   make_array(file[4], "reference.npy", "<f8", "2, 3", 48),
			   },
			   6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(PB_FUZZ_FILE({data, size}));
	try(make_capsule(data, size));
	return 0;
}
