/* Compressed bodies: gzip, deflate (zlib or raw, as HTTP clients send both) and zstd.
 *
 * What comes from outside may be a bomb, so the output is bounded twice: by the maximum of the
 * buffer it goes to, and by its ratio to the input. */
#ifndef TELLTALE_CODEC_COMPRESS_H
#define TELLTALE_CODEC_COMPRESS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_DEFLATE, COMPRESSION_ZSTD };

/* By the words of HTTP and gRPC, in any case: "" and "identity", "gzip" and "x-gzip", "deflate",
 * "zstd". ERR_UNSUPPORTED for others. */
int compression_parse(struct str word, enum compression *out, struct err *err);

/* The ratio is looked at only above this many bytes of output: below, nothing can be hurt. */
enum { DECOMPRESS_RATIO_FROM_BYTES = 1 << 20 };

/* Appends the decompressed bytes to `out`, whose maximum bounds them; `max_ratio` bounds output to
 * input (0: not at all). ERR_INVALID: damaged or cut off; ERR_TOO_BIG: over one of the bounds;
 * ERR_NOMEM. On failure `out` holds a part. */
int decompress(enum compression c, struct str in, unsigned max_ratio, struct buf *out,
               struct err *err);

/* Appends the compressed bytes to `out`. `level`: 1…9 for gzip and deflate, 1…19 for zstd.
 * ERR_TOO_BIG: over the buffer's maximum; ERR_NOMEM. */
int compress_bytes(enum compression c, struct str in, int level, struct buf *out, struct err *err);

#endif
