/* Streams and their series: a series is made when its set of attributes is first used, and lives
 * until it is removed. Its memory is never given back before the provider's end, for a thread may
 * be about to write to it: it waits, and is then used for another set. */
#include "metrics/stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/problem.h"
#include "core/text.h"
#include "metrics/aside.h"
#include "metrics/exemplar.h"
#include "metrics/provider.h"
#include "metrics/series_table.h"

enum { RESERVOIR_MAX = 64, EXPONENTIAL_RESERVOIR = 20 };

static const int64_t REST_NS = INT64_C(60) * 1000000000; /* of a removed series */

static const double DEFAULT_BOUNDS[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                        500, 750, 1000, 2500, 5000, 7500, 10000};

/* --- series ---------------------------------------------------------------------------------- */

uint32_t stream_cell_words(const struct stream *s)
{
    switch (s->kind) {
    case SERIES_SUM:
    case SERIES_SUM_DOUBLE: return 1;
    case SERIES_HISTOGRAM: return HISTOGRAM_COUNTS + (uint32_t)s->bounds_n + 1;
    case SERIES_EXPONENTIAL: return EXPONENTIAL_RANGE + EXP_RANGE_WORDS;
    default: return 0;
    }
}

bool stream_is_aside(const struct stream *s)
{
    const struct tt_meter *m = s->instrument->meter;
    return !atomic_get_relaxed(&m->on) || m->provider->exemplars == TT_EXEMPLARS_ALWAYS_ON;
}

/* One that was removed a while ago. Its cells still hold what was counted. */
static struct series *reuse(struct stream *st)
{
    struct series *s = st->removed;
    if (!s || clock_mono_ns() - s->start_unix_ns < REST_NS)
        return NULL;
    st->removed = s->next;
    if (!st->removed)
        st->removed_end = &st->removed;
    uint32_t at = atomic_get_relaxed(&s->at) & SERIES_POSITION;
    cell_clear(at, stream_cell_words(st));
    if (st->kind == SERIES_EXPONENTIAL && atomic_get_relaxed(&s->negative_at))
        cell_clear(atomic_get_relaxed(&s->negative_at), EXP_RANGE_WORDS);
    exemplars_clear(atomic_get_acquire(&s->reservoir));
    atomic_set_relaxed(&s->set, (unsigned char)SET_NEVER);
    s->next = NULL;
    return s;
}

static struct series *make(struct stream *st)
{
    struct series *s = reuse(st);
    uint32_t words = stream_cell_words(st), at = 0;
    if (s)
        return s;
    if (words && cell_alloc(words, &at) != TT_OK)
        return NULL;
    s = provider_take_series(st->instrument->meter->provider);
    if (!s) {
        cell_free(at, words);
        return NULL;
    }
    atomic_set_relaxed(&s->at,
                       at | series_tag(st->kind) | (stream_is_aside(st) ? SERIES_ASIDE : 0));
    s->kind = st->kind;
    s->monotonic = st->monotonic;
    s->stream = st;
    return s;
}

/* Its memory waits at the end of the list. */
static void put_away(struct stream *st, struct series *s)
{
    free(s->attrs);
    free(s->text);
    s->attrs = NULL;
    s->text_form = 0;
    s->start_unix_ns = clock_mono_ns();
    s->next = NULL;
    *st->removed_end = s;
    st->removed_end = &s->next;
}

/* Takes the attributes. NULL, and they are freed, when memory or positions ran out. */
static struct series *add_series(struct stream *st, struct attr_set *attrs)
{
    struct series *s = make(st);
    if (s) {
        s->attrs = attrs;
        s->observed = 0;
        s->start_unix_ns = clock_unix_ns();
        if (series_table_put(&st->series, s))
            return s;
        put_away(st, s);
    } else {
        free(attrs);
    }
    problem(TT_PROBLEM_MEMORY, "no memory for a new set of attributes", st->name);
    return NULL;
}

static struct series *overflow_of(struct stream *st)
{
    if (!st->overflow) {
        problem(TT_PROBLEM_LIMIT, "too many sets of attributes; the rest is counted as one",
                st->name);
        tt_attr overflow = tt_bool("otel.metric.overflow", true);
        struct attr_set *attrs = attr_set_new(&overflow, 1, NULL, NULL);
        st->overflow = attrs ? add_series(st, attrs) : NULL;
    }
    return st->overflow;
}

bool stream_keeps(const struct stream *s, const char *key, size_t n)
{
    return (!s->keeps_some || key_list_has(&s->kept, key, n)) && !key_list_has(&s->left, key, n);
}

static bool keeps(const tt_attr *attr, const void *arg)
{
    return stream_keeps(arg, attr->key, attr->key_n);
}

static struct attr_set *kept_attrs(const struct stream *st, const tt_attr *attrs, size_t n)
{
    return attr_set_new(attrs, n, stream_filters(st) ? keeps : NULL, st);
}

struct series *stream_series_locked(struct stream *st, const tt_attr *attrs, size_t n)
{
    struct attr_set *set = kept_attrs(st, attrs, n);
    if (!set)
        return NULL;
    struct series *s = series_table_get(&st->series, set);
    if (s || st->series.n + 1 + !st->overflow > st->limit) {
        free(set);
        return s ? s : overflow_of(st);
    }
    return add_series(st, set);
}

struct series *stream_series_of(struct stream *st, const tt_attr *attrs, size_t n)
{
    struct instrument *i = st->instrument;
    struct mutex *lock = &i->meter->provider->lock;
    mutex_lock(lock);
    struct series *s = stream_series_locked(st, attrs, n);
    if (s && n == 0 && !i->aside)
        atomic_set_release(&i->plain, s); // pairs with instrument_find
    mutex_unlock(lock);
    return s;
}

struct series *stream_find_locked(const struct stream *st, const tt_attr *attrs, size_t n)
{
    struct attr_set *set = kept_attrs(st, attrs, n);
    struct series *s = set ? series_table_get(&st->series, set) : NULL;
    free(set);
    return s;
}

struct removal {
    stream_drop *drop;
    void *arg;
};

static bool take_out(struct series *s, void *arg)
{
    const struct removal *r = arg;
    struct stream *st = s->stream;
    if (s == st->overflow || !r->drop(s, r->arg))
        return false;
    aside_forget(st->instrument, s);
    put_away(st, s);
    return true;
}

size_t stream_remove(struct stream *st, stream_drop *drop, void *arg)
{
    struct removal r = {drop, arg};
    size_t removed = series_table_filter(&st->series, take_out, &r);
    if (!removed)
        return 0;
    for (size_t i = 0; i < st->series.n; i++) { // of whom the one that was the same may be gone
        if (st->series.list[i]->text_n & SERIES_DOUBLED)
            st->series.list[i]->text_form = 0;
    }
    // Under a new id no thread's cache finds what is gone.
    uint64_t id = instrument_next_id();
    atomic_set_relaxed(&st->id, id);
    if (!st->instrument->aside) {
        atomic_set_relaxed(&st->instrument->id, id);
        atomic_set_relaxed(&st->instrument->plain, NULL);
    }
    return removed;
}

struct series *instrument_bind(struct instrument *i, const tt_attr *attrs, size_t n)
{
    struct series *s = stream_series_of(i->streams, attrs, n);
    if (s) {
        mutex_lock(&i->meter->provider->lock);
        s->observed |= SERIES_BOUND;
        mutex_unlock(&i->meter->provider->lock);
    }
    return s;
}

/* --- streams --------------------------------------------------------------------------------- */

static uint8_t default_kind(const struct instrument *i, bool exponential)
{
    switch (i->kind) {
    case KIND_HISTOGRAM: return exponential ? SERIES_EXPONENTIAL : SERIES_HISTOGRAM;
    case KIND_COUNTER:
    case KIND_UPDOWNCOUNTER: return i->is_double ? SERIES_SUM_DOUBLE : SERIES_SUM;
    default: return i->is_double ? SERIES_LAST_DOUBLE : SERIES_LAST;
    }
}

/* Totals that are observed are kept as the last value, whatever the view says. */
static uint8_t series_kind_of(const struct instrument *i, enum tt_aggregation as, bool exponential)
{
    if (instrument_is_observable(i))
        return i->is_double ? SERIES_LAST_DOUBLE : SERIES_LAST;
    if (as == TT_AGGREGATION_SUM && i->kind == KIND_GAUGE)
        as = TT_AGGREGATION_DEFAULT;
    switch (as) {
    case TT_AGGREGATION_SUM: return i->is_double ? SERIES_SUM_DOUBLE : SERIES_SUM;
    case TT_AGGREGATION_LAST_VALUE: return i->is_double ? SERIES_LAST_DOUBLE : SERIES_LAST;
    case TT_AGGREGATION_EXPLICIT: return SERIES_HISTOGRAM;
    case TT_AGGREGATION_EXPONENTIAL: return SERIES_EXPONENTIAL;
    default: return default_kind(i, exponential);
    }
}

static bool is_gauge(const struct stream *s)
{
    if (s->instrument->kind == KIND_GAUGE || s->instrument->kind == KIND_OBSERVABLE_GAUGE)
        return s->kind < SERIES_HISTOGRAM;
    return (s->kind == SERIES_LAST || s->kind == SERIES_LAST_DOUBLE) &&
           !instrument_is_observable(s->instrument);
}

static bool is_monotonic(const struct stream *s)
{
    enum instrument_kind k = s->instrument->kind;
    return s->kind < SERIES_HISTOGRAM && !s->gauge &&
           (k == KIND_COUNTER || k == KIND_OBSERVABLE_COUNTER || k == KIND_HISTOGRAM);
}

bool stream_bounds_are_valid(const double *bounds, size_t n)
{
    if (n > BOUNDS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (bounds[i] - bounds[i] != 0 || (i > 0 && bounds[i] <= bounds[i - 1]))
            return false;
    }
    return true;
}

static bool set_bounds(struct stream *s, const double *bounds, size_t n)
{
    if (s->kind != SERIES_HISTOGRAM)
        return true;
    if (bounds && !stream_bounds_are_valid(bounds, n)) {
        problem(TT_PROBLEM_MISUSE, "bounds must be finite and increase, at most 500", s->name);
        bounds = NULL;
    }
    if (!bounds) {
        bounds = DEFAULT_BOUNDS;
        n = ARRAY_LEN(DEFAULT_BOUNDS);
    }
    s->bounds = malloc((n + 1) * sizeof *bounds);
    if (!s->bounds)
        return false;
    if (n)
        memcpy(s->bounds, bounds, n * sizeof *bounds);
    s->bounds_n = n;
    return true;
}

static void set_reservoir(struct stream *s, const tt_view *v)
{
    enum tt_exemplar_reservoir kind = v->reservoir;
    if (kind == TT_RESERVOIR_DEFAULT || kind == TT_RESERVOIR_ALIGNED)
        kind = s->kind == SERIES_HISTOGRAM ? TT_RESERVOIR_ALIGNED : TT_RESERVOIR_FIXED;
    uint32_t size = s->kind == SERIES_EXPONENTIAL ? EXPONENTIAL_RESERVOIR : 1;
    if (v->reservoir_size)
        size = MIN(v->reservoir_size, (uint32_t)RESERVOIR_MAX);
    bool off = s->instrument->meter->provider->exemplars == TT_EXEMPLARS_ALWAYS_OFF ||
               instrument_is_observable(s->instrument);
    s->reservoir_kind = (uint8_t)(off ? TT_RESERVOIR_NONE : kind);
    s->reservoir_size = (uint8_t)size;
    s->own_reservoir = v->own_reservoir;
}

static void set_shape(struct stream *s, const tt_instrument_options *o, const tt_view *v)
{
    const struct tt_meter_provider *p = s->instrument->meter->provider;
    s->kind = series_kind_of(s->instrument, v->aggregation,
                             o->exponential || (p->exponential && !o->bounds));
    s->gauge = is_gauge(s);
    s->monotonic = is_monotonic(s);
    s->without_min_max = v->without_min_max;
    s->max_buckets = (uint8_t)(v->max_buckets ? v->max_buckets : EXP_BUCKETS);
    s->max_scale = (int8_t)(v->max_buckets || v->max_scale ? v->max_scale : EXP_SCALE_MAX);
    s->limit = v->cardinality_limit ? v->cardinality_limit : p->limit;
    set_reservoir(s, v);
}

static bool set_keys(struct stream *s, const tt_instrument_options *o, const tt_view *v)
{
    const char *const *kept = v->attribute_keys ? v->attribute_keys : o->attribute_keys;
    size_t n = v->attribute_keys ? v->attribute_keys_n : o->attribute_keys_n;
    s->keeps_some = kept != NULL;
    return key_list_init(&s->kept, kept, kept ? n : 0) &&
           key_list_init(&s->left, v->excluded_keys, v->excluded_keys_n);
}

static bool set_texts(struct stream *s, const tt_view *v)
{
    const struct instrument *i = s->instrument;
    s->name = text_dup(v->name ? v->name : i->stream_name ? i->stream_name : i->name);
    s->unit = text_dup(i->unit);
    s->description = text_dup(v->description ? v->description : i->description);
    return s->name && s->unit && s->description;
}

struct stream *stream_new(struct instrument *i, const tt_instrument_options *o, const tt_view *v)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->instrument = i;
    s->removed_end = &s->removed;
    atomic_init(&s->id, instrument_next_id());
    set_shape(s, o, v);
    const double *bounds = v->bounds ? v->bounds : o->bounds;
    if (!set_texts(s, v) || !set_keys(s, o, v) ||
        !set_bounds(s, bounds, v->bounds ? v->bounds_n : o->bounds_n)) {
        stream_free(s);
        return NULL;
    }
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    for (struct series *r = s->removed; r; r = r->next)
        series_done(r);
    series_table_done(&s->series);
    key_list_done(&s->kept);
    key_list_done(&s->left);
    free(s->name);
    free(s->unit);
    free(s->description);
    free(s->bounds);
    free(s->family);
    free(s);
}
