/* h </ bound and h >/ bound: a histogram without the observations above, or below, a value.
 *
 * A bucket that the bound falls into is split as quantiles split it. When anything was removed the
 * old sum says nothing any more: the new one is made of what stays, each (part of a) bucket counted
 * with its middle, geometric for exponential buckets. Of a bucket without an end only the end it
 * has is known, or the bound if that lies inside. */
#include "query/promql/hist.h"

#include <math.h>

#include "model/histogram_flat.h"

struct trim {
    const struct histogram *h;
    double bound;
    bool upper; /* remove what is above */
    bool removed;
    double count, sum; /* of what stays */
};

/* What stays of a bucket, and the value its observations are taken to have. */
struct part {
    double count, value;
};

static double middle(double lower, double upper, bool linear)
{
    if (linear)
        return (lower + upper) / 2;
    double m = sqrt(fabs(lower) * fabs(upper));
    return lower < 0 ? -m : m;
}

/* The share of the bucket at or below the bound, which lies inside. */
static double share_below(const struct hist_bucket *b, double bound, bool linear)
{
    if (linear)
        return (bound - b->lower) / (b->upper - b->lower);
    double low = log2(fabs(b->lower)), high = log2(fabs(b->upper)), at = log2(fabs(bound));
    return b->lower >= 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
}

static struct part part_of_finite(const struct trim *t, const struct hist_bucket *b, bool linear)
{
    double from = b->lower, to = b->upper, count = b->count;
    if (t->upper ? t->bound <= b->lower : t->bound >= b->upper)
        return (struct part){0, 0};
    if (t->bound > b->lower && t->bound < b->upper) {
        double below = share_below(b, t->bound, linear);
        count *= t->upper ? below : 1 - below;
        *(t->upper ? &to : &from) = t->bound;
    }
    return (struct part){count, middle(from, to, linear)};
}

/* (-Inf, upper] */
static struct part part_of_lowest(const struct trim *t, const struct hist_bucket *b)
{
    if (t->upper ? t->bound == INFINITY : t->bound == -INFINITY)
        return (struct part){b->count, b->upper};
    if (b->upper == INFINITY || t->bound == -INFINITY)
        return (struct part){0, 0};
    if (b->upper > 0) {
        /* Taken as starting at zero. Of what might lie below nothing is known. */
        struct hist_bucket from_zero = {0, b->upper, b->count};
        return t->bound >= 0 ? part_of_finite(t, &from_zero, true) : (struct part){0, 0};
    }
    return t->upper ? (struct part){b->count, fmin(b->upper, t->bound)} : (struct part){0, 0};
}

/* [lower, +Inf) */
static struct part part_of_highest(const struct trim *t, const struct hist_bucket *b)
{
    bool stays = t->upper ? t->bound == INFINITY : t->bound != INFINITY;
    double value = t->upper ? b->lower : fmax(b->lower, t->bound);
    return stays ? (struct part){b->count, value} : (struct part){0, 0};
}

static double trim_bucket(struct trim *t, const struct hist_bucket *b, bool linear)
{
    struct part p = b->lower == -INFINITY  ? part_of_lowest(t, b)
                    : b->upper == INFINITY ? part_of_highest(t, b)
                                           : part_of_finite(t, b, linear);
    t->removed |= p.count != b->count;
    t->count += p.count;
    t->sum += p.count == 0 ? 0 : p.count * p.value;
    return p.count;
}

/* Where there are buckets of one sign only, the zero bucket ends at zero. */
static struct hist_bucket zero_bucket(const struct histogram *h)
{
    struct hist_bucket b = {-h->zero_threshold, h->zero_threshold, h->zero_count};
    if (h->n_negative == 0 && h->n_positive > 0)
        b.lower = 0;
    else if (h->n_positive == 0 && h->n_negative > 0)
        b.upper = 0;
    return b;
}

const struct histogram *hist_trim(struct arena *arena, const struct histogram *h, double bound,
                                  bool upper)
{
    struct trim t = {.h = h, .bound = bound, .upper = upper};
    struct hist_flat *f = hist_flatten(arena, h);
    if (!f)
        return NULL;
    for (size_t i = 0; i < f->positive.n; i++) {
        struct hist_bucket b = hist_bucket_at(h, f->positive.index[i], f->positive.count[i]);
        f->positive.count[i] = trim_bucket(&t, &b, hist_is_custom(h));
    }
    for (size_t i = 0; i < f->negative.n; i++) {
        struct hist_bucket b = hist_bucket_at(h, f->negative.index[i], f->negative.count[i]);
        b = (struct hist_bucket){-b.upper, -b.lower, b.count};
        f->negative.count[i] = trim_bucket(&t, &b, false);
    }
    if (h->zero_count > 0) {
        struct hist_bucket zero = zero_bucket(h);
        f->head.zero_count = trim_bucket(&t, &zero, true);
    }
    if (t.removed) {
        f->head.count = t.count;
        f->head.sum = t.sum;
    }
    return hist_unflatten(arena, f, true);
}
