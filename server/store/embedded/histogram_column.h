/* A column of native histograms as few bytes.
 *
 * Rows of one stream mostly share their layout (schema, spans, bounds) for a long time and their
 * counts grow slowly. A row that has the layout of the row before says so in one bit; counts of
 * integer histograms are differences to the row before as varints, others XORed with it. A column
 * of some size is compressed with zstd on top. Layout: docs/design/format/block.md. */
#ifndef TELLTALE_STORE_EMBEDDED_HISTOGRAM_COLUMN_H
#define TELLTALE_STORE_EMBEDDED_HISTOGRAM_COLUMN_H

#include <stddef.h>

#include "model/histogram.h"
#include "store/embedded/bytes.h"

/* Appends the column; every pointer set. */
void histogram_column_encode(struct buf *out, const struct histogram *const *v, size_t n);

/* Reads exactly `n` histograms into `v`, made in `arena`. Sets r->bad on damage and when the
 * arena's budget is spent (arena_failed tells the two apart). What is read satisfies
 * histogram_validate's rule that spans add up to the counts. */
void histogram_column_decode(struct reader *r, const struct histogram **v, size_t n,
                             struct arena *arena);

#endif
