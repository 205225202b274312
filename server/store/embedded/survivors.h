/* Which streams of a part have rows left when it is rewritten. A part has no stream without rows
 * and no label pair without streams, so this must be known before the first byte is written. */
#ifndef TELLTALE_STORE_EMBEDDED_SURVIVORS_H
#define TELLTALE_STORE_EMBEDDED_SURVIVORS_H

#include "store/embedded/erase.h"
#include "store/embedded/keep.h"

struct survivors {
    struct erasures *erasures;     /* owned reference; NULL: all survive */
    struct roaring_bitmap_s *gone; /* ordinals; NULL: none */
    bool expired; /* some of these went with the table's retention, and have aggregates */
    bool *pairs;  /* by ordinal: a survivor has it; NULL: all */
};

/* Resolves what the set hides of the part and what of it is not kept any more, and reads the blocks
 * that are hidden by half. ERR_CORRUPT: the index of the part; ERR_NOMEM, or as match_streams. Even
 * then `out` wants survivors_done. */
int survivors_find(struct store *s, struct part_view *v, const struct tombstone_set *set,
                   const struct keep *keep, struct survivors *out, struct err *err);
void survivors_done(struct survivors *x);

/* The first ordinal from `ordinal` on that survives; the number of streams or more: none. */
uint32_t survivors_next(const struct survivors *x, uint32_t ordinal);

static inline bool survivors_have_pair(const struct survivors *x, uint32_t pair)
{
    return !x->pairs || x->pairs[pair];
}

#endif
