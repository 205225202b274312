/* Unpacking the chunks of which a part's index consists. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_UNPACK_H
#define TELLTALE_STORE_EMBEDDED_PART_UNPACK_H

#include "base/arena.h"

/* A chunk's content: method byte, for zstd its size, bytes, checksum. Into the arena, or (arena
 * NULL) on the heap. ERR_CORRUPT, ERR_NOMEM. `zstd`: context to use again, or NULL. */
int part_unpack(struct str chunk, struct arena *arena, char **out, size_t *out_n);
int part_unpack_with(void *zstd, struct str chunk, struct arena *arena, char **out, size_t *out_n);

#endif
