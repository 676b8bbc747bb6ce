/* rig.h: a bus on a short chain x -> points -> y of known gradient, and hooks that do one thing each. */
#ifndef PB_TESTS_HOOK_RIG_H
#define PB_TESTS_HOOK_RIG_H

#include "hook/cache.h"

/* Activations are [3 examples, 2 positions, 1 feature] = x0a x0b x1a x1b x2a x2b. */
enum { EXAMPLES = 3, POSITIONS = 2, COUNT = 6 };

struct rig {
	struct pb_device device;
	struct pb_sites sites; /* one block, d_model 1 */
	struct pb_bus bus;
	struct pb_tape tape;
	struct pb_grad_sink sink; /* no op here has parameters */
	int pre, mid, post;       /* ids of blocks.0.hook_resid_{pre,mid,post} */
	struct pb_var *x;         /* the leaf of the last pass; 1, 2, 3, 4, 5, 6 */
	double y[COUNT], dx[COUNT];
	bool has_dx;
};

extern struct rig rig;

void rig_open(void);
void rig_close(void);
/* A fresh tape and x, passed through `site`; NULL if that failed. */
struct pb_var *rig_forward(int site);
/* Back from y, seeded with 10, 20, .. 60; fills y and dx. */
int rig_backward(struct pb_var *y);
/* Both; must succeed. */
void rig_pass(int site);
void rig_read(const struct pb_view *view, double *values);
void rig_expect(const double *got, const double want[COUNT]);
#define EXPECT(got, ...) rig_expect(got, (const double[COUNT]){__VA_ARGS__})

/* What a hook does; its user pointer is a struct deed. */
struct deed {
	double number;
	int fired;
	int64_t examples;   /* as seen last */
	double seen[COUNT]; /* the values on entry, as seen last */
	int order;          /* of all deeds since rig_open: 1, 2, .. */
	int ids[3];         /* hooks to remove; 0 to n_ids */
	int n_ids;
	struct pb_hook add; /* to add, `copies` times */
	int copies;
	size_t mark; /* of a scope to end */
};

int deed_see(void *deed, const struct pb_hook_call *call);
int deed_set(void *deed, const struct pb_hook_call *call);       /* = number */
int deed_add(void *deed, const struct pb_hook_call *call);       /* += number */
int deed_scale(void *deed, const struct pb_hook_call *call);     /* *= number; is its own adjoint */
int deed_swap(void *deed, const struct pb_hook_call *call);      /* exchanges the positions; is its own adjoint */
int deed_set_first(void *deed, const struct pb_hook_call *call); /* = number, at position 0 */
int deed_fail(void *deed, const struct pb_hook_call *call);
int deed_remove(void *deed, const struct pb_hook_call *call);
int deed_add_hooks(void *deed, const struct pb_hook_call *call);
int deed_end_scope(void *deed, const struct pb_hook_call *call);
int deed_first_position(void *deed, const struct pb_hook_call *call, struct pb_view *ret_region);

struct pb_hook forward_hook(int site, enum pb_hook_effect effect, int (*run)(void *, const struct pb_hook_call *),
                            struct deed *deed);
struct pb_hook backward_hook(int site, enum pb_hook_effect effect, int (*run)(void *, const struct pb_hook_call *),
                             struct deed *deed);
/* Limits the hook to `examples` examples. */
struct pb_hook on_examples(struct pb_hook hook, int64_t first, int64_t examples);
int rig_add(struct pb_hook hook); /* to the bus; the hook's id */

#endif
