#include "store/embedded/erase.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/tombstones.h"

/* --- the list --------------------------------------------------------------------------------- */

/* Room for `cap` of them, none yet. NULL: out of memory. */
static struct erasures *erasures_new(size_t cap)
{
    struct erasures *e = calloc(1, sizeof *e + cap * sizeof e->v[0]);
    if (!e)
        return NULL;
    refcount_init(&e->refs);
    e->any = roaring_bitmap_create();
    if (!e->any) {
        free(e);
        return NULL;
    }
    return e;
}

void erasures_unref(struct erasures *e)
{
    if (!e || !refcount_put(&e->refs))
        return;
    for (size_t i = 0; i < e->n; i++)
        roaring_bitmap_free(e->v[i].streams);
    roaring_bitmap_free(e->any);
    free(e);
}

/* The streams of the part that the tombstone names. There must be room. Errors as match_streams. */
static int add(struct erasures *e, struct part_view *v, const struct tombstone *one,
               struct err *err)
{
    struct posting_source postings = part_postings(v);
    roaring_bitmap_t *streams = NULL;
    int rc = match_streams(&postings, one->matchers, one->n, &streams, err);
    if (rc != 0)
        return rc;
    if (roaring_bitmap_is_empty(streams)) {
        roaring_bitmap_free(streams);
        return 0;
    }
    (void)roaring_bitmap_run_optimize(streams); // whether it helped does not matter
    roaring_bitmap_or_inplace(e->any, streams);
    e->v[e->n++] = (struct erasure){streams, one->min_ms, one->max_ms};
    return 0;
}

/* --- of a part -------------------------------------------------------------------------------- */

bool tombstone_concerns(const struct tombstone *one, const struct part *p)
{
    return one->seq >= p->seq_hi && one->born > atomic_get_relaxed(&p->applied) &&
           one->min_ms <= p->max_ms && one->max_ms >= p->min_ms;
}

static size_t count_concerned(const struct tombstone_set *set, const struct part *p)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        n += tombstone_concerns(set->v[i], p);
    return n;
}

/* What the part has from an earlier reader of the same set. */
static struct erasures *known(struct store *s, struct part *p, uint64_t generation)
{
    lock_take(&s->parts_lock);
    struct erasures *e = p->erasures;
    if (e && e->generation == generation)
        refcount_get(&e->refs);
    else
        e = NULL;
    lock_give(&s->parts_lock);
    return e;
}

static void remember(struct store *s, struct part *p, struct erasures *e)
{
    refcount_get(&e->refs);
    lock_take(&s->parts_lock);
    struct erasures *old = p->erasures;
    p->erasures = e;
    lock_give(&s->parts_lock);
    erasures_unref(old);
}

int part_erasures(struct store *s, struct part_view *v, const struct tombstone_set *set,
                  struct erasures **out, struct err *err)
{
    struct part *p = v->part;
    size_t n = count_concerned(set, p);
    *out = n ? known(s, p, set->generation) : NULL;
    if (n == 0 || *out)
        return 0;
    struct erasures *e = erasures_new(n);
    int rc = e ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        const struct tombstone *one = set->v[i];
        if (tombstone_concerns(one, p))
            rc = add(e, v, one, err);
    }
    if (rc != 0) {
        erasures_unref(e);
        return rc;
    }
    e->generation = set->generation;
    remember(s, p, e);
    *out = e;
    return 0;
}

void erasures_take_out(const struct erasures *e, int64_t min_ms, int64_t max_ms,
                       roaring_bitmap_t *within)
{
    for (size_t i = 0; e && i < e->n; i++)
        if (e->v[i].min_ms <= min_ms && e->v[i].max_ms >= max_ms)
            roaring_bitmap_andnot_inplace(within, e->v[i].streams);
}

/* --- of a stream ------------------------------------------------------------------------------ */

int erasures_of(const struct erasures *e, uint32_t ordinal, struct arena *arena,
                const struct hidden **out)
{
    *out = NULL;
    if (LIKELY(!e || !roaring_bitmap_contains(e->any, ordinal)))
        return 0;
    struct hidden *h = arena_alloc(arena, sizeof *h + e->n * sizeof h->v[0]);
    if (!h)
        return ERR_NOMEM;
    h->n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (!roaring_bitmap_contains(e->v[i].streams, ordinal))
            continue;
        h->v[h->n].min_ms = e->v[i].min_ms;
        h->v[h->n++].max_ms = e->v[i].max_ms;
    }
    *out = h;
    return 0;
}

bool hidden_covers(const struct hidden *h, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (h->v[i].min_ms <= min_ms && h->v[i].max_ms >= max_ms)
            return true;
    return false;
}

bool hidden_meets(const struct hidden *h, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (h->v[i].min_ms <= max_ms && h->v[i].max_ms >= min_ms)
            return true;
    return false;
}

static void move_row(struct columns *c, size_t to, size_t from)
{
    c->t_unix_ms[to] = c->t_unix_ms[from];
    c->value[to] = c->value[from];
    if (c->histogram)
        c->histogram[to] = c->histogram[from];
    if (c->start_unix_ms)
        c->start_unix_ms[to] = c->start_unix_ms[from];
}

void hidden_drop(const struct hidden *h, struct columns *c, size_t from)
{
    size_t kept = from;
    for (size_t i = from; h && i < c->n; i++) {
        if (hidden_covers(h, c->t_unix_ms[i], c->t_unix_ms[i]))
            continue;
        if (kept != i)
            move_row(c, kept, i);
        kept++;
    }
    if (h)
        c->n = kept;
}
