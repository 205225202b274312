#include "model/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "model/histogram_bounds.h"
#include "model/sample.h"

static bool bits_equal(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool arrays_equal(const void *a, const void *b, size_t count, size_t size)
{
    return count == 0 || memcmp(a, b, count * size) == 0;
}

bool histogram_eq(const struct histogram *a, const struct histogram *b)
{
    return a->schema == b->schema && a->reset == b->reset && a->integer == b->integer &&
           bits_equal(a->zero_threshold, b->zero_threshold) &&
           bits_equal(a->zero_count, b->zero_count) && bits_equal(a->count, b->count) &&
           bits_equal(a->sum, b->sum) && a->n_positive_spans == b->n_positive_spans &&
           a->n_negative_spans == b->n_negative_spans && a->n_positive == b->n_positive &&
           a->n_negative == b->n_negative && a->n_custom_bounds == b->n_custom_bounds &&
           arrays_equal(a->positive_spans, b->positive_spans, a->n_positive_spans,
                        sizeof *a->positive_spans) &&
           arrays_equal(a->negative_spans, b->negative_spans, a->n_negative_spans,
                        sizeof *a->negative_spans) &&
           arrays_equal(a->positive, b->positive, a->n_positive, sizeof *a->positive) &&
           arrays_equal(a->negative, b->negative, a->n_negative, sizeof *a->negative) &&
           arrays_equal(a->custom_bounds, b->custom_bounds, a->n_custom_bounds,
                        sizeof *a->custom_bounds);
}

size_t histogram_weight(const struct histogram *h)
{
    enum { FIXED = 176, WORD = 8, SAMPLE = 16 };
    size_t words = h->n_positive_spans + h->n_negative_spans + h->n_positive + h->n_negative +
                   h->n_custom_bounds;
    return (FIXED + WORD * words) / SAMPLE;
}

bool histogram_is_stale(const struct histogram *h)
{
    return is_stale_nan(h->sum);
}

/* Beyond these octaves every bound is infinite or zero. */
enum { OCTAVE_MAX = 2000 };

double histogram_bound(int32_t schema, int64_t index)
{
    int64_t octave, rest = 0, per_octave = 1;
    if (schema <= 0) {
        octave = index * ((int64_t)1 << -schema);
    } else {
        per_octave = (int64_t)1 << schema;
        octave = index / per_octave - (index % per_octave < 0);
        rest = index - octave * per_octave;
    }
    if (octave > OCTAVE_MAX)
        return INFINITY;
    if (octave < -OCTAVE_MAX)
        return 0;
    if (octave == DBL_MAX_EXP && rest == 0)
        return DBL_MAX;
    if (schema > HISTOGRAM_FRACTIONS_SCHEMA)
        return ldexp(exp2((double)rest / (double)per_octave), (int)octave);
    return ldexp(histogram_fractions[rest * (HISTOGRAM_FRACTIONS / per_octave)], (int)octave + 1);
}

static const void *copy_array(struct arena *a, const void *p, size_t count, size_t size)
{
    void *copy = count ? arena_array(a, count, size) : NULL;
    return copy ? memcpy(copy, p, count * size) : NULL;
}

struct histogram *histogram_copy(struct arena *a, const struct histogram *h)
{
    struct histogram *c = arena_alloc(a, sizeof *c);
    if (!c)
        return NULL;
    *c = *h;
    c->positive_spans =
        copy_array(a, h->positive_spans, h->n_positive_spans, sizeof(struct histogram_span));
    c->negative_spans =
        copy_array(a, h->negative_spans, h->n_negative_spans, sizeof(struct histogram_span));
    c->positive = copy_array(a, h->positive, h->n_positive, sizeof(double));
    c->negative = copy_array(a, h->negative, h->n_negative, sizeof(double));
    c->custom_bounds = copy_array(a, h->custom_bounds, h->n_custom_bounds, sizeof(double));
    return arena_failed(a) ? NULL : c;
}

/* One side of the histogram, for messages and loops. */
struct side {
    const char *name;
    const struct histogram_span *spans;
    const double *counts;
    size_t n_spans, n_counts;
};

static int validate_side(const struct side *s, struct err *err)
{
    uint64_t buckets = 0;
    for (size_t i = 0; i < s->n_spans; i++) {
        if (i > 0 && s->spans[i].offset < 0)
            return err_set(
                err, ERR_INVALID,
                "%s_spans[%zu].offset: %d; expected 0 or more in every span but the first", s->name,
                i, (int)s->spans[i].offset);
        buckets += s->spans[i].length;
    }
    if (buckets != s->n_counts)
        return err_set(err, ERR_INVALID,
                       "%s_spans: describe %llu buckets, but %zu bucket counts were given", s->name,
                       (unsigned long long)buckets, s->n_counts);
    for (size_t i = 0; i < s->n_counts; i++)
        if (!(s->counts[i] >= 0) || isinf(s->counts[i]))
            return err_set(err, ERR_INVALID, "%s_counts[%zu]: %g; expected a number from 0 up",
                           s->name, i, s->counts[i]);
    return 0;
}

static int validate_custom(const struct histogram *h, struct err *err)
{
    if (h->n_negative_spans || h->n_negative || h->zero_count != 0 || h->zero_threshold != 0)
        return err_set(err, ERR_INVALID,
                       "custom buckets: negative and zero buckets must be absent with schema -53");
    for (size_t i = 0; i < h->n_custom_bounds; i++) {
        double bound = h->custom_bounds[i];
        if (isnan(bound) || bound == INFINITY || (i > 0 && !(bound > h->custom_bounds[i - 1])))
            return err_set(err, ERR_INVALID,
                           "custom_bounds[%zu]: %g; expected finite bounds, each above the last", i,
                           bound);
    }
    uint64_t last = 0;
    for (size_t i = 0; i < h->n_positive_spans; i++)
        last += (uint64_t)(int64_t)h->positive_spans[i].offset + h->positive_spans[i].length;
    if (h->n_positive_spans && (h->positive_spans[0].offset < 0 || last > h->n_custom_bounds + 1))
        return err_set(err, ERR_INVALID,
                       "positive_spans: reach bucket %llu, but %zu custom bounds make only %zu",
                       (unsigned long long)last, h->n_custom_bounds, h->n_custom_bounds + 1);
    return 0;
}

int histogram_validate(const struct histogram *h, struct err *err)
{
    if (histogram_is_stale(h))
        return 0; // a stale marker carries nothing else that counts

    bool custom = h->schema == HISTOGRAM_SCHEMA_CUSTOM;
    if (!custom && (h->schema < HISTOGRAM_SCHEMA_MIN || h->schema > HISTOGRAM_SCHEMA_MAX))
        return err_set(err, ERR_INVALID, "schema: %d; expected -4 to 8, or -53 for custom buckets",
                       (int)h->schema);
    if (!(h->zero_threshold >= 0))
        return err_set(err, ERR_INVALID, "zero_threshold: %g; expected 0 or more",
                       h->zero_threshold);
    if (!(h->zero_count >= 0) || !(h->count >= 0))
        return err_set(err, ERR_INVALID, "count: %g, zero_count: %g; expected 0 or more", h->count,
                       h->zero_count);
    if (!custom && h->n_custom_bounds)
        return err_set(err, ERR_INVALID, "custom_bounds: %zu given; expected none with schema %d",
                       h->n_custom_bounds, (int)h->schema);

    const struct side sides[] = {
        {"positive", h->positive_spans, h->positive, h->n_positive_spans, h->n_positive},
        {"negative", h->negative_spans, h->negative, h->n_negative_spans, h->n_negative},
    };
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        int rc = validate_side(&sides[i], err);
        if (rc != 0)
            return rc;
    }
    return custom ? validate_custom(h, err) : 0;
}
