/* build_id.h: which build of the program this is. */
#ifndef PB_BASE_BUILD_ID_H
#define PB_BASE_BUILD_ID_H

/* The GNU build id of the running program, in hexadecimal; "none" where the linker made none. */
const char *pb_build_id(void);

#endif
