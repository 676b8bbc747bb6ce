/* main.c: the program's entry. */
#include <malloc.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/threads.h"
#include "cli/version.h"

/* Touching new memory costs more than computing in it: what reading a checkpoint took serves the sweeps behind it. So the
 * heap keeps what is freed, and large blocks come from it, where glibc would give each back at once. */
static void keep_heap(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the largest that glibc takes */
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

int main(int argc, char **argv)
{
	keep_heap();
	pb_cli_prepare_threads(argv);
	if (argc > 1 && !strcmp(argv[1], "--version"))
		return pb_cli_print_version();
	return pb_cli_dispatch(&pb_cli_program, argc, argv);
}
