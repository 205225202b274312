/* Prometheus's text formats while they are written: prometheus_text.c has the whole and what stands
 * above the samples, prometheus_samples.c the samples, which are most of it. */
#ifndef TELLTALE_METRICS_PROMETHEUS_WRITER_H
#define TELLTALE_METRICS_PROMETHEUS_WRITER_H

#include "base/buf.h"
#include "metrics/exemplar.h"
#include "metrics/provider.h"
#include "telltale/prometheus_text.h"

enum { TEXT_BATCH = 64 };

struct text_writer {
    tt_meter_provider *provider;
    tt_prometheus_options options;
    struct buf *out;
    bool openmetrics, utf8;
    const struct stream *stream;
    struct str family;   /* without suffix */
    const char *total;   /* suffix of a counter's samples */
    struct str scope;    /* the scope's labels */
    struct point *point; /* scratch */
};

/* The samples of up to TEXT_BATCH series of the stream at hand. */
void text_put_batch(struct text_writer *w, struct series **batch, size_t n);

/* " # {…} value time", for exemplar_of_bucket; `arg`: the writer. */
void text_put_exemplar(const struct exemplar *e, void *arg);

/* The family's name and a suffix in quotes. */
void text_put_quoted_name(struct text_writer *w, const char *suffix);

/* Seconds with three digits behind the point. */
void text_put_time(struct buf *out, int64_t unix_ns);

/* Makes the series' labels as text when they are not there in the form asked for. False when out of
 * memory. */
bool text_keep_slowly(struct text_writer *w, struct series *s);

static inline uint8_t text_form(const struct text_writer *w)
{
    return (uint8_t)(1 + w->options.names);
}

#endif
