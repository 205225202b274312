#include "receive/otlp_histogram.h"

#include <inttypes.h>

#include "base/compiler.h"
#include "model/sample.h"

/* Where OTLP's bucket i holds (base^i, base^(i+1)], Prometheus counts it as i+1. Buckets in a row
 * are one span; a gap of one or two empty buckets is cheaper as zeros than as another span. */
enum { LARGEST_FILLED_GAP = 2 };

/* What is without a zero threshold of its own: the smallest that Prometheus's clients use. */
static const double default_zero_threshold = 1e-128;

/* ---- dense buckets to spans ---- */

struct span_writer {
    struct histogram_span *spans;
    double *counts;
    size_t n_spans, n_counts;
    int64_t next; /* the index just behind what was written */
};

static void write_bucket(struct span_writer *w, int64_t index, double count)
{
    int64_t gap = index - w->next;
    if (w->n_spans == 0 || gap > LARGEST_FILLED_GAP) {
        w->spans[w->n_spans++] = (struct histogram_span){.offset = (int32_t)gap};
        gap = 0;
    }
    struct histogram_span *span = &w->spans[w->n_spans - 1];
    for (; gap > 0; gap--, span->length++)
        w->counts[w->n_counts++] = 0;
    w->counts[w->n_counts++] = count;
    span->length++;
    w->next = index + 1;
}

static int init_writer(struct span_writer *w, size_t n_buckets, struct arena *arena)
{
    *w = (struct span_writer){0};
    w->spans = arena_alloc(arena, (n_buckets / (LARGEST_FILLED_GAP + 1) + 1) * sizeof *w->spans);
    w->counts = arena_alloc(arena, n_buckets * sizeof *w->counts);
    return w->spans && w->counts ? 0 : ERR_NOMEM;
}

/* The shift may be as far as one likes: all that is left of an index then is its sign. */
static int64_t shifted(int64_t index, int32_t down)
{
    return index >> MIN(down, 62);
}

enum { LARGEST_SCALE = 64 }; /* far more than the 20 that OTLP's data model knows */

static int check_offset(const struct otlp_buckets *b, const char *field, struct err *err)
{
    if ((int64_t)b->offset + (int64_t)b->n < INT32_MAX)
        return 0;
    return err_set(err, ERR_INVALID, "%s.offset: %" PRId32 " is too far from 0", field, b->offset);
}

int otlp_check_exponential(const struct otlp_exponential_point *p, struct err *err)
{
    if (p->scale < HISTOGRAM_SCHEMA_MIN || p->scale > LARGEST_SCALE)
        return err_set(err, ERR_INVALID, "scale: %" PRId32 "; expected %d to %d", p->scale,
                       HISTOGRAM_SCHEMA_MIN, LARGEST_SCALE);
    int rc = check_offset(&p->positive, "positive", err);
    return rc ? rc : check_offset(&p->negative, "negative", err);
}

/* `down`: by how many steps the scale is lowered; `add`: from OTLP's index to Prometheus's. */
static int write_buckets(struct span_writer *w, const struct otlp_buckets *b, int32_t down,
                         int32_t add, struct arena *arena)
{
    if (init_writer(w, b->n, arena) != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->n;) {
        int64_t index = shifted(b->offset + (int64_t)i, down);
        double count = 0;
        for (; i < b->n && shifted(b->offset + (int64_t)i, down) == index; i++)
            count += (double)b->counts[i];
        if (count > 0)
            write_bucket(w, index + add, count);
    }
    return 0;
}

static double total(const struct span_writer *w)
{
    double sum = 0;
    for (size_t i = 0; i < w->n_counts; i++)
        sum += w->counts[i];
    return sum;
}

/* Observations of NaN are in no bucket, and make the sum NaN. */
static int check_total(const struct histogram *h, double in_buckets, struct err *err)
{
    if (h->count == in_buckets || (isnan(h->sum) && h->count > in_buckets))
        return 0;
    return err_set(err, ERR_INVALID, "count: %.0f, but the buckets hold %.0f", h->count,
                   in_buckets);
}

static bool no_value(const struct otlp_point *p)
{
    return (p->flags & OTLP_FLAG_NO_RECORDED_VALUE) != 0;
}

/* ---- exponential ---- */

int otlp_native_histogram(const struct otlp_exponential_point *p, struct arena *arena,
                          struct histogram *out, struct err *err)
{
    struct span_writer positive, negative;
    int32_t scale = MIN(p->scale, HISTOGRAM_SCHEMA_MAX);
    struct histogram h = {
        .schema = scale,
        .integer = true,
        .zero_threshold = p->zero_threshold > 0 ? p->zero_threshold : default_zero_threshold,
        .sum = p->has_sum ? p->sum : 0,
        .count = (double)p->count,
        .zero_count = (double)p->zero_count,
    };
    if (no_value(&p->point)) {
        *out = (struct histogram){.schema = scale,
                                  .integer = true,
                                  .zero_threshold = h.zero_threshold,
                                  .sum = stale_nan()};
        return 0;
    }
    int32_t down = p->scale - scale;
    int rc = write_buckets(&positive, &p->positive, down, 1, arena);
    if (rc == 0)
        rc = write_buckets(&negative, &p->negative, down, 1, arena);
    if (rc == 0)
        rc = check_total(&h, h.zero_count + total(&positive) + total(&negative), err);
    if (rc != 0)
        return rc;
    h.positive_spans = positive.spans;
    h.positive = positive.counts;
    h.n_positive_spans = positive.n_spans;
    h.n_positive = positive.n_counts;
    h.negative_spans = negative.spans;
    h.negative = negative.counts;
    h.n_negative_spans = negative.n_spans;
    h.n_negative = negative.n_counts;
    *out = h;
    return 0;
}

/* ---- explicit ---- */

int otlp_check_explicit(const struct otlp_histogram_point *p, struct err *err)
{
    bool one_more = p->n_bucket_counts == p->n_explicit_bounds + 1;
    if (!one_more && p->n_bucket_counts + p->n_explicit_bounds > 0)
        return err_set(err, ERR_INVALID,
                       "bucket_counts: %zu of them for %zu explicit_bounds; expected %zu",
                       p->n_bucket_counts, p->n_explicit_bounds, p->n_explicit_bounds + 1);
    for (size_t i = 0; i < p->n_explicit_bounds; i++) {
        double bound = p->explicit_bounds[i];
        if (isnan(bound) || (i > 0 && bound <= p->explicit_bounds[i - 1]))
            return err_set(err, ERR_INVALID,
                           "explicit_bounds[%zu]: %g; expected more than the bound before", i,
                           bound);
    }
    return 0;
}

int otlp_custom_histogram(const struct otlp_histogram_point *p, struct arena *arena,
                          struct histogram *out, struct err *err)
{
    struct histogram h = {
        .schema = HISTOGRAM_SCHEMA_CUSTOM,
        .integer = true,
        .sum = p->has_sum ? p->sum : 0,
        .count = (double)p->count,
        .custom_bounds = p->explicit_bounds,
        .n_custom_bounds = p->n_explicit_bounds,
    };
    if (h.n_custom_bounds && isinf(h.custom_bounds[h.n_custom_bounds - 1]))
        h.n_custom_bounds--; // +Inf is there without being named
    if (no_value(&p->point)) {
        h.sum = stale_nan();
        h.count = 0;
        *out = h;
        return 0;
    }
    struct span_writer w;
    const struct otlp_buckets buckets = {.counts = p->bucket_counts, .n = p->n_bucket_counts};
    int rc = write_buckets(&w, &buckets, 0, 0, arena);
    if (rc == 0 && p->n_bucket_counts)
        rc = check_total(&h, total(&w), err);
    if (rc != 0)
        return rc;
    h.positive_spans = w.spans;
    h.positive = w.counts;
    h.n_positive_spans = w.n_spans;
    h.n_positive = w.n_counts;
    *out = h;
    return 0;
}
