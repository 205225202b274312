#include "metrics/series_table.h"

#include <stdlib.h>

#include "metrics/exemplar.h"
#include "metrics/stream.h"

enum { SLOTS_MIN = 8, LIST_MIN = 4 };

static void insert(uint32_t *slots, size_t cap, uint64_t hash, size_t index)
{
    size_t at = hash & (cap - 1);
    while (slots[at])
        at = (at + 1) & (cap - 1);
    slots[at] = (uint32_t)index + 1;
}

static bool grow_slots(struct series_table *t)
{
    size_t cap = t->cap ? 2 * t->cap : SLOTS_MIN;
    uint32_t *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->n; i++)
        insert(slots, cap, t->list[i]->attrs->hash, i);
    free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return true;
}

/* By a quarter, for what is not needed of it counts for every series. */
static bool grow_list(struct series_table *t)
{
    size_t cap = t->list_cap + t->list_cap / 4 + LIST_MIN;
    struct series **list = realloc(t->list, cap * sizeof(struct series *));
    if (!list)
        return false;
    t->list = list;
    t->list_cap = cap;
    return true;
}

struct series *series_table_get(const struct series_table *t, const struct attr_set *attrs)
{
    if (!t->cap)
        return NULL;
    for (size_t at = attrs->hash & (t->cap - 1); t->slots[at]; at = (at + 1) & (t->cap - 1)) {
        struct series *s = t->list[t->slots[at] - 1];
        if (attr_set_eq(s->attrs, attrs))
            return s;
    }
    return NULL;
}

bool series_table_put(struct series_table *t, struct series *s)
{
    if ((t->n >= t->cap / 4 * 3 && !grow_slots(t)) || (t->n == t->list_cap && !grow_list(t)))
        return false;
    t->list[t->n] = s;
    insert(t->slots, t->cap, s->attrs->hash, t->n++);
    return true;
}

size_t series_table_filter(struct series_table *t, bool (*drop)(struct series *s, void *arg),
                           void *arg)
{
    size_t kept = 0, n = t->n;
    for (size_t i = 0; i < n; i++) {
        if (!drop(t->list[i], arg))
            t->list[kept++] = t->list[i];
    }
    if (kept == n)
        return 0;
    t->n = kept;
    memset(t->slots, 0, t->cap * sizeof *t->slots);
    for (size_t i = 0; i < kept; i++)
        insert(t->slots, t->cap, t->list[i]->attrs->hash, i);
    return n - kept;
}

void series_done(struct series *s)
{
    if (s->kind == SERIES_FAN) {
        fan_free(s->fan); // with the attributes
        return;
    }
    cell_free(atomic_get_relaxed(&s->at) & SERIES_POSITION, stream_cell_words(s->stream));
    if (s->stream->kind == SERIES_EXPONENTIAL)
        cell_free(atomic_get_relaxed(&s->negative_at), EXP_RANGE_WORDS);
    exemplars_free(atomic_get_relaxed(&s->reservoir));
    free(s->attrs);
    if (s->attrs)
        free(s->text);
}

void series_table_done(struct series_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        series_done(t->list[i]);
    free(t->list);
    free(t->slots);
    *t = (struct series_table){0};
}
