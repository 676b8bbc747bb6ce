/* wrap.h: text in lines that fit a terminal. */
#ifndef PB_CLI_WRAP_H
#define PB_CLI_WRAP_H

#include "base/text.h"

/* Adds words and a newline, each line but the first behind `indent` spaces; the first line has `used` columns already.
 */
void pb_cli_wrap(struct pb_text *out, const char *text, int indent, int used);

#endif
