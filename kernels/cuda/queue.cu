/* queue.cu: the list of launches, and graphs of those lists that come again. */
#include "queue.h"

#include <stdlib.h>

#include "windows.h"

enum {
	MOST_LAUNCHES = 128, /* of a list: the device begins while the host goes on with the next one */
	FEW = 8,             /* launches that are sent one by one: a graph would gain nothing */
	GRAPHS = 256,        /* batches of training differ in their rows: there are some tens of numbers of rows */
	SEEN = 4096,         /* lists that are remembered by a number, to know them when they come again */
};

/* A list that has come at least twice. */
struct graph {
	char *bytes;
	size_t size;
	uint64_t number; /* of the bytes, to find it by */
	cudaGraphExec_t exec; /* NULL: this place is free */
	uint64_t used;        /* when, for the first to go */
};

struct pbk_queue {
	char *bytes; /* records, one behind the other */
	size_t size, room;
	int launches;
	uint64_t clock, seen[SEEN];
	struct graph graphs[GRAPHS];
};

static struct pbk_queue *queue_of(pbk_context *context)
{
	if (!context->queue)
		context->queue = (struct pbk_queue *)calloc(1, sizeof *context->queue);
	if (!context->queue)
		pbk_note(context, cudaErrorMemoryAllocation);
	return context->queue;
}

struct pbk_launch_record *pbk_queue_add(pbk_context *context, size_t size)
{
	pbk_windows_send(context);
	struct pbk_queue *q = context->failure ? NULL : queue_of(context);
	if (!q)
		return NULL;
	if (q->launches == MOST_LAUNCHES)
		pbk_queue_send(context);
	const size_t whole = sizeof(struct pbk_launch_record) + size;
	if (q->size + whole > q->room) {
		const size_t room = 2 * (q->size + whole) + 65536;
		char *bytes = (char *)realloc(q->bytes, room);
		if (!bytes) {
			pbk_note(context, cudaErrorMemoryAllocation);
			return NULL;
		}
		q->bytes = bytes;
		q->room = room;
	}
	struct pbk_launch_record *record = (struct pbk_launch_record *)(q->bytes + q->size);
	memset(record, 0, whole);
	record->size = size;
	q->size += whole;
	q->launches++;
	return record;
}

struct moving {
	void *dst;
	const void *src;
	size_t size;
};

static void run_zero(const struct pbk_launch_record *record, cudaStream_t stream)
{
	const moving m = pbk_read_argument<moving>(pbk_arguments(record));
	cudaMemsetAsync(m.dst, 0, m.size, stream);
}

static void run_copy(const struct pbk_launch_record *record, cudaStream_t stream)
{
	const moving m = pbk_read_argument<moving>(pbk_arguments(record));
	cudaMemcpyAsync(m.dst, m.src, m.size, cudaMemcpyDeviceToDevice, stream);
}

static void move(pbk_context *context, void (*run)(const struct pbk_launch_record *, cudaStream_t), const moving &m)
{
	struct pbk_launch_record *record = m.size ? pbk_queue_add(context, pbk_rounded(sizeof m)) : NULL;
	if (!record)
		return;
	record->run = run;
	memcpy(pbk_arguments(record), &m, sizeof m);
}

void pbk_queue_zero(pbk_context *context, void *dst, size_t size)
{
	move(context, run_zero, {dst, NULL, size});
}

void pbk_queue_copy(pbk_context *context, void *dst, const void *src, size_t size)
{
	move(context, run_copy, {dst, src, size});
}

static uint64_t number_of(const char *bytes, size_t size)
{
	uint64_t number = 14695981039346656037u;
	for (size_t at = 0; at < size; at += sizeof number) {
		uint64_t word;
		memcpy(&word, bytes + at, sizeof word); /* records are whole words */
		number = (number ^ word) * 1099511628211u;
		number ^= number >> 29;
	}
	return number ? number : 1;
}

/* Has the list come before? Remembers it. */
static bool is_known(struct pbk_queue *q, uint64_t number)
{
	uint64_t *place = &q->seen[number % SEEN];
	const bool known = *place == number;
	*place = number;
	return known;
}

static cudaError_t run_each(pbk_context *context)
{
	const struct pbk_queue *q = context->queue;
	for (size_t at = 0; at < q->size;) {
		const struct pbk_launch_record *record = (const struct pbk_launch_record *)(q->bytes + at);
		record->run(record, context->stream);
		at += sizeof *record + record->size;
	}
	return cudaGetLastError();
}

static void forget(struct graph *g)
{
	if (g->exec)
		cudaGraphExecDestroy(g->exec);
	free(g->bytes);
	*g = {};
}

static struct graph *find(struct pbk_queue *q, uint64_t number)
{
	for (int i = 0; i < GRAPHS; i++) {
		struct graph *g = &q->graphs[i];
		if (g->exec && g->number == number && g->size == q->size && !memcmp(g->bytes, q->bytes, q->size))
			return g;
	}
	return NULL;
}

/* A place for one more: a free one, or that of the graph which was not used for the longest time. */
static struct graph *place(struct pbk_queue *q)
{
	struct graph *oldest = &q->graphs[0];
	for (int i = 0; i < GRAPHS; i++)
		if (q->graphs[i].used < oldest->used)
			oldest = &q->graphs[i];
	forget(oldest);
	return oldest;
}

/* The waiting list as a graph. NULL where that cannot be: then it is sent launch by launch, which is no failure. */
static struct graph *capture(pbk_context *context, uint64_t number)
{
	struct pbk_queue *q = context->queue;
	struct graph *g = place(q);
	cudaGraph_t made = NULL;
	cudaGraphExec_t exec = NULL;
	char *bytes = (char *)malloc(q->size);
	if (!bytes || cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
		free(bytes);
		cudaGetLastError();
		return NULL;
	}
	const cudaError_t error = run_each(context);
	if (cudaStreamEndCapture(context->stream, &made) != cudaSuccess || error != cudaSuccess ||
	    cudaGraphInstantiate(&exec, made, 0) != cudaSuccess) {
		cudaGetLastError();
		exec = NULL;
	}
	if (made)
		cudaGraphDestroy(made);
	if (!exec) {
		free(bytes);
		return NULL;
	}
	memcpy(bytes, q->bytes, q->size);
	*g = {bytes, q->size, number, exec, 0};
	return g;
}

void pbk_queue_send(pbk_context *context)
{
	pbk_windows_send(context);
	struct pbk_queue *q = context->queue;
	if (!q || !q->launches)
		return;
	q->clock++;
	struct graph *g = NULL;
	if (!context->failure && pbk_stage_send(context)) {
		const uint64_t number = q->launches < FEW ? 0 : number_of(q->bytes, q->size);
		g = number ? find(q, number) : NULL;
		if (!g && number && is_known(q, number))
			g = capture(context, number);
		if (g) {
			g->used = q->clock;
			pbk_note(context, cudaGraphLaunch(g->exec, context->stream));
		} else {
			pbk_note(context, run_each(context));
		}
	}
	q->size = 0;
	q->launches = 0;
}

void pbk_queue_close(pbk_context *context)
{
	struct pbk_queue *q = context->queue;
	if (!q)
		return;
	for (int i = 0; i < GRAPHS; i++)
		forget(&q->graphs[i]);
	free(q->bytes);
	free(q);
	context->queue = NULL;
}
