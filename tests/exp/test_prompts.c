/* test_prompts.c: activation patching of prompts on a model shaped like GPT-2: every sweep of TransformerLens'
 * patching.py, each cell against a patch made by hand on the bus.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "exp/lab.h"
#include "support/support.h"

enum { LAYERS = 2, HEADS = 4, POSITIONS = 5, VOCAB = 20, MOST_AXES = 5 };

static struct lab lab;

/* TransformerLens' function, the axes of its result, and the sweep. */
static const struct {
	const char *function, *axes, *sweep;
} grids[] = {
	{"get_act_patch_resid_pre", "layer pos", "hook: resid_pre, setter: layer_pos"},
	{"get_act_patch_resid_mid", "layer pos", "hook: resid_mid, setter: layer_pos"},
	{"get_act_patch_attn_out", "layer pos", "hook: attn_out, setter: layer_pos"},
	{"get_act_patch_mlp_out", "layer pos", "hook: mlp_out, setter: layer_pos"},
	{"get_act_patch_attn_head_out_all_pos", "layer head", "hook: z, setter: layer_head"},
	{"get_act_patch_attn_head_q_all_pos", "layer head", "hook: q, setter: layer_head"},
	{"get_act_patch_attn_head_k_all_pos", "layer head", "hook: k, setter: layer_head"},
	{"get_act_patch_attn_head_v_all_pos", "layer head", "hook: v, setter: layer_head"},
	{"get_act_patch_attn_head_out_by_pos", "layer pos head", "hook: z, setter: layer_pos_head"},
	{"get_act_patch_attn_head_q_by_pos", "layer pos head", "hook: q, setter: layer_pos_head"},
	{"get_act_patch_attn_head_k_by_pos", "layer pos head", "hook: k, setter: layer_pos_head"},
	{"get_act_patch_attn_head_v_by_pos", "layer pos head", "hook: v, setter: layer_pos_head"},
	{"get_act_patch_attn_head_pattern_all_pos", "layer head", "hook: pattern, setter: layer_head_pattern"},
	{"get_act_patch_attn_head_pattern_by_pos", "layer head dest_pos",
	 "hook: pattern, setter: layer_head_pos_pattern"},
	{"get_act_patch_attn_head_pattern_dest_src_pos", "layer head dest_pos src_pos",
	 "hook: pattern, setter: layer_head_dest_src_pattern"},
	{"get_act_patch_block_every", "hook layer pos", "hook: [resid_pre, attn_out, mlp_out], setter: layer_pos"},
	{"get_act_patch_attn_head_all_pos_every", "hook layer head", "hook: [z, q, k, v, pattern], setter: layer_head"},
	{"get_act_patch_attn_head_by_pos_every", "hook layer pos head", "hook: [z, q, k, v], setter: layer_pos_head"},
};

enum { N_GRIDS = sizeof grids / sizeof *grids };

static void write_vocab(char *path, size_t size)
{
	struct pb_text text = {0};
	snprintf(path, size, "%s/vocab.txt", pb_test_dir());
	for (int i = 0; i < VOCAB; i++)
		pb_text_add(&text, "w%d\n", i);
	ck_assert_ok(pb_file_write(path, text.data, text.length));
	pb_text_finish(&text);
}

static void open(const char *unit)
{
	struct pb_text yaml = {0};
	char vocab[512];
	write_vocab(vocab, sizeof vocab);
	pb_text_add(
		&yaml,
		"seed: 11\nprecision: f64\nmetric: logit_difference\nprobe: {unit: \"%s\"}\n"
		"model: {n_layers: %d, d_model: 16, n_heads: %d, d_head: 4, d_mlp: 64, act_fn: gelu_new, n_ctx: 8}\n"
		"data:\n  plugin: tokens\n  vocab_file: %s\n  pairs:\n"
		"    - {clean: [0, 3, 7, 4, 2], corrupted: [0, 5, 7, 9, 2], answer: 3, distractor: 5}\n"
		"    - {clean: [0, 8, 7, 1, 2], corrupted: [6, 8, 7, 1, 1], answer: 8, distractor: 6, pos: 3}\n"
		"    - {clean: [0, 9, 1, 4, 2], corrupted: [0, 9, 1, 8, 2], answer: 9, distractor: 8}\nsweeps:\n",
		unit, LAYERS, HEADS, vocab);
	for (int i = 0; i < N_GRIDS; i++) {
		char over[64];
		snprintf(over, sizeof over, "%s", grids[i].axes + (strncmp(grids[i].axes, "hook ", 5) ? 0 : 5));
		for (char *c = over; (c = strchr(c, ' '));)
			*c = ',';
		pb_text_add(&yaml, "  - {name: %s, kind: activation, %s, over: [%s], forward: clean}\n",
			    grids[i].function, grids[i].sweep, over);
	}
	lab_plan(&lab, yaml.data, 1);
	pb_text_finish(&yaml);
	lab_weights(&lab, 21);
	lab_engine(&lab);
}

/* A region by the names of its axes, and where to copy it from. */
struct hand {
	int site_id, n;
	enum pb_axis axis[MOST_AXES];
	int64_t at[MOST_AXES];
	double *source; /* of the clean run, whole; NULL: copy it there */
};

/* Is the element in the region? */
static bool inside(const struct hand *h, const struct pb_view *tensor, int64_t element)
{
	for (int axis = tensor->rank; axis-- > 0;) {
		int64_t position = element % tensor->shape[axis];
		element /= tensor->shape[axis];
		for (int i = 0; i < h->n; i++)
			if (tensor->axis[axis] == h->axis[i] && position != h->at[i])
				return false;
	}
	return true;
}

static int by_hand(void *user, const struct pb_hook_call *call)
{
	struct hand *h = user;
	int64_t count = pb_view_count(&call->value);
	double *values = malloc((size_t)count * sizeof *values);
	ck_assert_ptr_nonnull(values);
	ck_assert_ok(pb_view_read(&lab.device, &call->value, values));
	if (!h->source) {
		h->source = values;
		return 0;
	}
	for (int64_t i = 0; i < count; i++)
		if (inside(h, &call->value, i))
			values[i] = h->source[i];
	int rc = pb_view_write(&lab.device, &call->value, values);
	free(values);
	return rc;
}

/* The mean logit difference of a run with a hook that reads or patches. */
static double pass(const struct pb_examples *x, struct hand *h)
{
	struct pb_bus bus;
	struct pb_tape tape;
	struct pb_var *logits;
	double *all, sum = 0.0;
	struct pb_hook hook = {.effect = h && h->source ? PB_HOOK_PASS : PB_HOOK_READ, .user = h, .run = by_hand};
	pb_bus_init(&bus, &lab.plan.model.sites);
	if (h) {
		hook.site_id = h->site_id;
		ck_assert_ok(pb_bus_add(&bus, &hook, NULL));
	}
	pb_tape_init(&tape, &lab.device, PB_F64);
	pb_tape_reset(&tape, NULL);
	struct pb_forward forward = {.tape = &tape,
				     .bus = &bus,
				     .weights = &lab.weights.weights,
				     .tokens = x->tokens,
				     .b = x->n_examples,
				     .p = x->n_pos};
	ck_assert_ok(pb_model_forward(&lab.plan.model, &forward, &logits));
	all = malloc((size_t)pb_view_count(&logits->value) * sizeof *all);
	ck_assert_ptr_nonnull(all);
	ck_assert_ok(pb_view_read(&lab.device, &logits->value, all));
	for (int64_t i = 0; i < x->n_scored; i++) {
		const struct pb_scored *s = &x->scored[i];
		const double *row = all + (s->example * x->n_pos + s->pos) * lab.plan.model.config.d_vocab;
		sum += row[s->answer] - row[s->distractor];
	}
	free(all);
	pb_tape_finish(&tape);
	pb_bus_finish(&bus);
	return sum / (double)x->n_scored;
}

static enum pb_axis axis_of(const char *name)
{
	static const struct {
		const char *name;
		enum pb_axis axis;
	} axes[] = {{"pos", PB_AXIS_POS},
		    {"head", PB_AXIS_HEAD},
		    {"dest_pos", PB_AXIS_DEST_POS},
		    {"src_pos", PB_AXIS_SRC_POS}};
	for (size_t i = 0; i < 4; i++)
		if (!strcmp(axes[i].name, name))
			return axes[i].axis;
	return PB_AXIS_NONE;
}

/* The cell's place from the result's axes alone: names and positions on them. */
static struct hand place_of(const struct pb_result_sweep *r, const struct pb_result_cell *cell)
{
	struct hand h = {0};
	char name[64];
	const char *hook = r->hook;
	int64_t layer = -1;
	for (size_t i = 0; i < r->n_axes; i++) {
		if (!strcmp(r->axes[i].name, "layer"))
			layer = cell->index[i];
		else if (!strcmp(r->axes[i].name, "hook"))
			hook = r->axes[i].labels[cell->index[i]];
		else {
			h.axis[h.n] = axis_of(r->axes[i].name);
			h.at[h.n++] = cell->index[i];
		}
	}
	bool attention = strlen(hook) == 1 || !strcmp(hook, "pattern");
	snprintf(name, sizeof name, "blocks.%d.%shook_%s", (int)layer, attention ? "attn." : "", hook);
	h.site_id = pb_sites_find(&lab.plan.model.sites, name);
	ck_assert_msg(h.site_id >= 0, "%s", name);
	return h;
}

static void check_axes(const struct pb_result_sweep *r, const char *axes, bool one_prompt)
{
	char names[64] = "";
	for (size_t i = 0; i < r->n_axes; i++) {
		const struct pb_result_axis *a = &r->axes[i];
		bool position = strstr(a->name, "pos");
		strcat(strcat(names, i ? " " : ""), a->name);
		if (strcmp(a->name, "hook"))
			ck_assert_int_eq(a->n, position ? POSITIONS : !strcmp(a->name, "head") ? HEADS : LAYERS);
		if (position)
			ck_assert_str_eq(a->labels[1], one_prompt ? "w5 (1)" : "1");
	}
	ck_assert_str_eq(names, axes);
}

static void check_grid(int grid, bool one_prompt)
{
	struct pb_result_sweep r = lab_run(&lab, grids[grid].function);
	double clean = pass(&lab.probe.clean, NULL), corrupted = pass(&lab.probe.corrupted, NULL);
	double changes = 0.0;
	check_axes(&r, grids[grid].axes, one_prompt);
	ck_assert_str_eq(r.metric, "logit_difference");
	ck_assert_str_eq(r.kind, "activation");
	ck_assert_str_eq(r.base, "corrupted");
	ck_assert(r.neutral == 0.0);
	lab_near(r.metric_clean, clean, 1e-12, "clean");
	lab_near(r.metric_corrupted, corrupted, 1e-12, "corrupted");
	for (size_t i = 0; i < r.n_cells; i++) {
		struct hand h = place_of(&r, &r.cells[i]);
		pass(&lab.probe.clean, &h);
		double want = pass(&lab.probe.corrupted, &h);
		free(h.source);
		lab_near(r.cells[i].metric, want, 1e-12, "%s, cell %zu", grids[grid].function, i);
		lab_near(r.cells[i].score, (want - corrupted) / (clean - corrupted), 1e-9, "%s, score of cell %zu",
			 grids[grid].function, i);
		changes += fabs(want - corrupted);
	}
	ck_assert_double_gt(changes, 1e-3);
}

START_TEST(one_prompt)
{
	open("0");
	check_grid(_i, true);
	lab_close(&lab);
}
END_TEST

START_TEST(batch_of_prompts)
{
	open("all");
	check_grid(_i, false);
	lab_close(&lab);
}
END_TEST

/* A panel of the "every" sweeps is the sweep of its point. */
START_TEST(panels_are_single_sweeps)
{
	static const struct {
		const char *every, *single[5];
	} panels[] = {{"get_act_patch_block_every",
		       {"get_act_patch_resid_pre", "get_act_patch_attn_out", "get_act_patch_mlp_out"}},
		      {"get_act_patch_attn_head_all_pos_every",
		       {"get_act_patch_attn_head_out_all_pos", "get_act_patch_attn_head_q_all_pos",
			"get_act_patch_attn_head_k_all_pos", "get_act_patch_attn_head_v_all_pos",
			"get_act_patch_attn_head_pattern_all_pos"}},
		      {"get_act_patch_attn_head_by_pos_every",
		       {"get_act_patch_attn_head_out_by_pos", "get_act_patch_attn_head_q_by_pos",
			"get_act_patch_attn_head_k_by_pos", "get_act_patch_attn_head_v_by_pos"}}};
	open("0");
	for (size_t p = 0; p < 3; p++) {
		struct pb_result_sweep every = lab_run(&lab, panels[p].every);
		size_t cell = 0;
		for (size_t k = 0; k < 5 && panels[p].single[k]; k++) {
			struct pb_result_sweep single = lab_run(&lab, panels[p].single[k]);
			ck_assert_str_eq(every.axes[0].labels[k], single.hook);
			for (size_t i = 0; i < single.n_cells; i++, cell++)
				ck_assert(every.cells[cell].metric == single.cells[i].metric);
		}
		ck_assert_uint_eq(cell, every.n_cells);
	}
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prompts");
	TCase *tc = tcase_create("prompts");
	tcase_add_loop_test(tc, one_prompt, 0, N_GRIDS);
	tcase_add_loop_test(tc, batch_of_prompts, 0, N_GRIDS);
	tcase_add_test(tc, panels_are_single_sweeps);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
