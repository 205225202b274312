/* After a start the registry knows the streams of the log; after an orderly end that is none. Those
 * that the last flush wrote come back, or else the first to send would get the places, and series
 * that had one would be folded or refused. */
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
    uint32_t now_s;
    uint64_t streams;
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
        st->last_append_s = r->now_s;
        r->streams++;
    }
    lock_give(&shard->lock);
    return rc == ERR_NOMEM ? rc : 0;
}

/* A merged part has old rows, too: streams count that were written to at its end. */
static int restore_stream(struct restoring *r, struct part_view *v, uint32_t ordinal)
{
    struct part_stream st;
    int rc = part_stream(v, ordinal, &st);
    if (rc != 0 || st.n_blocks == 0 ||
        st.blocks[st.n_blocks - 1].max_ms < v->part->max_ms - ACTIVE_MS)
        return rc;
    struct label *labels = arena_array(&r->arena, st.n_pairs, sizeof *labels);
    for (uint32_t i = 0; labels && rc == 0 && i < st.n_pairs; i++)
        rc = part_pair(v, st.pairs[i], &labels[i]);
    if (rc != 0 || !labels)
        return rc != 0 ? rc : ERR_NOMEM;
    const struct labels all = {labels, st.n_pairs};
    return make_stream(r, &all);
}

static int restore_part(struct restoring *r, struct part *p)
{
    struct part_view v;
    arena_init(&r->arena, VIEW_MEMORY);
    int rc = part_view_init(&v, p, NULL, &r->arena);
    if (rc == 0) {
        for (uint32_t i = 0; rc == 0 && i < p->n_streams; i++)
            rc = restore_stream(r, &v, i);
        part_view_done(&v);
    }
    arena_done(&r->arena);
    return rc == ERR_CORRUPT ? 0 : rc; // a query will tell of it
}

static bool is_limited(struct store *s)
{
    const struct guard *g = &s->guard;
    return atomic_get_relaxed(&g->per_metric) || atomic_get_relaxed(&g->per_label) ||
           atomic_get_relaxed(&g->per_tenant);
}

int guard_restore(struct store *s, struct err *err)
{
    struct restoring r = {.store = s, .now_s = (uint32_t)(store_now_ms(s) / MS_PER_S)};
    struct arena list;
    struct part **parts = NULL;
    size_t n = 0;
    uint64_t last = 0;
    if (!is_limited(s))
        return 0;
    arena_init(&list, VIEW_MEMORY);
    int rc = parts_snapshot(s, INT64_MIN, INT64_MAX, &list, &parts, &n);
    for (size_t i = 0; i < n; i++)
        last = MAX(last, parts[i]->seq_hi);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && parts[i]->seq_hi == last)
            rc = restore_part(&r, parts[i]);
        part_unref(parts[i]);
    }
    arena_done(&list);
    if (r.streams)
        log_info("store", "series of the last flush have their places again",
                 LOG_INT("series", r.streams));
    return rc == 0 ? 0 : err_set(err, rc, "restore active series: %s", err_name(rc));
}
