/* Sums, differences, scaling and comparison of two histograms, and their buckets as text. */
#include "model/histogram_math.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "model/histogram_flat.h"
#include "model/kahan.h"

/* --- sums and differences ----------------------------------------------------------------------
 */

static const struct histogram *combine(struct arena *arena, const struct histogram *a,
                                       const struct histogram *b, double sign, unsigned *out_flags)
{
    unsigned flags = 0;
    struct hist_flat *x = hist_flatten(arena, a), *y = hist_flatten(arena, b);
    bool aligned = x && y && hist_flat_align(arena, x, y, &flags);
    if (out_flags)
        *out_flags |= flags;
    if (!aligned)
        return NULL;
    struct hist_flat sum = {.head = x->head};
    sum.head.zero_count += sign * y->head.zero_count;
    sum.head.count += sign * y->head.count;
    sum.head.sum += sign * y->head.sum;
    if (!hist_side_merge(arena, &x->positive, &y->positive, sign, &sum.positive) ||
        !hist_side_merge(arena, &x->negative, &y->negative, sign, &sum.negative))
        return NULL;
    return hist_unflatten(arena, &sum, true);
}

const struct histogram *hist_add(struct arena *arena, const struct histogram *a,
                                 const struct histogram *b, unsigned *flags)
{
    return combine(arena, a, b, 1, flags);
}

const struct histogram *hist_sub(struct arena *arena, const struct histogram *a,
                                 const struct histogram *b, unsigned *flags)
{
    return combine(arena, a, b, -1, flags);
}

/* --- scaling ---------------------------------------------------------------------------------- */

static const double *scaled(struct arena *arena, const double *v, size_t n, double by, bool divide)
{
    double *out = arena_alloc(arena, n * sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        out[i] = divide ? v[i] / by : v[i] * by;
    return out;
}

static const struct histogram *scale(struct arena *arena, const struct histogram *h, double by,
                                     bool divide)
{
    struct histogram *out = arena_alloc(arena, sizeof *out);
    if (!out)
        return NULL;
    *out = *h;
    out->integer = false;
    out->zero_count = divide ? h->zero_count / by : h->zero_count * by;
    out->count = divide ? h->count / by : h->count * by;
    out->sum = divide ? h->sum / by : h->sum * by;
    if (by < 0)
        out->reset = HISTOGRAM_RESET_GAUGE;
    if (divide && by == 0) {
        out->n_positive = out->n_negative = out->n_positive_spans = out->n_negative_spans = 0;
        return out;
    }
    out->positive = scaled(arena, h->positive, h->n_positive, by, divide);
    out->negative = scaled(arena, h->negative, h->n_negative, by, divide);
    return out->positive && out->negative ? out : NULL;
}

const struct histogram *hist_mul(struct arena *arena, const struct histogram *h, double factor)
{
    return scale(arena, h, factor, false);
}

const struct histogram *hist_div(struct arena *arena, const struct histogram *h, double divisor)
{
    return scale(arena, h, divisor, true);
}

const struct histogram *hist_compact(struct arena *arena, const struct histogram *h)
{
    struct hist_flat *f = hist_flatten(arena, h);
    return f ? hist_unflatten(arena, f, true) : NULL;
}

const struct histogram *hist_with_reset(struct arena *arena, const struct histogram *h,
                                        enum histogram_reset reset)
{
    struct histogram *out = arena_alloc(arena, sizeof *out);
    if (!out)
        return NULL;
    *out = *h;
    out->reset = reset;
    return out;
}

/* --- counter resets --------------------------------------------------------------------------- */

/* A bucket that lost observations, or is gone with some. */
static bool side_was_reset(const struct hist_side *now, const struct hist_side *before)
{
    for (size_t i = 0, j = 0; j < before->n; j++) {
        while (i < now->n && now->index[i] < before->index[j])
            i++;
        bool there = i < now->n && now->index[i] == before->index[j];
        if (there ? now->count[i] < before->count[j] : before->count[j] != 0)
            return true;
    }
    return false;
}

static bool flat_was_reset(struct hist_flat *now, struct hist_flat *before)
{
    hist_flat_reduce(before, now->head.schema);
    if (now->head.zero_threshold < before->head.zero_threshold)
        return true;
    hist_flat_widen_zero(before, now->head.zero_threshold);
    if (before->head.zero_threshold != now->head.zero_threshold)
        return true; // the new threshold lies inside a bucket that had observations
    return now->head.zero_count < before->head.zero_count ||
           side_was_reset(&now->positive, &before->positive) ||
           side_was_reset(&now->negative, &before->negative);
}

static bool custom_was_reset(struct arena *scratch, struct hist_flat *now, struct hist_flat *before)
{
    unsigned ignored = 0;
    return !hist_flat_align(scratch, now, before, &ignored) ||
           side_was_reset(&now->positive, &before->positive);
}

bool hist_detect_reset(struct arena *scratch, const struct histogram *h,
                       const struct histogram *previous)
{
    if (h->reset == HISTOGRAM_RESET_YES)
        return true;
    if (h->reset == HISTOGRAM_RESET_NO)
        return false;
    if (h->count < previous->count)
        return true;
    if (hist_is_custom(h) != hist_is_custom(previous))
        return true;
    if (!hist_is_custom(h) && h->schema > previous->schema)
        return true;
    struct hist_flat *now = hist_flatten(scratch, h), *before = hist_flatten(scratch, previous);
    if (!now || !before)
        return false;
    return hist_is_custom(h) ? custom_was_reset(scratch, now, before) : flat_was_reset(now, before);
}

/* --- equality --------------------------------------------------------------------------------- */

/* The index of each bucket in turn, over spans. */
struct span_cursor {
    const struct histogram_span *spans;
    size_t n, at;
    uint32_t in_span;
    int64_t index;
};

static int64_t next_index(struct span_cursor *c)
{
    while (c->at < c->n && c->in_span == c->spans[c->at].length) {
        c->at++;
        c->in_span = 0;
        if (c->at < c->n)
            c->index += c->spans[c->at].offset;
    }
    c->in_span++;
    return c->index++;
}

static bool same_side(const struct histogram_span *sa, size_t nsa, const double *va, size_t na,
                      const struct histogram_span *sb, size_t nsb, const double *vb, size_t nb)
{
    if (na != nb)
        return false;
    struct span_cursor a = {.spans = sa, .n = nsa}, b = {.spans = sb, .n = nsb};
    a.index = nsa ? sa[0].offset : 0;
    b.index = nsb ? sb[0].offset : 0;
    for (size_t i = 0; i < na; i++) {
        bool same_value = memcmp(&va[i], &vb[i], sizeof va[i]) == 0 || va[i] == vb[i];
        if (next_index(&a) != next_index(&b) || !same_value)
            return false;
    }
    return true;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool hist_equals(const struct histogram *a, const struct histogram *b)
{
    if (a->schema != b->schema || !same_number(a->count, b->count) || !same_number(a->sum, b->sum))
        return false;
    if (hist_is_custom(a) && !hist_same_bounds(a, b))
        return false;
    if (a->zero_threshold != b->zero_threshold || !same_number(a->zero_count, b->zero_count))
        return false;
    return same_side(a->positive_spans, a->n_positive_spans, a->positive, a->n_positive,
                     b->positive_spans, b->n_positive_spans, b->positive, b->n_positive) &&
           same_side(a->negative_spans, a->n_negative_spans, a->negative, a->n_negative,
                     b->negative_spans, b->n_negative_spans, b->negative, b->n_negative);
}

/* --- buckets ---------------------------------------------------------------------------------- */

struct hist_bucket hist_bucket_at(const struct histogram *h, int64_t index, double count)
{
    if (!hist_is_custom(h))
        return (struct hist_bucket){histogram_bound(h->schema, index - 1),
                                    histogram_bound(h->schema, index), count};
    struct hist_bucket b = {-INFINITY, INFINITY, count};
    if (index > 0 && (size_t)index <= h->n_custom_bounds)
        b.lower = h->custom_bounds[index - 1];
    if (index >= 0 && (size_t)index < h->n_custom_bounds)
        b.upper = h->custom_bounds[index];
    return b;
}

/* By rising bounds, as they are kept. */
static struct hist_buckets list_buckets(struct arena *arena, const struct histogram *h)
{
    struct hist_buckets out = {0};
    struct hist_flat *f = hist_flatten(arena, h);
    out.v = f ? arena_alloc(arena, (f->positive.n + f->negative.n + 1) * sizeof *out.v) : NULL;
    if (!out.v)
        return out;
    for (size_t i = f->negative.n; i-- > 0;) {
        struct hist_bucket b = hist_bucket_at(h, f->negative.index[i], f->negative.count[i]);
        out.v[out.n++] = (struct hist_bucket){-b.upper, -b.lower, b.count};
    }
    if (h->zero_count != 0)
        out.v[out.n++] = (struct hist_bucket){-h->zero_threshold, h->zero_threshold, h->zero_count};
    for (size_t i = 0; i < f->positive.n; i++)
        out.v[out.n++] = hist_bucket_at(h, f->positive.index[i], f->positive.count[i]);
    return out;
}

static void clear_zero_bucket(const struct histogram *h, struct hist_bucket *b)
{
    if (b->lower > 0 && b->lower < h->zero_threshold)
        b->lower = h->zero_threshold;
    else if (b->upper < 0 && b->upper > -h->zero_threshold)
        b->upper = -h->zero_threshold;
}

struct hist_buckets hist_all_buckets(struct arena *arena, const struct histogram *h)
{
    struct hist_buckets all = list_buckets(arena, h);
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        struct hist_bucket b = all.v[i];
        bool zero = !hist_is_custom(h) && b.lower == -b.upper;
        if (zero && b.count < 0)
            continue;
        clear_zero_bucket(h, &b);
        all.v[n++] = b;
    }
    all.n = n;
    return all;
}

/* Bounds belong to the bucket away from zero's side: (1,2] and [-2,-1); all of the zero bucket's.
 */
void hist_format(struct buf *out, const struct histogram *h)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct hist_buckets all = list_buckets(&arena, h);
    buf_puts(out, "{count:");
    buf_put_double(out, h->count);
    buf_puts(out, ", sum:");
    buf_put_double(out, h->sum);
    for (size_t i = 0; i < all.n; i++) {
        const struct hist_bucket *b = &all.v[i];
        if (b->count == 0)
            continue;
        bool negative = !hist_is_custom(h) && b->upper <= 0 && b->lower < 0;
        bool zero = !hist_is_custom(h) && b->lower == -b->upper;
        buf_puts(out, negative || zero ? ", [" : ", (");
        buf_put_double(out, b->lower);
        buf_putc(out, ',');
        buf_put_double(out, b->upper);
        buf_puts(out, negative && !zero ? "):" : "]:");
        buf_put_double(out, b->count);
    }
    buf_putc(out, '}');
    arena_done(&arena);
}
