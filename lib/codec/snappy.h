/* Snappy's block format, as remote write uses it. */
#ifndef TELLTALE_CODEC_SNAPPY_H
#define TELLTALE_CODEC_SNAPPY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the decompressed bytes to `out`, whose maximum bounds them. The size that the block
 * claims is checked against the maximum, and against what so many bytes can hold at best, before
 * any memory is taken. ERR_INVALID: damaged, or not a block (the framed format); ERR_TOO_BIG;
 * ERR_NOMEM. On failure `out` is as before. */
int snappy_decompress(struct str in, struct buf *out, struct err *err);

/* Appends the compressed bytes to `out`. ERR_TOO_BIG: over its maximum, or out of memory. */
int snappy_compress_bytes(struct str in, struct buf *out, struct err *err);

#endif
