/* Appending a batch:
 *
 *   recall   what was sent as labels -> stream, by the receiver before it reads labels
 *   admit    which samples are good (time, histogram); the rest is counted and named
 *   resolve  labels -> stream, made when new                    [lock of its shard]
 *   encode   one log record with the definitions it needs
 *   log      one write; from here on the batch is acknowledged  [lock of the log]
 *   apply    rows into the heads of their days, shard by shard  [lock of the shard]
 *
 * The gate is held for reading all the while, so a flush sees either all of a batch or nothing.
 * A stream counts as defined in a segment only after the record with its definition is written:
 * two batches may then both define it, but none refers to a definition that comes after it. */
#include "store/embedded/append.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "self/self.h"
#include "store/embedded/apply.h"
#include "store/records.h"

static struct self_metric appended_total =
    SELF_COUNTER("telltale_store_appended_samples_total", "Samples accepted by the store.");
static struct self_metric refused_total =
    SELF_COUNTER("telltale_store_refused_batches_total",
                 "Batches that the store refused whole, by reason.", "reason");
enum { FILTER_MAX = 256 << 20, KEPT_RECORD = 1 << 20 };

/* --- scratch ---------------------------------------------------------------------------------- */

static struct append_scratch *scratch_take(struct store *s)
{
    lock_take(&s->scratch_lock);
    struct append_scratch *x = s->scratch;
    if (x)
        s->scratch = x->next;
    lock_give(&s->scratch_lock);
    if (x)
        return x;
    x = calloc(1, sizeof *x);
    if (x) {
        buf_init(&x->record, (size_t)WAL_RECORD_MAX + WAL_RECORD_HEADER);
        buf_init(&x->seal, SEAL_MAX);
        arena_init(&x->arena, FILTER_MAX);
    }
    return x;
}

static void scratch_give(struct store *s, struct append_scratch *x)
{
    x->n = x->n_folded = x->histograms.n = x->runs.n = 0;
    arena_reset(&x->arena);
    if (x->record.cap > KEPT_RECORD)
        buf_done(&x->record); // one huge batch must not cost memory for ever
    lock_take(&s->scratch_lock);
    x->next = s->scratch;
    s->scratch = x;
    lock_give(&s->scratch_lock);
}

void append_done(struct store *s)
{
    while (s->scratch) {
        struct append_scratch *x = s->scratch;
        s->scratch = x->next;
        free(x->v);
        free(x->order);
        free(x->folded);
        free(x->histograms.v);
        free(x->runs.v);
        buf_done(&x->record);
        buf_done(&x->seal);
        arena_done(&x->arena);
        free(x);
    }
}

/* --- metadata --------------------------------------------------------------------------------- */

static void find_news(struct append *a)
{
    const struct batch *b = a->batch;
    if (b->n_metadata == 0)
        return;
    a->families = arena_array(&a->x->arena, b->n_metadata, sizeof *a->families);
    for (size_t i = 0; a->families && i < b->n_metadata; i++)
        if (metadata_is_news(&a->store->metadata, &b->metadata[i]))
            a->families[a->n_families++] = &b->metadata[i];
}

/* --- apply ------------------------------------------------------------------------------------ */

/* Rows of one shard's streams, order[from, to), under one hold of its lock. */
static int apply_shard(struct append *a, size_t from, size_t to, struct applier *to_heads)
{
    const struct resolved *v = a->x->v;
    const uint32_t *order = a->x->order;
    struct stream_shard *shard = &a->store->streams.shards[v[order[from]].shard];
    int rc = 0;
    lock_take(&shard->lock);
    for (size_t i = from, end; rc == 0 && i < to; i = end) {
        end = MIN(i + APPLY_STEP, to);
        for (size_t k = i; k < end; k++)
            apply_early(v[order[k]].stream);
        for (size_t k = i; k < end; k++)
            apply_soon(v[order[k]].stream);
        for (; rc == 0 && i < end; i++) {
            const struct resolved *r = &v[order[i]];
            rc = apply_rows(to_heads, r->stream, r->samples, r->n_samples, a->err);
        }
    }
    lock_give(&shard->lock);
    return rc;
}

static int apply_all_rows(struct append *a, uint32_t now_s)
{
    struct applier to_heads = {.store = a->store, .now_s = now_s, .seal = &a->x->seal};
    int rc = append_points_apply(a, &to_heads);
    for (size_t shard = 0; rc == 0 && shard < STREAM_SHARDS; shard++) {
        size_t from = a->x->shard_from[shard], to = a->x->shard_from[shard + 1];
        if (from < to)
            rc = apply_shard(a, from, to, &to_heads);
    }
    return rc;
}

static int apply_exemplars(struct append *a)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && a->n_exemplars && i < a->x->n; i++) {
        const struct resolved *r = &a->x->v[i];
        for (uint32_t k = 0; rc == 0 && k < r->n_exemplars; k++)
            rc = exemplars_add(&a->store->exemplars, &r->series->labels, r->series->hash,
                               &r->exemplars[k]);
    }
    return rc;
}

static void define_groups(const struct resolved_points *points, uint32_t segment)
{
    for (size_t i = 0; i < points->n; i++)
        atomic_set_relaxed(&points->v[i].group->segment, segment);
}

static int apply(struct append *a, uint32_t now_s)
{
    struct store *s = a->store;
    uint32_t segment = s->wal.segment;
    for (size_t i = 0; a->n_definitions && i < a->x->n; i++)
        if (a->x->v[i].define)
            atomic_set_relaxed(&a->x->v[i].stream->segment, segment); // after the record, see above
    define_groups(&a->x->histograms, segment);
    define_groups(&a->x->runs, segment);
    int rc = apply_all_rows(a, now_s);
    if (rc == 0)
        rc = apply_exemplars(a);
    for (size_t i = 0; rc == 0 && i < a->n_families; i++)
        rc = metadata_put(&s->metadata, a->families[i]);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int refuse(struct err *err, int code, const char *reason, const char *message)
{
    self_add(&refused_total, 1, reason);
    return err_set(err, code, "%s", message);
}

/* Back-pressure: the flush has fallen behind, or somebody sprays times over many days. */
static int check_pressure(struct store *s, struct err *err)
{
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of store_replay
        return refuse(err, ERR_BUSY, "replaying", "the write-ahead log is being replayed");
    size_t used = atomic_get_relaxed(&s->head_bytes), max = atomic_get_relaxed(&s->head_max_bytes);
    size_t heads = heads_live_count(s);
    if (used > max || heads > LIVE_HEADS_MAX / 2)
        background_want_flush(s);
    if (used > max * 2)
        return refuse(err, ERR_BUSY, "memory", "memory for new rows is full until a flush is done");
    if (heads >= LIVE_HEADS_MAX)
        return refuse(err, ERR_BUSY, "days",
                      "rows of too many different days are waiting for a flush");
    return 0;
}

static int append_gated(struct append *a, struct wal_position *out)
{
    int rc = append_resolve(a);
    if (rc != 0)
        return rc;
    find_news(a);
    if (arena_failed(&a->x->arena))
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    if (a->x->n + a->x->histograms.n + a->x->runs.n + a->n_families == 0)
        return 0;
    rc = append_log(a, out);
    if (rc != 0) {
        self_add(&refused_total, 1, "log");
        return rc;
    }
    return apply(a, (uint32_t)(store_now_ms(a->store) / MS_PER_S));
}

int store_append(struct store *s, const struct batch *b, struct sink_result *out, struct err *err)
{
    int rc = check_pressure(s, err);
    if (rc != 0)
        return rc;
    struct append a = {.store = s, .batch = b, .x = scratch_take(s), .err = err};
    if (!a.x)
        return err_set(err, ERR_NOMEM, "append: out of memory");
    a.keep = keep_begin(s);
    a.min_ms = a.keep.all_ms;
    a.max_ms = MIN(TIME_MAX_MS, a.keep.now_ms + atomic_get_relaxed(&s->max_future_ms));

    struct wal_position position = {0};
    rwlock_take_read(&s->gate);
    rc = append_gated(&a, &position);
    rwlock_give(&s->gate);
    scratch_give(s, a.x);
    keep_end(&a.keep);
    /* The rows are visible before they are durable; only the answer waits. When the sync fails they
     * stay visible although refused: sending them again changes nothing. */
    if (rc == 0 && s->durability == STORE_DURABILITY_DISK && position.segment)
        rc = wal_sync(&s->wal, position, err);
    if (rc == 0) {
        self_add(&appended_total, a.result.accepted);
        *out = a.result;
    }
    return rc;
}

static uint32_t recall_self(void *self, const struct hash128 *sent, size_t n, const void **out)
{
    struct store *s = self;
    uint32_t evictions =
        atomic_get_acquire(&s->streams.evictions); // pairs with nothing: only early
    streams_recall(&s->streams, sent, n, out);
    return evictions;
}

static int append_self(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    return store_append(self, b, out, err);
}

static int append_records_self(void *self, const struct record_batch *b, struct sink_result *out,
                               struct err *err)
{
    return store_append_records(self, b, out, err);
}

struct sink store_sink(struct store *s)
{
    return (struct sink){.append = append_self,
                         .append_records = append_records_self,
                         .recall = recall_self,
                         .self = s};
}
