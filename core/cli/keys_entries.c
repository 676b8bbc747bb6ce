/* keys_entries.c: keys that are decoded by hand, and words that keys take. */
#include "cli/keys.h"

#include <string.h>

#define PLUGIN "a plugin's name, or {plugin: NAME, ...}"

/* JSON Schema of values. */
#define REF(name)     "{\"$ref\": \"#/definitions/" name "\"}"
#define LIST_OF(item) "{\"type\": \"array\", \"items\": " item "}"
#define MAP_TO(value) "{\"type\": \"object\", \"additionalProperties\": " value "}"

static const struct pb_keys_entry entries[] = {
	{"an experiment", "model", "mapping", "the model: a checkpoint, or sizes to start from scratch; see `model`",
	 .schema = REF("model"), .required = true},
	{"an experiment", "data", PLUGIN "; required",
	 "the dataset, which makes examples, splits, units and questions; see `data`", .schema = REF("dataset"),
	 .required = true},
	{"an experiment", "train", "list of mappings; optional", "training stages, in order; see `train`",
	 .schema = LIST_OF(REF("stage"))},
	{"an experiment", "checkpoints", "mapping of name to file; optional",
	 "more weights by name, for `probe`, e.g. `{model_2: runs/a/checkpoints/model_2.safetensors}`; files are "
	 "looked "
	 "for from the working folder",
	 .schema = MAP_TO("{\"type\": \"string\"}")},
	{"an experiment", "probe", "mapping; optional", "the training example the sweeps are about; see `probe`",
	 .schema = REF("probe")},
	{"an experiment", "update", "mapping; optional", "the one optimizer step behind a patch; see `update`",
	 .schema = REF("update")},
	{"an experiment", "loss", PLUGIN "; default cross_entropy",
	 "the metric whose gradient trains and updates; it needs one (`patchbay plugin info NAME` tells). "
	 "Made small; where more of the metric is better, the loss is minus the metric",
	 .schema = REF("metric")},
	{"an experiment", "metric", PLUGIN "; default correct_logit",
	 "what is measured in each cell of a sweep, e.g. `{plugin: correct_logit, of: probability}`",
	 .schema = REF("metric")},
	{"an experiment", "similarity", "list of examples; optional",
	 "whose gradients are compared, each with each; see `similarity`",
	 .schema = LIST_OF("{\"anyOf\": [{\"enum\": [\"clean\", \"corrupted\", \"questions\"]}, {\"type\": \"integer\", "
			   "\"minimum\": 0}, " REF("example") "]}")},
	{"an experiment", "sweeps", "list of mappings; optional", "what is patched, cell by cell; see `sweeps`",
	 .schema = LIST_OF(REF("sweep"))},
	{"an experiment", "drilldown", "mapping; optional",
	 "searches for the smallest set of parameters that carries a share of the score; see `drilldown`",
	 .schema = REF("drilldown")},

	{"a training stage", "loss", PLUGIN "; default: the experiment's", "the loss of this stage",
	 .schema = REF("metric")},
	{"a training stage", "evaluate", "mapping of metric to split or list of splits; optional",
	 "curves to keep, e.g. `{accuracy: [Dt3, Df4], cross_entropy: arithmetic_validation}`",
	 .schema = MAP_TO("{\"anyOf\": [{\"type\": \"string\"}, " LIST_OF("{\"type\": \"string\"}") "]}")},
	{"a training stage", "optimizer", "mapping, or the word continue; optional",
	 "see `optimizer`; `continue`: go on with the optimizer of the stage before, moments and all (not in the first "
	 "stage)",
	 .schema = "{\"anyOf\": [{\"const\": \"continue\"}, " REF("optimizer") "]}"},
	{"a training stage", "stop", "mapping; optional", "when to end the stage early; see `stop`",
	 .schema = REF("stop")},
	{"`stop`", "metric", PLUGIN "; default cross_entropy", "what to look at", .schema = REF("metric")},
	{"`probe`", "select", "mapping; optional",
	 "compares all units' questions before and after a training stage (`units.csv`); see `select`",
	 .schema = REF("select")},
	{"`select`", "metric", PLUGIN "; default accuracy",
	 "what to compare: more is an improvement, or less for a metric such as cross_entropy",
	 .schema = REF("metric")},

	{"a sweep", "setter", PLUGIN ", or the word params",
	 "what is patched of the hook point, e.g. `layer_head`, `{plugin: noise, std: 3}`; `params`: parameters' "
	 "gradients; "
	 "required",
	 .schema = REF("setter"), .required = true},
	{"a sweep", "cells", "list of tuples, or of lists of tuples; optional",
	 "the cells to patch in place of the whole grid; see `cells`",
	 .schema = "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": [\"array\", \"string\", \"integer\"]}}"},
	{"a sweep", "sets", "mapping of name to parameter set, or one of each, blocks, cumulative",
	 "which parameters a sweep with `setter: params` patches; required there; see `sets`",
	 .schema = "{\"anyOf\": [{\"enum\": [\"each\", \"blocks\", \"cumulative\"]}, " MAP_TO("{\"type\": \"string\"}") "]}"},

	{"kind", "gradient", NULL, .doc = "patch the base run, take one optimizer step, measure the questions"},
	{"kind", "activation", NULL,
	 .doc = "patch the base run, measure its own logits; no update, and neither `backward` nor `gradient`"},
	{"kind", "params", NULL,
	 .doc = "replace the gradients of a set of parameters by the other run's, take one optimizer step, measure the "
	 "questions; `setter: params` makes it so"},
	{"run", "none", NULL, .doc = "nothing is patched in this direction; as `base`: the default of the sweep's kind"},
	{"run", "clean", NULL, .doc = "the run of the probe's clean example"},
	{"run", "corrupted", NULL, .doc = "the run of the probe's corrupted example"},
	{"run", "ablate", NULL,
	 .doc = "the setter needs no other run (zero, noise, mean); the default of `forward` with such a setter; not for "
	 "`base`"},
	{"estimate", "false", NULL, .doc = "every cell is evaluated"},
	{"estimate", "true", NULL,
	 .doc = "the estimate stands beside the exact value (columns `estimate`, `estimate_score`), with their correlation"},
	{"estimate", "only", NULL,
	 .doc = "for screening: no cell is measured, only the two ends; `metric` and `score` stay empty"},
	{"gradient", "pass", NULL,
	 .doc = "the value is replaced and the gradient passes as if it had not been; a backward patch always takes effect"},
	{"gradient", "torch", NULL,
	 .doc = "what PyTorch's hooks do: replaced entries are constants; a whole replaced activation cuts the graph, so "
	 "parameters upstream get no gradient and the optimizer skips them"},
};

const struct pb_keys_entry *pb_keys_find(const char *of, const char *name)
{
	for (size_t i = 0; i < PB_COUNT_OF(entries); i++)
		if (!strcmp(entries[i].of, of) && !strcmp(entries[i].name, name))
			return &entries[i];
	return NULL;
}

bool pb_keys_stands_for_nothing(const char *default_text)
{
	static const char *const nothing[] = {"~", "[]", "{}", "1e300", "-1e300"};
	for (size_t i = 0; i < PB_COUNT_OF(nothing); i++)
		if (!strcmp(default_text, nothing[i]))
			return true;
	return false;
}
