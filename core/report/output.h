/* output.h: where the files of a run go. */
#ifndef PB_REPORT_OUTPUT_H
#define PB_REPORT_OUTPUT_H

#include "base/text.h"

/* DIR/SUB/NAME.SUFFIX, its folder made; SUB may be NULL. A NAME that is not fit for a file's, or too long, is made so, and stays
 * another than that of any other NAME. */
int pb_output_path(const char *dir, const char *sub, const char *name, const char *suffix, struct pb_text *ret_path);
/* Writes a text there, whole or not at all. A text that ran out of memory is an error, not a short file. */
int pb_output_save(const struct pb_text *text, const char *dir, const char *sub, const char *name, const char *suffix);

#endif
