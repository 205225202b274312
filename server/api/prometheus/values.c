#include "api/prometheus/values.h"

#include "api/prometheus/answer.h"
#include "base/num.h"
#include "model/histogram.h"
#include "query/query.h"

/* --- histograms ------------------------------------------------------------------------------- */

enum boundaries { LEFT_OPEN, RIGHT_OPEN, BOTH_OPEN, BOTH_CLOSED };

static void bucket(struct json *j, enum boundaries b, double lower, double upper, double count)
{
    if (count == 0)
        return;
    json_array(j);
    json_i64(j, b);
    json_double_str(j, lower);
    json_double_str(j, upper);
    json_double_str(j, count);
    json_array_end(j);
}

static void custom_buckets(struct json *j, const struct histogram *h)
{
    size_t at = 0;
    int64_t index = 0;
    for (size_t s = 0; s < h->n_positive_spans; s++) {
        index += h->positive_spans[s].offset;
        for (uint32_t i = 0; i < h->positive_spans[s].length; i++, index++, at++) {
            bool first = index == 0;
            bool last = (size_t)index >= h->n_custom_bounds;
            double lower = first ? -INFINITY : h->custom_bounds[index - 1];
            double upper = last ? INFINITY : h->custom_bounds[index];
            bucket(j, first ? BOTH_CLOSED : LEFT_OPEN, lower, upper, h->positive[at]);
        }
    }
}

/* An exponential bucket. None reaches into the zero bucket. */
static void exponential_bucket(struct json *j, const struct histogram *h, enum boundaries b,
                               double lower, double upper, double count)
{
    double zero = h->zero_threshold;
    if (lower > 0 && lower < zero)
        lower = zero;
    else if (upper < 0 && upper > -zero)
        upper = -zero;
    bucket(j, b, lower, upper, count);
}

static void positive_buckets(struct json *j, const struct histogram *h)
{
    size_t at = 0;
    int64_t index = 0;
    for (size_t s = 0; s < h->n_positive_spans; s++) {
        index += h->positive_spans[s].offset;
        for (uint32_t i = 0; i < h->positive_spans[s].length; i++, index++, at++)
            exponential_bucket(j, h, LEFT_OPEN, histogram_bound(h->schema, index - 1),
                               histogram_bound(h->schema, index), h->positive[at]);
    }
}

/* From the largest absolute value, which is the smallest number, to zero. */
static void negative_buckets(struct json *j, const struct histogram *h)
{
    int64_t end = 0;
    for (size_t s = 0; s < h->n_negative_spans; s++)
        end += (int64_t)h->negative_spans[s].offset + h->negative_spans[s].length;
    size_t at = h->n_negative;
    for (size_t s = h->n_negative_spans; s-- > 0;) {
        for (uint32_t i = 0; i < h->negative_spans[s].length; i++) {
            end--;
            exponential_bucket(j, h, RIGHT_OPEN, -histogram_bound(h->schema, end),
                               -histogram_bound(h->schema, end - 1), h->negative[--at]);
        }
        end -= h->negative_spans[s].offset;
    }
}

static bool has_buckets(const struct histogram *h)
{
    for (size_t i = 0; i < h->n_positive; i++)
        if (h->positive[i] != 0)
            return true;
    for (size_t i = 0; i < h->n_negative; i++)
        if (h->negative[i] != 0)
            return true;
    return h->zero_count != 0;
}

void json_histogram(struct json *j, const struct histogram *h)
{
    json_object(j);
    json_key(j, "count");
    json_double_str(j, h->count);
    json_key(j, "sum");
    json_double_str(j, h->sum);
    if (has_buckets(h)) {
        json_key(j, "buckets");
        json_array(j);
        if (h->schema == HISTOGRAM_SCHEMA_CUSTOM) {
            custom_buckets(j, h);
        } else {
            negative_buckets(j, h);
            if (h->zero_count != 0)
                bucket(j, BOTH_CLOSED, -h->zero_threshold, h->zero_threshold, h->zero_count);
            positive_buckets(j, h);
        }
        json_array_end(j);
    }
    json_object_end(j);
}

/* --- results ---------------------------------------------------------------------------------- */

static void point(struct json *j, const struct query_point *p)
{
    if (!p->histogram) {
        json_sample(j, p->t_unix_ms, p->value);
        return;
    }
    json_array(j);
    json_seconds(j, p->t_unix_ms);
    json_histogram(j, p->histogram);
    json_array_end(j);
}

static void vector_sample(struct json *j, const struct query_series *s)
{
    json_object(j);
    json_key(j, "metric");
    json_labels(j, &s->labels);
    if (s->n) {
        json_key(j, s->points[0].histogram ? "histogram" : "value");
        point(j, &s->points[0]);
    }
    json_object_end(j);
}

/* The points of one kind, under their name, if there are any. */
static void points(struct json *j, const struct query_series *s, bool histograms, const char *name)
{
    bool open = false;
    for (size_t i = 0; i < s->n; i++) {
        if ((s->points[i].histogram != NULL) != histograms)
            continue;
        if (!open) {
            json_key(j, name);
            json_array(j);
            open = true;
        }
        point(j, &s->points[i]);
    }
    if (open)
        json_array_end(j);
}

static void matrix_series(struct json *j, const struct query_series *s)
{
    json_object(j);
    json_key(j, "metric");
    json_labels(j, &s->labels);
    points(j, s, false, "values");
    points(j, s, true, "histograms");
    json_object_end(j);
}

/* Never with an exponent, unlike the values of series: Prometheus writes the two by different code.
 */
static void scalar(struct json *j, const struct query_point *p)
{
    char text[NUM_DOUBLE_MAX];
    json_array(j);
    json_seconds(j, p->t_unix_ms);
    json_str(j, str_of(text, num_format_plain(text, p->value)));
    json_array_end(j);
}

void json_query_result(struct json *j, const struct query_result *result)
{
    if (result->type == QUERY_STRING) {
        json_array(j);
        json_seconds(j, result->t_unix_ms);
        json_str(j, result->text);
        json_array_end(j);
        return;
    }
    if (result->type == QUERY_SCALAR) {
        scalar(j, &result->series[0].points[0]);
        return;
    }
    json_array(j);
    for (size_t i = 0; i < result->n_series; i++)
        (result->type == QUERY_VECTOR ? vector_sample : matrix_series)(j, &result->series[i]);
    json_array_end(j);
}
