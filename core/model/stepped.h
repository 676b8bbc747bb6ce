/* stepped.h: questions answered by weights after one optimizer step, for many cells at once. May use what model.h may,
 * and tape/factors.h.
 *
 * The updated weights of a cell are never stored: the kernels form them from the base weights, the cell's factored
 * gradient and the optimizer's elementwise rule, tile by tile, at the moment of use. There are no hooks here.
 */
#ifndef PB_MODEL_STEPPED_H
#define PB_MODEL_STEPPED_H

#include "model/model.h"
#include "model/prefix.h"
#include "tape/factors.h"

struct pb_stepped_cell {
	const struct pb_cell_gradient *const *gradients; /* [table.n]; NULL: the weights as they are */
	double grad_scale;                               /* the clip coefficient */
	const struct pb_prefixes *questions;
	struct pb_view logits; /* result: [questions->n_ends, d_vocab] */
};

/* How weights change. */
struct pb_stepped_rule {
	struct pbk_step step; /* the optimizer's constants */
	bool by_head; /* W_O's gradients come head by head, as where attn.hook_result is evaluated; so goes its product */
};

/* Memory that the passes reuse. */
struct pb_stepped_scratch {
	struct pb_pool pass, block; /* until the next pass; of one block at a time */
};

void pb_stepped_scratch_init(struct pb_stepped_scratch *scratch, struct pb_device *device);
void pb_stepped_scratch_finish(struct pb_stepped_scratch *scratch);
/* Bytes of it that one row of a cell's questions takes, to choose how many cells to take at once. */
size_t pb_stepped_row_size(const struct pb_model_config *config, uint32_t dtype);

/* Fills cells[i].logits, valid until the next call. */
int pb_stepped_forward(const struct pb_model *model, const struct pb_params *weights, const struct pb_stepped_rule *rule,
		       struct pb_stepped_cell *cells, size_t n_cells, struct pb_stepped_scratch *scratch);

#endif
