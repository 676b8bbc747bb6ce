/* queue.h: launches wait in a list until somebody needs a result or there are many; a list that comes again is replayed as
 * a CUDA graph.
 *
 * Lists that kernels read (pbk_stage) go to the device in one transfer before. Memory that a launch uses must stay until it
 * has been sent: whoever frees, moves or fills memory by other means sends first.
 */
#ifndef PBK_CUDA_QUEUE_H
#define PBK_CUDA_QUEUE_H

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <utility>

struct pbk_context;

/* One launch, with `size` bytes of arguments behind it, each aligned to 16. Equal launches are equal bytes. */
struct pbk_launch_record {
	void (*run)(const struct pbk_launch_record *record, cudaStream_t stream);
	void (*kernel)();
	uint32_t grid[3], block;
	uint64_t size;
};

/* Room for a launch with that many bytes of arguments, cleared but for `size`. NULL: something has failed. */
struct pbk_launch_record *pbk_queue_add(struct pbk_context *context, size_t size);
/* Sends what waits. The host does not wait. */
void pbk_queue_send(struct pbk_context *context);
void pbk_queue_close(struct pbk_context *context);

static constexpr size_t pbk_rounded(size_t size)
{
	return (size + 15) / 16 * 16;
}

/* Where argument `i` is among those of these types; behind the last: their size. */
template <class... Parameters> static constexpr size_t pbk_argument_at(size_t i)
{
	const size_t sizes[] = {pbk_rounded(sizeof(Parameters))...};
	size_t at = 0;
	for (size_t k = 0; k < i; k++)
		at += sizes[k];
	return at;
}

static inline char *pbk_arguments(const struct pbk_launch_record *record)
{
	return (char *)(uintptr_t)(record + 1);
}

template <class T> static T pbk_read_argument(const char *at)
{
	alignas(T) unsigned char raw[sizeof(T)];
	memcpy(raw, at, sizeof raw);
	return *reinterpret_cast<T *>(raw);
}

template <class... Parameters, size_t... I>
static void pbk_run_launch(const struct pbk_launch_record *record, cudaStream_t stream, std::index_sequence<I...>)
{
	static_assert(pbk_argument_at<Parameters...>(sizeof...(Parameters)) <= 4096, "what every device takes");
	void (*kernel)(Parameters...) = reinterpret_cast<void (*)(Parameters...)>(record->kernel);
	const char *arguments = pbk_arguments(record);
	const dim3 grid(record->grid[0], record->grid[1], record->grid[2]);
#ifdef __CUDACC__
	kernel<<<grid, record->block, 0, stream>>>(
		pbk_read_argument<Parameters>(arguments + pbk_argument_at<Parameters...>(I))...);
#else
	const auto values = std::make_tuple(
		pbk_read_argument<Parameters>(arguments + pbk_argument_at<Parameters...>(I))...);
	pbk_emulate(grid, record->block, stream, [=] { std::apply(kernel, values); });
#endif
}

template <class... Parameters> static void pbk_run_record(const struct pbk_launch_record *record, cudaStream_t stream)
{
	pbk_run_launch<Parameters...>(record, stream, std::index_sequence_for<Parameters...>());
}

/* kernel<<<grid, block>>>(arguments...), in the stream's order. An empty grid is no launch. */
template <class... Parameters, class... Arguments>
void pbk_launch(struct pbk_context *context, void (*kernel)(Parameters...), dim3 grid, unsigned block,
		Arguments... arguments)
{
	struct pbk_launch_record *record =
		grid.x && grid.y && grid.z
			? pbk_queue_add(context, pbk_argument_at<Parameters...>(sizeof...(Parameters)))
			: NULL;
	if (!record)
		return;
	char *at = pbk_arguments(record);
	record->run = pbk_run_record<Parameters...>;
	record->kernel = reinterpret_cast<void (*)()>(kernel);
	record->grid[0] = grid.x;
	record->grid[1] = grid.y;
	record->grid[2] = grid.z;
	record->block = block;
	const auto put = [&](auto argument) {
#ifdef __has_builtin
#if __has_builtin(__builtin_clear_padding)
		__builtin_clear_padding(&argument); /* so that equal launches are equal bytes */
#endif
#endif
		memcpy(at, &argument, sizeof argument);
		at += pbk_rounded(sizeof argument);
	};
	(put(static_cast<Parameters>(arguments)), ...);
}

#endif
