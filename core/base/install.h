/* install.h: where this program's own shared objects are. */
#ifndef PB_BASE_INSTALL_H
#define PB_BASE_INSTALL_H

#include <stdbool.h>

/* Is this program run from the tree it was built in? An installed one must not look there. */
bool pb_in_build_tree(void);

#endif
