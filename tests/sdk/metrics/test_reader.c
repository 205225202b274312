#include "telltale/metric_reader.h"

#include <stdio.h>

#include "support/check.h"
#include "support/otlp_sink.h"

static struct otlp_sink sink;
static tt_meter_provider *provider;
static tt_meter *meter;
static tt_metric_reader *reader;

static int begin(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_attr attr = tt_str("service.name", "shop");
    tt_resource *resource = tt_resource_new(&attr, 1, "https://example.org/schema");
    tt_meter_provider_options p = {.size = sizeof p, .resource = resource};
    provider = tt_meter_provider_new(&p);
    tt_resource_free(resource);
    meter = tt_meter_get(provider, "lib", "2");
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = otlp_sink_exporter(&sink);
    reader = tt_metric_reader_start(provider, &o);
    return reader ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    (void)tt_metric_reader_stop(reader, 1000);
    assert_true(sink.closed);
    tt_meter_provider_free(provider);
    otlp_sink_done(&sink);
    return 0;
}

static void flush(void)
{
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
}

static void test_numbers_are_sent_with_their_metric(void **state)
{
    (void)state;
    tt_instrument_options o = {.size = sizeof o, .unit = "{item}", .description = "Things"};
    tt_attr attrs[] = {tt_str("a", "x"), tt_bool("b", true)};
    tt_counter_add(tt_counter_new(meter, "things", &o), 5, attrs, 2);
    tt_double_updowncounter_add(tt_double_updowncounter_new(meter, "u", NULL), -0.5, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), -3, NULL, 0);
    flush();
    otlp_sink_has(&sink, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}");
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/schema\"");
    otlp_sink_has(&sink, "\"name\":\"lib\",\"version\":\"2\"");
    otlp_sink_has(&sink, "\"name\":\"things\",\"description\":\"Things\",\"unit\":\"{item}\"");
    otlp_sink_has(&sink, "\"asInt\":\"5\"");
    otlp_sink_has(&sink, "\"aggregationTemporality\":2,\"isMonotonic\":true");
    otlp_sink_has(&sink, "\"asDouble\":-0.5");
    otlp_sink_has(&sink, "\"asInt\":\"-3\"");
    assert_int_equal(sink.items, 3);
}

static void test_histograms_are_sent_with_their_buckets(void **state)
{
    (void)state;
    const double bounds[] = {1, 2};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 2};
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    tt_histogram *h = tt_histogram_new(meter, "h", &o), *x = tt_histogram_new(meter, "x", &e);
    for (int i = 0; i < 4; i++) {
        tt_histogram_record(h, 1 + i / 2.0, NULL, 0);
        tt_histogram_record(x, i - 1, NULL, 0);
    }
    flush();
    otlp_sink_has(&sink, "\"count\":\"4\",\"sum\":7");
    otlp_sink_has(&sink, "\"bucketCounts\":[\"1\",\"2\",\"1\"],\"explicitBounds\":[1,2]");
    otlp_sink_has(&sink, "\"min\":1,\"max\":2.5");
    otlp_sink_has(&sink, "\"zeroCount\":\"1\"");
    otlp_sink_has(&sink, "\"min\":-1,\"max\":2");
    otlp_sink_has(&sink, "\"negative\":{\"offset\":-1,\"bucketCounts\":[\"1\"]}");
}

static void test_nothing_is_sent_when_there_is_nothing(void **state)
{
    (void)state;
    flush();
    assert_int_equal(sink.requests, 0);
    (void)tt_gauge_bind(tt_gauge_new(meter, "unset", NULL), NULL, 0);
    flush();
    assert_int_equal(sink.requests, 0);
}

static void test_values_are_cumulative(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 3; i++) {
        tt_counter_add(c, 10, NULL, 0);
        flush();
    }
    otlp_sink_has(&sink, "\"asInt\":\"10\"");
    otlp_sink_has(&sink, "\"asInt\":\"30\"");
    assert_int_equal(sink.requests, 3);
}

static void test_failed_send_is_told(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    sink.outcome = TT_ERR_IO;
    assert_int_equal(tt_metric_reader_flush(reader, 1000), TT_ERR_IO);
    assert_int_equal(tt_problem_count(TT_PROBLEM_EXPORT) - before, 1);
}

static void test_many_series_are_sent_in_one_request(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 1500; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, i, &attr, 1);
    }
    flush();
    assert_int_equal(sink.items, 1500);
    otlp_sink_has(&sink, "\"asInt\":\"1499\"");
}

static void test_reader_needs_an_exporter(void **state)
{
    (void)state;
    tt_metric_reader_options o = {.size = sizeof o};
    assert_null(tt_metric_reader_start(provider, &o));
    assert_null(tt_metric_reader_start(provider, NULL));
    assert_int_equal(tt_metric_reader_stop(NULL, 0), TT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_sent_with_their_metric),
        TEST(test_histograms_are_sent_with_their_buckets),
        TEST(test_nothing_is_sent_when_there_is_nothing),
        TEST(test_values_are_cumulative),
        TEST(test_failed_send_is_told),
        TEST(test_many_series_are_sent_in_one_request),
        TEST(test_reader_needs_an_exporter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
