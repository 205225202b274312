/* A column of 64-bit integers (times, scaled decimals, start times) as few bytes.
 *
 * Four methods, the smallest wins:
 *   CONST   all equal: one varint
 *   LINEAR  equal differences (a regular scrape): first value and difference
 *   FRAME   value - minimum, bit-packed
 *   DELTA   first value; difference - smallest difference, bit-packed
 * Bit-packing leaves a few large values out of the common width and keeps their high bits in a list
 * of exceptions behind the packed bits (PFOR, Zukowski et al., "Super-Scalar RAM-CPU Cache
 * Compression", 2006): one missed scrape does not widen a whole block. Differences are taken modulo
 * 2^64, so any int64 sequence survives. Layout: docs/design/format/block.md. */
#ifndef TELLTALE_STORE_EMBEDDED_INT_COLUMN_H
#define TELLTALE_STORE_EMBEDDED_INT_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include "store/embedded/bytes.h"

/* Most values in one column: decoders refuse more. */
enum { COLUMN_ROWS_MAX = 4096 };

/* Appends the column; n in 1…COLUMN_ROWS_MAX. */
void int_column_encode(struct buf *out, const int64_t *v, size_t n);

/* Reads a column of exactly `n` values into `v`; sets r->bad on damage (`v` is undefined then). */
void int_column_decode(struct reader *r, int64_t *v, size_t n);

#endif
