#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

void map_done(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}

static uint64_t key_hash(struct str key)
{
    return hash_bytes_seeded(key.p, key.n, hash_process_seed());
}

/* The slot of `key`, or the free slot where it would go. */
static struct map_entry *slot_of(const struct map *m, struct str key, uint64_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_entry *e = &m->slots[i];
        if (!e->value || (e->hash == hash && str_eq(e->key, key)))
            return e;
    }
}

void *map_get(const struct map *m, struct str key)
{
    return m->n ? slot_of(m, key, key_hash(key))->value : NULL;
}

static int rehash(struct map *m, size_t cap)
{
    struct map_entry *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    struct map bigger = {.slots = slots, .n = m->n, .cap = cap};
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value)
            *slot_of(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return 0;
}

int map_put(struct map *m, struct str key, void *value)
{
    if ((m->n + 1) * 4 > m->cap * 3 && rehash(m, m->cap ? m->cap * 2 : 16) != 0)
        return ERR_NOMEM;

    uint64_t hash = key_hash(key);
    struct map_entry *e = slot_of(m, key, hash);
    m->n += !e->value;
    *e = (struct map_entry){.key = key, .hash = hash, .value = value};
    return 0;
}

void *map_remove(struct map *m, struct str key)
{
    if (!m->n)
        return NULL;
    struct map_entry *e = slot_of(m, key, key_hash(key));
    void *value = e->value;
    if (!value)
        return NULL;

    /* Close the gap: move back every later entry of the run whose home is not after the gap, so
     * that no probe sequence is broken (Knuth, TAOCP 3, 6.4, algorithm R). */
    size_t mask = m->cap - 1;
    size_t gap = (size_t)(e - m->slots);
    for (size_t i = (gap + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct map_entry){0};
    m->n--;
    return value;
}

const struct map_entry *map_next(const struct map *m, size_t *cursor)
{
    while (*cursor < m->cap) {
        const struct map_entry *e = &m->slots[(*cursor)++];
        if (e->value)
            return e;
    }
    return NULL;
}
