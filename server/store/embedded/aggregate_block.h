/* A block of the aggregates table: consecutive buckets of one stream as compressed columns, each
 * with its length before it, so that a reader leaves out what it does not want. Times relative to
 * `base_ms` as in block.h; no checksum of its own. Layout: docs/design/format/aggregates.md. */
#ifndef TELLTALE_STORE_EMBEDDED_AGGREGATE_BLOCK_H
#define TELLTALE_STORE_EMBEDDED_AGGREGATE_BLOCK_H

#include "base/buf.h"
#include "store/aggregates.h"

enum { AGGREGATE_BLOCK_ROWS = 512 };

/* Appends rows [from, from + n) of `a`; n in 1…AGGREGATE_BLOCK_ROWS. */
void aggregate_block_encode(struct buf *out, const struct aggregates *a, size_t from, size_t n,
                            int64_t base_ms);

/* Appends the rows to `out`: what out->want names, the rest is zero. Histograms, in out->arena,
 * come with AGGREGATE_ENDS, AGGREGATE_SUM, AGGREGATE_LOST. ERR_CORRUPT (out unchanged), ERR_NOMEM.
 */
int aggregate_block_decode(const void *p, size_t n, int64_t base_ms, struct aggregates *out);

#endif
