#include "codec/prom_proto_write.h"

#include <math.h>

#include "codec/native_histogram.h"
#include "codec/protobuf.h"

/* MetricType, and the fields of MetricFamily and Metric. */
enum { TYPE_UNTYPED = 3, TYPE_HISTOGRAM = 4, TYPE_GAUGE_HISTOGRAM = 5 };
enum { FAMILY_NAME = 1, FAMILY_TYPE = 3, FAMILY_METRIC = 4 };
enum { METRIC_LABEL = 1, METRIC_UNTYPED = 5, METRIC_TIMESTAMP_MS = 6, METRIC_HISTOGRAM_FIELD = 7 };

enum { FAMILY_MAX = 256 << 20 };

void prom_proto_writer_init(struct prom_proto_writer *w, struct buf *out,
                            enum prom_escaping escaping)
{
    *w =
        (struct prom_proto_writer){.out = out, .family = BUF_MAX(FAMILY_MAX), .escaping = escaping};
}

/* --- families --------------------------------------------------------------------------------- */

static void put_name(struct buf *out, uint32_t number, struct str name, bool metric,
                     enum prom_escaping escaping)
{
    size_t begun = pb_begin(out, number);
    if (escaping == PROM_ALLOW_UTF8)
        buf_put_str(out, name);
    else
        prom_escape_name(out, name, metric, escaping);
    pb_end(out, begun);
}

static void end_family(struct prom_proto_writer *w)
{
    if (w->family.n) {
        pb_put_raw_varint(w->out, w->family.n);
        buf_put_str(w->out, buf_str(&w->family));
    }
    w->out->failed |= buf_failed(&w->family);
    buf_reset(&w->family);
}

static void begin_family(struct prom_proto_writer *w, struct str name, unsigned type)
{
    end_family(w);
    w->name = name;
    w->type = type;
    put_name(&w->family, FAMILY_NAME, name, true, w->escaping);
    pb_put_varint(&w->family, FAMILY_TYPE, type);
}

/* --- histograms ------------------------------------------------------------------------------- */

static void put_doubles(struct buf *out, uint32_t number, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pb_put_double(out, number, v[i]);
}

static void put_exponential(struct buf *out, const struct histogram *h)
{
    pb_put_sint(out, 5, h->schema);
    pb_put_double(out, 6, h->zero_threshold);
    pb_put_double(out, 8, h->zero_count);
    native_put_spans(out, 9, h->negative_spans, h->n_negative_spans);
    put_doubles(out, 11, h->negative, h->n_negative);
    native_put_spans(out, 12, h->positive_spans, h->n_positive_spans);
    put_doubles(out, 14, h->positive, h->n_positive);
}

static void put_bucket(struct buf *out, double count, double bound)
{
    size_t begun = pb_begin(out, 3);
    pb_put_double(out, 2, bound);
    pb_put_double(out, 4, count);
    pb_end(out, begun);
}

/* Every bound with what is at or below it; the spans say which of them have a count of their own.
 */
static void put_custom(struct buf *out, const struct histogram *h)
{
    size_t bound = 0, count = 0;
    double sum = 0;
    for (size_t i = 0; i < h->n_positive_spans; i++) {
        for (int32_t k = 0; k < h->positive_spans[i].offset && bound < h->n_custom_bounds; k++)
            put_bucket(out, sum, h->custom_bounds[bound++]);
        for (uint32_t k = 0; k < h->positive_spans[i].length && count < h->n_positive; k++) {
            sum += h->positive[count++];
            if (bound < h->n_custom_bounds)
                put_bucket(out, sum, h->custom_bounds[bound++]);
        }
    }
    while (bound < h->n_custom_bounds)
        put_bucket(out, sum, h->custom_bounds[bound++]);
    put_bucket(out, h->count, INFINITY);
}

static void put_histogram(struct buf *out, const struct histogram *h)
{
    size_t begun = pb_begin(out, METRIC_HISTOGRAM_FIELD);
    pb_put_double(out, 4, h->count);
    pb_put_double(out, 2, h->sum);
    if (h->schema == HISTOGRAM_SCHEMA_CUSTOM)
        put_custom(out, h);
    else
        put_exponential(out, h);
    pb_end(out, begun);
}

/* --- samples ---------------------------------------------------------------------------------- */

static void put_number(struct buf *out, double value)
{
    size_t begun = pb_begin(out, METRIC_UNTYPED);
    pb_put_double(out, 1, value);
    pb_end(out, begun);
}

static void put_label(struct buf *out, const struct label *l, enum prom_escaping escaping)
{
    size_t begun = pb_begin(out, METRIC_LABEL);
    put_name(out, 1, l->name, false, escaping);
    pb_put_str(out, 2, l->value);
    pb_end(out, begun);
}

static unsigned type_of(const struct sample *s)
{
    if (!s->histogram)
        return TYPE_UNTYPED;
    return s->histogram->reset == HISTOGRAM_RESET_GAUGE ? TYPE_GAUGE_HISTOGRAM : TYPE_HISTOGRAM;
}

void prom_proto_write_sample(struct prom_proto_writer *w, const struct labels *labels,
                             const struct sample *s)
{
    struct str name = labels_metric_name(labels);
    unsigned type = type_of(s);
    if (name.n == 0)
        return;
    if (w->family.n == 0 || type != w->type || !str_eq(name, w->name))
        begin_family(w, name, type);
    size_t begun = pb_begin(&w->family, FAMILY_METRIC);
    for (size_t i = 0; i < labels->n; i++)
        if (!str_eq(labels->v[i].name, LABEL_NAME))
            put_label(&w->family, &labels->v[i], w->escaping);
    if (s->histogram)
        put_histogram(&w->family, s->histogram);
    else
        put_number(&w->family, s->value);
    pb_put_varint(&w->family, METRIC_TIMESTAMP_MS, (uint64_t)s->t_unix_ms);
    pb_end(&w->family, begun);
}

void prom_proto_writer_done(struct prom_proto_writer *w)
{
    end_family(w);
    buf_done(&w->family);
}
