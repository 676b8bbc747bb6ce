/* subject.c: the ops, and the same computations as loops over their definitions. */
#include "tape/subject.h"

#include <math.h>

#define RUN(name, call)                                                                                                \
	static struct pb_var *name(struct pb_tape *tape, const struct subject *s, const struct trial *t,               \
	                           struct pb_var *const in[3], const struct pb_weight w[2])                            \
	{                                                                                                              \
		(void)s, (void)t, (void)in, (void)w;                                                                   \
		return call;                                                                                           \
	}
RUN(run_embed, pb_op_embed(tape, &w[0], t->ids, t->b, t->p))
RUN(run_add, pb_op_add(tape, in[0], in[1]))
RUN(run_center, pb_op_center(tape, in[0]))
RUN(run_rms, pb_op_rms(tape, in[0], RMS_EPS))
RUN(run_divide, pb_op_divide(tape, in[0], in[1]))
RUN(run_affine, pb_op_affine(tape, in[0], &w[0], &w[1]))
RUN(run_layer_norm,
    pb_op_layer_norm(tape, in[0], RMS_EPS, s->param[0] ? &w[0] : NULL, s->param[0] ? &w[1] : NULL))
RUN(run_linear, pb_op_linear(tape, in[0], &w[0], s->param[1] ? &w[1] : NULL))

/* One after the other, of in[0], in[1] and in[0] again where there is in[1]; silu of the first, so that their gradients
 * differ. `used`: bits of those that y has. */
static struct pb_var *some_heads(struct pb_tape *tape, struct pb_var *const in[3], const struct pb_weight w[2], unsigned used)
{
	struct pb_heads list[3];
	struct pb_var *y = NULL;
	for (int i = 0; i < 3; i++)
		list[i] = (struct pb_heads){i == 1 && in[1] ? in[1] : in[0], w[0], w[1], NULL};
	if (pb_op_heads(tape, list, used == 1 ? 1 : 3) < 0)
		return NULL;
	for (int i = 0; i < 3; i++) {
		if (!(used >> i & 1))
			continue;
		struct pb_var *one = i || used == 1 ? list[i].y : pb_op_act(tape, PBK_SILU, list[i].y);
		y = y ? pb_op_add(tape, y, one) : one;
	}
	return y;
}

RUN(run_heads, some_heads(tape, in, w, 1))
RUN(run_all_heads, some_heads(tape, in, w, 7))
RUN(run_last_heads, some_heads(tape, in, w, 6))
RUN(run_middle_heads, some_heads(tape, in, w, 2))
RUN(run_scores, pb_op_attn_scores(tape, in[0], in[1]))
RUN(run_softmax, pb_op_softmax(tape, in[0]))
RUN(run_mix, pb_op_attn_mix(tape, in[0], in[1]))
RUN(run_attend, pb_op_attend(tape, in[0], in[1], in[2], t->first, t->ids))

/* On the way back q has a gradient before attend adds its own, k and v have none. */
static struct pb_var *run_attend_beside(struct pb_tape *tape, const struct subject *s, const struct trial *t,
                                        struct pb_var *const in[3], const struct pb_weight w[2])
{
	struct pb_var *z = run_attend(tape, s, t, in, w), *other = z ? pb_op_act(tape, PBK_SILU, in[0]) : NULL;
	return other ? pb_op_add(tape, z, other) : NULL;
}

RUN(run_result, pb_op_result(tape, in[0], &w[0]))
RUN(run_sum_heads, pb_op_sum_heads(tape, in[0], &w[0]))
RUN(run_act, pb_op_act(tape, s->act, in[0]))
RUN(run_rows, pb_op_rows(tape, in[0], t->ids, t->r))

static void embed(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t j = 0; j < t->d; j++)
			y[i * t->d + j] = t->w[0][t->ids[i] * t->d + j];
}

static void add(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p * t->d; i++)
		y[i] = t->x[0][i] + t->x[1][i];
}

static void center(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++) {
		double mean = 0;
		for (int64_t j = 0; j < t->d; j++)
			mean += t->x[0][i * t->d + j] / (double)t->d;
		for (int64_t j = 0; j < t->d; j++)
			y[i * t->d + j] = t->x[0][i * t->d + j] - mean;
	}
}

static void rms(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++) {
		double squares = 0;
		for (int64_t j = 0; j < t->d; j++)
			squares += t->x[0][i * t->d + j] * t->x[0][i * t->d + j];
		y[i] = sqrt(squares / (double)t->d + RMS_EPS);
	}
}

static void divide(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t j = 0; j < t->d; j++)
			y[i * t->d + j] = t->x[0][i * t->d + j] / t->x[1][i];
}

static void affine(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t j = 0; j < t->d; j++)
			y[i * t->d + j] = t->x[0][i * t->d + j] * t->w[0][j] + t->w[1][j];
}

static void layer_norm(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++) {
		const double *x = t->x[0] + i * t->d;
		double mean = 0, squares = 0;
		for (int64_t j = 0; j < t->d; j++)
			mean += x[j] / (double)t->d;
		for (int64_t j = 0; j < t->d; j++)
			squares += (x[j] - mean) * (x[j] - mean);
		for (int64_t j = 0; j < t->d; j++) {
			y[i * t->d + j] = (x[j] - mean) / sqrt(squares / (double)t->d + RMS_EPS);
			if (t->w[0])
				y[i * t->d + j] = y[i * t->d + j] * t->w[0][j] + t->w[1][j];
		}
	}
}

static void multiply(const double *x, const double *w, const double *bias, int64_t rows, int64_t k, int64_t n,
                     double *y)
{
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < n; j++) {
			double total = bias ? bias[j] : 0;
			for (int64_t l = 0; l < k; l++)
				total += x[i * k + l] * w[l * n + j];
			y[i * n + j] = total;
		}
}

static void linear(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	multiply(t->x[0], t->w[0], t->w[1], t->b * t->p, t->d, t->n, y);
}

static void linear_rows(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	multiply(t->x[0], t->w[0], t->w[1], t->r, t->d, t->n, y);
}

/* attn_out = z W_O: the two axes (head, e) of z and of W_O are one. */
static void linear_heads(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	multiply(t->x[0], t->w[0], t->w[1], t->b * t->p, t->h * t->e, t->d, y);
}

static void heads(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t h = 0; h < t->h; h++)
			multiply(t->x[0] + i * t->d, t->w[0] + h * t->d * t->e, t->w[1] + h * t->e, 1, t->d, t->e,
			         y + (i * t->h + h) * t->e);
}

static void heads_of(const struct trial *t, int input, double *y)
{
	struct trial other = *t;
	other.x[0] = t->x[input];
	heads(NULL, &other, y);
}

static void all_heads(const struct subject *s, const struct trial *t, double *y)
{
	static double first[4096], second[4096];
	heads_of(t, 0, first);
	heads_of(t, s->in[1] ? 1 : 0, second);
	for (int64_t i = 0; i < t->b * t->p * t->h * t->e; i++)
		y[i] = first[i] / (1 + exp(-first[i])) + second[i] + first[i];
}

static void last_heads(const struct subject *s, const struct trial *t, double *y)
{
	static double second[4096];
	heads_of(t, 0, y);
	heads_of(t, s->in[1] ? 1 : 0, second);
	for (int64_t i = 0; i < t->b * t->p * t->h * t->e; i++)
		y[i] += second[i];
}

/* Index of [example, position, head, 0] of a q, k, v or z. */
static int64_t at(const struct trial *t, int64_t b, int64_t p, int64_t h)
{
	return ((b * t->p + p) * t->h + h) * t->e;
}

static void scores(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t b = 0; b < t->b; b++)
		for (int64_t h = 0; h < t->h; h++)
			for (int64_t q = 0; q < t->p; q++)
				for (int64_t k = 0; k < t->p; k++, y++) {
					double dot = 0;
					for (int64_t i = 0; i < t->e; i++)
						dot += t->x[0][at(t, b, q, h) + i] * t->x[1][at(t, b, k, h) + i];
					*y = k > q ? -INFINITY : dot / sqrt((double)t->e);
				}
}

static void softmax(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t row = 0; row < t->b * t->h * t->p; row++) {
		double total = 0;
		for (int64_t k = 0; k < t->p; k++)
			total += exp(t->x[0][row * t->p + k]);
		for (int64_t k = 0; k < t->p; k++)
			y[row * t->p + k] = exp(t->x[0][row * t->p + k]) / total;
	}
}

static void mix(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t b = 0; b < t->b; b++)
		for (int64_t q = 0; q < t->p; q++)
			for (int64_t h = 0; h < t->h; h++)
				for (int64_t i = 0; i < t->e; i++) {
					double total = 0;
					for (int64_t k = 0; k < t->p; k++)
						total += t->x[0][((b * t->h + h) * t->p + q) * t->p + k] *
						         t->x[1][at(t, b, k, h) + i];
					y[at(t, b, q, h) + i] = total;
				}
}

/* Attention of query r over the rows ids[first[r] .. first[r+1]). */
static void attend(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->r * t->h; i++, y += t->e) {
		const double *q = t->x[0] + i * t->e;
		double total = 0;
		for (int64_t j = 0; j < t->e; j++)
			y[j] = 0;
		for (int32_t l = t->first[i / t->h]; l < t->first[i / t->h + 1]; l++) {
			const int64_t row = (t->ids[l] * t->h + i % t->h) * t->e;
			double dot = 0;
			for (int64_t j = 0; j < t->e; j++)
				dot += q[j] * t->x[1][row + j];
			const double weight = exp(dot / sqrt((double)t->e));
			total += weight;
			for (int64_t j = 0; j < t->e; j++)
				y[j] += weight * t->x[2][row + j];
		}
		for (int64_t j = 0; j < t->e; j++)
			y[j] /= total;
	}
}

static void attend_beside(const struct subject *s, const struct trial *t, double *y)
{
	attend(s, t, y);
	for (int64_t i = 0; i < t->r * t->h * t->e; i++)
		y[i] += t->x[0][i] / (1 + exp(-t->x[0][i]));
}

static void result(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t h = 0; h < t->h; h++)
			multiply(t->x[0] + (i * t->h + h) * t->e, t->w[0] + h * t->e * t->d, NULL, 1, t->e, t->d,
			         y + (i * t->h + h) * t->d);
}

static void sum_heads(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->b * t->p; i++)
		for (int64_t j = 0; j < t->d; j++) {
			y[i * t->d + j] = t->w[0][j];
			for (int64_t h = 0; h < t->h; h++)
				y[i * t->d + j] += t->x[0][(i * t->h + h) * t->d + j];
		}
}

static double act_of(enum pbk_act act, double x)
{
	switch (act) {
	case PBK_RELU: return fmax(x, 0);
	case PBK_GELU: return x * 0.5 * erfc(-x / sqrt(2));
	case PBK_GELU_NEW: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * pow(x, 3))));
	default: return x * 0.5 * (1 + tanh(x / 2)); /* silu: the logistic function as a tanh */
	}
}

static void act(const struct subject *s, const struct trial *t, double *y)
{
	for (int64_t i = 0; i < t->b * t->p * t->n; i++)
		y[i] = act_of(s->act, t->x[0][i]);
}

static void rows(const struct subject *s, const struct trial *t, double *y)
{
	(void)s;
	for (int64_t i = 0; i < t->r; i++)
		for (int64_t j = 0; j < t->d; j++)
			y[i * t->d + j] = t->x[0][t->ids[i] * t->d + j];
}

const struct subject subjects[] = {
        {.name = "embed", .param = {"nd"}, .out = "bpd", .run = run_embed, .plain = embed},
        {.name = "add", .in = {"bpd", "bpd"}, .out = "bpd", .run = run_add, .plain = add},
        {.name = "center", .in = {"bpd"}, .out = "bpd", .run = run_center, .plain = center},
        {.name = "rms", .in = {"bpd"}, .out = "bp1", .run = run_rms, .plain = rms},
        {.name = "divide", .in = {"bpd", "bp1"}, .out = "bpd", SECOND_POSITIVE, .run = run_divide, .plain = divide},
        {.name = "affine", .in = {"bpd"}, .param = {"d", "d"}, .out = "bpd", .run = run_affine, .plain = affine},
        {.name = "layer_norm",
         .in = {"bpd"},
         .param = {"d", "d"},
         .out = "bpd",
         .run = run_layer_norm,
         .plain = layer_norm},
        {.name = "layer_norm without affine",
         .in = {"bpd"},
         .out = "bpd",
         .run = run_layer_norm,
         .plain = layer_norm},
        {.name = "linear", .in = {"bpd"}, .param = {"dn", "n"}, .out = "bpn", .run = run_linear, .plain = linear},
        {.name = "linear without bias",
         .in = {"bpd"},
         .param = {"dn"},
         .out = "bpn",
         .run = run_linear,
         .plain = linear},
        {.name = "linear of rank 2",
         .in = {"rd"},
         .param = {"dn", "n"},
         .out = "rn",
         .run = run_linear,
         .plain = linear_rows},
        {.name = "linear of heads",
         .in = {"bphe"},
         .param = {"hed", "d"},
         .out = "bpd",
         .run = run_linear,
         .plain = linear_heads},
        {.name = "heads", .in = {"bpd"}, .param = {"hde", "he"}, .out = "bphe", .run = run_heads, .plain = heads},
        {.name = "heads thrice",
         .in = {"bpd"},
         .param = {"hde", "he"},
         .out = "bphe",
         .run = run_all_heads,
         .plain = all_heads},
        {.name = "heads of two inputs",
         .in = {"bpd", "bpd"},
         .param = {"hde", "he"},
         .out = "bphe",
         .run = run_all_heads,
         .plain = all_heads},
        {.name = "heads, the first for nothing",
         .in = {"bpd", "bpd"},
         .param = {"hde", "he"},
         .out = "bphe",
         .run = run_last_heads,
         .plain = last_heads},
        {.name = "heads, one used",
         .in = {"bpd"},
         .param = {"hde", "he"},
         .out = "bphe",
         .run = run_middle_heads,
         .plain = heads},
        {.name = "attn_scores", .in = {"bphe", "bphe"}, .out = "bhpp", .run = run_scores, .plain = scores},
        {.name = "softmax", .in = {"bhpp"}, .out = "bhpp", .run = run_softmax, .plain = softmax},
        {.name = "softmax, masked", .in = {"bhpp"}, .out = "bhpp", MASKED, .run = run_softmax, .plain = softmax},
        {.name = "attn_mix", .in = {"bhpp", "bphe"}, .out = "bphe", .run = run_mix, .plain = mix},
        {.name = "attend",
         .in = {"r1he", "bphe", "bphe"},
         .out = "r1he",
         .ids_are_rows = true,
         .run = run_attend,
         .plain = attend},
        {.name = "attend beside another use of q",
         .in = {"r1he", "bphe", "bphe"},
         .out = "r1he",
         .ids_are_rows = true,
         .run = run_attend_beside,
         .plain = attend_beside},
        {.name = "result", .in = {"bphe"}, .param = {"hed"}, .out = "bphd", .run = run_result, .plain = result},
        {.name = "sum_heads", .in = {"bphd"}, .param = {"d"}, .out = "bpd", .run = run_sum_heads, .plain = sum_heads},
        {.name = "relu", .in = {"bpn"}, .out = "bpn", AWAY_FROM_0, PBK_RELU, .run = run_act, .plain = act},
        {.name = "gelu", .in = {"bpn"}, .out = "bpn", ANYWHERE, PBK_GELU, .run = run_act, .plain = act},
        {.name = "gelu_new", .in = {"bpn"}, .out = "bpn", ANYWHERE, PBK_GELU_NEW, .run = run_act, .plain = act},
        {.name = "silu", .in = {"bpn"}, .out = "bpn", ANYWHERE, PBK_SILU, .run = run_act, .plain = act},
        {.name = "rows", .in = {"bpd"}, .out = "rd", .ids_are_rows = true, .run = run_rows, .plain = rows},
};
const int n_subjects = sizeof subjects / sizeof *subjects;
