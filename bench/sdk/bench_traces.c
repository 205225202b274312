/* Nanoseconds per operation of the SDK's traces and logs, and how many of a million spans a second
 * arrive. */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "telltale/log.h"
#include "telltale/propagation.h"
#include "telltale/trace.h"

static tt_tracer *sampled, *dropped;
static tt_logger *logger;
static tt_context *context;

static int discard(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                   int64_t timeout_ms)
{
    size_t *arrived = arg;
    (void)signal, (void)request, (void)n, (void)timeout_ms;
    if (arrived)
        *arrived += items;
    return TT_OK;
}

/* `arrived`: where to count what is exported; may be NULL. */
static tt_tracer_provider *provider_with(tt_sampler *sampler, size_t queue_bytes, size_t *arrived)
{
    tt_tracer_provider_options o = {.size = sizeof o, .sampler = sampler};
    o.exporter.send = discard;
    o.exporter.arg = arrived;
    o.queue_bytes = queue_bytes;
    return tt_tracer_provider_new(&o);
}

static void one_span(tt_tracer *tracer)
{
    tt_attr attrs[] = {tt_str("http.route", "/users/:id"), tt_str("http.request.method", "GET"),
                       tt_int("http.response.status_code", 200), tt_bool("cached", true)};
    tt_span span = tt_span_start(tracer, "GET /users/:id", NULL);
    tt_span_set(span, attrs, 4);
    tt_span_end(span);
}

static void spans(void)
{
    for (size_t i = 0; i < operations; i++)
        one_span(sampled);
}

static void spans_not_sampled(void)
{
    for (size_t i = 0; i < operations; i++)
        tt_span_end(tt_span_start(dropped, "GET /users/:id", NULL));
}

static void spans_without_sdk(void)
{
    for (size_t i = 0; i < operations; i++) {
        tt_span_end(tt_span_start(NULL, "GET /users/:id", NULL));
        __asm__ volatile("" ::: "memory"); // so that the loop is one
    }
}

static void records(void)
{
    for (size_t i = 0; i < operations; i++) {
        tt_attr attrs[] = {tt_str("http.route", "/users/:id"), tt_str("http.request.method", "GET"),
                           tt_int("http.response.status_code", 200), tt_bool("cached", true)};
        tt_log(logger, TT_SEVERITY_WARN, "request was answered", attrs, 4);
    }
}

static void records_below_the_level(void)
{
    for (size_t i = 0; i < operations; i++) {
        tt_attr attr = tt_int("i", (int64_t)i);
        tt_log(logger, TT_SEVERITY_DEBUG, "not wanted", &attr, 1);
        __asm__ volatile("" ::: "memory"); // so that the loop is one
    }
}

static volatile char last;

static void set_header(void *carrier, const char *name, const char *value)
{
    (void)carrier, (void)name;
    last = value[20];
}

static void inject(void)
{
    for (size_t i = 0; i < operations; i++)
        tt_inject(TT_W3C, context, set_header, NULL);
}

static const char *get_header(void *carrier, const char *name)
{
    (void)carrier;
    return strcmp(name, "traceparent") == 0
               ? "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
               : NULL;
}

static void extract(void)
{
    for (size_t i = 0; i < operations; i++)
        tt_context_free(tt_extract(TT_W3C, get_header, NULL));
}

/* A million spans, evenly over a second, with a queue of so many bytes (0: the default). */
static void print_arrivals(size_t queue_bytes)
{
    enum { SPANS = 1000000, BURST = 100 };
    size_t arrived = 0;
    tt_tracer_provider *p = provider_with(NULL, queue_bytes, &arrived);
    tt_tracer *t = tt_tracer_get(p, "bench", NULL);
    double start = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < SPANS; i++) {
        while (i % BURST == 0 && now_ns(CLOCK_MONOTONIC) < start + i * 1000.0) {
        }
        one_span(t);
    }
    double seconds = (now_ns(CLOCK_MONOTONIC) - start) / 1e9;
    (void)tt_tracer_provider_flush(p, 10000);
    fprintf(stderr, "%zu of %d spans arrived, made in %.2f s, queue %zu MiB\n", arrived, SPANS,
            seconds, queue_bytes ? queue_bytes >> 20 : 4);
    tt_tracer_provider_free(p);
}

int main(void)
{
    tt_tracer_provider *on = provider_with(NULL, 16 << 20, NULL);
    tt_tracer_provider *off = provider_with(tt_sampler_always_off(), 0, NULL);
    tt_logger_provider_options o = {.size = sizeof o, .queue_bytes = 16 << 20};
    o.exporter.send = discard;
    tt_logger_provider *logs = tt_logger_provider_new(&o);
    logger = tt_logger_get(logs, "bench", "1");
    sampled = tt_tracer_get(on, "bench", "1");
    dropped = tt_tracer_get(off, "bench", "1");
    context = tt_extract(TT_W3C, get_header, NULL);
    measure("span with 4 attributes, sampled", spans, 1000000);
    measure("span, not sampled", spans_not_sampled, 5000000);
    measure("span, no SDK", spans_without_sdk, 50000000);
    measure("W3C inject", inject, 5000000);
    measure("W3C extract", extract, 5000000);
    measure("log record with 4 attributes", records, 1000000);
    measure("log record below the level", records_below_the_level, 50000000);
    print_arrivals(0);
    print_arrivals(16 << 20);
    tt_context_free(context);
    tt_tracer_provider_free(on);
    tt_tracer_provider_free(off);
    tt_logger_provider_free(logs);
    return 0;
}
