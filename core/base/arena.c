/* arena.c: a chain of blocks with a bump pointer. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct pb_arena_block {
	struct pb_arena_block *next;
	size_t size, used;
	_Alignas(64) unsigned char data[];
};

/* A build may make them small, so that nearly every piece is asked for at once: tools/starve. */
#ifndef PB_ARENA_BLOCK
#define PB_ARENA_BLOCK (64 * 1024)
#endif
enum { BLOCK_SIZE = PB_ARENA_BLOCK };

void pb_arena_init(struct pb_arena *arena)
{
	*arena = (struct pb_arena){0};
}

void pb_arena_finish(struct pb_arena *arena)
{
	for (struct pb_arena_block *b = arena->first, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*arena = (struct pb_arena){0};
}

void pb_arena_reset(struct pb_arena *arena)
{
	for (struct pb_arena_block *b = arena->first; b; b = b->next)
		b->used = 0;
	arena->current = arena->first;
}

size_t pb_arena_used(const struct pb_arena *arena)
{
	size_t used = 0;
	for (const struct pb_arena_block *b = arena->first; b; b = b->next)
		used += b->used;
	return used;
}

static struct pb_arena_block *add_block(struct pb_arena *arena, size_t size)
{
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct pb_arena_block *b = NULL;
	if (room <= SIZE_MAX - sizeof *b - 64)
		b = aligned_alloc(64, (sizeof *b + room + 63) / 64 * 64);
	if (!b) {
		pb_fail_nomem(size, "arena");
		return NULL;
	}
	b->size = room;
	b->used = 0;
	/* Inserted behind the current block, so that blocks kept by a reset stay in the chain. */
	if (arena->current) {
		b->next = arena->current->next;
		arena->current->next = b;
	} else {
		b->next = arena->first;
		arena->first = b;
	}
	arena->current = b;
	return b;
}

int pb_arena_reserve(struct pb_arena *arena, size_t size)
{
	pb_arena_finish(arena);
	return add_block(arena, size) ? 0 : -PB_E_NOMEM;
}

void *pb_arena_alloc(struct pb_arena *arena, size_t size)
{
	size_t align = size >= 64 ? 64 : 16;
	for (struct pb_arena_block *b = arena->current; b; b = b->next) {
		size_t at = (b->used + align - 1) / align * align;
		if (at <= b->size && b->size - at >= size) {
			b->used = at + size;
			arena->current = b;
			return memset(b->data + at, 0, size);
		}
	}
	struct pb_arena_block *b = add_block(arena, size);
	if (!b)
		return NULL;
	b->used = size;
	return memset(b->data, 0, size);
}

void *pb_arena_array(struct pb_arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size) {
		pb_fail_nomem(SIZE_MAX, "an array");
		return NULL;
	}
	return pb_arena_alloc(arena, count * size);
}

char *pb_arena_strndup(struct pb_arena *arena, const char *text, size_t length)
{
	if (length == SIZE_MAX) {
		pb_fail_nomem(length, "a text");
		return NULL;
	}
	char *copy = pb_arena_alloc(arena, length + 1);
	return copy ? memcpy(copy, text, length) : NULL;
}

char *pb_arena_strdup(struct pb_arena *arena, const char *text)
{
	return pb_arena_strndup(arena, text, strlen(text));
}

char *pb_arena_printf(struct pb_arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	char *text = length < 0 ? NULL : pb_arena_alloc(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}
