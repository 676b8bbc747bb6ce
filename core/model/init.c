/* init.c: seeded initial values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/model.h"

int pb_params_initialise(struct pb_params *params, const struct pb_model_config *config, uint64_t seed)
{
	double std = 0.8 / sqrt((double)config->d_model);
	int rc = 0;
	for (int i = 0; !rc && i < params->table->n; i++) {
		const char *name = params->table->items[i].name, *leaf = strrchr(name, '.') + 1;
		char stream[128];
		snprintf(stream, sizeof stream, "init/%s", name);
		if (leaf[0] == 'W')
			rc = pb_view_noise(params->device, &params->views[i], 0.0, std, seed, pb_random_stream(stream));
		else
			rc = pb_view_fill(params->device, &params->views[i], strcmp(leaf, "w") ? 0.0 : 1.0);
	}
	return rc ? rc : pb_device_status(params->device);
}
