/* A shard is a chained hash table of its streams, and a list of them by use: the tail is the one
 * that was idle for longest. Streams are small and of bounded size, so they are allocated under the
 * shard's lock. */
#include "receive/otlp_delta.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/time.h"
#include "receive/otlp_buckets.h"
#include "self/self.h"

static struct self_metric events =
    SELF_COUNTER("telltale_receive_otlp_delta_events_total",
                 "What happened to points of delta temporality, by event.", "event");

enum { SHARDS = 64, MAX_STREAMS = 1000000, IDLE_MS = 3600 * 1000 };

/* What streams count in the limit: the memory of a number is one. SDKs give exponential histograms
 * 160 buckets a side. */
enum { BUCKETS_A_STREAM = 64, EXPONENTIAL_COST = 1 + 2 * 160 / BUCKETS_A_STREAM };

enum stream_kind { STREAM_NUMBER, STREAM_HISTOGRAM, STREAM_EXPONENTIAL };

struct number_sum {
    double f64;
    int64_t i64;
    enum otlp_number_kind kind; /* OTLP_NUMBER_INT while all points were */
};

struct histogram_sum {
    uint64_t *counts; /* owned */
    size_t n;
    uint64_t count;
    double sum;
    bool has_sum;
};

struct exponential_sum {
    struct bucket_sum positive, negative;
    uint64_t count, zero_count;
    double sum, zero_threshold;
    int32_t scale;
    bool has_sum;
};

struct stream {
    uint64_t id;
    struct stream *next;          /* of the table's chain */
    struct stream *newer, *older; /* by use */
    uint64_t start_ns, time_ns;   /* of the first and of the last point */
    int64_t used_mono_ns;
    uint64_t shape; /* of a histogram: a hash of its bounds */
    size_t cost;    /* in streams of the limit */
    bool begun;     /* a point has been added */
    enum stream_kind kind;
    union {
        struct number_sum number;
        struct histogram_sum histogram;
        struct exponential_sum exponential;
    };
};

struct shard {
    struct lock lock;
    struct stream **table; /* guarded by lock, as all below; a power of two of chains */
    size_t cap, n, cost;
    struct stream *newest, *oldest;
};

struct otlp_delta {
    _Atomic size_t max_cost; /* of a shard */
    _Atomic int64_t idle_ns;
    struct shard shards[SHARDS];
};

/* ---- life ---- */

static void free_stream(struct stream *s)
{
    if (s->kind == STREAM_HISTOGRAM)
        free(s->histogram.counts);
    if (s->kind == STREAM_EXPONENTIAL) {
        bucket_sum_done(&s->exponential.positive);
        bucket_sum_done(&s->exponential.negative);
    }
    free(s);
}

void otlp_delta_configure(struct otlp_delta *d, const struct otlp_delta_options *options)
{
    size_t max = options->max_streams ? options->max_streams : MAX_STREAMS;
    int64_t idle_ms = options->idle_ms > 0 ? options->idle_ms : IDLE_MS;
    atomic_set_relaxed(&d->max_cost, max / SHARDS + 1);
    atomic_set_relaxed(&d->idle_ns, MIN(idle_ms, INT64_MAX / NS_PER_MS) * NS_PER_MS);
}

int otlp_delta_new(const struct otlp_delta_options *options, struct otlp_delta **out)
{
    struct otlp_delta *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    for (size_t i = 0; i < SHARDS; i++)
        lock_init(&d->shards[i].lock, LOCK_RECEIVE);
    otlp_delta_configure(d, options);
    *out = d;
    return 0;
}

void otlp_delta_free(struct otlp_delta *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &d->shards[i];
        for (struct stream *s = shard->newest, *older; s; s = older) {
            older = s->older;
            free_stream(s);
        }
        free(shard->table);
        lock_done(&shard->lock);
    }
    free(d);
}

size_t otlp_delta_count(struct otlp_delta *d)
{
    size_t n = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        lock_take(&d->shards[i].lock);
        n += d->shards[i].n;
        lock_give(&d->shards[i].lock);
    }
    return n;
}

/* ---- a shard; its lock is held in all of these ---- */

static void unlink_use(struct shard *shard, struct stream *s)
{
    *(s->newer ? &s->newer->older : &shard->newest) = s->older;
    *(s->older ? &s->older->newer : &shard->oldest) = s->newer;
}

static void link_newest(struct shard *shard, struct stream *s)
{
    s->newer = NULL;
    s->older = shard->newest;
    *(shard->newest ? &shard->newest->newer : &shard->oldest) = s;
    shard->newest = s;
}

static struct stream **chain_of(struct shard *shard, uint64_t id)
{
    return &shard->table[hash_u64(id) & (shard->cap - 1)];
}

static struct stream *find(struct shard *shard, uint64_t id)
{
    if (shard->cap == 0)
        return NULL;
    struct stream *s = *chain_of(shard, id);
    while (s && s->id != id)
        s = s->next;
    return s;
}

static void drop(struct shard *shard, struct stream *s)
{
    struct stream **at = chain_of(shard, s->id);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    unlink_use(shard, s);
    shard->n--;
    shard->cost -= s->cost;
    free_stream(s);
}

static bool grow_table(struct shard *shard)
{
    size_t cap = shard->cap ? shard->cap * 2 : 64;
    struct stream **table = calloc(cap, sizeof(struct stream *));
    if (!table)
        return false;
    free(shard->table);
    shard->table = table;
    shard->cap = cap;
    for (struct stream *s = shard->newest; s; s = s->older) {
        struct stream **chain = chain_of(shard, s->id);
        s->next = *chain;
        *chain = s;
    }
    return true;
}

static bool drop_idle(struct otlp_delta *d, struct shard *shard, int64_t now)
{
    struct stream *s = shard->oldest;
    if (!s || now - s->used_mono_ns < atomic_get_relaxed(&d->idle_ns))
        return false;
    drop(shard, s);
    self_add(&events, 1, "stream_dropped_idle");
    return true;
}

/* What a point says of the stream that it belongs to. */
struct stream_key {
    uint64_t id, shape;
    size_t cost;
    enum stream_kind kind;
};

static struct stream *add(struct otlp_delta *d, struct shard *shard, const struct stream_key *key,
                          int64_t now)
{
    size_t max = atomic_get_relaxed(&d->max_cost);
    (void)drop_idle(d, shard, now); // one goes for each that comes, so that they do go
    while (shard->cost + key->cost > max && drop_idle(d, shard, now))
        ;
    if (shard->cost + key->cost > max || (shard->n >= shard->cap && !grow_table(shard)))
        return NULL;
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct stream){
        .id = key->id,
        .shape = key->shape,
        .kind = key->kind,
        .cost = key->cost,
        .used_mono_ns = now,
    };
    struct stream **chain = chain_of(shard, key->id);
    s->next = *chain;
    *chain = s;
    link_newest(shard, s);
    shard->n++;
    shard->cost += key->cost;
    self_add(&events, 1, "stream_new");
    return s;
}

/* ---- one point ---- */

/* A point's way through its stream. */
struct step {
    struct shard *shard;
    struct stream *stream;
    bool repeated; /* the last point again: nothing is to be added */
};

/* Finds or makes the stream, locked until `leave`; on any other outcome than OK it is not locked.
 */
static enum otlp_delta_outcome enter(struct otlp_delta *d, const struct stream_key *key,
                                     const struct otlp_point *p, struct step *out)
{
    int64_t now = time_now_mono_ns();
    struct shard *shard = &d->shards[hash_u64(key->id) >> 58];
    lock_take(&shard->lock);
    struct stream *s = find(shard, key->id);
    if (s && (s->kind != key->kind || s->shape != key->shape)) { // the client changed its mind
        drop(shard, s);
        s = NULL;
    }
    if (!s)
        s = add(d, shard, key, now);
    if (!s || (s->begun && p->time_unix_ns < s->time_ns)) {
        lock_give(&shard->lock);
        self_add(&events, 1, s ? "out_of_order" : "streams_full");
        return s ? OTLP_DELTA_OUT_OF_ORDER : OTLP_DELTA_FULL;
    }
    unlink_use(shard, s);
    link_newest(shard, s);
    s->used_mono_ns = now;
    *out = (struct step){shard, s, s->begun && p->time_unix_ns == s->time_ns};
    if (out->repeated)
        self_add(&events, 1, "repeated");
    return OTLP_DELTA_OK;
}

/* Notes the point's times and gives the stream's to it. */
static void note_times(struct stream *s, struct otlp_point *p)
{
    if (!s->begun)
        s->start_ns = p->start_time_unix_ns;
    s->begun = true;
    s->time_ns = p->time_unix_ns;
    p->start_time_unix_ns = s->start_ns;
}

static void leave(struct step *step)
{
    lock_give(&step->shard->lock);
}

/* A stream that could not be grown is of no use to its next point: it begins anew. */
static enum otlp_delta_outcome give_up(struct step *step)
{
    drop(step->shard, step->stream);
    lock_give(&step->shard->lock);
    return OTLP_DELTA_FULL;
}

/* ---- numbers ---- */

static void add_number(struct number_sum *sum, const struct otlp_number_point *p)
{
    bool integer = p->kind == OTLP_NUMBER_INT;
    bool exact = sum->kind != OTLP_NUMBER_DOUBLE && integer;
    int64_t i64 = 0;
    if (exact && ((p->i64 > 0 && sum->i64 > INT64_MAX - p->i64) ||
                  (p->i64 < 0 && sum->i64 < INT64_MIN - p->i64)))
        exact = false;
    else if (exact)
        i64 = sum->i64 + p->i64;
    sum->f64 += integer ? (double)p->i64 : p->f64;
    sum->i64 = i64;
    sum->kind = exact ? OTLP_NUMBER_INT : OTLP_NUMBER_DOUBLE;
}

enum otlp_delta_outcome otlp_delta_number(struct otlp_delta *d, uint64_t id,
                                          struct otlp_number_point *p)
{
    struct step step;
    enum otlp_delta_outcome outcome = enter(
        d, &(struct stream_key){.id = id, .cost = 1, .kind = STREAM_NUMBER}, &p->point, &step);
    if (outcome != OTLP_DELTA_OK)
        return outcome;
    struct number_sum *sum = &step.stream->number;
    if (!step.repeated)
        add_number(sum, p);
    note_times(step.stream, &p->point);
    p->kind = sum->kind;
    if (sum->kind == OTLP_NUMBER_INT)
        p->i64 = sum->i64;
    else
        p->f64 = sum->f64;
    leave(&step);
    return OTLP_DELTA_OK;
}

/* ---- histograms with explicit bounds ---- */

static uint64_t hash_bounds(const struct otlp_histogram_point *p)
{
    return hash_combine(
        hash_bytes(p->explicit_bounds, p->n_explicit_bounds * sizeof *p->explicit_bounds),
        p->n_bucket_counts);
}

static void add_histogram(struct histogram_sum *sum, const struct otlp_histogram_point *p)
{
    for (size_t i = 0; i < sum->n; i++)
        sum->counts[i] += p->bucket_counts[i];
    sum->count += p->count;
    sum->sum += p->has_sum ? p->sum : 0;
    sum->has_sum |= p->has_sum;
}

static const uint64_t *copy_counts(struct arena *arena, const uint64_t *counts, size_t n)
{
    uint64_t *copy = arena_alloc(arena, n * sizeof *copy);
    if (copy && n)
        memcpy(copy, counts, n * sizeof *copy);
    return copy;
}

enum otlp_delta_outcome otlp_delta_histogram(struct otlp_delta *d, uint64_t id, struct arena *arena,
                                             struct otlp_histogram_point *p)
{
    const struct stream_key key = {
        .id = id,
        .shape = hash_bounds(p),
        .cost = 1 + p->n_bucket_counts / BUCKETS_A_STREAM,
        .kind = STREAM_HISTOGRAM,
    };
    struct step step;
    enum otlp_delta_outcome outcome = enter(d, &key, &p->point, &step);
    if (outcome != OTLP_DELTA_OK)
        return outcome;
    struct histogram_sum *sum = &step.stream->histogram;
    if (!sum->counts) {
        sum->counts = calloc(p->n_bucket_counts + 1, sizeof *sum->counts);
        if (!sum->counts)
            return give_up(&step);
        sum->n = p->n_bucket_counts;
    }
    if (!step.repeated)
        add_histogram(sum, p);
    note_times(step.stream, &p->point);
    p->bucket_counts = copy_counts(arena, sum->counts, sum->n);
    p->count = sum->count;
    p->sum = sum->sum;
    p->has_sum = sum->has_sum;
    p->has_min = p->has_max = false;
    leave(&step);
    return OTLP_DELTA_OK;
}

/* ---- exponential histograms ---- */

static bool add_exponential(struct exponential_sum *sum, const struct otlp_exponential_point *p,
                            bool first)
{
    int32_t scale = first ? p->scale : MIN(sum->scale, p->scale);
    int32_t s_down = first ? 0 : sum->scale - scale, p_down = p->scale - scale;
    int32_t more = MAX(bucket_sum_shift(&sum->positive, s_down, &p->positive, p_down),
                       bucket_sum_shift(&sum->negative, s_down, &p->negative, p_down));
    if (!bucket_sum_add(&sum->positive, s_down + more, &p->positive, p_down + more) ||
        !bucket_sum_add(&sum->negative, s_down + more, &p->negative, p_down + more))
        return false;
    sum->scale = scale - more;
    sum->count += p->count;
    sum->zero_count += p->zero_count;
    sum->zero_threshold = MAX(sum->zero_threshold, p->zero_threshold);
    sum->sum += p->has_sum ? p->sum : 0;
    sum->has_sum |= p->has_sum;
    return true;
}

enum otlp_delta_outcome otlp_delta_exponential(struct otlp_delta *d, uint64_t id,
                                               struct arena *arena,
                                               struct otlp_exponential_point *p)
{
    const struct stream_key key = {.id = id, .cost = EXPONENTIAL_COST, .kind = STREAM_EXPONENTIAL};
    struct step step;
    enum otlp_delta_outcome outcome = enter(d, &key, &p->point, &step);
    if (outcome != OTLP_DELTA_OK)
        return outcome;
    struct exponential_sum *sum = &step.stream->exponential;
    if (!step.repeated && !add_exponential(sum, p, !step.stream->begun))
        return give_up(&step);
    note_times(step.stream, &p->point);
    p->scale = sum->scale;
    p->positive.counts = copy_counts(arena, sum->positive.counts, sum->positive.n);
    p->positive.n = sum->positive.n;
    p->positive.offset = sum->positive.offset;
    p->negative.counts = copy_counts(arena, sum->negative.counts, sum->negative.n);
    p->negative.n = sum->negative.n;
    p->negative.offset = sum->negative.offset;
    p->count = sum->count;
    p->zero_count = sum->zero_count;
    p->zero_threshold = sum->zero_threshold;
    p->sum = sum->sum;
    p->has_sum = sum->has_sum;
    p->has_min = p->has_max = false;
    leave(&step);
    return OTLP_DELTA_OK;
}
