#include "store/embedded/label_table.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"

void label_table_init(struct label_table *t, struct arena *text, struct arena *work)
{
    *t = (struct label_table){.text = text, .work = work};
}

static int grow(struct label_table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 64, n_slots = cap * 2;
    struct label *pairs = arena_grow(t->work, t->pairs, t->n, cap, sizeof *pairs);
    uint64_t *hashes = arena_grow(t->work, t->hashes, t->n, cap, sizeof *hashes);
    uint32_t *slots = arena_array(t->work, n_slots, sizeof *slots);
    if (!pairs || !hashes || !slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        size_t at = hashes[i] & (n_slots - 1);
        while (slots[at])
            at = (at + 1) & (n_slots - 1);
        slots[at] = (uint32_t)i + 1;
    }
    t->pairs = pairs;
    t->hashes = hashes;
    t->slots = slots;
    t->cap = cap;
    t->n_slots = n_slots;
    return 0;
}

static uint64_t pair_hash(struct label pair)
{
    uint64_t seed = hash_process_seed();
    return hash_bytes_seeded(pair.value.p, pair.value.n,
                             hash_bytes_seeded(pair.name.p, pair.name.n, seed));
}

uint32_t label_table_intern(struct label_table *t, struct label pair)
{
    if (t->n == t->cap && (t->n >= UINT32_MAX / 4 || grow(t) != 0))
        return UINT32_MAX;
    uint64_t hash = pair_hash(pair);
    size_t mask = t->n_slots - 1, at = hash & mask;
    for (; t->slots[at]; at = (at + 1) & mask) {
        uint32_t number = t->slots[at] - 1;
        if (t->hashes[number] == hash && str_eq(t->pairs[number].value, pair.value) &&
            str_eq(t->pairs[number].name, pair.name))
            return number;
    }
    uint32_t number = (uint32_t)t->n;
    struct label copy = {arena_str(t->text, pair.name), arena_str(t->text, pair.value)};
    if (arena_failed(t->text))
        return UINT32_MAX;
    t->pairs[number] = copy;
    t->hashes[number] = hash;
    t->slots[at] = number + 1;
    t->n++;
    return number;
}

/* --- ranking ---------------------------------------------------------------------------------- */

/* What decides most comparisons, next to each other: the first bytes of the value as a number. */
struct sort_key {
    uint64_t value_start;
    const struct label *pair;
    uint32_t number;
};

static uint64_t first_bytes(struct str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v = v << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
    return v;
}

static int by_pair(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    int c = str_cmp(x->pair->name, y->pair->name);
    if (c)
        return c;
    if (x->value_start != y->value_start)
        return x->value_start < y->value_start ? -1 : 1;
    return str_cmp(x->pair->value, y->pair->value);
}

uint32_t *label_table_rank(struct label_table *t, uint32_t **out_sorted)
{
    struct sort_key *keys = arena_array(t->work, t->n, sizeof *keys);
    uint32_t *ranks = arena_array(t->work, t->n, sizeof *ranks);
    uint32_t *sorted = out_sorted ? arena_array(t->work, t->n, sizeof *sorted) : NULL;
    if (!keys || !ranks || (out_sorted && !sorted))
        return NULL;
    for (size_t i = 0; i < t->n; i++)
        keys[i] = (struct sort_key){first_bytes(t->pairs[i].value), &t->pairs[i], (uint32_t)i};
    qsort(keys, t->n, sizeof *keys, by_pair);
    for (size_t i = 0; i < t->n; i++) {
        ranks[keys[i].number] = (uint32_t)i;
        if (sorted)
            sorted[i] = keys[i].number;
    }
    if (out_sorted)
        *out_sorted = sorted;
    return ranks;
}

int ranks_cmp(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
    size_t n = MIN(n_a, n_b);
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (n_a > n_b) - (n_a < n_b);
}

/* --- numbers to numbers ----------------------------------------------------------------------- */

void id_map_init(struct id_map *m, struct arena *arena)
{
    *m = (struct id_map){.arena = arena};
}

static size_t find(const struct id_map *m, uint32_t key)
{
    size_t mask = m->n_slots - 1, at = hash_u64(key) & mask;
    while (m->slots[at].key && m->slots[at].key != key + 1)
        at = (at + 1) & mask;
    return at;
}

static int grow_map(struct id_map *m)
{
    struct id_map bigger = {.arena = m->arena, .n = m->n};
    bigger.n_slots = m->n_slots ? m->n_slots * 2 : 64;
    bigger.slots = arena_array(m->arena, bigger.n_slots, sizeof *bigger.slots);
    if (!bigger.slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slots[i].key)
            bigger.slots[find(&bigger, m->slots[i].key - 1)] = m->slots[i];
    *m = bigger;
    return 0;
}

uint32_t *id_map_at(struct id_map *m, uint32_t key)
{
    if (m->n * 2 >= m->n_slots && grow_map(m) != 0)
        return NULL;
    size_t at = find(m, key);
    if (!m->slots[at].key) {
        m->slots[at].key = key + 1;
        m->slots[at].value = UINT32_MAX;
        m->n++;
    }
    return &m->slots[at].value;
}
