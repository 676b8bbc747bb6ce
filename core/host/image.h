/* image.h: a shared object as data: its segments as they would lie in memory once loaded, its symbols and notes.
 *
 * dlopen runs a file's constructors; an image runs nothing. The file may be damaged or made to do harm: whatever is
 * read from it is checked against its bounds first. Relocations are applied to the image's own place in memory, so
 * that pointers between its data can be followed by who asks pb_image_holds before. Functions have addresses inside
 * it too, but the memory is not executable. What other files must define has an address that is not NULL and that the
 * image does not hold; what may be missing (weak) is NULL.
 */
#ifndef PB_HOST_IMAGE_H
#define PB_HOST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct pb_image;

/* -PB_E_NOTFOUND, -PB_E_IO, -PB_E_NOMEM, or -PB_E_FORMAT: "PATH is no plugin: WHY". */
int pb_image_open(const char *path, struct pb_image **ret_image);
void pb_image_close(struct pb_image *image); /* NULL allowed */

/* Are there `size` bytes of the file's segments at `at`, a multiple of `align`? A zero stands somewhere at or behind
 * any byte that the image holds, within memory that may be read: texts end. */
bool pb_image_holds(const struct pb_image *image, const void *at, size_t size, size_t align);
/* Where the file defines and exports `name`; NULL: it does not, or outside its segments. */
const void *pb_image_symbol(const struct pb_image *image, const char *name);
/* The content of the first note of that name and type; NULL: none. Not aligned. */
const void *pb_image_note(const struct pb_image *image, const char *name, uint32_t type, size_t *ret_size);
/* The linker's GNU build id in hexadecimal; "" when there is none. Valid as long as the image. */
const char *pb_image_build_id(const struct pb_image *image);

/* Names of dynamic symbols in the table's order: those that the file exports (defined, global, visible; weak and
 * unique ones are left out, which C++ has of its templates), and those that it wants others to define. The list comes
 * from the arena, its texts are the image's. */
int pb_image_exports(const struct pb_image *image, struct pb_arena *arena, const char *const **ret_names,
		     size_t *ret_count);
int pb_image_imports(const struct pb_image *image, struct pb_arena *arena, const char *const **ret_names,
		     size_t *ret_count);

#endif
