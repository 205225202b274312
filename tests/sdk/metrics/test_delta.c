#include "metrics/delta.h"

#include <stdlib.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/metric_reader.h"

static struct otlp_sink sink;
static tt_meter_provider *provider;
static tt_meter *meter;
static tt_metric_reader *reader;

static void read_as(enum tt_temporality temporality)
{
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = otlp_sink_exporter(&sink);
    o.temporality = temporality;
    (void)tt_metric_reader_stop(reader, 1000);
    reader = tt_metric_reader_start(provider, &o);
    assert_non_null(reader);
}

static int begin(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    provider = tt_meter_provider_new(NULL);
    meter = tt_meter_get(provider, "test", NULL);
    read_as(TT_TEMPORALITY_DELTA);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)tt_metric_reader_stop(reader, 1000);
    reader = NULL;
    tt_meter_provider_free(provider);
    otlp_sink_done(&sink);
    return 0;
}

/* Sends what there is now, and nothing before it stays in the sink. */
static void flush(void)
{
    sink.json.n = 0;
    sink.items = 0;
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
}

static void test_counter_sends_what_was_added_since(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_double_counter *d = tt_double_counter_new(meter, "d", NULL);
    tt_counter_add(c, 10, NULL, 0);
    tt_double_counter_add(d, 1.5, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"10\"");
    otlp_sink_has(&sink, "\"asDouble\":1.5");
    otlp_sink_has(&sink, "\"aggregationTemporality\":1,\"isMonotonic\":true");
    tt_counter_add(c, 3, NULL, 0);
    tt_double_counter_add(d, 0.25, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"3\"");
    otlp_sink_has(&sink, "\"asDouble\":0.25");
}

static void test_series_that_did_not_change_are_left_out(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    for (int i = 0; i < 40; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
        tt_histogram_record(h, i, &attr, 1);
    }
    flush();
    assert_int_equal(sink.items, 80);
    tt_attr attr = tt_int("i", 7);
    tt_counter_add(c, 1, &attr, 1);
    flush();
    assert_int_equal(sink.items, 1);
}

static void test_histogram_sends_the_difference_of_its_buckets(void **state)
{
    (void)state;
    const double bounds[] = {1, 2};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 2};
    tt_histogram *h = tt_histogram_new(meter, "h", &o);
    tt_histogram_record(h, 0.5, NULL, 0);
    flush();
    otlp_sink_lacks(&sink, "\"min\"");
    tt_histogram_record(h, 1.5, NULL, 0);
    tt_histogram_record(h, 9, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"count\":\"2\",\"sum\":10.5");
    otlp_sink_has(&sink, "\"bucketCounts\":[\"0\",\"1\",\"1\"]");
}

static void test_exponential_histogram_subtracts_across_scales(void **state)
{
    (void)state;
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    tt_histogram *x = tt_histogram_new(meter, "x", &e);
    tt_histogram_record(x, 1, NULL, 0);
    tt_histogram_record(x, 1.0001, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"count\":\"2\"");
    tt_histogram_record(x, 0, NULL, 0);
    tt_histogram_record(x, -4, NULL, 0);
    tt_histogram_record(x, 1e12, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"count\":\"3\"");
    otlp_sink_has(&sink, "\"zeroCount\":\"1\"");
    otlp_sink_has(&sink, "\"bucketCounts\":[\"1\"]}");
}

static void observe(tt_observation *o, void *arg)
{
    static int64_t total = 100;
    tt_observe_int(o, arg, total, NULL, 0);
    total = total == 107 ? 3 : total + 7; // 100, 107, 3
}

static void test_observed_totals_are_subtracted_until_they_fall(void **state)
{
    (void)state;
    tt_observable *c = tt_observable_new(meter, TT_OBSERVABLE_COUNTER, "c", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, c) > 0);
    static const char *const expected[] = {"\"asInt\":\"100\"", "\"asInt\":\"7\"",
                                           "\"asInt\":\"3\""};
    for (int i = 0; i < 3; i++) {
        flush();
        otlp_sink_has(&sink, expected[i]);
    }
}

static void test_updowncounters_and_gauges_have_no_delta(void **state)
{
    (void)state;
    tt_updowncounter *u = tt_updowncounter_new(meter, "u", NULL);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_updowncounter_add(u, 5, NULL, 0);
    tt_gauge_set(g, 9, NULL, 0);
    flush();
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"5\"");
    otlp_sink_has(&sink, "\"aggregationTemporality\":2");
    otlp_sink_has(&sink, "\"asInt\":\"9\"");
}

static void test_removed_set_starts_anew(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_counter_add(c, 10, NULL, 0);
    flush();
    assert_true(tt_counter_remove(c, NULL, 0));
    tt_counter_add(c, 4, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"4\"");
}

static void test_readers_do_not_disturb_each_other(void **state)
{
    (void)state;
    tt_metric_reader *delta = reader;
    reader = NULL;
    read_as(TT_TEMPORALITY_CUMULATIVE);
    tt_metric_reader *cumulative = reader;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 3; i++) {
        tt_counter_add(c, 10, NULL, 0);
        reader = delta;
        flush();
        otlp_sink_has(&sink, "\"asInt\":\"10\"");
    }
    reader = cumulative;
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"30\"");
    assert_int_equal(tt_metric_reader_stop(delta, 1000), TT_OK);
}

static void test_environment_prefers_a_temporality(void **state)
{
    (void)state;
    static const char name[] = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_observable *o = tt_observable_new(meter, TT_OBSERVABLE_COUNTER, "o", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, o) > 0);
    tt_counter_add(c, 1, NULL, 0);
    assert_int_equal(setenv(name, "LowMemory", 1), 0);
    read_as(TT_TEMPORALITY_DEFAULT);
    flush();
    otlp_sink_has(&sink, "\"aggregationTemporality\":1");
    otlp_sink_has(&sink, "\"aggregationTemporality\":2");
    assert_int_equal(setenv(name, "cumulative", 1), 0);
    read_as(TT_TEMPORALITY_DEFAULT);
    flush();
    otlp_sink_lacks(&sink, "\"aggregationTemporality\":1");
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(setenv(name, "never", 1), 0);
    read_as(TT_TEMPORALITY_DEFAULT);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    assert_int_equal(unsetenv(name), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counter_sends_what_was_added_since),
        TEST(test_series_that_did_not_change_are_left_out),
        TEST(test_histogram_sends_the_difference_of_its_buckets),
        TEST(test_exponential_histogram_subtracts_across_scales),
        TEST(test_observed_totals_are_subtracted_until_they_fall),
        TEST(test_updowncounters_and_gauges_have_no_delta),
        TEST(test_removed_set_starts_anew),
        TEST(test_readers_do_not_disturb_each_other),
        TEST(test_environment_prefers_a_temporality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
