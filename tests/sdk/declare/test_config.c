#include "telltale/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"
#include "support/metrics_text.h"
#include "support/otlp_sink.h"
#include "telltale/host.h"
#include "telltale/metric_producer.h"
#include "telltale/metric_reader.h"
#include "telltale/otlp.h"
#include "telltale/prometheus.h"
#include "telltale/sampling.h"
#include "telltale/watch.h"

static struct otlp_sink sink;
static char seen[256]; /* the properties the exporter was made with */

static int make_sink(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal;
    assert_int_equal(properties->type, TT_TYPE_MAP);
    const char *path = tt_property_text(properties, "path");
    (void)snprintf(seen, sizeof seen, "%s %d", path ? path : "-",
                   (int)tt_property_int(properties, "level", -1));
    *out = otlp_sink_exporter(&sink);
    return TT_OK;
}

static enum tt_decision never(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)arg, (void)sampling, (void)out;
    return TT_DROP;
}

static int make_sampler(void *arg, const tt_value *properties, tt_sampler **out)
{
    (void)arg, (void)properties;
    *out = tt_sampler_custom(never, NULL);
    return TT_OK;
}

static int make_detector(void *arg, const tt_value *properties, tt_resource **out)
{
    (void)arg, (void)properties;
    tt_attr attrs[] = {tt_str("mine.a", "1"), tt_str("mine.b", "2"), tt_str("other", "3")};
    *out = tt_resource_new(attrs, 3, "https://example.org/1");
    return TT_OK;
}

static int setup(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    assert_int_equal(tt_host_register(), TT_OK);
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "sink"};
    c.make.exporter = make_sink;
    assert_int_equal(tt_component_register(&c), TT_OK);
    assert_int_equal(tt_sampling_register(), TT_OK);
    c.kind = TT_COMPONENT_SAMPLER;
    c.name = "never";
    c.make.sampler = make_sampler;
    assert_int_equal(tt_component_register(&c), TT_OK);
    c.kind = TT_COMPONENT_DETECTOR;
    c.name = "mine";
    c.make.detector = make_detector;
    return tt_component_register(&c);
}

static int teardown(void **state)
{
    (void)state;
    otlp_sink_done(&sink);
    return 0;
}

static int create(const char *text, tt_sdk *sdk)
{
    tt_config *config;
    tt_config_error error;
    int rc = tt_config_parse(text, strlen(text), &config, &error);
    if (rc != TT_OK)
        fail_msg("%s", error.text);
    rc = tt_config_create(tt_config_model(config), sdk);
    tt_config_free(config);
    return rc;
}

static void is_refused(const char *text, const char *expected)
{
    tt_config *config;
    tt_config_error error;
    assert_int_equal(tt_config_parse(text, strlen(text), &config, &error), TT_ERR_INVALID);
    assert_string_equal(error.text, expected);
}

static bool a_span_is_recorded(tt_sdk *sdk)
{
    tt_span span = tt_span_start(tt_tracer_get(sdk->tracers, "t", NULL), "work", NULL);
    bool recorded = tt_span_is_recording(span);
    tt_span_end(span);
    return recorded;
}

/* --- reading --------------------------------------------------------------------------------- */

static void test_file_becomes_a_model(void **state)
{
    (void)state;
    static const char text[] = "file_format: \"1.0\"\n"
                               "list: [1, 2.5, \"3\", true, null, {a: b}]\n"
                               "base: &base {x: 1}\n"
                               "again: *base\n"
                               "empty: {}\n"
                               "tagged: !!str 5\n";
    tt_config *config;
    assert_int_equal(tt_config_parse(text, sizeof text - 1, &config, NULL), TT_OK);
    const tt_value *model = tt_config_model(config), *list = tt_property(model, "list");
    assert_int_equal(list->n, 6);
    assert_int_equal(list->as.items[0].as.integer, 1);
    assert_true(list->as.items[1].as.number == 2.5);
    assert_string_equal(list->as.items[2].as.text, "3");
    assert_true(list->as.items[3].as.truth);
    assert_int_equal(list->as.items[4].type, TT_TYPE_EMPTY);
    assert_string_equal(tt_property_text(&list->as.items[5], "a"), "b");
    assert_int_equal(tt_property_int(tt_property(model, "again"), "x", 0), 1);
    assert_int_equal(tt_property(model, "empty")->type, TT_TYPE_MAP);
    assert_string_equal(tt_property_text(model, "tagged"), "5");
    tt_config_free(config);
}

static void test_variables_get_their_type_after_they_are_put_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("NUMBER", "17", 1), 0);
    assert_int_equal(setenv("INJECTION", "a\nb: c", 1), 0);
    static const char text[] = "file_format: 1.0\n"
                               "plain: ${NUMBER}\n"
                               "quoted: \"${NUMBER}\"\n"
                               "gone: ${NOT_SET_AT_ALL}\n"
                               "injected: ${INJECTION}\n"
                               "${NUMBER}: key\n";
    tt_config *config;
    assert_int_equal(tt_config_parse(text, sizeof text - 1, &config, NULL), TT_OK);
    const tt_value *model = tt_config_model(config);
    assert_int_equal(tt_property_int(model, "plain", 0), 17);
    assert_string_equal(tt_property_text(model, "quoted"), "17");
    assert_int_equal(tt_property(model, "gone")->type, TT_TYPE_EMPTY);
    assert_string_equal(tt_property_text(model, "injected"), "a\nb: c");
    assert_string_equal(tt_property_text(model, "${NUMBER}"), "key");
    tt_config_free(config);
}

static void test_mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    is_refused("file_format: \"0.1\"\n",
               "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
    is_refused("resource: {}\n", "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
    is_refused("- a\n", "line 1: a configuration is a map");
    is_refused("a: 1\nb: 2\na: 3\n", "line 3: twice in a map: \"a\"");
    is_refused("a:\n  b: ${X:?no}\n", "line 2: not a reference to a variable: \"${X:?no}\"");
    is_refused("a: *b\n", "line 1: an alias of what is not there, or not complete \"b\"");
    is_refused("a: &a [*a]\n", "line 1: an alias of what is not there, or not complete \"a\"");
    is_refused("a: 1\n---\nb: 2\n", "line 3: a second document");
    is_refused("[a]: 1\n", "line 1: a map has up to 1024 keys, which are words");
    is_refused("a: [1\n", "line 2: did not find expected ',' or ']'");
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[128] = "a: ";
    memset(text + 3, '[', 40);
    is_refused(text, "line 1: nested more than 32 deep");
}

static void test_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    tt_config *config;
    tt_config_error error;
    assert_int_equal(tt_config_parse_file("/nowhere/otel.yaml", &config, &error), TT_ERR_IO);
    assert_string_equal(error.text, "/nowhere/otel.yaml: No such file or directory");
    assert_int_equal(tt_config_parse_file(NULL, &config, &error), TT_ERR_IO);
    assert_null(tt_config_model(NULL));
    tt_config_free(NULL);
}

/* --- making ---------------------------------------------------------------------------------- */

static void test_pipe_is_no_file(void **state)
{
    (void)state;
    char path[] = "/tmp/otel-pipe-XXXXXX";
    tt_config *config = NULL;
    tt_config_error error;
    assert_non_null(mkdtemp(path));
    char name[sizeof path + 2];
    (void)snprintf(name, sizeof name, "%s/p", path);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(tt_config_parse_file(name, &config, &error), TT_ERR_IO);
    assert_non_null(strstr(error.text, "/p: not a regular file"));
    assert_int_equal(tt_config_parse_file(path, &config, &error), TT_ERR_IO);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(path), 0);
}

static void test_providers_are_made_with_their_exporters(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "resource:\n"
                            "  schema_url: https://example.org/schema\n"
                            "  attributes_list: \"team=blue,service.name=overridden\"\n"
                            "  attributes:\n"
                            "    - {name: service.name, value: shop}\n"
                            "    - {name: replicas, value: 3, type: int}\n"
                            "    - {name: share, value: 1, type: double}\n"
                            "    - {name: zones, value: [a, b], type: string_array}\n"
                            "propagator: {composite: [{tracecontext: null}, {b3: null}],\n"
                            "             composite_list: \"baggage\"}\n"
                            "tracer_provider:\n"
                            "  processors:\n"
                            "    - batch: {schedule_delay: 100000,\n"
                            "              exporter: {sink: {path: /x, level: 2}}}\n"
                            "meter_provider:\n"
                            "  readers:\n"
                            "    - periodic: {interval: 100000, exporter: {sink: null}}\n"
                            "logger_provider:\n"
                            "  processors: [{simple: {exporter: {sink: {}}}}]\n"
                            "  logger_configurator/development:\n"
                            "    default_config: {minimum_severity: warn}\n",
                            &sdk),
                     TT_OK);
    assert_string_equal(seen, "- -1");
    assert_int_equal(sdk.propagators, TT_W3C | TT_B3 | TT_BAGGAGE);
    assert_true(a_span_is_recorded(&sdk));
    tt_counter_add(tt_counter_new(tt_meter_get(sdk.meters, "m", NULL), "sold", NULL), 1, NULL, 0);
    tt_logger *logger = tt_logger_get(sdk.loggers, "l", NULL);
    tt_log(logger, TT_SEVERITY_INFO, "left out", NULL, 0);
    tt_log(logger, TT_SEVERITY_WARN, "kept", NULL, 0);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&sink, "\"name\":\"work\"");
    otlp_sink_has(&sink, "\"name\":\"sold\"");
    otlp_sink_has(&sink, "kept");
    otlp_sink_lacks(&sink, "left out");
    otlp_sink_has(&sink, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}");
    otlp_sink_has(&sink, "{\"key\":\"replicas\",\"value\":{\"intValue\":\"3\"}}");
    otlp_sink_has(&sink, "{\"key\":\"share\",\"value\":{\"doubleValue\":1");
    otlp_sink_has(&sink, "\"blue\"");
    otlp_sink_has(&sink, "telemetry.sdk.name");
    otlp_sink_has(&sink, "https://example.org/schema");
    tt_sdk_free(&sdk);
}

static tt_pipeline queues_of(const char *batch, tt_pipeline *out_logs)
{
    char text[512];
    tt_sdk sdk;
    tt_pipeline spans;
    (void)snprintf(text, sizeof text,
                   "file_format: \"1.0\"\n"
                   "tracer_provider: {processors: [{batch: {%s exporter: {sink: }}}]}\n"
                   "logger_provider: {processors: [{batch: {%s exporter: {sink: }}}]}\n",
                   batch, batch);
    assert_int_equal(create(text, &sdk), TT_OK);
    tt_tracer_provider_pipeline(sdk.tracers, &spans);
    tt_logger_provider_pipeline(sdk.loggers, out_logs);
    tt_sdk_free(&sdk);
    return spans;
}

static void test_queues_have_the_size_of_the_file(void **state)
{
    (void)state;
    tt_pipeline logs;
    assert_int_equal(setenv("OTEL_BSP_MAX_QUEUE_SIZE", "5", 1), 0); // is not asked
    assert_int_equal(queues_of("max_queue_size: 70,", &logs).queued_max, 70);
    assert_int_equal(logs.queued_max, 70);
    assert_int_equal(queues_of("", &logs).queued_max, 0);
    assert_int_equal(logs.queued_max, 0);
    assert_int_equal(unsetenv("OTEL_BSP_MAX_QUEUE_SIZE"), 0);
}

static void test_what_is_left_out_is_not_there(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"0.4\"\ntracer_provider:\n", &sdk), TT_OK);
    assert_null(sdk.tracers);
    assert_null(sdk.meters);
    assert_null(sdk.loggers);
    assert_int_equal(sdk.propagators, 0);
    assert_int_equal(create("file_format: \"1.0\"\ndisabled: true\nmeter_provider: {readers: []}\n"
                            "propagator: {composite_list: \"jaeger,b3multi,ottrace\"}\n",
                            &sdk),
                     TT_OK);
    assert_null(sdk.meters);
    assert_int_equal(sdk.propagators, TT_JAEGER | TT_B3_MULTI | TT_OTTRACE);
}

static int64_t given_ms;

static int note_time(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                     int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items;
    given_ms = timeout_ms;
    return TT_OK;
}

static int make_noting(void *arg, enum tt_signal signal, const tt_value *properties,
                       tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties;
    *out = (tt_exporter){.send = note_time};
    return TT_OK;
}

/* What the exporters are given, of an hour. */
static void check_times(int said_ms, int64_t least_ms, int64_t most_ms)
{
    static const int64_t hour_ms = 3600000;
    char text[512];
    tt_sdk sdk;
    (void)snprintf(text, sizeof text,
                   "file_format: \"1.0\"\n"
                   "tracer_provider: {processors: [{batch: {export_timeout: %d, "
                   "schedule_delay: 3600000, exporter: {noting: }}}]}\n"
                   "meter_provider: {readers: [{periodic: {timeout: %d, interval: 3600000, "
                   "exporter: {noting: }}}]}\n",
                   said_ms, said_ms);
    assert_int_equal(create(text, &sdk), TT_OK);
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "s", NULL));
    assert_int_equal(tt_tracer_provider_flush(sdk.tracers, hour_ms), TT_OK);
    assert_in_range(given_ms, least_ms, most_ms);
    given_ms = 0;
    tt_gauge_set(tt_gauge_new(tt_meter_get(sdk.meters, "m", NULL), "g", NULL), 1, NULL, 0);
    assert_int_equal(tt_metric_reader_flush(sdk.readers[0], hour_ms), TT_OK);
    assert_in_range(given_ms, least_ms, most_ms);
    tt_sdk_free(&sdk);
}

static void test_time_of_zero_is_no_limit(void **state)
{
    (void)state;
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "noting"};
    c.make.exporter = make_noting;
    assert_int_equal(tt_component_register(&c), TT_OK);
    check_times(0, 1800000, 3600000);
    check_times(1234, 1234, 1234);
}

static void test_samplers_are_nested(void **state)
{
    (void)state;
    static const struct {
        const char *sampler;
        bool recorded;
    } cases[] = {
        {"{always_on: }", true},
        {"{always_off: }", false},
        {"{trace_id_ratio_based: {ratio: 0}}", false},
        {"{probability/development: {ratio: 1.0}}", true},
        {"{parent_based: {root: {always_off: }}}", false},
        {"{parent_based: }", true},
        {"{parent_based: {root: {parent_based: {root: {never: }}}}}", false},
        {"{composite/development: {always_on: }}", true},
        {"{composite/development: {always_off: }}", false},
        {"{composite/development: {probability: {ratio: 0}}}", false},
        {"{composite/development: {parent_threshold: {root: {always_on: }}}}", true},
        {"{composite/development: {rule_based: {rules: [{span_kinds: [internal, server],\n"
         "    parent: [none], sampler: {always_on: }}]}}}",
         true},
        {"{composite/development: {rule_based: {rules: [{parent: [remote, local],\n"
         "    sampler: {always_on: }}]}}}",
         false},
        {"{composite/development: {rule_based: {rules: [\n"
         "    {attribute_values: {key: a, values: [b, c]}, sampler: {always_on: }},\n"
         "    {attribute_patterns: {key: a, included: [\"*\"], excluded: [d]},\n"
         "     sampler: {always_on: }}]}}}",
         false},
        {"{composite/development: {rule_based: }}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        tt_sdk sdk;
        (void)snprintf(text, sizeof text,
                       "file_format: \"1.0\"\ntracer_provider:\n  sampler: %s\n"
                       "  processors: [{simple: {exporter: {sink: }}}]\n",
                       cases[i].sampler);
        assert_int_equal(create(text, &sdk), TT_OK);
        assert_int_equal(a_span_is_recorded(&sdk), cases[i].recorded);
        tt_sdk_free(&sdk);
    }
}

static void test_samplers_are_found_by_others(void **state)
{
    (void)state;
    tt_sdk sdk;
    tt_component c;
    tt_sampler *s = NULL;
    tt_attr root = tt_attr_of("root", tt_value_of(TT_TYPE_EMPTY, 0)), none;
    assert_int_equal(create("file_format: \"1.0\"\n", &sdk), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_SAMPLER, "parent_based", &c), TT_OK);
    tt_value properties = tt_value_map(&root, 1);
    assert_int_equal(c.make.sampler(c.arg, &properties, &s), TT_OK);
    assert_non_null(s);
    tt_sampler_free(s);
    root.value = tt_value_map(&none, 0); // a sampler has a name
    assert_int_equal(c.make.sampler(c.arg, &properties, &s), TT_ERR_INVALID);
    tt_sdk_free(&sdk);
}

static void test_readers_have_limits_and_aggregations_of_their_own(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
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
    otlp_sink_has(&sink, "\"exponentialHistogram\"");
    otlp_sink_has(&sink, "otel.metric.overflow");
    otlp_sink_lacks(&sink, "explicitBounds");
    assert_int_equal(sink.items, 2); // one set, and the overflow has all
}

static void test_newer_format_is_read_and_told(void **state)
{
    (void)state;
    tt_sdk sdk;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(create("file_format: \"1.2\"\n", &sdk), TT_OK);
    assert_int_equal(create("file_format: 1.1\n", &sdk), TT_OK);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before);
    assert_int_equal(create("file_format: \"1.9\"\n", &sdk), TT_OK);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 1);
    is_refused("file_format: \"2.0\"\n",
               "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
}

static void test_meters_are_switched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
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

static void test_tracers_are_switched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "tracer_provider:\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n"
                            "  tracer_configurator/development:\n"
                            "    default_config: {enabled: false}\n"
                            "    tracers: [{name: one.off, config: {disabled: true}},\n"
                            "              {name: one.*, config: {disabled: false}}]\n",
                            &sdk),
                     TT_OK);
    assert_true(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "one.on", NULL)));
    assert_false(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "one.off", NULL)));
    assert_false(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "two", NULL)));
    tt_sdk_free(&sdk);
}

static void test_logs_are_masked_and_enriched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "resource: {attributes: [{name: service.name, value: shop}]}\n"
                            "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                            "distribution: {telltale: {logs: {masks: [emails, tokens],\n"
                            "  mask_keys: [iban, \"*.tax_id\"], enrich: [application]}}}\n",
                            &sdk),
                     TT_OK);
    tt_attr attrs[] = {tt_str("iban", "DE02"), tt_str("user.tax_id", "77"), tt_str("kept", "66")};
    tt_log(tt_logger_get(sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "ann@example.org +49301234567",
           attrs, 3);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&sink, "\"*** +49301234567\"");
    otlp_sink_lacks(&sink, "DE02");
    otlp_sink_lacks(&sink, "77");
    otlp_sink_has(&sink, "66");
    otlp_sink_has(&sink, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]");
    tt_sdk_free(&sdk);
}

static void test_too_many_keys_hide_all(void **state)
{
    (void)state;
    static char long_key[40000], text[90000];
    tt_sdk sdk;
    memset(long_key, 'k', sizeof long_key - 1);
    (void)snprintf(text, sizeof text,
                   "file_format: \"1.0\"\n"
                   "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                   "distribution: {telltale: {logs: {mask_keys: [iban, %s, %s]}}}\n",
                   long_key, long_key);
    assert_int_equal(create(text, &sdk), TT_ERR_LIMIT);
    tt_attr attr = tt_str("iban", "DE02");
    tt_log(tt_logger_get(sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "m", &attr, 1);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&sink, "\"key\":\"iban\"");
    otlp_sink_lacks(&sink, "DE02");
    tt_sdk_free(&sdk);
}

static void test_loggers_are_configured_by_name(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "logger_provider:\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n"
                            "  logger_configurator/development:\n"
                            "    default_config: {minimum_severity: error}\n"
                            "    loggers: [{name: one, config: {minimum_severity: warn}},\n"
                            "              {name: o*, config: {disabled: true}},\n"
                            "              {name: spans, config: {trace_based: true}}]\n",
                            &sdk),
                     TT_OK);
    static const struct {
        const char *name;
        enum tt_severity severity;
        bool enabled;
    } cases[] = {{"any", TT_SEVERITY_WARN, false},
                 {"any", TT_SEVERITY_ERROR, true},
                 {"one", TT_SEVERITY_INFO, false},
                 {"one", TT_SEVERITY_WARN, true},
                 {"other", TT_SEVERITY_FATAL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tt_logger *l = tt_logger_get(sdk.loggers, cases[i].name, NULL);
        assert_int_equal(tt_logger_is_enabled(l, cases[i].severity), cases[i].enabled);
    }
    tt_sdk_free(&sdk);
}

static void test_limits_hold_for_logs(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "attribute_limits: {attribute_value_length_limit: 3}\n"
                            "logger_provider:\n"
                            "  limits: {attribute_count_limit: 1}\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n",
                            &sdk),
                     TT_OK);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_str("second", "x")};
    tt_log(tt_logger_get(sdk.loggers, "t", NULL), TT_SEVERITY_ERROR, "text", attrs, 2);
    otlp_sink_has(&sink, "{\"key\":\"first\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_lacks(&sink, "second");
    tt_sdk_free(&sdk);
}

static void test_limits_hold_for_events_and_links(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "tracer_provider:\n"
                            "  limits: {event_attribute_count_limit: 1,\n"
                            "           link_attribute_count_limit: 2}\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n",
                            &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("a", "1"), tt_str("b", "2"), tt_str("c", "3")};
    tt_link link = {.span = tt_span_context_of(span), .attrs = attrs, .attrs_n = 3};
    tt_span_add_event(span, "event", 0, attrs, 3);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_lacks(&sink, "\"key\":\"c\"");
    otlp_sink_has(&sink, "\"key\":\"b\""); // of the link
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
    tt_sdk_free(&sdk);
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
    assert_int_equal(create("file_format: \"1.0\"\nlog_level: warn\n"
                            "meter_provider: {readers: [{periodic: {exporter: {sink: },\n"
                            "  producers: [{other: {steps: 7}}]}}]}\n",
                            &sdk),
                     TT_OK);
    assert_int_equal(tt_metric_reader_flush(sdk.readers[0], 10000), TT_OK);
    assert_int_equal(produced, 7);
    tt_sdk_free(&sdk);
}

static void test_views_may_be_composed(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        create(
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

static void test_limits_hold_for_spans(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "attribute_limits: {attribute_value_length_limit: 3,\n"
                            "                   attribute_count_limit: 100}\n"
                            "tracer_provider:\n"
                            "  limits: {attribute_count_limit: 1}\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n",
                            &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_str("second", "x")};
    tt_span_set(span, attrs, 2);
    tt_span_end(span);
    otlp_sink_has(&sink, "{\"key\":\"first\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_lacks(&sink, "second");
    tt_sdk_free(&sdk);
}

static void test_limits_of_zero_keep_nothing(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "tracer_provider:\n"
                            "  limits: {attribute_count_limit: 0, event_count_limit: 0,\n"
                            "           link_count_limit: 0}\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n"
                            "logger_provider:\n"
                            "  limits: {attribute_count_limit: 0}\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n",
                            &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_int("second", 1)};
    tt_link link = {.span = tt_span_context_of(span)};
    tt_span_set(span, attrs, 2);
    tt_span_add_event(span, "event", 0, NULL, 0);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_lacks(&sink, "\"attributes\":[{\"key\":\"first\"");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
    otlp_sink_has(&sink, "\"droppedEventsCount\":1");
    otlp_sink_has(&sink, "\"droppedLinksCount\":1");
    tt_log(tt_logger_get(sdk.loggers, "t", NULL), TT_SEVERITY_ERROR, "text", attrs, 2);
    otlp_sink_lacks(&sink, "second");
    tt_sdk_free(&sdk);
}

static void test_detectors_are_filtered(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(setenv("OTEL_SERVICE_NAME", "by-env", 1), 0);
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "resource:\n"
                            "  detection/development:\n"
                            "    attributes: {included: [mine.*, \"?ervice.name\"],"
                            "                 excluded: [mine.b]}\n"
                            "    detectors: [{mine: }, {service: }, {host: }]\n"
                            "tracer_provider:\n"
                            "  processors: [{simple: {exporter: {sink: }}}]\n",
                            &sdk),
                     TT_OK);
    (void)unsetenv("OTEL_SERVICE_NAME");
    assert_true(a_span_is_recorded(&sdk));
    otlp_sink_has(&sink, "mine.a");
    otlp_sink_has(&sink, "by-env");
    otlp_sink_lacks(&sink, "mine.b");
    otlp_sink_lacks(&sink, "other");
    otlp_sink_lacks(&sink, "host.name");
    tt_sdk_free(&sdk);
}

static void test_views_say_what_becomes_of_instruments(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        create("file_format: \"1.0\"\n"
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
    otlp_sink_has(&sink, "\"name\":\"given\"");
    otlp_sink_has(&sink, "\"explicitBounds\":[1,2.5]");
    otlp_sink_has(&sink, "\"aggregationTemporality\":1");
    otlp_sink_has(&sink, "here");
    otlp_sink_lacks(&sink, "left");
    otlp_sink_lacks(&sink, "unwanted");
    tt_sdk_free(&sdk);
}

static void test_endpoint_is_started_and_stopped(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(tt_prometheus_register(), TT_OK);
    assert_int_equal(create("file_format: \"1.0\"\n"
                            "meter_provider:\n"
                            "  readers:\n"
                            "    - pull: {exporter: {prometheus/development:\n"
                            "             {host: 127.0.0.1, port: 0}}}\n",
                            &sdk),
                     TT_OK);
    assert_int_equal(sdk.pulls_n, 1);
    tt_sdk_free(&sdk);
}

static void test_what_is_not_known_is_told_and_left_out(void **state)
{
    (void)state;
    static const char loud[] = "logger_provider: {logger_configurator/development: "
                               "{default_config: {minimum_severity: loud}}}";
    static const char pulled[] = "meter_provider: {readers: [{pull: {producers: [{opencensus: }],"
                                 "exporter: {prometheus/development: {port: 0}}}}]}";
    static const char *const texts[] = {
        "tracer_provider: {processors: [{batch: {exporter: {nothing: }}}]}",
        "tracer_provider: {processors: [{batch: }]}",
        "tracer_provider: {processors: [{other: }]}",
        "tracer_provider: {processors: [{batch: {max_queue_size: 0, exporter: {sink: }}}]}",
        "logger_provider: {processors: [{batch: {max_queue_size: -1, exporter: {sink: }}}]}",
        "tracer_provider: {processors: [5]}",
        "tracer_provider: {sampler: {nothing: }}",
        "tracer_provider: {sampler: {a: , b: }}",
        "meter_provider: {readers: [], view_matching_mode/development: other}",
        "meter_provider: {readers: [{periodic: {exporter: {sink: }, producers: [{opencensus: }]}}]}",
        pulled,
        "tracer_provider: {sampler: {composite/development: {rule_based: {rules: [{}]}}}}",
        "tracer_provider: {limits: {event_count_limit: -1}}",
        "tracer_provider: {tracer_configurator/development: {tracers: [{}]}}",
        "logger_provider: {logger_configurator/development: {loggers: [{}]}}",
        "logger_provider: {}\ndistribution: {telltale: {logs: {masks: [everything]}}}",
        "logger_provider: {}\ndistribution: {telltale: {logs: {mask_keys: [5]}}}",
        "meter_provider: {readers: [], meter_configurator/development: {meters: [{}]}}",
        "tracer_provider: {limits: {event_count_limit: many}}",
        "meter_provider: {readers: [{pull: {exporter: {nothing: }}}]}",
        "meter_provider: {readers: [{other: }]}",
        "meter_provider: {readers: [{periodic: }]}",
        "meter_provider: {views: [{selector: {instrument_type: nothing}}]}",
        "meter_provider: {views: [{stream: {aggregation: {nothing: }}}]}",
        "meter_provider: {exemplar_filter: nothing}",
        "propagator: {composite: [{nothing: }]}",
        "propagator: {composite_list: nothing}",
        "resource: {detection/development: {detectors: [{nothing: }]}}",
        "resource: {attributes: [{name: a}]}",
        "resource: {attributes: [{name: a, value: x, type: wat}]}",
        "resource: {attributes: [{name: a, value: 1e999, type: double}]}",
        "resource: {attributes: [{name: a, value: x, type: bool}]}",
        "resource: {attributes: [{name: a, value: [1, x], type: int_array}]}",
        "resource: {attributes: [{name: a, value: 1, type: int_array}]}",
        "resource: {attributes: [{name: a, value: 1, type: 5}]}",
        "resource: hello",
        "tracer_provider: hello",
        "meter_provider: []",
        "logger_provider: 5",
        "propagator: {composite: tracecontext}",
        "propagator: []",
        "disabled: \"yes\"",
        "log_level: []",
        "attribute_limits: []",
        "tracer_provider: {processors: {batch: }}",
        "tracer_provider: {processors: [{batch: 5}]}",
        "tracer_provider: {limits: hello}",
        "tracer_provider: {limits: {attribute_value_length_limit: 0}}",
        "tracer_provider: {sampler: hello}",
        "tracer_provider: {sampler: {trace_id_ratio_based: {ratio: .nan}}}",
        "tracer_provider: {sampler: {trace_id_ratio_based: {ratio: 2}}}",
        "tracer_provider: {sampler: {trace_id_ratio_based: {ratio: x}}}",
        "tracer_provider: {sampler: {parent_based: {root: always_on}}}",
        "meter_provider: {readers: {pull: }}",
        "meter_provider: {views: hello}",
        "logger_provider: {logger_configurator/development: {default_config: {enabled: 1}}}",
        "distribution: {telltale: {self_metrics: 1}}",
        loud,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[512];
        tt_sdk sdk;
        (void)snprintf(text, sizeof text, "file_format: \"1.0\"\n%s\n", texts[i]);
        if (create(text, &sdk) != TT_ERR_INVALID)
            fail_msg("taken: %s", texts[i]);
        tt_sdk_free(&sdk);
    }
    tt_sdk sdk;
    assert_int_equal(tt_config_create(NULL, &sdk), TT_ERR_INVALID);
}

/* To be removed by the caller. */
static void name_a_file_of(const char *text, char path[sizeof "/tmp/otel-XXXXXX"])
{
    memcpy(path, "/tmp/otel-XXXXXX", sizeof "/tmp/otel-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    assert_int_equal(tt_config_register(), TT_OK);
    assert_int_equal(setenv("OTEL_CONFIG_FILE", path, 1), 0);
}

static void test_keys_that_are_not_known_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t told;
    } cases[] = {
        {"tracer_provider: {procesors: [], sampler: {always_on: }}", 1},
        {"tracer_provider: {processors: [{batch: {shedule_delay: 5, exporter: {sink: }}}]}", 1},
        {"tracer_provider: {sampler: {never: {any: thing}}, processors: []}", 0},
        {"meter_provider: {readers: [], views: [{selector: {instrument: a}, stream: {nam: b}}]}",
         2},
        {"resource: {attribute: []}\nwhat: 1", 2},
        {"distribution: {telltale: {logs: {mask: [keys]}}, other: {any: thing}}", 1},
        {"instrumentation/development: {general: {any: thing}}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        tt_sdk sdk;
        uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
        (void)snprintf(text, sizeof text, "file_format: \"1.0\"\n%s\n", cases[i].text);
        assert_int_equal(create(text, &sdk), TT_OK);
        if (tt_problem_count(TT_PROBLEM_MISUSE) - before != cases[i].told)
            fail_msg("%s: %d", cases[i].text, (int)(tt_problem_count(TT_PROBLEM_MISUSE) - before));
        tt_sdk_free(&sdk);
    }
}

static void test_masks_of_the_program_hold_beside_a_file(void **state)
{
    (void)state;
    char path[sizeof "/tmp/otel-XXXXXX"];
    name_a_file_of("file_format: \"1.0\"\n"
                   "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                   "distribution: {telltale: {logs: {masks: [phones]}}}\n",
                   path);
    tt_init_options o = {.size = sizeof o, .log_masks = TT_MASK_EMAILS};
    assert_int_equal(tt_init(&o), TT_OK);
    tt_log(tt_logger_global("l", NULL), TT_SEVERITY_ERROR, "ann@example.org +49301234567", NULL, 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&sink, "\"*** ***\"");
    tt_cleanup();
    (void)unsetenv("OTEL_CONFIG_FILE");
    (void)unlink(path);
}

static void test_init_takes_the_file_that_the_environment_names(void **state)
{
    (void)state;
    char path[sizeof "/tmp/otel-XXXXXX"];
    name_a_file_of("file_format: \"1.0\"\n"
                   "tracer_provider: {processors: [{batch: {exporter: {sink: }}}]}\n",
                   path);
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_span_end(tt_span_start(tt_tracer_global("t", NULL), "by file", NULL));
    assert_null(tt_meter_provider_global());
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&sink, "by file");
    tt_cleanup();
    assert_int_equal(setenv("OTEL_CONFIG_FILE", "/nowhere/otel.yaml", 1), 0);
    assert_int_equal(tt_init(NULL), TT_ERR_IO);
    assert_null(tt_tracer_provider_global());
    tt_cleanup();
    (void)unsetenv("OTEL_CONFIG_FILE");
    (void)unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_becomes_a_model),
        TEST(variables_get_their_type_after_they_are_put_in),
        TEST(mistakes_are_told_with_their_line),
        TEST(deep_nesting_is_refused),
        TEST(file_that_is_not_there_is_told),
        TEST(pipe_is_no_file),
        TEST(providers_are_made_with_their_exporters),
        TEST(queues_have_the_size_of_the_file),
        TEST(what_is_left_out_is_not_there),
        TEST(time_of_zero_is_no_limit),
        TEST(samplers_are_nested),
        TEST(readers_have_limits_and_aggregations_of_their_own),
        TEST(views_may_be_composed),
        TEST(readers_have_producers),
        TEST(newer_format_is_read_and_told),
        TEST(meters_are_switched),
        TEST(tracers_are_switched),
        TEST(logs_are_masked_and_enriched),
        TEST(too_many_keys_hide_all),
        TEST(limits_hold_for_logs),
        TEST(loggers_are_configured_by_name),
        TEST(limits_hold_for_events_and_links),
        TEST(samplers_are_found_by_others),
        TEST(limits_hold_for_spans),
        TEST(limits_of_zero_keep_nothing),
        TEST(detectors_are_filtered),
        TEST(views_say_what_becomes_of_instruments),
        TEST(endpoint_is_started_and_stopped),
        TEST(what_is_not_known_is_told_and_left_out),
        TEST(keys_that_are_not_known_are_told),
        TEST(masks_of_the_program_hold_beside_a_file),
        TEST(init_takes_the_file_that_the_environment_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
