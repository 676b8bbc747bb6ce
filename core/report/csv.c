/* csv.c: writes RFC 4180 tables. */
#include "report/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

static void begin_field(struct pb_csv *csv)
{
	if (csv->more)
		pb_text_add_bytes(&csv->text, ",", 1);
	csv->more = true;
}

void pb_csv_string(struct pb_csv *csv, const char *value)
{
	begin_field(csv);
	if (!value)
		return;
	const bool quoted = value[strcspn(value, ",\"\r\n")];
	const char *at = value, *end = value + strlen(value);
	pb_text_add(&csv->text, quoted ? "\"" : "");
	while (at < end) {
		const char *from = at;
		const int32_t code = pb_utf8_read(&at, end);
		if (code == '"')
			pb_text_add(&csv->text, "\"\"");
		else if (code < 0) /* names come from data; readers of tables stop at what is not UTF-8 */
			pb_text_add(&csv->text, "\xef\xbf\xbd");
		else
			pb_text_add_bytes(&csv->text, from, (size_t)(at - from));
	}
	pb_text_add(&csv->text, quoted ? "\"" : "");
}

void pb_csv_real(struct pb_csv *csv, double value)
{
	begin_field(csv);
	if (isinf(value))
		pb_text_add(&csv->text, value > 0 ? "inf" : "-inf");
	else if (!isnan(value))
		pb_text_add_real(&csv->text, value);
}

void pb_csv_int(struct pb_csv *csv, int64_t value)
{
	begin_field(csv);
	pb_text_add(&csv->text, "%" PRId64, value);
}

void pb_csv_end_row(struct pb_csv *csv)
{
	pb_text_add_bytes(&csv->text, "\r\n", 2);
	csv->more = false;
}
