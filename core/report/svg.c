/* svg.c: elements of SVG as text. */
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "report/draw.h"
#include "report/utf8.h"

/* Estimates for the widest of the usual fonts, in ems. */
static double char_width(uint32_t point, bool bold)
{
	double width = 0.62;
	if (point < 0x80 && strchr(" .,:;'|!()[]/\\-fijlrtI", (int)point))
		width = 0.42;
	else if (point == 'm' || point == 'w' || point == 'M' || point == 'W' || point == '@' || point == '%')
		width = 1;
	else if (point >= 'A' && point <= 'Z')
		width = 0.76;
	else if (point >= 0x80)
		width = pb_utf8_cells((int32_t)point) == 0 ? 0 : pb_utf8_cells((int32_t)point) > 1 ? 1.05 : 0.85;
	return bold ? 1.1 * width : width;
}

/* Of the characters that begin in front of `end`. */
static double width_until(const char *text, const char *end, const struct pb_svg_type *type)
{
	double width = 0;
	uint32_t point;
	for (size_t used; text < end; text += used) {
		used = pb_utf8_next(text, &point);
		width += char_width(point, type->bold);
	}
	return width * type->size;
}

static double width_of(const char *text, const struct pb_svg_type *type)
{
	return width_until(text, text + strlen(text), type);
}

double pb_svg_width(const char *text, double size)
{
	return width_of(text, &(struct pb_svg_type){.size = size});
}

/* XML has no control characters, not even escaped ones, and no U+FFFE. */
static void add_char(struct pb_text *out, const char *bytes, size_t used, uint32_t point)
{
	static const char replacement[] = "\xef\xbf\xbd";
	switch (point) {
	case '&': pb_text_add(out, "&amp;"); break;
	case '<': pb_text_add(out, "&lt;"); break;
	case '>': pb_text_add(out, "&gt;"); break;
	case '"': pb_text_add(out, "&quot;"); break;
	case 0xfffd:
	case 0xfffe:
	case 0xffff: pb_text_add(out, "%s", replacement); break;
	default:
		if (point < 0x20 || point == 0x7f)
			pb_text_add(out, " ");
		else
			pb_text_add_bytes(out, bytes, used);
	}
}

static void add_escaped(struct pb_text *out, const char *text)
{
	uint32_t point;
	for (size_t used; *text; text += used) {
		used = pb_utf8_next(text, &point);
		add_char(out, text, used, point);
	}
}

/* As much of it as there is room for. */
static void add_cut(struct pb_text *out, const char *text, const struct pb_svg_type *type)
{
	const double room = type->room / type->size - char_width(0x2026, type->bold);
	double width = 0;
	uint32_t point;
	for (size_t used; *text; text += used) {
		used = pb_utf8_next(text, &point);
		width += char_width(point, type->bold);
		if (width > room)
			break;
		add_char(out, text, used, point);
	}
	pb_text_add(out, "\u2026");
}

/* To a hundredth of a pixel, without zeros at the end. What is not a number would spoil the whole picture. */
static void add_number(struct pb_text *out, const char *name, double value)
{
	const double rounded = isfinite(value) ? round(100 * value) / 100 : 0;
	pb_text_add(out, " %s=\"%.10g\"", name, rounded == 0 ? 0 : rounded);
}

static void add_color(struct pb_text *out, const char *name, const char *color)
{
	if (color)
		pb_text_add(out, " %s=\"%s\"", name, color);
}

/* Closes the element that is open, with its tip in it. */
static void add_tip(struct pb_text *out, const char *element, const char *tip)
{
	if (!tip) {
		pb_text_add(out, "/>\n");
		return;
	}
	pb_text_add(out, "><title>");
	add_escaped(out, tip);
	pb_text_add(out, "</title></%s>\n", element);
}

void pb_svg_begin(struct pb_svg *svg, double width, double height, const char *title, const char *description)
{
	struct pb_text *out = &svg->text;
	const double w = ceil(width), h = ceil(height);
	pb_text_add(out,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.10g\" height=\"%.10g\" viewBox=\"0 0 %.10g "
		    "%.10g\" "
		    "role=\"img\" aria-labelledby=\"title description\" fill=\"" PB_SVG_INK "\" "
		    "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n<title "
		    "id=\"title\">",
		    w, h, w, h);
	add_escaped(out, title);
	pb_text_add(out, "</title>\n<desc id=\"description\">");
	add_escaped(out, description);
	pb_text_add(out, "</desc>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
}

void pb_svg_end(struct pb_svg *svg)
{
	pb_text_add(&svg->text, "</svg>\n");
}

void pb_svg_text(struct pb_svg *svg, double x, double y, const struct pb_svg_type *type, const char *text)
{
	static const char *const anchors[] = {"start", "middle", "end"};
	struct pb_text *out = &svg->text;
	const bool cut = type->room > 0 && width_of(text, type) > type->room + 0.01;
	pb_text_add(out, "<text");
	add_number(out, "x", x);
	add_number(out, "y", y);
	add_number(out, "font-size", type->size);
	if (type->anchor)
		pb_text_add(out, " text-anchor=\"%s\"", anchors[type->anchor]);
	add_color(out, "fill", type->color);
	if (type->bold)
		pb_text_add(out, " font-weight=\"bold\"");
	if (type->turned)
		pb_text_add(out, " transform=\"rotate(-90 %.2f %.2f)\"", x, y);
	pb_text_add(out, ">");
	if (cut) {
		pb_text_add(out, "<title>");
		add_escaped(out, text);
		pb_text_add(out, "</title>");
		add_cut(out, text, type);
	} else {
		add_escaped(out, text);
	}
	pb_text_add(out, "</text>\n");
}

void pb_svg_rect(struct pb_svg *svg, double x, double y, double w, double h, const char *fill, const char *stroke,
		 const char *tip)
{
	struct pb_text *out = &svg->text;
	pb_text_add(out, "<rect");
	add_number(out, "x", x);
	add_number(out, "y", y);
	add_number(out, "width", w);
	add_number(out, "height", h);
	add_color(out, "fill", fill);
	add_color(out, "stroke", stroke);
	add_tip(out, "rect", tip);
}

void pb_svg_line(struct pb_svg *svg, double x1, double y1, double x2, double y2, const char *color, bool dashed)
{
	struct pb_text *out = &svg->text;
	pb_text_add(out, "<line");
	add_number(out, "x1", x1);
	add_number(out, "y1", y1);
	add_number(out, "x2", x2);
	add_number(out, "y2", y2);
	add_color(out, "stroke", color);
	pb_text_add(out, dashed ? " stroke-dasharray=\"3 3\"/>\n" : "/>\n");
}

void pb_svg_circle(struct pb_svg *svg, double x, double y, double radius, const char *fill, const char *stroke,
		   const char *tip)
{
	struct pb_text *out = &svg->text;
	pb_text_add(out, "<circle");
	add_number(out, "cx", x);
	add_number(out, "cy", y);
	add_number(out, "r", radius);
	add_color(out, "fill", fill);
	pb_text_add(out, " fill-opacity=\"0.75\"");
	add_color(out, "stroke", stroke);
	add_tip(out, "circle", tip);
}

void pb_svg_curve_begin(struct pb_svg *svg, const char *color, bool dashed)
{
	pb_text_add(&svg->text,
		    "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" stroke-linecap=\"round\" "
		    "stroke-linejoin=\"round\"%s d=\"",
		    color, dashed ? " stroke-dasharray=\"5 3\"" : "");
}

/* A line of no length has no cap in some programs: a tenth of a pixel has. */
void pb_svg_curve_point(struct pb_svg *svg, double x, double y, bool down)
{
	pb_text_add(&svg->text, down ? "L%.1f %.1f" : "M%.1f %.1fh.1", x, y);
}

void pb_svg_curve_end(struct pb_svg *svg)
{
	pb_text_add(&svg->text, "\"/>\n");
}

void pb_svg_ramp(struct pb_svg *svg, double x, double y, double w, double h, bool both_arms)
{
	enum { STEPS = 48 };
	for (int i = 0; i < STEPS; i++) {
		int rgb[3];
		char color[8];
		const double at = (i + 0.5) / STEPS, left = floor(x + w * i / STEPS),
			     right = floor(x + w * (i + 1) / STEPS);
		pb_color_diverging(both_arms ? 2 * at - 1 : at, rgb);
		pb_svg_color(rgb, color);
		pb_svg_rect(svg, left, y, right - left, h, color, NULL, NULL);
	}
}

static size_t word_length(const char *word)
{
	return strcspn(word, " \t\r\n");
}

/* How much of `words` goes into a line: whole words, one at least. */
static size_t line_length(const char *words, double width, const struct pb_svg_type *type)
{
	size_t length = word_length(words);
	while (words[length]) {
		const size_t next = length + strspn(words + length, " \t\r\n");
		const size_t end = next + word_length(words + next);
		if (width_until(words, words + end, type) > width)
			break;
		length = end;
	}
	return length;
}

double pb_svg_words(struct pb_svg *svg, double x, double y, double width, const struct pb_svg_type *type,
		    const char *words)
{
	const double line_height = 1.35 * type->size;
	struct pb_svg_type cut = *type; /* a word longer than a line */
	double height = 0;
	cut.room = width;
	words += strspn(words, " \t\r\n");
	while (*words) {
		const size_t length = line_length(words, width, type);
		struct pb_text line = {0};
		pb_text_add_bytes(&line, words, length);
		if (svg && !line.failed)
			pb_svg_text(svg, x, y + height, &cut, line.data);
		pb_text_finish_part(&line, svg ? &svg->text : NULL);
		height += line_height;
		words += length;
		words += strspn(words, " \t\r\n");
	}
	return height;
}

size_t pb_svg_per_line(size_t n, size_t fit)
{
	if (n <= fit)
		return n ? n : 1;
	for (size_t k = fit; 2 * k >= fit && k; k--)
		if (n % k == 0)
			return k;
	return fit;
}

void pb_svg_color(const int rgb[3], char ret_color[8])
{
	snprintf(ret_color, 8, "#%02x%02x%02x", (unsigned)rgb[0] & 255, (unsigned)rgb[1] & 255,
		 (unsigned)rgb[2] & 255);
}

const char *pb_svg_series(size_t i)
{
	static const char *const colors[] = {"#215a94", "#c2542d", "#2f8062", "#8a4f9e", "#a67c00", "#57606a"};
	return colors[i % (sizeof colors / sizeof *colors)];
}
