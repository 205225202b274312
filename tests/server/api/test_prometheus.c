/* The API over a real store, engine and HTTP server: what is asked, and the answer to the byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "api/prometheus/status.h"
#include "base/buf.h"
#include "base/thread.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "net/client.h"
#include "query/query.h"
#include "store/store.h"
#include "support/check.h"

#define T0 INT64_C(1700006400000) /* a full hour */

struct fixture {
    char dir[64];
    struct store *store;
    struct query_engine *engine;
    struct api_context api;
    struct http_route routes[API_ROUTES_MAX];
    struct http_server *server;
    struct http_client *client;
    int reloads;
    bool reload_fails, quit;
};

static struct fixture f;

/* ---- Known data ---- */

static struct labels labels_of(struct batch *b, const char *const *pairs)
{
    struct labels_builder lb;
    labels_builder_init(&lb, &b->arena, NULL);
    for (; *pairs; pairs += 2)
        labels_builder_set(&lb, str_c(pairs[0]), str_c(pairs[1]));
    return labels_builder_labels(&lb);
}

static void add(struct batch *b, const char *const *pairs, const struct sample *samples, uint32_t n)
{
    struct batch_series *s = batch_add_series(b, labels_of(b, pairs));
    assert_non_null(s);
    s->samples = samples;
    s->n_samples = n;
}

#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct histogram_span two_buckets[] = {{0, 2}}, one_bucket[] = {{1, 1}};
static const double positive[] = {3, 1}, negative[] = {2};
static const double bounds[] = {0.5, 2}, custom[] = {4, 5};
static const struct histogram native = {.zero_threshold = 0.001,
                                        .zero_count = 1,
                                        .count = 7,
                                        .sum = 2.5,
                                        .integer = true,
                                        .positive_spans = two_buckets,
                                        .n_positive_spans = 1,
                                        .positive = positive,
                                        .n_positive = 2,
                                        .negative_spans = one_bucket,
                                        .n_negative_spans = 1,
                                        .negative = negative,
                                        .n_negative = 1};
static const struct histogram custom_bounds = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                                               .count = 9,
                                               .sum = 8,
                                               .integer = true,
                                               .positive_spans = two_buckets,
                                               .n_positive_spans = 1,
                                               .positive = custom,
                                               .n_positive = 2,
                                               .custom_bounds = bounds,
                                               .n_custom_bounds = 2};

static void add_exemplar(struct batch *b)
{
    static const struct label pair[] = {{{"trace_id", 8}, {"abc", 3}}};
    static const struct exemplar exemplar = {{pair, 1}, 0.31, T0 + 60250};
    static const struct sample sample = {.t_unix_ms = T0 + 60000, .value = 4};
    add(b, PAIRS("__name__", "request_seconds_bucket", "le", "0.5"), &sample, 1);
    b->series[b->n_series - 1].exemplars = &exemplar;
    b->series[b->n_series - 1].n_exemplars = 1;
}

static void fill(void)
{
    static struct sample a[5], b[5];
    for (int i = 0; i < 5; i++) {
        a[i] = (struct sample){.t_unix_ms = T0 + i * 15000, .value = 100 + 30 * i};
        b[i] = (struct sample){.t_unix_ms = T0 + i * 15000, .value = i == 4 ? 1e21 : 0.5 * i};
    }
    static const struct sample nan = {.t_unix_ms = T0, .value = NAN};
    static const struct sample inf = {.t_unix_ms = T0 + 250, .value = -INFINITY};
    static const struct sample odd = {.t_unix_ms = T0, .value = 1};
    static const struct sample exponential = {.t_unix_ms = T0, .histogram = &native};
    static const struct sample explicit = {.t_unix_ms = T0, .histogram = &custom_bounds};
    struct batch batch;
    batch_init(&batch, 1 << 20);
    add(&batch, PAIRS("__name__", "req_total", "code", "200", "job", "api"), a, 5);
    add(&batch, PAIRS("__name__", "req_total", "code", "500", "job", "api"), b, 5);
    add(&batch, PAIRS("__name__", "odd", "kind", "nan"), &nan, 1);
    add(&batch, PAIRS("__name__", "odd", "kind", "inf"), &inf, 1);
    add(&batch, PAIRS("__name__", "text", "my.label", "a\"b\\c\nd\xc3\xa9\x01"), &odd, 1);
    add(&batch, PAIRS("__name__", "native", "schema", "0"), &exponential, 1);
    add(&batch, PAIRS("__name__", "native", "schema", "custom"), &explicit, 1);
    add_exemplar(&batch);
    const struct metric_metadata m[] = {
        {STR("req_total"), STR(""), STR("Requests \"answered\"."), METRIC_COUNTER},
        {STR("odd"), STR("celsius"), STR("Air."), METRIC_GAUGE}};
    assert_int_equal(batch_add_metadata(&batch, &m[0]), 0);
    assert_int_equal(batch_add_metadata(&batch, &m[1]), 0);
    struct sink_result result;
    struct err err = {0};
    if (store_append(f.store, &batch, &result, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(sink_result_rejected(&result), 0);
    batch_done(&batch);
}

/* ---- The server around it ---- */

static int reload(void *self, struct err *err)
{
    (void)self;
    f.reloads++;
    return f.reload_fails ? err_set(err, ERR_INVALID, "t.yml:1:1: bad") : 0;
}

static void quit(void *self)
{
    (void)self;
    f.quit = true;
}

static int write_config(void *self, struct buf *out)
{
    (void)self;
    buf_puts(out, "a: \"b\"\n");
    return 0;
}

static void write_retention(void *self, struct buf *out)
{
    (void)self;
    buf_puts(out, "30d");
}

static struct labels external_labels(void *self, struct arena *arena)
{
    (void)self;
    struct label *l = arena_array(arena, 1, sizeof *l);
    *l = (struct label){STR("site"), STR("x")};
    return (struct labels){l, 1};
}

static void flags(void *self, void (*each)(void *self, const char *name, struct str value),
                  void *each_self)
{
    (void)self;
    each(each_self, "storage.path", STR("/data"));
}

static int start(void **state)
{
    (void)state;
    struct err err = {0};
    memcpy(f.dir, "/tmp/telltale-api-XXXXXX", 25);
    assert_non_null(mkdtemp(f.dir));
    const struct store_options options = {.dir = f.dir, .retention_ms = STORE_RETENTION_FOREVER};
    const struct query_options query = {0};
    int rc = store_open(&options, &f.store, &err);
    rc = rc ? rc : query_engine_new(f.store, &query, &f.engine, &err);
    f.api = (struct api_context){.store = f.store,
                                 .engine = f.engine,
                                 .version = "1.2.3",
                                 .revision = "abc",
                                 .working_dir = "/here",
                                 .app = &f,
                                 .reload = reload,
                                 .write_config = write_config,
                                 .write_retention = write_retention,
                                 .external_labels = external_labels,
                                 .flags = flags};
    const struct http_options http = {.address = "127.0.0.1:0",
                                      .name = "test",
                                      .routes = f.routes,
                                      .n_routes = api_routes(&f.api, f.routes)};
    rc = rc ? rc : http_server_start(&http, &f.server, &err);
    rc = rc ? rc : http_client_new(&(struct http_client_options){0}, &f.client, &err);
    if (rc)
        fail_msg("%s", err.message);
    return 0;
}

static int start_filled(void **state)
{
    start(state);
    assert_int_equal(store_replay(f.store, NULL, NULL), 0);
    f.api.ready = true;
    fill();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_client_free(f.client);
    http_server_stop(f.server, 1000);
    query_engine_free(f.engine);
    assert_int_equal(store_close(f.store, NULL), 0);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", f.dir);
    assert_int_equal(system(command), 0);
    f = (struct fixture){0};
    return 0;
}

/* ---- Asking ---- */

static int ask(const char *method, const char *path, const char *form, struct http_answer *out)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    char url[2048];
    (void)snprintf(url, sizeof url, "http://%s%s", http_server_address(f.server), path);
    struct err err = {0};
    const struct http_call call = {.method = method,
                                   .url = url,
                                   .headers = form ? headers : NULL,
                                   .body = str_c(form),
                                   .timeout_ms = 10000,
                                   .max_body_bytes = 1 << 20};
    if (http_client_call(f.client, &call, out, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    return out->status;
}

static void expect_call(const char *method, const char *path, const char *form, int status,
                        const char *body)
{
    struct http_answer answer = {0};
    int got = ask(method, path, form, &answer);
    if (got != status || !str_eq(buf_str(&answer.body), str_c(body)))
        fail_msg("%s\n  gave     %d %.*s\n  expected %d %s", path, got,
                 STR_ARG(buf_str(&answer.body)), status, body);
    buf_done(&answer.body);
}

static void expect(const char *path, int status, const char *body)
{
    expect_call("GET", path, NULL, status, body);
}

/* A success with this data. */
static void expect_data(const char *path, const char *data)
{
    struct buf body = BUF_MAX(1 << 16);
    buf_printf(&body, "{\"status\":\"success\",\"data\":%s}", data);
    buf_putc(&body, '\0');
    expect(path, 200, body.p);
    buf_done(&body);
}

static void expect_error(const char *path, int status, const char *type, const char *message)
{
    struct buf body = BUF_MAX(1 << 16);
    buf_printf(&body, "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":\"%s\"}", type,
               message);
    buf_putc(&body, '\0');
    expect(path, status, body.p);
    buf_done(&body);
}

static void test_queries_answer_in_prometheus_shape(void **state)
{
    (void)state;
    expect_data("/api/v1/query?query=1%2B1&time=4",
                "{\"resultType\":\"scalar\",\"result\":[4,\"2\"]}");
    expect_data("/api/v1/query?query=%22w%22&time=4.5",
                "{\"resultType\":\"string\",\"result\":[4.5,\"w\"]}");
    expect_data("/api/v1/query?query=%22w%22&time=1.0005", // falls short of a half as a double
                "{\"resultType\":\"string\",\"result\":[1,\"w\"]}");
    expect_data("/api/v1/query?query=%22w%22&time=1.0006",
                "{\"resultType\":\"string\",\"result\":[1.001,\"w\"]}");
    expect_data("/api/v1/query?query=req_total&time=1700006460",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"req_total\","
                "\"code\":\"200\",\"job\":\"api\"},\"value\":[1700006460,\"220\"]},{\"metric\":{"
                "\"__name__\":\"req_total\",\"code\":\"500\",\"job\":\"api\"},\"value\":["
                "1700006460,\"1e+21\"]}]}");
    expect_data("/api/v1/query?query=odd&time=2023-11-15T00:00:00.250Z",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"kind\":"
                "\"inf\"},\"value\":[1700006400.25,\"-Inf\"]},{\"metric\":{\"__name__\":\"odd\","
                "\"kind\":\"nan\"},\"value\":[1700006400.25,\"NaN\"]}]}");
    expect_data("/api/v1/query?query=req_total%7Bcode=%22500%22%7D%5B31s%5D&time=1700006445",
                "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"req_total\","
                "\"code\":\"500\",\"job\":\"api\"},\"values\":[[1700006415,\"0.5\"],[1700006430,"
                "\"1\"],[1700006445,\"1.5\"]]}]}");
    expect_data("/api/v1/query_range?query=sum(req_total)&start=1700006400&end=1700006430&step=15s",
                "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1700006400,"
                "\"100\"],[1700006415,\"130.5\"],[1700006430,\"161\"]]}]}");
    expect_data("/api/v1/query?query=nothing", "{\"resultType\":\"vector\",\"result\":[]}");
}

static void call(const char *path, const char *form, int status, const char *body)
{
    expect_call("POST", path, form, status, body);
}

#define DELETE "/api/v1/admin/tsdb/delete_series"
#define CLEAN "/api/v1/admin/tsdb/clean_tombstones"
#define ERROR(type, text) "{\"status\":\"error\",\"errorType\":\"" type "\",\"error\":\"" text "\"}"

/* The text of a range query is written while it runs, and put in order behind. */
static void test_series_of_a_range_come_in_the_order_of_their_labels(void **state)
{
    (void)state;
    expect_data(
        "/api/v1/query_range?query=req_total%20or%20odd&start=1700006400.5&end=1700006415.5&step=7.5",
        "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\""
        "kind\":\"inf\"},\"values\":[[1700006400.5,\"-Inf\"],[1700006408,\"-Inf"
        "\"],[1700006415.5,\"-Inf\"]]},{\"metric\":{\"__name__\":\"odd\",\"kind\":"
        "\"nan\"},\"values\":[[1700006400.5,\"NaN\"],[1700006408,\"NaN\"],[1700"
        "006415.5,\"NaN\"]]},{\"metric\":{\"__name__\":\"req_total\",\"code\":\"20"
        "0\",\"job\":\"api\"},\"values\":[[1700006400.5,\"100\"],[1700006408,\"10"
        "0\"],[1700006415.5,\"130\"]]},{\"metric\":{\"__name__\":\"req_total\",\""
        "code\":\"500\",\"job\":\"api\"},\"values\":[[1700006400.5,\"0\"],[1700006"
        "408,\"0\"],[1700006415.5,\"0.5\"]]}]}");
}

static void test_deleting_is_off_by_default(void **state)
{
    (void)state;
    call(DELETE, "match[]=odd", 503, ERROR("unavailable", "admin APIs disabled"));
    call(CLEAN, "", 503, ERROR("unavailable", "admin APIs disabled"));
}

static void test_series_are_deleted_and_cleaned_up(void **state)
{
    (void)state;
    f.api.admin_api = true;
    call(DELETE, "match[]=odd&match[]=req_total{code=\"500\"}", 204, "");
    expect_data("/api/v1/query?query=odd&time=1700006400",
                "{\"resultType\":\"vector\",\"result\":[]}");
    expect_data("/api/v1/query?query=count(req_total)&time=1700006460",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1700006460,"
                "\"1\"]}]}");
    expect_call("PUT", DELETE "?match[]=req_total&start=1700006430&end=1700006440", NULL, 204, "");
    expect_data("/api/v1/query?query=count_over_time(req_total[5m])&time=1700006460",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"code\":\"200\",\"job\":"
                "\"api\"},\"value\":[1700006460,\"4\"]}]}");
    call(CLEAN, "", 204, "");
    expect_data("/api/v1/label/code/values", "[\"200\"]");
    expect_data("/api/v1/series?match[]=odd", "[]");
}

static void test_a_wrong_deletion_says_what_is_wrong_and_deletes_nothing(void **state)
{
    (void)state;
    f.api.admin_api = true;
    call(DELETE, "", 400, ERROR("bad_data", "no match[] parameter provided"));
    call(DELETE, "match[]=odd&start=x", 400,
         ERROR("bad_data", "invalid parameter \\\"start\\\": invalid time value for 'start': "
                           "cannot parse \\\"x\\\" to a valid timestamp"));
    call(DELETE, "match[]=odd&start=2&end=1", 400,
         ERROR("bad_data",
               "invalid parameter \\\"end\\\": end timestamp must not be before start time"));
    struct http_answer answer = {0};
    assert_int_equal(ask("POST", DELETE, "match[]=odd&match[]={", &answer), 400);
    buf_done(&answer.body);
    assert_int_equal(ask("GET", DELETE "?match[]=odd", NULL, &answer), 405);
    buf_done(&answer.body);
    expect_data("/api/v1/query?query=count(odd)&time=1700006401",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1700006401,"
                "\"2\"]}]}");
}

static void test_text_is_escaped(void **state)
{
    (void)state;
    expect_data("/api/v1/query?query=text&time=1700006400",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"text\","
                "\"my.label\":\"a\\\"b\\\\c\\nd\xc3\xa9\\u0001\"},\"value\":[1700006400,\"1\"]}]}");
}

static void test_native_histograms_show_their_buckets(void **state)
{
    (void)state;
    expect_data("/api/v1/query?query=native&time=1700006400",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"native\","
                "\"schema\":\"0\"},\"histogram\":[1700006400,{\"count\":\"7\",\"sum\":\"2.5\","
                "\"buckets\":[[1,\"-2\",\"-1\",\"2\"],[3,\"-0.001\",\"0.001\",\"1\"],[0,\"0.5\","
                "\"1\",\"3\"],[0,\"1\",\"2\",\"1\"]]}]},{\"metric\":{\"__name__\":\"native\","
                "\"schema\":\"custom\"},\"histogram\":[1700006400,{\"count\":\"9\",\"sum\":\"8\","
                "\"buckets\":[[3,\"-Inf\",\"0.5\",\"4\"],[0,\"0.5\",\"2\",\"5\"]]}]}]}");
    expect_data("/api/v1/query_range?query=native%7Bschema=%22custom%22%7D&start=1700006400&end="
                "1700006400&step=1",
                "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"native\","
                "\"schema\":\"custom\"},\"histograms\":[[1700006400,{\"count\":\"9\",\"sum\":\"8\","
                "\"buckets\":[[3,\"-Inf\",\"0.5\",\"4\"],[0,\"0.5\",\"2\",\"5\"]]}]]}]}");
}

static void test_expressions_are_told_as_text_and_as_trees(void **state)
{
    (void)state;
    expect_data("/api/v1/format_query?query=sum(a%2Bb)by(c)", "\"sum by (c) (a + b)\"");
    expect_data(
        "/api/v1/parse_query?query=sum(rate(a%7Bb!=%22c%22%7D%5B5m%5D%20offset%201m))by(d)",
        "{\"expr\":{\"args\":[{\"anchored\":false,\"matchers\":[{\"name\":\"b\","
        "\"type\":\"!=\",\"value\":\"c\"},{\"name\":\"__name__\",\"type\":\"=\","
        "\"value\":\"a\"}],\"name\":\"a\",\"offset\":60000,\"offsetExpr\":null,"
        "\"range\":300000,\"rangeExpr\":null,\"smoothed\":false,"
        "\"startOrEnd\":null,\"timestamp\":null,\"type\":\"matrixSelector\"}],\"func\":{\"argTypes\":[\"matrix\"],\"name\":\"rate\","
        "\"returnType\":\"vector\",\"variadic\":0},\"type\":\"call\"},\"grouping\":"
        "[\"d\"],\"op\":\"sum\",\"param\":null,\"type\":\"aggregation\","
        "\"without\":false}");
    expect_data(
        "/api/v1/parse_query?query=(1)%20%2B%20-a%20@%20start()",
        "{\"bool\":false,\"lhs\":{\"expr\":{\"type\":\"numberLiteral\",\"val\":\"1\"},"
        "\"type\":\"parenExpr\"},\"matching\":null,\"op\":\"+\",\"rhs\":{\"expr\":{"
        "\"anchored\":false,\"matchers\":[{\"name\":\"__name__\",\"type\":\"=\","
        "\"value\":\"a\"}],\"name\":\"a\",\"offset\":0,\"offsetExpr\":null,\"smoothed\":false,"
        "\"startOrEnd\":\"start\",\"timestamp\":null,\"type\":\"vectorSelector\"},"
        "\"op\":\"-\",\"type\":\"unaryExpr\"},\"type\":\"binaryExpr\"}");
    expect_data(
        "/api/v1/parse_query?query=a%20*%20ignoring(b)%20group_right(c)%20d",
        "{\"bool\":false,\"lhs\":{\"anchored\":false,\"matchers\":[{\"name\":"
        "\"__name__\",\"type\":\"=\",\"value\":\"a\"}],\"name\":\"a\",\"offset\":0,\"offsetExpr\":null,"
        "\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,\"type\":"
        "\"vectorSelector\"},\"matching\":{\"card\":\"one-to-many\",\"fillValues\":{"
        "\"lhs\":null,\"rhs\":null},\"include\":[\"c\"],\"labels\":[\"b\"],\"on\":"
        "false},\"op\":\"*\",\"rhs\":{\"anchored\":false,\"matchers\":[{\"name\":"
        "\"__name__\",\"type\":\"=\",\"value\":\"d\"}],\"name\":\"d\",\"offset\":0,\"offsetExpr\":null,"
        "\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,\"type\":"
        "\"vectorSelector\"},\"type\":\"binaryExpr\"}");
    expect_data("/api/v1/parse_query?query=\"x\"", "{\"type\":\"stringLiteral\",\"val\":\"x\"}");
    expect_error("/api/v1/parse_query?query=sum(", 400, "bad_data",
                 "invalid parameter \\\"query\\\": 1:5: parse error: unclosed left parenthesis");
}

static void test_posted_forms_are_as_good_as_urls(void **state)
{
    (void)state;
    expect_call(
        "POST", "/api/v1/query", "query=1%2B1&time=4", 200,
        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[4,\"2\"]}}");
    expect_call("POST", "/api/v1/series?match[]=odd", "match[]=text&end=1700006401", 200,
                "{\"status\":\"success\",\"data\":[{\"__name__\":\"odd\",\"kind\":\"inf\"},{"
                "\"__name__\":\"odd\",\"kind\":\"nan\"},{\"__name__\":\"text\",\"my.label\":"
                "\"a\\\"b\\\\c\\nd\xc3\xa9\\u0001\"}]}");
}

static void test_a_forms_body_wins_over_the_url(void **state)
{
    (void)state;
    expect_call(
        "POST", "/api/v1/query?query=1&time=4", "query=2", 200,
        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[4,\"2\"]}}");
}

static void expect_scalar(const char *number, const char *text)
{
    struct buf path = BUF_MAX(1 << 10), data = BUF_MAX(1 << 10);
    buf_printf(&path, "/api/v1/query?query=%s&time=4", number);
    buf_printf(&data, "{\"resultType\":\"scalar\",\"result\":[4,\"%s\"]}", text);
    buf_putc(&path, '\0');
    buf_putc(&data, '\0');
    expect_data(path.p, data.p);
    buf_done(&path);
    buf_done(&data);
}

static void test_scalars_have_no_exponent(void **state)
{
    (void)state;
    expect_scalar("1e21", "1000000000000000000000");
    expect_scalar("-1.5e-7", "-0.00000015");
    expect_scalar("0.0000001", "0.0000001");
    char least[327] = "0."; // 5e-324
    memset(least + 2, '0', 323);
    least[325] = '5';
    expect_scalar("5e-324", least);
    expect_scalar("NaN", "NaN");
    expect_scalar("-Inf", "-Inf");
    expect_scalar("Inf", "+Inf");
}

static void test_what_is_stored_can_be_listed(void **state)
{
    (void)state;
    expect_data("/api/v1/labels",
                "[\"__name__\",\"code\",\"job\",\"kind\",\"le\",\"my.label\",\"schema\"]");
    expect_data("/api/v1/labels?match[]=odd&match[]=req_total",
                "[\"__name__\",\"code\",\"job\",\"kind\"]");
    expect_data("/api/v1/label/__name__/values",
                "[\"native\",\"odd\",\"req_total\",\"request_seconds_bucket\",\"text\"]");
    expect_data("/api/v1/label/code/values?match[]=%7Bjob=%22api%22,code!=%22200%22%7D",
                "[\"500\"]");
    expect_data("/api/v1/label/U__my_2e_label/values", "[\"a\\\"b\\\\c\\nd\xc3\xa9\\u0001\"]");
    expect_data("/api/v1/label/my.label/values?start=1600000000&end=1600000001", "[]");
    expect_data("/api/v1/label/nobody/values", "[]");
    expect_data(
        "/api/v1/series?match[]=odd&match[]=%7Bkind=~%22n.%2B%22%7D",
        "[{\"__name__\":\"odd\",\"kind\":\"inf\"},{\"__name__\":\"odd\",\"kind\":\"nan\"}]");
    expect_data("/api/v1/metadata",
                "{\"odd\":[{\"type\":\"gauge\",\"help\":\"Air.\",\"unit\":\"celsius\"}],"
                "\"req_total\":[{\"type\":\"counter\",\"help\":\"Requests \\\"answered\\\".\","
                "\"unit\":\"\"}]}");
    expect_data("/api/v1/metadata?metric=odd",
                "{\"odd\":[{\"type\":\"gauge\",\"help\":\"Air.\",\"unit\":\"celsius\"}]}");
    expect_data("/api/v1/metadata?metric=nobody", "{}");
}

static void test_limits_cut_with_a_warning(void **state)
{
    (void)state;
    static const char warned[] = "{\"status\":\"success\",\"data\":%s,\"warnings\":[\"results "
                                 "truncated due to limit\"]}";
    static const struct {
        const char *path, *data;
    } cases[] = {
        {"/api/v1/labels?limit=2", "[\"__name__\",\"code\"]"},
        {"/api/v1/label/code/values?limit=1", "[\"200\"]"},
        {"/api/v1/series?match[]=odd&limit=1", "[{\"__name__\":\"odd\",\"kind\":\"inf\"}]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];
        (void)snprintf(body, sizeof body, warned, cases[i].data);
        expect(cases[i].path, 200, body);
    }
    expect_data("/api/v1/label/code/values?limit=2", "[\"200\",\"500\"]");
}

static void test_exemplars_are_found_by_any_expression(void **state)
{
    (void)state;
    static const char data[] =
        "[{\"seriesLabels\":{\"__name__\":\"request_seconds_bucket\",\"le\":\"0.5\"},\"exemplars\":"
        "[{\"labels\":{\"trace_id\":\"abc\"},\"value\":\"0.31\",\"timestamp\":1700006460.25}]}]";
    expect_data("/api/v1/query_exemplars?query=request_seconds_bucket", data);
    expect_data("/api/v1/query_exemplars?query=histogram_quantile(0.9,sum%20by(le)(rate("
                "request_seconds_bucket%5B5m%5D)))",
                data);
    expect_data("/api/v1/query_exemplars?query=request_seconds_bucket&end=1700006460", "[]");
}

static void test_mistakes_are_told_as_prometheus_tells_them(void **state)
{
    (void)state;
    static const char range[] = "/api/v1/query_range?query=up&start=1&end=2";
    char path[256];
    expect_error("/api/v1/query?query=sum(", 400, "bad_data",
                 "invalid parameter \\\"query\\\": 1:5: parse error: unclosed left parenthesis");
    expect_error(
        "/api/v1/query?query=up&time=noon", 400, "bad_data",
        "invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"noon\\\" to "
        "a valid timestamp");
    expect_error(
        "/api/v1/query?query=up&timeout=soon", 400, "bad_data",
        "invalid parameter \\\"timeout\\\": cannot parse \\\"soon\\\" to a valid duration");
    expect_error("/api/v1/query?query=up&limit=-1", 400, "bad_data",
                 "invalid parameter \\\"limit\\\": limit must be non-negative");
    expect_error("/api/v1/query_range", 400, "bad_data",
                 "invalid parameter \\\"start\\\": cannot parse \\\"\\\" to a valid timestamp");
    expect_error("/api/v1/query_range?start=1", 400, "bad_data",
                 "invalid parameter \\\"end\\\": cannot parse \\\"\\\" to a valid timestamp");
    expect_error("/api/v1/query_range?query=up&end=2&step=1", 400, "bad_data",
                 "invalid parameter \\\"start\\\": cannot parse \\\"\\\" to a valid timestamp");
    expect_error(range, 400, "bad_data",
                 "invalid parameter \\\"step\\\": cannot parse \\\"\\\" to a valid duration");
    (void)snprintf(path, sizeof path, "%s&step=0", range);
    expect_error(
        path, 400, "bad_data",
        "invalid parameter \\\"step\\\": zero or negative query resolution step widths are "
        "not accepted. Try a positive integer");
    expect_error("/api/v1/query_range?query=up&start=2&end=1&step=1", 400, "bad_data",
                 "invalid parameter \\\"end\\\": end timestamp must not be before start time");
    expect_error("/api/v1/query_range?query=up&start=0&end=11001&step=1", 400, "bad_data",
                 "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                 "query resolution (?step=XX), or raise query.max_points");
    expect_data("/api/v1/query_range?query=up&start=0&end=11000&step=1",
                "{\"resultType\":\"matrix\",\"result\":[]}");
    expect_error("/api/v1/series", 400, "bad_data", "no match[] parameter provided");
    expect_error("/api/v1/query?query=req_total/ignoring(code)req_total&time=1700006400", 422,
                 "execution",
                 "found duplicate series for the match group {job=\\\"api\\\"} on the right "
                 "hand-side of the operation: [{__name__=\\\"req_total\\\", code=\\\"200\\\", "
                 "job=\\\"api\\\"}, {__name__=\\\"req_total\\\", code=\\\"500\\\", "
                 "job=\\\"api\\\"}];many-to-many matching not allowed: matching labels must be "
                 "unique on one side");
    expect_error("/api/v1/label/%ff/values", 400, "bad_data",
                 "invalid label name: \\\"\\\\xff\\\"");
}

static void test_unknown_paths_and_methods_are_refused(void **state)
{
    (void)state;
    expect("/nope", 404, "404 page not found\n");
    expect("/api/v1/nope", 404, "404 page not found\n");
    expect("/api/v1/label/x", 404, "404 page not found\n");
    struct http_answer answer = {0};
    assert_int_equal(ask("DELETE", "/api/v1/query", NULL, &answer), 405);
    buf_done(&answer.body);
}

static void test_the_server_tells_of_itself(void **state)
{
    (void)state;
    expect_data(
        "/api/v1/status/buildinfo",
        "{\"version\":\"3.5.0\",\"revision\":\"abc\",\"branch\":\"telltale\",\"buildUser\":"
        "\"telltale\",\"buildDate\":\"\",\"goVersion\":\"\",\"telltaleVersion\":\"1.2.3\"}");
    expect_data("/api/v1/status/config", "{\"yaml\":\"a: \\\"b\\\"\\n\"}");
    expect_data("/api/v1/status/flags", "{\"storage.path\":\"/data\"}");
    expect_data("/api/v1/status/walreplay",
                "{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}");
    expect_data(
        "/api/v1/status/self_metrics?metric_name_pattern=telltale_internal_.*",
        "[{\"name\":\"telltale_internal_errors_total\",\"help\":\"Conditions that must never "
        "happen and were survived; please report them.\",\"type\":\"COUNTER\",\"metric\":"
        "[{\"label\":[],\"counter\":{\"value\":0}}]}]");
    expect_data("/api/v1/rules", "{\"groups\":[]}");
    expect_data("/api/v1/alerts", "{\"alerts\":[]}");
    expect_data("/api/v1/alertmanagers",
                "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
    expect_data("/api/v1/format_query?query=sum(up)by(job)", "\"sum by (job) (up)\"");
    expect("/-/healthy", 200, "Telltale is Healthy.\n");
    expect("/-/ready", 200, "Telltale is Ready.\n");
    expect_data("/api/v1/admin/telltale/flush", "{}");
    expect_data("/api/v1/query?query=odd%7Bkind=%22nan%22%7D&time=1700006400",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"kind\":"
                "\"nan\"},\"value\":[1700006400,\"NaN\"]}]}"); // after the flush, too
}

static void test_what_needs_attention_is_notified(void **state)
{
    (void)state;
    f.api.reload_ok = true;
    expect_data("/api/v1/notifications", "[]");
    f.api.reload_ok = false;
    f.api.reload_unix_ms = T0 - 3600000;
    f.api.reload_failed_unix_ms = T0;
    expect_data("/api/v1/notifications", "[{\"text\":\"Configuration reload has failed.\",\"date\":"
                                         "\"2023-11-15T00:00:00.000Z\",\"active\":true}]");
}

static void expect_events(struct http_stream *live, const char *expected)
{
    struct buf out = BUF_MAX(1 << 20);
    assert_int_equal(live->next(live->self, &out), 0);
    check_str(buf_str(&out), expected);
    buf_done(&out);
}

static void test_who_listens_is_told_what_begins_and_what_ends(void **state)
{
    (void)state;
#define FAILED                                                                                     \
    "data: {\"text\":\"Configuration reload has failed.\",\"date\":"                               \
    "\"2023-11-15T00:00:00.000Z\",\"active\":"
    struct http_response r = {0};
    f.api.reload_ok = true;
    api_notifications_live(&f.api, NULL, &r);
    assert_string_equal(r.content_type, "text/event-stream");
    expect_events(&r.stream, ": listening\n\n");
    expect_events(&r.stream, "");
    f.api.reload_ok = false;
    f.api.reload_failed_unix_ms = T0;
    expect_events(&r.stream, FAILED "true}\n\n");
    expect_events(&r.stream, "");
    f.api.reload_ok = true;
    expect_events(&r.stream, FAILED "false}\n\n");
    expect_events(&r.stream, "");
    r.stream.done(r.stream.self);
}

static void test_who_comes_later_is_told_what_holds(void **state)
{
    (void)state;
    struct http_response r = {0};
    f.api.reload_ok = false;
    f.api.reload_failed_unix_ms = T0;
    api_notifications_live(&f.api, NULL, &r);
    expect_events(&r.stream, FAILED "true}\n\n");
    r.stream.done(r.stream.self);
    f.api.reload_ok = true;
}

static void test_names_are_searched_in_lines_of_json(void **state)
{
    (void)state;
    static const char time[] = "&start=1700006400&end=1700006460";
    char path[256];
    (void)snprintf(path, sizeof path, "/api/v1/search/metric_names?search[]=rq%s&sort_by=score%s",
                   "&include_metadata=true&batch_size=1", time);
    expect(path, 200,
           "{\"results\":[{\"name\":\"req_total\",\"type\":\"counter\",\"help\":\"Requests "
           "\\\"answered\\\".\",\"unit\":\"\"}]}\n"
           "{\"results\":[{\"name\":\"request_seconds_bucket\"}]}\n"
           "{\"status\":\"success\",\"has_more\":false}\n");
    (void)snprintf(path, sizeof path, "/api/v1/search/label_values?label=code&limit=1%s%s",
                   "&sort_by=alpha&sort_dir=dsc&include_score=1", time);
    expect(path, 200,
           "{\"results\":[{\"name\":\"500\",\"value\":\"500\",\"score\":1}]}\n"
           "{\"status\":\"success\",\"has_more\":true}\n");
    (void)snprintf(path, sizeof path, "/api/v1/search/label_names?search[]=KIND%s%s",
                   "&case_sensitive=false&match[]=odd", time);
    expect(path, 200,
           "{\"results\":[{\"name\":\"kind\"}]}\n{\"status\":\"success\",\"has_more\":false}\n");
    expect("/api/v1/search/label_names?search[]=zz", 200,
           "{\"results\":[]}\n{\"status\":\"success\",\"has_more\":false}\n");
}

static void test_a_wrong_search_says_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *query, *message;
    } cases[] = {
        {"metric_names?limit=0", "invalid limit \\\"0\\\": must be a positive integer"},
        {"label_names?limit=10001", "limit 10001 exceeds the maximum (10000)"},
        {"metric_names?batch_size=-1", "invalid batch_size \\\"-1\\\": must be a positive integer"},
        {"metric_names?start=2&end=1", "end timestamp must not be before start timestamp"},
        {"metric_names?end=x",
         "invalid time value for 'end': cannot parse \\\"x\\\" to a valid timestamp"},
        {"metric_names?match[]=%7B%7D", "match[] must contain at least one non-empty matcher"},
        {"metric_names?fuzz_threshold=101", "invalid fuzz_threshold \\\"101\\\": must be 0-100"},
        {"metric_names?include_metadata=x", "invalid include_metadata \\\"x\\\": must be boolean"},
        {"metric_names?sort_dir=asc", "sort_dir is only valid when sort_by is set"},
        {"metric_names?search[]=a&sort_by=score&sort_dir=asc",
         "sort_dir is not supported for sort_by=score"},
        {"metric_names?sort_by=alpha&sort_dir=x",
         "invalid sort_dir \\\"x\\\": must be \\\"asc\\\" or \\\"dsc\\\""},
        {"label_names?sort_by=x",
         "invalid sort_by \\\"x\\\" for label_names: must be \\\"alpha\\\" or \\\"score\\\""},
        {"metric_names?fuzz_alg=x",
         "unsupported fuzz_alg \\\"x\\\": must be one of [subsequence jarowinkler]"},
        {"metric_names?sort_by=score", "sort_by=score requires search[] to be set"},
        {"label_values?search[]=a", "missing required parameter \\\"label\\\""},
        {"label_values?label=%ff", "invalid label name: \\\"\\\\xff\\\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/api/v1/search/%s", cases[i].query);
        expect_error(path, 400, "bad_data", cases[i].message);
    }
}

static void test_parts_are_listed_as_blocks(void **state)
{
    (void)state;
    expect_data("/api/v1/status/tsdb/blocks", "{\"blocks\":[]}");
    assert_int_equal(store_flush(f.store, NULL), 0);
    struct http_answer answer = {0};
    assert_int_equal(ask("GET", "/api/v1/status/tsdb/blocks", NULL, &answer), 200);
    struct str body = buf_str(&answer.body);
    assert_true(str_find(body, STR("\"ulid\":\"2023-11-15/00000001-00000001\",\"minTime\":"
                                   "1700006400000,\"maxTime\":1700006460001,")) < body.n);
    assert_true(str_find(body, STR("\"numSeries\":8")) < body.n);
    buf_done(&answer.body);
}

static void test_features_tell_what_may_be_asked(void **state)
{
    (void)state;
    struct http_answer answer = {0};
    assert_int_equal(ask("GET", "/api/v1/features", NULL, &answer), 200);
    struct str body = buf_str(&answer.body);
    assert_true(str_find(body, STR("\"promql_functions\":{\"abs\":true,\"absent\":true")) < body.n);
    assert_true(str_find(body, STR("\"mad_over_time\":false")) < body.n);
    assert_true(str_find(body, STR("\"smoothed\":false")) < body.n);
    assert_true(str_find(body, STR("\"limitk\":false")) < body.n);
    buf_done(&answer.body);
}

static void test_reload_and_quit_do_what_they_say(void **state)
{
    (void)state;
    expect_call("POST", "/-/reload", "", 200, "");
    assert_int_equal(f.reloads, 1);
    f.reload_fails = true;
    expect_call("POST", "/-/reload", "", 500, "failed to reload config: t.yml:1:1: bad\n");
    expect_call("POST", "/-/quit", "", 403, "Lifecycle API is not enabled.\n");
    f.api.quit = quit;
    expect_call("POST", "/-/quit", "", 200, "Requesting termination... Goodbye!\n");
    assert_true(f.quit);
}

static void test_until_the_log_is_replayed_answers_say_so(void **state)
{
    (void)state;
    struct http_answer answer = {0};
    assert_int_equal(ask("GET", "/-/ready", NULL, &answer), 503);
    buf_done(&answer.body);
    expect("/-/healthy", 200, "Telltale is Healthy.\n");
    assert_int_equal(ask("GET", "/api/v1/query?query=up", NULL, &answer), 503);
    assert_true(str_starts(buf_str(&answer.body),
                           STR("{\"status\":\"error\",\"errorType\":\"unavailable\",")));
    buf_done(&answer.body);
    expect_data("/api/v1/status/walreplay",
                "{\"min\":0,\"max\":0,\"current\":0,\"state\":\"in progress\"}");
    assert_int_equal(store_replay(f.store, NULL, NULL), 0);
}

/* ---- Federation: of now, so its times are not fixed ---- */

static void test_federation_gives_the_newest_samples(void **state)
{
    (void)state;
    int64_t now = time_now_unix_ms() / 1000 * 1000;
    struct sample fresh[] = {{.t_unix_ms = now - 2000, .value = 1}, {.t_unix_ms = now, .value = 2}};
    struct sample ended[] = {{.t_unix_ms = now - 2000, .value = 1},
                             {.t_unix_ms = now, .value = stale_nan()}};
    const struct sample histogram = {.t_unix_ms = now, .histogram = &native};
    struct batch batch;
    batch_init(&batch, 1 << 20);
    add(&batch, PAIRS("__name__", "fed", "instance", "i", "site", "own"), fresh, 2);
    add(&batch, PAIRS("__name__", "fed", "job", "j"), fresh, 2);
    add(&batch, PAIRS("__name__", "fed", "job", "gone"), ended, 2);
    add(&batch, PAIRS("__name__", "fed_native", "instance", "i"), &histogram, 1);
    struct sink_result result;
    assert_int_equal(store_append(f.store, &batch, &result, NULL), 0);
    batch_done(&batch);

    char body[1024];
    (void)snprintf(body, sizeof body,
                   "# TYPE fed untyped\n"
                   "fed{instance=\"i\",site=\"own\"} 2 %lld\n"
                   "fed{instance=\"\",job=\"j\",site=\"x\"} 2 %lld\n"
                   "# TYPE fed_native histogram\n"
                   "fed_native_bucket{instance=\"i\",le=\"+Inf\",site=\"x\"} 7 %lld\n"
                   "fed_native_sum{instance=\"i\",site=\"x\"} 2.5 %lld\n"
                   "fed_native_count{instance=\"i\",site=\"x\"} 7 %lld\n",
                   (long long)now, (long long)now, (long long)now, (long long)now, (long long)now);
    expect("/federate?match[]=fed&match[]=%7Bjob=%22j%22%7D&match[]=fed_native", 200, body);
    expect("/federate?match[]=nobody", 200, "");
    struct http_answer answer = {0};
    assert_int_equal(ask("GET", "/federate?match[]=up%7B", NULL, &answer), 400);
    buf_done(&answer.body);
}

int main(void)
{
#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, start_filled, stop)
    const struct CMUnitTest tests[] = {
        WITH_DATA(test_queries_answer_in_prometheus_shape),
        WITH_DATA(test_series_of_a_range_come_in_the_order_of_their_labels),
        WITH_DATA(test_expressions_are_told_as_text_and_as_trees),
        WITH_DATA(test_what_needs_attention_is_notified),
        WITH_DATA(test_who_listens_is_told_what_begins_and_what_ends),
        WITH_DATA(test_who_comes_later_is_told_what_holds),
        WITH_DATA(test_names_are_searched_in_lines_of_json),
        WITH_DATA(test_a_wrong_search_says_what_was_expected),
        WITH_DATA(test_parts_are_listed_as_blocks),
        WITH_DATA(test_features_tell_what_may_be_asked),
        WITH_DATA(test_text_is_escaped),
        WITH_DATA(test_native_histograms_show_their_buckets),
        WITH_DATA(test_posted_forms_are_as_good_as_urls),
        WITH_DATA(test_a_forms_body_wins_over_the_url),
        WITH_DATA(test_scalars_have_no_exponent),
        WITH_DATA(test_what_is_stored_can_be_listed),
        WITH_DATA(test_limits_cut_with_a_warning),
        WITH_DATA(test_exemplars_are_found_by_any_expression),
        WITH_DATA(test_mistakes_are_told_as_prometheus_tells_them),
        WITH_DATA(test_unknown_paths_and_methods_are_refused),
        WITH_DATA(test_the_server_tells_of_itself),
        WITH_DATA(test_reload_and_quit_do_what_they_say),
        WITH_DATA(test_federation_gives_the_newest_samples),
        WITH_DATA(test_deleting_is_off_by_default),
        WITH_DATA(test_series_are_deleted_and_cleaned_up),
        WITH_DATA(test_a_wrong_deletion_says_what_is_wrong_and_deletes_nothing),
        cmocka_unit_test_setup_teardown(test_until_the_log_is_replayed_answers_say_so, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
