/* Sums, differences and comparison. Two histograms are first brought to one layout: the coarser
 * schema, the wider zero bucket, the bounds that both have. */
#include "model/histogram_math.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "model/histogram_flat.h"
#include "model/kahan.h"

/* --- bringing two to one layout --------------------------------------------------------------- */

static void adjust_reset(struct histogram *h, const struct histogram *other, unsigned *flags)
{
    if (h->reset == other->reset || h->reset == HISTOGRAM_RESET_GAUGE)
        return;
    if (other->reset == HISTOGRAM_RESET_GAUGE) {
        h->reset = HISTOGRAM_RESET_GAUGE;
        return;
    }
    if (h->reset != HISTOGRAM_RESET_UNKNOWN && other->reset != HISTOGRAM_RESET_UNKNOWN)
        *flags |= HIST_RESET_COLLISION;
    h->reset = HISTOGRAM_RESET_UNKNOWN;
}

static bool align_bounds(struct arena *arena, struct hist_flat *a, struct hist_flat *b,
                         unsigned *flags)
{
    if (hist_same_bounds(&a->head, &b->head))
        return true;
    const double *common;
    size_t n;
    if (!hist_common_bounds(arena, &a->head, &b->head, &common, &n))
        return false;
    *flags |= HIST_BOUNDS_RECONCILED;
    hist_flat_rebucket(a, common, n);
    hist_flat_rebucket(b, common, n);
    return true;
}

static void align_zero(struct hist_flat *a, struct hist_flat *b)
{
    while (a->head.zero_threshold != b->head.zero_threshold) {
        double before_a = a->head.zero_threshold, before_b = b->head.zero_threshold;
        hist_flat_widen_zero(b, a->head.zero_threshold);
        hist_flat_widen_zero(a, b->head.zero_threshold);
        if (a->head.zero_threshold == before_a && b->head.zero_threshold == before_b)
            return; // a NaN threshold never matches
    }
}

/* False when there is no common layout (flag set) or no memory. */
static bool align(struct arena *arena, struct hist_flat *a, struct hist_flat *b, unsigned *flags)
{
    if (hist_is_custom(&a->head) != hist_is_custom(&b->head)) {
        *flags |= HIST_INCOMPATIBLE;
        return false;
    }
    adjust_reset(&a->head, &b->head, flags);
    if (hist_is_custom(&a->head))
        return align_bounds(arena, a, b, flags);
    hist_flat_reduce(a, b->head.schema);
    hist_flat_reduce(b, a->head.schema);
    align_zero(a, b);
    return true;
}

/* --- merging buckets -------------------------------------------------------------------------- */

static bool alloc_side(struct arena *arena, struct hist_side *s, size_t n)
{
    s->n = 0;
    s->index = arena_alloc(arena, n * sizeof *s->index);
    s->count = arena_alloc(arena, n * sizeof *s->count);
    return s->index && s->count;
}

/* out = a + sign × b */
static bool merge_sides(struct arena *arena, const struct hist_side *a, const struct hist_side *b,
                        double sign, struct hist_side *out)
{
    if (!alloc_side(arena, out, a->n + b->n))
        return false;
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        bool from_a = i < a->n && (j >= b->n || a->index[i] <= b->index[j]);
        bool from_b = j < b->n && (i >= a->n || b->index[j] <= a->index[i]);
        out->index[out->n] = from_a ? a->index[i] : b->index[j];
        double x = from_a ? a->count[i] : 0;
        out->count[out->n++] = from_b ? x + sign * b->count[j] : x;
        i += from_a;
        j += from_b;
    }
    return true;
}

static const struct histogram *combine(struct arena *arena, const struct histogram *a,
                                       const struct histogram *b, double sign, unsigned *out_flags)
{
    unsigned flags = 0;
    struct hist_flat *x = hist_flatten(arena, a), *y = hist_flatten(arena, b);
    bool aligned = x && y && align(arena, x, y, &flags);
    if (out_flags)
        *out_flags |= flags;
    if (!aligned)
        return NULL;
    struct hist_flat sum = {.head = x->head};
    sum.head.zero_count += sign * y->head.zero_count;
    sum.head.count += sign * y->head.count;
    sum.head.sum += sign * y->head.sum;
    if (!merge_sides(arena, &x->positive, &y->positive, sign, &sum.positive) ||
        !merge_sides(arena, &x->negative, &y->negative, sign, &sum.negative))
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
    return !align_bounds(scratch, now, before, &ignored) ||
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

struct hist_buckets hist_all_buckets(struct arena *arena, const struct histogram *h)
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
    if (h->zero_count > 0)
        out.v[out.n++] = (struct hist_bucket){-h->zero_threshold, h->zero_threshold, h->zero_count};
    for (size_t i = 0; i < f->positive.n; i++)
        out.v[out.n++] = hist_bucket_at(h, f->positive.index[i], f->positive.count[i]);
    return out;
}

/* Bounds belong to the bucket away from zero's side: (1,2] and [-2,-1); all of the zero bucket's.
 */
void hist_format(struct buf *out, const struct histogram *h)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct hist_buckets all = hist_all_buckets(&arena, h);
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

/* --- compensated sums ------------------------------------------------------------------------- */

/* `lost` mirrors the layout of `sum`. */
static struct hist_flat *zero_like(struct arena *arena, const struct hist_flat *f)
{
    struct hist_flat *z = arena_zalloc(arena, sizeof *z);
    if (!z || !alloc_side(arena, &z->positive, f->positive.n) ||
        !alloc_side(arena, &z->negative, f->negative.n))
        return NULL;
    z->head = f->head;
    z->head.zero_count = z->head.count = z->head.sum = 0;
    z->positive.n = f->positive.n;
    z->negative.n = f->negative.n;
    if (f->positive.n) {
        memcpy(z->positive.index, f->positive.index, f->positive.n * sizeof(int64_t));
        memset(z->positive.count, 0, f->positive.n * sizeof(double));
    }
    if (f->negative.n) {
        memcpy(z->negative.index, f->negative.index, f->negative.n * sizeof(int64_t));
        memset(z->negative.count, 0, f->negative.n * sizeof(double));
    }
    return z;
}

static struct hist_flat *copy_flat(struct arena *arena, const struct hist_flat *f)
{
    struct hist_flat *c = zero_like(arena, f);
    if (!c)
        return NULL;
    c->head = f->head;
    if (f->positive.n)
        memcpy(c->positive.count, f->positive.count, f->positive.n * sizeof(double));
    if (f->negative.n)
        memcpy(c->negative.count, f->negative.count, f->negative.n * sizeof(double));
    return c;
}

/* Adds `b` to sum and lost, bucket by bucket. In place when `b` has no bucket that `sum` lacks. */
static bool add_side(struct arena *arena, struct hist_side *sum, struct hist_side *lost,
                     const struct hist_side *b)
{
    struct hist_side s = *sum, c = *lost;
    size_t missing = 0;
    for (size_t i = 0, j = 0; j < b->n; j++) {
        while (i < sum->n && sum->index[i] < b->index[j])
            i++;
        missing += i >= sum->n || sum->index[i] != b->index[j];
    }
    if (missing) {
        if (!merge_sides(arena, sum, b, 0, &s) || !alloc_side(arena, &c, s.n))
            return false;
        for (size_t i = 0, k = 0; i < s.n; i++) {
            bool old = k < lost->n && lost->index[k] == s.index[i];
            c.index[i] = s.index[i];
            c.count[i] = old ? lost->count[k] : 0;
            k += old;
        }
        c.n = s.n;
    }
    for (size_t i = 0, j = 0; j < b->n; j++) {
        while (s.index[i] < b->index[j])
            i++;
        kahan_add(b->count[j], &s.count[i], &c.count[i]);
    }
    *sum = s;
    *lost = c;
    return true;
}

static bool add_flat(struct hist_sum *s, struct hist_flat *b)
{
    struct hist_flat *sum = s->sum, *lost = s->lost;
    unsigned flags = 0;
    bool aligned = align(s->arena, sum, b, &flags);
    s->flags |= flags;
    if (!aligned)
        return false;
    /* What was lost moves along with the layout. */
    if (hist_is_custom(&sum->head)) {
        if (!hist_same_bounds(&lost->head, &sum->head))
            hist_flat_rebucket(lost, sum->head.custom_bounds, sum->head.n_custom_bounds);
    } else {
        hist_flat_reduce(lost, sum->head.schema);
        hist_flat_widen_zero(lost, sum->head.zero_threshold);
    }
    kahan_add(b->head.zero_count, &sum->head.zero_count, &lost->head.zero_count);
    kahan_add(b->head.count, &sum->head.count, &lost->head.count);
    kahan_add(b->head.sum, &sum->head.sum, &lost->head.sum);
    return add_side(s->arena, &sum->positive, &lost->positive, &b->positive) &&
           add_side(s->arena, &sum->negative, &lost->negative, &b->negative);
}

bool hist_sum_add(struct hist_sum *s, const struct histogram *h)
{
    struct hist_flat *f = hist_flatten(s->arena, h);
    if (!f)
        return false;
    if (s->sum)
        return add_flat(s, f);
    /* The bounds are the giver's, the sum lives longer. */
    double *bounds = arena_alloc(s->arena, h->n_custom_bounds * sizeof *bounds);
    if (!bounds)
        return false;
    if (h->n_custom_bounds)
        memcpy(bounds, h->custom_bounds, h->n_custom_bounds * sizeof *bounds);
    f->head.custom_bounds = bounds;
    s->sum = f;
    s->lost = zero_like(s->arena, f);
    return s->lost;
}

static bool side_overflows(const struct hist_side *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (isinf(s->count[i]))
            return true;
    return false;
}

bool hist_sum_try(struct hist_sum *s, const struct histogram *h, bool *out_overflow)
{
    *out_overflow = false;
    if (!s->sum)
        return hist_sum_add(s, h);
    struct hist_sum before = *s;
    before.sum = copy_flat(s->arena, s->sum);
    before.lost = copy_flat(s->arena, s->lost);
    if (!before.sum || !before.lost || !hist_sum_add(s, h))
        return false;
    const struct hist_flat *f = s->sum;
    if (isinf(f->head.count) || isinf(f->head.sum) || isinf(f->head.zero_count) ||
        side_overflows(&f->positive) || side_overflows(&f->negative)) {
        *out_overflow = true;
        *s = before;
    }
    return true;
}

static void scale_side(struct hist_side *s, double by, bool divide)
{
    for (size_t i = 0; i < s->n; i++)
        s->count[i] = divide ? s->count[i] / by : s->count[i] * by;
}

static void scale_flat(struct hist_flat *f, double by, bool divide)
{
    f->head.zero_count = divide ? f->head.zero_count / by : f->head.zero_count * by;
    f->head.count = divide ? f->head.count / by : f->head.count * by;
    f->head.sum = divide ? f->head.sum / by : f->head.sum * by;
    scale_side(&f->positive, by, divide);
    scale_side(&f->negative, by, divide);
}

void hist_sum_scale(struct hist_sum *s, double factor)
{
    scale_flat(s->sum, factor, false);
    scale_flat(s->lost, factor, false);
}

void hist_sum_divide(struct hist_sum *s, double divisor)
{
    scale_flat(s->sum, divisor, true);
    scale_flat(s->lost, divisor, true);
}

const struct histogram *hist_sum_result(const struct hist_sum *s, struct arena *arena)
{
    struct hist_flat *sum = copy_flat(arena, s->sum);
    if (!sum)
        return NULL;
    sum->head.zero_count += s->lost->head.zero_count;
    sum->head.count += s->lost->head.count;
    sum->head.sum += isinf(sum->head.sum) ? 0 : s->lost->head.sum;
    for (size_t i = 0; i < sum->positive.n; i++)
        sum->positive.count[i] += s->lost->positive.count[i];
    for (size_t i = 0; i < sum->negative.n; i++)
        sum->negative.count[i] += s->lost->negative.count[i];
    return hist_unflatten(arena, sum, true);
}

/* --- averages --------------------------------------------------------------------------------- */

bool hist_average_add(struct hist_average *a, const struct histogram *h)
{
    a->n++;
    if (!a->incremental) {
        bool overflow;
        if (!hist_sum_try(&a->sum, h, &overflow))
            return false;
        if (!overflow)
            return true;
        a->incremental = true;
        hist_sum_divide(&a->sum, a->n - 1);
    }
    hist_sum_scale(&a->sum, (a->n - 1) / a->n);
    const struct histogram *part = hist_div(a->sum.arena, h, a->n);
    return part && hist_sum_add(&a->sum, part);
}

void hist_average_finish(struct hist_average *a)
{
    if (!a->incremental)
        hist_sum_divide(&a->sum, a->n);
}
