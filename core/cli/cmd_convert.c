/* cmd_convert.c: `patchbay convert IN OUT`. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "cli/cli.h"

static const char usage[] =
	"usage: patchbay convert [--dtype f32|f64] [--force] IN OUT\n"
	"\n"
	"Reads a checkpoint (.pt, .safetensors or .npz, told by content) and writes its tensors as .safetensors or "
	".npz,\n"
	"told by OUT's suffix. What the file holds besides tensors is not written.\n"
	"\n"
	"  --dtype f32|f64  write every floating-point tensor as this type; integers and booleans stay as they are\n"
	"  --force          replace OUT if it exists\n"
	"\n"
	"example: patchbay convert model_1.pt model_1.safetensors\n";

typedef int write_fn(const char *path, const struct pb_ckpt_tensor *tensors, size_t n_tensors);

struct options {
	const char *in, *out;
	enum pb_dtype dtype; /* 0: as they are */
	bool force, help;
};

static int take_dtype(const char *name, enum pb_dtype *ret_dtype)
{
	if (!name || (strcmp(name, "f32") && strcmp(name, "f64")))
		return pb_fail(PB_E_USAGE, "--dtype wants f32 or f64");
	*ret_dtype = strcmp(name, "f32") ? PB_F64 : PB_F32;
	return 0;
}

static int take_file(const char *name, struct options *o)
{
	static const char *const options[] = {"dtype", "force", "help", NULL};
	if (name[0] == '-') {
		const char *nearest = pb_nearest(name + strspn(name, "-"), options, 3);
		return pb_fail(PB_E_USAGE, "unknown option `%s`%s%s%s\n(`patchbay convert --help` lists the options)",
			       name, nearest ? "; did you mean `--" : "", nearest ? nearest : "", nearest ? "`?" : "");
	}
	if (o->out)
		return pb_fail(PB_E_USAGE, "one IN and one OUT, not also %s", name);
	*(o->in ? &o->out : &o->in) = name;
	return 0;
}

static int parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {0};
	int rc = 0;
	for (int i = 1; i < argc && !rc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			o.help = true;
		else if (!strcmp(argv[i], "--force"))
			o.force = true;
		else if (!strncmp(argv[i], "--dtype=", 8))
			rc = take_dtype(argv[i] + 8, &o.dtype);
		else if (!strcmp(argv[i], "--dtype"))
			rc = take_dtype(++i < argc ? argv[i] : NULL, &o.dtype);
		else
			rc = take_file(argv[i], &o);
	}
	if (!rc && !o.help && !o.out)
		rc = pb_fail(PB_E_USAGE, "name IN and OUT; `patchbay convert --help` says more");
	if (!rc)
		*ret_options = o;
	return rc;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), tail = strlen(suffix);
	return length > tail && !strcmp(name + length - tail, suffix);
}

static int choose_writer(const struct options *o, write_fn **ret_write)
{
	write_fn *write = has_suffix(o->out, ".safetensors") ? pb_ckpt_write_safetensors
			  : has_suffix(o->out, ".npz")	     ? pb_ckpt_write_npz
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
		rc = set_dtype(&ckpt, o->dtype);
	if (!rc)
		rc = write(o->out, ckpt.tensors, ckpt.n_tensors);
	if (!rc)
		printf("%s: %zu tensors written\n", o->out, ckpt.n_tensors);
	if (!rc && ckpt.n_values)
		printf("%zu other values of %s were left out\n", ckpt.n_values, o->in);
	pb_ckpt_finish(&ckpt);
	return rc;
}

int pb_cmd_convert(int argc, char **argv)
{
	struct options o;
	int rc = parse(argc, argv, &o);
	if (!rc && o.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (!rc)
		rc = convert(&o);
	if (rc < 0)
		fprintf(stderr, "patchbay convert: %s\n", pb_error_text());
	return pb_status_exit_code(rc);
}
