/* similarity.c: angles between gradients as .csv, .json and .npz, and in the terminal. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "report/csv.h"
#include "report/draw.h"
#include "report/output.h"
#include "report/table.h"

static const char all_params[] = "all";

static int write_csv(const char *dir, const struct pb_result_similarity *s)
{
	struct pb_csv csv = {0};
	static const char *const header[] = {"parameter", "a", "b", "cosine"};
	for (size_t i = 0; i < sizeof header / sizeof *header; i++)
		pb_csv_string(&csv, header[i]);
	pb_csv_end_row(&csv);
	for (size_t i = 0; i < (1 + s->n_params) * s->n * s->n; i++) {
		size_t p = i / (s->n * s->n), a = i / s->n % s->n, b = i % s->n;
		pb_csv_string(&csv, p ? s->params[p - 1] : all_params);
		pb_csv_string(&csv, s->examples[a].label);
		pb_csv_string(&csv, s->examples[b].label);
		pb_csv_real(&csv, s->cosine[i]);
		pb_csv_end_row(&csv);
	}
	int rc = pb_output_save(&csv.text, dir, NULL, "similarity", "csv");
	pb_text_finish(&csv.text);
	return rc;
}

static void add_row(struct pb_json *json, const char *key, const double *values, size_t n)
{
	pb_json_open_row(json, key);
	for (size_t i = 0; i < n; i++)
		pb_json_real(json, NULL, values[i]);
	pb_json_close_row(json);
}

static void add_by_param(struct pb_json *json, const char *key, const struct pb_result_similarity *s,
			 const double *values)
{
	pb_json_open(json, key, '[');
	for (size_t p = 0; p < s->n_params; p++)
		add_row(json, NULL, values + p * s->n * s->n, s->n * s->n);
	pb_json_close(json, ']');
}

void pb_similarity_add(struct pb_json *json, const char *key, const struct pb_result_similarity *s)
{
	pb_json_open(json, key, '{');
	pb_json_string(json, "loss", s->loss);
	pb_json_open(json, "examples", '[');
	for (size_t i = 0; i < s->n; i++) {
		pb_json_open(json, NULL, '{');
		pb_json_string(json, "label", s->examples[i].label);
		pb_json_string(json, "text", s->examples[i].text);
		pb_json_real(json, "loss", s->examples[i].loss);
		pb_json_real(json, "grad_norm", s->examples[i].grad_norm);
		pb_json_close(json, '}');
	}
	pb_json_close(json, ']');
	pb_table_add_strings(json, "parameters", s->params, s->n_params);
	/* Matrices of examples by examples, row-major. */
	add_row(json, "cosine", s->cosine, s->n * s->n);
	add_by_param(json, "cosine_by_parameter", s, s->cosine + s->n * s->n);
	add_by_param(json, "dot_by_parameter", s, s->dots);
	pb_json_close(json, '}');
}

static int write_json(const char *dir, const struct pb_result_similarity *s)
{
	struct pb_json json = {0};
	pb_similarity_add(&json, NULL, s);
	pb_text_add(&json.text, "\n");
	int rc = pb_output_save(&json.text, dir, NULL, "similarity", "json");
	pb_text_finish(&json.text);
	return rc;
}

static struct pb_ckpt_tensor array(const char *name, const double *data, int rank, size_t n, size_t n_params)
{
	struct pb_ckpt_tensor t = {.name = name, .dtype = PB_CKPT_F64, .rank = rank, .data = data};
	int64_t shape[] = {(int64_t)n_params, (int64_t)n, (int64_t)n};
	t.count = 1;
	for (int i = 0; i < rank; i++)
		t.count *= t.shape[i] = shape[3 - rank + i];
	return t;
}

static int write_npz(const char *dir, const struct pb_result_similarity *s)
{
	struct pb_text path = {0};
	struct pb_arena arena = {0};
	const char **labels = pb_arena_array(&arena, s->n, sizeof *labels);
	if (!labels)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < s->n; i++)
		labels[i] = s->examples[i].label;
	const struct pb_ckpt_tensor arrays[] = {
		array("cosine", s->cosine, 2, s->n, s->n_params),
		array("cosine_by_parameter", s->cosine + s->n * s->n, 3, s->n, s->n_params),
		array("dot_by_parameter", s->dots, 3, s->n, s->n_params),
		pb_ckpt_texts("labels_example", labels, s->n),
		pb_ckpt_texts("labels_parameter", s->params, s->n_params),
	};
	int rc = pb_output_path(dir, NULL, "similarity", "npz", &path);
	if (!rc)
		rc = pb_ckpt_write_npz(path.data, arrays, sizeof arrays / sizeof *arrays);
	pb_text_finish(&path);
	pb_arena_finish(&arena);
	return rc;
}

int pb_report_write_similarity(const char *dir, const struct pb_result_similarity *similarity)
{
	int rc = write_csv(dir, similarity);
	if (!rc)
		rc = write_json(dir, similarity);
	return rc ? rc : write_npz(dir, similarity);
}

enum { CELL = 7, LABEL = 24, MARGIN = 2 };

static void draw_row(struct pb_text *out, const struct pb_terminal *terminal, const struct pb_result_similarity *s,
		     size_t a, size_t columns)
{
	struct pb_text label = {0};
	pb_text_add(&label, "%zu %s", a, s->examples[a].label);
	pb_draw_spaces(out, MARGIN);
	pb_draw_field(out, terminal, label.data ? label.data : "", LABEL, PB_ALIGN_LEFT);
	pb_text_finish_part(&label, out);
	for (size_t b = 0; b < columns; b++) {
		double value = s->cosine[a * s->n + b];
		int rgb[3];
		if (isfinite(value)) {
			pb_color_diverging(value, rgb);
			pb_draw_background(out, terminal, rgb);
		}
		pb_text_add(out, "%*.3f", CELL, value);
		if (isfinite(value))
			pb_draw_style(out, terminal, PB_STYLE_PLAIN);
	}
	pb_draw_newline(out);
}

void pb_terminal_similarity(struct pb_terminal *terminal, const struct pb_result_similarity *similarity)
{
	const struct pb_result_similarity *s = similarity;
	struct pb_text out = {0};
	size_t room = terminal->width > LABEL + MARGIN + CELL ? (size_t)(terminal->width - LABEL - MARGIN) / CELL : 1;
	size_t columns = s->n < room ? s->n : room;
	pb_draw_style(&out, terminal, PB_STYLE_BOLD);
	pb_draw_words(&out, terminal, "", "similarity of gradients");
	pb_draw_style(&out, terminal, PB_STYLE_PLAIN);
	pb_draw_words(&out, terminal, "  ",
		      "cosine of the angle between two examples' gradients, all parameters in one");
	pb_draw_spaces(&out, MARGIN + LABEL);
	for (size_t b = 0; b < columns; b++)
		pb_text_add(&out, "%*zu", CELL, b);
	pb_draw_newline(&out);
	for (size_t a = 0; a < s->n; a++)
		draw_row(&out, terminal, s, a, columns);
	if (columns < s->n)
		pb_draw_words(&out, terminal, "  ", "further columns are in similarity.csv");
	pb_text_add(&out, "\n");
	pb_draw_flush(terminal, &out);
}
