/* html.c: one self-contained page: the template, built into the program, with the run's data in it. */
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "report/column.h"
#include "report/report.h"
#include "report/table.h"

/* Made by the build from page/; ends with a NUL. */
extern const unsigned char pb_report_page[];

/* Inside <script>, no text may look like its end or like a comment; < occurs in JSON's strings only. */
static void add_script_text(struct pb_text *page, const struct pb_text *json)
{
	for (size_t i = 0; i < json->length; i++) {
		if (json->data[i] == '<')
			pb_text_add(page, "\\u003c");
		else
			pb_text_add_bytes(page, json->data + i, 1);
	}
}

static void add_html_text(struct pb_text *page, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': pb_text_add(page, "&amp;"); break;
		case '<': pb_text_add(page, "&lt;"); break;
		case '>': pb_text_add(page, "&gt;"); break;
		default: pb_text_add_bytes(page, text, 1);
		}
	}
}

/* The colours are those of the terminal: from the low end to the high one. */
static void add_colors(struct pb_json *json)
{
	enum { STOPS = 25 };
	pb_json_open(json, "colors", '[');
	for (int i = 0; i < STOPS; i++) {
		int rgb[3];
		pb_color_diverging(2.0 * i / (STOPS - 1) - 1, rgb);
		pb_json_open_row(json, NULL);
		for (int c = 0; c < 3; c++)
			pb_json_int(json, NULL, rgb[c]);
		pb_json_close_row(json);
	}
	pb_json_close(json, ']');
}

static void add_data(struct pb_text *page, const struct pb_result_run *run)
{
	struct pb_json json = {0};
	pb_json_open(&json, NULL, '{');
	add_colors(&json);
	pb_table_add_run(&json, "run", run, PB_TABLE_PAGE);
	pb_json_close(&json, '}');
	page->failed |= json.text.failed;
	add_script_text(page, &json.text);
	pb_text_finish(&json.text);
}

static void add_page(struct pb_text *page, const struct pb_result_run *run)
{
	static const char title[] = "{{title}}", data[] = "{{data}}";
	const char *template = (const char *)pb_report_page;
	const char *at_title = strstr(template, title), *at_data = strstr(template, data);
	const char *rest = at_title + strlen(title);
	pb_text_add_bytes(page, template, (size_t)(at_title - template));
	add_html_text(page, run->name ? run->name : "patchbay");
	pb_text_add_bytes(page, rest, (size_t)(at_data - rest));
	add_data(page, run);
	rest = at_data + strlen(data);
	pb_text_add_bytes(page, rest, strlen(rest));
}

int pb_report_write_html(const char *path, const struct pb_result_run *run)
{
	struct pb_text page = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < run->n_sweeps; i++)
		rc = pb_column_check(&run->sweeps[i]);
	if (!rc) {
		add_page(&page, run);
		rc = pb_text_status(&page);
	}
	if (!rc)
		rc = pb_file_write(path, page.data, page.length);
	pb_text_finish(&page);
	return rc;
}
