/* Readers, views and meters of a model. */
#include "declared.h"

#include "support/metrics_text.h"
#include "telltale/metric_producer.h"
#include "telltale/metric_reader.h"
#include "telltale/prometheus.h"
#include "telltale/view.h"

static void test_readers_have_limits_and_aggregations_of_their_own(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        declared_create("file_format: \"1.0\"\n"
                        "meter_provider:\n"
                        "  readers:\n"
                        "  - periodic:\n"
                        "      exporter: {sink: {default_histogram_aggregation:\n"
                        "                          base2_exponential_bucket_histogram}}\n"
                        "      cardinality_limits: {default: 9, counter: 1}\n"
                        "  - pull:\n"
                        "      exporter: {prometheus/development: {host: 127.0.0.1, port: 0}}\n"
                        "      cardinality_limits: {counter: 2}\n",
                        &sdk),
        TT_OK);
    tt_meter *meter = tt_meter_get(sdk.meters, "t", NULL);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 3; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    tt_histogram_record(tt_histogram_new(meter, "h", NULL), 1, NULL, 0);
    check_metrics_text(sdk.meters, "# TYPE c_total counter\nc_total{i=\"0\"} 1\n"
                                   "c_total{otel_metric_overflow=\"true\"} 2\n"
                                   "# TYPE h histogram\nh_bucket{le=\"0\"} 0\n"
                                   "h_bucket{le=\"5\"} 1\nh_bucket{le=\"10\"} 1\n"
                                   "h_bucket{le=\"25\"} 1\nh_bucket{le=\"50\"} 1\n"
                                   "h_bucket{le=\"75\"} 1\nh_bucket{le=\"100\"} 1\n"
                                   "h_bucket{le=\"250\"} 1\nh_bucket{le=\"500\"} 1\n"
                                   "h_bucket{le=\"750\"} 1\nh_bucket{le=\"1000\"} 1\n"
                                   "h_bucket{le=\"2500\"} 1\nh_bucket{le=\"5000\"} 1\n"
                                   "h_bucket{le=\"7500\"} 1\nh_bucket{le=\"10000\"} 1\n"
                                   "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n");
    tt_sdk_free(&sdk);
    otlp_sink_has(&declared_sink, "\"exponentialHistogram\"");
    otlp_sink_has(&declared_sink, "otel.metric.overflow");
    otlp_sink_lacks(&declared_sink, "explicitBounds");
    assert_int_equal(declared_sink.items, 2); // one set, and the overflow has all
}

static int produced;

static int produce(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    (void)filter, (void)batch;
    produced += *(int *)arg;
    return TT_OK;
}

static int make_producer(void *arg, const tt_value *properties, tt_metric_producer *out)
{
    static int steps;
    (void)arg;
    steps = (int)tt_property_int(properties, "steps", -1);
    *out = (tt_metric_producer){produce, &steps};
    return TT_OK;
}

static void test_readers_have_producers(void **state)
{
    (void)state;
    tt_sdk sdk;
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_PRODUCER, .name = "other"};
    c.make.producer = make_producer;
    assert_int_equal(tt_component_register(&c), TT_OK);
    produced = 0;
    assert_int_equal(declared_create("file_format: \"1.0\"\nlog_level: warn\n"
                                     "meter_provider: {readers: [{periodic: {exporter: {sink: },\n"
                                     "  producers: [{other: {steps: 7}}]}}]}\n",
                                     &sdk),
                     TT_OK);
    assert_int_equal(tt_metric_reader_flush(sdk.readers[0], 10000), TT_OK);
    assert_int_equal(produced, 7);
    tt_sdk_free(&sdk);
}

static void test_endpoint_is_started_and_stopped(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(tt_prometheus_register(), TT_OK);
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "meter_provider:\n"
                                     "  readers:\n"
                                     "    - pull: {exporter: {prometheus/development:\n"
                                     "             {host: 127.0.0.1, port: 0}}}\n",
                                     &sdk),
                     TT_OK);
    assert_int_equal(sdk.pulls_n, 1);
    tt_sdk_free(&sdk);
}

static void test_views_may_be_composed(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        declared_create(
            "file_format: \"1.0\"\n"
            "meter_provider:\n"
            "  view_matching_mode/development: composable\n"
            "  readers: []\n"
            "  views:\n"
            "  - {selector: {instrument_name: c}, stream: {description: first, name: other}}\n"
            "  - {selector: {instrument_type: counter}, stream: {attribute_keys: {excluded: [a]}}}\n",
            &sdk),
        TT_OK);
    tt_attr attrs[] = {tt_int("a", 1), tt_int("b", 2)};
    tt_counter_add(tt_counter_new(tt_meter_get(sdk.meters, "t", NULL), "c", NULL), 1, attrs, 2);
    check_metrics_text(sdk.meters, "# HELP other_total first\n# TYPE other_total counter\n"
                                   "other_total{b=\"2\"} 1\n");
    tt_sdk_free(&sdk);
}

static void test_views_say_what_becomes_of_instruments(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        declared_create(
            "file_format: \"1.0\"\n"
            "meter_provider:\n"
            "  exemplar_filter: always_off\n"
            "  views:\n"
            "    - selector: {instrument_name: taken, instrument_type: histogram}\n"
            "      stream:\n"
            "        name: given\n"
            "        attribute_keys: {included: [kept]}\n"
            "        aggregation: {explicit_bucket_histogram: {boundaries: [1, 2.5]}}\n"
            "    - selector: {instrument_name: unwanted*}\n"
            "      stream: {aggregation: {drop: }}\n"
            "  readers: [{periodic: {interval: 100000, exporter:\n"
            "    {sink: {temporality_preference: delta}}, cardinality_limits: {default: 9}}}]\n",
            &sdk),
        TT_OK);
    tt_meter *meter = tt_meter_get(sdk.meters, "m", NULL);
    tt_attr attrs[] = {tt_str("kept", "here"), tt_str("left", "out")};
    tt_histogram_record(tt_histogram_new(meter, "taken", NULL), 2, attrs, 2);
    tt_counter_add(tt_counter_new(meter, "unwanted.one", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "wanted", NULL), 1, NULL, 0);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&declared_sink, "\"name\":\"given\"");
    otlp_sink_has(&declared_sink, "\"explicitBounds\":[1,2.5]");
    otlp_sink_has(&declared_sink, "\"aggregationTemporality\":1");
    otlp_sink_has(&declared_sink, "here");
    otlp_sink_lacks(&declared_sink, "left");
    otlp_sink_lacks(&declared_sink, "unwanted");
    tt_sdk_free(&sdk);
}

static void test_meters_are_switched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "meter_provider:\n"
                                     "  readers: []\n"
                                     "  meter_configurator/development:\n"
                                     "    default_config: {enabled: false}\n"
                                     "    meters: [{name: one.off, config: {disabled: true}},\n"
                                     "             {name: one.*, config: {disabled: false}}]\n",
                                     &sdk),
                     TT_OK);
    static const char *const names[] = {"one.on", "one.off", "two"};
    for (size_t i = 0; i < 3; i++) {
        tt_meter *m = tt_meter_get(sdk.meters, names[i], NULL);
        tt_gauge_set(tt_gauge_new(m, i == 0 ? "a" : i == 1 ? "b" : "c", NULL), 1, NULL, 0);
    }
    check_metrics_text(sdk.meters, "# TYPE a gauge\na 1\n");
    tt_sdk_free(&sdk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECLARED_TEST(readers_have_limits_and_aggregations_of_their_own),
        DECLARED_TEST(readers_have_producers),
        DECLARED_TEST(endpoint_is_started_and_stopped),
        DECLARED_TEST(views_may_be_composed),
        DECLARED_TEST(views_say_what_becomes_of_instruments),
        DECLARED_TEST(meters_are_switched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
