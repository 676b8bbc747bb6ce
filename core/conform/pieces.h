/* pieces.h: memory for a plugin under test, each piece between patterns that show what is written beside it. */
#ifndef PB_CONFORM_PIECES_H
#define PB_CONFORM_PIECES_H

#include "host/registry.h"

/* The bytes to take for a piece of `size`, and the piece in memory of so many bytes (NULL: NULL). Any thread. */
size_t pb_piece_room(size_t size);
void *pb_piece_begin(void *memory, size_t size);
/* The memory to free, which is no piece any more; NULL where `piece` is none that is live. */
void *pb_piece_end(void *piece);
/* What was done to pieces since the last call: 0, or -PB_E_PLUGIN with a text ("setter bad: wrote behind ..."). */
int pb_pieces_check(const struct pb_loaded *loaded);

#endif
