/* fuzz_journal.c: any bytes as a run's journal: opened to go on with, added to, and opened again. Bytes are also tried as
 * records (type, length, contents) with checksums made for them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/status.h"
#include "exp/journal.h"
#include "fuzz/driver.h"
#include "fuzz/input.h"

enum { RECORD_HEADER = 24, MOST_BYTES = 1 << 16 };
static const char identity[] = "seed 1\nmodel 2\n";

const char *const pb_fuzz_tokens[] = {identity, "pbjl", "\x01\x00\x0f", "\x02\x00\x20", "\x03\x00\x7c", NULL};

static size_t add_record(char *to, uint32_t type, const void *data, size_t size)
{
	static const uint32_t magic = 0x6c6a6270;
	const uint64_t numbers[2] = {size, pb_checksum_more(pb_checksum(&type, sizeof type), data, size)};
	memcpy(to, &magic, 4);
	memcpy(to + 4, &type, 4);
	memcpy(to + 8, numbers, sizeof numbers);
	memcpy(to + RECORD_HEADER, data, size);
	return RECORD_HEADER + size;
}

/* An identity, then each record: a byte of type, two of length, so many bytes. */
static const char *make_records(const uint8_t *data, size_t size)
{
	static char file[MOST_BYTES];
	size_t at = add_record(file, 1, identity, sizeof identity - 1);
	while (size >= 3) {
		size_t length = data[1] | (size_t)data[2] << 8;
		length = length > size - 3 ? size - 3 : length;
		if (at + RECORD_HEADER + length > sizeof file)
			break;
		at += add_record(file + at, data[0] % 5, data + 3, length);
		data += 3 + length;
		size -= 3 + length;
	}
	return PB_FUZZ_FILE({file, at});
}

static double read_stages(const struct pb_journal *j)
{
	double sum = 0;
	for (uint64_t i = 0; i < 4; i++) {
		const struct pb_journal_stage *s = pb_journal_find_stage(j, i);
		for (size_t k = 0; s && k < s->n_points * s->width; k++)
			sum += s->values[k];
		sum += s ? (double)strlen(s->stopped) : 0;
	}
	return sum;
}

static void check_cell(struct pb_journal *j)
{
	const struct pb_journal_key key = {0, 1, -1, 2};
	struct pb_result_cell out = {0};
	struct pb_cell_job job = {.out = &out};
	if (pb_journal_find_cell(j, &key, &job) && job.rc && !job.why)
		abort();
	job = (struct pb_cell_job){.out = &out};
	if (pb_journal_add_cell(j, &key, &job) < 0)
		abort();
}

/* What could be opened can be gone on with, and then again. */
static void try(const char *path)
{
	struct pb_journal j;
	for (int i = 0; i < 2; i++) {
		pb_error_clear();
		int rc = pb_journal_open(path, identity, true, &j);
		if (rc == -PB_E_INTERNAL || rc == -PB_E_IO || (rc < 0 && (i || !*pb_error_text())))
			abort();
		if (rc < 0)
			return;
		volatile double sum = read_stages(&j);
		(void)sum;
		check_cell(&j);
		pb_journal_close(&j);
	}
}

/* As the journal of another rank: read on from where the last whole record ended. */
static void absorb(const char *path)
{
	struct pb_journal j = {.path = "a rank's", .fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
	size_t at = 0, n = 0;
	int rc = 0;
	for (int i = 0; !rc && i < 2; i++) {
		const size_t before = n;
		pb_error_clear();
		rc = pb_journal_absorb(&j, path, &at, &n);
		if (rc == -PB_E_INTERNAL || (rc && !*pb_error_text()) || n != j.n_cells || (i && n != before))
			abort();
	}
	pb_journal_close(&j);
}

/* One that is in order must be taken, or nothing here is tried. */
static void check_good(void)
{
	struct pb_journal j;
	if (pb_journal_open(make_records(NULL, 0), identity, true, &j) < 0)
		abort();
	pb_journal_close(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	if (!begun)
		check_good();
	begun = true;
	absorb(PB_FUZZ_FILE({data, size}));
	try(PB_FUZZ_FILE({data, size}));
	absorb(make_records(data, size));
	try(make_records(data, size));
	return 0;
}
