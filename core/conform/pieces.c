/* pieces.c: a list of the pieces that are live, and patterns in front of and behind each. */
#include "conform/pieces.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

enum { PATTERN = 32, MARK = 0xa5 };

/* In front of each piece; its size keeps the alignment of malloc. */
struct piece {
	struct piece *next;
	size_t size;
	unsigned char before[PATTERN];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece *live;
static char damage[128]; /* the first since the last look */

size_t pb_piece_room(size_t size)
{
	return sizeof(struct piece) + size + PATTERN;
}

void *pb_piece_begin(void *memory, size_t size)
{
	struct piece *piece = memory;
	if (!memory)
		return NULL;
	unsigned char *data = (unsigned char *)(piece + 1);
	piece->size = size;
	memset(piece->before, MARK, PATTERN);
	memset(data + size, MARK, PATTERN);
	pthread_mutex_lock(&lock);
	piece->next = live;
	live = piece;
	pthread_mutex_unlock(&lock);
	return data;
}

static bool is_whole(const unsigned char *pattern)
{
	bool whole = true;
	for (int i = 0; i < PATTERN; i++)
		whole &= pattern[i] == MARK;
	return whole;
}

/* The patterns are mended, so that each damage is told once. */
static void look_at(struct piece *piece)
{
	unsigned char *behind = (unsigned char *)(piece + 1) + piece->size;
	const char *where = !is_whole(behind) ? "behind the end" : !is_whole(piece->before) ? "in front" : NULL;
	if (where && !*damage)
		snprintf(damage, sizeof damage, "wrote %s of a piece of %zu bytes from host->alloc", where,
			 piece->size);
	memset(piece->before, MARK, PATTERN);
	memset(behind, MARK, PATTERN);
}

void *pb_piece_end(void *memory)
{
	pthread_mutex_lock(&lock);
	struct piece **at = &live, *found;
	while (*at && (void *)(*at + 1) != memory)
		at = &(*at)->next;
	found = *at;
	if (found) {
		look_at(found);
		*at = found->next;
	} else if (!*damage) {
		snprintf(damage, sizeof damage, "gave host->free what is none of its pieces, or was freed before");
	}
	pthread_mutex_unlock(&lock);
	return found;
}

int pb_pieces_check(const struct pb_loaded *loaded)
{
	int rc = 0;
	pthread_mutex_lock(&lock);
	for (struct piece *piece = live; piece; piece = piece->next)
		look_at(piece);
	if (*damage)
		rc = pb_fail(PB_E_PLUGIN, "%s %s: %s: a mistake of the plugin, %s",
			     pb_kind_name(loaded->plugin->kind), loaded->plugin->name, damage, loaded->path);
	*damage = '\0';
	pthread_mutex_unlock(&lock);
	return rc;
}
