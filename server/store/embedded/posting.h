/* A set of stream ordinals as bytes: gaps between them, or, where that is shorter, runs. */
#ifndef TELLTALE_STORE_EMBEDDED_POSTING_H
#define TELLTALE_STORE_EMBEDDED_POSTING_H

#include <stddef.h>
#include <stdint.h>

#include "store/embedded/bytes.h"

struct roaring_bitmap_s;

/* Appends the set; `v` rising, n > 0. */
void posting_encode(struct buf *out, const uint32_t *v, size_t n);

/* Adds the set to `out`; members must be below `limit`. Sets r->bad on damage. */
void posting_decode(struct reader *r, uint32_t limit, struct roaring_bitmap_s *out);

/* The same of runs alone, as many as there are bytes: of each the gap to the end of the one before,
 * and its length - 1. */
void posting_decode_runs(struct reader *r, uint32_t limit, struct roaring_bitmap_s *out);

#endif
