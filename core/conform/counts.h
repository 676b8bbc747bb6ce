/* counts.h: the host's services for a plugin under test, counted, limited and made to fail. One in a process. */
#ifndef PB_CONFORM_COUNTS_H
#define PB_CONFORM_COUNTS_H

#include <stdatomic.h>

#include "host/registry.h"

enum { PB_COUNTS_MOST = 64 << 20 }; /* bytes; larger pieces are refused, as on a machine that has less */

struct pb_counts {
	atomic_long live;        /* pieces from host->alloc and host->read_file that were not freed */
	atomic_long allocations; /* calls of host->alloc */
	atomic_long files;       /* calls of host->read_file */
	atomic_long draws;       /* calls of host->noise, add_noise, random and shuffle */
	long failing;            /* the allocation of this number, from 1, gives NULL; 0: none */
	bool no_files;           /* host->read_file fails */
	const char *file_text;   /* what every file holds; NULL: what it does */
	/* Calls of malloc and the like by the plugin itself, after pb_counts_imports. */
	atomic_long imports;
	const char *import; /* the first one's name */
};

/* It is there once. */
struct pb_counts *pb_counts(void);
struct pb_counts *pb_counts_reset(void); /* zeroes all */
/* From here on the instance's services are counted. */
void pb_counts_install(struct pb_instance *instance);
/* The plugin's imports of malloc and of all that calls it (imports.c lists them; C++ has operators) go through the
 * counter. -PB_E_UNSUPPORTED where this machine's way of linking is not known. */
int pb_counts_imports(const struct pb_loaded *loaded);

#endif
