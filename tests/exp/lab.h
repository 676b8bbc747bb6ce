/* lab.h: an experiment file as text, taken as far as a test needs it. */
#ifndef PB_TESTS_LAB_H
#define PB_TESTS_LAB_H

#include "exp/sweep.h"
#include "exp/weights.h"

struct lab {
	struct pb_device device;
	struct pb_config config;
	struct pb_plan plan;
	struct pb_params weights;
	struct pb_probe_data probe;
	struct pb_means means;
	struct pb_engine_options options; /* of the engine; PB_TEST_ENGINE=reference for that one */
	struct pb_engine engine;
	struct pb_arena arena; /* of results */
	bool has_weights, has_engine;
};

/* Each fails the test on an error. From text to plan; one text has one lab at a time. */
void lab_plan(struct lab *lab, const char *yaml, int threads);
/* The same with one "path=value" put into the text; NULL: none. */
void lab_plan_with(struct lab *lab, const char *yaml, const char *set, int threads);
/* The starting weights with every parameter stirred (stir > 0): larger than the initial ones, biases and layer norms
 * too, so that nothing is zero by accident and scores have a sound denominator. */
void lab_weights(struct lab *lab, uint64_t stir);
/* The probe's runs. */
void lab_engine(struct lab *lab);
/* The same of a probe that the test has put into lab->probe. */
void lab_open(struct lab *lab);
void lab_close(struct lab *lab);

const struct pb_plan_sweep *lab_sweep(const struct lab *lab, const char *name);
/* All cells of a sweep; everything in the result lives until lab_close. */
struct pb_result_sweep lab_run(struct lab *lab, const char *name);
/* Is the fragment part of one of the notes? */
bool lab_noted(const struct pb_result_sweep *result, const char *fragment);
/* ck_assert that a file is refused with a text that contains the fragment. */
void lab_refused(const char *yaml, const char *fragment);

/* ck_assert |a - b| <= tolerance * max(1, |a|, |b|); NaN equals NaN. */
void lab_near(double a, double b, double tolerance, const char *format, ...) PB_PRINTF(4, 5);

#endif
