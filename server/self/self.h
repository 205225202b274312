/* The server's own metrics: counters, gauges and histograms that any server folder may define and
 * that /metrics shows. A metric is a static object, usable at once from any thread; counting is a
 * look-up of the label values and one relaxed atomic add on a cache line that few threads share.
 *
 *   static struct self_metric requests = SELF_COUNTER("telltale_http_requests_total",
 *       "HTTP requests answered, by handler and status code.", "handler", "code");
 *   self_add(&requests, 1, "query", "200");
 */
#ifndef TELLTALE_SELF_SELF_H
#define TELLTALE_SELF_SELF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { SELF_LABELS_MAX = 3, SELF_SERIES_MAX = 256 };

enum self_type { SELF_TYPE_COUNTER, SELF_TYPE_GAUGE, SELF_TYPE_HISTOGRAM };

struct self_state; /* series and cells, made at first use */

struct self_metric {
    enum self_type type;
    _Atomic(struct self_state *) state;
    const char *text[2 + SELF_LABELS_MAX + 1]; /* name, help, label names, NULL */
};

/* (name, help, label names…), string literals */
#define SELF_COUNTER(...)                                                                          \
    {                                                                                              \
        SELF_TYPE_COUNTER, NULL,                                                                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define SELF_GAUGE(...)                                                                            \
    {                                                                                              \
        SELF_TYPE_GAUGE, NULL,                                                                     \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
/* Seconds, bounds 0.0005 … 60. */
#define SELF_HISTOGRAM(...)                                                                        \
    {                                                                                              \
        SELF_TYPE_HISTOGRAM, NULL,                                                                 \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* As many label values (`const char *`) follow as the metric has label names, in that order. More
 * than SELF_SERIES_MAX label sets of one metric fold into one whose values are "other". Out of
 * memory: the event is not counted. Threads: any. */
void self_add(struct self_metric *counter, uint64_t n, ...);
void self_set(struct self_metric *gauge, double value, ...);
void self_observe(struct self_metric *histogram, double seconds, ...);

/* A function that is asked at each collection and writes families with the two functions below; for
 * numbers that live elsewhere (store statistics, queues). It runs on the thread that renders, under
 * none of our locks. Unregistering waits until no thread runs it, so it must not do that itself. At
 * most 32. Threads: any. */
void self_register_collector(void (*collect)(void *arg, struct buf *out), void *arg);
void self_unregister_collector(void (*collect)(void *arg, struct buf *out), void *arg);

/* HELP and TYPE once, then samples with NULL-terminated pairs of label name and value. */
void self_write_family(struct buf *out, const char *name, enum self_type type, const char *help);
void self_write_sample(struct buf *out, const char *name, double value, ...);

/* All metrics as Prometheus text 0.0.4: those used so far by name, then the process_* metrics, then
 * what collectors write. Threads: any. */
void self_render(struct buf *out);

#endif
