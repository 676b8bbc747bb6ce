/* cmd_convert.c: `patchbay convert IN OUT`. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "cli/cli.h"
#include "cli/options.h"

typedef int write_fn(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors);

static const char *const dtypes[] = {"f32", "f64", NULL};

struct options {
	const char *in, *out;
	const char *dtype; /* NULL: as they are */
	bool force;
};

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), tail = strlen(suffix);
	return length > tail && !strcmp(name + length - tail, suffix);
}

static int choose_writer(const struct options *o, write_fn **ret_write)
{
	write_fn *write = has_suffix(o->out, ".safetensors") ? pb_ckpt_write_safetensors
			  : has_suffix(o->out, ".npz")       ? pb_ckpt_write_npz
							     : NULL;
	if (!write)
		return pb_fail(PB_E_USAGE, "%s should end in .safetensors or .npz", o->out);
	if (!o->force && !access(o->out, F_OK))
		return pb_fail(PB_E_USAGE, "%s exists; --force replaces it", o->out);
	*ret_write = write;
	return 0;
}

static int set_dtype(struct pb_ckpt *ckpt, enum pb_dtype dtype)
{
	enum pb_ckpt_dtype target = dtype == PB_F64 ? PB_CKPT_F64 : PB_CKPT_F32;
	for (size_t i = 0; i < ckpt->n_tensors; i++) {
		struct pb_ckpt_tensor *t = &ckpt->tensors[i];
		if (t->dtype > PB_CKPT_BF16 || t->dtype == target) /* integers come behind BF16 */
			continue;
		void *data = pb_arena_array(&ckpt->arena, (size_t)t->count, pb_ckpt_dtype_size(target));
		if (!data)
			return -PB_E_NOMEM;
		pb_ckpt_convert(t, dtype, data);
		t->data = data;
		t->dtype = target;
	}
	return 0;
}

static int convert(const struct options *o)
{
	struct pb_ckpt ckpt;
	write_fn *write = NULL;
	int rc = choose_writer(o, &write);
	if (!rc)
		rc = pb_ckpt_read(o->in, &ckpt);
	if (rc < 0)
		return rc;
	if (!ckpt.n_tensors)
		rc = pb_fail(PB_E_FORMAT, "%s holds no tensors (`patchbay inspect` shows what it holds)", o->in);
	if (!rc && o->dtype)
		rc = set_dtype(&ckpt, strcmp(o->dtype, dtypes[0]) ? PB_F64 : PB_F32);
	if (!rc)
		rc = write(o->out, ckpt.tensors, ckpt.n_tensors);
	if (!rc)
		printf("%s: %zu tensors written\n", o->out, ckpt.n_tensors);
	if (!rc && ckpt.n_values)
		printf("%zu other values of %s were left out\n", ckpt.n_values, o->in);
	pb_ckpt_finish(&ckpt);
	return rc;
}

static int run(int argc, char **argv)
{
	struct options o = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_convert, argc, argv, &o, &code))
		return code;
	o.in = argv[1];
	o.out = argv[2];
	int rc = convert(&o);
	return rc ? pb_cli_fail(&pb_cmd_convert, NULL, rc) : 0;
}

static const struct pb_cli_word operands[] = {
	{.name = "IN", .offer = PB_CLI_FILES, .suffixes = "pt safetensors npz"},
	{.name = "OUT", .offer = PB_CLI_FILES, .suffixes = "safetensors npz"},
	{0},
};

static const struct pb_cli_option
	dtype = {.name = "dtype",
		 .type = PB_CLI_TEXT,
		 .offset = offsetof(struct options, dtype),
		 .value = {.name = "TYPE", .choices = dtypes},
		 .doc = "write every floating-point tensor as this type; integers and booleans stay as they are"},
	force = {.name = "force",
		 .type = PB_CLI_FLAG,
		 .offset = offsetof(struct options, force),
		 .doc = "replace OUT if it exists"};

static const struct pb_cli_example examples[] = {
	{"convert model_1.pt model_1.safetensors", "what torch.save wrote, as safetensors"},
	{"convert model_1.pt model_1.npz --dtype f64", "for numpy, in double precision"},
	{0},
};

const struct pb_cli_command pb_cmd_convert = {
	.name = "convert",
	.summary = "write a checkpoint in another format",
	.doc = "Reads a checkpoint (.pt, .safetensors or .npz, told by content) and writes its tensors as "
	       ".safetensors or .npz, told by OUT's suffix. What the file holds besides tensors is not written.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&dtype, &force, NULL},
	.examples = examples,
	.run = run,
	.writes = true,
};
