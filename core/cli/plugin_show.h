/* plugin_show.h: what `patchbay plugin list` and `info` say of a plugin. All but the splits comes from its file. */
#ifndef PB_CLI_PLUGIN_SHOW_H
#define PB_CLI_PLUGIN_SHOW_H

#include "host/registry.h"
#include "report/json.h"

/* Kind, name, version, summary and file; for a file that did not load, why. */
void pb_plugin_add_line(const struct pb_loaded *l, struct pb_text *out);
/* All about one. With a registry that finds it, a dataset is loaded, made with its default parameters and asked for
 * its splits, which runs its code; registry NULL: it is not. */
int pb_plugin_add_text(const struct pb_loaded *l, struct pb_registry *registry, struct pb_text *out);
void pb_plugin_add_json(const struct pb_loaded *l, struct pb_json *json); /* an object, an element of a list */

const char *pb_axis_word(uint8_t axis); /* "dest_pos" */

#endif
