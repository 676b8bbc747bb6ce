/* rig.h: random trials of the ops, and a tape to run them on. */
#ifndef PB_TESTS_TAPE_RIG_H
#define PB_TESTS_TAPE_RIG_H

#include "tape/subject.h"

enum { ROOM = 4096 }; /* values of a tensor, at most */

/* Where everything here is computed: each test's own, by this fixture. */
extern struct pb_device device;
void open_device(void);
void close_device(void);

/* Values of a tensor whose shape is written with a subject's letters. */
int64_t count_of(const struct trial *t, const char *letters);

/* Trial 0 has all sizes 1, trials 1..7 one size 1 each; d and n pass the vector width now and then. */
struct trial trial_new(const struct subject *s, int number);
void trial_free(struct trial *t);

/* A tape with a dense sink for up to two parameters. */
struct rig {
	struct pb_tape tape;
	struct pb_dense_sink sink;
	struct pb_pool pool; /* parameters and their gradients */
	struct pb_view grads[2];
	struct pb_weight w[2];
	bool present[2];
	struct pb_view squares; /* [2] */
};

void rig_init(struct rig *rig, uint32_t dtype);
void rig_finish(struct rig *rig);
struct pb_view rig_tensor(struct rig *rig, struct pb_pool *pool, const struct trial *t, const char *letters,
			  const double *values);
/* The gradient's memory starts as NaN: the sink must clear it. */
void rig_param(struct rig *rig, const struct trial *t, int id, const char *letters, const double *values);
/* An activation that wants a gradient. */
struct pb_var *rig_leaf(struct rig *rig, const struct trial *t, const char *letters, const double *values);
/* An activation with nothing behind it. */
struct pb_var *rig_constant(struct rig *rig, const struct trial *t, const char *letters, const double *values);
/* Back from y, seeded with the trial's seed; the letters are y's. */
void rig_backward(struct rig *rig, const struct trial *t, const char *letters, struct pb_var *y);

struct outcome {
	double y[ROOM], dx[3][ROOM], dw[2][ROOM];
	bool got[3], present[2]; /* inputs and parameters that received a gradient */
};

/* Forward and back; bit i of `constants`: input i is a constant. */
void run(struct rig *rig, const struct subject *s, const struct trial *t, unsigned constants, struct outcome *ret);

/* Fails the test if a value is off by more than the tolerance times the largest wanted one, or 1. */
void check_close(const char *name, const char *what, const double *got, const double *want, int64_t count,
		 double tolerance);

#endif
