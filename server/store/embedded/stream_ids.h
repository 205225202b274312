/* The ids of the streams that have a label pair, or a label: a set that grows by a few at a time.
 *
 * The youngest ids stand in an array of the set's own and go into a Roaring bitmap by 128, which
 * looks for their place once; long runs go there at once. A set of up to 128 ids, as most are, has
 * no bitmap at all and takes a fifth of the memory. Ids that come in rising order are cheapest.
 *
 * {NULL} is the empty set, and no set of nothing takes memory. An id is added once. Who calls sees
 * to it that nobody changes the set meanwhile. */
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
    uint16_t n_young, cap;
    uint32_t young[];
};

/* Adds [first, first + n), of which none is in it. `ids` may move. ERR_NOMEM: nothing has changed.
 */
int stream_ids_add(struct stream_ids **ids, uint32_t first, uint32_t n);

/* Removes an id that is in it; an emptied set is freed. */
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
