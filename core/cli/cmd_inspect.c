/* cmd_inspect.c: `patchbay inspect CHECKPOINT`. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "cli/cli.h"

static const char usage[] =
	"usage: patchbay inspect CHECKPOINT...\n"
	"\n"
	"Prints what is in a .pt (torch.save, of any age), .safetensors or .npz file: each tensor's name, type, "
	"shape,\n"
	"least and greatest element, mean and norm (of its finite elements), how many are NaN or infinite; what else\n"
	"the file holds; and the model's dimensions where it is a HookedTransformer. Nothing in the file is executed.\n"
	"\n"
	"example: patchbay inspect runs/oocl/model_1.pt\n";

static int fail(int rc)
{
	fprintf(stderr, "patchbay inspect: %s\n", pb_error_text());
	return pb_status_exit_code(rc);
}

static int inspect(const char *path)
{
	struct pb_ckpt ckpt;
	struct pb_text out = {0};
	int rc = pb_ckpt_read(path, &ckpt);
	if (rc < 0)
		return rc;
	rc = pb_ckpt_describe(&ckpt, &out);
	if (!rc && (fputs(out.data, stdout) < 0 || fflush(stdout)))
		rc = pb_fail(PB_E_IO, "cannot write what %s holds", path);
	pb_text_finish(&out);
	pb_ckpt_finish(&ckpt);
	return rc;
}

int pb_cmd_inspect(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2)
		return fail(pb_fail(PB_E_USAGE, "name a checkpoint; `patchbay inspect --help` says more"));
	for (int i = 1; i < argc; i++) {
		int rc = argv[i][0] == '-' ? pb_fail(PB_E_USAGE,
						     "unknown option `%s`\n(`patchbay inspect --help` says more)", argv[i])
					   : inspect(argv[i]);
		if (rc < 0)
			return fail(rc);
	}
	return 0;
}
