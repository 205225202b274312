/* From the batch's series to streams: what is good of each, and where it belongs. */
#include "store/embedded/append.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "model/histogram.h"
#include "self/self.h"
#include "store/embedded/stream_groups.h"

static struct self_metric rejected_total =
    SELF_COUNTER("telltale_store_rejected_samples_total",
                 "Samples that the store left out of a batch, by reason.", "reason");
static struct self_metric rejected_exemplars_total =
    SELF_COUNTER("telltale_store_rejected_exemplars_total",
                 "Exemplars that the store left out of a batch, by reason: time, size.", "reason");
static struct self_metric created_total =
    SELF_COUNTER("telltale_store_streams_created_total", "Streams that were new to the registry.");

struct labels append_labels(const struct append *a, const struct batch_series *series)
{
    const struct stream *st = series->known;
    if (!st)
        return series->labels;
    struct label *v = arena_array(&a->x->arena, st->n, sizeof *v);
    if (!v)
        return (struct labels){0};
    streams_labels(&a->store->streams, st, v);
    return (struct labels){v, st->n};
}

static void reject(struct append *a, const struct batch_series *series, enum reject_reason reason,
                   size_t count, const char *why)
{
    if (count == 0)
        return;
    if (a->result.message[0] == '\0') {
        struct buf text = BUF_MAX(4096);
        const struct labels labels = append_labels(a, series);
        labels_format(&text, &labels);
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

/* Mostly the retention is the same for all; then this is only asked of what is too old. */
static int64_t series_min_ms(const struct append *a, const struct batch_series *series)
{
    if (!a->keep.rules)
        return a->min_ms;
    const struct labels labels = append_labels(a, series);
    return keep_min_ms(&a->keep, &labels);
}

static void reject_time(struct append *a, const struct batch_series *series,
                        enum reject_reason reason, int64_t t_unix_ms)
{
    char why[128] = "";
    int64_t min_ms = a->result.message[0] ? 0 : series_min_ms(a, series);
    bool by_rule = min_ms != a->keep.table_min_ms;
    if (a->result.message[0] == '\0' && reason == REJECT_TOO_OLD)
        (void)snprintf(why, sizeof why,
                       "time %" PRId64 " is before %" PRId64
                       ", the first that is kept (storage.retention.%s)",
                       t_unix_ms, min_ms, by_rule ? "overrides" : "metrics");
    else if (a->result.message[0] == '\0')
        (void)snprintf(why, sizeof why,
                       "time %" PRId64 " is after %" PRId64
                       ", the last that is accepted (storage.max_future)",
                       t_unix_ms, a->max_ms);
    reject(a, series, reason, 1, why);
}

static bool admit_sample(struct append *a, const struct batch_series *series, struct sample *s)
{
    if (s->t_unix_ms < a->min_ms && s->t_unix_ms < series_min_ms(a, series)) {
        reject_time(a, series, REJECT_TOO_OLD, s->t_unix_ms);
        return false;
    }
    if (s->t_unix_ms > a->max_ms) {
        reject_time(a, series, REJECT_TOO_NEW, s->t_unix_ms);
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

/* NULL: it is good. */
static const char *exemplar_fault(const struct append *a, const struct batch_series *series,
                                  const struct exemplar *e)
{
    if (e->t_unix_ms > a->max_ms)
        return "time";
    if (e->t_unix_ms < a->min_ms && e->t_unix_ms < series_min_ms(a, series))
        return "time";
    return exemplar_is_small(e) ? NULL : "size";
}

static void admit_exemplars(struct append *a, const struct batch_series *series, struct resolved *r)
{
    r->n_exemplars = 0;
    if (series->n_exemplars == 0 || a->store->exemplars.max == 0)
        return;
    struct exemplar *copy = arena_alloc(&a->x->arena, series->n_exemplars * sizeof *copy);
    for (uint32_t i = 0; copy && i < series->n_exemplars; i++) {
        const struct exemplar *e = &series->exemplars[i];
        const char *fault = exemplar_fault(a, series, e);
        if (!fault && !exemplars_has(&a->store->exemplars, series->hash, e))
            copy[r->n_exemplars++] = *e;
        a->result.exemplars_accepted += fault == NULL;
        a->result.exemplars_rejected += fault != NULL;
        if (fault)
            self_add(&rejected_exemplars_total, 1, fault);
    }
    r->exemplars = copy;
    a->n_exemplars += r->n_exemplars;
}

/* --- resolve ---------------------------------------------------------------------------------- */

static const char *why_not(const struct guard_verdict *v, char room[160])
{
    (void)snprintf(room, 160, "the limit of %u %s is reached by %.*s%s%.*s", v->allowed,
                   v->limit == GUARD_LABEL ? "values" : "active series",
                   (int)MIN(v->guilty.name.n, (size_t)50), v->guilty.name.p ? v->guilty.name.p : "",
                   v->guilty.value.n ? "=" : "", (int)MIN(v->guilty.value.n, (size_t)50),
                   v->guilty.value.p ? v->guilty.value.p : ""); // cut if too long
    return room;
}

/* 1: there is nothing to append to a stream of its own. */
static int keep_out(struct append *a, const struct resolved *r, const struct guard_verdict *v)
{
    char room[160];
    int rc = v->fold && r->n_samples ? append_fold(a, r, v) : 1;
    a->n_exemplars -= r->n_exemplars;
    if (rc < 0)
        return rc;
    if (r->n_samples)
        guard_note(&a->store->guard, v, r->n_samples, rc == 0);
    if (rc == 0)
        a->result.accepted += r->n_samples;
    else
        reject(a, r->series, REJECT_CARDINALITY, r->n_samples, why_not(v, room));
    return 1;
}

/* The stream with these labels, made when it is new and the guard lets it. *out_rc: what came of
 * making it. */
static bool intern(struct append *a, struct resolved *r, struct guard_verdict *verdict, int *out_rc,
                   struct err *why)
{
    struct streams *streams = &a->store->streams;
    const struct labels *labels = &r->series->labels;
    struct stream_shard *shard = streams_shard(streams, r->series->hash);
    struct stream_like like = {a->last.stream, labels_same_text(labels, &a->last.labels)};
    bool admitted = true;
    lock_take(&shard->lock);
    r->stream = streams_get(streams, labels, r->series->hash);
    *out_rc = r->stream ? 0 : streams_check(labels, like.same, why);
    if (!r->stream && *out_rc == 0) {
        admitted = guard_admits(a->store, labels, verdict);
        if (admitted) {
            *out_rc = streams_add(streams, labels, r->series->hash, like, &r->stream, why);
            a->n_created += *out_rc == 0;
        }
    }
    lock_give(&shard->lock);
    return admitted;
}

/* By its labels; made when new. 1: it was rejected, or folded into another. */
static int find_stream(struct append *a, struct resolved *r)
{
    struct err why = {0};
    struct guard_verdict verdict;
    int rc;
    if (!intern(a, r, &verdict, &rc, &why))
        return keep_out(a, r, &verdict);
    if (rc == ERR_INVALID || rc == ERR_TOO_BIG) {
        reject(a, r->series, rc == ERR_INVALID ? REJECT_LABELS : REJECT_CARDINALITY, r->n_samples,
               why.message);
        a->n_exemplars -= r->n_exemplars;
        return 1;
    }
    a->last.stream = r->stream;
    a->last.labels = r->series->labels;
    return rc == 0 ? 0 : err_set(a->err, rc, "%s", why.message);
}

static int make_room(struct append *a)
{
    struct append_scratch *x = a->x;
    size_t n = a->batch->n_series + a->batch->n_in_points;
    if (x->cap >= n)
        return 0;
    struct resolved *v = realloc(x->v, n * sizeof *v);
    x->v = v ? v : x->v;
    uint32_t *order = realloc(x->order, n * sizeof *order);
    x->order = order ? order : x->order;
    if (!v || !order)
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    x->cap = n;
    return 0;
}

/* 0; 1: the series was rejected. */
static int resolve_stream(struct append *a, struct resolved *r)
{
    if (!r->series->known)
        return find_stream(a, r);
    r->stream = (struct stream *)(uintptr_t)r->series->known; // const on its way through the batch
    return 0;
}

/* Streams that were recalled before an eviction may be gone. */
static int check_recalled(const struct append *a)
{
    unsigned evictions = atomic_get_relaxed(&a->store->streams.evictions);
    if (a->batch->n_known == 0 || a->batch->recalled == evictions)
        return 0;
    return err_set(a->err, ERR_STALE, "series were removed meanwhile");
}

/* Brings what is resolved into the order of shards (a stable counting sort: of rows with the same
 * time the later one still comes later). */
static void order_by_shard(struct append_scratch *x)
{
    uint32_t *from = x->shard_from, at[STREAM_SHARDS];
    memset(from, 0, sizeof x->shard_from);
    for (size_t i = 0; i < x->n; i++)
        from[x->v[i].shard + 1]++;
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        from[i + 1] += from[i];
        at[i] = from[i];
    }
    for (uint32_t i = 0; i < x->n; i++)
        x->order[at[x->v[i].shard]++] = i;
}

/* How many series before its turn a stream's memory is asked for. */
enum { RESOLVE_AHEAD = 8 };

void append_take(struct append *a, const struct resolved *r)
{
    struct resolved *to = &a->x->v[a->x->n++];
    *to = *r;
    to->id = r->stream->id;
    to->shard = (uint8_t)stream_shard_of(r->stream->hash);
    to->define = atomic_get_relaxed(&r->stream->segment) != a->store->wal.segment; // under the gate
    a->n_definitions += to->define;
    a->n_with_rows += r->n_samples > 0;
}

/* All that had to be found by labels, at once: nobody needs it sooner than the next request. */
static void remember(struct append *a)
{
    struct stream_sent *v = arena_array(&a->x->arena, a->n_unknown, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < a->x->n; i++) {
        const struct resolved *r = &a->x->v[i];
        if (!r->series->known && !hash128_is_none(r->series->sent))
            v[n++] = (struct stream_sent){r->stream, r->series->sent};
    }
    if (n)
        streams_remember(&a->store->streams, v, n);
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Where each series of the batch is in x->v; NULL: nobody will ask. */
static uint32_t *make_places(const struct append *a)
{
    if (a->batch->n_groups == 0)
        return NULL;
    return arena_array(&a->x->arena, a->batch->n_series, sizeof(uint32_t));
}

/* NULL: the series was left out, or has something else than one float. */
static struct resolved *resolved_of(struct append *a, const uint32_t *places, uint32_t series)
{
    struct resolved *r = places[series] < a->x->n ? &a->x->v[places[series]] : NULL;
    return r && r->n_samples == 1 && !r->samples[0].histogram && r->n_exemplars == 0 ? r : NULL;
}

/* The group of streams; NULL: not all series are there. All groups of a batch are of one shard,
 * that of the first. */
static struct stream *make_group(struct append *a, const uint32_t *places,
                                 const struct batch_group *group)
{
    struct stream *members[STREAM_GROUP_MAX];
    for (uint32_t i = 0; i < group->n; i++) {
        const struct resolved *r =
            i < STREAM_GROUP_MAX ? resolved_of(a, places, group->series[i]) : NULL;
        if (!r)
            return NULL;
        members[i] = r->stream;
    }
    size_t shard = a->batch->groups[0].sent.low % STREAM_SHARDS;
    return stream_groups_make(&a->store->streams, shard, group->sent, members, group->n,
                              (uint32_t)(a->keep.now_ms / MS_PER_S));
}

/* What the batch would have had if the group had been known; NULL: no memory. */
static struct batch_point *make_point(struct append *a, const uint32_t *places,
                                      const struct batch_group *group)
{
    struct batch_point *p = arena_zalloc(&a->x->arena, sizeof *p);
    struct sample *numbers = NULL;
    if (p && group->point) {
        *p = *group->point;
        return p;
    }
    numbers = p ? arena_array(&a->x->arena, group->n, sizeof *numbers) : NULL;
    if (!numbers)
        return NULL;
    for (uint32_t i = 0; i < group->n; i++)
        numbers[i] = resolved_of(a, places, group->series[i])->samples[0];
    *p = (struct batch_point){.numbers = numbers, .n_counts = group->n};
    return p;
}

/* Makes groups where the batch says so, and rows of these instead of their series': else a first
 * row would stand alone in each of them, and take more than all that follow. */
static void make_groups(struct append *a, const uint32_t *places)
{
    for (size_t i = 0; i < a->batch->n_groups; i++) {
        const struct batch_group *group = &a->batch->groups[i];
        struct stream *made = make_group(a, places, group);
        struct batch_point *point = made ? make_point(a, places, group) : NULL;
        if (!point || !append_is_usual(a, point))
            continue;
        append_take_point(a, made, point);
        for (uint32_t k = 0; k < group->n; k++)
            resolved_of(a, places, group->series[k])->n_samples = 0;
        a->n_with_rows -= group->n;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void ask_for(const struct append *a, const struct batch_series *series)
{
    if (series->known)
        PREFETCH(series->known);
    else
        streams_ask_for(&a->store->streams, series->hash);
}

int append_resolve_series(struct append *a, const struct batch_series *series)
{
    struct resolved *r = &a->x->v[a->x->n];
    *r = (struct resolved){.series = series};
    admit(a, series, r);
    admit_exemplars(a, series, r);
    if (r->n_samples == 0 && r->n_exemplars == 0)
        return 0;
    int rc = resolve_stream(a, r);
    if (rc != 0)
        return MIN(rc, 0);
    a->n_unknown += !series->known;
    a->result.accepted += r->n_samples;
    append_take(a, r);
    return 0;
}

int append_resolve(struct append *a)
{
    int rc = check_recalled(a);
    if (rc == 0)
        rc = make_room(a);
    uint32_t *places = make_places(a);
    if (rc == 0 && a->batch->n_points + a->batch->n_groups)
        rc = append_points_resolve(a);
    for (size_t i = 0; rc == 0 && i < a->batch->n_series; i++) {
        const struct batch_series *series = &a->batch->series[i];
        if (i + RESOLVE_AHEAD < a->batch->n_series)
            ask_for(a, &series[RESOLVE_AHEAD]);
        size_t before = a->x->n;
        rc = append_resolve_series(a, series);
        if (places)
            places[i] = a->x->n > before ? (uint32_t)before : UINT32_MAX;
    }
    if (a->n_created)
        self_add(&created_total, a->n_created);
    if (rc != 0)
        return rc;
    if (a->n_unknown)
        remember(a); // before others are folded into a stream that these bytes do not say
    if (places)
        make_groups(a, places);
    rc = append_overflow(a);
    if (rc == 0)
        order_by_shard(a->x);
    return rc;
}
