/* Values as bytes, in the log and in files: a type byte, then
 *
 *   string, bytes   varint length, bytes          bool    byte 0 or 1
 *   int             zigzag varint                 double  8 bytes
 *   array           varint count, values          map     varint count, (varint length, key,
 * value)…
 *
 * Every value, key order and bit comes back as it was. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_ANY_BYTES_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_ANY_BYTES_H

#include "base/arena.h"
#include "model/any.h"
#include "store/embedded/bytes.h"

/* Appends; when the buffer is full it has failed. */
void any_put(struct buf *out, const struct any *v);
void attributes_put(struct buf *out, const struct attribute *v, size_t n);

/* Text stays in the reader's bytes, arrays and maps go to the arena. Sets r->bad on damage and on
 * values deeper than ANY_DEPTH_MAX; *out is ANY_EMPTY then. */
void any_get(struct reader *r, struct arena *arena, struct any *out);
const struct attribute *attributes_get(struct reader *r, struct arena *arena, uint32_t *out_n);

#endif
