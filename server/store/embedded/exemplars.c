#include "store/embedded/exemplars.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "store/embedded/bytes.h"

/* How far back a chain is followed in search of an equal exemplar. */
enum { CHAIN_MAX = 32, HEADS_MIN = 64 };

void exemplars_init(struct exemplars *x, size_t max)
{
    *x = (struct exemplars){.max = max};
    lock_init(&x->lock, LOCK_LEAF);
}

static void slot_clear(struct exemplar_slot *s)
{
    free((void *)(uintptr_t)s->series.v); // ours since labels_dup
    free((void *)(uintptr_t)s->labels.v);
    *s = (struct exemplar_slot){0};
}

void exemplars_done(struct exemplars *x)
{
    for (size_t i = 0; x->ring && i < x->max; i++)
        slot_clear(&x->ring[i]);
    free(x->ring);
    free(x->heads);
    lock_done(&x->lock);
}

static int make_ring(struct exemplars *x)
{
    if (x->ring)
        return 0;
    size_t n_heads = HEADS_MIN;
    while (n_heads < x->max)
        n_heads *= 2;
    x->ring = calloc(x->max, sizeof *x->ring);
    x->heads = calloc(n_heads, sizeof *x->heads);
    if (x->ring && x->heads) {
        x->n_heads = n_heads;
        return 0;
    }
    free(x->ring);
    free(x->heads);
    x->ring = NULL;
    x->heads = NULL;
    return ERR_NOMEM;
}

static struct exemplar_slot *slot_of(struct exemplars *x, uint64_t number)
{
    bool kept = number > 0 && number + x->max > x->last;
    return kept ? &x->ring[number % x->max] : NULL;
}

bool exemplar_is_small(const struct exemplar *e)
{
    size_t text = 0;
    if (e->labels.n > EXEMPLAR_LABELS_MAX)
        return false;
    for (size_t i = 0; i < e->labels.n; i++)
        text += e->labels.v[i].name.n + e->labels.v[i].value.n;
    return text <= EXEMPLAR_TEXT_MAX;
}

static uint64_t newest_of(const struct exemplars *x, uint64_t hash)
{
    size_t at = hash & (x->n_heads - 1);
    return x->heads[at].hash == hash ? x->heads[at].newest : 0;
}

static bool same(const struct exemplar_slot *s, const struct exemplar *e)
{
    return s->t_unix_ms == e->t_unix_ms && double_bits(s->value) == double_bits(e->value) &&
           labels_eq(&s->labels, &e->labels);
}

static bool has_locked(struct exemplars *x, uint64_t hash, const struct exemplar *e)
{
    if (!x->ring)
        return false;
    const struct exemplar_slot *s = slot_of(x, newest_of(x, hash));
    for (int i = 0; s && s->hash == hash && i < CHAIN_MAX; i++) {
        if (same(s, e))
            return true;
        s = slot_of(x, s->before);
    }
    return false;
}

bool exemplars_has(struct exemplars *x, uint64_t hash, const struct exemplar *e)
{
    lock_take(&x->lock);
    bool has = has_locked(x, hash, e);
    lock_give(&x->lock);
    return has;
}

static void put_newest(struct exemplars *x, const struct exemplar_slot *s)
{
    struct exemplar_slot *place = &x->ring[++x->last % x->max];
    slot_clear(place);
    *place = *s;
    place->before = newest_of(x, s->hash);
    size_t at = s->hash & (x->n_heads - 1);
    x->heads[at].hash = s->hash;
    x->heads[at].newest = x->last;
}

int exemplars_add(struct exemplars *x, const struct labels *series, uint64_t hash,
                  const struct exemplar *e)
{
    if (x->max == 0)
        return 0;
    struct exemplar_slot s = {.hash = hash, .value = e->value, .t_unix_ms = e->t_unix_ms};
    if (labels_dup(series, &s.series) != 0 || labels_dup(&e->labels, &s.labels) != 0) {
        slot_clear(&s);
        return ERR_NOMEM;
    }
    lock_take(&x->lock);
    int rc = make_ring(x);
    bool keep = rc == 0 && !has_locked(x, hash, e);
    if (keep)
        put_newest(x, &s);
    lock_give(&x->lock);
    if (!keep)
        slot_clear(&s);
    return rc;
}

/* --- finding ---------------------------------------------------------------------------------- */

struct found {
    struct labels series;
    struct exemplar exemplar;
    uint64_t number;
};

static int by_series_and_time(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int c = labels_cmp(&x->series, &y->series);
    if (c)
        return c;
    if (x->exemplar.t_unix_ms != y->exemplar.t_unix_ms)
        return x->exemplar.t_unix_ms < y->exemplar.t_unix_ms ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static int take(struct arena *a, const struct exemplar_slot *s, uint64_t number, struct found **v,
                size_t *n, size_t *cap)
{
    struct found *p = arena_room(a, *v, *n, cap, 16, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    *v = p;
    struct found *f = &(*v)[(*n)++];
    f->series = labels_copy(a, &s->series);
    f->exemplar = (struct exemplar){labels_copy(a, &s->labels), s->value, s->t_unix_ms};
    f->number = number;
    return arena_failed(a) ? ERR_NOMEM : 0;
}

static int collect(struct exemplars *x, const struct matcher *matchers, size_t n_matchers,
                   int64_t min_ms, int64_t max_ms, struct arena *a, struct found **out,
                   size_t *out_n)
{
    size_t cap = 0;
    int rc = 0;
    uint64_t oldest = x->last > x->max ? x->last - x->max + 1 : 1;
    for (uint64_t i = oldest; x->ring && rc == 0 && i <= x->last; i++) {
        const struct exemplar_slot *s = &x->ring[i % x->max];
        if (s->t_unix_ms < min_ms || s->t_unix_ms > max_ms)
            continue;
        rc = matchers_match(matchers, n_matchers, &s->series);
        if (rc == 1)
            rc = take(a, s, i, out, out_n, &cap);
    }
    return rc;
}

static int group(const struct found *v, size_t n, struct arena *a, struct series_exemplars **out,
                 size_t *out_n)
{
    struct series_exemplars *series = arena_array(a, n, sizeof *series);
    struct exemplar *all = arena_array(a, n, sizeof *all);
    if (!series || !all)
        return ERR_NOMEM;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        all[i] = v[i].exemplar;
        if (i == 0 || !labels_eq(&v[i].series, &v[i - 1].series))
            series[count++] = (struct series_exemplars){v[i].series, &all[i], 0};
        series[count - 1].n++;
    }
    *out = series;
    *out_n = count;
    return 0;
}

int exemplars_find(struct exemplars *x, const struct matcher *matchers, size_t n, int64_t min_ms,
                   int64_t max_ms, struct arena *arena, struct series_exemplars **out,
                   size_t *out_n, struct err *err)
{
    struct found *v = NULL;
    size_t found = 0;
    lock_take(&x->lock);
    int rc = collect(x, matchers, n, min_ms, max_ms, arena, &v, &found);
    lock_give(&x->lock);
    if (rc == 0 && found)
        qsort(v, found, sizeof *v, by_series_and_time);
    if (rc == 0)
        rc = group(v, found, arena, out, out_n);
    return rc == 0 ? 0 : err_set(err, rc, "find exemplars: %s", err_name(rc));
}
