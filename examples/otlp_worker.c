/* A worker that is called with its caller's trace in the environment, does some work in spans,
 * counts and logs it, and sends all three by OTLP before it ends.
 *
 *     TRACEPARENT=00-…-…-01 OTEL_SERVICE_NAME=worker otlp_worker
 *
 * OTEL_EXPORTER_OTLP_ENDPOINT says where to; the default is http://localhost:4318. */
#include <stdio.h>

#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/otlp.h"
#include "telltale/propagation.h"
#include "telltale/trace.h"

static void work(tt_tracer *tracer, tt_counter *steps, tt_logger *log)
{
    TT_SPAN(span, tracer, "work");
    for (int i = 0; i < 3; i++) {
        TT_SPAN(step, tracer, "step");
        tt_attr attrs[] = {tt_int("step.number", i)};
        tt_span_set(step, attrs, 1);
        tt_counter_add(steps, 1, NULL, 0);
    }
    tt_logf(log, TT_SEVERITY_INFO, "%d steps done", 3);
    tt_span_add_event(span, "all steps done", 0, NULL, 0);
}

static void print_problem(enum tt_problem kind, const char *text, void *arg)
{
    (void)kind;
    (void)arg;
    (void)fprintf(stderr, "otlp_worker: %s\n", text);
}

int main(void)
{
    tt_problem_set_handler(print_problem, NULL);
    tt_tracer_provider_options traces = {.size = sizeof traces};
    tt_metric_reader_options metrics = {.size = sizeof metrics};
    tt_logger_provider_options logs = {.size = sizeof logs};
    if (tt_otlp_exporter_new(TT_SIGNAL_TRACES, NULL, &traces.exporter) != TT_OK ||
        tt_otlp_exporter_new(TT_SIGNAL_METRICS, NULL, &metrics.exporter) != TT_OK ||
        tt_otlp_exporter_new(TT_SIGNAL_LOGS, NULL, &logs.exporter) != TT_OK)
        return 1;
    tt_tracer_provider *tracers = tt_tracer_provider_new(&traces);
    tt_meter_provider *meters = tt_meter_provider_new(NULL);
    tt_metric_reader *reader = tt_metric_reader_start(meters, &metrics);

    tt_logger_provider *loggers = tt_logger_provider_new(&logs);

    tt_context *caller = tt_extract_environment();
    tt_token token = tt_context_enter(caller);
    work(tt_tracer_get(tracers, "worker", "1.0"),
         tt_counter_new(tt_meter_get(meters, "worker", "1.0"), "steps", NULL),
         tt_logger_get(loggers, "worker", "1.0"));
    tt_leave(token);
    tt_context_free(caller);

    // All of them, whatever becomes of the first: the reader uses its provider until it is stopped.
    int spans_rc = tt_tracer_provider_shutdown(tracers, 5000);
    int points_rc = tt_metric_reader_stop(reader, 5000);
    int logs_rc = tt_logger_provider_shutdown(loggers, 5000);
    int failed = spans_rc || points_rc || logs_rc || tt_tracer_provider_lost(tracers) > 0 ||
                 tt_logger_provider_lost(loggers) > 0;
    tt_logger_provider_free(loggers);
    tt_tracer_provider_free(tracers);
    tt_meter_provider_free(meters);
    return failed;
}
