/* context.c: threads and workspace of the CPU kernels. */
#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "cpu.h"

/* Elements below which a second thread does not pay: waking it costs some microseconds. */
enum { WORK_PER_THREAD = 1 << 17 };

pbk_context *pbk_cpu_open(int threads)
{
	pbk_context *context = calloc(1, sizeof *context);
	if (!context)
		return NULL;
#ifdef _OPENMP
	context->threads = threads > 0 ? threads : omp_get_num_procs();
#else
	context->threads = 1;
	(void)threads;
#endif
	return context;
}

void pbk_cpu_close(pbk_context *context)
{
	if (context)
		free(context->workspace);
	free(context);
}

void *pbk_workspace(pbk_context *context, size_t size)
{
	enum { UNIT = 4096 };
	if (size <= context->workspace_size && size)
		return context->workspace;
	free(context->workspace);
	context->workspace = aligned_alloc(UNIT, (size / UNIT + 1) * UNIT);
	context->workspace_size = context->workspace ? size : 0;
	if (!context->workspace)
		context->failure = PBK_E_NOMEM;
	return context->workspace;
}

int pbk_threads(const pbk_context *context, int64_t count, int64_t work)
{
#ifdef _OPENMP
	if (context->threads == 1 || count < 2 || work < 2 * WORK_PER_THREAD || omp_in_parallel())
		return 1;
	int64_t threads = work / WORK_PER_THREAD;
	if (threads > count)
		threads = count;
	return threads < context->threads ? (int)threads : context->threads;
#else
	(void)context, (void)count, (void)work;
	return 1;
#endif
}
