/* Appending a batch:
 *
 *   admit    which samples are good (time, histogram); the rest is counted and named
 *   resolve  labels -> stream, made when new                    [lock of its shard]
 *   encode   one log record with the definitions it needs
 *   log      one write; from here on the batch is acknowledged  [lock of the log]
 *   apply    rows into the heads of their days                  [lock of its shard]
 *
 * The gate is held for reading all the while, so a flush sees either all of a batch or nothing.
 * A stream counts as defined in a segment only after the record with its definition is written:
 * two batches may then both define it, but none refers to a definition that comes after it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "self/self.h"
#include "store/embedded/apply.h"
#include "store/embedded/engine.h"
#include "store/embedded/wal_record.h"

static struct self_metric appended_total =
    SELF_COUNTER("telltale_store_appended_samples_total", "Samples accepted by the store.");
static struct self_metric rejected_total =
    SELF_COUNTER("telltale_store_rejected_samples_total",
                 "Samples that the store left out of a batch, by reason.", "reason");
static struct self_metric refused_total =
    SELF_COUNTER("telltale_store_refused_batches_total",
                 "Batches that the store refused whole, by reason.", "reason");
static struct self_metric created_total =
    SELF_COUNTER("telltale_store_streams_created_total", "Streams that were new to the registry.");

/* A series of the batch that has something to store. */
struct resolved {
    struct stream *stream;
    const struct batch_series *series;
    const struct sample *samples;     /* the good ones */
    const struct exemplar *exemplars; /* the new ones */
    uint32_t n_samples, n_exemplars;
    bool define; /* the record carries its definition */
};

struct append_scratch {
    struct append_scratch *next;
    struct resolved *v;
    size_t n, cap;
    struct buf record, seal;
    struct arena arena; /* of filtered samples, families, label arrays */
};

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
    x->n = 0;
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
        buf_done(&x->record);
        buf_done(&x->seal);
        arena_done(&x->arena);
        free(x);
    }
}

/* --- what the steps share --------------------------------------------------------------------- */

struct append {
    struct store *store;
    const struct batch *batch;
    struct append_scratch *x;
    struct sink_result result;
    int64_t min_ms, max_ms;                  /* times that are accepted */
    const struct metric_metadata **families; /* that are news */
    size_t n_families, n_definitions, n_exemplars, n_with_rows;
    struct err *err;
};

static void reject(struct append *a, const struct batch_series *series, enum reject_reason reason,
                   size_t count, const char *why)
{
    if (count == 0)
        return;
    if (a->result.message[0] == '\0') {
        struct buf text = BUF_MAX(4096);
        labels_format(&text, &series->labels);
        (void)snprintf(a->result.message, sizeof a->result.message, "%s: %.*s", why,
                       STR_ARG(buf_str(&text))); // cutting is fine
        buf_done(&text);
    }
    a->result.rejected[reason] += count;
    atomic_add_relaxed(&a->store->rejected[reason], count);
    self_add(&rejected_total, count, reject_reason_name(reason));
}

/* --- admit ------------------------------------------------------------------------------------ */

static bool is_good(const struct append *a, const struct sample *s)
{
    return s->t_unix_ms >= a->min_ms && s->t_unix_ms <= a->max_ms && !s->histogram;
}

/* What a stale marker carries beside its sum counts for nothing, and may not even add up. */
static const struct histogram *plain_stale(struct append *a, const struct histogram *h)
{
    struct histogram *plain = arena_zalloc(&a->x->arena, sizeof *plain);
    if (plain) {
        plain->schema = h->schema;
        plain->integer = h->integer;
        plain->sum = h->sum;
    }
    return plain;
}

static bool admit_histogram(struct append *a, const struct batch_series *series, struct sample *s)
{
    struct err why = {0};
    if (histogram_validate(s->histogram, &why) != 0) {
        reject(a, series, REJECT_HISTOGRAM, 1, why.message);
        return false;
    }
    if (histogram_is_stale(s->histogram))
        s->histogram = plain_stale(a, s->histogram);
    return true;
}

static bool admit_sample(struct append *a, const struct batch_series *series, struct sample *s)
{
    if (s->t_unix_ms < a->min_ms) {
        reject(a, series, REJECT_TOO_OLD, 1, "sample is older than the retention");
        return false;
    }
    if (s->t_unix_ms > a->max_ms) {
        reject(a, series, REJECT_TOO_NEW, 1, "sample is too far in the future");
        return false;
    }
    return !s->histogram || admit_histogram(a, series, s);
}

/* Mostly all samples of a series are good floats and are used where they are. */
static void admit(struct append *a, const struct batch_series *series, struct resolved *r)
{
    uint32_t good = 0;
    while (good < series->n_samples && is_good(a, &series->samples[good]))
        good++;
    r->samples = series->samples;
    r->n_samples = good;
    if (good == series->n_samples)
        return;

    struct sample *copy = arena_alloc(&a->x->arena, series->n_samples * sizeof *copy);
    if (!copy)
        return; // the arena has failed: tested before anything is written
    memcpy(copy, series->samples, good * sizeof *copy);
    for (uint32_t i = good; i < series->n_samples; i++) {
        copy[good] = series->samples[i];
        good += admit_sample(a, series, &copy[good]);
    }
    r->samples = copy;
    r->n_samples = good;
}

static void admit_exemplars(struct append *a, const struct batch_series *series, struct resolved *r)
{
    r->n_exemplars = 0;
    if (series->n_exemplars == 0 || a->store->exemplars.max == 0)
        return;
    struct exemplar *copy = arena_alloc(&a->x->arena, series->n_exemplars * sizeof *copy);
    for (uint32_t i = 0; copy && i < series->n_exemplars; i++) {
        const struct exemplar *e = &series->exemplars[i];
        bool in_time = e->t_unix_ms >= a->min_ms && e->t_unix_ms <= a->max_ms;
        if (in_time && !exemplars_has(&a->store->exemplars, series->hash, e))
            copy[r->n_exemplars++] = *e;
        a->result.exemplars_accepted += in_time;
        a->result.exemplars_rejected += !in_time;
    }
    r->exemplars = copy;
    a->n_exemplars += r->n_exemplars;
}

/* --- resolve ---------------------------------------------------------------------------------- */

static int resolve_stream(struct append *a, struct resolved *r)
{
    struct streams *streams = &a->store->streams;
    struct stream_shard *shard = streams_shard(streams, r->series->hash);
    struct err why = {0};
    lock_take(&shard->lock);
    int rc = 0;
    r->stream = streams_get(streams, &r->series->labels, r->series->hash);
    if (!r->stream) {
        rc = streams_intern(streams, &r->series->labels, r->series->hash, &r->stream, &why);
        self_add(&created_total, rc == 0);
    }
    lock_give(&shard->lock);
    if (rc == ERR_INVALID || rc == ERR_TOO_BIG) {
        reject(a, r->series, rc == ERR_INVALID ? REJECT_LABELS : REJECT_CARDINALITY, r->n_samples,
               why.message);
        a->n_exemplars -= r->n_exemplars;
        return 1;
    }
    return rc == 0 ? 0 : err_set(a->err, rc, "%s", why.message);
}

static int make_room(struct append *a)
{
    struct append_scratch *x = a->x;
    if (x->cap >= a->batch->n_series)
        return 0;
    struct resolved *v = realloc(x->v, a->batch->n_series * sizeof *v);
    if (!v)
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    x->v = v;
    x->cap = a->batch->n_series;
    return 0;
}

static int resolve(struct append *a)
{
    int rc = make_room(a);
    if (rc != 0)
        return rc;
    uint32_t segment = a->store->wal.segment; // constant while we hold the gate
    for (size_t i = 0; i < a->batch->n_series; i++) {
        const struct batch_series *series = &a->batch->series[i];
        struct resolved *r = &a->x->v[a->x->n];
        *r = (struct resolved){.series = series};
        admit(a, series, r);
        admit_exemplars(a, series, r);
        if (r->n_samples == 0 && r->n_exemplars == 0)
            continue;
        rc = resolve_stream(a, r);
        if (rc < 0)
            return rc;
        if (rc == 1)
            continue;
        r->define = atomic_get_relaxed(&r->stream->segment) != segment;
        a->n_definitions += r->define;
        a->n_with_rows += r->n_samples > 0;
        a->result.accepted += r->n_samples;
        a->x->n++;
    }
    return 0;
}

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

/* --- encode ----------------------------------------------------------------------------------- */

static void encode_definitions(const struct append *a, struct buf *out)
{
    if (a->n_definitions == 0)
        return;
    wal_put_streams(out, a->n_definitions);
    for (size_t i = 0; i < a->x->n; i++)
        if (a->x->v[i].define)
            wal_put_stream(out, a->x->v[i].stream->id, &a->x->v[i].series->labels);
}

static void encode_rows(const struct append *a, struct buf *out)
{
    if (a->n_with_rows == 0)
        return;
    struct wal_rows state;
    size_t first = 0;
    while (a->x->v[first].n_samples == 0)
        first++;
    wal_put_rows(out, a->n_with_rows, a->x->v[first].samples[0].t_unix_ms, &state);
    for (size_t i = first; i < a->x->n; i++) {
        const struct resolved *r = &a->x->v[i];
        if (r->n_samples)
            wal_put_series(out, r->stream->id, r->samples, r->n_samples, &state);
    }
}

static void encode_exemplars(const struct append *a, struct buf *out)
{
    if (a->n_exemplars == 0)
        return;
    wal_put_exemplars(out, a->n_exemplars);
    for (size_t i = 0; i < a->x->n; i++)
        for (uint32_t k = 0; k < a->x->v[i].n_exemplars; k++)
            wal_put_exemplar(out, a->x->v[i].stream->id, &a->x->v[i].exemplars[k]);
}

static void encode_metadata(const struct append *a, struct buf *out)
{
    if (a->n_families == 0)
        return;
    wal_put_metadata(out, a->n_families);
    for (size_t i = 0; i < a->n_families; i++)
        wal_put_family(out, a->families[i]);
}

static int write_log(struct append *a, struct wal_position *out)
{
    struct buf *record = &a->x->record;
    buf_reset(record);
    wal_record_begin(record);
    encode_definitions(a, record);
    encode_rows(a, record);
    encode_exemplars(a, record);
    encode_metadata(a, record);
    return wal_append(&a->store->wal, record, out, a->err);
}

/* --- apply ------------------------------------------------------------------------------------ */

int apply_rows(struct store *s, struct stream *st, const struct sample *samples, size_t n,
               uint32_t now_s, struct head_cache *cache, struct buf *seal, struct err *err)
{
    struct stream_shard *shard = streams_shard(&s->streams, st->id);
    int rc = 0;
    lock_take(&shard->lock);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t t = samples[i].t_unix_ms;
        if (!cache->head || t < cache->from || t - cache->from >= MS_PER_DAY) {
            rc = heads_get(s, day_of(t), &cache->head, err);
            cache->from = day_of(t) * MS_PER_DAY;
        }
        const struct head_row row = {(uint32_t)(t - cache->from), samples[i].value,
                                     samples[i].start_unix_ms, samples[i].histogram};
        if (rc == 0 && head_append(cache->head, st, &row, seal) != 0)
            rc = err_set(err, ERR_NOMEM, "append: out of memory");
    }
    st->last_append_s = now_s;
    lock_give(&shard->lock);
    return rc;
}

static int apply(struct append *a, uint32_t now_s)
{
    struct head_cache cache = {0};
    struct store *s = a->store;
    uint32_t segment = s->wal.segment;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->x->n; i++) {
        const struct resolved *r = &a->x->v[i];
        if (r->define)
            atomic_set_relaxed(&r->stream->segment, segment); // after the record, see above
        rc = apply_rows(s, r->stream, r->samples, r->n_samples, now_s, &cache, &a->x->seal, a->err);
        for (uint32_t k = 0; rc == 0 && k < r->n_exemplars; k++)
            rc =
                exemplars_add(&s->exemplars, &r->series->labels, r->series->hash, &r->exemplars[k]);
    }
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
    int rc = resolve(a);
    if (rc != 0)
        return rc;
    find_news(a);
    if (arena_failed(&a->x->arena))
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    if (a->x->n == 0 && a->n_families == 0)
        return 0;
    rc = write_log(a, out);
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
    a.min_ms = retention_min_ms(s);
    a.max_ms = MIN(TIME_MAX_MS, store_now_ms(s) + atomic_get_relaxed(&s->max_future_ms));

    struct wal_position position = {0};
    rwlock_take_read(&s->gate);
    rc = append_gated(&a, &position);
    rwlock_give(&s->gate);
    scratch_give(s, a.x);
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

static int append_self(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    return store_append(self, b, out, err);
}

struct sink store_sink(struct store *s)
{
    return (struct sink){append_self, s};
}
