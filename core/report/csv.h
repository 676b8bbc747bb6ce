/* csv.h: writes RFC 4180 tables. A NaN is an empty field. */
#ifndef PB_REPORT_CSV_H
#define PB_REPORT_CSV_H

#include <stdint.h>

#include "base/text.h"

/* Zero-initialise it. */
struct pb_csv {
	struct pb_text text; /* the caller's to finish */
	bool more;           /* the row has a field already */
};

void pb_csv_string(struct pb_csv *csv, const char *value); /* quoted where it must be; NULL: empty */
void pb_csv_real(struct pb_csv *csv, double value);        /* shortest decimal; "inf", "-inf" */
void pb_csv_int(struct pb_csv *csv, int64_t value);
void pb_csv_end_row(struct pb_csv *csv);

#endif
