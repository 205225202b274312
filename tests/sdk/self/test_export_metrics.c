#include "support/watched_sdk.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/sinks.h"
#include "telltale/trace.h"

#define EXPORTER(type) "otel_component_name=\"" type "/0\",otel_component_type=\"" type "\""
#define OTLP EXPORTER("otlp_http_span_exporter")
#define OTLP_SERVER OTLP ",server_address=\"collector\",server_port=\"4318\""

static tt_tracer *tracer;
static char *seen; /* by a scrape during an export */

static void look(void)
{
    if (!seen)
        seen = watched_text();
}

static int begin(void **state)
{
    (void)state;
    watched_new();
    seen = NULL;
    tt_tracer_provider_options t = {.size = sizeof t, .delay_ms = 3600000};
    tt_logger_provider_options l = {.size = sizeof l, .delay_ms = 3600000};
    t.sampler = tt_sampler_always_on();
    t.exporter = watched_exporter(TT_SIGNAL_TRACES, "mine");
    l.exporter = watched_exporter(TT_SIGNAL_LOGS, "logs");
    w.sdk.tracers = tt_tracer_provider_new(&t);
    w.sdk.loggers = tt_logger_provider_new(&l);
    w.sdk.meters = tt_meter_provider_new(NULL);
    tracer = tt_tracer_get(w.sdk.tracers, "lib", NULL);
    return tt_self_start(w.self, &w.sdk);
}

static int end(void **state)
{
    (void)state;
    tt_sdk_free(&w.sdk);
    free(seen);
    return 0;
}

/* As one request. */
static void export_spans(int n)
{
    for (int i = 0; i < n; i++)
        tt_span_end(tt_span_start(tracer, "a", NULL));
    assert_int_equal(tt_tracer_provider_flush(w.sdk.tracers, 10000), w.outcome);
}

static void test_exported_spans_are_counted(void **state)
{
    (void)state;
    shows("otel_sdk_exporter_span_exported_total{" EXPORTER("mine") "} 0");
    export_spans(3);
    export_spans(4);
    shows("otel_sdk_exporter_span_exported_total{" EXPORTER("mine") "} 7");
    shows("otel_sdk_exporter_span_inflight{" EXPORTER("mine") "} 0");
    lacks("error_type");
}

static void test_spans_are_in_flight_while_they_are_exported(void **state)
{
    (void)state;
    w.during = look;
    export_spans(5);
    assert_true(text_has_line(seen, "otel_sdk_exporter_span_inflight{" EXPORTER("mine") "} 5"));
    assert_true(
        text_has_line(seen, "otel_sdk_exporter_span_exported_total{" EXPORTER("mine") "} 0"));
    // Counted when they are handed over, whatever becomes of them.
    assert_non_null(strstr(seen, "otel_sdk_processor_span_processed_total{"
                                 "otel_component_name=\"batching_span_processor/0\","
                                 "otel_component_type=\"batching_span_processor\"} 5\n"));
    shows("otel_sdk_exporter_span_inflight{" EXPORTER("mine") "} 0");
}

static void test_log_records_are_counted_as_spans_are(void **state)
{
    (void)state;
    tt_logger *logger = tt_logger_get(w.sdk.loggers, "lib", NULL);
    w.during = look;
    tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    tt_log(logger, TT_SEVERITY_ERROR, "again", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 10000), TT_OK);
    assert_true(text_has_line(seen, "otel_sdk_exporter_log_inflight{" EXPORTER("logs") "} 2"));
    shows("otel_sdk_exporter_log_exported_total{" EXPORTER("logs") "} 2");
    w.outcome = TT_ERR_TIMEOUT;
    tt_log(logger, TT_SEVERITY_ERROR, "in vain", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 10000), TT_ERR_TIMEOUT);
    shows("otel_sdk_exporter_log_exported_total{error_type=\"timeout\"," EXPORTER("logs") "} 1");
    shows("otel_sdk_exporter_log_exported_total{" EXPORTER("logs") "} 2");
}

static void test_points_are_counted_as_spans_are(void **state)
{
    (void)state;
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = watched_exporter(TT_SIGNAL_METRICS, "pushed");
    tt_metric_reader *reader = tt_metric_reader_start(w.sdk.meters, &o);
    tt_counter_add(tt_counter_new(tt_meter_get(w.sdk.meters, "m", NULL), "c", NULL), 1, NULL, 0);
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    int64_t first =
        value_of("otel_sdk_exporter_metric_data_point_exported_total{" EXPORTER("pushed") "} ");
    assert_true(first >= 1);
    shows("otel_sdk_exporter_metric_data_point_inflight{" EXPORTER("pushed") "} 0");
    w.outcome = TT_ERR_IO;
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_ERR_IO);
    assert_true(
        value_of("otel_sdk_exporter_metric_data_point_exported_total{error_type=\"io\"," EXPORTER(
            "pushed") "} ") >= first);
    w.outcome = TT_OK;
    assert_int_equal(tt_metric_reader_stop(reader, 10000), TT_OK);
}

static void test_failures_are_counted_by_their_cause(void **state)
{
    (void)state;
    static const int causes[] = {TT_ERR_IO, TT_ERR_TIMEOUT, TT_ERR_LIMIT, TT_ERR_SHUTDOWN};
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        w.outcome = causes[i];
        export_spans((int)i + 1);
    }
    shows("otel_sdk_exporter_span_exported_total{error_type=\"io\"," EXPORTER("mine") "} 1");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"timeout\"," EXPORTER("mine") "} 2");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"too_large\"," EXPORTER("mine") "} 3");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"already_shutdown\"," EXPORTER(
        "mine") "} 4");
    shows("otel_sdk_exporter_span_exported_total{" EXPORTER("mine") "} 0");
}

/* --- exporters that tell --------------------------------------------------------------------- */

static void report(tt_export_report r)
{
    w.report = r;
    w.report.size = sizeof r;
    w.report.type = "otlp_http_span_exporter";
}

/* One that leaves it to the exporter to tell what it is. */
static void start_telling(void)
{
    tt_sdk_free(&w.sdk);
    watched_new();
    tt_tracer_provider_options t = {.size = sizeof t, .delay_ms = 3600000};
    t.sampler = tt_sampler_always_on();
    t.exporter = watched_exporter(TT_SIGNAL_TRACES, NULL);
    w.sdk.tracers = tt_tracer_provider_new(&t);
    w.sdk.meters = tt_meter_provider_new(NULL);
    tracer = tt_tracer_get(w.sdk.tracers, "lib", NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
}

static void test_exporter_tells_its_type_and_its_server(void **state)
{
    (void)state;
    start_telling();
    report((tt_export_report){.server = "collector", .port = 4318, .http_status = 200});
    export_spans(2);
    shows("otel_sdk_exporter_span_exported_total{" OTLP_SERVER "} 2");
    shows(
        "otel_sdk_exporter_operation_duration_seconds_count{http_response_status_code=\"200\"," OTLP_SERVER
        "} 1");
}

static void test_exporter_tells_why_it_failed(void **state)
{
    (void)state;
    start_telling();
    report((tt_export_report){.error = "503", .http_status = 503});
    w.outcome = TT_ERR_IO;
    export_spans(2);
    shows("otel_sdk_exporter_span_exported_total{error_type=\"503\"," OTLP "} 2");
    shows("otel_sdk_exporter_operation_duration_seconds_count{error_type=\"503\","
          "http_response_status_code=\"503\"," OTLP "} 1");
    report((tt_export_report){.error = "UNAVAILABLE", .grpc_status = "UNAVAILABLE"});
    export_spans(1);
    shows("otel_sdk_exporter_operation_duration_seconds_count{error_type=\"UNAVAILABLE\"," OTLP
          ",rpc_response_status_code=\"UNAVAILABLE\"} 1");
}

static void test_rejected_spans_have_failed_and_the_others_have_not(void **state)
{
    (void)state;
    start_telling();
    report((tt_export_report){.rejected = 3, .http_status = 200});
    export_spans(5);
    shows("otel_sdk_exporter_span_exported_total{" OTLP "} 2");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"rejected\"," OTLP "} 3");
    shows("otel_sdk_exporter_operation_duration_seconds_count{error_type=\"rejected\","
          "http_response_status_code=\"200\"," OTLP "} 1");
}

static uint64_t delivered_later, lost_later;

static void later(void *arg, uint64_t *out_delivered, uint64_t *out_lost)
{
    (void)arg;
    *out_delivered = delivered_later;
    *out_lost = lost_later;
}

static void test_what_a_buffer_keeps_is_in_flight_until_it_is_sent(void **state)
{
    (void)state;
    start_telling();
    delivered_later = lost_later = 0;
    report((tt_export_report){.kept = 6, .later = later});
    export_spans(6);
    shows("otel_sdk_exporter_span_inflight{" OTLP "} 6");
    shows("otel_sdk_exporter_span_exported_total{" OTLP "} 0");
    delivered_later = 4;
    lost_later = 1;
    shows("otel_sdk_exporter_span_inflight{" OTLP "} 1");
    shows("otel_sdk_exporter_span_exported_total{" OTLP "} 4");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"dropped_from_buffer\"," OTLP "} 1");
    (void)tt_tracer_provider_shutdown(w.sdk.tracers, 10000);
    delivered_later = 100; // of an exporter that is not there any more
    shows("otel_sdk_exporter_span_exported_total{" OTLP "} 4");
}

static void test_exporters_of_one_type_have_numbers(void **state)
{
    (void)state;
    tt_exporter both[2], tee;
    both[0] = watched_exporter(TT_SIGNAL_TRACES, "pair");
    both[1] = watched_exporter(TT_SIGNAL_TRACES, "pair");
    assert_int_equal(tt_exporter_tee(both, 2, &tee), TT_OK);
    tt_tracer_provider_options t = {.size = sizeof t, .exporter = tee, .simple = true};
    t.sampler = tt_sampler_always_on();
    tt_tracer_provider *p = tt_tracer_provider_new(&t);
    tt_span_end(tt_span_start(tt_tracer_get(p, "lib", NULL), "a", NULL));
    shows("otel_sdk_exporter_span_exported_total{" EXPORTER("pair") "} 1");
    shows("otel_sdk_exporter_span_exported_total{otel_component_name=\"pair/1\","
          "otel_component_type=\"pair\"} 1");
    tt_tracer_provider_free(p);
}

static void test_failures_of_too_many_kinds_are_others(void **state)
{
    (void)state;
    char error[16];
    start_telling();
    w.outcome = TT_ERR_IO;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(error, sizeof error, "e%d", i);
        report((tt_export_report){.error = error});
        export_spans(1);
    }
    shows("otel_sdk_exporter_span_exported_total{error_type=\"e14\"," OTLP "} 1");
    shows("otel_sdk_exporter_span_exported_total{error_type=\"_OTHER\"," OTLP "} 5");
}

/* --- durations ------------------------------------------------------------------------------- */

static void test_collections_of_readers_and_scrapes_are_timed(void **state)
{
    (void)state;
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = watched_exporter(TT_SIGNAL_METRICS, "pushed");
    tt_metric_reader *one = tt_metric_reader_start(w.sdk.meters, &o);
    o.exporter = watched_exporter(TT_SIGNAL_METRICS, "pushed");
    tt_metric_reader *two = tt_metric_reader_start(w.sdk.meters, &o);
    assert_int_equal(tt_metric_reader_flush(one, 10000), TT_OK);
    assert_int_equal(tt_metric_reader_flush(two, 10000), TT_OK);
    assert_int_equal(tt_metric_reader_flush(one, 10000), TT_OK);
    shows("otel_sdk_metric_reader_collection_duration_seconds_count{" EXPORTER(
        "periodic_metric_reader") "} 2");
    shows("otel_sdk_metric_reader_collection_duration_seconds_count{"
          "otel_component_name=\"periodic_metric_reader/1\","
          "otel_component_type=\"periodic_metric_reader\"} 1");
    shows("otel_sdk_metric_reader_collection_duration_seconds_count{" EXPORTER(
        "prometheus_http_text_metric_exporter") "} 2");
    (void)tt_metric_reader_stop(one, 10000);
    (void)tt_metric_reader_stop(two, 10000);
}

static void test_collection_that_does_not_fit_has_failed(void **state)
{
    (void)state;
    char *text;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(w.sdk.meters, NULL, 100, &text, &n), TT_ERR_LIMIT);
    shows(
        "otel_sdk_metric_reader_collection_duration_seconds_count{error_type=\"too_large\"," EXPORTER(
            "prometheus_http_text_metric_exporter") "} 1");
}

/* --- the metrics themselves ------------------------------------------------------------------ */

static void test_metrics_are_those_of_the_conventions(void **state)
{
    (void)state;
    static const char *const is[][2] = {
        {"otel.sdk.span.started", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.span.live", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.processor.span.queue.size", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.processor.span.queue.capacity", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.processor.span.processed", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.exporter.span.inflight", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.exporter.span.exported", "\"unit\":\"{span}\",\"sum\""},
        {"otel.sdk.log.created", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.processor.log.queue.size", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.processor.log.queue.capacity", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.processor.log.processed", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.exporter.log.inflight", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.exporter.log.exported", "\"unit\":\"{log_record}\",\"sum\""},
        {"otel.sdk.exporter.metric_data_point.inflight", "\"unit\":\"{data_point}\",\"sum\""},
        {"otel.sdk.exporter.metric_data_point.exported", "\"unit\":\"{data_point}\",\"sum\""},
        {"otel.sdk.metric_reader.collection.duration", "\"unit\":\"s\",\"histogram\""},
        {"otel.sdk.exporter.operation.duration", "\"unit\":\"s\",\"histogram\""},
    };
    tt_memory *memory = tt_memory_new();
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = tt_memory_exporter(memory);
    tt_metric_reader *reader = tt_metric_reader_start(w.sdk.meters, &o);
    export_spans(1);
    tt_log(tt_logger_get(w.sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "m", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 10000), TT_OK);
    free(watched_text());
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(tt_memory_count(memory, TT_SIGNAL_METRICS), ARRAY_LEN(is));
    for (size_t i = 0; i < ARRAY_LEN(is); i++) {
        size_t at = tt_memory_find(memory, TT_SIGNAL_METRICS, is[i][0]);
        const char *json = tt_memory_json(memory, TT_SIGNAL_METRICS, at);
        const char *last = strrchr(is[i][0], '.');
        bool up = strcmp(last, ".started") == 0 || strcmp(last, ".processed") == 0 ||
                  strcmp(last, ".exported") == 0 || strcmp(last, ".created") == 0;
        if (!json || !strstr(json, is[i][1]))
            fail_msg("%s: %s", is[i][0], json ? json : "is not there");
        assert_int_equal(strstr(json, "\"isMonotonic\":true") != NULL, up);
    }
    (void)tt_metric_reader_stop(reader, 10000);
    tt_memory_free(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exported_spans_are_counted),
        TEST(test_spans_are_in_flight_while_they_are_exported),
        TEST(test_log_records_are_counted_as_spans_are),
        TEST(test_points_are_counted_as_spans_are),
        TEST(test_failures_are_counted_by_their_cause),
        TEST(test_exporter_tells_its_type_and_its_server),
        TEST(test_exporter_tells_why_it_failed),
        TEST(test_rejected_spans_have_failed_and_the_others_have_not),
        TEST(test_what_a_buffer_keeps_is_in_flight_until_it_is_sent),
        TEST(test_exporters_of_one_type_have_numbers),
        TEST(test_failures_of_too_many_kinds_are_others),
        TEST(test_collections_of_readers_and_scrapes_are_timed),
        TEST(test_collection_that_does_not_fit_has_failed),
        TEST(test_metrics_are_those_of_the_conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
