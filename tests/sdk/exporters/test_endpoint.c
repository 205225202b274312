#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prometheus/accept.h"
#include "prometheus/connections.h"
#include "support/certs.h"
#include "support/check.h"
#include "telltale/component.h"
#include "telltale/prometheus.h"

static tt_meter_provider *provider;
static tt_prometheus_endpoint *endpoint;

static int start(const char *token)
{
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    o.port = 0;
    o.bearer_token = token;
    provider = tt_meter_provider_new(NULL);
    tt_counter_add(tt_counter_new(tt_meter_get(provider, "t", NULL), "c", NULL), 7, NULL, 0);
    return tt_prometheus_endpoint_start(provider, &o, &endpoint);
}

static int begin(void **state)
{
    (void)state;
    return start(NULL);
}

static int begin_guarded(void **state)
{
    (void)state;
    return start("secret");
}

static int end(void **state)
{
    (void)state;
    tt_prometheus_endpoint_stop(endpoint);
    tt_meter_provider_free(provider);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(tt_prometheus_endpoint_port(endpoint)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* The whole answer to bytes after which the connection is closed. */
static const char *ask_raw(const char *request)
{
    static char answer[65536];
    int fd = dial();
    say(fd, request);
    size_t at = 0;
    for (ssize_t got; (got = read(fd, answer + at, sizeof answer - at - 1)) > 0;)
        at += (size_t)got;
    answer[at] = '\0';
    (void)close(fd);
    return answer;
}

static const char *ask(const char *request_line, const char *headers)
{
    char request[2048];
    (void)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
                   request_line, headers);
    return ask_raw(request);
}

static void check_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        print_error("no \"%s\" in:\n%s", part, text);
    assert_non_null(strstr(text, part));
}

static void test_metrics_are_served_as_text(void **state)
{
    (void)state;
    const char *answer = ask("GET /metrics", "");
    check_has(answer, "HTTP/1.1 200 ");
    check_has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    check_has(answer, "c_total{otel_scope_name=\"t\"} 7\n");
}

static void test_openmetrics_is_served_to_those_who_prefer_it(void **state)
{
    (void)state;
    const char *answer = ask("GET /metrics", "Accept: application/openmetrics-text;version=1.0.0,"
                                             "text/plain;version=0.0.4;q=0.5\r\n");
    check_has(answer, "Content-Type: application/openmetrics-text; version=1.0.0");
    check_has(answer, "# TYPE c counter\n");
    check_has(answer, "# EOF\n");
}

static void test_other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    check_has(ask("GET /", ""), "HTTP/1.1 404 ");
    const char *answer = ask("POST /metrics", "Content-Length: 0\r\n");
    check_has(answer, "HTTP/1.1 405 ");
    check_has(answer, "Allow: GET, HEAD\r\n");
}

static void test_requests_may_look_otherwise(void **state)
{
    (void)state;
    check_has(ask("GET http://any.where:80/metrics", ""), "HTTP/1.1 200 ");
    check_has(ask("GET http://any.where/", ""), "HTTP/1.1 404 ");
    check_has(ask("GET http://", ""), "HTTP/1.1 404 ");
    check_has(ask("GET /metrics?name%5B%5D=c", ""), "HTTP/1.1 200 ");
    check_has(ask_raw("GET /metrics HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 ");
    check_has(ask_raw("GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 "); // names no host
    check_has(ask("GET /metrics", "Accept: text/html\r\nAccept: application/openmetrics-text\r\n"),
              "Content-Type: application/openmetrics-text");
}

static void test_head_is_answered_without_a_body(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /metrics", "");
    check_has(answer, "HTTP/1.1 200 ");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    assert_null(strstr(answer, "Content-Length: 0"));
}

static void test_bodies_are_not_waited_for(void **state)
{
    (void)state;
    check_has(ask("POST /metrics", "Content-Length: 1000000000\r\n"), "HTTP/1.1 405 ");
    check_has(ask("POST /metrics", "Transfer-Encoding: chunked\r\n"), "HTTP/1.1 405 ");
    check_has(ask("GET /metrics", "Content-Length: 9\r\n"), "HTTP/1.1 200 ");
}

static void test_headers_that_are_too_long_are_refused(void **state)
{
    (void)state;
    enum { LONG = 40000 };
    char *request = malloc(LONG + 64);
    assert_non_null(request);
    int n = snprintf(request, 64, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
    memset(request + n, 'a', LONG);
    memcpy(request + n + LONG, "\r\n\r\n", 5);
    check_has(ask_raw(request), "HTTP/1.1 431 ");
    free(request);
}

/* Those who connect and say nothing, or half a request, make room for those who ask. */
static void test_silent_clients_keep_nobody_out(void **state)
{
    (void)state;
    int silent[2 * CONNECTIONS_MAX];
    for (size_t i = 0; i < 2 * CONNECTIONS_MAX; i++) {
        silent[i] = dial();
        if (i % 2)
            say(silent[i], "GET /metr");
        if (i % 16 == 15) // they were accepted, and this is not their turn
            check_has(ask("GET /metrics", ""), "HTTP/1.1 200 ");
    }
    for (size_t i = 0; i < 2 * CONNECTIONS_MAX; i++)
        (void)close(silent[i]);
}

static void test_the_longest_idle_connection_ends_first(void **state)
{
    (void)state;
    struct connections c;
    struct connection *all[CONNECTIONS_MAX];
    connections_init(&c);
    for (int i = 0; i < CONNECTIONS_MAX - 8; i++) { // of no socket: ending them does nothing
        all[i] = connections_begin(&c, 1000000 + i);
        all[i]->waiting = i == 0; // for an answer
    }
    assert_int_equal(c.doomed, 0);
    assert_non_null(connections_begin(&c, 2000000));
    assert_true(all[1]->doomed && !all[0]->doomed && !all[2]->doomed);
    connections_end(&c, all[1]);
    assert_int_equal(c.doomed, 0);
    for (int i = 0; i < 8; i++)
        assert_non_null(connections_begin(&c, 3000000 + i));
    assert_null(connections_begin(&c, 4000000)); // all places are taken
    connections_end(&c, NULL);
}

static void test_answers_that_wait_are_bounded(void **state)
{
    (void)state;
    struct connections c;
    const size_t most = (size_t)128 << 20;
    connections_init(&c);
    assert_true(connections_take(&c, most + 1)); // nobody else waits
    assert_false(connections_take(&c, 1));
    connections_give_back(&c, most + 1);
    assert_true(connections_take(&c, most - 1) && connections_take(&c, 1));
    assert_false(connections_take(&c, 1));
    assert_false(connections_take(&c, SIZE_MAX));
}

static void test_token_is_asked_for(void **state)
{
    (void)state;
    check_has(ask("GET /metrics", ""), "HTTP/1.1 401 ");
    check_has(ask("GET /metrics", "Authorization: Bearer secreT\r\n"), "HTTP/1.1 401 ");
    check_has(ask("GET /metrics", "Authorization: Bearer secret2\r\n"), "HTTP/1.1 401 ");
    check_has(ask("GET /metrics", "Authorization: bearer secret\r\n"), "HTTP/1.1 200 ");
    check_has(ask("GET /metrics", "Authorization: Bear\r\n"), "HTTP/1.1 401 ");
    check_has(ask("POST /elsewhere", "Content-Length: 1000000000\r\n"), "HTTP/1.1 401 ");
}

static void test_answer_is_compressed_for_those_who_take_gzip(void **state)
{
    (void)state;
    tt_gauge *g = tt_gauge_new(tt_meter_get(provider, "t", NULL), "g", NULL);
    for (int i = 0; i < 100; i++) {
        tt_attr attr = tt_int("i", i);
        tt_gauge_set(g, i, &attr, 1);
    }
    const char *answer = ask("GET /metrics", "Accept-Encoding: deflate, gzip;q=0.5\r\n");
    check_has(answer, "Content-Encoding: gzip\r\n");
    check_has(answer, "\r\n\r\n\x1f\x8b\x08");
    answer = ask("GET /metrics", "Accept-Encoding: gzip;q=0\r\n");
    check_has(answer, "g{otel_scope_name=\"t\",i=\"99\"} 99\n");
    assert_true(accept_gzip("*"));
    assert_false(accept_gzip("*, gzip;q=0"));
    assert_false(accept_gzip(NULL));
}

static void test_https_needs_a_certificate_and_its_key(void **state)
{
    (void)state;
    struct certs certs;
    certs_make(&certs);
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    tt_prometheus_endpoint *other;
    o.port = 0;
    o.tls_certificate = certs.server;
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &other), TT_ERR_INVALID);
    o.tls_key = "/nowhere";
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &other), TT_ERR_IO);
    assert_int_equal(errno, ENOENT);
    o.tls_key = certs.server_key;
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &other), TT_OK);
    char command[512];
    (void)snprintf(
        command, sizeof command,
        "curl --silent --fail --cacert %s https://localhost:%u/metrics | grep -q '^c_total{'",
        certs.ca, tt_prometheus_endpoint_port(other));
    assert_int_equal(system(command), 0);
    tt_prometheus_endpoint_stop(other);
    certs_remove(&certs);
}

static void test_textfile_is_replaced_as_a_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/telltale-textfile-XXXXXX", path[64], text[4096];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/job.prom", folder);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tt_prometheus_write_file(provider, NULL, path), TT_OK);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        assert_int_equal(fclose(f), 0);
        check_has(text, "c_total{otel_scope_name=\"t\"} 7\n");
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); // nothing else was left there
    assert_int_equal(tt_prometheus_write_file(provider, NULL, path), TT_ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(tt_prometheus_write_file(provider, NULL, ""), TT_ERR_INVALID);
}

static void test_address_in_use_is_an_error(void **state)
{
    (void)state;
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    o.port = tt_prometheus_endpoint_port(endpoint);
    tt_prometheus_endpoint *second;
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &second), TT_ERR_IO);
    assert_int_equal(errno, EADDRINUSE);
    o.port = 70000;
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &second), TT_ERR_INVALID);
    o.host = "no.such.host.invalid";
    o.port = 0;
    assert_int_equal(tt_prometheus_endpoint_start(provider, &o, &second), TT_ERR_IO);
}

static void test_environment_names_the_address(void **state)
{
    (void)state;
    tt_prometheus_endpoint *second;
    assert_int_equal(setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0", 1), 0);
    assert_int_equal(tt_prometheus_endpoint_start(provider, NULL, &second), TT_OK);
    assert_true(tt_prometheus_endpoint_port(second) > 0);
    tt_prometheus_endpoint_stop(second);
    assert_int_equal(setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "many", 1), 0);
    assert_int_equal(tt_prometheus_endpoint_start(provider, NULL, &second), TT_ERR_INVALID);
    assert_int_equal(unsetenv("OTEL_EXPORTER_PROMETHEUS_HOST"), 0);
    assert_int_equal(unsetenv("OTEL_EXPORTER_PROMETHEUS_PORT"), 0);
}

#define PROTO "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"

/* As Prometheus 3 and 2.42 send it with native histograms on. */
#define PROMETHEUS_3                                                                               \
    PROTO "encoding=delimited;q=0.6,"                                                              \
          "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"                 \
          "application/openmetrics-text;version=0.0.1;q=0.4,"                                      \
          "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"                                   \
          "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
#define PROMETHEUS_2                                                                               \
    PROTO "encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,"                   \
          "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"      \
          "*/*;q=0.1"

static void test_preference_is_read_from_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum tt_prometheus_format format;
    } cases[] = {
        {NULL, TT_PROMETHEUS_TEXT},
        {"*/*", TT_PROMETHEUS_TEXT},
        {"", TT_PROMETHEUS_TEXT},
        {",;,=;q=,", TT_PROMETHEUS_TEXT},
        {"application/openmetrics-text", TT_PROMETHEUS_OPENMETRICS},
        {"application/openmetrics-text;q=0", TT_PROMETHEUS_TEXT},
        {"application/openmetrics-text;version=0.0.1;q=1,text/plain;q=0.3", TT_PROMETHEUS_TEXT},
        {"application/openmetrics-text;version=2.0.0,*/*;q=0.1", TT_PROMETHEUS_TEXT},
        {"text/plain;q=0.9, Application/OpenMetrics-Text ; q=0.5", TT_PROMETHEUS_TEXT},
        {"text/plain;q=0.499,application/openmetrics-text;q=0.5", TT_PROMETHEUS_OPENMETRICS},
        {"*/*,application/openmetrics-text", TT_PROMETHEUS_OPENMETRICS},
        {"text/plain,application/openmetrics-text", TT_PROMETHEUS_TEXT},
        {PROMETHEUS_2, TT_PROMETHEUS_PROTOBUF},
        {PROMETHEUS_3, TT_PROMETHEUS_PROTOBUF},
        {PROTO "encoding=\"delimited\"", TT_PROMETHEUS_PROTOBUF},
        {PROTO "encoding=text", TT_PROMETHEUS_TEXT},
        {PROTO "encoding=delimited;q=0,*/*", TT_PROMETHEUS_TEXT},
        {"application/vnd.google.protobuf;proto=other;encoding=delimited", TT_PROMETHEUS_TEXT},
        {"application/vnd.google.protobuf", TT_PROMETHEUS_TEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(accept_choose(cases[i].accept).format, cases[i].format);
}

static void test_content_type_tells_what_was_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *type;
        enum tt_prometheus_escaping escaping;
    } cases[] = {
        {NULL, "text/plain; version=0.0.4; charset=utf-8", TT_ESCAPING_UNDERSCORES},
        {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2",
         "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8", TT_ESCAPING_NONE},
        {"application/openmetrics-text;version=1.0.0;escaping=dots",
         "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
         TT_ESCAPING_DOTS},
        {PROTO "encoding=delimited;escaping=values",
         "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
         "encoding=delimited; escaping=values",
         TT_ESCAPING_VALUES},
        {"text/plain;escaping=rot13", "text/plain; version=0.0.4; charset=utf-8",
         TT_ESCAPING_UNDERSCORES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char type[CONTENT_TYPE_MAX];
        struct accepted a = accept_choose(cases[i].accept);
        assert_int_equal(a.escaping, cases[i].escaping);
        assert_string_equal(accepted_content_type(&a, type), cases[i].type);
    }
}

static void test_protobuf_is_served_to_those_who_prefer_it(void **state)
{
    (void)state;
    const char *answer = ask("GET /metrics", "Accept: " PROMETHEUS_3 "\r\n");
    check_has(answer, "Content-Type: application/vnd.google.protobuf; "
                      "proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n");
    static const char name[] = "\x0a\x0b" // field 1, eleven bytes
                               "target_info";
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    const size_t length_bytes = 5;
    assert_memory_equal(body + length_bytes, name, sizeof name - 1);
}

/* --- by its name in a configuration --- */

/* One served with the properties, of a provider with the attributes a and b. */
static const char *ask_configured(tt_attr *properties, size_t n)
{
    tt_component c;
    tt_pull pull;
    tt_attr of_resource[] = {tt_str("a", "1"), tt_str("b", "2")};
    tt_meter_provider_options o = {.size = sizeof o};
    tt_resource *resource = tt_resource_new(of_resource, 2, NULL);
    o.resource = resource;
    provider = tt_meter_provider_new(&o);
    tt_resource_free(resource);
    tt_counter_add(tt_counter_new(tt_meter_get(provider, "t", NULL), "c.d", NULL), 7, NULL, 0);
    assert_int_equal(tt_prometheus_register(), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_PULL, "prometheus/development", &c), TT_OK);
    tt_value map = tt_value_map(properties, n);
    assert_int_equal(c.make.pull(c.arg, provider, &map, &pull), TT_OK);
    endpoint = pull.arg;
    const char *answer = ask("GET /metrics", "");
    pull.stop(pull.arg);
    tt_meter_provider_free(provider);
    return answer;
}

static void test_configuration_names_attributes_of_the_resource(void **state)
{
    (void)state;
    tt_value all[] = {tt_value_str("*")}, b[] = {tt_value_str("b")};
    tt_attr filter[] = {tt_attr_of("included", tt_value_array(all, 1)),
                        tt_attr_of("excluded", tt_value_array(b, 1))};
    tt_attr p[] = {tt_int("port", 0), tt_str("host", "127.0.0.1"),
                   tt_attr_of("with_resource_constant_labels", tt_value_map(filter, 2))};
    check_has(ask_configured(p, 3), "\nc_d_total{otel_scope_name=\"t\",a=\"1\"} 7\n");
    p[2] = tt_attr_of("resource_constant_labels", tt_value_map(filter + 1, 1));
    check_has(ask_configured(p, 3), "\nc_d_total{otel_scope_name=\"t\",a=\"1\"} 7\n");
    check_has(ask_configured(p, 2), "\nc_d_total{otel_scope_name=\"t\"} 7\n");
}

static void test_configuration_of_older_and_newer_formats_is_read(void **state)
{
    (void)state;
    tt_attr old[] = {tt_int("port", 0), tt_str("host", "127.0.0.1"),
                     tt_bool("without_scope_info", true),
                     tt_bool("without_target_info/development", true),
                     tt_str("translation_strategy", "UnderscoreEscapingWithoutSuffixes")};
    tt_attr new[] = {
        tt_int("port", 0), tt_str("host", "127.0.0.1"), tt_bool("scope_info_enabled", false),
        tt_bool("target_info_enabled/development", false),
        tt_str("translation_strategy", "underscore_escaping_without_suffixes/development")};
    check_has(ask_configured(old, 5), "\r\n\r\n# TYPE c_d counter\nc_d 7\n");
    check_has(ask_configured(new, 5), "\r\n\r\n# TYPE c_d counter\nc_d 7\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration_names_attributes_of_the_resource),
        cmocka_unit_test(test_configuration_of_older_and_newer_formats_is_read),
        cmocka_unit_test_setup_teardown(test_metrics_are_served_as_text, begin, end),
        cmocka_unit_test_setup_teardown(test_openmetrics_is_served_to_those_who_prefer_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_other_paths_and_methods_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_requests_may_look_otherwise, begin, end),
        cmocka_unit_test_setup_teardown(test_head_is_answered_without_a_body, begin, end),
        cmocka_unit_test_setup_teardown(test_bodies_are_not_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(test_headers_that_are_too_long_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_silent_clients_keep_nobody_out, begin, end),
        cmocka_unit_test(test_the_longest_idle_connection_ends_first),
        cmocka_unit_test(test_answers_that_wait_are_bounded),
        cmocka_unit_test_setup_teardown(test_token_is_asked_for, begin_guarded, end),
        cmocka_unit_test_setup_teardown(test_address_in_use_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(test_environment_names_the_address, begin, end),
        cmocka_unit_test_setup_teardown(test_answer_is_compressed_for_those_who_take_gzip, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_https_needs_a_certificate_and_its_key, begin, end),
        cmocka_unit_test_setup_teardown(test_textfile_is_replaced_as_a_whole, begin, end),
        cmocka_unit_test_setup_teardown(test_protobuf_is_served_to_those_who_prefer_it, begin, end),
        cmocka_unit_test(test_preference_is_read_from_accept),
        cmocka_unit_test(test_content_type_tells_what_was_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
