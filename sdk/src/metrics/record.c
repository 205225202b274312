/* The hot paths: what happens when a value is recorded, once its series is known. Nothing here
 * locks or allocates, but for the first value of a thread in a chunk of cells and the first
 * negative one of an exponential histogram. */
#include "metrics/record.h"

#include "core/problem.h"

static const uint64_t INF_BITS = 0x7ff0000000000000u, MINUS_INF_BITS = 0xfff0000000000000u;

COLD void series_refuse(const struct series *s)
{
    problem(TT_PROBLEM_MISUSE, "a value that is not finite, or falls, was not kept",
            s->stream->name);
}

/* --- histograms ------------------------------------------------------------------------------ */

static void widen_range(cell_word *cell, double v)
{
    uint64_t min = atomic_get_relaxed(&cell[HISTOGRAM_MIN]);
    uint64_t max = atomic_get_relaxed(&cell[HISTOGRAM_MAX]);
    if (v < bits_double(min ^ INF_BITS))
        atomic_set_relaxed(&cell[HISTOGRAM_MIN], double_bits(v) ^ INF_BITS);
    if (v > bits_double(max ^ MINUS_INF_BITS))
        atomic_set_relaxed(&cell[HISTOGRAM_MAX], double_bits(v) ^ MINUS_INF_BITS);
}

/* How many bounds lie below v. Up to some twenty, counting all is faster than a search, for it has
 * no branch to mispredict. */
static size_t find_bucket(const double *bounds, size_t n, double v)
{
    size_t at = 0;
    while (n > 24) {
        size_t half = n / 2;
        at += bounds[at + half - 1] < v ? half : 0;
        n -= half;
    }
    size_t below = 0;
    for (size_t i = 0; i < n; i++)
        below += bounds[at + i] < v;
    return at + below;
}

size_t series_bucket(const struct stream *st, double v)
{
    return find_bucket(st->bounds, st->bounds_n, v);
}

static void record_explicit(cell_word *cell, const struct series *s, double v)
{
    size_t bucket = find_bucket(s->stream->bounds, s->stream->bounds_n, v);
    word_add(&cell[HISTOGRAM_COUNTS + bucket], 1);
    word_add_double(&cell[HISTOGRAM_SUM], v);
    widen_range(cell, v);
}

/* The cell for values below 0, which few histograms need. */
static COLD cell_word *negative_cell(struct series *s)
{
    unsigned at = atomic_get_relaxed(&s->negative_at);
    if (!at) {
        uint32_t fresh;
        if (cell_alloc(EXP_RANGE_WORDS, &fresh) != TT_OK) {
            problem(TT_PROBLEM_LIMIT, "no more cells for metrics", NULL);
            return NULL;
        }
        // Of two threads that come here at once one position stays unused.
        at = atomic_compare_exchange_strong(&s->negative_at, &at, fresh) ? fresh : at;
    }
    return cell_here(at);
}

static void record_exponential(cell_word *cell, struct series *s, double v)
{
    const struct stream *st = s->stream;
    if (LIKELY(v > 0)) {
        exp_record(cell + EXPONENTIAL_RANGE, v, st->max_buckets, st->max_scale);
    } else if (v == 0) {
        word_add(&cell[EXPONENTIAL_ZEROS], 1);
    } else {
        cell_word *negative = negative_cell(s);
        if (!negative)
            return;
        exp_record(negative, -v, st->max_buckets, st->max_scale);
    }
    word_add_double(&cell[HISTOGRAM_SUM], v);
    widen_range(cell, v);
}

static inline void record(cell_word *cell, struct series *s, double v)
{
    if (LIKELY(s->kind == SERIES_HISTOGRAM))
        record_explicit(cell, s, v);
    else
        record_exponential(cell, s, v);
}

void series_record(struct series *s, double v)
{
    if (UNLIKELY(!double_is_finite(v))) {
        series_refuse(s);
        return;
    }
    cell_word *cell = cell_shown(atomic_get_relaxed(&s->at) ^ series_tag(SERIES_HISTOGRAM));
    if (LIKELY(cell))
        record(cell, s, v);
    else
        aside_double(s, v, SERIES_HISTOGRAM);
}

void series_record_here(struct series *s, double v)
{
    cell_word *cell = series_cell(s);
    if (cell)
        record(cell, s, v);
}
