/* Names and values of labels, for completion and for /api/v1/labels: asked of the index of the
 * heads and of each part, put together and sorted. */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/erase.h"
#include "store/embedded/part_view.h"
#include "store/embedded/selection.h"

/* Texts that grow by one. */
struct texts {
    struct str *v;
    size_t n, cap;
};

struct collect {
    struct store *store;
    struct str label; /* values of this; empty: names */
    const struct matcher *matchers;
    size_t n_matchers;
    int64_t min_ms, max_ms;
    int64_t asked_min_ms; /* before the retention: of aggregates */
    struct arena *arena;  /* of the answer */
    struct arena work;
    struct texts found; /* of one source, with their array in `work` */
    struct texts all;   /* sorted, each once, in `arena` */
    struct tombstone_set *tombstones;
    struct keep keep;
    struct err *err;
};

static int add(void *arg, struct str text)
{
    struct collect *c = arg;
    struct texts *t = &c->found;
    struct str *v = arena_room(&c->work, t->v, t->n, &t->cap, 256, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    t->v = v;
    t->v[t->n++] = text;
    return 0;
}

/* An index of heads gives its texts for the time of the call only. */
static int add_counted(void *arg, struct str text, uint64_t streams)
{
    struct collect *c = arg;
    (void)streams;
    struct str copy = arena_str(&c->work, text);
    return copy.p ? add(arg, copy) : ERR_NOMEM;
}

/* --- putting sources together ----------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A part's texts come sorted. */
static void sort_texts(struct texts *t)
{
    size_t i = 1;
    while (i < t->n && str_cmp(t->v[i - 1], t->v[i]) < 0)
        i++;
    if (i < t->n)
        qsort(t->v, t->n, sizeof *t->v, by_text);
}

/* The texts of `found` that `all` has not, in place. */
static size_t keep_new(struct texts *found, const struct texts *all)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < found->n; i++) {
        int c = -1;
        while (at < all->n && (c = str_cmp(all->v[at], found->v[i])) < 0)
            at++;
        if (at == all->n || c != 0)
            found->v[n++] = found->v[i];
    }
    return n;
}

/* Merges what one source gave, whose texts need not live after this. From the back, so that the
 * array can be the same. */
static int merge_found(struct collect *c)
{
    struct texts *all = &c->all, *found = &c->found;
    sort_texts(found);
    size_t more = keep_new(found, all), n = all->n + more;
    *found = (struct texts){.v = found->v, .n = more};
    if (more == 0)
        return 0;
    if (n > all->cap) {
        size_t cap = all->cap ? MAX(n, all->cap * 2) : n;
        struct str *v = arena_grow(c->arena, all->v, all->n, cap, sizeof *v);
        if (!v)
            return ERR_NOMEM;
        all->v = v;
        all->cap = cap;
    }
    size_t from = all->n;
    all->n = n;
    while (more > 0)
        if (from > 0 && str_cmp(all->v[from - 1], found->v[more - 1]) > 0)
            all->v[--n] = all->v[--from];
        else
            all->v[--n] = arena_str(c->arena, found->v[--more]);
    return arena_failed(c->arena) ? ERR_NOMEM : 0;
}

/* Ready for the next source. */
static void forget_found(struct collect *c)
{
    arena_reset(&c->work);
    c->found = (struct texts){0};
}

/* --- heads ------------------------------------------------------------------------------------ */

static bool heads_meet(struct collect *c)
{
    struct store *s = c->store;
    bool meet = false;
    lock_take(&s->heads_lock);
    for (size_t i = 0; i < s->n_live + s->n_frozen; i++) {
        const struct head *h = i < s->n_live ? s->live[i] : s->frozen[i - s->n_live];
        meet |= (h->day + 1) * MS_PER_DAY > c->min_ms && h->day * MS_PER_DAY <= c->max_ms;
    }
    lock_give(&s->heads_lock);
    return meet;
}

static int visit_index(struct collect *c, const roaring_bitmap_t *within)
{
    struct index *x = &c->store->streams.index;
    return c->label.n ? index_each_value(x, c->label, within, add_counted, c)
                      : index_each_name(x, within, add_counted, c);
}

static int from_heads(struct collect *c)
{
    if (!heads_meet(c))
        return 0;
    struct posting_source postings = index_postings(&c->store->streams.index);
    roaring_bitmap_t *within = NULL;
    rwlock_take_read(&c->store->evict);
    int rc =
        c->n_matchers ? match_streams(&postings, c->matchers, c->n_matchers, &within, c->err) : 0;
    if (rc == 0)
        rc = visit_index(c, within);
    rwlock_give(&c->store->evict);
    if (rc == 0)
        rc = merge_found(c);
    if (within)
        roaring_bitmap_free(within);
    return rc;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* The streams that match and have something that is seen in the range; *out NULL: all of the part.
 */
static int visible(struct collect *c, struct part_view *v, roaring_bitmap_t **out)
{
    struct posting_source postings = part_postings(v);
    int64_t min_ms = MAX(c->min_ms, v->part->min_ms), max_ms = MIN(c->max_ms, v->part->max_ms);
    roaring_bitmap_t *expired = NULL;
    struct erasures *e = NULL;
    int rc = part_erasures(c->store, v, c->tombstones, &e, c->err);
    if (rc == 0)
        rc = keep_expired(&c->keep, v, max_ms, &expired, c->err);
    if (rc == 0 && (c->n_matchers || e || expired))
        rc = match_streams(&postings, c->matchers, c->n_matchers, out, c->err);
    if (rc == 0 && e)
        erasures_take_out(e, min_ms, max_ms, *out);
    if (rc == 0 && expired)
        roaring_bitmap_andnot_inplace(*out, expired);
    if (expired)
        roaring_bitmap_free(expired);
    erasures_unref(e);
    return rc;
}

static int visit_texts(struct collect *c, struct part_view *v, const roaring_bitmap_t *within)
{
    return c->label.n ? part_each_value(v, c->label, within, add, c)
                      : part_each_name(v, within, add, c);
}

static int visit_part(struct collect *c, struct part_view *v)
{
    roaring_bitmap_t *within = NULL;
    int rc = visible(c, v, &within);
    if (rc == 0)
        rc = visit_texts(c, v, within);
    if (within)
        roaring_bitmap_free(within);
    return rc;
}

static int from_part(struct collect *c, struct part *p)
{
    struct part_view v;
    forget_found(c);
    int rc = part_view_init(&v, p, &c->store->chunks, &c->work);
    if (rc == 0) {
        rc = visit_part(c, &v);
        if (rc == 0)
            rc = merge_found(c);
        part_view_done(&v);
    }
    if (rc != ERR_CORRUPT)
        return rc;
    damage_note_part(c->store, p);
    return 0;
}

static int from_parts(struct collect *c)
{
    struct part **v = NULL;
    size_t n = 0;
    struct arena list;
    arena_init(&list, 64 << 20);
    int rc = parts_snapshot(c->store, c->min_ms, c->max_ms, &list, &v, &n);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = from_part(c, v[i]);
        part_unref(v[i]);
    }
    arena_done(&list);
    return rc;
}

/* --- days whose samples have expired ---------------------------------------------------------- */

/* What is deleted is not in these. Streams that a rule keeps for less than the table are listed
 * until their aggregates go. */
static int from_day(struct collect *c, struct part *p)
{
    struct part_view v;
    roaring_bitmap_t *within = NULL;
    forget_found(c);
    int rc = part_view_init(&v, p, &c->store->chunks, &c->work);
    if (rc != 0)
        return rc;
    struct posting_source postings = part_postings(&v);
    if (c->n_matchers)
        rc = match_streams(&postings, c->matchers, c->n_matchers, &within, c->err);
    if (rc == 0)
        rc = visit_texts(c, &v, within);
    if (rc == 0)
        rc = merge_found(c);
    if (within)
        roaring_bitmap_free(within);
    part_view_done(&v);
    return rc;
}

static int from_aggregates(struct collect *c)
{
    struct part **v = NULL;
    size_t n = 0;
    int rc = aggregates_expired(c->store, c->asked_min_ms, c->max_ms, &v, &n);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = from_day(c, v[i]);
        if (rc == ERR_CORRUPT) {
            damage_note_part(c->store, v[i]);
            rc = 0;
        }
        part_unref(v[i]);
    }
    free(v);
    return rc;
}

/* --- the answer ------------------------------------------------------------------------------- */

static int collect(struct collect *c, size_t limit, struct str **out, size_t *out_n)
{
    int waited = replay_wait_for(c->store, c->min_ms, c->err);
    if (waited != 0)
        return waited;
    c->keep = keep_begin(c->store);
    c->asked_min_ms = c->min_ms;
    c->min_ms = MAX(c->min_ms, c->keep.least_ms);
    arena_init(&c->work, 1u << 30);
    c->tombstones = tombstones_get(&c->store->tombstones); // before all else
    int rc = from_heads(c);
    if (rc == 0)
        rc = from_parts(c);
    if (rc == 0)
        rc = from_aggregates(c);
    if (rc == 0) {
        *out = c->all.v;
        *out_n = limit ? MIN(limit, c->all.n) : c->all.n;
    }
    tombstone_set_unref(c->tombstones);
    keep_end(&c->keep);
    arena_done(&c->work);
    if (rc != 0 && c->err && c->err->code == 0)
        (void)err_set(c->err, rc, "labels: %s", err_name(rc));
    return rc;
}

int store_label_names(struct store *s, const struct matcher *matchers, size_t n_matchers,
                      int64_t min_ms, int64_t max_ms, size_t limit, struct arena *arena,
                      struct str **out, size_t *out_n, struct err *err)
{
    struct collect c = {.store = s,
                        .matchers = matchers,
                        .n_matchers = n_matchers,
                        .min_ms = min_ms,
                        .max_ms = max_ms,
                        .arena = arena,
                        .err = err};
    return collect(&c, limit, out, out_n);
}

int store_label_values(struct store *s, struct str name, const struct matcher *matchers,
                       size_t n_matchers, int64_t min_ms, int64_t max_ms, size_t limit,
                       struct arena *arena, struct str **out, size_t *out_n, struct err *err)
{
    if (name.n == 0) {
        *out = NULL;
        *out_n = 0;
        return 0; // no label has the empty name
    }
    struct collect c = {.store = s,
                        .label = name,
                        .matchers = matchers,
                        .n_matchers = n_matchers,
                        .min_ms = min_ms,
                        .max_ms = max_ms,
                        .arena = arena,
                        .err = err};
    return collect(&c, limit, out, out_n);
}

int store_metadata(struct store *s, struct str family, size_t limit, struct arena *arena,
                   struct metric_metadata **out, size_t *out_n, struct err *err)
{
    return metadata_find(&s->metadata, family, limit, arena, out, out_n, err);
}

int store_exemplars(struct store *s, const struct matcher *matchers, size_t n_matchers,
                    int64_t min_ms, int64_t max_ms, struct arena *arena,
                    struct series_exemplars **out, size_t *out_n, struct err *err)
{
    return exemplars_find(&s->exemplars, matchers, n_matchers, min_ms, max_ms, arena, out, out_n,
                          err);
}
