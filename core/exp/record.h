/* record.h: a file of records with checksums, written at the end; what a kill cut off is left out. */
#ifndef PB_EXP_RECORD_H
#define PB_EXP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pb_record {
	uint32_t type;
	const char *data;
	size_t size;
};

/* The record is data and, behind it, more. Written by one call where the system takes it whole. */
int pb_record_append(int fd, const char *path, uint32_t type, const void *data, size_t size, const void *more,
		     size_t more_size);
/* The record at *at of a file's content, which *at then goes behind. False: nothing whole is there. */
bool pb_record_next(const char *content, size_t size, size_t *at, struct pb_record *ret_record);
/* Is a whole one anywhere behind `at`? Then what is there was not cut off by a kill: it was altered. */
bool pb_record_follows(const char *content, size_t size, size_t at);

#endif
