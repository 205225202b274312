/* What rowset_match.c and rowset_search.c share. Threads: as rowset.h. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_ROWSET_SEARCH_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_ROWSET_SEARCH_H

#include "store/embedded/records/rowset.h"

static inline void set_bit(uint64_t *bits, uint32_t row)
{
    bits[row / 64] |= UINT64_C(1) << row % 64;
}

/* Whether the row is still of interest. */
static inline bool is_within(const uint64_t *within, uint32_t row)
{
    return !within || within[row / 64] >> row % 64 & 1;
}

static inline uint32_t row_of(const struct column *c, uint32_t value)
{
    return c->rows ? c->rows[value] : value;
}

/* Whether the value satisfies the leaf: 1, 0, ERR_…. Of who searches one row must not take the
 * answer away; of who deletes it must. */
int rowset_satisfies(struct rowset *r, const struct predicate *p, const struct any *v);

/* Of a column of texts those that can satisfy `p`, as bits in the arena; *out NULL: any may.
 * ERR_NOMEM. */
int rowset_sift(struct rowset *r, const struct predicate *p, const struct column *c,
                const uint64_t **out);

/* Sets the bits of the rows whose text satisfies `p`, a search or a regex, in a column of texts
 * without dictionary; rows outside `within` (NULL: none are) may be left out. ERR_NOMEM,
 * ERR_TOO_BIG. */
int rowset_search(struct rowset *r, const struct predicate *p, const struct column *c,
                  const uint64_t *within, uint64_t *out);

#endif
