#include "sinks/text.h"
#include "support/check.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/trace.h"

enum { SECOND = 1000000000 };

/* An exporter that keeps a request's lines in one style. */
static struct {
    struct line_style style;
    struct buf lines;
} sink;

static int put(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
               int64_t timeout_ms)
{
    (void)arg, (void)items, (void)timeout_ms;
    int rc = text_put_request(&sink.lines, &sink.style, signal, str_of(request, n));
    buf_putc(&sink.lines, '\0');
    sink.lines.n--;
    return rc;
}

static void log_in(enum tt_style style, const tt_log_record *record)
{
    tt_attr service[] = {tt_str("service.name", "shop")};
    tt_resource *resource = tt_resource_new(service, 1, NULL);
    tt_logger_provider_options o = {
        .size = sizeof o, .resource = resource, .exporter = {.send = put}, .simple = true};
    sink.style.style = style;
    sink.lines = BUF_MAX(1 << 20);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_log_emit(tt_logger_get(p, "orders", NULL), record);
    assert_int_equal(tt_logger_provider_lost(p), 0);
    tt_logger_provider_free(p);
    tt_resource_free(resource);
}

static void check_log(enum tt_style style, const tt_log_record *record, const char *expected)
{
    log_in(style, record);
    assert_string_equal(sink.lines.p, expected);
    buf_done(&sink.lines);
}

static void test_log_record_has_a_line_in_each_style(void **state)
{
    (void)state;
    tt_value parts[] = {tt_value_int(1), tt_value_str("x")};
    tt_attr attrs[] = {tt_int("order.id", 7), tt_str("who", "ada l"), tt_bool("gift", true),
                       tt_double("sum", 1.5), tt_attr_of("parts", tt_value_array(parts, 2))};
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_WARN,
                       .body = tt_value_str("order placed"),
                       .attrs = attrs,
                       .attrs_n = 5,
                       .time_unix_ns = INT64_C(45296789) * 1000000};
    check_log(TT_STYLE_PRETTY, &r,
              "12:34:56.789 WARN  orders: order placed  order.id=7 who=\"ada l\" gift=true sum=1.5 "
              "parts=\"[1,\\\"x\\\"]\"\n");
    check_log(TT_STYLE_LOGFMT, &r,
              "time=1970-01-01T12:34:56.789Z level=warn msg=\"order placed\" service=shop "
              "logger=orders order.id=7 who=\"ada l\" gift=true sum=1.5 parts=\"[1,\\\"x\\\"]\"\n");
    check_log(TT_STYLE_JSON, &r,
              "{\"time\":\"1970-01-01T12:34:56.789Z\",\"level\":\"warn\",\"msg\":\"order placed\","
              "\"service\":\"shop\",\"logger\":\"orders\",\"attributes\":{\"order.id\":7,"
              "\"who\":\"ada l\",\"gift\":true,\"sum\":1.5,\"parts\":[1,\"x\"]}}\n");
}

static void test_terminal_gets_colours_if_it_wants_them(void **state)
{
    (void)state;
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_ERROR,
                       .body = tt_value_str("x"),
                       .time_unix_ns = SECOND};
    sink.style.colours = true;
    check_log(TT_STYLE_PRETTY, &r, "00:00:01.000 \x1b[31mERROR\x1b[0m orders: x\n");
    sink.style.colours = false;
}

static void test_nothing_that_is_logged_ends_a_line_or_speaks_to_a_terminal(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("a b=\n", "\x1b[2J\n\"")};
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_INFO,
                       .body = tt_value_str("a\nlevel=fatal \x1b[31m\r\xff"),
                       .attrs = attrs,
                       .attrs_n = 1,
                       .time_unix_ns = SECOND};
    for (enum tt_style style = TT_STYLE_PRETTY; style <= TT_STYLE_OTLP; style++) {
        log_in(style, &r);
        assert_int_equal(str_index(buf_str(&sink.lines), '\n'), sink.lines.n - 1);
        assert_int_equal(str_index(buf_str(&sink.lines), '\x1b'), sink.lines.n);
        assert_int_equal(str_index(buf_str(&sink.lines), '\r'), sink.lines.n);
        assert_true(str_is_utf8(buf_str(&sink.lines)));
        buf_done(&sink.lines);
    }
}

static void test_span_has_a_line_in_each_style(void **state)
{
    (void)state;
    static const char *const expected[] = {
        [TT_STYLE_PRETTY] = "00:00:01.000 SPAN  web: GET /  duration=2.500ms kind=server "
                            "status=error error=\"no way\" trace_id=",
        [TT_STYLE_LOGFMT] = "time=1970-01-01T00:00:01.000Z span=\"GET /\" tracer=web "
                            "duration=2.500ms kind=server status=error error=\"no way\" trace_id=",
        [TT_STYLE_JSON] = "{\"time\":\"1970-01-01T00:00:01.000Z\",\"span\":\"GET /\","
                          "\"tracer\":\"web\",\"duration\":\"2.500ms\",\"kind\":\"server\","
                          "\"status\":\"error\",\"error\":\"no way\",\"trace_id\":\"",
        [TT_STYLE_OTLP] = "{\"resourceSpans\":[{\"resource\":"};
    for (enum tt_style style = TT_STYLE_PRETTY; style <= TT_STYLE_OTLP; style++) {
        tt_tracer_provider_options o = {
            .size = sizeof o, .exporter = {.send = put}, .simple = true};
        tt_span_options so = {.size = sizeof so, .kind = TT_SPAN_SERVER, .start_unix_ns = SECOND};
        sink.style.style = style;
        sink.lines = BUF_MAX(1 << 20);
        tt_tracer_provider *p = tt_tracer_provider_new(&o);
        tt_span span = tt_span_start(tt_tracer_get(p, "web", NULL), "GET /", &so);
        tt_span_set_status(span, TT_STATUS_ERROR, "no way");
        tt_span_end_at(span, SECOND + 2500000);
        tt_tracer_provider_free(p);
        assert_true(str_starts(buf_str(&sink.lines), str_c(expected[style])));
        assert_int_equal(str_index(buf_str(&sink.lines), '\n'), sink.lines.n - 1);
        buf_done(&sink.lines);
    }
}

static void test_metrics_are_otlp_in_every_style(void **state)
{
    (void)state;
    sink.style.style = TT_STYLE_PRETTY;
    sink.lines = BUF_MAX(1 << 20);
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    tt_metric_reader_options o = {.size = sizeof o, .exporter = {.send = put}};
    tt_counter_add(tt_counter_new(tt_meter_get(p, "m", NULL), "orders", NULL), 3, NULL, 0);
    tt_metric_reader *reader = tt_metric_reader_start(p, &o);
    assert_int_equal(tt_metric_reader_stop(reader, 60000), TT_OK);
    tt_meter_provider_free(p);
    assert_true(str_find(buf_str(&sink.lines), STR("\"asInt\":\"3\"")) < sink.lines.n);
    buf_done(&sink.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_record_has_a_line_in_each_style),
        cmocka_unit_test(test_terminal_gets_colours_if_it_wants_them),
        cmocka_unit_test(test_nothing_that_is_logged_ends_a_line_or_speaks_to_a_terminal),
        cmocka_unit_test(test_span_has_a_line_in_each_style),
        cmocka_unit_test(test_metrics_are_otlp_in_every_style),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
