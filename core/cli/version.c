/* version.c: what this build is. No date and no path: equal builds say the same. */
#include "cli/version.h"

#include <jansson.h>
#include <patchbay/plugin.h>
#include <stdio.h>
#include <yaml.h>
#include <zip.h>

#include "tensor/cuda.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* names itself */
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined __x86_64__
#define MACHINE "x86-64"
#elif defined __aarch64__
#define MACHINE "AArch64"
#else
#define MACHINE "another machine"
#endif

#ifdef _OPENMP
#define OPENMP "yes"
#else
#define OPENMP "no: one thread"
#endif

const struct pb_cli_option pb_cli_version_option = {
	.name = "version", .type = PB_CLI_FLAG, .doc = "print the version and what this build is made of"};

int pb_cli_print_version(void)
{
	printf("patchbay %s\n", PB_VERSION);
	printf("build: %s, %s for %s\n", PB_BUILD_TYPE, COMPILER, MACHINE);
	printf("OpenMP: %s\n", OPENMP);
	printf("CUDA kernels: %s\n", pb_cuda_is_built() ? "found" : "none");
	printf("plugin ABI: %u.%u\n", PB_ABI_MAJOR, PB_ABI_MINOR);
	printf("libraries: libyaml %s, jansson %s, libzip %s\n", yaml_get_version_string(), JANSSON_VERSION,
	       zip_libzip_version());
	return pb_cli_finish_output();
}
