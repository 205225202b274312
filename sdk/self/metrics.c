/* The instruments, and the callback that observes them. */
#include <stdio.h>

#include "base/compiler.h"
#include "self/self.h"

#define SPANS "{span}"
#define RECORDS "{log_record}"
#define POINTS "{data_point}"

static const struct {
    const char *name, *unit, *description;
    bool counts_up;
} metrics[SELF_METRICS] = {
    [SPAN_STARTED] = {"otel.sdk.span.started", SPANS, "The number of created spans.", true},
    [SPAN_LIVE] = {"otel.sdk.span.live", SPANS,
                   "The number of created spans with `recording=true` for which the end operation "
                   "has not been called yet.",
                   false},
    [SPAN_QUEUE_SIZE] = {"otel.sdk.processor.span.queue.size", SPANS,
                         "The number of spans in the queue of a given instance of an SDK span "
                         "processor.",
                         false},
    [SPAN_QUEUE_CAPACITY] = {"otel.sdk.processor.span.queue.capacity", SPANS,
                             "The maximum number of spans the queue of a given instance of an SDK "
                             "span processor can hold.",
                             false},
    [SPAN_PROCESSED] = {"otel.sdk.processor.span.processed", SPANS,
                        "The number of spans for which the processing has finished, either "
                        "successful or failed.",
                        true},
    [LOG_CREATED] = {"otel.sdk.log.created", RECORDS,
                     "The number of log records submitted to an enabled `Logger`.", true},
    [LOG_QUEUE_SIZE] = {"otel.sdk.processor.log.queue.size", RECORDS,
                        "The number of log records in the queue of a given instance of an SDK log "
                        "processor.",
                        false},
    [LOG_QUEUE_CAPACITY] = {"otel.sdk.processor.log.queue.capacity", RECORDS,
                            "The maximum number of log records the queue of a given instance of an "
                            "SDK Log Record processor can hold.",
                            false},
    [LOG_PROCESSED] = {"otel.sdk.processor.log.processed", RECORDS,
                       "The number of log records for which the processing has finished, either "
                       "successful or failed.",
                       true},
    [SPAN_INFLIGHT] = {"otel.sdk.exporter.span.inflight", SPANS,
                       "The number of spans which were passed to the exporter, but that have not "
                       "been exported yet (neither successful, nor failed).",
                       false},
    [SPAN_EXPORTED] = {"otel.sdk.exporter.span.exported", SPANS,
                       "The number of spans for which the export has finished, either successful "
                       "or failed.",
                       true},
    [POINT_INFLIGHT] = {"otel.sdk.exporter.metric_data_point.inflight", POINTS,
                        "The number of metric data points which were passed to the exporter, but "
                        "that have not been exported yet (neither successful, nor failed).",
                        false},
    [POINT_EXPORTED] = {"otel.sdk.exporter.metric_data_point.exported", POINTS,
                        "The number of metric data points for which the export has finished, "
                        "either successful or failed.",
                        true},
    [LOG_INFLIGHT] = {"otel.sdk.exporter.log.inflight", RECORDS,
                      "The number of log records which were passed to the exporter, but that have "
                      "not been exported yet (neither successful, nor failed).",
                      false},
    [LOG_EXPORTED] = {"otel.sdk.exporter.log.exported", RECORDS,
                      "The number of log records for which the export has finished, either "
                      "successful or failed.",
                      true},
};

/* --- making ---------------------------------------------------------------------------------- */

static tt_histogram *durations(tt_meter *meter, const char *name, const char *description)
{
    static const double bounds[] = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                    0.1,    0.25,   0.5,   1,      2.5,   5,    10,    30};
    tt_instrument_options o = {.size = sizeof o, .unit = "s", .description = description};
    o.bounds = bounds;
    o.bounds_n = ARRAY_LEN(bounds);
    return tt_histogram_new(meter, name, &o);
}

bool self_make_metrics(tt_self *s)
{
    bool ok = true;
    for (size_t i = 0; ok && i < SELF_METRICS; i++) {
        tt_instrument_options o = {.size = sizeof o, .unit = metrics[i].unit};
        o.description = metrics[i].description;
        s->of[i] = tt_observable_new(
            s->meter, metrics[i].counts_up ? TT_OBSERVABLE_COUNTER : TT_OBSERVABLE_UPDOWNCOUNTER,
            metrics[i].name, &o, NULL, NULL);
        ok = s->of[i];
    }
    s->collections = durations(s->meter, "otel.sdk.metric_reader.collection.duration",
                               "The duration of the collect operation of the metric reader.");
    s->exports = durations(s->meter, "otel.sdk.exporter.operation.duration",
                           "The duration of exporting a batch of telemetry records.");
    return ok && s->collections && s->exports;
}

/* --- spans ----------------------------------------------------------------------------------- */

static const char *const decisions[] = {
    [TT_DROP] = "DROP", [TT_RECORD] = "RECORD_ONLY", [TT_RECORD_AND_SAMPLE] = "RECORD_AND_SAMPLE"};
static const char *const origins[] = {
    [TT_ORIGIN_NONE] = "none", [TT_ORIGIN_LOCAL] = "local", [TT_ORIGIN_REMOTE] = "remote"};

/* What starts at this moment may be seen with one origin now and another next time, but a counter
 * does not go back. */
static void observe_started(tt_observation *o, tt_self *s, int64_t started[3][3], int d)
{
    for (int i = 0; i < (int)ARRAY_LEN(origins); i++) {
        int64_t now = started[d][i] - s->started_before[d][i];
        s->started[d][i] = MAX(s->started[d][i], now);
        tt_attr attrs[] = {tt_str("otel.span.sampling_result", decisions[d]),
                           tt_str("otel.span.parent.origin", origins[i])};
        if (s->started[d][i])
            tt_observe_int(o, s->of[SPAN_STARTED], s->started[d][i], attrs, ARRAY_LEN(attrs));
    }
}

static void observe_spans(tt_observation *o, tt_self *s, const tt_pipeline *p)
{
    int64_t started[3][3], live[3];
    tt_pipeline_spans(p, started, live);
    for (int d = 0; d < (int)ARRAY_LEN(decisions); d++) {
        tt_attr attr = tt_str("otel.span.sampling_result", decisions[d]);
        observe_started(o, s, started, d);
        if (d != TT_DROP)
            tt_observe_int(o, s->of[SPAN_LIVE], MAX(live[d], 0), &attr, 1);
    }
}

/* --- processors ------------------------------------------------------------------------------ */

struct processor {
    const char *batching, *batching_name, *simple, *simple_name;
    enum self_metric size, capacity, processed;
};

static void observe_processed(tt_observation *o, tt_observable *of, tt_attr attrs[3],
                              const char *error, uint64_t n)
{
    if (error)
        attrs[2] = tt_str("error.type", error);
    if (n || !error)
        tt_observe_int(o, of, (int64_t)n, attrs, error ? 3 : 2);
}

/* In bytes it has one; in records it depends on their size, unless they are limited, too. */
static int64_t capacity(const tt_pipeline *p)
{
    enum { RECORD_BYTES = 1024 }; // as long as there was none
    uint64_t each = p->queued_ever ? MAX(p->bytes_ever / p->queued_ever, 1) : RECORD_BYTES;
    uint64_t fit = p->bytes_max / each;
    return (int64_t)(p->queued_max ? MIN(fit, p->queued_max) : fit);
}

static void observe_processor(tt_observation *o, const tt_self *s, const struct processor *is,
                              const tt_pipeline *p)
{
    tt_attr attrs[3] = {
        tt_str("otel.component.type", p->simple ? is->simple : is->batching),
        tt_str("otel.component.name", p->simple ? is->simple_name : is->batching_name),
    };
    if (!p->exports)
        return;
    if (!p->simple) {
        tt_observe_int(o, s->of[is->size], (int64_t)p->queued, attrs, 2);
        tt_observe_int(o, s->of[is->capacity], capacity(p), attrs, 2);
    }
    tt_observable *of = s->of[is->processed];
    observe_processed(o, of, attrs, NULL, p->processed);
    observe_processed(o, of, attrs, "queue_full", p->queue_full);
    observe_processed(o, of, attrs, "already_shutdown", p->shut_down);
    observe_processed(o, of, attrs, "out_of_memory", p->no_memory);
}

static void observe_tracers(tt_observation *o, tt_self *s)
{
    static const struct processor spans = {"batching_span_processor",
                                           "batching_span_processor/0",
                                           "simple_span_processor",
                                           "simple_span_processor/0",
                                           SPAN_QUEUE_SIZE,
                                           SPAN_QUEUE_CAPACITY,
                                           SPAN_PROCESSED};
    tt_pipeline p;
    tt_tracer_provider_pipeline(s->tracers, &p);
    observe_spans(o, s, &p);
    observe_processor(o, s, &spans, &p);
}

static void observe_loggers(tt_observation *o, const tt_self *s)
{
    static const struct processor records = {"batching_log_processor",
                                             "batching_log_processor/0",
                                             "simple_log_processor",
                                             "simple_log_processor/0",
                                             LOG_QUEUE_SIZE,
                                             LOG_QUEUE_CAPACITY,
                                             LOG_PROCESSED};
    tt_pipeline p;
    tt_logger_provider_pipeline(s->loggers, &p);
    int64_t created = (int64_t)(p.queued_ever + p.queue_full + p.shut_down + p.filtered);
    tt_observe_int(o, s->of[LOG_CREATED], created, NULL, 0);
    observe_processor(o, s, &records, &p);
}

/* --- exporters ------------------------------------------------------------------------------- */

size_t watched_attrs(const struct watched *w, tt_attr *out)
{
    size_t n = 0;
    out[n++] = tt_str("otel.component.type", w->type);
    out[n++] = tt_str("otel.component.name", w->name);
    if (*w->server)
        out[n++] = tt_str("server.address", w->server);
    if (w->port)
        out[n++] = tt_int("server.port", w->port);
    return n;
}

static void observe_exporter(tt_observation *o, const tt_self *s, struct watched *w)
{
    static const enum self_metric inflight[] = {[TT_SIGNAL_TRACES] = SPAN_INFLIGHT,
                                                [TT_SIGNAL_METRICS] = POINT_INFLIGHT,
                                                [TT_SIGNAL_LOGS] = LOG_INFLIGHT},
                                  exported[] = {[TT_SIGNAL_TRACES] = SPAN_EXPORTED,
                                                [TT_SIGNAL_METRICS] = POINT_EXPORTED,
                                                [TT_SIGNAL_LOGS] = LOG_EXPORTED};
    tt_attr attrs[WATCHED_ATTRS + 1];
    size_t n = watched_attrs(w, attrs);
    tt_observable *of = s->of[exported[w->signal]];
    watched_ask_later(w);
    int64_t waiting = MAX(w->kept - w->later_delivered - w->later_lost, 0);
    tt_observe_int(o, s->of[inflight[w->signal]], w->inflight + waiting, attrs, n);
    tt_observe_int(o, of, w->exported + w->later_delivered, attrs, n);
    for (const struct failure *f = w->failures; f < &w->failures[ERRORS_MAX] && *f->error; f++) {
        attrs[n] = tt_str("error.type", f->error);
        tt_observe_int(o, of, f->items, attrs, n + 1);
    }
    attrs[n] = tt_str("error.type", "dropped_from_buffer");
    if (w->later_lost)
        tt_observe_int(o, of, w->later_lost, attrs, n + 1);
}

void observe_sdk(tt_observation *o, void *arg)
{
    tt_self *s = arg;
    self_lock(s);
    if (s->tracers)
        observe_tracers(o, s);
    if (s->loggers)
        observe_loggers(o, s);
    for (struct watched *w = s->watched; w; w = w->next) {
        if (*w->name)
            observe_exporter(o, s, w);
    }
    self_unlock(s);
}

/* --- durations ------------------------------------------------------------------------------- */

void self_record_export(const struct watched *w, int64_t duration_ns, const char *error,
                        const tt_export_report *report)
{
    tt_attr attrs[WATCHED_ATTRS + 3];
    size_t n = watched_attrs(w, attrs);
    if (error)
        attrs[n++] = tt_str("error.type", error);
    if (report && report->http_status > 0)
        attrs[n++] = tt_int("http.response.status_code", report->http_status);
    if (report && report->grpc_status)
        attrs[n++] = tt_str("rpc.response.status_code", report->grpc_status);
    tt_histogram_record(w->self->exports, (double)duration_ns / 1e9, attrs, n);
}

/* The place of a reader among those that have been seen, which is its number. */
static unsigned reader_number(tt_self *s, const void *reader)
{
    unsigned i = 0;
    while (i < READERS_MAX - 1 && s->readers[i] && s->readers[i] != reader)
        i++;
    s->readers[i] = reader;
    return i;
}

static void scraped(struct watched *w, const tt_collection *c, const char *error)
{
    watched_use(w);
    watched_count(w, error, (int64_t)c->points);
    self_record_export(w, c->duration_ns, error, NULL);
}

static void collected(tt_self *s, const tt_collection *c)
{
    const char *error = c->status == TT_OK ? NULL : self_error_of(c->status);
    const char *type = "periodic_metric_reader";
    char name[NAME_MAX_BYTES];
    tt_attr attrs[3];
    size_t n = 2;
    if (!c->reader)
        scraped(s->scraper, c, error);
    if (c->reader)
        (void)snprintf(name, sizeof name, "%s/%u", type, reader_number(s, c->reader));
    attrs[0] = tt_str("otel.component.type", c->reader ? type : s->scraper->type);
    attrs[1] = tt_str("otel.component.name", c->reader ? name : s->scraper->name);
    if (error)
        attrs[n++] = tt_str("error.type", error);
    tt_histogram_record(s->collections, (double)c->duration_ns / 1e9, attrs, n);
}

void observe_collection(void *arg, const tt_collection *c)
{
    tt_self *s = arg;
    self_lock(s);
    collected(s, c);
    self_unlock(s);
}
