/* Where the values of a column that not all rows have are: for who asks for rows in any order.
 *
 * A bit for each row, and for each 64 rows how many values are before: a quarter of a byte a row,
 * and no search. (The rank of succinct data structures: Jacobson, FOCS 1989.) */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_COLUMN_PLACES_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_COLUMN_PLACES_H

#include "base/arena.h"
#include "store/embedded/records/column.h"

/* Of 64 rows. */
struct column_places {
    uint64_t bits;
    uint32_t before;
};

/* For a column of `n_rows` rows that is not dense; in the arena, NULL without memory. */
const struct column_places *column_places_of(const struct column *c, uint32_t n_rows,
                                             struct arena *arena);

/* Where the value of `row` is, or UINT32_MAX. `places` of a dense column: NULL. */
static inline uint32_t column_place(const struct column *c, const struct column_places *places,
                                    uint32_t row)
{
    if (!places)
        return row < c->n ? row : UINT32_MAX;
    const struct column_places *p = &places[row / 64];
    uint64_t bit = UINT64_C(1) << row % 64;
    if (!(p->bits & bit))
        return UINT32_MAX;
    return p->before + (uint32_t)__builtin_popcountll(p->bits & (bit - 1));
}

#endif
