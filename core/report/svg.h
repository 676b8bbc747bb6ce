/* svg.h: writes pictures as SVG: black on white, sans-serif, no scripts. Lengths are pixels, y grows downwards.
 *
 * Texts come from anywhere: they are escaped, and what XML has no place for is replaced. Nobody knows the reader's
 * fonts, so widths of texts are estimates on the safe side.
 */
#ifndef PB_REPORT_SVG_H
#define PB_REPORT_SVG_H

#include "base/text.h"

/* Zero-initialise it. */
struct pb_svg {
	struct pb_text text; /* the caller's to finish */
};

#define PB_SVG_INK  "#1d1e20"
#define PB_SVG_SOFT "#63666b" /* of what is said beside the matter */
#define PB_SVG_RULE "#d5d5ce" /* of lines behind it */

enum pb_svg_anchor {
	PB_SVG_START = 0,
	PB_SVG_MIDDLE,
	PB_SVG_END,
};

/* How a text stands. */
struct pb_svg_type {
	double size;
	enum pb_svg_anchor anchor;
	const char *color; /* NULL: ink */
	bool bold, turned; /* turned: read upwards */
	double room;       /* what is longer is cut with an ellipsis, and whole in its title; 0: as long as it is */
};

/* `title` and `description` are for those who cannot see it, and for the pointer. */
void pb_svg_begin(struct pb_svg *svg, double width, double height, const char *title, const char *description);
void pb_svg_end(struct pb_svg *svg);
void pb_svg_text(struct pb_svg *svg, double x, double y, const struct pb_svg_type *type, const char *text);
/* `tip` (NULL: none) is what the pointer shows. `stroke` may be NULL. */
void pb_svg_rect(struct pb_svg *svg, double x, double y, double w, double h, const char *fill, const char *stroke,
		 const char *tip);
void pb_svg_line(struct pb_svg *svg, double x1, double y1, double x2, double y2, const char *color, bool dashed);
void pb_svg_circle(struct pb_svg *svg, double x, double y, double radius, const char *fill, const char *stroke,
		   const char *tip);
/* A curve of points, in pieces: `begin` lifts the pen, the first point after it sets it down. A lone point is a dot.
 */
void pb_svg_curve_begin(struct pb_svg *svg, const char *color, bool dashed);
void pb_svg_curve_point(struct pb_svg *svg, double x, double y, bool down);
void pb_svg_curve_end(struct pb_svg *svg);
/* The colours from the middle (or, with both arms, from the low end) to the high end, left to right. */
void pb_svg_ramp(struct pb_svg *svg, double x, double y, double w, double h, bool both_arms);

/* At most as wide as this. */
double pb_svg_width(const char *text, double size);
/* Wrapped to `width`, first line's baseline at y; returns the height. svg NULL: only that. */
double pb_svg_words(struct pb_svg *svg, double x, double y, double width, const struct pb_svg_type *type,
		    const char *words);
/* How many of n things to put side by side where `fit` (1 or more) have room: lines of equal length where they can
 * be. */
size_t pb_svg_per_line(size_t n, size_t fit);
/* "#rrggbb" */
void pb_svg_color(const int rgb[3], char ret_color[8]);
/* The i-th of several curves: the page's colours, in turn. */
const char *pb_svg_series(size_t i);

#endif
