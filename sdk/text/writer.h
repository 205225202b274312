/* Prometheus's formats while they are written. render.c goes through all there is;
 * text.c has what stands above the samples in the text formats, samples.c
 * their samples; proto.c has the protobuf format, native.c its native
 * histograms. */
#ifndef TELLTALE_SDK_TEXT_WRITER_H
#define TELLTALE_SDK_TEXT_WRITER_H

#include "base/buf.h"
#include "metrics/inside.h"
#include "text/names.h"

enum { SERIES_BATCH = 64 };

struct writer;
struct candidate;

struct prometheus_format {
    /* What stands above the samples of the family at hand, and what ends them. */
    void (*head)(struct writer *w);
    void (*tail)(struct writer *w);
    /* Points that were read. Sets of labels are there as the form asks. */
    void (*number)(struct writer *w, const struct point *p);
    void (*histogram)(struct writer *w, struct point *p);
    /* target_info, and what ends the whole. */
    void (*target)(struct writer *w, const struct attr_set *attrs);
    void (*end)(struct writer *w);
};

extern const struct prometheus_format prometheus_text, prometheus_proto;

struct writer {
    const tt_inside *inside;
    tt_meter_provider *provider;
    tt_prometheus_options options;
    struct prometheus_form form;
    uint8_t form_id;
    const struct prometheus_format *format;
    struct buf *out;
    bool openmetrics, target; /* target: target_info is there */
    bool quoted;              /* names may need quotes */
    const struct stream *stream;
    const struct candidate *candidates; /* streams of the family at hand */
    size_t family_n;
    struct str family;   /* without suffix */
    const char *total;   /* suffix of a counter's samples */
    struct str scope;    /* the scope's labels */
    struct point *point; /* scratch */
    size_t points;       /* how many are written */
    size_t family_at;    /* protobuf: where the family began */
    struct buf part;     /* protobuf: scratch */
};

/* Has the form say what the options say of the resource's attributes. Under the collect lock.
 * TT_ERR_NOMEM; TT_ERR_LIMIT when the provider was asked for more than 127 such forms. */
int constants_prepare(struct writer *w);

/* The labels of a series in the form asked for, in place of others; for doubles.c, which then tells
 * that they are there. The stream's family and its scope's labels, where they are not there. False
 * when out of memory. */
bool writer_keep_labels(const struct writer *w, struct series *s);
bool writer_keep_names(const struct writer *w, struct stream *s);

/* "counter", "gauge" or "histogram". */
const char *prometheus_type(const struct stream *s);

/* The unit that the family's name ends with, if it does. */
void prometheus_unit_told(struct buf *out, const struct writer *w);

/* The explicit bounds of a point; formats without buckets of its kind know only +Inf. */
static inline size_t point_bounds(const struct point *p)
{
    return p->kind == SERIES_HISTOGRAM ? p->series->stream->bounds_n : 0;
}

/* Values of both signs have a sum that falls, which readers would take for a counter that began
 * anew: it is left out. */
static inline bool point_has_sum(const struct point *p)
{
    return !(p->min < 0);
}

/* Appends the buckets of an exponential histogram as native ones: fields of the message Histogram.
 * False, and nothing is appended, when its scale is too coarse. May rescale `p`. */
bool native_put(struct buf *out, struct point *p);

#endif
