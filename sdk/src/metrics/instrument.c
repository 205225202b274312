#include "metrics/instrument.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/problem.h"
#include "core/text.h"
#include "metrics/provider.h"
#include "metrics/series_table.h"

enum { NAME_MAX_BYTES = 255, UNIT_MAX_BYTES = 63 };

static const double DEFAULT_BOUNDS[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                        500, 750, 1000, 2500, 5000, 7500, 10000};

static atomic_uint_least64_t next_id = 1;

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

bool instrument_is_observable(const struct instrument *i)
{
    return i->kind >= KIND_OBSERVABLE_COUNTER;
}

/* Takes the attributes. NULL, and they are freed, when memory or positions ran out. */
static struct series *add_series(struct stream *st, struct attr_set *attrs)
{
    struct series *s = calloc(1, sizeof *s);
    if (!s) {
        problem(TT_PROBLEM_MEMORY, "no memory for a new set of attributes", st->name);
        free(attrs);
        return NULL;
    }
    s->kind = st->kind;
    s->monotonic = st->monotonic;
    s->stream = st;
    s->attrs = attrs;
    s->start_unix_ns = clock_unix_ns();
    uint32_t words = stream_cell_words(st);
    if ((words && cell_alloc(words, &s->at) != TT_OK) || !series_table_put(&st->series, s)) {
        problem(TT_PROBLEM_MEMORY, "no memory for a new set of attributes", st->name);
        series_free(s);
        return NULL;
    }
    return s;
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

static struct series *find_series(struct stream *st, const tt_attr *attrs, size_t n)
{
    struct attr_set *set = attr_set_new(attrs, n, NULL, NULL);
    if (!set)
        return NULL;
    struct series *s = series_table_get(&st->series, set);
    if (s || st->series.n + 1 + !st->overflow > st->limit) {
        free(set);
        return s ? s : overflow_of(st);
    }
    return add_series(st, set);
}

struct series *instrument_series(struct instrument *i, const tt_attr *attrs, size_t n)
{
    struct mutex *lock = &i->meter->provider->lock;
    mutex_lock(lock);
    struct series *s = find_series(i->stream, attrs, n);
    if (s && n == 0)
        atomic_set_release(&i->plain, s); // pairs with instrument_find
    mutex_unlock(lock);
    return s;
}

/* --- streams --------------------------------------------------------------------------------- */

static uint8_t series_kind_of(enum instrument_kind kind, bool is_double, bool exponential)
{
    switch (kind) {
    case KIND_HISTOGRAM: return exponential ? SERIES_EXPONENTIAL : SERIES_HISTOGRAM;
    case KIND_COUNTER:
    case KIND_UPDOWNCOUNTER: return is_double ? SERIES_SUM_DOUBLE : SERIES_SUM;
    default: return is_double ? SERIES_LAST_DOUBLE : SERIES_LAST;
    }
}

static bool bounds_are_valid(const double *bounds, size_t n)
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
    if (bounds && !bounds_are_valid(bounds, n)) {
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

static struct stream *stream_new(struct instrument *i, const tt_instrument_options *o)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->instrument = i;
    s->kind = series_kind_of(i->kind, i->is_double, o->exponential);
    s->monotonic = i->kind == KIND_COUNTER || i->kind == KIND_OBSERVABLE_COUNTER;
    s->gauge = i->kind == KIND_GAUGE || i->kind == KIND_OBSERVABLE_GAUGE;
    s->limit = i->meter->provider->limit;
    s->name = text_dup(i->name);
    s->unit = text_dup(i->unit);
    s->description = text_dup(i->description);
    if (!s->name || !s->unit || !s->description || !set_bounds(s, o->bounds, o->bounds_n)) {
        stream_free(s);
        return NULL;
    }
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    series_table_done(&s->series);
    free(s->name);
    free(s->unit);
    free(s->description);
    free(s->bounds);
    free(s->family);
    free(s);
}

/* --- instruments ----------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool name_is_valid(const char *name)
{
    if (!name || !is_letter(name[0]))
        return false;
    size_t n = 0;
    for (; name[n]; n++) {
        char c = name[n];
        if (n >= NAME_MAX_BYTES || !(is_letter(c) || (c >= '0' && c <= '9') || c == '_' ||
                                     c == '.' || c == '-' || c == '/'))
            return false;
    }
    return true;
}

static bool unit_is_valid(const char *unit)
{
    size_t n = strlen(unit);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)unit[i] < 0x20 || (unsigned char)unit[i] > 0x7e)
            return false;
    }
    return n <= UNIT_MAX_BYTES;
}

/* The same instrument, or NULL. One of the same name that differs is told. */
static struct instrument *find_twin(struct instrument *list, const struct instrument *like)
{
    struct instrument *twin = NULL;
    bool clash = false;
    for (struct instrument *i = list; i && !twin; i = i->next) {
        if (strcasecmp(i->name, like->name) != 0)
            continue;
        if (i->kind == like->kind && i->is_double == like->is_double &&
            strcmp(i->unit, like->unit) == 0 && strcmp(i->description, like->description) == 0)
            twin = i;
        else
            clash = true;
    }
    if (clash && !twin)
        problem(TT_PROBLEM_CONFLICT, "an instrument of this name exists and differs", like->name);
    return twin;
}

/* Under the provider's lock. */
static bool attach(struct instrument *i, const tt_instrument_options *o)
{
    struct tt_meter_provider *p = i->meter->provider;
    i->stream = stream_new(i, o);
    if (!i->stream)
        return false;
    *p->streams_end = i->stream;
    p->streams_end = &i->stream->next;
    i->next = i->meter->instruments;
    i->meter->instruments = i;
    return true;
}

static struct instrument *make(tt_meter *m, enum instrument_kind kind, bool is_double,
                               const char *name, const tt_instrument_options *o)
{
    struct instrument *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->meter = m;
    i->id = atomic_add_relaxed(&next_id, 1);
    i->kind = kind;
    i->is_double = is_double;
    i->name = text_dup(name);
    i->unit = text_dup(o->unit ? o->unit : "");
    i->description = text_dup(o->description ? o->description : "");
    if (!i->name || !i->unit || !i->description) {
        instrument_free(i);
        return NULL;
    }
    return i;
}

/* Options may come from a program built against an older header, where they were shorter. */
static tt_instrument_options options_of(const tt_instrument_options *given)
{
    tt_instrument_options o = {0};
    if (given)
        memcpy(&o, given, MIN(given->size, sizeof o));
    return o;
}

struct instrument *instrument_new(tt_meter *m, enum instrument_kind kind, bool is_double,
                                  const char *name, const tt_instrument_options *options)
{
    if (!m)
        return NULL;
    tt_instrument_options o = options_of(options);
    if (!name_is_valid(name)) {
        problem(TT_PROBLEM_MISUSE, "not a name for an instrument", name);
        return NULL;
    }
    if (o.unit && !unit_is_valid(o.unit)) {
        problem(TT_PROBLEM_MISUSE, "a unit is up to 63 characters of ASCII", name);
        o.unit = NULL;
    }
    struct instrument *made = make(m, kind, is_double, name, &o);
    if (!made) {
        problem(TT_PROBLEM_MEMORY, "no memory for an instrument", name);
        return NULL;
    }
    mutex_lock(&m->provider->lock);
    struct instrument *twin = find_twin(m->instruments, made);
    bool ok = !twin && attach(made, &o);
    mutex_unlock(&m->provider->lock);
    if (!ok)
        instrument_free(made);
    return ok ? made : twin;
}

void instrument_free(struct instrument *i)
{
    if (!i)
        return;
    free(i->name);
    free(i->unit);
    free(i->description);
    free(i);
}
