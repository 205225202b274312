/* A block: consecutive rows of one stream as compressed columns. The unit of both the head's sealed
 * chunks and the parts' files. Times are kept relative to `base_ms` (the start of the partition's
 * day), which stands with whoever holds the block. No checksum of its own: parts add one.
 * Layout: docs/design/format/block.md. */
#ifndef TELLTALE_STORE_EMBEDDED_BLOCK_H
#define TELLTALE_STORE_EMBEDDED_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "store/embedded/int_column.h"
#include "store/store.h"

/* Rows in a full block of a part. Instant queries decode one block a stream, long ones many:
 * smaller blocks help the first, larger ones the file's size. */
enum { BLOCK_ROWS = 512, BLOCK_ROWS_MAX = COLUMN_ROWS_MAX };

/* Appends rows [from, from + n) of `c` as a block; n in 1…BLOCK_ROWS_MAX, times rising. */
void block_encode(struct buf *out, const struct columns *c, size_t from, size_t n, int64_t base_ms);

/* Appends the rows of a block to `out`, histograms into out->arena. ERR_CORRUPT (out unchanged),
 * ERR_NOMEM. */
int block_decode(const void *p, size_t n, int64_t base_ms, struct columns *out);

#endif
