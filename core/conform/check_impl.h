/* check_impl.h: what the tests share. */
#ifndef PB_CONFORM_CHECK_IMPL_H
#define PB_CONFORM_CHECK_IMPL_H

#include "conform/check.h"
#include "conform/counts.h"
#include "conform/params.h"
#include "conform/scratch.h"
#include "host/calls.h"
#include "tensor/tensor.h"

struct pb_checkup {
	const struct pb_check_options *options; /* its paths are absolute */
	struct pb_scratch scratch; /* where the plugin's code runs */
	struct pb_loaded *loaded; /* NULL: not read yet; live in tests that call it */
	struct pb_device device;  /* one thread; only in such tests */
	struct pb_yaml given;     /* the parameters that the user gave; root NULL: none */
	struct pb_text note;
};

/* 0; or a negative status with a text; or what pb_check_skip gave. */
typedef int pb_check_function(struct pb_checkup *c);

/* "there is nothing to test": returns a positive number. */
int pb_check_skip(const char *format, ...) PB_PRINTF(1, 2);
/* Adds a line to what is to be known where the test does not fail. */
void pb_check_note(struct pb_checkup *c, const char *format, ...) PB_PRINTF(2, 3);

/* An instance with the given parameters, or the defaults, its services counted from zero. */
int pb_check_instance(struct pb_checkup *c, uint64_t seed, struct pb_instance **ret_instance);
/* Makes and destroys it, with no call between: so many pieces of memory from the host are left. */
int pb_check_cycle(struct pb_checkup *c, long *ret_lost);
/* -PB_E_PLUGIN: n pieces of memory from the host were not freed `after`, as in "behind destroy". */
int pb_check_fail_lost(const struct pb_checkup *c, const char *after, long n);
/* Destroys it. What the plugin has not freed then, and got in other calls than create, is a failure; pb_check_cycles
 * tells of create. */
int pb_check_destroy(struct pb_checkup *c, struct pb_instance *instance);

/* The tests, by file. */
int pb_check_file(struct pb_checkup *c);
int pb_check_symbols(struct pb_checkup *c);
int pb_check_texts(struct pb_checkup *c);
int pb_check_load(struct pb_checkup *c);
int pb_check_create(struct pb_checkup *c);
int pb_check_bounds(struct pb_checkup *c);
int pb_check_random(struct pb_checkup *c);
int pb_check_hostile(struct pb_checkup *c);
int pb_check_cycles(struct pb_checkup *c);
int pb_check_memory(struct pb_checkup *c);
int pb_check_files(struct pb_checkup *c);

int pb_check_points(struct pb_checkup *c);
int pb_check_apply(struct pb_checkup *c);
int pb_check_transpose(struct pb_checkup *c);
int pb_check_apply_memory(struct pb_checkup *c);
int pb_check_identity(struct pb_checkup *c);
int pb_check_examples(struct pb_checkup *c);
int pb_check_device(struct pb_checkup *c);
int pb_check_apply_threads(struct pb_checkup *c);

int pb_check_score(struct pb_checkup *c);
int pb_check_adjoint(struct pb_checkup *c);
int pb_check_nan(struct pb_checkup *c);
int pb_check_score_memory(struct pb_checkup *c);
int pb_check_rows(struct pb_checkup *c);
int pb_check_score_threads(struct pb_checkup *c);

int pb_check_splits(struct pb_checkup *c);
int pb_check_units(struct pb_checkup *c);
int pb_check_token_text(struct pb_checkup *c);
int pb_check_seed(struct pb_checkup *c);
int pb_check_overlap(struct pb_checkup *c);

#endif
