/* subject.h: every op of tape/op.h, each with the same computation written a second time, plainly. */
#ifndef PB_TESTS_TAPE_SUBJECT_H
#define PB_TESTS_TAPE_SUBJECT_H

#include "tape/op.h"

/* One set of sizes and values for an op. */
struct trial {
	int64_t b, p, h, d, e, n, r;
	int32_t ids[64]; /* tokens or rows */
	int32_t first[8]; /* [r + 1]: lists of 1, 2, 3, 1, .. of the ids */
	double *x[3];    /* inputs */
	double *w[2];    /* parameters */
	double *seed;    /* dLoss/dy */
};

/* Where an op's inputs are defined and smooth. */
enum domain {
	ANYWHERE,
	AWAY_FROM_0,     /* relu's kink */
	SECOND_POSITIVE, /* x / scale */
	MASKED,          /* -inf above the diagonal: softmax of scores */
};

/* Shapes are written with the letters of op.h: 'b', 'p', 'h', 'd', 'e', and n (vocabulary, d_mlp), r (rows), 1. */
struct subject {
	const char *name;
	const char *in[3], *param[2], *out; /* NULL: it has none */
	enum domain domain;
	enum pbk_act act;
	bool ids_are_rows; /* of the input; else of the first parameter */
	struct pb_var *(*run)(struct pb_tape *tape, const struct subject *s, const struct trial *t,
	                      struct pb_var *const in[3], const struct pb_weight w[2]);
	void (*plain)(const struct subject *s, const struct trial *t, double *y);
};

extern const struct subject subjects[];
extern const int n_subjects;

#define RMS_EPS 0.01

#endif
