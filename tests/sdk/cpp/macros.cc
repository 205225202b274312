// The macros of the public headers, each used as a C++ program uses it; run, it makes what they
// say.
#include <telltale/catalog.h>
#include <telltale/config.h>
#include <telltale/host.h>
#include <telltale/init.h>
#include <telltale/metric_producer.h>
#include <telltale/metric_reader.h>
#include <telltale/metrics.h>
#include <telltale/otlp.h>
#include <telltale/process.h>
#include <telltale/prometheus.h>
#include <telltale/prometheus_text.h>
#include <telltale/propagation.h>
#include <telltale/remote_sampler.h>
#include <telltale/sampling.h>
#include <telltale/self.h>
#include <telltale/sinks.h>
#include <telltale/track.h>
#include <telltale/view.h>
#include <telltale/watch.h>

#include <cstdio>

static int failed;

static void check(bool ok, const char *what)
{
    static int number;
    failed += !ok;
    std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, what);
}

static void use_spans(tt_tracer *tracer)
{
    tt_attr attrs[] = {tt_str("a", "b"), tt_int("n", 1)};
    TT_SPAN(block, tracer, "block");
    check(tt_span_is_recording(block), "TT_SPAN begins a span");
    TT_OPTIONS(tt_span_options, options);
    options.kind = TT_SPAN_CLIENT;
    tt_span span = tt_span_start(tracer, "span", &options);
    tt_span_set(span, attrs, 2);
    tt_span_rename(span, "renamed");
    tt_span_set_status(span, TT_STATUS_ERROR, "no");
    tt_span_add_event(span, "event", 0, attrs, 1);
    tt_link link = {};
    tt_span_add_link(span, &link);
    tt_span_record_error(span, "Error", "message");
    tt_span_end(span);
}

static void use_logs(tt_logger *logger)
{
    tt_attr attr = tt_str("a", "b");
    tt_log(logger, TT_SEVERITY_ERROR, "message", &attr, 1);
    tt_logf(logger, TT_SEVERITY_ERROR, "%d of %s", 1, "them");
    tt_logf(logger, TT_SEVERITY_ERROR, "no argument");
}

static void use_operations(tt_catalog *catalog)
{
    TT_LLM_CALL(call, catalog, .provider = "one", .model = "two");
    call.max_tokens = 5;
}

int main()
{
    tt_memory *memory = tt_memory_new();
    TT_OPTIONS(tt_tracer_provider_options, traces);
    TT_OPTIONS(tt_logger_provider_options, logs);
    traces.exporter = logs.exporter = tt_memory_exporter(memory);
    traces.simple = logs.simple = true;
    tt_tracer_provider *tracers = tt_tracer_provider_new(&traces);
    tt_logger_provider *loggers = tt_logger_provider_new(&logs);
    TT_OPTIONS(tt_catalog_options, of_catalog);
    of_catalog.tracers = tracers;
    tt_catalog *catalog = tt_catalog_new(&of_catalog);
    use_spans(tt_tracer_get(tracers, "cpp", nullptr));
    use_logs(tt_logger_get(loggers, "cpp", nullptr));
    use_operations(catalog);
    check(tt_memory_find(memory, TT_SIGNAL_TRACES, "renamed") != SIZE_MAX, "tt_span_… fill one");
    check(tt_memory_find(memory, TT_SIGNAL_TRACES, "block") != SIZE_MAX, "TT_SPAN ends it");
    check(tt_memory_count(memory, TT_SIGNAL_TRACES) == 3, "TT_OPERATION ends, too");
    check(tt_memory_find(memory, TT_SIGNAL_LOGS, "1 of them") != SIZE_MAX, "tt_logf formats");
    check(tt_memory_count(memory, TT_SIGNAL_LOGS) == 3, "tt_log emits");
    check(tt_problem_count(TT_PROBLEM_MISUSE) == 0, "no size was forgotten");
    std::printf("1..7\n");
    tt_catalog_free(catalog);
    tt_tracer_provider_free(tracers);
    tt_logger_provider_free(loggers);
    tt_memory_free(memory);
    return failed != 0;
}
