/* The server's own metrics: counters, gauges and histograms that any server folder may define and
 * that /metrics shows. A handle is a static struct, usable before and without registration; adding is
 * one relaxed atomic add on a cell of the thread's own cache line.
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
    const char *name, *help;
    const char *label_names[SELF_LABELS_MAX]; /* NULL behind the last */
    enum self_type type;
    _Atomic(struct self_state *) state;
};

#define SELF_COUNTER(name, help, ...) {name, help, {__VA_ARGS__}, SELF_TYPE_COUNTER, NULL}
#define SELF_GAUGE(name, help, ...) {name, help, {__VA_ARGS__}, SELF_TYPE_GAUGE, NULL}
/* Seconds, bounds 0.0005 … 60. */
#define SELF_HISTOGRAM(name, help, ...) {name, help, {__VA_ARGS__}, SELF_TYPE_HISTOGRAM, NULL}

/* Label values follow in the order of label_names (as many as the metric has, `const char *`).
 * More than SELF_SERIES_MAX label sets of one metric fold into one with the values "other". Out of
 * memory: the event is not counted. Threads: any. */
void self_add(struct self_metric *m, uint64_t n, ...);
void self_set(struct self_metric *gauge, double value, ...);
void self_observe(struct self_metric *histogram, double seconds, ...);

/* A function that is asked at each collection and writes text lines itself with self_write_sample;
 * for numbers that live elsewhere (store statistics, queues). Registered for ever. */
void self_register_collector(void (*collect)(void *arg, struct buf *out), void *arg);
void self_unregister_collector(void (*collect)(void *arg, struct buf *out), void *arg);

/* For collectors: HELP and TYPE once, then samples with NULL-terminated name, value label pairs. */
void self_write_family(struct buf *out, const char *name, enum self_type type, const char *help);
void self_write_sample(struct buf *out, const char *name, double value, ...);

/* All metrics as Prometheus text 0.0.4, families sorted by name, with process_* metrics. */
void self_render(struct buf *out);

#endif
