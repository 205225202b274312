#include "model/histogram_flat.h"

#include <string.h>

bool hist_side_alloc(struct arena *arena, struct hist_side *s, size_t n)
{
    s->n = 0;
    s->index = arena_alloc(arena, n * sizeof *s->index);
    s->count = arena_alloc(arena, n * sizeof *s->count);
    return s->index && s->count;
}

static bool flatten_side(struct arena *a, const struct histogram_span *spans, size_t n_spans,
                         const double *counts, size_t n, struct hist_side *out)
{
    if (!hist_side_alloc(a, out, n))
        return false;
    int64_t at = 0;
    for (size_t i = 0; i < n_spans; i++) {
        at += spans[i].offset;
        for (uint32_t k = 0; k < spans[i].length && out->n < n; k++, at++) {
            out->index[out->n] = at;
            out->count[out->n] = counts[out->n];
            out->n++;
        }
    }
    return true;
}

struct hist_flat *hist_flatten(struct arena *a, const struct histogram *h)
{
    struct hist_flat *f = arena_zalloc(a, sizeof *f);
    if (!f ||
        !flatten_side(a, h->positive_spans, h->n_positive_spans, h->positive, h->n_positive,
                      &f->positive) ||
        !flatten_side(a, h->negative_spans, h->n_negative_spans, h->negative, h->n_negative,
                      &f->negative))
        return NULL;
    f->head = *h;
    return f;
}

static void drop_empty_buckets(struct hist_side *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->count[i] == 0)
            continue;
        s->index[kept] = s->index[i];
        s->count[kept++] = s->count[i];
    }
    s->n = kept;
}

static size_t count_spans(const struct hist_side *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += i == 0 || s->index[i] != s->index[i - 1] + 1;
    return n;
}

/* The counts of `s` become those of the histogram. */
static bool make_spans(struct arena *a, const struct hist_side *s,
                       const struct histogram_span **out_spans, size_t *out_n)
{
    size_t n = count_spans(s), k = 0;
    struct histogram_span *spans = arena_alloc(a, n * sizeof *spans);
    if (!spans)
        return false;
    int64_t end = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (i == 0 || s->index[i] != end)
            spans[k++] = (struct histogram_span){(int32_t)(s->index[i] - end), 0};
        spans[k - 1].length++;
        end = s->index[i] + 1;
    }
    *out_spans = spans;
    *out_n = n;
    return true;
}

static bool unflatten_side(struct arena *a, const struct hist_side *in, bool drop_empty,
                           const struct histogram_span **spans, size_t *n_spans,
                           const double **counts, size_t *n)
{
    struct hist_side s;
    if (!hist_side_alloc(a, &s, in->n))
        return false;
    if (in->n) {
        memcpy(s.index, in->index, in->n * sizeof *s.index);
        memcpy(s.count, in->count, in->n * sizeof *s.count);
    }
    s.n = in->n;
    if (drop_empty)
        drop_empty_buckets(&s);
    *counts = s.count;
    *n = s.n;
    return make_spans(a, &s, spans, n_spans);
}

const struct histogram *hist_unflatten(struct arena *a, const struct hist_flat *f, bool drop_empty)
{
    struct histogram *h = arena_alloc(a, sizeof *h);
    if (!h)
        return NULL;
    *h = f->head;
    h->integer = false;
    bool ok = unflatten_side(a, &f->positive, drop_empty, &h->positive_spans, &h->n_positive_spans,
                             &h->positive, &h->n_positive) &&
              unflatten_side(a, &f->negative, drop_empty, &h->negative_spans, &h->n_negative_spans,
                             &h->negative, &h->n_negative);
    return ok ? h : NULL;
}

/* Counts of one target bucket are adjacent, so one pass suffices. `map`: of the index. */
static void regroup(struct hist_side *s, int64_t (*map)(int64_t index, const void *arg),
                    const void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t target = map(s->index[i], arg);
        if (kept && s->index[kept - 1] == target) {
            s->count[kept - 1] += s->count[i];
            continue;
        }
        s->index[kept] = target;
        s->count[kept++] = s->count[i];
    }
    s->n = kept;
}

static int64_t coarser(int64_t index, const void *arg)
{
    int shift = *(const int *)arg;
    int64_t before = index - 1;
    int64_t width = (int64_t)1 << shift;
    int64_t group = before >= 0 ? before / width : -((-before + width - 1) / width);
    return group + 1;
}

void hist_flat_reduce(struct hist_flat *f, int32_t schema)
{
    int shift = f->head.schema - schema;
    if (shift <= 0)
        return;
    regroup(&f->positive, coarser, &shift);
    regroup(&f->negative, coarser, &shift);
    f->head.schema = schema;
}

struct bound_map {
    const double *from, *to;
    size_t n_from, n_to;
};

static int64_t common_bucket(int64_t index, const void *arg)
{
    const struct bound_map *m = arg;
    if (index < 0 || (size_t)index >= m->n_from)
        return (int64_t)m->n_to;
    size_t k = 0;
    while (k < m->n_to && m->to[k] < m->from[index])
        k++;
    return (int64_t)k;
}

void hist_flat_rebucket(struct hist_flat *f, const double *bounds, size_t n)
{
    struct bound_map map = {f->head.custom_bounds, bounds, f->head.n_custom_bounds, n};
    regroup(&f->positive, common_bucket, &map);
    f->head.custom_bounds = bounds;
    f->head.n_custom_bounds = n;
}

bool hist_same_bounds(const struct histogram *a, const struct histogram *b)
{
    if (a->n_custom_bounds != b->n_custom_bounds)
        return false;
    for (size_t i = 0; i < a->n_custom_bounds; i++)
        if (a->custom_bounds[i] != b->custom_bounds[i])
            return false;
    return true;
}

/* The bounds that both have. False out of memory. */
static bool common_bounds(struct arena *arena, const struct histogram *a, const struct histogram *b,
                          const double **out, size_t *out_n)
{
    double *v = arena_alloc(arena, a->n_custom_bounds * sizeof *v);
    if (!v)
        return false;
    size_t n = 0;
    for (size_t i = 0, j = 0; i < a->n_custom_bounds && j < b->n_custom_bounds;) {
        double x = a->custom_bounds[i], y = b->custom_bounds[j];
        if (x == y)
            v[n++] = x;
        i += x <= y;
        j += y <= x;
    }
    *out = v;
    *out_n = n;
    return true;
}

/* Buckets of one side that begin below the threshold are counted into *zero. If the threshold lies
 * inside one with observations, it moves to that bucket's end. */
static size_t swallowed(const struct hist_side *s, int32_t schema, double *threshold, double *zero)
{
    size_t i = 0;
    for (; i < s->n; i++) {
        if (histogram_bound(schema, s->index[i] - 1) >= *threshold)
            break;
        *zero += s->count[i];
        double upper = histogram_bound(schema, s->index[i]);
        if (upper > *threshold && s->count[i] != 0)
            *threshold = upper;
    }
    return i;
}

static void drop_first(struct hist_side *s, size_t n)
{
    s->index += n;
    s->count += n;
    s->n -= n;
}

void hist_flat_widen_zero(struct hist_flat *f, double threshold)
{
    if (!(threshold > f->head.zero_threshold))
        return;
    /* The threshold may grow on one side after the other was counted: repeat till it stays. */
    for (;;) {
        double grown = threshold, zero = f->head.zero_count;
        size_t positive = swallowed(&f->positive, f->head.schema, &grown, &zero);
        size_t negative = swallowed(&f->negative, f->head.schema, &grown, &zero);
        if (grown == threshold) {
            drop_first(&f->positive, positive);
            drop_first(&f->negative, negative);
            f->head.zero_count = zero;
            f->head.zero_threshold = threshold;
            return;
        }
        threshold = grown;
    }
}

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
    if (!common_bounds(arena, &a->head, &b->head, &common, &n))
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

bool hist_flat_align(struct arena *arena, struct hist_flat *a, struct hist_flat *b, unsigned *flags)
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

bool hist_side_merge(struct arena *arena, const struct hist_side *a, const struct hist_side *b,
                     double sign, struct hist_side *out)
{
    if (!hist_side_alloc(arena, out, a->n + b->n))
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
