/* queue.cu: the list of launches, and graphs of those lists that come again. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "windows.h"

enum {
	MOST_LAUNCHES = 128, /* of a list: the device begins while the host goes on with the next one */
	FEW = 8,             /* launches that are sent one by one: a graph would gain nothing */
	GRAPHS = 256,        /* batches of training differ in their rows: there are some tens of numbers of rows */
	SEEN = 4096,         /* lists that are remembered by a number, to know them when they come again */
	STALE = 4 * GRAPHS,  /* lists sent since a graph was used, when it makes way for one that came again within as many: so
			      * more lists than there are places do not drive each other out */
	MOST_REFUSALS = 3,   /* then no more graphs are made */
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
	uint64_t clock; /* lists sent */
	struct {
		uint64_t number, when;
	} seen[SEEN];
	struct graph graphs[GRAPHS];
	int made, replayed, refused; /* graphs */
	cudaError_t why; /* the first was refused */
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

/* Has the list come before, and lately? Remembers it. */
static bool is_known(struct pbk_queue *q, uint64_t number)
{
	auto *place = &q->seen[number % SEEN];
	const bool known = place->number == number && q->clock - place->when <= STALE;
	*place = {number, q->clock};
	return known;
}

static cudaError_t run_each(pbk_context *context)
{
	const struct pbk_queue *q = context->queue;
	cudaGetLastError(); /* of whatever came before: the launches are not to be blamed for it */
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

/* A place for one more: a free one, or that of the graph which was not used for the longest time. NULL: all are in use. */
static struct graph *find_place(struct pbk_queue *q)
{
	struct graph *oldest = &q->graphs[0];
	for (int i = 0; i < GRAPHS; i++)
		if (q->graphs[i].used < oldest->used)
			oldest = &q->graphs[i];
	return !oldest->exec || q->clock - oldest->used > STALE ? oldest : NULL;
}

/* The device goes without graphs where it must, which is no failure. */
static void note_refusal(struct pbk_queue *q, cudaError_t error)
{
	if (!q->refused++)
		q->why = error;
	cudaGetLastError();
}

/* The waiting list as a graph that is on the device. NULL where that cannot be. */
static cudaGraphExec_t capture(pbk_context *context)
{
	cudaGraph_t made = NULL;
	cudaGraphExec_t exec = NULL;
	cudaError_t error = cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal);
	if (error == cudaSuccess) {
		const cudaError_t launches = run_each(context);
		error = cudaStreamEndCapture(context->stream, &made);
		error = launches != cudaSuccess ? launches : error;
	}
	if (error == cudaSuccess)
		error = cudaGraphInstantiate(&exec, made, 0);
	if (error == cudaSuccess && (error = cudaGraphUpload(exec, context->stream)) != cudaSuccess) {
		cudaGraphExecDestroy(exec);
		exec = NULL;
	}
	if (made)
		cudaGraphDestroy(made);
	if (!exec)
		note_refusal(context->queue, error);
	return exec;
}

/* A graph of the waiting list, kept for the next time. NULL: it is sent launch by launch. */
static struct graph *keep(pbk_context *context, uint64_t number)
{
	struct pbk_queue *q = context->queue;
	struct graph *place = q->refused < MOST_REFUSALS ? find_place(q) : NULL;
	char *bytes = place ? (char *)malloc(q->size) : NULL;
	cudaGraphExec_t exec = bytes ? capture(context) : NULL;
	if (!exec) {
		free(bytes);
		return NULL;
	}
	forget(place);
	memcpy(bytes, q->bytes, q->size);
	*place = {bytes, q->size, number, exec, 0};
	q->made++;
	return place;
}

/* Whether the list has gone to the device as the graph g. */
static bool replay(pbk_context *context, struct graph *g)
{
	struct pbk_queue *q = context->queue;
	const cudaError_t error = cudaGraphLaunch(g->exec, context->stream);
	g->used = q->clock;
	q->replayed += error == cudaSuccess;
	if (error != cudaErrorMemoryAllocation) { /* launch by launch there may be enough */
		pbk_note(context, error);
		return true;
	}
	note_refusal(q, error);
	forget(g);
	return false;
}

void pbk_queue_send(pbk_context *context)
{
	pbk_windows_send(context);
	struct pbk_queue *q = context->queue;
	if (!q || !q->launches)
		return;
	q->clock++;
	if (!context->failure && pbk_stage_send(context)) {
		const uint64_t number = q->launches < FEW ? 0 : number_of(q->bytes, q->size);
		struct graph *g = number ? find(q, number) : NULL;
		if (!g && number && is_known(q, number))
			g = keep(context, number);
		if (!g || !replay(context, g))
			pbk_note(context, run_each(context));
	}
	q->size = 0;
	q->launches = 0;
}

/* For those who look for the reason why a device is slow. */
static void tell(const struct pbk_queue *q)
{
	const char *asked = getenv("PBK_CUDA_TELL");
	if (asked && *asked == '1')
		fprintf(stderr, "cuda: %d graphs made, %d replayed, %d refused%s%s\n", q->made, q->replayed, q->refused,
			q->refused ? ": " : "", q->refused ? cudaGetErrorString(q->why) : "");
}

void pbk_queue_close(pbk_context *context)
{
	struct pbk_queue *q = context->queue;
	if (!q)
		return;
	tell(q);
	for (int i = 0; i < GRAPHS; i++)
		forget(&q->graphs[i]);
	free(q->bytes);
	free(q);
	context->queue = NULL;
}
