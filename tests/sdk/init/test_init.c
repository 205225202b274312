#include "telltale/init.h"

#include "support/forks.h"
#include "telltale/host.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/otlp.h"
#include "telltale/prometheus.h"
#include "telltale/prometheus_text.h"

/* Two exporters that the environment can name, and a pull. */
static struct otlp_sink first, second;
static int pulls;
static int exporter_status = TT_OK;

static int make_sink(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)signal;
    assert_int_equal(properties->type, TT_TYPE_EMPTY);
    if (exporter_status == TT_OK)
        *out = otlp_sink_exporter(arg);
    return exporter_status;
}

static void stop_pull(void *arg)
{
    (void)arg;
    pulls--;
}

static int make_pull(void *arg, tt_meter_provider *provider, const tt_value *properties,
                     tt_pull *out)
{
    (void)arg, (void)properties;
    assert_non_null(provider);
    pulls++;
    *out = (tt_pull){.stop = stop_pull};
    return TT_OK;
}

static void register_exporter(const char *name, struct otlp_sink *sink)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = name, .arg = sink};
    c.make.exporter = make_sink;
    assert_int_equal(tt_component_register(&c), TT_OK);
}

static const char *const variables[] = {
    "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",    "OTEL_PROPAGATORS",      "OTEL_CONFIG_FILE",   "OTEL_LOG_LEVEL"};

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]);
    set("OTEL_TRACES_EXPORTER", "first");
    set("OTEL_METRICS_EXPORTER", "pull");
    set("OTEL_LOGS_EXPORTER", "first");
    otlp_sink_init(&first);
    otlp_sink_init(&second);
    register_exporter("first", &first);
    register_exporter("second", &second);
    tt_component pull = {.size = sizeof pull, .kind = TT_COMPONENT_PULL, .name = "pull"};
    pull.make.pull = make_pull;
    exporter_status = TT_OK;
    assert_int_equal(tt_host_register(), TT_OK);
    return tt_component_register(&pull);
}

static int teardown(void **state)
{
    (void)state;
    tt_cleanup();
    assert_int_equal(pulls, 0);
    otlp_sink_done(&first);
    otlp_sink_done(&second);
    return 0;
}

static void record_a_span(void)
{
    tt_span_end(tt_span_start(tt_tracer_global("t", NULL), "work", NULL));
}

static void test_everything_is_started_by_one_call(void **state)
{
    (void)state;
    set("OTEL_SERVICE_NAME", "shop");
    assert_int_equal(tt_init(NULL), TT_OK);
    assert_int_equal(pulls, 1);
    record_a_span();
    tt_log(tt_logger_global("l", NULL), TT_SEVERITY_ERROR, "it broke", NULL, 0);
    tt_counter_add(tt_counter_new(tt_meter_global("m", NULL), "c", NULL), 1, NULL, 0);
    assert_int_equal(tt_flush(10000), TT_OK);
    otlp_sink_has(&first, "\"name\":\"work\"");
    otlp_sink_has(&first, "it broke");
    otlp_sink_has(&first, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}");
    otlp_sink_has(&first, "process.pid");
    otlp_sink_has(&first, "service.instance.id");
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_true(first.closed);
    assert_int_equal(pulls, 0);
}

static void test_program_may_name_its_service_and_exporters(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("team", "blue")};
    tt_resource *resource = tt_resource_new(attrs, 1, NULL);
    tt_init_options o = {.size = sizeof o,
                         .service_name = "named",
                         .service_version = "3.1",
                         .environment = "staging",
                         .resource = resource,
                         .detectors = TT_DETECT_NONE,
                         .traces_exporter = "second"};
    assert_int_equal(tt_init(&o), TT_OK);
    tt_resource_free(resource);
    record_a_span();
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&second, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"named\"}}");
    otlp_sink_has(&second, "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"3.1\"}}");
    otlp_sink_has(&second, "\"staging\"");
    otlp_sink_has(&second, "\"blue\"");
    otlp_sink_lacks(&second, "process.pid");
    assert_int_equal(first.requests, 0);
}

static int note_time(void *arg, int64_t timeout_ms)
{
    *(int64_t *)arg = timeout_ms;
    return TT_OK;
}

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static int make_clock(void *arg, enum tt_signal signal, const tt_value *properties,
                      tt_exporter *out)
{
    (void)signal, (void)properties;
    *out = (tt_exporter){.send = drop, .flush = note_time, .arg = arg};
    return TT_OK;
}

static void test_time_is_shared_by_those_that_export(void **state)
{
    (void)state;
    int64_t told_ms = 0;
    tt_component c = {
        .size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "clock", .arg = &told_ms};
    c.make.exporter = make_clock;
    assert_int_equal(tt_component_register(&c), TT_OK);
    set("OTEL_TRACES_EXPORTER", "clock");
    set("OTEL_LOGS_EXPORTER", "none");
    set("OTEL_METRICS_EXPORTER", "none");
    tt_sdk alone, both;
    assert_int_equal(tt_sdk_new(NULL, &alone), TT_OK);
    assert_int_equal(tt_sdk_flush(&alone, 3600000), TT_OK);
    assert_true(told_ms > 1800000 && told_ms <= 3600000);
    tt_sdk_free(&alone);
    set("OTEL_LOGS_EXPORTER", "first");
    assert_int_equal(tt_sdk_new(NULL, &both), TT_OK);
    assert_int_equal(tt_sdk_flush(&both, 3600000), TT_OK);
    assert_true(told_ms <= 1800000);
    tt_sdk_free(&both);
}

static void test_list_of_exporters_gets_everything_each(void **state)
{
    (void)state;
    set("OTEL_TRACES_EXPORTER", " first , second,none");
    assert_int_equal(tt_init(NULL), TT_OK);
    record_a_span();
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(first.items, 1);
    assert_int_equal(second.items, 1);
    assert_true(first.closed && second.closed);
}

static void test_metrics_may_be_pushed_and_pulled(void **state)
{
    (void)state;
    set("OTEL_METRICS_EXPORTER", "pull,first,second");
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_counter_add(tt_counter_new(tt_meter_global("m", NULL), "sold", NULL), 7, NULL, 0);
    assert_int_equal(pulls, 1);
    assert_int_equal(tt_flush(10000), TT_OK);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&first, "\"name\":\"sold\"");
    otlp_sink_has(&second, "\"name\":\"sold\"");
}

static void test_none_records_nothing(void **state)
{
    (void)state;
    set("OTEL_TRACES_EXPORTER", "none");
    set("OTEL_LOGS_EXPORTER", "none");
    set("OTEL_METRICS_EXPORTER", "none");
    assert_int_equal(tt_init(NULL), TT_OK);
    assert_int_equal(pulls, 0);
    tt_span span = tt_span_start(tt_tracer_global("t", NULL), "work", NULL);
    assert_false(tt_span_is_recording(span));
    tt_span_end(span);
    assert_false(tt_logger_is_enabled(tt_logger_global("l", NULL), TT_SEVERITY_FATAL));
}

static void test_unknown_exporter_is_told_and_the_rest_works(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    set("OTEL_TRACES_EXPORTER", "zipkin,second");
    assert_int_equal(tt_init(NULL), TT_ERR_INVALID);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 1);
    record_a_span();
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(second.items, 1);
}

static void test_exporter_that_cannot_be_made_is_left_out(void **state)
{
    (void)state;
    exporter_status = TT_ERR_IO;
    assert_int_equal(tt_init(NULL), TT_ERR_IO);
    record_a_span();
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(first.requests, 0);
}

static void test_disabled_sdk_has_propagators_and_nothing_else(void **state)
{
    (void)state;
    set("OTEL_SDK_DISABLED", "TRUE");
    set("OTEL_PROPAGATORS", "b3");
    assert_int_equal(tt_init(NULL), TT_OK);
    assert_null(tt_tracer_provider_global());
    assert_null(tt_meter_provider_global());
    assert_null(tt_logger_provider_global());
    assert_int_equal(tt_propagators_global(), TT_B3);
    assert_int_equal(pulls, 0);
    record_a_span();
    assert_int_equal(tt_flush(1), TT_OK);
}

static void test_second_start_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_tracer_provider *before = tt_tracer_provider_global();
    assert_int_equal(tt_init(NULL), TT_OK);
    assert_ptr_equal(tt_tracer_provider_global(), before);
    tt_sdk own = {0};
    assert_int_equal(tt_sdk_set_global(&own), TT_ERR_INVALID);
}

static void test_handles_outlive_the_shutdown(void **state)
{
    (void)state;
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_tracer *tracer = tt_tracer_global("t", NULL);
    tt_counter *counter = tt_counter_new(tt_meter_global("m", NULL), "c", NULL);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_null(tt_tracer_provider_global());
    tt_span_end(tt_span_start(tracer, "late", NULL));
    tt_counter_add(counter, 1, NULL, 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(tt_init(NULL), TT_OK);
    record_a_span();
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_lacks(&first, "late");
    otlp_sink_has(&first, "work");
}

static void test_set_of_ones_own_becomes_global(void **state)
{
    (void)state;
    tt_sdk own;
    assert_int_equal(tt_sdk_new(NULL, &own), TT_OK);
    assert_null(tt_tracer_provider_global());
    assert_int_equal(tt_sdk_set_global(&own), TT_OK);
    assert_ptr_equal(tt_tracer_provider_global(), own.tracers);
    assert_int_equal(tt_sdk_set_global(NULL), TT_ERR_INVALID);
}

static void test_without_start_nothing_happens(void **state)
{
    (void)state;
    record_a_span();
    assert_int_equal(tt_flush(1), TT_OK);
    assert_int_equal(tt_shutdown(1), TT_OK);
    assert_int_equal(tt_propagators_global(), TT_W3C | TT_BAGGAGE);
    tt_sdk empty = {0};
    assert_int_equal(tt_sdk_flush(&empty, 1), TT_OK);
    tt_sdk_free(&empty);
    tt_sdk_free(NULL);
}

#ifndef NO_FORKS
/* The child's spans are its own to send; its exit neither stops the parent's threads nor waits. */
static void test_child_of_fork_sends_its_own_and_leaves_the_rest(void **state)
{
    (void)state;
    set("OTEL_METRICS_EXPORTER", "pull,second");
    assert_int_equal(tt_init(NULL), TT_OK);
    record_a_span();
    pid_t child = fork();
    if (child == 0) {
        record_a_span();
        int rc = tt_shutdown(10000);
        _exit(rc == TT_OK && first.items == 1 && pulls == 1 && !second.closed ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(first.items, 1);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_is_started_by_one_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_program_may_name_its_service_and_exporters, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_time_is_shared_by_those_that_export, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_of_exporters_gets_everything_each, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_metrics_may_be_pushed_and_pulled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none_records_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_exporter_is_told_and_the_rest_works, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_exporter_that_cannot_be_made_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_disabled_sdk_has_propagators_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_second_start_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handles_outlive_the_shutdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_of_ones_own_becomes_global, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_start_nothing_happens, setup, teardown),
#ifndef NO_FORKS
        cmocka_unit_test_setup_teardown(test_child_of_fork_sends_its_own_and_leaves_the_rest, setup,
                                        teardown),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
