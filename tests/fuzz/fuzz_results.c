/* fuzz_results.c: any bytes as results.json and as a sweep's table, read and drawn. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"
#include "report/report.h"

const char *const pb_fuzz_tokens[] = {
	"\"name\": \"a\"", "\"sweeps\": [", "\"axes\": [", "\"cells\": [", "\"stages\": [", "\"environment\": [",
	"\"similarity\": {", "\"index\": [0]", "null", "-1", "1e308", "NaN", "[]", "{}", NULL,
};

static void check(int rc, const char *path)
{
	if (rc == -PB_E_INTERNAL || (rc < 0 && rc != -PB_E_NOMEM && !strstr(pb_error_text(), path)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = PB_FUZZ_FILE({data, size});
	struct pb_arena arena = {0};
	struct pb_result_run run;
	struct pb_result_sweep sweep;
	pb_error_clear();
	check(pb_report_read_run(path, &arena, &run), path);
	pb_arena_finish(&arena);
	pb_error_clear();
	check(pb_report_read_sweep(path, &arena, &sweep), path);
	pb_arena_finish(&arena);
	return 0;
}
