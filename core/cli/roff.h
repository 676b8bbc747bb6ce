/* roff.h: manual pages. */
#ifndef PB_CLI_ROFF_H
#define PB_CLI_ROFF_H

#include "base/text.h"

/* The page's head: title, section number, what it is about. No date, so that equal builds write equal pages. */
void pb_roff_begin(struct pb_text *out, const char *title, int section, const char *about);
/* ".SH", ".SS" with its words as they are. */
void pb_roff_heading(struct pb_text *out, const char *macro, const char *words);
/* What the next words explain, in bold. */
void pb_roff_term(struct pb_text *out, const char *term);
/* Words in lines that fit, each paragraph behind an empty line of `text` behind .PP; `code` between backticks is
 * bold. */
void pb_roff_fill(struct pb_text *out, const char *text);
/* Lines as they are, indented. */
void pb_roff_lines(struct pb_text *out, const char *text, size_t length);
/* A whole document of the Markdown that `patchbay keys` writes: headings, paragraphs, lists (of keys, too), code. */
void pb_roff_markdown(struct pb_text *out, const char *markdown);

#endif
