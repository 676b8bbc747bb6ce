/* driver.c: runs a fuzz target on the files of a corpus and on mutations of them that a seed determines.
 *
 *   fuzz_X CORPUS [INPUTS [SECONDS [SEED]]]   the files of a folder, then so many mutations, at most so long
 *   fuzz_X FILE...                            these files alone, to look at a failure again
 *
 * Where the target crashes, hangs or leaves through a sanitizer, the input is kept as ./fuzz-failure.
 */
#include "fuzz/driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"

enum { INPUT_LIMIT = 1 << 20, FILE_LIMIT = 1000, HANG_SECONDS = 20 };

struct input {
	uint8_t *data;
	size_t size;
};

/* The input at work, where a signal handler finds it. */
static uint8_t *current;
static size_t current_size;
static uint64_t seed = 1, counter;

/* Called by the sanitizers on their way out, where there are any. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void keep_input(void)
{
	static const char note[] = "the input that failed is in ./fuzz-failure\n";
	int fd = open("fuzz-failure", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, current, current_size) < 0 || write(STDERR_FILENO, note, sizeof note - 1) < 0)
		return;
	close(fd);
}

static void on_signal(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void catch_failures(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		signal(fatal[i], on_signal);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_input);
}

static void run_one(const uint8_t *data, size_t size)
{
	/* A block of its own and exact size, so that a sanitizer sees a read past its end. */
	current = malloc(size ? size : 1);
	if (!current)
		abort();
	memcpy(current, data, size);
	current_size = size;
	alarm(HANG_SECONDS);
	if (LLVMFuzzerTestOneInput(current, size)) {
		fputs("the target did not return 0\n", stderr);
		abort();
	}
	alarm(0);
	free(current);
	current = NULL;
}

/* A number below `bound`. */
static size_t draw(size_t bound)
{
	return bound ? (size_t)(pb_random(seed, 0, counter++) % bound) : 0;
}

static void flip_bit(struct input *in)
{
	if (in->size)
		in->data[draw(in->size)] ^= (uint8_t)(1u << draw(8));
}

static void set_byte(struct input *in)
{
	static const uint8_t odd[] = {0, 1, 9, 10, 13, 32, 0x7f, 0x80, 0xc2, 0xe2, 0xef, 0xff, '-', ':', '{', '[', '"'};
	if (in->size)
		in->data[draw(in->size)] = draw(2) ? odd[draw(sizeof odd)] : (uint8_t)draw(256);
}

/* Overwrites a little-endian number, as lengths and offsets of binary files are. */
static void set_number(struct input *in)
{
	static const uint64_t odd[] = {0,          1,          0x7f,       0xff,       0x7fff,    0xffff,
	                               0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, INT64_MAX, UINT64_MAX / 8 + 1};
	size_t width = (size_t)1 << draw(4);
	uint64_t value = odd[draw(sizeof odd / sizeof *odd)];
	if (in->size < width)
		return;
	uint8_t *at = in->data + draw(in->size - width + 1);
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void remove_run(struct input *in)
{
	size_t at = draw(in->size), count = draw(draw(2) ? 4 : in->size - at) + 1;
	if (!in->size)
		return;
	if (count > in->size - at)
		count = in->size - at;
	memmove(in->data + at, in->data + at + count, in->size - at - count);
	in->size -= count;
}

/* `data` must not be part of the input. */
static void insert(struct input *in, const void *data, size_t count)
{
	if (count > INPUT_LIMIT - in->size)
		return;
	size_t at = draw(in->size + 1);
	memmove(in->data + at + count, in->data + at, in->size - at);
	memcpy(in->data + at, data, count);
	in->size += count;
}

/* A run of another file, or of this one. */
static void insert_run(struct input *in, const struct input *from)
{
	static uint8_t run[INPUT_LIMIT];
	size_t at = draw(from->size), count = draw(draw(2) ? 16 : 4096);
	if (count > from->size - at)
		count = from->size - at;
	memcpy(run, from->data + at, count);
	insert(in, run, count);
}

static void insert_token(struct input *in)
{
	size_t count = 0;
	while (pb_fuzz_tokens && pb_fuzz_tokens[count])
		count++;
	if (!count) {
		flip_bit(in);
		return;
	}
	const char *token = pb_fuzz_tokens[draw(count)];
	insert(in, token, strlen(token));
}

static void repeat_byte(struct input *in)
{
	uint8_t run[300];
	size_t count = draw(sizeof run);
	memset(run, in->size ? in->data[draw(in->size)] : ' ', sizeof run);
	insert(in, run, count);
}

static void mutate(struct input *in, const struct input *files, size_t n_files)
{
	for (size_t i = draw(2) ? 1 : draw(6) + 1; i > 0; i--) {
		switch (draw(9)) {
		case 0: flip_bit(in); break;
		case 1: set_byte(in); break;
		case 2: set_number(in); break;
		case 3: remove_run(in); break;
		case 4: insert_run(in, in); break;
		case 5: insert_run(in, &files[draw(n_files)]); break;
		case 6: repeat_byte(in); break;
		case 7: in->size = draw(8) ? in->size : draw(in->size + 1); break;
		default: insert_token(in);
		}
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static bool load(const char *path, struct input *ret_input)
{
	void *data;
	if (pb_file_read(path, INPUT_LIMIT, &data, &ret_input->size) < 0) {
		fprintf(stderr, "%s\n", pb_error_text());
		return false;
	}
	ret_input->data = data;
	return true;
}

/* Sorted by name, so that the inputs do not depend on the file system. */
static size_t load_folder(const char *folder, struct input files[FILE_LIMIT])
{
	struct dirent **entries;
	size_t count = 0;
	int n = scandir(folder, &entries, visible, by_name);
	for (int i = 0; i < n; i++) {
		char *path = pb_file_join(folder, entries[i]->d_name);
		if (path && count < FILE_LIMIT && load(path, &files[count]))
			count++;
		free(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return count;
}

static int run_corpus(const char *folder, long n_inputs, long seconds)
{
	static struct input files[FILE_LIMIT];
	struct input in = {malloc(INPUT_LIMIT), 0};
	size_t n_files = load_folder(folder, files);
	time_t end = time(NULL) + seconds;
	long done = 0;
	if (!n_files || !in.data) {
		fprintf(stderr, "%s: no corpus\n", folder);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < n_files; i++)
		run_one(files[i].data, files[i].size);
	for (; done < n_inputs && time(NULL) < end; done++) {
		const struct input *from = &files[draw(n_files)];
		memcpy(in.data, from->data, from->size);
		in.size = from->size;
		mutate(&in, files, n_files);
		run_one(in.data, in.size);
	}
	printf("%zu files and %ld mutations of them, seed %llu\n", n_files, done, (unsigned long long)seed);
	for (size_t i = 0; i < n_files; i++)
		free(files[i].data);
	free(in.data);
	return EXIT_SUCCESS;
}

static int run_files(int count, char **paths)
{
	for (int i = 0; i < count; i++) {
		struct input in;
		if (!load(paths[i], &in))
			return EXIT_FAILURE;
		run_one(in.data, in.size);
		free(in.data);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct stat st;
	if (argc < 2 || stat(argv[1], &st) < 0) {
		fprintf(stderr, "usage: %s CORPUS [INPUTS [SECONDS [SEED]]] | FILE...\n", argv[0]);
		return 2;
	}
	catch_failures();
	if (!S_ISDIR(st.st_mode))
		return run_files(argc - 1, argv + 1);
	seed = argc > 4 ? strtoull(argv[4], NULL, 10) : seed;
	return run_corpus(argv[1], argc > 2 ? atol(argv[2]) : 10000, argc > 3 ? atol(argv[3]) : 5);
}
