/* Moving rows from heads to parts.
 *
 *   cut      under the gate: a new log segment, live heads become frozen heads   (quick)
 *   write    one part for each frozen head                                       (appends go on)
 *   publish  the part joins its day, then the frozen head leaves its streams
 *   trim     log segments below the cut are removed, idle streams evicted
 *
 * A crash between any two steps leaves parts and log that overlap at most: replaying rows that a
 * part has already changes nothing. When writing fails the frozen heads stay, readable, and the
 * next flush begins with them; no second cut is made before. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/columns.h"
#include "store/embedded/damage.h"
#include "store/embedded/engine.h"
#include "store/embedded/exemplars_file.h"
#include "store/embedded/head_settle.h"
#include "store/embedded/label_table.h"
#include "store/embedded/order_sort.h"
#include "store/embedded/part_write.h"
#include "store/embedded/partitions.h"
#include "store/embedded/records/records.h"
#include "store/embedded/stream_groups.h"

static struct self_metric flush_seconds =
    SELF_HISTOGRAM("telltale_store_flush_seconds", "Time to move the head to parts.");
static struct self_metric flush_failures_total = SELF_COUNTER(
    "telltale_store_flush_failures_total", "Flushes that did not complete; they are repeated.");
static struct self_metric evicted_total = SELF_COUNTER(
    "telltale_store_streams_evicted_total", "Idle streams that were removed from the registry.");

/* When places for streams run out they are given back sooner, but not to be taken by others between
 * two scrapes. */
enum { IDLE_S = 600, IDLE_FULL_S = 150 };
#define FLUSH_ARENA_MAX ((size_t)4 << 30)

/* --- one head to one part --------------------------------------------------------------------- */

struct head_stream {
    struct head_series *series;
    const struct stream *stream;
    uint32_t labels, n; /* in head_flush.labels */
};

struct head_flush {
    struct store *store;
    struct head *head;
    struct arena arena;
    struct label_table table;
    struct head_stream *streams;
    uint32_t *labels, *order;
    size_t n;
    struct err *err;
};

static int no_memory(struct head_flush *f)
{
    return err_set(f->err, ERR_NOMEM, "flush: out of memory");
}

/* The id stays the stream's as long as it has rows in a head, and so does the stream. */
static struct stream *stream_of(const struct head_flush *f, const struct head_series *hs)
{
    return streams_by_id(&f->store->streams, hs->id);
}

static size_t collect_slab(struct head_flush *f, struct head_slab *slab, size_t n_labels)
{
    for (uint32_t i = 0; i < slab->n; i++) {
        struct head_series *hs = &slab->series[i];
        uint32_t min_t, max_t;
        if (!head_series_range(hs, &min_t, &max_t))
            continue; // memory ran out before its first row
        struct stream *st = stream_of(f, hs);
        f->streams[f->n++] = (struct head_stream){hs, st, (uint32_t)n_labels, st->n};
        n_labels += st->n;
    }
    return n_labels;
}

static int collect_streams(struct head_flush *f)
{
    size_t n = 0, n_labels = 0;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        n += f->head->shards[i].n;
    f->streams = arena_array(&f->arena, n, sizeof *f->streams);
    if (!f->streams)
        return ERR_NOMEM;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        for (struct head_slab *slab = f->head->shards[i].slabs; slab; slab = slab->next)
            n_labels = collect_slab(f, slab, n_labels);
    f->labels = arena_array(&f->arena, n_labels, sizeof *f->labels);
    return f->labels ? 0 : ERR_NOMEM;
}

/* The streams have rows in a head, so neither they nor their pairs go away. */
static int number_labels(struct head_flush *f)
{
    const struct index *x = &f->store->streams.index;
    struct id_map numbers;
    id_map_init(&numbers, &f->arena);
    for (size_t i = 0; i < f->n; i++) {
        const struct stream *st = f->streams[i].stream;
        for (uint32_t k = 0; k < st->n; k++) {
            uint32_t *number = id_map_at(&numbers, st->pairs[k]);
            if (number && *number == UINT32_MAX)
                *number = label_table_intern(&f->table, pair_label(index_pair(x, st->pairs[k])));
            if (!number || *number == UINT32_MAX)
                return ERR_NOMEM;
            f->labels[f->streams[i].labels + k] = *number;
        }
    }
    return 0;
}

static int by_labels(const void *things, uint32_t a, uint32_t b)
{
    const struct head_flush *f = things;
    const struct head_stream *x = &f->streams[a], *y = &f->streams[b];
    return ranks_cmp(f->labels + x->labels, x->n, f->labels + y->labels, y->n);
}

/* Labels become ranks and the streams are put into order; *out_pairs: the pairs by rank. */
static int sort_streams(struct head_flush *f, struct label **out_pairs)
{
    uint32_t *sorted = NULL;
    const uint32_t *ranks = label_table_rank(&f->table, &sorted);
    struct label *pairs = arena_array(&f->arena, f->table.n, sizeof *pairs);
    f->order = arena_array(&f->arena, 2 * f->n, sizeof *f->order);
    if (!ranks || !pairs || !f->order)
        return ERR_NOMEM;
    for (size_t i = 0; i < f->n; i++) {
        f->order[i] = (uint32_t)i;
        for (uint32_t k = 0; k < f->streams[i].n; k++) {
            uint32_t *number = &f->labels[f->streams[i].labels + k];
            *number = ranks[*number];
        }
    }
    for (size_t i = 0; i < f->table.n; i++)
        pairs[i] = f->table.pairs[sorted[i]];
    order_sort(f->order, f->order + f->n, f->n, by_labels, f);
    *out_pairs = pairs;
    return 0;
}

static int write_stream(struct head_flush *f, struct part_writer *w, const struct head_stream *st,
                        struct columns *rows)
{
    struct stream_shard *shard = &f->store->streams.shards[head_series_shard(st->series)];
    columns_reset(rows);
    arena_reset(rows->arena);
    int rc = head_series_read(st->series, shard, true, INT64_MIN, INT64_MAX, rows);
    if (rc == 0)
        rc = columns_sort(rows);
    if (rc != 0)
        return err_set(f->err, rc, "flush: read the head: %s", err_name(rc));
    rc = part_write_stream(w, f->labels + st->labels, st->n, f->err);
    return rc == 0 ? part_write_rows(w, rows, f->err) : rc;
}

static int write_streams(struct head_flush *f, struct part_writer *w)
{
    struct arena histograms;
    struct columns rows;
    arena_init(&histograms, FLUSH_ARENA_MAX);
    columns_init(&rows, &histograms);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        rc = write_stream(f, w, &f->streams[f->order[i]], &rows);
    columns_done(&rows);
    arena_done(&histograms);
    return rc;
}

/* *out NULL: all rows were left in the log and are lost. */
static int write_part(struct head_flush *f, const char *dir, struct part **out)
{
    struct label *pairs = NULL;
    struct part_writer *w = NULL;
    uint64_t seq = atomic_get_relaxed(&f->head->seq);
    if (collect_streams(f) != 0 || number_labels(f) != 0 || sort_streams(f, &pairs) != 0)
        return no_memory(f);
    int rc = part_writer_new(f->store->fs, dir, f->head->day, seq, seq, &w, f->err);
    if (rc == 0)
        rc = write_streams(f, w);
    if (rc == 0 && part_writer_rows(w) > 0)
        rc = part_writer_finish(w, pairs, f->table.n, out, f->err);
    part_writer_free(w);
    return rc;
}

static int head_to_part(struct store *s, struct head *h, struct part **out, struct err *err)
{
    struct head_flush f = {.store = s, .head = h, .err = err};
    char *dir = NULL;
    int rc = day_dir_make(s->fs, s->table_dir, h->day, &dir, err);
    if (rc != 0)
        return rc;
    if (h->n_maps)
        (void)head_settle(h); // what could not be is read as it is
    arena_init(&f.arena, FLUSH_ARENA_MAX);
    label_table_init(&f.table, &f.arena, &f.arena);
    rc = write_part(&f, dir, out);
    arena_done(&f.arena);
    free(dir);
    return rc;
}

/* --- frozen heads ----------------------------------------------------------------------------- */

static void drop_frozen(struct store *s, struct head *h)
{
    head_unlink(h, &s->streams);
    lock_take(&s->heads_lock);
    size_t at = 0;
    while (s->frozen[at] != h)
        at++;
    memmove(s->frozen + at, s->frozen + at + 1, (s->n_frozen - at - 1) * sizeof(struct head *));
    s->n_frozen--;
    lock_give(&s->heads_lock);
    head_unref(h);
}

static bool is_expired(const struct store *s, int64_t day)
{
    return (day + 1) * MS_PER_DAY <= retention_min_ms(s);
}

/* They were there when the log was replayed, and are not any more: its segments are kept. */
static void tell_lost_rows(struct store *s, const struct head *h)
{
    const struct day_range day = {h->day, h->day};
    for (size_t i = 0; i < h->n_maps; i++) {
        damage_note_segment(s, h->maps[i]->segment, day);
        log_error("store", "rows of a replayed segment of the log cannot be read any more",
                  LOG_INT("segment", h->maps[i]->segment));
    }
}

static int flush_head(struct store *s, struct head *h, struct err *err)
{
    if (!head_is_empty(h) && !is_expired(s, h->day)) {
        struct part *p = NULL;
        int rc = head_to_part(s, h, &p, err);
        if (rc != 0)
            return rc;
        rc = p ? partition_add(s, p, err) : 0;
        if (rc != 0) {
            part_unref(p);
            return rc;
        }
    }
    if (atomic_get_relaxed(&h->lost_rows))
        tell_lost_rows(s, h);
    drop_frozen(s, h);
    return 0;
}

static struct head *first_frozen(struct store *s)
{
    lock_take(&s->heads_lock);
    struct head *h = s->n_frozen ? s->frozen[0] : NULL;
    lock_give(&s->heads_lock);
    return h;
}

static int flush_frozen(struct store *s, struct err *err)
{
    struct head *h;
    int rc = 0;
    while (rc == 0 && (h = first_frozen(s)))
        rc = flush_head(s, h, err);
    return rc;
}

/* --- the cut ---------------------------------------------------------------------------------- */

static int freeze(void *self)
{
    struct store *s = self;
    int rc = 0;
    lock_take(&s->heads_lock);
    uint64_t seq = s->seq + 1;
    while (rc == 0 && s->n_live) {
        struct head *h = s->live[s->n_live - 1];
        rc = heads_push(&s->frozen, &s->n_frozen, &s->cap_frozen, h);
        if (rc == 0) {
            atomic_set_relaxed(&h->seq, seq);
            s->n_live--;
        }
    }
    s->seq = seq;
    lock_give(&s->heads_lock);
    return rc;
}

/* --- trimming --------------------------------------------------------------------------------- */

/* Shard by shard, so that appends wait for one at most. */
void evict_idle_groups(struct store *s, uint32_t before_s)
{
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        rwlock_take_write(&s->evict);
        rwlock_take_write(&s->gate);
        stream_groups_evict(&s->streams, i, before_s);
        rwlock_give(&s->gate);
        rwlock_give(&s->evict);
    }
}

static void evict_idle(struct store *s)
{
    uint32_t now = (uint32_t)(store_now_ms(s) / MS_PER_S), count = 0;
    bool full =
        atomic_get_relaxed(&s->streams.count) > atomic_get_relaxed(&s->streams.max) / 10 * 9;
    uint32_t before = now - MIN(now, (uint32_t)(full ? IDLE_FULL_S : IDLE_S));
    evict_idle_groups(s, before);
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        rwlock_take_write(&s->evict);
        rwlock_take_write(&s->gate);
        count += (uint32_t)streams_evict(&s->streams, i, before);
        rwlock_give(&s->gate);
        rwlock_give(&s->evict);
    }
    self_add(&evicted_total, count);
}

static int flush_steps(struct store *s, struct err *err)
{
    int rc = flush_frozen(s, err); // left by a flush that failed
    if (rc == 0 && (heads_live_count(s) || wal_has_news(&s->wal))) {
        rc = wal_cut(&s->wal, &s->gate, freeze, s, err);
        s->last_cut_mono_ns = time_now_mono_ns();
        if (rc == 0)
            rc = flush_frozen(s, err);
    }
    if (rc == 0)
        rc = metadata_save(&s->metadata, s->fs, s->table_dir, s->metadata_path, err);
    if (rc == 0)
        rc = exemplars_save(&s->exemplars, s->fs, s->table_dir, s->exemplars_path, err);
    if (rc == 0)
        rc = wal_remove_before(&s->wal, s->wal.segment, err); // only a cut changes it: ours
    if (rc == 0)
        evict_idle(s);
    return rc;
}

void flush_note_outcome(struct store *s, const char *error)
{
    lock_take(&s->state_lock);
    (void)snprintf(s->flush_error, sizeof s->flush_error, "%.*s", (int)sizeof s->flush_error - 1,
                   error);
    lock_give(&s->state_lock);
}

bool flush_has_failed(struct store *s)
{
    lock_take(&s->state_lock);
    bool failed = s->flush_error[0] != '\0';
    lock_give(&s->state_lock);
    return failed;
}

int flush_locked(struct store *s, struct err *err)
{
    struct err e = {0};
    int rc = flush_steps(s, &e);
    atomic_set_relaxed(&s->last_flush_mono_ns, time_now_mono_ns());
    self_add(&flush_failures_total, rc != 0);
    flush_note_outcome(s, rc == 0 ? "" : e.message);
    return rc == 0 ? 0 : err_set(err, rc, "%s", e.message);
}

int flush_metrics(struct store *s, struct err *err)
{
    int waited = replay_wait(s, err);
    if (waited != 0)
        return waited;
    int64_t began = time_now_mono_ns();
    lock_take(&s->table);
    int rc = flush_locked(s, err);
    lock_give(&s->table);
    self_observe(&flush_seconds, (double)(time_now_mono_ns() - began) / 1e9);
    return rc;
}

int store_flush(struct store *s, struct err *err)
{
    int rc = flush_metrics(s, err);
    int of_records = records_flush(s, rc == 0 ? err : NULL); // the first failure is told
    return rc == 0 ? of_records : rc;
}
