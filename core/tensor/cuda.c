/* cuda.c: a shared object, its one symbol, and what is wrong with either. */
#include "tensor/cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/install.h"
#include "base/status.h"

static const char file_name[] = "patchbay-cuda.so";

static int find_file(char *path, size_t size)
{
	const char *folder = getenv("PATCHBAY_BACKEND_PATH");
	if (!folder || !*folder)
		folder = pb_in_build_tree() ? PB_BUILD_DIR "/kernels/cuda" : PB_BACKEND_DIR;
	int length = snprintf(path, size, "%s/%s", folder, file_name);
	if (length < 0 || (size_t)length >= size)
		return pb_fail(PB_E_RANGE, "the folder of the CUDA kernels has too long a name");
	if (access(path, R_OK))
		return pb_fail(PB_E_UNSUPPORTED,
			       "this patchbay has no CUDA kernels: there is no %s in %s; build it where nvcc is installed, or "
			       "compute on the CPU (`--device cpu`)",
			       file_name, folder);
	return 0;
}

bool pb_cuda_is_built(void)
{
	char path[4096];
	const bool found = !find_file(path, sizeof path);
	pb_error_clear();
	return found;
}

/* dlerror's text often begins with the path itself. */
static int load(const char *path, void **ret_library, const struct pbk_backend **ret_backend)
{
	/* Not unloaded: CUDA's libraries leave work for the end of the program. */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library)
		return pb_fail(PB_E_UNSUPPORTED, "the CUDA kernels cannot be loaded: %s", dlerror());
	const struct pbk_backend *(*get)(void);
	*(void **)&get = dlsym(library, PBK_BACKEND_SYMBOL);
	const struct pbk_backend *backend = get ? get() : NULL;
	if (!backend || backend->abi != PBK_BACKEND_ABI || backend->table_size != sizeof(struct pbk_table)) {
		dlclose(library);
		return pb_fail(PB_E_ABI, "%s belongs to another version of patchbay", path);
	}
	*ret_library = library;
	*ret_backend = backend;
	return 0;
}

int pb_cuda_open(int index, bool in_turn, enum pbk_matmul matmul, struct pb_device *ret_device)
{
	char path[4096], why[512] = "";
	void *library = NULL;
	const struct pbk_backend *backend = NULL;
	int rc = find_file(path, sizeof path);
	if (!rc)
		rc = load(path, &library, &backend);
	if (rc)
		return rc;
	const int count = in_turn ? backend->count() : 0;
	struct pbk_context *context = backend->open(count ? index % count : index, matmul, why, sizeof why);
	if (!context) {
		dlclose(library);
		return pb_fail(PB_E_UNSUPPORTED, "%s", why);
	}
	*ret_device = (struct pb_device){
		.name = backend->name,
		.tables = {[PB_F32] = backend->f32, [PB_F64] = backend->f64},
		.context = context,
		.backend = backend,
		.library = library,
	};
	backend->describe(context, ret_device->description, sizeof ret_device->description);
	return 0;
}
