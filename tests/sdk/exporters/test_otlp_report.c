#include "otlp/report.h"

#include "base/fs.h"
#include "otlp/config.h"
#include "support/collector.h"
#include "support/watched_sdk.h"
#include "telltale/otlp.h"
#include "telltale/trace.h"

/* --- names ----------------------------------------------------------------------------------- */

/* The report of an exporter of these options; `host`: room for its `server`. */
static tt_export_report report_of(enum tt_signal signal, enum tt_otlp_protocol protocol,
                                  const char *url, char *host, size_t host_n)
{
    const char *problem;
    struct otlp_config c;
    tt_export_report r;
    tt_otlp_options o = {.size = sizeof o, .url = url, .protocol = protocol};
    assert_int_equal(otlp_config_init(&c, signal, &o, &problem), TT_OK);
    otlp_report_begin(&r, &c, host, host_n);
    otlp_config_done(&c);
    return r;
}

static void begins_as(enum tt_signal signal, enum tt_otlp_protocol protocol, const char *url,
                      const char *type, const char *server, int64_t port)
{
    char host[64];
    tt_export_report r = report_of(signal, protocol, url, host, sizeof host);
    assert_string_equal(r.type, type);
    assert_string_equal(r.server, server);
    assert_int_equal(r.port, port);
}

static void test_exporter_has_the_name_of_its_protocol_and_signal(void **state)
{
    (void)state;
    begins_as(TT_SIGNAL_TRACES, TT_OTLP_HTTP_PROTOBUF, "http://collector:4318/v1/traces",
              "otlp_http_span_exporter", "collector", 4318);
    begins_as(TT_SIGNAL_METRICS, TT_OTLP_HTTP_JSON, "https://example.org/v1/metrics",
              "otlp_http_json_metric_exporter", "example.org", 443);
    begins_as(TT_SIGNAL_LOGS, TT_OTLP_GRPC, "http://[::1]:4317", "otlp_grpc_log_exporter", "::1",
              4317);
    begins_as(TT_SIGNAL_LOGS, TT_OTLP_HTTP_PROTOBUF, "http://user:secret@127.0.0.1/v1/logs",
              "otlp_http_log_exporter", "127.0.0.1", 80);
}

static void test_server_that_does_not_fit_is_left_out(void **state)
{
    (void)state;
    char host[8];
    tt_export_report r = report_of(TT_SIGNAL_TRACES, TT_OTLP_HTTP_PROTOBUF,
                                   "http://a-long-name.example.org:4318/", host, sizeof host);
    assert_null(r.server);
}

static tt_export_report ended(int rc, struct otlp_verdict last)
{
    static char error[OTLP_ERROR_MAX];
    tt_export_report r = {.size = sizeof r};
    otlp_report_end(&r, rc, &last, error);
    return r;
}

static void test_failure_has_the_name_of_the_last_answer(void **state)
{
    (void)state;
    tt_export_report r =
        ended(TT_ERR_IO, (struct otlp_verdict){.http_status = 503, .grpc_code = -1});
    assert_string_equal(r.error, "503");
    assert_int_equal(r.http_status, 503);
    assert_null(r.grpc_status);
    r = ended(TT_ERR_IO, (struct otlp_verdict){.http_status = 200, .grpc_code = 14});
    assert_string_equal(r.error, "UNAVAILABLE");
    assert_string_equal(r.grpc_status, "UNAVAILABLE");
    assert_string_equal(ended(TT_ERR_IO, (struct otlp_verdict){.grpc_code = 99}).error, "UNKNOWN");
    assert_null(ended(TT_ERR_IO, (struct otlp_verdict){.grpc_code = -1}).error); // no answer
    assert_null(ended(TT_ERR_TIMEOUT, (struct otlp_verdict){.http_status = 503}).error);
    r = ended(TT_OK,
              (struct otlp_verdict){.fate = OTLP_DELIVERED, .http_status = 200, .rejected = 3});
    assert_null(r.error);
    assert_int_equal(r.rejected, 3);
    assert_string_equal(r.grpc_status, "OK");
}

/* --- exports --------------------------------------------------------------------------------- */

/* Took one span less than all. */
#define PARTIAL                                                                                    \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\n"             \
    "Content-Length: 4\r\n\r\n\x0a\x02\x08\x01"
#define EXPORTED "otel_sdk_exporter_span_exported_total{"
#define DURATIONS "otel_sdk_exporter_operation_duration_seconds_count{"

static tt_tracer *tracer;
static char server[200]; /* the labels of the exporter */

/* A watched exporter to a collector that gives these answers. */
static void start(const char *first, const char *later, const char *buffer)
{
    char url[64];
    collector_start(first, later);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", collector.port);
    (void)snprintf(server, sizeof server,
                   "otel_component_name=\"otlp_http_span_exporter/0\","
                   "otel_component_type=\"otlp_http_span_exporter\","
                   "server_address=\"127.0.0.1\",server_port=\"%u\"",
                   collector.port);
    tt_otlp_options o = {.size = sizeof o, .url = url, .timeout_ms = 60000, .buffer = buffer};
    tt_tracer_provider_options t = {.size = sizeof t, .delay_ms = 3600000};
    t.sampler = tt_sampler_always_on();
    watched_new();
    assert_int_equal(tt_otlp_exporter_new(TT_SIGNAL_TRACES, &o, &t.exporter), TT_OK);
    tt_self_watch_exporter(w.self, TT_SIGNAL_TRACES, NULL, &t.exporter);
    w.sdk.tracers = tt_tracer_provider_new(&t);
    w.sdk.meters = tt_meter_provider_new(NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
    tracer = tt_tracer_get(w.sdk.tracers, "lib", NULL);
}

/* Ends a span and sends it; what the flush gave. */
static int export_one(void)
{
    tt_span_end(tt_span_start(tracer, "a", NULL));
    return tt_tracer_provider_flush(w.sdk.tracers, 60000);
}

static void stop(void)
{
    tt_sdk_free(&w.sdk);
    collector_stop();
}

static void shows_of(const char *metric, const char *before, const char *after)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s%s%s%s", metric, before, server, after);
    shows(line);
}

static void test_export_that_is_tried_again_counts_once(void **state)
{
    (void)state;
    start(LATER, OK_EMPTY, NULL);
    assert_int_equal(export_one(), TT_OK);
    shows_of(EXPORTED, "", "} 1");
    shows_of(DURATIONS, "http_response_status_code=\"200\",", "} 1");
    stop();
    assert_int_equal(atomic_load(&collector.asked), 2);
}

static void test_refused_export_has_failed_with_the_status(void **state)
{
    (void)state;
    start(REFUSED, REFUSED, NULL);
    assert_int_equal(export_one(), TT_ERR_IO);
    shows_of(EXPORTED, "error_type=\"400\",", "} 1");
    shows_of(DURATIONS, "error_type=\"400\",http_response_status_code=\"400\",", "} 1");
    stop();
}

static void test_rejected_spans_have_failed(void **state)
{
    (void)state;
    start(PARTIAL, PARTIAL, NULL);
    assert_int_equal(export_one(), TT_OK);
    shows_of(EXPORTED, "error_type=\"rejected\",", "} 1");
    shows_of(EXPORTED, "", "} 0");
    shows_of(DURATIONS, "error_type=\"rejected\",http_response_status_code=\"200\",", "} 1");
    stop();
}

static void test_buffered_spans_are_in_flight_until_the_collector_has_them(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_report_XXXXXX";
    assert_non_null(mkdtemp(folder));
    start(LATER, OK_EMPTY, folder);
    // It comes back from a flush once the exporter's thread has been through its buffer.
    assert_int_equal(export_one(), TT_OK);
    shows_of(EXPORTED, "", "} 1");
    shows_of("otel_sdk_exporter_span_inflight{", "", "} 0");
    stop();
    assert_int_equal(fs_remove_tree(fs_real(), folder, NULL), 0);
}

static void test_buffer_keeps_what_the_collector_does_not_take(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_report_XXXXXX";
    assert_non_null(mkdtemp(folder));
    start(LATER, LATER, folder);
    assert_int_not_equal(export_one(), TT_ERR_TIMEOUT);
    shows_of(EXPORTED, "", "} 0");
    shows_of("otel_sdk_exporter_span_inflight{", "", "} 1");
    stop();
    assert_int_equal(fs_remove_tree(fs_real(), folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exporter_has_the_name_of_its_protocol_and_signal),
        cmocka_unit_test(test_server_that_does_not_fit_is_left_out),
        cmocka_unit_test(test_failure_has_the_name_of_the_last_answer),
        cmocka_unit_test(test_export_that_is_tried_again_counts_once),
        cmocka_unit_test(test_refused_export_has_failed_with_the_status),
        cmocka_unit_test(test_rejected_spans_have_failed),
        cmocka_unit_test(test_buffered_spans_are_in_flight_until_the_collector_has_them),
        cmocka_unit_test(test_buffer_keeps_what_the_collector_does_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
