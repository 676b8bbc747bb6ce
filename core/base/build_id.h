/* build_id.h: which build of the program, or of a library that it has loaded, this is. */
#ifndef PB_BASE_BUILD_ID_H
#define PB_BASE_BUILD_ID_H

enum { PB_BUILD_ID_TEXT = 2 * 64 + 1 };

/* The GNU build id of the program (`address` NULL) or of the loaded object whose data are at `address`, in hexadecimal; "none"
 * where the linker made none. */
void pb_build_id(const void *address, char ret_text[static PB_BUILD_ID_TEXT]);

#endif
