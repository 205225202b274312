#include "query/promql/labelset.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct label_filter label_filter_make(struct arena *a, const struct str *names, size_t n, bool keep)
{
    struct str *v = arena_alloc(a, n * sizeof *v);
    if (!v)
        return (struct label_filter){0};
    if (n) {
        memcpy(v, names, n * sizeof *v);
        qsort(v, n, sizeof *v, by_name);
    }
    return (struct label_filter){.names = v, .n = n, .keep = keep};
}

bool label_filter_passes(const struct label_filter *f, struct str name)
{
    if (!f->keep && !f->with_name && str_eq(name, LABEL_NAME))
        return false;
    bool named = false;
    for (size_t i = 0; i < f->n && !named; i++)
        named = str_eq(f->names[i], name);
    return named == f->keep;
}

uint64_t label_filter_hash(const struct label_filter *f, const struct labels *l)
{
    uint64_t h = 0;
    for (size_t i = 0; i < l->n; i++)
        if (label_filter_passes(f, l->v[i].name))
            h = hash_combine(h, hash_combine(hash_str(l->v[i].name), hash_str(l->v[i].value)));
    return h;
}

bool label_filter_matches(const struct label_filter *f, const struct labels *l,
                          const struct labels *part)
{
    size_t k = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!label_filter_passes(f, l->v[i].name))
            continue;
        if (k == part->n || !str_eq(part->v[k].name, l->v[i].name) ||
            !str_eq(part->v[k].value, l->v[i].value))
            return false;
        k++;
    }
    return k == part->n;
}

struct labels label_filter_apply(const struct label_filter *f, struct arena *a,
                                 const struct labels *l)
{
    struct label *v = arena_alloc(a, l->n * sizeof *v);
    struct labels out = {v, 0};
    for (size_t i = 0; v && i < l->n; i++)
        if (label_filter_passes(f, l->v[i].name))
            v[out.n++] = l->v[i];
    return out;
}

uint32_t label_index_find(const struct label_index *x, uint64_t hash, size_t *cursor)
{
    if (x->cap == 0)
        return 0;
    for (size_t i = *cursor; i < x->cap; i++) {
        size_t slot = (hash_u64(hash) + i) & (x->cap - 1);
        if (x->items[slot] == 0)
            return 0;
        if (x->hashes[slot] == hash) {
            *cursor = i + 1;
            return x->items[slot];
        }
    }
    return 0;
}

static void put(struct label_index *x, uint64_t hash, uint32_t item)
{
    size_t slot = hash_u64(hash) & (x->cap - 1);
    while (x->items[slot] != 0)
        slot = (slot + 1) & (x->cap - 1);
    x->hashes[slot] = hash;
    x->items[slot] = item;
}

static bool grow(struct label_index *x, struct arena *a)
{
    struct label_index bigger = {.cap = x->cap ? x->cap * 2 : 64};
    bigger.hashes = arena_array(a, bigger.cap, sizeof *bigger.hashes);
    bigger.items = arena_array(a, bigger.cap, sizeof *bigger.items);
    if (!bigger.hashes || !bigger.items)
        return false;
    for (size_t i = 0; i < x->cap; i++)
        if (x->items[i] != 0)
            put(&bigger, x->hashes[i], x->items[i]);
    bigger.n = x->n;
    *x = bigger;
    return true;
}

bool label_index_add(struct label_index *x, struct arena *a, uint64_t hash, uint32_t item)
{
    if (x->n * 4 >= x->cap * 3 && !grow(x, a))
        return false;
    put(x, hash, item + 1);
    x->n++;
    return true;
}
