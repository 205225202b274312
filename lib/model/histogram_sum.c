/* Many histograms are added up as one flat sum with a second one beside it for what rounding lost,
 * so that the order of the histograms does not show in the result. */
#include "model/histogram_sum.h"

#include <math.h>
#include <string.h>

#include "model/histogram_flat.h"
#include "model/kahan.h"

/* `lost` mirrors the layout of `sum`. */
static struct hist_flat *zero_like(struct arena *arena, const struct hist_flat *f)
{
    struct hist_flat *z = arena_zalloc(arena, sizeof *z);
    if (!z || !hist_side_alloc(arena, &z->positive, f->positive.n) ||
        !hist_side_alloc(arena, &z->negative, f->negative.n))
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
        if (!hist_side_merge(arena, sum, b, 0, &s) || !hist_side_alloc(arena, &c, s.n))
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
    bool aligned = hist_flat_align(s->arena, sum, b, &flags);
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

static bool side_overflows(const struct hist_side *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (isinf(s->count[i]))
            return true;
    return false;
}

/* As hist_sum_add, unless a value would overflow: then nothing is added and *out_overflow is set.
 */
static bool add_unless_overflow(struct hist_sum *s, const struct histogram *h, bool *out_overflow)
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

static void multiply(struct hist_sum *s, double factor)
{
    scale_flat(s->sum, factor, false);
    scale_flat(s->lost, factor, false);
}

bool hist_average_add(struct hist_average *a, const struct histogram *h)
{
    a->n++;
    if (!a->incremental) {
        bool overflow;
        if (!add_unless_overflow(&a->sum, h, &overflow))
            return false;
        if (!overflow)
            return true;
        a->incremental = true;
        hist_sum_divide(&a->sum, a->n - 1);
    }
    multiply(&a->sum, (a->n - 1) / a->n);
    const struct histogram *part = hist_div(a->sum.arena, h, a->n);
    return part && hist_sum_add(&a->sum, part);
}

void hist_average_finish(struct hist_average *a)
{
    if (!a->incremental)
        hist_sum_divide(&a->sum, a->n);
}
