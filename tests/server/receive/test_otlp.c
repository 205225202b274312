/* The OTLP receiver behind its routes and its method, with a sink that does as told. */
#include "receive/otlp.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "codec/compress.h"
#include "codec/otlp.h"
#include "codec/protobuf.h"
#include "model/batch.h"
#include "net/client.h"
#include "support/check.h"

static struct {
    int rc;
    size_t rejected, series, samples, calls;
    bool recalls; /* everything, and each time too late */
} store;

static int append(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    (void)self;
    store.calls++;
    store.series = b->n_series;
    store.samples = batch_count_samples(b);
    if (b->n_known > 0)
        return err_set(err, ERR_STALE, "series were removed meanwhile");
    if (store.rc != 0)
        return err_set(err, store.rc, "the store said no");
    out->rejected[REJECT_TOO_OLD] = store.rejected;
    out->accepted = store.samples - store.rejected;
    if (store.rejected)
        (void)snprintf(out->message, sizeof out->message, "g: too old");
    return 0;
}

static uint32_t recall(void *self, const struct hash128 *sent, size_t n, const void **out_known)
{
    (void)self;
    for (size_t i = 0; i < n; i++)
        out_known[i] = store.recalls ? sent : NULL;
    return 1;
}

static const struct sink sink = {.append = append, .recall = recall};
static struct receiver_options options;
static struct receivers *receivers;
static struct http_route routes[RECEIVER_ROUTES_MAX];
static struct grpc_method methods[RECEIVER_METHODS_MAX];
static struct http_server *server;
static struct http_client *client;

static int start(void **state)
{
    (void)state;
    memset(&store, 0, sizeof store);
    options = (struct receiver_options){.sink = &sink};
    const struct http_client_options client_options = {0};
    struct err err = {0};
    if (receivers_new(&options, &receivers, &err) != 0)
        fail_msg("%s", err.message);
    const struct http_options http = {
        .address = "127.0.0.1:0",
        .name = "test",
        .routes = routes,
        .n_routes = receivers_http_routes(receivers, routes),
    };
    assert_int_equal(receivers_grpc_methods(receivers, methods), 3);
    if (http_server_start(&http, &server, &err) != 0 ||
        http_client_new(&client_options, &client, &err) != 0)
        fail_msg("%s", err.message);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_client_free(client);
    http_server_stop(server, 1000);
    receivers_free(receivers);
    return 0;
}

static const char protobuf_type[] = "Content-Type: application/x-protobuf";
static const char json_type[] = "Content-Type: application/json; charset=utf-8";

static const char gauge[] =
    "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"g\",\"gauge\":{\"dataPoints\":["
    "{\"timeUnixNano\":\"2000000000\",\"asInt\":1},{\"timeUnixNano\":\"3000000000\",\"asInt\":2}]}}]}]}]}";

/* The body's answer; caller empties it. */
static struct buf post_to(const char *path, const char *type, const char *encoding, struct str body,
                          int expected_status)
{
    char url[128];
    const char *const headers[] = {type, encoding, NULL};
    (void)snprintf(url, sizeof url, "http://%s%s", http_server_address(server), path);
    const struct http_call call = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .body = body,
                                   .timeout_ms = 10000,
                                   .max_body_bytes = 1 << 16};
    struct http_answer answer = {0};
    struct err err = {0};
    if (http_client_call(client, &call, &answer, &err) != 0)
        fail_msg("%s", err.message);
    if (answer.status != expected_status)
        fail_msg("status %d, expected %d: %.*s", answer.status, expected_status,
                 STR_ARG(buf_str(&answer.body)));
    if (type == json_type)
        assert_string_equal(answer.content_type, "application/json");
    else
        assert_string_equal(answer.content_type, "application/x-protobuf");
    return answer.body;
}

static void expect(const char *type, struct str body, int status, const char *answer)
{
    struct buf got = post_to("/v1/metrics", type, NULL, body, status);
    check_str(buf_str(&got), answer);
    buf_done(&got);
}

/* A gauge's points in protobuf. */
static struct buf protobuf_gauge(size_t n)
{
    struct buf out = BUF_MAX(64 << 20);
    size_t resource = pb_begin(&out, 1), scope = pb_begin(&out, 2), metric = pb_begin(&out, 2);
    pb_put_str(&out, 1, STR("g"));
    size_t data = pb_begin(&out, 5);
    for (size_t i = 0; i < n; i++) {
        size_t point = pb_begin(&out, 1);
        pb_put_fixed64(&out, 3, 2000000000);
        pb_put_double(&out, 4, 1);
        pb_end(&out, point);
    }
    pb_end(&out, data);
    pb_end(&out, metric);
    pb_end(&out, scope);
    pb_end(&out, resource);
    assert_false(buf_failed(&out));
    return out;
}

/* ---- HTTP ---- */

static void test_both_encodings_and_both_paths_are_stored(void **state)
{
    (void)state;
    struct buf body = protobuf_gauge(3);
    expect(json_type, str_c(gauge), 200, "{}");
    assert_int_equal(store.samples, 2);
    expect(protobuf_type, buf_str(&body), 200, "");
    assert_int_equal(store.samples, 3);
    struct buf answer =
        post_to("/api/v1/otlp/v1/metrics", protobuf_type, NULL, buf_str(&body), 200);
    assert_int_equal(store.calls, 3);
    buf_done(&answer);
    buf_done(&body);
}

static void test_series_that_went_away_meanwhile_are_told_again_by_labels(void **state)
{
    (void)state;
    struct buf body = protobuf_gauge(3);
    store.recalls = true;
    expect(protobuf_type, buf_str(&body), 200, "");
    assert_int_equal(store.calls, 2);
    assert_int_equal(store.samples, 3);
    buf_done(&body);
}

static void test_an_empty_request_is_a_success(void **state)
{
    (void)state;
    expect(protobuf_type, (struct str){0}, 200, "");
    expect(json_type, STR("{}"), 200, "{}");
    assert_int_equal(store.calls, 0);
}

static void test_compressed_bodies_are_stored(void **state)
{
    (void)state;
    static const struct {
        enum compression compression;
        const char *header;
    } cases[] = {
        {COMPRESSION_GZIP, "Content-Encoding: gzip"},
        {COMPRESSION_ZSTD, "Content-Encoding: zstd"},
        {COMPRESSION_DEFLATE, "Content-Encoding: deflate"},
        {COMPRESSION_NONE, "Content-Encoding: identity"},
    };
    struct buf body = protobuf_gauge(1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf packed = BUF_MAX(1 << 20);
        assert_int_equal(compress_bytes(cases[i].compression, buf_str(&body), 1, &packed, NULL), 0);
        store.samples = 0;
        struct buf answer =
            post_to("/v1/metrics", protobuf_type, cases[i].header, buf_str(&packed), 200);
        assert_int_equal(store.samples, 1000);
        buf_done(&answer);
        buf_done(&packed);
    }
    buf_done(&body);
}

static void test_bad_bodies_are_answered_with_a_status_in_their_encoding(void **state)
{
    (void)state;
    expect(
        json_type, STR("{\"resourceMetrics\":1}"), 400,
        "{\"code\":3,\"message\":\"resource_metrics: expected an array; found a number, at byte 19\"}");
    expect(protobuf_type, STR("\x0a\x05"), 400,
           "\x08\x03\x12\x44resource_metrics: length runs past the end of the message, at byte 2");
    struct buf answer = post_to("/v1/metrics", protobuf_type, "Content-Encoding: gzip",
                                STR("this is not gzip"), 400);
    assert_true(str_find(buf_str(&answer), STR("damaged gzip")) < answer.n);
    buf_done(&answer);
    answer = post_to("/v1/metrics", protobuf_type, "Content-Encoding: br", STR("x"), 415);
    assert_true(str_find(buf_str(&answer), STR("compression \"br\"")) < answer.n);
    buf_done(&answer);
    answer = post_to("/v1/metrics", "Content-Type: text/plain", NULL, STR("x"), 415);
    assert_true(str_find(buf_str(&answer), STR("\"text/plain\"; expected")) < answer.n);
    buf_done(&answer);
    assert_int_equal(store.calls, 0);
}

static void test_a_bomb_is_too_large(void **state)
{
    (void)state;
    struct buf packed = BUF_MAX(128 << 20);
    size_t n = 64 << 20;
    char *zeros = calloc(1, n);
    assert_non_null(zeros);
    assert_int_equal(compress_bytes(COMPRESSION_GZIP, str_of(zeros, n), 9, &packed, NULL), 0);
    free(zeros);
    struct buf answer =
        post_to("/v1/metrics", protobuf_type, "Content-Encoding: gzip", buf_str(&packed), 413);
    assert_true(str_find(buf_str(&answer), STR("200 times")) < answer.n);
    buf_done(&answer);
    buf_done(&packed);
}

static void test_rejected_points_are_a_partial_success(void **state)
{
    (void)state;
    store.rejected = 1;
    expect(
        json_type, str_c(gauge), 200,
        "{\"partialSuccess\":{\"rejectedDataPoints\":\"1\",\"errorMessage\":\"1 of 2 data points "
        "were rejected; first: g: too old\"}}");
    store.rejected = 0;
    expect(
        json_type,
        STR("{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"g\",\"gauge\":"
            "{\"dataPoints\":[{\"asInt\":1}]}}]}]}]}"),
        200,
        "{\"partialSuccess\":{\"rejectedDataPoints\":\"1\",\"errorMessage\":\"1 of 1 data points "
        "were rejected; first: resource_metrics[0].scope_metrics[0].metrics[0] (g).gauge."
        "data_points[0]: time_unix_nano: 0; expected the point's time\"}}");
}

static void test_a_busy_store_asks_to_come_again(void **state)
{
    (void)state;
    store.rc = ERR_BUSY;
    expect(json_type, str_c(gauge), 503, "{\"code\":14,\"message\":\"the store said no\"}");
    store.rc = ERR_IO;
    expect(json_type, str_c(gauge), 503, "{\"code\":14,\"message\":\"the store said no\"}");
    store.rc = ERR_INTERNAL;
    expect(json_type, str_c(gauge), 500, "{\"code\":13,\"message\":\"the store said no\"}");
}

static void test_new_rules_hold_from_the_next_request_on(void **state)
{
    (void)state;
    options.limits.max_series_per_request = 1;
    receivers_reconfigure(receivers, &options);
    struct buf answer = post_to("/v1/metrics", json_type, NULL, str_c(gauge), 200);
    assert_true(str_find(buf_str(&answer), STR("more than 1 series")) < answer.n);
    assert_int_equal(store.samples, 1);
    buf_done(&answer);
}

/* ---- gRPC ---- */

static struct grpc_response call(struct str message, const char *encoding, int64_t deadline)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct grpc_request request = {.message = message,
                                         .encoding = str_c(encoding),
                                         .deadline_mono_ns = deadline,
                                         .arena = &arena};
    struct grpc_response response = {.message = BUF_MAX(1 << 20)};
    methods[0].handler(methods[0].self, &request, &response);
    arena_done(&arena);
    return response;
}

static void test_grpc_export_stores_and_answers(void **state)
{
    (void)state;
    struct buf body = protobuf_gauge(5), packed = BUF_MAX(1 << 20);
    assert_string_equal(methods[0].path,
                        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    struct grpc_response r = call(buf_str(&body), "identity", INT64_MAX);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.message.n, 0);
    assert_int_equal(store.samples, 5);

    store.rejected = 2;
    assert_int_equal(compress_bytes(COMPRESSION_GZIP, buf_str(&body), 1, &packed, NULL), 0);
    r = call(buf_str(&packed), "gzip", INT64_MAX);
    assert_int_equal(r.status, GRPC_OK);
    check_str(buf_str(&r.message), "\x0a\x37\x08\x02\x12\x33"
                                   "2 of 5 data points were rejected; first: g: too old");
    buf_done(&r.message);
    buf_done(&packed);
    buf_done(&body);
}

static void test_grpc_errors_have_their_codes(void **state)
{
    (void)state;
    struct buf body = protobuf_gauge(1);
    struct grpc_response r = call(STR("\x0a\x05"), "identity", INT64_MAX);
    assert_int_equal(r.status, GRPC_INVALID_ARGUMENT);
    assert_string_equal(r.error,
                        "resource_metrics: length runs past the end of the message, at byte 2");
    assert_int_equal(r.retry_after_ms, 0);
    r = call(buf_str(&body), "br", INT64_MAX);
    assert_int_equal(r.status, GRPC_UNIMPLEMENTED);
    r = call(buf_str(&body), "identity", time_now_mono_ns() - 1);
    assert_int_equal(r.status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(store.calls, 0);
    store.rc = ERR_BUSY;
    r = call(buf_str(&body), "identity", INT64_MAX);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
    assert_int_equal(r.retry_after_ms, 1000);
    buf_done(&body);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_both_encodings_and_both_paths_are_stored),
        TEST(test_series_that_went_away_meanwhile_are_told_again_by_labels),
        TEST(test_an_empty_request_is_a_success),
        TEST(test_compressed_bodies_are_stored),
        TEST(test_bad_bodies_are_answered_with_a_status_in_their_encoding),
        TEST(test_a_bomb_is_too_large),
        TEST(test_rejected_points_are_a_partial_success),
        TEST(test_a_busy_store_asks_to_come_again),
        TEST(test_new_rules_hold_from_the_next_request_on),
        TEST(test_grpc_export_stores_and_answers),
        TEST(test_grpc_errors_have_their_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
