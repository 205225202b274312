/* Providers made of a model, and what it asks for in vain. */
#include "declared.h"

#include <stdio.h>
#include <stdlib.h>

#include "telltale/metric_reader.h"
#include "telltale/watch.h"

static void test_providers_are_made_with_their_exporters(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
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
    assert_string_equal(declared_properties, "/x 2;- -1;- -1;");
    assert_int_equal(sdk.propagators, TT_W3C | TT_B3 | TT_BAGGAGE);
    assert_true(declared_span_is_recorded(&sdk));
    tt_counter_add(tt_counter_new(tt_meter_get(sdk.meters, "m", NULL), "sold", NULL), 1, NULL, 0);
    tt_logger *logger = tt_logger_get(sdk.loggers, "l", NULL);
    tt_log(logger, TT_SEVERITY_INFO, "left out", NULL, 0);
    tt_log(logger, TT_SEVERITY_WARN, "kept", NULL, 0);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&declared_sink, "\"name\":\"work\"");
    otlp_sink_has(&declared_sink, "\"name\":\"sold\"");
    otlp_sink_has(&declared_sink, "kept");
    otlp_sink_lacks(&declared_sink, "left out");
    otlp_sink_has(&declared_sink,
                  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}");
    otlp_sink_has(&declared_sink, "{\"key\":\"replicas\",\"value\":{\"intValue\":\"3\"}}");
    otlp_sink_has(&declared_sink, "{\"key\":\"share\",\"value\":{\"doubleValue\":1");
    otlp_sink_has(&declared_sink, "\"blue\"");
    otlp_sink_has(&declared_sink, "telemetry.sdk.name");
    otlp_sink_has(&declared_sink, "https://example.org/schema");
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
    assert_int_equal(declared_create(text, &sdk), TT_OK);
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
    assert_int_equal(declared_create("file_format: \"0.4\"\ntracer_provider:\n", &sdk), TT_OK);
    assert_null(sdk.tracers);
    assert_null(sdk.meters);
    assert_null(sdk.loggers);
    assert_int_equal(sdk.propagators, 0);
    assert_int_equal(
        declared_create("file_format: \"1.0\"\ndisabled: true\nmeter_provider: {readers: []}\n"
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
    assert_int_equal(declared_create(text, &sdk), TT_OK);
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

static void test_detectors_are_filtered(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(setenv("OTEL_SERVICE_NAME", "by-env", 1), 0);
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
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
    assert_true(declared_span_is_recorded(&sdk));
    otlp_sink_has(&declared_sink, "mine.a");
    otlp_sink_has(&declared_sink, "by-env");
    otlp_sink_lacks(&declared_sink, "mine.b");
    otlp_sink_lacks(&declared_sink, "other");
    otlp_sink_lacks(&declared_sink, "host.name");
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
        if (declared_create(text, &sdk) != TT_ERR_INVALID)
            fail_msg("taken: %s", texts[i]);
        tt_sdk_free(&sdk);
    }
    tt_sdk sdk;
    assert_int_equal(tt_config_create(NULL, &sdk), TT_ERR_INVALID);
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
        assert_int_equal(declared_create(text, &sdk), TT_OK);
        if (tt_problem_count(TT_PROBLEM_MISUSE) - before != cases[i].told)
            fail_msg("%s: %d", cases[i].text, (int)(tt_problem_count(TT_PROBLEM_MISUSE) - before));
        tt_sdk_free(&sdk);
    }
}

static void test_init_takes_the_file_that_the_environment_names(void **state)
{
    (void)state;
    declared_name_file("file_format: \"1.0\"\n"
                       "tracer_provider: {processors: [{batch: {exporter: {sink: }}}]}\n");
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_span_end(tt_span_start(tt_tracer_global("t", NULL), "by file", NULL));
    assert_null(tt_meter_provider_global());
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&declared_sink, "by file");
    tt_cleanup();
    assert_int_equal(setenv("OTEL_CONFIG_FILE", "/nowhere/otel.yaml", 1), 0);
    assert_int_equal(tt_init(NULL), TT_ERR_IO);
    assert_null(tt_tracer_provider_global());
    tt_cleanup();
    declared_unname_file();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECLARED_TEST(providers_are_made_with_their_exporters),
        DECLARED_TEST(queues_have_the_size_of_the_file),
        DECLARED_TEST(what_is_left_out_is_not_there),
        DECLARED_TEST(time_of_zero_is_no_limit),
        DECLARED_TEST(detectors_are_filtered),
        DECLARED_TEST(what_is_not_known_is_told_and_left_out),
        DECLARED_TEST(keys_that_are_not_known_are_told),
        DECLARED_TEST(init_takes_the_file_that_the_environment_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
