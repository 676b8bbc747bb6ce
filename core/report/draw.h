/* draw.h: what the pictures in the terminal are made of. They are built as a text and written in one go. */
#ifndef PB_REPORT_DRAW_H
#define PB_REPORT_DRAW_H

#include "report/report.h"

enum pb_style {
	PB_STYLE_PLAIN,
	PB_STYLE_BOLD,
	PB_STYLE_DIM,
};

enum pb_align {
	PB_ALIGN_LEFT,
	PB_ALIGN_RIGHT,
};

/* Nothing where the terminal has no colours. */
void pb_draw_style(struct pb_text *out, const struct pb_terminal *terminal, enum pb_style style);
/* Background of this colour, black or white text on it, whichever reads better. Ended by PB_STYLE_PLAIN. */
void pb_draw_background(struct pb_text *out, const struct pb_terminal *terminal, const int rgb[3]);
/* Exactly `columns` columns: padded, or cut. */
void pb_draw_field(struct pb_text *out, const struct pb_terminal *terminal, const char *text, int columns,
                   enum pb_align align);
void pb_draw_spaces(struct pb_text *out, int count);
void pb_draw_newline(struct pb_text *out); /* no blanks in front of it */
/* `lead`, then words wrapped to the terminal's width, further lines indented as far as the lead is wide, or less where that is
 * more than half of the terminal. */
void pb_draw_words(struct pb_text *out, const struct pb_terminal *terminal, const char *lead, const char *words);
/* A number in a sentence: four significant digits. */
void pb_draw_number(struct pb_text *out, double value);
/* Writes the text and frees it. */
void pb_draw_flush(const struct pb_terminal *terminal, struct pb_text *out);

/* color.c */
bool pb_color_wants_white(const int rgb[3]); /* text on it */
int pb_color_256(const int rgb[3]);          /* the nearest of the 256, past the 16 that themes change */

#endif
