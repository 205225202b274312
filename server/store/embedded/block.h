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

/* The first byte of a block. */
enum {
    BLOCK_HAS_HISTOGRAMS = 1 << 0, /* some rows; a bit for each row says which */
    BLOCK_ALL_HISTOGRAMS = 1 << 1, /* every row; no bits, no float column */
    BLOCK_HAS_STARTS = 1 << 2,
    BLOCK_FLAGS_KNOWN = 7
};

/* Appends rows [from, from + n) of `c` as a block; n in 1…BLOCK_ROWS_MAX, times rising. */
void block_encode(struct buf *out, const struct columns *c, size_t from, size_t n, int64_t base_ms);

/* Appends the rows of a block to `out`, histograms into out->arena. ERR_CORRUPT (out unchanged),
 * ERR_NOMEM. */
int block_decode(const void *p, size_t n, int64_t base_ms, struct columns *out);

/* How a block's bytes divide: bytes 0 for a column that it does not have. */
enum { BLOCK_TIMES, BLOCK_STARTS, BLOCK_KINDS, BLOCK_FLOATS, BLOCK_HISTOGRAMS, BLOCK_COLUMNS };
enum { BLOCK_METHODS = 4 };

struct block_shape {
    struct {
        uint32_t rows, bytes;
        unsigned char method; /* as written; below BLOCK_METHODS */
    } columns[BLOCK_COLUMNS];
};

/* The shape of a block. Columns do not say how long they are, so it is decoded on the way,
 * histograms into the arena. Errors as block_decode. */
int block_measure(const void *p, size_t n, struct arena *arena, struct block_shape *out);

#endif
