/* One pass over the rows of a stream: rows of a bucket are put into its aggregate one by one, so
 * that what the aggregate says is what a loop over the samples would have found, to the last bit
 * (sums aside: docs/design/aggregates.md). */
#include "store/embedded/aggregate.h"

#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "model/histogram.h"
#include "model/histogram_math.h"
#include "model/histogram_sum.h"
#include "model/kahan.h"
#include "store/embedded/columns.h"

void aggregates_init(struct aggregates *a, unsigned want, struct arena *arena)
{
    *a = (struct aggregates){.want = want, .arena = arena};
}

void aggregates_done(struct aggregates *a)
{
    free(a->v);
    *a = (struct aggregates){0};
}

int aggregates_reserve(struct aggregates *a, size_t more)
{
    size_t need = a->n + more;
    if (need <= a->cap)
        return 0;
    size_t cap = MAX(need, a->cap * 2);
    struct aggregate *v = cap <= SIZE_MAX / sizeof *v ? realloc(a->v, cap * sizeof *v) : NULL;
    if (!v)
        return ERR_NOMEM;
    a->v = v;
    a->cap = cap;
    return 0;
}

int64_t aggregate_bucket(int64_t t, int64_t resolution)
{
    int64_t rest = t % resolution;
    if (rest == 0)
        return t;
    return t - rest + (rest > 0 ? resolution : 0);
}

/* --- one bucket ------------------------------------------------------------------------------- */

/* A bucket in the making. */
struct roll {
    struct aggregate row;
    double lost_in_sum; /* of Kahan's summation */
    struct aggregate_histograms h;
    struct hist_sum sum;            /* in scratch */
    const struct histogram *lost;   /* in scratch */
    const struct histogram *growth; /* whose kind the growth is of: the first that counts */
    const struct histogram *before; /* the sample before; NULL: it was a float */
    double before_v;
    bool any; /* there was a sample before */
    struct arena *scratch, *arena;
};

/* Pairs of neighbours of one kind; a change of kind is a reset and a change. */
static void step_float(struct roll *r, double v)
{
    bool kind = r->any && r->before;
    bool pair = r->any && !r->before;
    bool both_nan = isnan(v) && isnan(r->before_v);
    r->row.resets += kind || (pair && v < r->before_v);
    r->row.changes += kind || (pair && v != r->before_v && !both_nan);
    r->before = NULL;
    r->before_v = v;
    r->any = true;
}

static void add_float(struct roll *r, int64_t t, double v)
{
    struct aggregate *row = &r->row;
    if (row->n == 0) {
        row->first_ms = t;
        row->first = row->min = row->max = v;
    } else {
        row->lost += v < row->last ? row->last : 0;
        row->min = v < row->min || isnan(row->min) ? v : row->min;
        row->max = v > row->max || isnan(row->max) ? v : row->max;
    }
    step_float(r, v);
    kahan_add(v, &row->sum, &r->lost_in_sum);
    row->last_ms = t;
    row->last = v;
    row->n++;
}

static void note_hints(struct aggregate *row, const struct histogram *h)
{
    switch (h->reset) {
    case HISTOGRAM_RESET_UNKNOWN: break;
    case HISTOGRAM_RESET_YES: row->flags |= AGGREGATE_RESET_YES; break;
    case HISTOGRAM_RESET_NO: row->flags |= AGGREGATE_RESET_NO; break;
    case HISTOGRAM_RESET_GAUGE: row->flags |= AGGREGATE_GAUGES; break;
    }
}

/* What was counted up to a reset, the first sample of the bucket aside if the next one is it: a
 * window that begins here does not count that one, nor does its layout matter. */
static bool add_lost(struct roll *r, const struct histogram *h)
{
    if (r->h.n == 1) {
        r->row.flags |= AGGREGATE_SECOND_RESET;
        r->growth = h;
        return true;
    }
    r->lost = r->lost ? hist_add(r->scratch, r->lost, r->h.last, NULL) : r->h.last;
    return r->lost || (r->row.flags & AGGREGATE_MIXED);
}

static bool follow(struct roll *r, const struct histogram *h)
{
    bool reset = hist_detect_reset(r->scratch, h, r->h.last);
    bool ok = !reset || add_lost(r, h);
    if (hist_is_custom(h) != hist_is_custom(r->h.first))
        r->row.flags |= AGGREGATE_MIXED;
    if (hist_is_custom(h) != hist_is_custom(r->growth))
        r->row.flags |= AGGREGATE_MIXED_GROWTH;
    return ok;
}

static void count_steps(struct roll *r, const struct histogram *h)
{
    bool kind = r->any && !r->before;
    r->row.resets += kind || (r->any && hist_detect_reset(r->scratch, h, r->before));
    r->row.changes += kind || (r->any && !hist_equals(h, r->before));
}

static bool add_histogram(struct roll *r, int64_t t, const struct histogram *h)
{
    if (r->h.n == 0) {
        r->h.first_ms = t;
        r->h.first = r->growth = h;
    } else if (!follow(r, h)) {
        return false;
    }
    count_steps(r, h);
    note_hints(&r->row, h);
    bool mixed = r->row.flags & AGGREGATE_MIXED;
    if (!mixed && !hist_sum_add(&r->sum, h) && !(r->sum.flags & HIST_INCOMPATIBLE))
        return false;
    r->h.last_ms = t;
    r->h.last = h;
    r->h.n++;
    r->before = h;
    r->any = true;
    return !arena_failed(r->scratch);
}

/* A sum may share bounds with what it was made of, in scratch. */
static const struct histogram *copy_sum(struct roll *r)
{
    const struct histogram *sum = hist_sum_result(&r->sum, r->scratch);
    return sum ? histogram_copy(r->arena, sum) : NULL;
}

/* The histograms of the finished bucket in the arena of the rows. */
static bool keep_histograms(struct roll *r)
{
    struct aggregate_histograms *h = arena_alloc(r->arena, sizeof *h);
    if (!h)
        return false;
    *h = r->h;
    bool single = h->n == 1, mixed = r->row.flags & AGGREGATE_MIXED;
    h->first = histogram_copy(r->arena, r->h.first);
    h->last = single ? h->first : histogram_copy(r->arena, r->h.last);
    h->sum = mixed ? NULL : single ? h->first : copy_sum(r);
    h->lost = r->lost ? histogram_copy(r->arena, r->lost) : NULL;
    if (r->sum.flags & HIST_BOUNDS_RECONCILED)
        r->row.flags |= AGGREGATE_RECONCILED;
    r->row.histograms = h;
    return h->first && h->last && (h->sum || mixed) && (h->lost || !r->lost);
}

static bool finish(struct roll *r, struct aggregates *out)
{
    if (!isinf(r->row.sum))
        r->row.sum += r->lost_in_sum;
    if (r->h.n && !keep_histograms(r))
        return false;
    out->v[out->n++] = r->row;
    return true;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool add_row(struct roll *r, const struct columns *c, size_t i)
{
    const struct histogram *h = c->histogram ? c->histogram[i] : NULL;
    bool stale = h ? histogram_is_stale(h) : is_stale_nan(c->value[i]);
    if (stale) {
        r->row.flags |= AGGREGATE_ENDS_STALE;
        return true;
    }
    r->row.flags &= ~(unsigned)AGGREGATE_ENDS_STALE;
    if (h)
        return add_histogram(r, c->t_unix_ms[i], h);
    add_float(r, c->t_unix_ms[i], c->value[i]);
    return true;
}

static size_t bucket_end(const struct columns *c, size_t from, int64_t t)
{
    size_t i = from;
    while (i < c->n && c->t_unix_ms[i] <= t)
        i++;
    return i;
}

int aggregate_columns(const struct columns *c, int64_t resolution_ms, struct arena *scratch,
                      struct aggregates *out)
{
    for (size_t i = 0; i < c->n;) {
        struct roll r = {.scratch = scratch, .arena = out->arena, .sum = {.arena = scratch}};
        r.row.t_unix_ms = aggregate_bucket(c->t_unix_ms[i], resolution_ms);
        size_t end = bucket_end(c, i, r.row.t_unix_ms);
        bool ok = aggregates_reserve(out, 1) == 0;
        for (; ok && i < end; i++)
            ok = add_row(&r, c, i);
        ok = ok && finish(&r, out);
        arena_reset(scratch);
        if (!ok)
            return ERR_NOMEM;
    }
    return 0;
}

/* --- and back --------------------------------------------------------------------------------- */

struct points {
    struct columns *out;
    int64_t min_ms, max_ms;
};

static int add_point(const struct points *p, int64_t t, double v, const struct histogram *h)
{
    return t >= p->min_ms && t <= p->max_ms ? columns_add(p->out, t, v, h, 0) : 0;
}

static int add_points(const struct points *p, const struct aggregate *row)
{
    const struct aggregate_histograms *h = row->histograms;
    int rc = row->n ? add_point(p, row->first_ms, row->first, NULL) : 0;
    if (rc == 0 && row->n > 1)
        rc = add_point(p, row->last_ms, row->last, NULL);
    if (rc == 0 && h)
        rc = add_point(p, h->first_ms, 0, h->first);
    if (rc == 0 && h && h->n > 1)
        rc = add_point(p, h->last_ms, 0, h->last);
    if (rc == 0 && (row->flags & AGGREGATE_ENDS_STALE))
        rc = add_point(p, row->t_unix_ms, stale_nan(), NULL);
    return rc;
}

int aggregate_points(const struct aggregates *a, int64_t min_ms, int64_t max_ms,
                     struct columns *out)
{
    const struct points p = {out, min_ms, max_ms};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->n; i++)
        rc = add_points(&p, &a->v[i]);
    return rc;
}
