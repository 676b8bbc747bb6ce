/* keys.c: the text of the reference of the experiment file. Its examples are checked by tests/cli/test_keys.c. */
#include "cli/keys.h"

static const char head[] =
	"# The experiment file\n"
	"\n"
	"An experiment is one YAML file. `patchbay check FILE` names every mistake in it, `--set PATH=VALUE` changes "
	"a\n"
	"key from outside (`--set update.lr=1e-3`, `--set sweeps.0.hook=z`). The plugins' own keys are in\n"
	"[plugins.md](plugins.md). A whole experiment:\n"
	"\n"
	"```yaml\n"
	"name: which-heads\n"
	"model: {load: model_1.pt}\n"
	"data: {plugin: oocl, mod: 30}\n"
	"probe: {unit: 12}\n"
	"update: {optimizer: adamw, lr: 1.0e-4}\n"
	"metric: {plugin: correct_logit, of: logit}\n"
	"sweeps:\n"
	"  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"```\n"
	"\n"
	"Paths: `model.load` and `checkpoints` are looked for from the working folder; a dataset's files from the "
	"folder\n"
	"of the experiment file, or from `folder`.\n"
	"\n"
	"Where a key names a plugin, a word is enough (`setter: layer_head`); parameters need a mapping\n"
	"(`setter: {plugin: noise, std: 3}`).\n"
	"\n"
	"## Top of the file\n";

static const char model[] =
	"## model\n"
	"\n"
	"With `load`, sizes come from the checkpoint and need not be given. From scratch, `n_layers`, "
	"`d_model` and\n"
	"`n_heads` must be given. 0 stands for a size that is not given.\n";

static const char data[] = "## data\n"
			   "\n"
			   "`plugin` names the dataset, the other keys are its own: `data: {plugin: oocl, mod: 120}`. "
			   "`patchbay plugin info oocl`\n"
			   "lists them, and the splits (lists of examples to train and evaluate on) and units (what a "
			   "probe may be about).\n";

static const char train[] =
	"## train\n"
	"\n"
	"A list of stages. Each needs `epochs` or `steps`. Weights saved by a stage are known to `probe` by that name; "
	"those\n"
	"at the start are called `loaded`, or `init` for a model from scratch.\n"
	"\n"
	"```yaml\n"
	"model: {n_layers: 2, d_model: 64, n_heads: 4}\n"
	"data: {plugin: oocl, mod: 30}\n"
	"train:\n"
	"  - name: pretrain\n"
	"    split: arithmetic\n"
	"    epochs: 100\n"
	"    optimizer: {kind: adamw, lr: 1.0e-3, warmup_steps: 100}\n"
	"    evaluate: {accuracy: arithmetic_validation}\n"
	"    stop: {split: arithmetic_validation, metric: cross_entropy, below: 0.1}\n"
	"    save: model_0\n"
	"  - {name: X1, split: X1, epochs: 50, optimizer: continue, evaluate: {accuracy: [DtQ1, DfQ2]}, save: "
	"model_1}\n"
	"  - {name: X2, split: X2, epochs: 5, optimizer: continue, save: model_2}\n"
	"probe:\n"
	"  model: model_1\n"
	"  select: {metric: accuracy, before: model_1, after: model_2, sets: [Dt3, Df4]}\n"
	"sweeps:\n"
	"  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"```\n";

static const char probe[] = "## probe\n"
			    "\n"
			    "The unit has a clean and a corrupted training example and questions about it. `unit` may "
			    "be left out where the\n"
			    "data have a single one.\n"
			    "\n"
			    "`units` makes every sweep on each of several units and gives the mean of each cell, with standard "
			    "deviation, count\n"
			    "and a 95 % interval (percentile bootstrap over the units, seeded by `seed`). A list may mix units and "
			    "sets;\n"
			    "`units: all` is every unit, but for one that the data call `all`, which is all of them in one batch. A "
			    "unit's score\n"
			    "is measured between its own ends; a unit whose ends coincide has a metric and no score, and the count "
			    "says so.\n"
			    "Several names in `model` make the sweeps under each of these weights, in tables of their own; "
			    "`seeds`, at the top,\n"
			    "repeats training and probing with each seed, each in a folder `seed-N`, and gives the means over the "
			    "seeds.\n"
			    "`similarity` is about the first unit and the first weights.\n"
			    "\n"
			    "```yaml\n"
			    "model: {load: model_1.pt}\n"
			    "checkpoints: {model_2: model_2.pt}\n"
			    "data: {plugin: oocl, mod: 30}\n"
			    "probe: {units: [Dt3, Df4], model: [loaded, model_2]}\n"
			    "sweeps:\n"
			    "  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
			    "```\n";

static const char sweeps[] = "## sweeps\n"
			     "\n"
			     "A list. For each cell the base run is patched and the metric measured. The score is\n"
			     "(metric - corrupted) / (clean - corrupted), where clean and corrupted are the metric "
			     "without a patch: behind that\n"
			     "run's update, or of that run's logits with `kind: activation`.\n"
			     "\n"
			     "Each sweep needs `name` and `setter`; with `setter: params` also `sets`, else `hook`, "
			     "and with a setter that copies\n"
			     "from a run also `forward` or `backward`. Their words are explained below, and each kind "
			     "has an example there.\n";

static const char runs[] = "### base, forward, backward\n";

static const char gradient[] = "### gradient\n"
			       "\n"
			       "What the gradient does at a forward patch.\n";

static const char similarity[] =
	"## similarity\n"
	"\n"
	"The cosine of the angle between the gradients of the loss, of any two of the examples, for every parameter and for "
	"all\n"
	"in one (`similarity.csv`, `.json`, `.npz`, a heat map in the report). Gradients are those of the probe's weights as "
	"they\n"
	"are. An example is a word, a number, or a mapping:\n"
	"\n"
	"```yaml\n"
	"model: {load: model_1.pt}\n"
	"data: {plugin: oocl, mod: 30}\n"
	"probe: {unit: 12}\n"
	"similarity: [clean, corrupted, questions, 0, 1, {example: clean, unit: 13}]\n"
	"```\n";

static const char estimate[] =
	"### estimate\n"
	"\n"
	"What a cell's update does to the metric, to first order: the metric before, plus the inner product of the metric's\n"
	"gradient on the questions with what the update does to the weights (clipped, by the optimizer's rule, weight decay "
	"and\n"
	"all). `estimate_score` lies between the ends as they were measured. `estimate-parameters.csv` has what each "
	"parameter\n"
	"of the clean and of the corrupted update contributes. With `kind: activation`, where there is no\n"
	"update, it is attribution patching: the patched activations less the base run's, times the metric's gradient there. The\n"
	"metric needs a gradient.\n"
	"\n"
	"```yaml\n"
	"sweeps:\n"
	"  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted, estimate: true}\n"
	"  - {name: each parameter, setter: params, sets: each, estimate: only}\n"
	"  - {name: attribution, kind: activation, hook: z, setter: layer_pos_head, over: [layer, pos, head], forward: clean, "
	"estimate: only}\n"
	"```\n";

static const char kind[] = "### kind\n";

static const char axes[] =
	"### over and together\n"
	"\n"
	"An axis in `over` is swept: one cell for each of its values. An axis in `together` is patched whole in every "
	"cell.\n"
	"A setter needs its own axes (`patchbay plugin info NAME`) in one of the two; zero, noise and mean take any "
	"that\n"
	"the hook point has (`patchbay hooks FILE`).\n"
	"\n"
	"- `layer`: the points of a short hook name, one in each block; a full name\n"
	"  (`blocks.0.attn.hook_z`) is a single point and needs no `layer`\n"
	"- `pos`: token positions\n"
	"- `head`: attention heads\n"
	"- `dest_pos`, `src_pos`: query and key positions of `pattern` and `attn_scores`\n"
	"- `hook`: not to be named; several hooks in `hook` make it, in front of the others\n"
	"\n"
	"```yaml\n"
	"sweeps:\n"
	"  - {name: positions, hook: [resid_pre, mlp_out], setter: layer_pos, over: [layer, pos], forward: corrupted, "
	"backward: corrupted}\n"
	"  - {name: layers together, hook: z, setter: layer_head, over: [head], together: [layer], forward: "
	"corrupted}\n"
	"  - {name: one layer, hook: blocks.1.attn.hook_z, setter: layer_head, over: [head], forward: corrupted}\n"
	"  - {name: as in PyTorch, hook: resid_pre, setter: layer, over: [layer], forward: corrupted, gradient: "
	"torch}\n"
	"```\n"
	"\n"
	"Activation patching, the clean run's activations in the corrupted run:\n"
	"\n"
	"```yaml\n"
	"sweeps:\n"
	"  - {name: residual stream, kind: activation, hook: resid_pre, setter: layer_pos, over: [layer, pos], "
	"forward: "
	"clean}\n"
	"  - {name: patterns, kind: activation, hook: pattern, setter: layer_head_pattern, over: [layer, head], "
	"forward: "
	"clean}\n"
	"```\n"
	"\n"
	"Ablation, where nothing is taken from another run. A mean is taken over a split whose examples are as long as "
	"the\n"
	"probe's:\n"
	"\n"
	"```yaml\n"
	"sweeps:\n"
	"  - {name: zero, hook: z, setter: {plugin: zero}, over: [layer, head]}\n"
	"  - {name: noise, hook: z, setter: {plugin: noise, std: 3}, over: [layer, head], forward: ablate}\n"
	"  - {name: mean, hook: mlp_out, setter: {plugin: mean, split: X1}, over: [layer, pos]}\n"
	"  - {name: zero gradients, hook: z, setter: zero, over: [layer, head], backward: ablate}\n"
	"  - {name: zero logits, kind: activation, hook: z, setter: zero, over: [layer, head]}\n"
	"```\n";

static const char cells[] = "### cells\n"
			    "\n"
			    "Each cell is a tuple in the order of `over`, or a list of tuples that are patched "
			    "together. With several hooks the\n"
			    "tuple begins with the hook's name.\n"
			    "\n"
			    "```yaml\n"
			    "sweeps:\n"
			    "  - {name: three cells, hook: z, setter: layer_head, over: [layer, head], forward: "
			    "corrupted, cells: [[0, 1], [0, "
			    "3], [[0, 1], [2, 0]]]}\n"
			    "  - {name: two hooks, hook: [q, k], setter: layer_head, over: [layer, head], forward: "
			    "corrupted, cells: [[q, 0, 1], "
			    "[k, 0, 1]]}\n"
			    "```\n";

static const char sets[] = "### sets\n"
			   "\n"
			   "For a sweep with `setter: params`, which has neither `hook` nor `over`, `together`, "
			   "`cells`, `forward`, `backward`.\n"
			   "The gradients of the set's parameters come from the run that is not `base`, all others "
			   "from `base` (corrupted if\n"
			   "left out). `patchbay inspect CHECKPOINT` lists the parameters.\n"
			   "\n"
			   "- `each`: one cell for each parameter\n"
			   "- `blocks`: the embeddings, each block, the rest\n"
			   "- `cumulative`: the embeddings, then each block with all before it, then everything\n"
			   "- a mapping of names to sets; a set is made of\n"
			   "  - patterns of a whole name or of whole parts of it between dots: `blocks.0.attn.W_Q`, "
			   "`attn`, `blocks.1`, `W_?`;\n"
			   "    with `*` (anything), `?` (one character), `[QK]`, `[!QK]`, `{ln1,ln2}`, and `<=2`, "
			   "`<2`, `>=2`, `>2` in place of\n"
			   "    a number (`blocks.<=2`)\n"
			   "  - one head of W_Q, W_K, W_V, W_O, b_Q, b_K, b_V as a last part: `blocks.0.attn.W_V.h2`, `W_Q.h<=1`,\n"
			   "    or of all of them: `blocks.0 & h2`\n"
			   "  - joined by `+` (or), `-` (without), `&` (both), from the left, none before the others\n"
			   "  - `!` (all but the next pattern or parenthesis) and parentheses\n"
			   "\n"
			   "Quote a set that has `[`, `{`, `!`, `&` or `*` in it.\n"
			   "\n"
			   "```yaml\n"
			   "sweeps:\n"
			   "  - {name: each, setter: params, sets: each}\n"
			   "  - {name: up to block, setter: params, sets: cumulative, base: corrupted}\n"
			   "  - name: parts\n"
			   "    setter: params\n"
			   "    sets:\n"
			   "      OV: \"attn.{W,b}_[OV]\"\n"
			   "      first blocks: blocks.<=1\n"
			   "      MLPs without biases: \"mlp - b_*\"\n"
			   "      attention of block 0: \"attn & blocks.0\"\n"
			   "      all else: \"!(embed + pos_embed + blocks)\"\n"
			   "```\n";

static const char drilldown[] =
	"## drilldown\n"
	"\n"
	"From the whole model down (embeddings and blocks; attention, MLP, norms; Q, K, V, O; heads; single matrices) to\n"
	"the smallest set of parameters whose gradients, all others being of the run `base`, bring about `share` of the\n"
	"score. At each level every part is left out, and alone kept; the set with the fewest parameters that still reaches\n"
	"the share goes on to the next level (above the last one a reserve is kept for what finer parts cost). Scores are\n"
	"measured, never added up; over several `units` they are means.\n"
	"\n"
	"What is found reaches the share; without any one of its parts, or reduced to one of them, it does not. A smaller\n"
	"set of quite other parts may exist: not all sets are tried.\n"
	"\n"
	"The report shows the path; its sets are written as `sets` takes them. `drilldown.csv` has a row for each step.\n"
	"\n"
	"```yaml\n"
	"model: {load: model_1.pt}\n"
	"data: {plugin: oocl, mod: 30}\n"
	"probe: {unit: 7}\n"
	"drilldown: {share: [0.9, 0.5]}\n"
	"```\n";

const struct pb_keys_section pb_keys_sections[] = {
	{head, .table = &pb_config_tables.top},
	{model, .table = &pb_config_tables.model},
	{data, .table = NULL},
	{train, .table = &pb_config_tables.stage},
	{"### optimizer\n", .table = &pb_config_tables.optimizer},
	{"### stop\n\nNeeds `below` or `above`.\n", .table = &pb_config_tables.stop},
	{probe, .table = &pb_config_tables.probe},
	{"### select\n", .table = &pb_config_tables.select},
	{"## update\n", .table = &pb_config_tables.update},
	{similarity, .table = &pb_config_tables.example},
	{sweeps, .table = &pb_config_tables.sweep},
	{kind, .words = pb_sweep_kind_names, .of = "kind"},
	{runs, .words = pb_patch_from_names, .of = "run"},
	{gradient, .words = pb_gradient_mode_names, .of = "gradient"},
	{estimate, .words = pb_estimate_mode_names, .of = "estimate"},
	{axes, .table = NULL},
	{cells, .table = NULL},
	{sets, .table = NULL},
	{drilldown, .table = &pb_config_tables.drilldown},
};

const size_t pb_keys_n_sections = PB_COUNT_OF(pb_keys_sections);
