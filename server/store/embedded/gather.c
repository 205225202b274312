#include <roaring/roaring.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/damage.h"
#include "store/embedded/erase.h"
#include "store/embedded/part_view.h"
#include "store/embedded/selection.h"

static int no_memory(struct gather *g)
{
    return err_set(g->err, ERR_NOMEM, "select: over the memory budget");
}

/* Room for `more` elements in an array of an arena; what is new is uninitialised. */
static void *room(struct arena *a, void *v, size_t n, size_t *cap, size_t more, size_t size)
{
    if (n + more <= *cap)
        return v;
    size_t bigger = MAX(n + more, *cap ? *cap * 2 : 64);
    void *p = arena_extend(a, v, *cap, bigger, size);
    if (p)
        *cap = bigger;
    return p;
}

static int make_room_for_sources(struct gather *g, size_t more)
{
    struct selection *s = g->selection;
    struct source *v =
        room(&s->arena, s->sources, s->n_sources, &s->cap_sources, more, sizeof *s->sources);
    if (!v)
        return ERR_NOMEM;
    s->sources = v;
    return 0;
}

static int make_room_for_candidates(struct gather *g, size_t more)
{
    struct candidate *v = room(&g->work, g->candidates, g->n_candidates, &g->cap_candidates, more,
                               sizeof *g->candidates);
    if (!v)
        return ERR_NOMEM;
    g->candidates = v;
    return 0;
}

/* For as many streams of a part as matched, at once: nearly each is a candidate with a source. */
static int make_room(struct gather *g, const roaring_bitmap_t *streams)
{
    size_t n = roaring_bitmap_get_cardinality(streams);
    if (n == 0)
        return 0;
    return make_room_for_sources(g, n) == 0 && make_room_for_candidates(g, n) == 0 ? 0 : ERR_NOMEM;
}

static struct source *add_source(struct gather *g)
{
    if (make_room_for_sources(g, 1) != 0)
        return NULL;
    return &g->selection->sources[g->selection->n_sources++];
}

/* A candidate with room for its label numbers, which the caller fills. */
static uint32_t *add_candidate(struct gather *g, size_t n_labels, size_t first_source)
{
    if (make_room_for_candidates(g, 1) != 0)
        return NULL;
    uint32_t *labels =
        room(&g->work, g->labels, g->n_labels, &g->cap_labels, n_labels + 1, sizeof *g->labels);
    if (!labels)
        return NULL;
    g->labels = labels;
    g->candidates[g->n_candidates++] = (struct candidate){
        .labels = (uint32_t)g->n_labels,
        .n_labels = (uint32_t)n_labels,
        .first = (uint32_t)first_source,
        .n = (uint32_t)(g->selection->n_sources - first_source),
    };
    g->n_labels += n_labels;
    return labels + g->n_labels - n_labels;
}

/* --- heads ------------------------------------------------------------------------------------ */

static int hold_head(struct gather *g, struct head *h)
{
    struct selection *s = g->selection;
    for (size_t i = s->n_heads; i-- > 0;)
        if (s->heads[i] == h)
            return 0;
    struct head **v =
        room(&s->arena, s->heads, s->n_heads, &s->cap_heads, 1, sizeof(struct head *));
    if (!v)
        return ERR_NOMEM;
    s->heads = v;
    head_ref(h);
    v[s->n_heads++] = h;
    return 0;
}

/* By day, then by sequence; a live head (the highest sequence) is the last of its day. */
static bool ranks_before(const struct head *a, const struct head *b)
{
    if (a->day != b->day)
        return a->day < b->day;
    return atomic_get_relaxed(&a->seq) < atomic_get_relaxed(&b->seq);
}

static void sort_heads(struct source *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct source moved = v[i];
        size_t k = i;
        for (; k > 0 && ranks_before(moved.series->head, v[k - 1].series->head); k--)
            v[k] = v[k - 1];
        v[k] = moved;
    }
}

/* Under the shard's lock: what of the stream's rows may be in the range. */
static int add_series(struct gather *g, struct stream *st)
{
    size_t first = g->selection->n_sources;
    for (struct head_series *hs = st->rows; hs; hs = hs->next_of_stream) {
        int64_t base = hs->head->day * MS_PER_DAY;
        if (aggregates_took(g, hs->head->day))
            continue;
        uint32_t min_t, max_t;
        if (!head_series_range(hs, &min_t, &max_t) || base + max_t < g->min_ms ||
            base + min_t > g->max_ms)
            continue;
        struct source *s = add_source(g);
        if (!s || hold_head(g, hs->head) != 0)
            return ERR_NOMEM;
        *s = (struct source){.series = hs, .shard = stream_shard_of(st->hash)};
        s->block.min_ms = base + min_t;
        s->block.max_ms = base + MS_PER_DAY - 1; // it may still grow
    }
    if (g->selection->n_sources > first)
        sort_heads(g->selection->sources + first, g->selection->n_sources - first);
    return 0;
}

static int add_labels(struct gather *g, const struct stream *st, size_t first_source,
                      struct id_map *numbers)
{
    const struct index *x = &g->selection->store->streams.index;
    uint32_t *labels = add_candidate(g, st->n, first_source);
    for (uint32_t i = 0; labels && i < st->n; i++) {
        uint32_t *number = id_map_at(numbers, st->pairs[i]);
        if (!number)
            return ERR_NOMEM;
        if (*number == UINT32_MAX)
            *number = label_table_intern(&g->table, pair_label(index_pair(x, st->pairs[i])));
        if (*number == UINT32_MAX)
            return ERR_NOMEM;
        labels[i] = *number;
    }
    return labels ? 0 : ERR_NOMEM;
}

static int add_stream(struct gather *g, uint32_t id, struct id_map *numbers)
{
    struct streams *streams = &g->selection->store->streams;
    size_t first = g->selection->n_sources;
    struct stream *st = streams_hold(streams, id);
    if (!st)
        return 0; // without rows yet
    int rc = add_series(g, st);
    lock_give(&streams_shard(streams, st->hash)->lock);
    if (rc != 0 || g->selection->n_sources == first)
        return rc;
    return add_labels(g, st, first, numbers); // the evict lock keeps it alive
}

static int add_streams(struct gather *g, const roaring_bitmap_t *ids)
{
    struct id_map numbers;
    id_map_init(&numbers, &g->work);
    roaring_uint32_iterator_t at;
    roaring_init_iterator(ids, &at);
    for (; at.has_value; roaring_advance_uint32_iterator(&at))
        if (add_stream(g, at.current_value, &numbers) != 0)
            return no_memory(g);
    return 0;
}

/* Does any head have the time at all? Most long-range queries' parts do not need this. */
static bool heads_meet(struct gather *g)
{
    struct store *s = g->selection->store;
    bool meet = false;
    lock_take(&s->heads_lock);
    for (size_t i = 0; i < s->n_live + s->n_frozen; i++) {
        const struct head *h = i < s->n_live ? s->live[i] : s->frozen[i - s->n_live];
        int64_t base = h->day * MS_PER_DAY;
        meet |= base + MS_PER_DAY - 1 >= g->min_ms && base <= g->max_ms;
    }
    lock_give(&s->heads_lock);
    return meet;
}

int gather_heads(struct gather *g)
{
    struct store *s = g->selection->store;
    if (!heads_meet(g))
        return 0;
    struct posting_source postings = index_postings(&s->streams.index);
    roaring_bitmap_t *ids = NULL;
    rwlock_take_read(&s->evict);
    int rc = match_streams(&postings, g->matchers, g->n_matchers, &ids, g->err);
    if (rc == 0) {
        rc = add_streams(g, ids);
        roaring_bitmap_free(ids);
    }
    rwlock_give(&s->evict);
    return rc;
}

/* --- parts ------------------------------------------------------------------------------------ */

static int add_part_labels(struct gather *g, struct part_view *v, const struct part_stream *st,
                           size_t first_source, struct id_map *numbers)
{
    uint32_t *labels = add_candidate(g, st->n_pairs, first_source);
    for (uint32_t i = 0; labels && i < st->n_pairs; i++) {
        uint32_t *number = id_map_at(numbers, st->pairs[i]);
        if (!number)
            return ERR_NOMEM;
        if (*number == UINT32_MAX) {
            struct label pair;
            int rc = part_pair(v, st->pairs[i], &pair);
            if (rc != 0)
                return rc;
            *number = label_table_intern(&g->table, pair);
        }
        if (*number == UINT32_MAX)
            return ERR_NOMEM;
        labels[i] = *number;
    }
    return labels ? 0 : ERR_NOMEM;
}

static int add_part_stream(struct gather *g, struct part_view *v, uint32_t ordinal,
                           struct id_map *numbers)
{
    struct part_stream st;
    int rc = part_stream(v, ordinal, &st);
    size_t first = g->selection->n_sources;
    const struct hidden *hidden = NULL;
    if (rc == 0)
        rc = erasures_of(g->erasures, ordinal, &g->selection->arena, &hidden);
    int64_t bucket = v->part->resolution_ms; // a bucket that ends later may begin before
    int64_t min_ms = bucket ? g->request->asked_min_ms : g->min_ms;
    for (uint32_t i = 0; rc == 0 && i < st.n_blocks; i++) {
        if (st.blocks[i].max_ms < min_ms || st.blocks[i].min_ms - bucket > g->max_ms ||
            hidden_covers(hidden, st.blocks[i].min_ms, st.blocks[i].max_ms))
            continue;
        struct source *s = add_source(g);
        if (!s)
            return ERR_NOMEM;
        *s = (struct source){.part = v->part, .block = st.blocks[i], .hidden = hidden};
        s->block.min_ms -= bucket;
    }
    if (rc != 0 || g->selection->n_sources == first)
        return rc;
    return add_part_labels(g, v, &st, first, numbers);
}

static int match_part(struct gather *g, struct part_view *v)
{
    struct posting_source postings = part_postings(v);
    roaring_bitmap_t *ordinals = NULL;
    int rc = match_streams(&postings, g->matchers, g->n_matchers, &ordinals, g->err);
    if (rc != 0)
        return rc;
    rc = make_room(g, ordinals);
    struct id_map numbers;
    id_map_init(&numbers, &g->work);
    roaring_uint32_iterator_t at;
    roaring_init_iterator(ordinals, &at);
    for (; rc == 0 && at.has_value; roaring_advance_uint32_iterator(&at))
        rc = add_part_stream(g, v, at.current_value, &numbers);
    roaring_bitmap_free(ordinals);
    return rc;
}

static int match_visible(struct gather *g, struct part_view *v)
{
    struct erasures *e = NULL;
    bool rolled_up = v->part->resolution_ms; // what is deleted is taken out of these at once
    int rc = rolled_up ? 0 : part_erasures(g->selection->store, v, g->tombstones, &e, g->err);
    g->erasures = e;
    if (rc == 0)
        rc = match_part(g, v);
    g->erasures = NULL;
    erasures_unref(e);
    return rc;
}

/* All candidates of one part, or none when its index is damaged. */
static int gather_part(struct gather *g, struct part *p)
{
    size_t candidates = g->n_candidates, labels = g->n_labels;
    size_t sources = g->selection->n_sources;
    struct part_view v;
    int rc = part_view_init(&v, p, &g->selection->store->chunks, &g->work);
    if (rc == 0) {
        rc = match_visible(g, &v);
        part_view_done(&v);
    }
    if (rc == ERR_CORRUPT) {
        damage_note_part(g->selection->store, p);
        g->n_candidates = candidates;
        g->n_labels = labels;
        g->selection->n_sources = sources;
        return 0;
    }
    return rc == ERR_NOMEM ? no_memory(g) : rc;
}

int gather_parts(struct gather *g)
{
    struct selection *s = g->selection;
    struct part **raw = NULL;
    size_t n = 0;
    int rc = parts_snapshot(s->store, g->min_ms, g->max_ms, &s->arena, &raw, &n);
    if (rc == 0)
        rc = aggregates_put(g, raw, n);
    if (rc != 0)
        return no_memory(g);
    for (size_t i = 0; rc == 0 && i < s->n_parts; i++)
        rc = gather_part(g, s->parts[i]);
    return rc;
}
