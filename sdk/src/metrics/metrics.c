/* The public calls of metrics: what each handle stands for, and nothing more. All instruments are
 * one structure inside, and all bound handles are a series; the types outside keep a program from
 * adding a double to a counter of integers. */
#include "telltale/metrics.h"

#include "base/compiler.h"
#include "core/problem.h"
#include "metrics/record.h"
#include "metrics/remove.h"
#include "metrics/stream.h"

static COLD void *bound(void *instrument, const tt_attr *attrs, size_t n)
{
    struct instrument *i = instrument;
    if (!i)
        return NULL;
    n = attrs ? n : 0;
    return i->aside ? aside_bind(i, attrs, n) : instrument_bind(i, attrs, n);
}

/* Everything that a kind of instrument with one verb has. */
#define INSTRUMENT(name, kind, is_double, values, verb, type, record, record_aside)                \
    COLD tt_##name *tt_##name##_new(tt_meter *meter, const char *n,                                \
                                    const tt_instrument_options *o)                                \
    {                                                                                              \
        return (tt_##name *)instrument_new(meter, kind, is_double, n, o);                          \
    }                                                                                              \
    void tt_##name##_##verb(tt_##name *instrument, type v, const tt_attr *attrs, size_t n)         \
    {                                                                                              \
        struct instrument *i = (struct instrument *)instrument;                                    \
        if (UNLIKELY(!i))                                                                          \
            return;                                                                                \
        if (UNLIKELY(i->aside)) {                                                                  \
            record_aside(i, values, v, attrs, attrs ? n : 0);                                      \
            return;                                                                                \
        }                                                                                          \
        struct series *s = instrument_find(i, attrs, n);                                           \
        if (LIKELY(s))                                                                             \
            record(s, v);                                                                          \
    }                                                                                              \
    COLD tt_bound_##name *tt_##name##_bind(tt_##name *instrument, const tt_attr *attrs, size_t n)  \
    {                                                                                              \
        return bound(instrument, attrs, n);                                                        \
    }                                                                                              \
    COLD bool tt_##name##_remove(tt_##name *instrument, const tt_attr *attrs, size_t n)            \
    {                                                                                              \
        return instrument_remove((struct instrument *)instrument, attrs, attrs ? n : 0);           \
    }                                                                                              \
    LINE_ALIGNED void tt_bound_##name##_##verb(tt_bound_##name *b, type v)                         \
    {                                                                                              \
        if (LIKELY(b))                                                                             \
            record((struct series *)b, v);                                                         \
    }

INSTRUMENT(counter, KIND_COUNTER, false, SERIES_SUM, add, int64_t, series_add_int, aside_record_int)
INSTRUMENT(double_counter, KIND_COUNTER, true, SERIES_SUM_DOUBLE, add, double, series_add_double,
           aside_record_double)
INSTRUMENT(updowncounter, KIND_UPDOWNCOUNTER, false, SERIES_SUM, add, int64_t, series_add_int,
           aside_record_int)
INSTRUMENT(double_updowncounter, KIND_UPDOWNCOUNTER, true, SERIES_SUM_DOUBLE, add, double,
           series_add_double, aside_record_double)
INSTRUMENT(gauge, KIND_GAUGE, false, SERIES_LAST, set, int64_t, series_set_int, aside_record_int)
INSTRUMENT(double_gauge, KIND_GAUGE, true, SERIES_LAST_DOUBLE, set, double, series_set_double,
           aside_record_double)
INSTRUMENT(histogram, KIND_HISTOGRAM, true, SERIES_HISTOGRAM, record, double, series_record,
           aside_record_double)

void tt_histogram_record_int(tt_histogram *histogram, int64_t v, const tt_attr *attrs, size_t n)
{
    tt_histogram_record(histogram, (double)v, attrs, n);
}

void tt_bound_histogram_record_int(tt_bound_histogram *b, int64_t v)
{
    tt_bound_histogram_record(b, (double)v);
}

/* --- observable instruments ------------------------------------------------------------------ */

static COLD tt_observable *observable_new(tt_meter *meter, enum tt_observable_kind kind,
                                          bool is_double, const char *name,
                                          const tt_instrument_options *options,
                                          tt_callback callback, void *arg)
{
    static const enum instrument_kind kinds[] = {
        [TT_OBSERVABLE_COUNTER] = KIND_OBSERVABLE_COUNTER,
        [TT_OBSERVABLE_UPDOWNCOUNTER] = KIND_OBSERVABLE_UPDOWNCOUNTER,
        [TT_OBSERVABLE_GAUGE] = KIND_OBSERVABLE_GAUGE,
    };
    if ((unsigned)kind >= ARRAY_LEN(kinds)) {
        problem(TT_PROBLEM_MISUSE, "not a kind of observable instrument", name);
        return NULL;
    }
    struct instrument *i = instrument_new(meter, kinds[kind], is_double, name, options);
    if (i && callback)
        (void)tt_meter_register_callback(meter, callback, arg); // a failure was told
    return (tt_observable *)i;
}

COLD tt_observable *tt_observable_new(tt_meter *meter, enum tt_observable_kind kind,
                                      const char *name, const tt_instrument_options *options,
                                      tt_callback callback, void *arg)
{
    return observable_new(meter, kind, false, name, options, callback, arg);
}

COLD tt_observable *tt_observable_new_double(tt_meter *meter, enum tt_observable_kind kind,
                                             const char *name, const tt_instrument_options *options,
                                             tt_callback callback, void *arg)
{
    return observable_new(meter, kind, true, name, options, callback, arg);
}
