/* Who runs into limits of cardinality, and by which label: the one with the most values among some
 * streams of the metric or tenant. */
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/engine.h"

enum { SAMPLE = 1000 };

/* The pairs of some streams, by number. */
struct sampled {
    uint32_t ids[SAMPLE];
    uint32_t *pairs; /* owned */
    size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t take_ids(struct store *s, struct label pair, uint32_t *out)
{
    struct index *x = &s->streams.index;
    if (index_settle(x) != 0)
        return 0; // it is for people to read
    rwlock_take_read(&x->lock);
    const struct pair *p = index_find_pair(x, pair);
    size_t n = p ? pair_streams(p, out, SAMPLE) : 0;
    rwlock_give(&x->lock);
    return n;
}

static int take_pairs(struct store *s, struct sampled *m, uint32_t id)
{
    int rc = 0;
    const struct stream *st = streams_hold(&s->streams, id);
    if (!st)
        return 0; // gone meanwhile
    if (m->n + st->n > m->cap) {
        size_t cap = MAX(m->cap * 2, m->n + st->n);
        uint32_t *v = realloc(m->pairs, cap * sizeof *v);
        rc = v ? 0 : ERR_NOMEM;
        m->pairs = v ? v : m->pairs;
        m->cap = v ? cap : m->cap;
    }
    if (rc == 0) {
        memcpy(m->pairs + m->n, st->pairs, st->n * sizeof *m->pairs);
        m->n += st->n;
    }
    lock_give(&streams_shard(&s->streams, st->hash)->lock);
    return rc;
}

static void keep_distinct(struct sampled *m)
{
    size_t n = 0;
    if (m->n)
        qsort(m->pairs, m->n, sizeof *m->pairs, by_number);
    for (size_t i = 0; i < m->n; i++)
        if (n == 0 || m->pairs[n - 1] != m->pairs[i])
            m->pairs[n++] = m->pairs[i];
    m->n = n;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* The name that most of the pairs have. */
static int richest(const struct index *x, const struct sampled *m, const struct index_name **out,
                   uint64_t *out_n)
{
    uintptr_t *names = malloc((m->n + 1) * sizeof *names);
    if (!names)
        return ERR_NOMEM;
    for (size_t i = 0; i < m->n; i++)
        names[i] = (uintptr_t)index_pair(x, m->pairs[i])->name;
    if (m->n)
        qsort(names, m->n, sizeof *names, by_address);
    for (size_t i = 0, from = 0; i < m->n; i++) {
        from = names[i] == names[from] ? from : i;
        if (i - from + 1 > *out_n) {
            *out = (const struct index_name *)names[i]; // as it was above
            *out_n = i - from + 1;
        }
    }
    free(names);
    return 0;
}

/* With the evict lock, so that no pair goes. */
static int find_label(struct store *s, struct arena *arena, struct store_limited *one)
{
    struct sampled *m = calloc(1, sizeof *m);
    if (!m)
        return ERR_NOMEM;
    size_t n = take_ids(s, (struct label){one->name, one->value}, m->ids);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_pairs(s, m, m->ids[i]);
    keep_distinct(m);
    const struct index_name *name = NULL;
    if (rc == 0)
        rc = richest(&s->streams.index, m, &name, &one->label_values);
    if (name)
        one->label = arena_str(arena, name->text);
    free(m->pairs);
    free(m);
    return rc;
}

static int by_samples(const void *a, const void *b)
{
    const struct store_limited *x = a, *y = b;
    uint64_t n = x->folded + x->refused, k = y->folded + y->refused;
    return n > k ? -1 : n < k;
}

static struct str copy(struct arena *arena, const struct guard_text *t)
{
    return arena_str(arena, str_of(t->text, t->n));
}

static size_t copy_entries(struct guard *g, struct arena *arena, struct store_limited *v)
{
    lock_take(&g->lock);
    size_t n = g->n;
    for (size_t i = 0; i < n; i++) {
        const struct guard_entry *e = &g->entries[i];
        v[i] = (struct store_limited){.limit = guard_limit_name(e->limit),
                                      .name = copy(arena, &e->name),
                                      .value = copy(arena, &e->value),
                                      .allowed = e->allowed,
                                      .folded = e->folded,
                                      .refused = e->refused};
    }
    lock_give(&g->lock);
    return n;
}

int guard_stats(struct store *s, size_t top, struct arena *arena, struct store_limited **out,
                size_t *out_n)
{
    struct store_limited *v = arena_array(arena, GUARD_KEPT, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    size_t n = copy_entries(&s->guard, arena, v);
    int rc = 0;
    if (n > 1)
        qsort(v, n, sizeof *v, by_samples);
    n = MIN(n, top);
    rwlock_take_read(&s->evict);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (v[i].value.n)
            rc = find_label(s, arena, &v[i]);
    rwlock_give(&s->evict);
    *out = v;
    *out_n = n;
    return arena_failed(arena) ? ERR_NOMEM : rc;
}
