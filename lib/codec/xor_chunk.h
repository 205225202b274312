/* Chunks as Prometheus's store keeps and streams them: a bit stream behind a count of samples. */
#ifndef TELLTALE_CODEC_XOR_CHUNK_H
#define TELLTALE_CODEC_XOR_CHUNK_H

#include <stddef.h>

#include "base/buf.h"
#include "model/sample.h"

enum { XOR_CHUNK_SAMPLES = 120 }; /* as many as their store puts into one */

/* Float samples by rising time, at most 65,535 of them: times as differences of differences, values
 * as what changed in their bits. */
void xor_chunk_encode(struct buf *out, const struct sample *v, size_t n);

/* A chunk of one histogram with counts as doubles. */
void float_histogram_chunk_encode(struct buf *out, const struct sample *s);

#endif
