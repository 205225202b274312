/* Numbers about the store: for /api/v1/status/tsdb, /-/ready and /metrics. */
#include <roaring/roaring.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/map_guard.h"
#include "base/time.h"
#include "store/embedded/engine.h"
#include "store/embedded/records/record_store.h"

/* --- the biggest ------------------------------------------------------------------------------ */

/* The `max` biggest seen so far, biggest first. */
struct top {
    struct store_name_count *v;
    size_t n, max;
    struct arena *arena;
};

static void offer(struct top *t, struct str name, uint64_t count)
{
    if (t->n == t->max && (t->max == 0 || t->v[t->n - 1].count >= count))
        return;
    struct str copy = arena_str(t->arena, name);
    if (!copy.p)
        return; // tested at the end
    size_t i = t->n < t->max ? t->n++ : t->n - 1;
    for (; i > 0 && t->v[i - 1].count < count; i--)
        t->v[i] = t->v[i - 1];
    t->v[i] = (struct store_name_count){copy, count};
}

static int top_init(struct top *t, size_t max, struct arena *arena)
{
    *t = (struct top){.max = max, .arena = arena};
    t->v = arena_array(arena, max, sizeof *t->v);
    return t->v ? 0 : ERR_NOMEM;
}

struct tops {
    struct top metrics, labels, values, pairs;
    struct str name; /* whose values are visited */
};

static void offer_pair(struct tops *t, struct str value, uint64_t streams)
{
    if (t->pairs.n == t->pairs.max && t->pairs.v[t->pairs.n - 1].count >= streams)
        return; // before the text is put together
    struct buf text = BUF_MAX(2 * (size_t)STREAM_TEXT_MAX);
    buf_put_str(&text, t->name);
    buf_putc(&text, '=');
    buf_put_str(&text, value);
    offer(&t->pairs, buf_str(&text), streams);
    buf_done(&text);
}

static int offer_value(void *arg, struct str value, uint64_t streams)
{
    struct tops *t = arg;
    offer_pair(t, value, streams);
    if (str_eq(t->name, LABEL_NAME))
        offer(&t->metrics, value, streams);
    return 0;
}

/* Under the index's lock for the time of one pass over all pairs: milliseconds for 100,000. */
static int find_tops(struct store *s, size_t top, struct arena *arena, struct store_stats *out)
{
    struct tops t = {0};
    if (top_init(&t.metrics, top, arena) != 0 || top_init(&t.labels, top, arena) != 0 ||
        top_init(&t.values, top, arena) != 0 || top_init(&t.pairs, top, arena) != 0)
        return ERR_NOMEM;
    struct index *x = &s->streams.index;
    rwlock_take_read(&x->lock);
    size_t cursor = 0;
    uint64_t pairs = 0;
    const struct map_entry *e;
    while ((e = map_next(&x->names, &cursor))) {
        const struct index_name *name = e->value;
        t.name = name->text;
        offer(&t.labels, name->text, name->n);
        pairs += name->n;
        offer(&t.values, name->text, name->value_bytes);
        for (uint32_t i = 0; i < name->n; i++) {
            const struct pair *p = index_pair(x, name->pairs[i]);
            (void)offer_value(&t, str_of(p->value, p->value_n), p->count); // always 0
        }
    }
    rwlock_give(&x->lock);
    *out = (struct store_stats){
        .label_pairs = pairs,
        .top_metrics = t.metrics.v,
        .n_top_metrics = t.metrics.n,
        .top_labels = t.labels.v,
        .n_top_labels = t.labels.n,
        .top_values = t.values.v,
        .n_top_values = t.values.n,
        .top_pairs = t.pairs.v,
        .n_top_pairs = t.pairs.n,
    };
    return arena_failed(arena) ? ERR_NOMEM : 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static void add_head(struct store_stats *out, const struct head *h)
{
    uint64_t rows = head_rows(h);
    if (rows == 0)
        return;
    int64_t from = h->day * MS_PER_DAY;
    out->head_rows += rows;
    out->min_t_unix_ms = MIN(out->min_t_unix_ms, from + atomic_get_relaxed(&h->min_t));
    out->max_t_unix_ms = MAX(out->max_t_unix_ms, from + atomic_get_relaxed(&h->max_t));
}

static void count_heads(struct store *s, struct store_stats *out)
{
    out->min_t_unix_ms = INT64_MAX;
    out->max_t_unix_ms = INT64_MIN;
    lock_take(&s->heads_lock);
    for (size_t i = 0; i < s->n_live; i++)
        add_head(out, s->live[i]);
    for (size_t i = 0; i < s->n_frozen; i++)
        add_head(out, s->frozen[i]);
    lock_give(&s->heads_lock);
    out->head_bytes = atomic_get_relaxed(&s->head_bytes);
}

static void count_parts(struct store *s, struct store_stats *out)
{
    lock_take(&s->parts_lock);
    out->partitions = s->n_partitions;
    for (size_t i = 0; i < s->n_partitions; i++) {
        const struct partition *p = s->partitions[i];
        out->parts += p->n;
        for (size_t k = 0; k < p->n; k++) {
            out->part_rows += p->parts[k]->rows;
            out->part_bytes += p->parts[k]->size;
        }
    }
    lock_give(&s->parts_lock);
}

static void count_aggregates(struct store *s, struct store_stats *out)
{
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++) {
        const struct aggregate_list *l = &s->aggregates[i];
        out->aggregate_days += l->n;
        for (size_t k = 0; k < l->n; k++) {
            out->aggregate_rows += l->parts[k]->rows;
            out->aggregate_bytes += l->parts[k]->size;
        }
    }
    lock_give(&s->parts_lock);
}

static void copy_log_state(struct store *s, struct store_stats *out)
{
    out->replayed = atomic_get_acquire(&s->replayed); // pairs with the release in store_replay
    if (!out->replayed)
        return; // the log is not open yet
    struct wal_state log;
    wal_get_state(&s->wal, &log);
    out->wal_bytes = log.bytes;
    out->read_only = log.failed || log.full;
    lock_take(&s->state_lock);
    out->flush_failed = s->flush_error[0] != '\0';
    const char *message = out->read_only ? log.reason : s->flush_error;
    (void)snprintf(out->message, sizeof out->message, "%.*s", (int)sizeof out->message - 1,
                   message);
    lock_give(&s->state_lock);
}

/* A table whose log cannot be written makes the store one that takes not everything. */
static void count_records(struct store *s, struct store_stats *out)
{
    for (int i = 0; i < RECORD_TABLES; i++) {
        struct wal_state log;
        record_store_stats(s->records[i], &out->records[i]);
        if (!out->replayed)
            continue;
        wal_get_state(&s->records[i]->wal, &log);
        out->records[i].wal_bytes = log.bytes;
        bool told = out->message[0] != '\0';
        out->flush_failed |=
            record_store_flush_failed(s->records[i], out->message, told ? 0 : sizeof out->message);
        if ((log.failed || log.full) && !out->read_only)
            (void)snprintf(out->message, sizeof out->message, "%.*s", (int)sizeof out->message - 1,
                           log.reason);
        out->read_only |= log.failed || log.full;
    }
}

int store_stats(struct store *s, size_t top, struct arena *arena, struct store_stats *out,
                struct err *err)
{
    struct store_stats stats = {0};
    if (top && find_tops(s, top, arena, &stats) != 0)
        return err_set(err, ERR_NOMEM, "statistics: over the memory budget");
    if (top && guard_stats(s, top, arena, &stats.limited, &stats.n_limited) != 0)
        return err_set(err, ERR_NOMEM, "statistics: over the memory budget");
    stats.streams = atomic_get_relaxed(&s->streams.count);
    count_heads(s, &stats);
    count_parts(s, &stats);
    count_aggregates(s, &stats);
    struct tombstone_set *deleted = tombstones_get(&s->tombstones);
    stats.tombstones = deleted->n;
    tombstone_set_unref(deleted);
    copy_log_state(s, &stats);
    count_records(s, &stats);
    stats.unreadable_pages = map_guard_faults();
    stats.damaged_blocks = atomic_get_relaxed(&s->damaged_blocks);
    stats.wal_damaged_segments = atomic_get_relaxed(&s->wal_damaged_segments);
    stats.wal_damaged_bytes = atomic_get_relaxed(&s->wal_damaged_bytes);
    stats.damaged_parts = atomic_get_relaxed(&s->damaged_parts);
    for (size_t i = 0; i < REJECT_REASONS; i++)
        stats.rejected[i] = atomic_get_relaxed(&s->rejected[i]);
    *out = stats;
    return 0;
}
