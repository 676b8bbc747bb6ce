/* input.h: a fuzz target's bytes as the file that a parser opens. */
#ifndef PB_TESTS_FUZZ_INPUT_H
#define PB_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct pb_fuzz_piece {
	const void *data;
	size_t size;
};

/* A file in memory that holds the pieces, one behind the other. The path is always the same, and so is the file. */
const char *pb_fuzz_file(const struct pb_fuzz_piece *pieces, size_t n);

struct pb_fuzz_member {
	const char *name;
	const void *data;
	size_t size;
};

/* The same as a zip archive with right checksums, which mutations of an archive hardly ever have. */
const char *pb_fuzz_zip(const struct pb_fuzz_member *members, size_t n);

#define PB_FUZZ_FILE(...)                                                                       \
	pb_fuzz_file((const struct pb_fuzz_piece[]){__VA_ARGS__},                               \
		     sizeof((const struct pb_fuzz_piece[]){__VA_ARGS__}) / sizeof(struct pb_fuzz_piece))

#endif
