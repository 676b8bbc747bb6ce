/* draw.c: what the pictures in the terminal are made of. */
#include "report/draw.h"

#include <math.h>
#include <string.h>

#include "report/utf8.h"

void pb_draw_style(struct pb_text *out, const struct pb_terminal *terminal, enum pb_style style)
{
	static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m"};
	if (terminal->colors)
		pb_text_add(out, "%s", codes[style]);
}

void pb_draw_background(struct pb_text *out, const struct pb_terminal *terminal, const int rgb[3])
{
	bool white = pb_color_wants_white(rgb);
	if (terminal->colors > 256)
		pb_text_add(out, "\033[48;2;%d;%d;%d;38;2;%sm", rgb[0], rgb[1], rgb[2],
		            white ? "255;255;255" : "0;0;0");
	else if (terminal->colors)
		pb_text_add(out, "\033[48;5;%d;38;5;%dm", pb_color_256(rgb), white ? 231 : 16);
}

void pb_draw_spaces(struct pb_text *out, int count)
{
	for (int i = 0; i < count; i++)
		pb_text_add_bytes(out, " ", 1);
}

void pb_draw_field(struct pb_text *out, const struct pb_terminal *terminal, const char *text, int columns,
                   enum pb_align align)
{
	int width = pb_utf8_columns(text, terminal->unicode);
	int pad = width < columns ? columns - width : 0;
	if (align == PB_ALIGN_RIGHT)
		pb_draw_spaces(out, pad);
	int taken = pb_utf8_add(out, text, columns, terminal->unicode);
	/* A wide character may not fit into the last column of a cut text. */
	pb_draw_spaces(out, columns - taken - (align == PB_ALIGN_RIGHT ? pad : 0));
}

void pb_draw_newline(struct pb_text *out)
{
	while (!out->failed && out->length && out->data[out->length - 1] == ' ')
		out->length--;
	pb_text_add_bytes(out, "\n", 1);
}

static void add_word(struct pb_text *out, const struct pb_terminal *terminal, const char *word, size_t length)
{
	struct pb_text copy = {0};
	pb_text_add_bytes(&copy, word, length);
	if (!copy.failed)
		pb_utf8_add(out, copy.data, pb_utf8_columns(copy.data, terminal->unicode), terminal->unicode);
	pb_text_finish_part(&copy, out);
}

static int word_columns(const struct pb_terminal *terminal, const char *word, size_t length)
{
	struct pb_text copy = {0};
	pb_text_add_bytes(&copy, word, length);
	int columns = copy.failed ? 0 : pb_utf8_columns(copy.data, terminal->unicode);
	pb_text_finish(&copy);
	return columns;
}

void pb_draw_words(struct pb_text *out, const struct pb_terminal *terminal, const char *lead, const char *words)
{
	static const char blanks[] = " \t\r\n";
	int lead_columns = pb_utf8_columns(lead, terminal->unicode), at = lead_columns;
	/* Where the lead takes most of a narrow terminal, words would stand one below the other. */
	int indent = lead_columns <= terminal->width / 2 ? lead_columns : 4;
	pb_utf8_add(out, lead, lead_columns, terminal->unicode);
	bool fresh = true;
	for (const char *word = words + strspn(words, blanks); *word; word += strspn(word, blanks)) {
		size_t length = strcspn(word, blanks);
		int columns = word_columns(terminal, word, length);
		if (at + !fresh + columns > terminal->width && (!fresh || at > indent)) {
			const int room = terminal->width - indent;
			at = columns > room && indent > 4 ? 4 : indent;
			pb_draw_newline(out);
			pb_draw_spaces(out, at);
			fresh = true;
		}
		if (!fresh)
			pb_text_add(out, " ");
		add_word(out, terminal, word, length);
		at += columns + !fresh;
		fresh = false;
		word += length;
	}
	pb_draw_newline(out);
}

void pb_draw_number(struct pb_text *out, double value)
{
	pb_text_add(out, "%.4g", value == 0 ? 0 : value);
}

void pb_draw_flush(const struct pb_terminal *terminal, struct pb_text *out)
{
	if (out->failed)
		fputs("(out of memory: what stands here is in the report)\n", terminal->out);
	else if (out->length)
		fwrite(out->data, 1, out->length, terminal->out);
	fflush(terminal->out);
	pb_text_finish(out);
}
