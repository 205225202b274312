/* Recording into a series. The value is checked; the kind of the series is the caller's promise.
 * Threads: any. */
#ifndef TELLTALE_METRICS_RECORD_H
#define TELLTALE_METRICS_RECORD_H

#include "metrics/instrument.h"

/* Tells of an increment that was dropped. */
void series_refuse_increment(const struct series *s);

/* Of a histogram of either kind. */
void series_record(struct series *s, double v);

static inline bool double_is_finite(double v)
{
    return v - v == 0;
}

static inline void series_add_int(struct series *s, int64_t v)
{
    if (UNLIKELY(v < 0 && s->monotonic)) {
        series_refuse_increment(s);
        return;
    }
    cell_word *cell = cell_here(s->at);
    if (LIKELY(cell))
        word_add(cell, (uint64_t)v);
}

static inline void series_add_double(struct series *s, double v)
{
    if (UNLIKELY(!double_is_finite(v) || (v < 0 && s->monotonic))) {
        series_refuse_increment(s);
        return;
    }
    cell_word *cell = cell_here(s->at);
    if (LIKELY(cell))
        word_add_double(cell, v);
}

static inline void series_set_word(struct series *s, uint64_t word)
{
    atomic_set_relaxed(&s->last, word);
    atomic_set_release(&s->set, true); // pairs with stream_series
}

static inline void series_set_int(struct series *s, int64_t v)
{
    series_set_word(s, (uint64_t)v);
}

static inline void series_set_double(struct series *s, double v)
{
    series_set_word(s, double_word(v));
}

#endif
