#include "telltale/metric_reader.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/view.h"

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

static void test_meter_of_any_name_works(void **state)
{
    (void)state;
    tt_scope scope = {.name = "a b\"c", .version = "3", .schema_url = "https://example.org/meter"};
    tt_gauge_set(tt_gauge_new(tt_meter_get_scope(provider, &scope), "one", NULL), 1, NULL, 0);
    tt_gauge_set(tt_gauge_new(tt_meter_get(provider, "", NULL), "two", NULL), 2, NULL, 0);
    tt_gauge_set(tt_gauge_new(tt_meter_get(provider, NULL, NULL), "three", NULL), 3, NULL, 0);
    flush();
    assert_int_equal(sink.items, 3);
    otlp_sink_has(&sink, "\"name\":\"a b\\\"c\",\"version\":\"3\"");
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/meter\"");
    otlp_sink_has(&sink, "\"scope\":{\"name\":\"\",\"version\":\"\"");
}

static void test_meters_may_have_instruments_of_one_name(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    tt_meter *other = tt_meter_get(provider, "other", NULL);
    tt_counter_add(tt_counter_new(meter, "same", NULL), 11, NULL, 0);
    tt_gauge_set(tt_gauge_new(other, "same", NULL), 22, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 0);
    flush();
    assert_int_equal(sink.items, 2);
    otlp_sink_has(&sink, "\"asInt\":\"11\"");
    otlp_sink_has(&sink, "\"asInt\":\"22\"");
}

static void test_conflicting_instruments_work_and_are_told(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    tt_instrument_options o = {.size = sizeof o, .unit = "By"};
    tt_counter_add(tt_counter_new(meter, "same", NULL), 11, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "same", NULL), 22, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "same", &o), 33, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 2);
    flush();
    assert_int_equal(sink.items, 3);
    otlp_sink_has(&sink, "\"asInt\":\"11\"");
    otlp_sink_has(&sink, "\"asInt\":\"22\"");
    otlp_sink_has(&sink, "\"asInt\":\"33\"");
}

static void test_units_are_checked_and_descriptions_are_not(void **state)
{
    (void)state;
    char unit[65], description[1100];
    memset(unit, 'u', sizeof unit - 1);
    unit[64] = '\0';
    memset(description, 'd', sizeof description - 1);
    memcpy(description, "\xf0\x9f\x9a\x80", 4); // characters of four bytes
    description[sizeof description - 1] = '\0';
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_instrument_options o = {.size = sizeof o, .unit = unit, .description = description};
    tt_gauge_set(tt_gauge_new(meter, "too_long", &o), 1, NULL, 0);
    o.unit = "\xc2\xb5s";
    tt_gauge_set(tt_gauge_new(meter, "no_ascii", &o), 1, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 2);
    o.unit = unit + 1; // 63
    tt_gauge_set(tt_gauge_new(meter, "fits", &o), 1, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 2);
    flush();
    otlp_sink_has(&sink, description);
    otlp_sink_has(&sink, unit + 1);
    otlp_sink_lacks(&sink, unit);
    otlp_sink_lacks(&sink, "\xc2\xb5s");
}

static void test_providers_share_no_configuration(void **state)
{
    (void)state;
    tt_meter_provider *other = tt_meter_provider_new(NULL);
    tt_view drop = {.size = sizeof drop, .aggregation = TT_AGGREGATION_DROP};
    assert_int_equal(tt_meter_provider_add_view(other, &drop), TT_OK);
    assert_int_equal(tt_meter_provider_switch(other, "*", false), TT_OK);
    tt_gauge_set(tt_gauge_new(tt_meter_get(other, "lib", "2"), "g", NULL), 1, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 2, NULL, 0);
    flush();
    otlp_sink_has(&sink, "\"asInt\":\"2\"");
    assert_int_equal(sink.items, 1);
    tt_meter_provider_free(other);
}

/* --- the environment --- */

struct noted {
    atomic_size_t sends;
    _Atomic(int64_t) timeout_ms;
};

static int note(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)signal, (void)request, (void)n, (void)items;
    struct noted *noted = arg;
    atomic_store(&noted->timeout_ms, timeout_ms);
    (void)atomic_fetch_add(&noted->sends, 1);
    return TT_OK;
}

static void test_environment_sets_interval_and_timeout(void **state)
{
    (void)state;
    struct noted noted = {0};
    assert_int_equal(setenv("OTEL_METRIC_EXPORT_INTERVAL", "10", 1), 0);
    assert_int_equal(setenv("OTEL_METRIC_EXPORT_TIMEOUT", "1234", 1), 0);
    tt_metric_reader_options o = {.size = sizeof o, .exporter = {.send = note, .arg = &noted}};
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, NULL, 0);
    tt_metric_reader *r = tt_metric_reader_start(provider, &o);
    assert_int_equal(unsetenv("OTEL_METRIC_EXPORT_INTERVAL"), 0);
    assert_int_equal(unsetenv("OTEL_METRIC_EXPORT_TIMEOUT"), 0);
    assert_non_null(r);
    while (atomic_load(&noted.sends) < 2) // nobody flushed
        (void)sched_yield();
    assert_int_equal(atomic_load(&noted.timeout_ms), 1234);
    assert_int_equal(tt_metric_reader_stop(r, 10000), TT_OK);
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
        TEST(test_meter_of_any_name_works),
        TEST(test_meters_may_have_instruments_of_one_name),
        TEST(test_conflicting_instruments_work_and_are_told),
        TEST(test_conflicting_instruments_work_and_are_told),
        TEST(test_units_are_checked_and_descriptions_are_not),
        TEST(test_providers_share_no_configuration),
        TEST(test_environment_sets_interval_and_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
