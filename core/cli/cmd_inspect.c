/* cmd_inspect.c: `patchbay inspect CHECKPOINT`. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "cli/cli.h"
#include "cli/options.h"

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

static int inspect_all(int argc, char **argv)
{
	int code;
	if (!pb_cli_parse(&pb_cmd_inspect, argc, argv, NULL, &code))
		return code;
	for (int i = 1; argv[i]; i++) {
		int rc = inspect(argv[i]);
		if (rc)
			return pb_cli_fail(&pb_cmd_inspect, NULL, rc);
	}
	return 0;
}

static const struct pb_cli_word operands[] = {
	{.name = "CHECKPOINT", .offer = PB_CLI_FILES, .suffixes = "pt safetensors npz", .repeated = true},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"inspect runs/oocl/checkpoints/model_1.safetensors",
	 "the tensors of a run's weights, and the model's dimensions"},
	{0},
};

const struct pb_cli_command pb_cmd_inspect = {
	.name = "inspect",
	.summary = "show what is in a checkpoint",
	.doc = "Prints what is in a .pt (torch.save, of any age), .safetensors or .npz file: each tensor's name, "
	       "type, shape, least and greatest element, mean and norm (of its finite elements), how many are NaN "
	       "or infinite; what else the file holds; and the model's dimensions where it is a HookedTransformer. "
	       "Nothing in the file is executed.",
	.operands = operands,
	.examples = examples,
	.run = inspect_all,
};
