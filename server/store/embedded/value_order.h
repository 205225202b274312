/* The values of a name in the order of their bytes, for who looks for those with a prefix.
 *
 * Values come in any order, and to keep a million of them sorted would cost each new series more
 * than all else that the index does for it. So looking goes over all values at first, and only when
 * that has been done so often that sorting would have been no dearer they are sorted, by who asks.
 * Values that come later are looked at one by one until that has been done too often again. When
 * one that is sorted goes, the order goes with it; that is after a flush at most.
 *
 * Threads: the index's lock guards it, but for `looked_at`. */
#ifndef TELLTALE_STORE_EMBEDDED_VALUE_ORDER_H
#define TELLTALE_STORE_EMBEDDED_VALUE_ORDER_H

#include <stdint.h>

#include "base/atomic.h"
#include "base/str.h"

struct index;
struct index_name;

struct value_order {
    uint32_t *pairs; /* of the name's first `n`; NULL: nothing is sorted */
    uint32_t n;
    atomic_ullong looked_at; /* values, one by one, since they were sorted */
};

void value_order_drop(struct value_order *o);

/* Counts that `n` values were looked at. True when the values should be sorted now; the next who
 * asks is told so only after as many more. */
bool value_order_is_due(struct value_order *o, uint32_t n, uint32_t n_values);

/* Sorts the values that the name has. Without memory nothing changes. The evict lock must be held
 * for reading, the index's lock not at all. */
void value_order_make(struct index *x, struct index_name *name);

/* Where the first value stands that is not before `value`, or, with `after`, that comes after it.
 */
uint32_t value_order_find(const struct index *x, const struct value_order *o, struct str value,
                          bool after);

#endif
