#include "store/embedded/value_order.h"

#include <stdlib.h>

#include "store/embedded/index.h"

/* Sorting takes about as long as looking at all values so many times. */
enum { SORT_AFTER = 8 };

/* What decides most comparisons, next to each other: the bytes behind what all have in common. */
struct key {
    uint64_t start;
    const struct pair *pair;
    uint32_t number;
};

static struct str value_of(const struct pair *p)
{
    return str_of(p->value, p->value_n);
}

void value_order_drop(struct value_order *o)
{
    free(o->pairs);
    o->pairs = NULL;
    o->n = 0;
}

bool value_order_is_due(struct value_order *o, uint32_t n, uint32_t n_values)
{
    uint64_t before = atomic_add_relaxed(&o->looked_at, n);
    return n && before + n > (uint64_t)SORT_AFTER * n_values &&
           atomic_exchange(&o->looked_at, 0) > 0;
}

/* --- sorting ---------------------------------------------------------------------------------- */

static size_t common_prefix(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

static uint64_t bytes_from(struct str s, size_t from)
{
    uint64_t v = 0;
    for (size_t i = from; i < from + 8; i++)
        v = v << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
    return v;
}

static int by_value(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return str_cmp(value_of(x->pair), value_of(y->pair));
}

static void sort(struct key *keys, uint32_t n)
{
    struct str common = value_of(keys[0].pair);
    for (uint32_t i = 1; i < n; i++)
        common.n = common_prefix(common, value_of(keys[i].pair));
    for (uint32_t i = 0; i < n; i++)
        keys[i].start = bytes_from(value_of(keys[i].pair), common.n);
    qsort(keys, n, sizeof *keys, by_value);
}

/* Keys of all values that there are now; NULL when there are none, or no memory. Pairs and their
 * text stay where they are. */
static struct key *take_keys(struct index *x, const struct index_name *name, uint32_t *out_n)
{
    rwlock_take_read(&x->lock);
    uint32_t n = name->n;
    struct key *keys = n ? malloc(n * sizeof *keys) : NULL;
    for (uint32_t i = 0; keys && i < n; i++)
        keys[i] = (struct key){.pair = index_pair(x, name->pairs[i]), .number = name->pairs[i]};
    rwlock_give(&x->lock);
    *out_n = n;
    return keys;
}

static void put(struct index *x, struct index_name *name, uint32_t *pairs, uint32_t n)
{
    rwlock_take_write(&x->lock);
    bool longer = n > name->order.n; // another may have sorted meanwhile
    if (longer) {
        value_order_drop(&name->order);
        name->order.pairs = pairs;
        name->order.n = n;
    }
    rwlock_give(&x->lock);
    if (!longer)
        free(pairs);
}

void value_order_make(struct index *x, struct index_name *name)
{
    uint32_t n;
    struct key *keys = take_keys(x, name, &n);
    uint32_t *pairs = keys ? malloc(n * sizeof *pairs) : NULL;
    if (pairs)
        sort(keys, n);
    for (uint32_t i = 0; pairs && i < n; i++)
        pairs[i] = keys[i].number;
    free(keys);
    if (pairs)
        put(x, name, pairs, n);
}

/* --- finding ---------------------------------------------------------------------------------- */

uint32_t value_order_find(const struct index *x, const struct value_order *o, struct str value,
                          bool after)
{
    uint32_t low = 0, high = o->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = str_cmp(value_of(index_pair(x, o->pairs[middle])), value);
        if (c < 0 || (after && c == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
