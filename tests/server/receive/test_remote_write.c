#include "receive/remote_write.h"

#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "codec/protobuf.h"
#include "codec/snappy.h"
#include "model/batch.h"
#include "model/sink.h"
#include "net/client.h"
#include "net/http.h"
#include "support/check.h"

/* ---- A sink that keeps what it was given and answers as told ---- */

static struct {
    int rc;
    struct sink_result result; /* rejected, message; accepted is counted */
    size_t series, samples, metadata, calls;
    bool recalls; /* everything, and each time too late */
} store;

static int store_append(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    (void)self;
    store.calls++;
    if (b->n_known > 0)
        return err_set(err, ERR_STALE, "series were removed meanwhile");
    if (store.rc != 0)
        return err_set(err, store.rc, "the store said no");
    *out = store.result;
    store.series = b->n_series;
    store.samples = batch_count_samples(b);
    store.metadata = b->n_metadata;
    out->accepted = store.samples - sink_result_rejected(out);
    return 0;
}

static uint32_t store_recall(void *self, const struct hash128 *sent, size_t n,
                             const void **out_known)
{
    (void)self;
    for (size_t i = 0; i < n; i++)
        out_known[i] = store.recalls ? sent : NULL;
    return 1;
}

static const struct sink sink = {.append = store_append, .recall = store_recall};
static struct remote_write_settings settings;

/* ---- The server and a client ---- */

static struct http_server *server;
static struct http_client *client;
static char url[64];

static int start(void **state)
{
    (void)state;
    static const struct http_route routes[] = {
        {HTTP_POST, "/api/v1/write", AUTH_NONE, HTTP_INGEST, remote_write_handle, &settings, NULL}};
    const struct http_options options = {
        .address = "127.0.0.1:0", .name = "test", .routes = routes, .n_routes = 1};
    const struct http_client_options client_options = {0};
    struct err err = {0};
    memset(&store, 0, sizeof store);
    settings = (struct remote_write_settings){.sink = &sink};
    if (http_server_start(&options, &server, &err) != 0 ||
        http_client_new(&client_options, &client, &err) != 0)
        fail_msg("%s", err.message);
    (void)snprintf(url, sizeof url, "http://%s/api/v1/write", http_server_address(server));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_client_free(client);
    http_server_stop(server, 1000);
    return 0;
}

static const char type_1[] = "Content-Type: application/x-protobuf";
static const char type_2[] = "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2."
                             "Request";

/* Sends the body, compressed unless `raw`; the answer's text must begin with `wanted`. */
static void post(const char *type, const char *encoding, struct buf *body, bool raw, int status,
                 const char *wanted)
{
    struct buf packed = BUF_MAX(1 << 20);
    struct http_answer answer = {0};
    struct err err = {0};
    assert_int_equal(snappy_compress_bytes(buf_str(body), &packed, NULL), 0);
    const char *const headers[] = {type, encoding, NULL};
    const struct http_call call = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .body = raw ? buf_str(body) : buf_str(&packed),
                                   .timeout_ms = 10000,
                                   .max_body_bytes = 1 << 16};
    if (http_client_call(client, &call, &answer, &err) != 0)
        fail_msg("%s", err.message);
    buf_putc(&answer.body, '\0');
    assert_int_equal(answer.status, status);
    answer.body.p[strlen(wanted) < answer.body.n ? strlen(wanted) : answer.body.n - 1] = '\0';
    assert_string_equal(answer.body.p, wanted);
    buf_done(&answer.body);
    buf_done(&packed);
    buf_done(body);
}

static const char snappy[] = "Content-Encoding: snappy";

/* The whole answer, headers and all, over a socket of our own. */
static void post_raw(const char *type, struct buf *body, char *out, size_t room)
{
    struct buf packed = BUF_MAX(1 << 20), request = BUF_MAX(1 << 20);
    assert_int_equal(snappy_compress_bytes(buf_str(body), &packed, NULL), 0);
    buf_printf(&request,
               "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"
               "Content-Length: %zu\r\n\r\n",
               type, packed.n);
    buf_put_str(&request, buf_str(&packed));
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *port = strrchr(http_server_address(server), ':') + 1;
    to.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request.p, request.n, 0), request.n);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < room && (got = recv(fd, out + n, room - 1 - n, 0)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    assert_int_equal(close(fd), 0);
    buf_done(&packed);
    buf_done(&request);
    buf_done(body);
}

/* One series of 1.0 with one sample. */
static void put_series(struct buf *body, const char *name)
{
    size_t series = pb_begin(body, 1);
    size_t label = pb_begin(body, 1);
    pb_put_str(body, 1, STR("__name__"));
    pb_put_str(body, 2, str_c(name));
    pb_end(body, label);
    size_t sample = pb_begin(body, 2);
    pb_put_double(body, 1, 1);
    pb_put_varint(body, 2, 1000);
    pb_end(body, sample);
    pb_end(body, series);
}

static void test_1_0_is_stored_and_answered_with_nothing(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    put_series(&body, "a");
    put_series(&body, "b");
    size_t metadata = pb_begin(&body, 3);
    pb_put_str(&body, 2, STR("a"));
    pb_end(&body, metadata);
    post(type_1, snappy, &body, false, 204, "");
    assert_int_equal(store.series, 2);
    assert_int_equal(store.samples, 2);
    assert_int_equal(store.metadata, 1);

    put_series(&body, "a"); // a client of old sends neither header
    post("Content-Type:", "X-Nothing: at all", &body, false, 204, "");
    assert_int_equal(store.calls, 2);
}

/* A series of 2.0 with a sample, a histogram and an exemplar. */
static void put_request_2(struct buf *body)
{
    pb_put_str(body, 4, STR(""));
    pb_put_str(body, 4, STR("__name__"));
    pb_put_str(body, 4, STR("a"));
    size_t series = pb_begin(body, 5);
    pb_put_varint(body, 1, 1);
    pb_put_varint(body, 1, 2);
    size_t sample = pb_begin(body, 2);
    pb_put_double(body, 1, 5);
    pb_end(body, sample);
    size_t histogram = pb_begin(body, 3);
    pb_put_varint(body, 1, 0);
    pb_end(body, histogram);
    size_t exemplar = pb_begin(body, 4);
    pb_put_double(body, 2, 5);
    pb_end(body, exemplar);
    pb_end(body, series);
}

static void test_2_0_is_told_what_was_written(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "HTTP/1.1 204",
        "X-Prometheus-Remote-Write-Samples-Written: 1\r\n",
        "X-Prometheus-Remote-Write-Histograms-Written: 1\r\n",
        "X-Prometheus-Remote-Write-Exemplars-Written: 1\r\n",
    };
    char answer[4096];
    struct buf body = BUF_MAX(1 << 16);
    store.result.exemplars_accepted = 1;
    put_request_2(&body);
    post_raw(type_2, &body, answer, sizeof answer);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_non_null(strstr(answer, wanted[i]));

    store.rc = ERR_BUSY;
    put_request_2(&body);
    post_raw(type_2, &body, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 503"));
    assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
    assert_non_null(strstr(answer, "X-Prometheus-Remote-Write-Samples-Written: 0\r\n"));
}

static void test_other_types_and_encodings_are_415(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    post("Content-Type: application/json", snappy, &body, false, 415,
         "Content-Type: \"application/json\"; expected application/x-protobuf");
    post("Content-Type: application/x-protobuf;proto=other.Message", snappy, &body, false, 415,
         "Content-Type: proto=other.Message; expected");
    post(type_1, "Content-Encoding: zstd", &body, false, 415,
         "Content-Encoding: \"zstd\"; expected snappy");
    assert_int_equal(store.calls, 0);
}

static void test_a_version_that_contradicts_the_type_is_400(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    post("Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 2.0.0", snappy,
         &body, false, 400, "X-Prometheus-Remote-Write-Version: 2.0.0; expected 0.1.0");
    post("Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n"
         "X-Prometheus-Remote-Write-Version: 0.1.0",
         snappy, &body, false, 400, "X-Prometheus-Remote-Write-Version: 0.1.0; expected 2.0.0");
    assert_int_equal(store.calls, 0);
}

static void test_broken_bodies_are_400_and_large_ones_413(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    buf_puts(&body, "\x05not snappy");
    post(type_1, snappy, &body, true, 400, "snappy: the block is damaged");
    buf_puts(&body, "\x0a\x7f");
    post(type_1, snappy, &body, false, 400, "timeseries[0]: length runs past the end");

    settings.max_decompressed_bytes = 10;
    put_series(&body, "a_long_name");
    post(type_1, snappy, &body, false, 413, "snappy: ");
    settings.max_decompressed_bytes = 0;
    settings.limits.max_series = 1;
    put_series(&body, "a");
    put_series(&body, "b");
    post(type_1, snappy, &body, false, 413, "more than 1 series in one request");
    settings.limits.max_series = 0;
    settings.max_batch_bytes = 4096;
    for (int i = 0; i < 300; i++)
        put_series(&body, "a");
    post(type_1, snappy, &body, false, 413, "the request is over its memory budget");
    assert_int_equal(store.calls, 0);
}

static void test_the_good_part_is_kept_and_the_bad_one_told(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    put_series(&body, "good");
    put_series(&body, "");
    post(type_1, snappy, &body, false, 400,
         "1 of 2 samples were rejected, labels: 1; first: timeseries[1]: metric name missing");
    assert_int_equal(store.samples, 1);

    store.result.rejected[REJECT_TOO_OLD] = 1;
    (void)snprintf(store.result.message, sizeof store.result.message, "too old by far");
    put_series(&body, "good");
    put_series(&body, "old");
    post(type_1, snappy, &body, false, 400,
         "1 of 2 samples were rejected, too_old: 1; first: too old by far");
}

static void test_a_sink_that_cannot_now_is_503_and_one_that_failed_500(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    store.rc = ERR_BUSY;
    put_series(&body, "a");
    post(type_1, snappy, &body, false, 503, "the store said no");
    store.rc = ERR_IO;
    put_series(&body, "a");
    post(type_1, snappy, &body, false, 500, "the store said no");
}

static void test_series_that_went_away_meanwhile_are_told_again_by_labels(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    store.recalls = true;
    put_series(&body, "a");
    put_series(&body, "b");
    post(type_1, snappy, &body, false, 204, "");
    assert_int_equal(store.calls, 2);
    assert_int_equal(store.series, 2);
}

static void test_an_empty_request_is_fine(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    post(type_1, snappy, &body, false, 204, "");
    assert_int_equal(store.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_1_0_is_stored_and_answered_with_nothing, start, stop),
        cmocka_unit_test_setup_teardown(test_2_0_is_told_what_was_written, start, stop),
        cmocka_unit_test_setup_teardown(test_other_types_and_encodings_are_415, start, stop),
        cmocka_unit_test_setup_teardown(test_a_version_that_contradicts_the_type_is_400, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_broken_bodies_are_400_and_large_ones_413, start, stop),
        cmocka_unit_test_setup_teardown(test_the_good_part_is_kept_and_the_bad_one_told, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_sink_that_cannot_now_is_503_and_one_that_failed_500,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            test_series_that_went_away_meanwhile_are_told_again_by_labels, start, stop),
        cmocka_unit_test_setup_teardown(test_an_empty_request_is_fine, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
