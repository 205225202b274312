#include "telltale/bridge.h"

#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/metric_reader.h"
#include "telltale/metrics.h"

static struct otlp_sink sink;
static tt_meter_provider *provider;

static const tt_scope scope = {.name = "other", .version = "7", .schema_url = "https://x.org/1"};
static int produced; /* what the last said */

/* Of each type one, with attributes of all types. */
static int produce(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    assert_string_equal(arg, "argument");
    const tt_value items[] = {tt_value_int(1), tt_value_str("two")};
    const tt_attr field = tt_double("f", 0.5);
    const tt_attr attrs[] = {
        tt_str("text", "t"),        tt_bool("yes", true),
        tt_bytes("raw", "\xff", 1), tt_attr_of("list", tt_value_array(items, 2)),
        tt_int("route", 1),         tt_attr_of("map", tt_value_map(&field, 1))};
    const double bounds[] = {1, 2}, quantiles[] = {0.5, 0.99}, values[] = {10, 20};
    const uint64_t buckets[] = {3, 0, 4};
    const tt_bridge_point gauges[] = {
        {.size = sizeof *gauges, .attrs = attrs, .attrs_n = 6, .integer = -5, .time_unix_ns = 9},
        {.size = sizeof *gauges, .is_double = true, .number = 0.25, .start_unix_ns = 77}};
    const tt_bridge_point sum = {.size = sizeof sum, .integer = 11, .start_unix_ns = 123};
    const tt_bridge_point histogram = {.size = sizeof sum,
                                       .count = 7,
                                       .sum = 17.5,
                                       .bounds = bounds,
                                       .buckets = buckets,
                                       .bounds_n = 2};
    const tt_bridge_point summary = {.size = sizeof sum,
                                     .count = 70,
                                     .sum = 175,
                                     .quantiles = quantiles,
                                     .values = values,
                                     .quantiles_n = 2};
    const tt_bridge_metric metrics[] = {
        {sizeof *metrics, "b.gauge", "A gauge", "By", TT_BRIDGE_GAUGE, false, gauges, 2},
        {sizeof *metrics, "b.counter", NULL, NULL, TT_BRIDGE_COUNTER, true, &sum, 1},
        {sizeof *metrics, "b.updown", NULL, NULL, TT_BRIDGE_UPDOWNCOUNTER, false, &sum, 1},
        {sizeof *metrics, "b.histogram", NULL, NULL, TT_BRIDGE_HISTOGRAM, false, &histogram, 1},
        {sizeof *metrics, "b.summary", NULL, NULL, TT_BRIDGE_SUMMARY, false, &summary, 1},
        {sizeof *metrics, "b.empty", NULL, NULL, TT_BRIDGE_GAUGE, false, NULL, 0}};
    produced = tt_bridge_put(batch, filter, &scope, metrics, 6);
    return produced;
}

static int fail_to_produce(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    (void)arg, (void)filter, (void)batch;
    return TT_ERR_IO;
}

static char argument[] = "argument";

/* Collects once with these, and a counter of the program's own. */
static void collect(const tt_metric_filter *filter, const tt_metric_producer *producers, size_t n)
{
    otlp_sink_init(&sink);
    provider = tt_meter_provider_new(NULL);
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000, .filter = filter};
    o.producers = producers;
    o.producers_n = n;
    o.exporter = otlp_sink_exporter(&sink);
    tt_metric_reader *reader = tt_metric_reader_start(provider, &o);
    assert_non_null(reader);
    tt_meter *meter = tt_meter_get(provider, "mine", "1");
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 3; i++) {
        tt_attr attr = tt_int("route", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 5, NULL, 0);
    assert_int_equal(tt_metric_reader_stop(reader, 10000), TT_OK);
    tt_meter_provider_free(provider);
}

static void test_producers_metrics_are_sent_with_those_of_instruments(void **state)
{
    (void)state;
    const tt_metric_producer p = {produce, argument};
    collect(NULL, &p, 1);
    assert_int_equal(produced, TT_OK);
    assert_int_equal(sink.requests, 1);
    assert_int_equal(sink.items, 3 + 1 + 6);
    otlp_sink_has(&sink, "\"name\":\"mine\",\"version\":\"1\"");
    otlp_sink_has(&sink, "\"name\":\"other\",\"version\":\"7\"");
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://x.org/1\"");
    otlp_sink_has(&sink,
                  "\"name\":\"b.gauge\",\"description\":\"A gauge\",\"unit\":\"By\",\"gauge\"");
    otlp_sink_has(&sink, "\"timeUnixNano\":\"9\"");
    otlp_sink_has(&sink, "\"asInt\":\"-5\"");
    otlp_sink_has(&sink, "\"asDouble\":0.25");
    otlp_sink_lacks(&sink, "\"startTimeUnixNano\":\"77\""); // gauges have none
    otlp_sink_has(&sink, "{\"key\":\"raw\",\"value\":{\"bytesValue\":\"/w==\"}}");
    otlp_sink_has(&sink,
                  "{\"key\":\"list\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},"
                  "{\"stringValue\":\"two\"}]}}}");
    otlp_sink_has(&sink, "{\"key\":\"map\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"f\","
                         "\"value\":{\"doubleValue\":0.5}}]}}}");
    otlp_sink_has(&sink, "\"aggregationTemporality\":1,\"isMonotonic\":true");
    otlp_sink_has(&sink, "\"bucketCounts\":[\"3\",\"0\",\"4\"],\"explicitBounds\":[1,2]");
    otlp_sink_has(&sink, "{\"quantile\":0.99,\"value\":20}");
    otlp_sink_lacks(&sink, "b.empty");
    otlp_sink_done(&sink);
}

static void test_producer_that_fails_is_told_and_the_rest_is_sent(void **state)
{
    (void)state;
    const tt_metric_producer both[] = {{fail_to_produce, NULL}, {produce, argument}};
    uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
    collect(NULL, both, 2);
    assert_int_equal(tt_problem_count(TT_PROBLEM_EXPORT), before + 1);
    otlp_sink_has(&sink, "b.gauge");
    assert_int_equal(sink.items, 3 + 1 + 6);
    otlp_sink_done(&sink);
}

/* --- filters --- */

static enum tt_filtered choose_metric(void *arg, const tt_filter_metric *m)
{
    (void)arg;
    bool mine = strcmp(m->scope->name, "mine") == 0;
    assert_string_equal(m->scope->version, mine ? "1" : "7");
    if (strcmp(m->name, "c") == 0) {
        assert_int_equal(m->kind, TT_KIND_COUNTER);
        return TT_FILTER_PARTIAL;
    }
    if (strcmp(m->name, "b.gauge") == 0) {
        assert_string_equal(m->unit, "By");
        return TT_FILTER_PARTIAL;
    }
    return strcmp(m->name, "b.summary") == 0 ? TT_FILTER_ACCEPT : TT_FILTER_DROP;
}

static bool choose_point(void *arg, const tt_filter_metric *m, const tt_attr *attrs, size_t n)
{
    (void)arg, (void)m;
    for (size_t i = 0; i < n; i++) {
        if (attrs[i].key_n == 5 && memcmp(attrs[i].key, "route", 5) == 0)
            return attrs[i].value.as.integer == 1;
    }
    return false;
}

static void test_filter_leaves_out_metrics_and_points_of_all(void **state)
{
    (void)state;
    const tt_metric_producer p = {produce, argument};
    const tt_metric_filter f = {choose_metric, choose_point, NULL};
    collect(&f, &p, 1);
    assert_int_equal(sink.items, 1 + 1 + 1);
    otlp_sink_has(&sink, "\"name\":\"c\"");
    otlp_sink_has(&sink, "b.gauge");
    otlp_sink_has(&sink, "b.summary");
    otlp_sink_lacks(&sink, "\"name\":\"g\"");
    otlp_sink_lacks(&sink, "b.counter");
    otlp_sink_lacks(&sink, "\"asDouble\":0.25"); // it has no route
    otlp_sink_done(&sink);
}

static enum tt_filtered drop_all(void *arg, const tt_filter_metric *m)
{
    (void)arg, (void)m;
    return TT_FILTER_DROP;
}

static void test_nothing_is_sent_when_all_is_filtered(void **state)
{
    (void)state;
    const tt_metric_producer p = {produce, argument};
    const tt_metric_filter f = {.metric = drop_all};
    collect(&f, &p, 1);
    assert_int_equal(sink.requests, 0);
    otlp_sink_done(&sink);
}

/* --- what is wrong --- */

static int put_wrong(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    const double bounds[] = {2, 1};
    const uint64_t buckets[] = {1, 1, 1};
    tt_bridge_point p = {.size = sizeof p, .bounds = bounds, .buckets = buckets, .bounds_n = 2};
    tt_bridge_metric m = {.size = sizeof m, .name = "m", .points = &p, .points_n = 1};
    (void)arg;
    m.type = TT_BRIDGE_HISTOGRAM;
    assert_int_equal(tt_bridge_put(batch, filter, &scope, &m, 1), TT_ERR_INVALID);
    m.type = (enum tt_bridge_type)17;
    assert_int_equal(tt_bridge_put(batch, filter, &scope, &m, 1), TT_ERR_INVALID);
    m.type = TT_BRIDGE_GAUGE;
    m.name = "";
    assert_int_equal(tt_bridge_put(batch, filter, &scope, &m, 1), TT_ERR_INVALID);
    assert_int_equal(tt_bridge_put(batch, filter, &scope, NULL, 1), TT_ERR_INVALID);
    assert_int_equal(tt_bridge_put(NULL, filter, &scope, &m, 1), TT_ERR_INVALID);
    assert_int_equal(tt_bridge_put(batch, filter, NULL, NULL, 0), TT_OK);
    return TT_OK;
}

static void test_metrics_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const tt_metric_producer p = {put_wrong, NULL};
    collect(NULL, &p, 1);
    assert_int_equal(sink.items, 3 + 1);
    otlp_sink_done(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_producers_metrics_are_sent_with_those_of_instruments),
        cmocka_unit_test(test_producer_that_fails_is_told_and_the_rest_is_sent),
        cmocka_unit_test(test_filter_leaves_out_metrics_and_points_of_all),
        cmocka_unit_test(test_nothing_is_sent_when_all_is_filtered),
        cmocka_unit_test(test_metrics_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
