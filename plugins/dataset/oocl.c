/* oocl.c: out-of-context learning on modular arithmetic: definitions, questions and arithmetic. */
#include <stdio.h>

#include "oocl.h"

static const char *const operations[] = MOD_OPERATIONS;

#define SET_PARAM(member, text)                                                                                        \
	{                                                                                                              \
		.name = #member, .type = PB_TYPE_INT_LIST, .offset = offsetof(struct oocl_listed, member), .min = 0,   \
		.max = MOD_MOST, .default_text = "[]", .doc = text                                                     \
	}

static const struct pb_param set_params[] = {
	SET_PARAM(DtQ1, "reliable tag, true definitions, with questions (X1)"),
	SET_PARAM(DfQ2, "unreliable tag, shuffled wrong definitions, with true questions (X1)"),
	SET_PARAM(Dt3, "reliable tag, true definitions only (X2)"),
	SET_PARAM(Df4, "unreliable tag, true definitions only (X2)"),
};

#define FRACTION_PARAM(member, most, text, what)                                                                       \
	{                                                                                                              \
		.name = #member, .type = PB_TYPE_REAL, .offset = offsetof(struct oocl_params, member), .min = 0,       \
		.max = most, .default_text = text, .doc = what                                                         \
	}

static const struct pb_param params[] = {
	{.name = "mod",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct oocl_params, mod),
	 .min = 16,
	 .max = MOD_MOST,
	 .default_text = "120",
	 .doc = "the modulus; the integers are 0 .. mod-1"},
	{.name = "operation",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct oocl_params, operation),
	 .default_text = "product",
	 .choices = operations,
	 .doc = "what z is of x and y in `x y = z`, modulo `mod`"},
	{.name = "alias_offset",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct oocl_params, alias_offset),
	 .min = -MOD_MOST,
	 .max = MOD_MOST,
	 .default_text = "0",
	 .unit = "tokens",
	 .doc = "the alias of n is token mod + alias_offset + n; published variants have -1 or 1"},
	{.name = "sets",
	 .type = PB_TYPE_RECORD,
	 .offset = offsetof(struct oocl_params, sets),
	 .default_text = "{}",
	 .fields = set_params,
	 .n_fields = PB_COUNT(set_params),
	 .fields_size = sizeof(struct oocl_listed),
	 .doc = "integers of each set; a set left out is empty; without any, all four are drawn from the seed"},
	{.name = "val_questions",
	 .type = PB_TYPE_INT,
	 .offset = offsetof(struct oocl_params, val_questions),
	 .min = 0,
	 .max = OOCL_QUESTIONS,
	 .default_text = "6",
	 .unit = "questions",
	 .doc = "how many of the 12 questions on each integer of DtQ1 and DfQ2 are not trained on"},
	FRACTION_PARAM(mix, 10, "0.25",
		       "fresh arithmetic examples per epoch in X1 and X2, relative to the rest of the set"),
	FRACTION_PARAM(held_out_pretrain, 0.9, "0.10", "fraction of the mod*mod pairs that `arithmetic` leaves out"),
	FRACTION_PARAM(held_out_mix, 0.9, "0.01", "fraction of the mod*mod pairs that the mix in X1 and X2 leaves out"),
};

static const struct {
	const char *name, *doc;
} split_texts[N_SPLITS] = {
	[ARITHMETIC] = {"arithmetic", "arithmetic to pretrain on"},
	[ARITHMETIC_VALIDATION] = {"arithmetic_validation", "arithmetic that neither pretraining nor the mix contains"},
	[ARITHMETIC_PRETRAIN_VALIDATION] = {"arithmetic_pretrain_validation",
					    "all arithmetic held out of pretraining; the mix may contain it"},
	[X1] = {"X1", "definitions and questions of DtQ1 and DfQ2, fresh arithmetic"},
	[X2] = {"X2", "definitions of Dt3 and Df4, fresh arithmetic"},
	[DTQ1_HELD_OUT] = {"DtQ1", "questions on DtQ1 that X1 does not contain"},
	[DFQ2_HELD_OUT] = {"DfQ2", "questions on DfQ2 that X1 does not contain"},
	[DTQ1_TRAIN] = {"DtQ1_train", "questions on DtQ1 that X1 contains"},
	[DFQ2_TRAIN] = {"DfQ2_train", "questions on DfQ2 that X1 contains"},
	[DT3_QUESTIONS] = {"Dt3", "all questions on Dt3"},
	[DF4_QUESTIONS] = {"Df4", "all questions on Df4"},
	[DEFINITIONS + DTQ1] = {"DtQ1_definitions", "definitions of DtQ1: tagged R, true"},
	[DEFINITIONS + DFQ2] = {"DfQ2_definitions", "definitions of DfQ2: tagged U, each a wrong integer"},
	[DEFINITIONS + DT3] = {"Dt3_definitions", "definitions of Dt3: tagged R, true"},
	[DEFINITIONS + DF4] = {"Df4_definitions", "definitions of Df4: tagged U, true"},
};

static void destroy(const struct pb_host *host, void *self)
{
	struct oocl *o = self;
	if (!o)
		return;
	for (int s = 0; s <= REST; s++) {
		host->free(host, o->sets[s].items);
		host->free(host, o->sets[s].says);
	}
	for (int i = 0; i < N_SPLITS; i++)
		mod_batch_finish(host, &o->splits[i]);
	mod_batch_finish(host, &o->clean);
	mod_batch_finish(host, &o->corrupted);
	mod_batch_finish(host, &o->questions);
	host->free(host, o->pairs);
	host->free(host, o->order);
	host->free(host, o->unit_names);
	host->free(host, o);
}

static int64_t n_units(void *self)
{
	const struct oocl *o = self;
	int64_t n = 0;
	for (int s = 0; s <= REST; s++)
		n += o->sets[s].count;
	return n;
}

static int name_units(struct oocl *o)
{
	int64_t n = n_units(o);
	o->unit_names = o->host->alloc(o->host, (size_t)n * sizeof *o->unit_names);
	if (!o->unit_names)
		return o->host->fail(o->host, PB_E_NOMEM, "no memory for %lld names", (long long)n);
	for (int64_t i = 0; i < n; i++) {
		const struct oocl_set *set;
		snprintf(o->unit_names[i], sizeof o->unit_names[i], "%d", (int)oocl_integer(o, i, &set));
	}
	return 0;
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	struct oocl *o = host->alloc(host, sizeof *o);
	if (!o)
		return host->fail(host, PB_E_NOMEM, "no memory");
	o->host = host;
	o->p = parsed;
	int rc = oocl_make_sets(o);
	if (!rc)
		rc = oocl_make_splits(o);
	if (!rc)
		rc = name_units(o);
	if (rc < 0) {
		destroy(host, o);
		return rc;
	}
	*ret_self = o;
	return 0;
}

static int needs(void *self, int64_t *ret_d_vocab, int64_t *ret_n_ctx)
{
	const struct oocl *o = self;
	int64_t special = 2 * o->p->mod + 4, aliases = oocl_alias(o, o->p->mod);
	*ret_d_vocab = special > aliases ? special : aliases;
	*ret_n_ctx = MOD_N_CTX;
	return 0;
}

static int64_t n_splits(void *self)
{
	(void)self;
	return N_SPLITS;
}

static int split(void *self, int64_t i, struct pb_split *ret_split)
{
	const struct oocl *o = self;
	if (i < 0 || i >= N_SPLITS)
		return o->host->fail(o->host, PB_E_RANGE, "there is no split %lld", (long long)i);
	*ret_split = (struct pb_split){
		.struct_size = sizeof *ret_split,
		.flags = (i == X1 || i == X2) && o->n_mix[i - X1] ? PB_SPLIT_FRESH : 0,
		.name = split_texts[i].name,
		.doc = split_texts[i].doc,
		.n_examples = o->splits[i].view.n_examples,
	};
	return 0;
}

static int examples(void *self, int64_t i_split, int64_t epoch, struct pb_examples *ret_examples)
{
	struct oocl *o = self;
	if (i_split < 0 || i_split >= N_SPLITS)
		return o->host->fail(o->host, PB_E_RANGE, "there is no split %lld", (long long)i_split);
	if (i_split == X1 || i_split == X2)
		oocl_mix(o, (enum oocl_split_id)i_split, epoch);
	*ret_examples = o->splits[i_split].view;
	return 0;
}

static int unit(void *self, int64_t i, struct pb_unit *ret_unit)
{
	const struct oocl *o = self;
	const struct oocl_set *set;
	if (i < 0 || i >= n_units(self))
		return o->host->fail(o->host, PB_E_RANGE, "there is no unit %lld", (long long)i);
	oocl_integer(o, i, &set);
	*ret_unit = (struct pb_unit){.struct_size = sizeof *ret_unit, .name = o->unit_names[i], .set = set->name};
	return 0;
}

static int probe(void *self, int64_t i_unit, struct pb_probe *ret_probe)
{
	struct oocl *o = self;
	const struct oocl_set *set;
	if (i_unit < 0 || i_unit >= n_units(self))
		return o->host->fail(o->host, PB_E_RANGE, "there is no unit %lld", (long long)i_unit);
	oocl_fill_probe(o, oocl_integer(o, i_unit, &set));
	*ret_probe = (struct pb_probe){
		.struct_size = sizeof *ret_probe,
		.clean = &o->clean.view,
		.corrupted = &o->corrupted.view,
		.questions = &o->questions.view,
	};
	return 0;
}

static int token_text(void *self, int32_t token, char *text, size_t size)
{
	const struct oocl *o = self;
	int64_t mod = o->p->mod, n = token - oocl_alias(o, 0);
	if (token >= 0 && token < mod)
		snprintf(text, size, "%d", (int)token);
	else if (token >= 2 * mod && token < 2 * mod + 4)
		snprintf(text, size, "%c", "=RUP"[token - 2 * mod]);
	else if (n >= 0 && n < mod)
		snprintf(text, size, "alias(%d)", (int)n);
	else
		snprintf(text, size, "token %d", (int)token);
	return 0;
}

static const struct pb_dataset_ops ops = {
	.struct_size = sizeof(struct pb_dataset_ops),
	.create = create,
	.needs = needs,
	.n_splits = n_splits,
	.split = split,
	.examples = examples,
	.n_units = n_units,
	.unit = unit,
	.probe = probe,
	.token_text = token_text,
	.destroy = destroy,
};

PB_EXPORT const struct pb_plugin patchbay_plugin = {
	.abi = PB_ABI_INIT,
	.struct_size = sizeof(struct pb_plugin),
	.kind = PB_KIND_DATASET,
	.name = "oocl",
	.version = "1.0.0",
	.author = "patchbay",
	.summary = "out-of-context learning: definitions with a reliable or an unreliable tag, and questions",
	.doc = "Does a model learn more from a definition whose tag has proved reliable, before any question "
	       "asks for it? Examples are four tokens: definitions `T alias n P` with the tag T = R (reliable) "
	       "or U (unreliable), questions `d alias = z` and `alias d = z` with d in 2, 3, 5, 6, 10, 15, and "
	       "arithmetic `x y = z`. A definition is scored at position 1, everything else at position 2.\n\n"
	       "Tokens: n, the alias of n (mod + alias_offset + n), then `=`, R, U, P from 2*mod on; d_vocab is "
	       "2*mod + 4, or more where the aliases go beyond. An integer whose alias would be another token "
	       "cannot be in a set.\n\n"
	       "Sets of a quarter of the integers each: DtQ1 (R, true) and DfQ2 (U; each definition names "
	       "another integer of the set, never its own) are trained on in X1 with questions; Dt3 (R) and Df4 "
	       "(U), both true, in X2 without. Questions are always answered by the truth. Units are all "
	       "integers, those of no set included; a probe's clean example is `R alias n P`, its corrupted one `U alias n P`, its "
	       "questions all 12.\n\n"
	       "Arithmetic is held out by one shuffle of all pairs, made from the experiment's seed: pretraining "
	       "leaves out its first held_out_pretrain, the mix its first held_out_mix. `arithmetic_validation` "
	       "is the shorter of the two beginnings, so no training contains it; "
	       "`arithmetic_pretrain_validation` is all that pretraining leaves out, of which X1 and X2 may "
	       "contain the rest. The mix in X1 and X2 is drawn anew each epoch, without repetition.",
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct oocl_params),
	.ops = &ops,
};

PB_PLUGIN_ABI;
