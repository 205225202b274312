#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/config.h"
#include "support/check.h"
#include "support/collector.h"
#include "telltale/otlp.h"
#include "telltale/trace.h"

static tt_exporter exporter_for(const char *headers)
{
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", collector.port);
    tt_otlp_options o = {.size = sizeof o, .url = url, .headers = headers, .timeout_ms = 60000};
    tt_exporter e = {0};
    assert_int_equal(tt_otlp_exporter_new(TT_SIGNAL_TRACES, &o, &e), TT_OK);
    return e;
}

static int send_text(tt_exporter e, int64_t timeout_ms)
{
    return e.send(e.arg, TT_SIGNAL_TRACES, "hello", 5, 1, timeout_ms);
}

/* --- sending --- */

static void test_request_is_posted_with_its_headers(void **state)
{
    (void)state;
    collector_start(OK_EMPTY, OK_EMPTY);
    tt_exporter e = exporter_for("api-key=s%20ecret, x-tenant = 7");
    assert_int_equal(send_text(e, 60000), TT_OK);
    e.close(e.arg);
    collector_stop();
    static const char *const parts[] = {"POST /v1/traces HTTP/1.1\r\n",
                                        "\r\n\r\nhello",
                                        "Content-Type: application/x-protobuf\r\n",
                                        "api-key: s ecret\r\n",
                                        "x-tenant: 7\r\n",
                                        "User-Agent: telltale-c/"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(collector.request, parts[i]));
}

static void test_busy_collector_is_asked_again(void **state)
{
    (void)state;
    collector_start(LATER, OK_EMPTY);
    tt_exporter e = exporter_for(NULL);
    assert_int_equal(send_text(e, 60000), TT_OK);
    e.close(e.arg);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 2);
}

static char told[512];

static void hear(enum tt_problem kind, const char *text, void *arg)
{
    (void)kind, (void)arg;
    (void)snprintf(told, sizeof told, "%s", text);
}

static void test_refused_request_is_not_sent_again(void **state)
{
    (void)state;
    collector_start(REFUSED, OK_EMPTY);
    tt_exporter e = exporter_for(NULL);
    tt_problem_set_handler(hear, NULL);
    assert_int_equal(send_text(e, 60000), TT_ERR_IO);
    tt_problem_set_handler(NULL, NULL);
    e.close(e.arg);
    assert_non_null(strstr(told, "the collector refused "));
    assert_non_null(strstr(told, "http://127.0.0.1:"));
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 1);
}

static void test_dead_collector_costs_no_more_than_the_time_given(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter_for(NULL);
    assert_int_equal(send_text(e, 100), TT_ERR_IO); // the first wait is longer than that
    e.close(e.arg);
    collector_stop();
}

static void *cancel_it(void *arg)
{
    const tt_exporter *e = arg;
    e->cancel(e->arg);
    return NULL;
}

static void test_cancelled_exporter_does_not_wait(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter_for(NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_it, &e), 0);
    assert_int_equal(send_text(e, 3600000), TT_ERR_SHUTDOWN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    e.close(e.arg);
    collector_stop();
}

static void test_partial_success_is_told(void **state)
{
    (void)state;
    collector_start("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
                    "\x0a\x06\x08\x02\x12\x02no",
                    OK_EMPTY);
    tt_exporter e = exporter_for(NULL);
    uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
    assert_int_equal(send_text(e, 60000), TT_OK);
    assert_int_equal(tt_problem_count(TT_PROBLEM_EXPORT) - before, 1);
    e.close(e.arg);
    collector_stop();
}

static void test_spans_go_through_a_provider_to_the_collector(void **state)
{
    (void)state;
    collector_start(OK_EMPTY, OK_EMPTY);
    tt_tracer_provider_options o = {.size = sizeof o, .exporter = exporter_for(NULL)};
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_span_end(tt_span_start(tt_tracer_get(p, "lib", NULL), "a span of mine", NULL));
    assert_int_equal(tt_tracer_provider_shutdown(p, 60000), TT_OK);
    assert_int_equal(tt_tracer_provider_lost(p), 0);
    tt_tracer_provider_free(p);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 1);
}

/* --- configuration --- */

static void check_url(enum tt_signal signal, const char *expected)
{
    struct otlp_config c;
    const char *reason;
    tt_otlp_options o = {0};
    assert_int_equal(otlp_config_init(&c, signal, &o, &reason), TT_OK);
    assert_string_equal(c.url, expected);
    otlp_config_done(&c);
}

static void test_endpoint_is_taken_from_the_environment(void **state)
{
    (void)state;
    check_url(TT_SIGNAL_TRACES, "http://localhost:4318/v1/traces");
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example/base/", 1), 0);
    check_url(TT_SIGNAL_METRICS, "https://c.example/base/v1/metrics");
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l.example", 1), 0);
    check_url(TT_SIGNAL_LOGS, "http://l.example");
    assert_int_equal(unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT"), 0);
    assert_int_equal(unsetenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"), 0);
}

static void check_grpc_url(const char *url, bool insecure, const char *expected)
{
    struct otlp_config c;
    const char *reason;
    tt_otlp_options o = {.url = url, .insecure = insecure, .protocol = TT_OTLP_GRPC};
    assert_int_equal(otlp_config_init(&c, TT_SIGNAL_LOGS, &o, &reason), TT_OK);
    assert_string_equal(c.url, expected);
    otlp_config_done(&c);
}
#define LOGS_METHOD "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

static void test_endpoint_of_grpc_is_a_host(void **state)
{
    (void)state;
    check_grpc_url(NULL, false, "http://localhost:4317" LOGS_METHOD);
    check_grpc_url("https://c.example:4317/", false, "https://c.example:4317" LOGS_METHOD);
    check_grpc_url("c.example:4317", false, "https://c.example:4317" LOGS_METHOD);
    check_grpc_url("c.example:4317", true, "http://c.example:4317" LOGS_METHOD);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "true", 1), 0);
    check_grpc_url("c.example:4317", false, "http://c.example:4317" LOGS_METHOD);
    assert_int_equal(unsetenv("OTEL_EXPORTER_OTLP_LOGS_INSECURE"), 0);
}

static void test_form_is_taken_from_the_environment(void **state)
{
    (void)state;
    struct otlp_config c;
    const char *reason;
    tt_otlp_options o = {0};
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/ca.pem", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "77", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=1,b=2", 1), 0);
    assert_int_equal(otlp_config_init(&c, TT_SIGNAL_LOGS, &o, &reason), TT_OK);
    assert_int_equal(c.protocol, TT_OTLP_HTTP_JSON);
    assert_int_equal(c.compression, TT_OTLP_GZIP);
    assert_string_equal(c.ca_file, "/ca.pem");
    assert_string_equal(c.key_file, "/key.pem");
    assert_string_equal(c.certificate_file, "/client.pem");
    assert_int_equal(c.timeout_ms, 77);
    assert_int_equal(c.n_headers, 2);
    otlp_config_done(&c);
    assert_int_equal(otlp_config_init(&c, TT_SIGNAL_TRACES, &o, &reason), TT_OK);
    assert_int_equal(c.protocol, TT_OTLP_GRPC);
    otlp_config_done(&c);
    static const char *const names[] = {"PROTOCOL",     "LOGS_PROTOCOL",    "COMPRESSION",
                                        "CLIENT_KEY",   "LOGS_CERTIFICATE", "CLIENT_CERTIFICATE",
                                        "LOGS_TIMEOUT", "LOGS_HEADERS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", names[i]);
        assert_int_equal(unsetenv(name), 0);
    }
}

static void check_refused(const char *variable, const char *value)
{
    tt_exporter e;
    assert_int_equal(setenv(variable, value, 1), 0);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(tt_otlp_exporter_new(TT_SIGNAL_TRACES, NULL, &e), TT_ERR_INVALID);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    assert_int_equal(unsetenv(variable), 0);
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    check_refused("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x");
    check_refused("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "pigeon");
    check_refused("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli");
    check_refused("OTEL_EXPORTER_OTLP_TIMEOUT", "soon");
    check_refused("OTEL_EXPORTER_OTLP_TIMEOUT", "-1");
    check_refused("OTEL_EXPORTER_OTLP_HEADERS", "no value");
    check_refused("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0aInjected: yes");
    check_refused("OTEL_EXPORTER_OTLP_HEADERS", "a b=c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_posted_with_its_headers),
        cmocka_unit_test(test_busy_collector_is_asked_again),
        cmocka_unit_test(test_refused_request_is_not_sent_again),
        cmocka_unit_test(test_dead_collector_costs_no_more_than_the_time_given),
        cmocka_unit_test(test_cancelled_exporter_does_not_wait),
        cmocka_unit_test(test_partial_success_is_told),
        cmocka_unit_test(test_spans_go_through_a_provider_to_the_collector),
        cmocka_unit_test(test_endpoint_is_taken_from_the_environment),
        cmocka_unit_test(test_endpoint_of_grpc_is_a_host),
        cmocka_unit_test(test_form_is_taken_from_the_environment),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
