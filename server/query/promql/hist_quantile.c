/* Questions about the distribution: quantiles, fractions, variance.
 * Observations are taken as spread evenly on a logarithmic scale inside exponential buckets, and on
 * a linear one inside custom buckets and the zero bucket, as for classic histograms. */
#include "query/promql/hist.h"

#include <math.h>

#include "model/kahan.h"

/* Where there are buckets of one sign only, the zero bucket ends at zero. */
static void clip_zero_bucket(const struct histogram *h, struct hist_bucket *b)
{
    if (h->n_negative == 0 && h->n_positive > 0)
        b->lower = 0;
    else if (h->n_positive == 0 && h->n_negative > 0)
        b->upper = 0;
}

struct rank_walk {
    struct hist_bucket bucket; /* where the walk stopped */
    double count;              /* up to and including it */
    size_t next;               /* bucket to go on with (forward) */
};

static struct rank_walk walk_to(const struct hist_buckets *all, double rank, bool forward)
{
    struct rank_walk w = {0};
    for (size_t i = 0; i < all->n; i++) {
        const struct hist_bucket *b = &all->v[forward ? i : all->n - 1 - i];
        w.next = i + 1;
        w.bucket = *b;
        if (b->count == 0)
            continue;
        w.count += b->count;
        if (w.count >= rank)
            break;
    }
    return w;
}

static double interpolate(const struct histogram *h, const struct hist_bucket *b, double fraction)
{
    if (hist_is_custom(h) || (b->lower <= 0 && b->upper >= 0))
        return b->lower + (b->upper - b->lower) * fraction;
    double low = log2(fabs(b->lower)), high = log2(fabs(b->upper));
    if (b->lower > 0)
        return exp2(low + (high - low) * fraction);
    return -exp2(high + (low - high) * (1 - fraction));
}

double hist_quantile(struct arena *scratch, double q, const struct histogram *h, unsigned *notes)
{
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0 || isnan(q))
        return NAN;

    /* NaN observations are in `count` but in no bucket, as if they were above all. */
    bool forward = isnan(h->sum) || q < 0.5;
    double rank = (forward ? q : 1 - q) * h->count;
    struct hist_buckets all = hist_all_buckets(scratch, h);
    struct rank_walk w = walk_to(&all, rank, forward);
    struct hist_bucket *b = &w.bucket;
    if (hist_is_custom(h)) {
        if (b->lower == -INFINITY) {
            if (b->upper <= 0)
                return b->upper;
            b->lower = 0;
        } else if (b->upper == INFINITY) {
            return b->lower;
        }
    } else if (b->lower < 0 && b->upper > 0) {
        clip_zero_bucket(h, b);
    }
    double count = w.count > h->count ? h->count : w.count;
    if (count < rank) {
        if (!isnan(h->sum))
            return b->upper;
        *notes |= HIST_NAN_RESULT;
        return NAN;
    }
    double in_bucket = forward ? rank - (count - b->count) : count - rank;
    if (isnan(h->sum)) {
        for (size_t i = w.next; i < all.n; i++)
            count += all.v[i].count;
        if (count < h->count)
            *notes |= HIST_NAN_SKEWED;
    }
    return interpolate(h, b, in_bucket / b->count);
}

/* Observations below v, of which `rank` lie below the bucket. */
static double rank_inside(const struct histogram *h, const struct hist_bucket *b, bool zero,
                          double rank, double v)
{
    if (hist_is_custom(h) || zero) {
        if (b->lower == -INFINITY)
            return b->count; // nothing can be said about a bucket without a lower bound
        return rank + b->count * (v - b->lower) / (b->upper - b->lower);
    }
    double low = log2(fabs(b->lower)), high = log2(fabs(b->upper)), at = log2(fabs(v));
    double fraction = v > 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
    return rank + b->count * fraction;
}

struct rank_of {
    double v, rank;
    bool known;
};

static void locate(const struct histogram *h, const struct hist_bucket *b, bool zero, double rank,
                   struct rank_of *r)
{
    if (!r->known && b->lower >= r->v)
        *r = (struct rank_of){r->v, rank, true};
    if (!r->known && b->lower < r->v && b->upper > r->v)
        *r = (struct rank_of){r->v, rank_inside(h, b, zero, rank, r->v), true};
}

double hist_fraction(struct arena *scratch, double lower, double upper, const struct histogram *h,
                     unsigned *notes)
{
    if (h->count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    struct rank_of low = {.v = lower}, high = {.v = upper};
    struct hist_buckets all = hist_all_buckets(scratch, h);
    double rank = 0, total = 0;
    for (size_t i = 0; i < all.n; i++) {
        struct hist_bucket b = all.v[i];
        bool zero = b.lower <= 0 && b.upper >= 0;
        if (zero)
            clip_zero_bucket(h, &b);
        locate(h, &b, zero, rank, &low);
        locate(h, &b, zero, rank, &high);
        rank += b.count;
        total += b.count;
    }
    if (!isnan(h->sum))
        total = h->count;
    else if (total < h->count)
        *notes |= HIST_NAN_EXCLUDED;
    if (!low.known || low.rank > total)
        low.rank = total;
    if (!high.known || high.rank > total)
        high.rank = total;
    return (high.rank - low.rank) / h->count;
}

double hist_variance(struct arena *scratch, const struct histogram *h)
{
    double mean = h->sum / h->count, sum = 0, lost = 0;
    struct hist_buckets all = hist_all_buckets(scratch, h);
    for (size_t i = 0; i < all.n; i++) {
        const struct hist_bucket *b = &all.v[i];
        double value;
        if (b->count == 0)
            continue;
        if (hist_is_custom(h)) {
            value = (b->upper + b->lower) / 2;
        } else if (b->lower <= 0 && b->upper >= 0) {
            value = 0;
        } else {
            value = sqrt(b->upper * b->lower);
            if (b->upper < 0)
                value = -value;
        }
        kahan_add(b->count * (value - mean) * (value - mean), &sum, &lost);
    }
    return (sum + lost) / h->count;
}
