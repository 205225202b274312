/* Questions about the distribution: quantiles, fractions, variance, and cutting at a value.
 * Observations are taken as spread evenly on a logarithmic scale inside exponential buckets, and on
 * a linear one inside custom buckets and the zero bucket, as for classic histograms. */
#include <math.h>

#include "query/promql/hist_flat.h"
#include "query/promql/kahan.h"

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

/* --- trimming --------------------------------------------------------------------------------- */

struct trim {
    const struct histogram *h;
    double bound;
    bool upper; /* remove what is above */
    double kept, removed_sum;
    bool has_positive, has_negative;
};

/* Of a bucket without a lower or an upper bound: how much stays, and the middle of what goes. */
static double split_infinite(const struct trim *t, const struct hist_bucket *b, double *middle)
{
    bool finite_above = b->lower == -INFINITY;
    if (finite_above && b->upper > t->bound && t->bound >= 0 && b->upper != INFINITY) {
        /* Taken as starting at zero: only custom buckets come here. */
        *middle = t->upper ? (t->bound + b->upper) / 2 : t->bound / 2;
        double below = t->bound / b->upper;
        return b->count * (t->upper ? below : 1 - below);
    }
    *middle = finite_above ? b->upper : b->lower;
    if (finite_above)
        return t->upper && t->bound >= b->upper ? b->count : 0;
    return !t->upper && t->bound <= b->lower ? b->count : 0;
}

/* Observations of the bucket at or below the bound. */
static double count_below(const struct trim *t, const struct hist_bucket *b, bool linear)
{
    if (t->bound <= b->lower)
        return 0;
    if (t->bound >= b->upper)
        return b->count;
    if (linear)
        return b->count * (t->bound - b->lower) / (b->upper - b->lower);
    double low = log2(fabs(b->lower)), high = log2(fabs(b->upper)), at = log2(fabs(t->bound));
    return b->count * (b->lower >= 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high));
}

static double split_bucket(const struct trim *t, const struct hist_bucket *b, double *middle)
{
    if (isinf(b->lower) || isinf(b->upper))
        return split_infinite(t, b, middle);
    bool custom = hist_is_custom(t->h);
    double below = count_below(t, b, custom);
    if (custom) {
        *middle = (b->lower + b->upper) / 2;
    } else {
        double product = fabs(t->bound) * fabs(t->upper ? b->lower : b->upper);
        *middle = b->lower >= 0 ? sqrt(product) : -sqrt(product);
    }
    return t->upper ? below : b->count - below;
}

static void note_sign(struct trim *t, const struct hist_bucket *b)
{
    if (b->upper <= 0)
        t->has_negative = true;
    else
        t->has_positive = true;
    if (b->lower < 0)
        t->has_negative = true;
}

static double trim_bucket(struct trim *t, const struct hist_bucket *b)
{
    if (b->count == 0)
        return 0;
    note_sign(t, b);
    bool stays = t->upper ? b->upper <= t->bound : b->lower >= t->bound;
    bool split = t->upper ? b->lower < t->bound : b->upper > t->bound;
    double middle = 0;
    double kept = split_bucket(t, b, &middle);
    if (stays) {
        t->kept += b->count;
        return b->count;
    }
    if (!split) {
        kept = 0;
        if (!hist_is_custom(t->h))
            middle = sqrt(b->lower * b->upper);
    }
    t->removed_sum += (b->count - kept) * middle;
    t->kept += kept;
    return kept;
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
        f->positive.count[i] = trim_bucket(&t, &b);
    }
    for (size_t i = 0; i < f->negative.n; i++) {
        struct hist_bucket b = hist_bucket_at(h, f->negative.index[i], f->negative.count[i]);
        b = (struct hist_bucket){-b.upper, -b.lower, b.count};
        f->negative.count[i] = trim_bucket(&t, &b);
    }
    if (h->zero_count > 0) {
        struct hist_bucket zero = {-h->zero_threshold, h->zero_threshold, h->zero_count};
        double below = count_below(&t, &zero, true);
        f->head.zero_count = upper ? below : h->zero_count - below;
        t.kept += f->head.zero_count;
    }
    double sum = t.kept == 0 ? 0 : h->sum - t.removed_sum;
    if ((!t.has_negative && sum < 0) || (!t.has_positive && sum > 0))
        sum = 0;
    f->head.sum = sum;
    f->head.count = t.kept;
    return hist_unflatten(arena, f, true);
}
