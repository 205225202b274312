/* The core's functions that libtelltale-text renders with, straight from streams and series: by way
 * of a copy as OTLP it would take several times as long. The shared library shows them as one
 * table, so that none of them is a name of the process's. */
#ifndef TELLTALE_METRICS_INSIDE_H
#define TELLTALE_METRICS_INSIDE_H

#include "metrics/exemplar.h"
#include "metrics/provider.h"
#include "telltale/inside.h"

struct tt_inside {
    int64_t (*collect_begin)(tt_meter_provider *p);
    void (*collect_end)(tt_meter_provider *p);
    void (*collected)(tt_meter_provider *p, int64_t began_mono_ns, tt_collection c);
    struct stream *(*next_stream)(tt_meter_provider *p, const struct stream *s, unsigned reader);
    size_t (*series)(struct stream *s, size_t *from, struct series **out, size_t n);
    size_t (*all_series)(struct stream *s, size_t *from, struct series **out, size_t n);
    bool (*has_value)(const struct series *s);
    void (*read_begin)(void);
    void (*read_end)(void);
    void (*read)(struct point *p, struct series *s);
    void (*exemplars)(struct series *s, int64_t after_ns,
                      void (*visit)(const struct exemplar *e, void *arg), void *arg);
    void (*exemplar_of_bucket)(struct series *s, size_t bucket,
                               void (*visit)(const struct exemplar *e, void *arg), void *arg);
    void (*problem)(enum tt_problem kind, const char *text, const char *detail);
};

#endif
