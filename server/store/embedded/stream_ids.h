/* The ids of the streams that have a label pair, or a label: a set that grows by runs.
 *
 * Runs are kept as bytes behind each other, mostly two a run, and go into a Roaring bitmap when
 * somebody who asks finds many of them (stream_ids_fold): most sets are never asked for, and to put
 * an id into a bitmap takes as long as all else that the index does for it. A set of few runs, as
 * most are, has no bitmap at all and takes a fifth of the memory. Ids that rise are cheapest.
 *
 * {NULL} is the empty set. An id is added once. Who calls sees to it that nobody changes the set
 * meanwhile. */
#ifndef TELLTALE_STORE_EMBEDDED_STREAM_IDS_H
#define TELLTALE_STORE_EMBEDDED_STREAM_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct roaring_bitmap_s;

struct stream_ids {
    struct roaring_bitmap_s *old; /* NULL: all are young */
    uint32_t n;                   /* of all */
    uint32_t end;                 /* of the youngest run */
    uint32_t n_bytes, cap;        /* of young */
    unsigned char young[];        /* runs, as posting.h has them */
};

enum { STREAM_IDS_RAGGED = 128 };

/* A set of what is in the bitmap, which it takes over; NULL when memory is short. */
struct stream_ids *stream_ids_of(struct roaring_bitmap_s *ids);

/* Makes sure that the next stream_ids_add, of [first, …), does not fail. ERR_NOMEM. */
int stream_ids_reserve(struct stream_ids **ids, uint32_t first);

/* Adds [first, first + n), of which none is in it. `ids` may move. ERR_NOMEM: nothing has changed.
 */
int stream_ids_add(struct stream_ids **ids, uint32_t first, uint32_t n);

/* Whether the set has so many young runs that who asks for it should fold it. */
static inline bool stream_ids_are_ragged(const struct stream_ids *ids)
{
    return ids && ids->n_bytes > STREAM_IDS_RAGGED;
}

/* Puts all into the bitmap. ERR_NOMEM: nothing has changed. */
int stream_ids_fold(struct stream_ids *ids); /* NULL is fine */

/* Removes an id that is in it, after stream_ids_fold; an emptied set is freed. */
void stream_ids_remove(struct stream_ids **ids, uint32_t id);

void stream_ids_free(struct stream_ids *ids);

static inline uint32_t stream_ids_count(const struct stream_ids *ids)
{
    return ids ? ids->n : 0;
}

/* Adds them to a bitmap. */
void stream_ids_or(const struct stream_ids *ids, struct roaring_bitmap_s *out);

/* Whether one of them is in the bitmap. */
bool stream_ids_meet(const struct stream_ids *ids, const struct roaring_bitmap_s *within);

/* At most `max` of them, in no order. */
size_t stream_ids_some(const struct stream_ids *ids, uint32_t *out, size_t max);

#endif
