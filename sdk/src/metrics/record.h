/* Recording into a series. The value is checked; so is the kind of the series.
 * Threads: any. */
#ifndef TELLTALE_METRICS_RECORD_H
#define TELLTALE_METRICS_RECORD_H

#include "metrics/aside.h"

/* Tells of a value that was dropped. */
void series_refuse(const struct series *s);

/* Of a histogram of either kind. */
void series_record(struct series *s, double v);

/* The same whatever stands in `at`, of a value that is finite. */
void series_record_here(struct series *s, double v);

/* The bucket of a value in a histogram of explicit bounds. */
size_t series_bucket(const struct stream *st, double v);

static inline bool double_is_finite(double v)
{
    return v - v == 0;
}

/* --- the short way --- */

static inline void series_add_int(struct series *s, int64_t v)
{
    if (UNLIKELY(v < 0 && s->monotonic)) {
        series_refuse(s);
        return;
    }
    cell_word *cell = cell_shown(atomic_get_relaxed(&s->at) ^ series_tag(SERIES_SUM));
    if (LIKELY(cell))
        word_add(cell, (uint64_t)v);
    else
        aside_int(s, v, SERIES_SUM);
}

static inline void series_add_double(struct series *s, double v)
{
    if (UNLIKELY(!double_is_finite(v) || (v < 0 && s->monotonic))) {
        series_refuse(s);
        return;
    }
    cell_word *cell = cell_shown(atomic_get_relaxed(&s->at) ^ series_tag(SERIES_SUM_DOUBLE));
    if (LIKELY(cell))
        word_add_double(cell, v);
    else
        aside_double(s, v, SERIES_SUM_DOUBLE);
}

static inline void series_set_word(struct series *s, uint64_t word)
{
    atomic_set_relaxed(&s->last, word);
    atomic_set_release(&s->set, (unsigned char)SET_LATELY); // pairs with stream_series
}

static inline bool series_is_aside(const struct series *s, enum series_kind kind)
{
    return atomic_get_relaxed(&s->at) != series_tag(kind) ||
           cell_view.watched; // last values have no cell
}

static inline void series_set_int(struct series *s, int64_t v)
{
    if (UNLIKELY(series_is_aside(s, SERIES_LAST)))
        aside_int(s, v, SERIES_LAST);
    else
        series_set_word(s, (uint64_t)v);
}

static inline void series_set_double(struct series *s, double v)
{
    if (UNLIKELY(series_is_aside(s, SERIES_LAST_DOUBLE)))
        aside_double(s, v, SERIES_LAST_DOUBLE);
    else
        series_set_word(s, double_bits(v));
}

/* --- whatever stands in `at` --- */

static inline cell_word *series_cell(const struct series *s)
{
    return cell_here(atomic_get_relaxed(&s->at) & SERIES_POSITION);
}

static inline void series_sum_int(struct series *s, int64_t v)
{
    cell_word *cell = series_cell(s);
    if (LIKELY(cell))
        word_add(cell, (uint64_t)v);
}

static inline void series_sum_double(struct series *s, double v)
{
    cell_word *cell = series_cell(s);
    if (LIKELY(cell))
        word_add_double(cell, v);
}

#endif
