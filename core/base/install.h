/* install.h: where this program's own files are. */
#ifndef PB_BASE_INSTALL_H
#define PB_BASE_INSTALL_H

#include <stdbool.h>

/* Is this program run from the tree it was built in? An installed one must not look there. */
bool pb_in_build_tree(void);
/* A path below the prefix that was configured, as it is below the prefix this program is run from: an installed tree
 * may have been staged or moved. The caller frees it; NULL: out of memory, recorded. */
char *pb_installed_path(const char *configured);

#endif
