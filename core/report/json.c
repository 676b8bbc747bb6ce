/* json.c: writes JSON, indented, with lists of numbers on one line. */
#include "report/json.h"

#include <inttypes.h>
#include <math.h>

static void add_line(struct pb_json *json)
{
	pb_text_add_bytes(&json->text, "\n", 1);
	for (int i = 0; i < json->depth; i++)
		pb_text_add_bytes(&json->text, "\t", 1);
}

/* What goes in front of every value: the comma, the line, the key. */
static void add_lead(struct pb_json *json, const char *key)
{
	if (json->more)
		pb_text_add_bytes(&json->text, ",", 1);
	if (!json->row && json->depth)
		add_line(json);
	json->more = true;
	if (key) {
		pb_text_add_json(&json->text, key);
		pb_text_add_bytes(&json->text, ": ", 2);
	}
}

void pb_json_open(struct pb_json *json, const char *key, char bracket)
{
	add_lead(json, key);
	pb_text_add_bytes(&json->text, &bracket, 1);
	json->depth++;
	json->more = false;
}

void pb_json_close(struct pb_json *json, char bracket)
{
	json->depth--;
	if (json->more && !json->row)
		add_line(json);
	pb_text_add_bytes(&json->text, &bracket, 1);
	json->more = true;
}

void pb_json_open_line(struct pb_json *json)
{
	json->row = true;
	pb_json_open(json, NULL, '{');
}

void pb_json_close_line(struct pb_json *json)
{
	pb_json_close(json, '}');
	json->row = false;
	pb_text_add_bytes(&json->text, "\n", 1);
}

void pb_json_open_row(struct pb_json *json, const char *key)
{
	pb_json_open(json, key, '[');
	json->row = true;
}

void pb_json_close_row(struct pb_json *json)
{
	pb_json_close(json, ']');
	json->row = false;
}

void pb_json_string(struct pb_json *json, const char *key, const char *value)
{
	add_lead(json, key);
	if (value)
		pb_text_add_json(&json->text, value);
	else
		pb_text_add(&json->text, "null");
}

void pb_json_real(struct pb_json *json, const char *key, double value)
{
	/* JSON has no infinity, and a decimal too great for a double is an error to some readers. */
	if (isinf(value)) {
		pb_json_string(json, key, value > 0 ? "Infinity" : "-Infinity");
		return;
	}
	add_lead(json, key);
	pb_text_add_real(&json->text, value);
}

void pb_json_int(struct pb_json *json, const char *key, int64_t value)
{
	add_lead(json, key);
	pb_text_add(&json->text, "%" PRId64, value);
}

void pb_json_bool(struct pb_json *json, const char *key, bool value)
{
	add_lead(json, key);
	pb_text_add(&json->text, value ? "true" : "false");
}
