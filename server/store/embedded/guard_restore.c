/* After a start the registry knows the streams of the log; after an orderly end that is none. Those
 * that were active come back, or else the first to send would get the places, and series that had
 * one would be folded or refused. Active is what the last flush wrote at its end, and what has rows
 * of the last ten minutes there are: a snapshot flushes, too, and may have been taken just before.
 */
#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/engine.h"
#include "store/embedded/part_view.h"
#include "store/embedded/selection.h"

enum { ACTIVE_MS = 600 * MS_PER_S, VIEW_MEMORY = 1 << 30 };

struct restoring {
    struct store *store;
    struct arena arena; /* of the current part */
    int64_t now_ms;
    uint64_t last_seq; /* of the last flush */
    int64_t active_ms; /* ten minutes before the newest row of all parts */
    uint64_t streams;  /* that came back */
};

static int make_stream(struct restoring *r, const struct labels *labels)
{
    struct streams *streams = &r->store->streams;
    uint64_t hash = labels_hash(labels);
    struct stream_shard *shard = streams_shard(streams, hash);
    struct stream *st = NULL;
    lock_take(&shard->lock);
    int rc = streams_intern(streams, labels, hash, (struct stream_like){0}, &st, NULL);
    if (rc == 0 && st->last_append_s == 0) {
        st->last_append_s = (uint32_t)(r->now_ms / MS_PER_S);
        r->streams++;
    }
    lock_give(&shard->lock);
    return rc == ERR_NOMEM ? rc : 0;
}

/* A merged part has old rows, too: streams count that have rows from `min_ms` on. */
static int restore_stream(struct restoring *r, struct part_view *v, uint32_t ordinal,
                          int64_t min_ms)
{
    struct part_stream st;
    int rc = part_stream(v, ordinal, &st);
    if (rc != 0 || st.n_blocks == 0 || st.blocks[st.n_blocks - 1].max_ms < min_ms)
        return rc;
    struct label *labels = arena_array(&r->arena, st.n_pairs, sizeof *labels);
    for (uint32_t i = 0; labels && rc == 0 && i < st.n_pairs; i++)
        rc = part_pair(v, st.pairs[i], &labels[i]);
    if (rc != 0 || !labels)
        return rc != 0 ? rc : ERR_NOMEM;
    const struct labels all = {labels, st.n_pairs};
    return make_stream(r, &all);
}

static int restore_part(struct restoring *r, struct part *p, int64_t min_ms)
{
    struct part_view v;
    arena_init(&r->arena, VIEW_MEMORY);
    int rc = part_view_init(&v, p, NULL, &r->arena);
    if (rc == 0) {
        for (uint32_t i = 0; rc == 0 && i < p->n_streams; i++)
            rc = restore_stream(r, &v, i, min_ms);
        part_view_done(&v);
    }
    arena_done(&r->arena);
    return rc == ERR_CORRUPT ? 0 : rc; // a query will tell of it
}

/* A row of the future must not make all else look old. */
static int64_t active_from(const struct restoring *r, const struct part *p)
{
    return MIN(p->max_ms, r->now_ms) - ACTIVE_MS;
}

/* From when on a part's streams were active; INT64_MAX: none was. */
static int64_t active_in(const struct restoring *r, const struct part *p)
{
    return p->seq_hi == r->last_seq    ? active_from(r, p)
           : p->max_ms >= r->active_ms ? r->active_ms
                                       : INT64_MAX;
}

static void find_last(struct restoring *r, struct part *const *parts, size_t n)
{
    r->active_ms = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        r->last_seq = MAX(r->last_seq, parts[i]->seq_hi);
        r->active_ms = MAX(r->active_ms, active_from(r, parts[i]));
    }
}

/* There always is a limit of all series. As long as they were far from it the first to send finds a
 * place anyway, and a start need not wait. */
static bool is_limited(const struct restoring *r, struct part *const *parts, size_t n)
{
    const struct guard *g = &r->store->guard;
    uint64_t streams = 0;
    for (size_t i = 0; i < n; i++)
        streams += active_in(r, parts[i]) == INT64_MAX ? 0 : parts[i]->n_streams;
    return atomic_get_relaxed(&g->per_metric) || atomic_get_relaxed(&g->per_label) ||
           atomic_get_relaxed(&g->per_tenant) ||
           streams >= atomic_get_relaxed(&r->store->streams.max) / 10;
}

static int restore_parts(struct restoring *r, struct part *const *parts, size_t n)
{
    int rc = 0;
    find_last(r, parts, n);
    bool limited = is_limited(r, parts, n);
    for (size_t i = 0; limited && rc == 0 && i < n; i++) {
        int64_t min_ms = active_in(r, parts[i]);
        rc = min_ms == INT64_MAX ? 0 : restore_part(r, parts[i], min_ms);
    }
    return rc;
}

int guard_restore(struct store *s, struct err *err)
{
    struct restoring r = {.store = s, .now_ms = store_now_ms(s)};
    struct arena list;
    struct part **parts = NULL;
    size_t n = 0;
    arena_init(&list, VIEW_MEMORY);
    int rc = parts_snapshot(s, INT64_MIN, INT64_MAX, &list, &parts, &n);
    if (rc == 0)
        rc = restore_parts(&r, parts, n);
    for (size_t i = 0; i < n; i++)
        part_unref(parts[i]);
    arena_done(&list);
    if (r.streams)
        log_info("store", "active series have their places again", LOG_INT("series", r.streams));
    return rc == 0 ? 0 : err_set(err, rc, "restore active series: %s", err_name(rc));
}
