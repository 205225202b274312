/* How watching begins and ends: by a call, an option, a variable, a file. */
#include "telltale/self.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/forks.h"
#include "support/watched_sdk.h"
#include "telltale/config.h"

static tt_sdk sdk;
static int closed;

static int discard(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                   int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static void note_close(void *arg)
{
    (void)arg;
    closed++;
}

static int make_mine(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties;
    *out = (tt_exporter){.send = discard, .close = note_close};
    return TT_OK;
}

static int setup(void **state)
{
    (void)state;
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "mine"};
    c.make.exporter = make_mine;
    closed = 0;
    (void)unsetenv("OTEL_C_SELF_METRICS");
    assert_int_equal(tt_self_register(), TT_OK);
    return tt_component_register(&c);
}

static tt_init_options options(void)
{
    return (tt_init_options){.size = sizeof(tt_init_options),
                             .detectors = TT_DETECT_NONE,
                             .traces_exporter = "mine",
                             .logs_exporter = "mine",
                             .metrics_exporter = "mine"};
}

/* One span and one record are exported; a scrape then shows that, or nothing of the kind. */
static void shows_exports(bool expected)
{
    static const char *const lines[] = {
        "otel_sdk_exporter_span_exported_total{otel_component_name=\"mine_span_exporter/0\","
        "otel_component_type=\"mine_span_exporter\"} 1",
        "otel_sdk_exporter_log_exported_total{otel_component_name=\"mine_log_exporter/0\","
        "otel_component_type=\"mine_log_exporter\"} 1",
        "otel_sdk_log_created_total 1",
    };
    tt_logger *logger = tt_logger_get(sdk.loggers, "l", NULL);
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "a", NULL));
    tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    assert_int_equal(tt_sdk_flush(&sdk, 60000), TT_OK);
    w.sdk.meters = sdk.meters;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (expected)
            shows(lines[i]);
        else
            lacks("otel_sdk");
    }
}

static void test_nobody_is_watched_who_has_not_asked_for_it(void **state)
{
    (void)state;
    tt_init_options o = options();
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(false);
    tt_sdk_free(&sdk);
    assert_int_equal(closed, 3);
}

static void test_option_asks_for_it(void **state)
{
    (void)state;
    tt_init_options o = options();
    o.self_metrics = true;
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(true);
    shows("otel_sdk_metric_reader_collection_duration_seconds_count{"
          "otel_component_name=\"periodic_metric_reader/0\","
          "otel_component_type=\"periodic_metric_reader\"} 1");
    tt_sdk_free(&sdk);
    assert_int_equal(closed, 3);
}

static void test_variable_asks_for_it(void **state)
{
    (void)state;
    tt_init_options o = options();
    (void)setenv("OTEL_C_SELF_METRICS", "True", 1);
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(true);
    tt_sdk_free(&sdk);
    (void)setenv("OTEL_C_SELF_METRICS", "no", 1);
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(false);
    tt_sdk_free(&sdk);
}

#define FILE_TEXT                                                                                  \
    "file_format: '1.0'\n"                                                                         \
    "tracer_provider: {processors: [{batch: {exporter: {mine: {}}}}]}\n"                           \
    "logger_provider: {processors: [{batch: {exporter: {mine: {}}}}]}\n"                           \
    "meter_provider: {readers: [{periodic: {exporter: {mine: {}}}}]}\n"

static void configure(const char *text)
{
    tt_config *config;
    assert_int_equal(tt_config_parse(text, strlen(text), &config, NULL), TT_OK);
    assert_int_equal(tt_config_create(tt_config_model(config), &sdk), TT_OK);
    tt_config_free(config);
}

static void test_configuration_file_asks_for_it(void **state)
{
    (void)state;
    configure(FILE_TEXT "distribution: {telltale: {self_metrics: true}}\n");
    shows_exports(true);
    tt_sdk_free(&sdk);
    configure(FILE_TEXT);
    shows_exports(false);
    tt_sdk_free(&sdk);
    assert_int_equal(closed, 6);
}

static void test_nothing_is_reported_after_the_shutdown(void **state)
{
    (void)state;
    tt_init_options o = options();
    o.self_metrics = true;
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(true);
    assert_int_equal(tt_sdk_shutdown(&sdk, 10000), TT_OK);
    char *text = watched_text(); // what was recorded is still there, what was observed is not
    assert_null(strstr(text, "otel_sdk_span_started"));
    free(text);
    tt_sdk_free(&sdk);
}

static void test_two_sdks_are_watched_each_for_itself(void **state)
{
    (void)state;
    tt_sdk other;
    tt_init_options o = options();
    o.self_metrics = true;
    assert_int_equal(tt_sdk_new(&o, &other), TT_OK);
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    shows_exports(true);
    w.sdk.meters = other.meters;
    shows("otel_sdk_exporter_span_exported_total{otel_component_name=\"mine_span_exporter/0\","
          "otel_component_type=\"mine_span_exporter\"} 0");
    shows("otel_sdk_log_created_total 0");
    tt_sdk_free(&other);
    tt_sdk_free(&sdk);
}

static void test_exporter_may_outlive_those_who_watch_it(void **state)
{
    (void)state;
    watched_new();
    tt_exporter e = {.send = discard, .close = note_close};
    tt_self_watch_exporter(w.self, TT_SIGNAL_TRACES, "mine", &e);
    w.sdk.meters = tt_meter_provider_new(NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
    tt_sdk_free(&w.sdk);
    assert_int_equal(e.send(e.arg, TT_SIGNAL_TRACES, "", 0, 1, 1000), TT_OK);
    assert_int_equal(e.flush(e.arg, 1000), TT_OK);
    assert_null(e.cancel);
    e.close(e.arg);
    assert_int_equal(closed, 1);
}

static void test_exporters_that_come_and_go_are_watched_up_to_a_number(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_LIMIT);
    watched_new();
    w.sdk.meters = tt_meter_provider_new(NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
    for (int i = 0; i < 100; i++) {
        tt_exporter e = {.send = discard, .close = note_close};
        tt_self_watch_exporter(w.self, TT_SIGNAL_TRACES, "mine", &e);
        assert_int_equal(e.send == discard, i >= 63); // one is what Prometheus scrapes
        e.close(e.arg);
    }
    assert_int_equal(closed, 100);
    assert_true(tt_problem_count(TT_PROBLEM_LIMIT) > before);
    tt_sdk_free(&w.sdk);
}

#ifndef NO_FORKS
static atomic_bool done;

/* Holds the locks of those who watch, and of what they watch, most of the time. */
static void *scrape(void *arg)
{
    while (!atomic_load(&done))
        free(watched_text());
    return arg;
}

static int use_in_child(void)
{
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "child", NULL));
    tt_log(tt_logger_get(sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "child", NULL, 0);
    int traces = tt_tracer_provider_flush(sdk.tracers, 10000);
    int logs = tt_logger_provider_flush(sdk.loggers, 10000);
    return traces == TT_OK && logs == TT_OK ? 0 : 1;
}

static void test_child_exports_whoever_held_a_lock_at_its_fork(void **state)
{
    (void)state;
    pthread_t scraper;
    tt_init_options o = options();
    o.self_metrics = true;
    assert_int_equal(tt_sdk_new(&o, &sdk), TT_OK);
    w.sdk.meters = sdk.meters;
    atomic_store(&done, false);
    assert_int_equal(pthread_create(&scraper, NULL, scrape, NULL), 0);
    for (int i = 0; i < 50; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(use_in_child());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    atomic_store(&done, true);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    tt_sdk_free(&sdk);
}
#endif

static void test_without_meters_there_is_nothing_to_do(void **state)
{
    (void)state;
    tt_sdk none = {0};
    assert_int_equal(tt_self_start(tt_self_new(), &none), TT_OK);
    assert_int_equal(none.pulls_n, 0);
    none.pulls_n = TT_SDK_READERS_MAX;
    assert_int_equal(tt_self_start(tt_self_new(), &none), TT_ERR_LIMIT);
    assert_int_equal(tt_self_start(NULL, &none), TT_ERR_INVALID);
    assert_int_equal(tt_self_start(tt_self_new(), NULL), TT_ERR_INVALID);
    tt_exporter nothing = {0};
    tt_self_watch_exporter(NULL, TT_SIGNAL_LOGS, NULL, &nothing);
    assert_null(nothing.send);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody_is_watched_who_has_not_asked_for_it, setup),
        cmocka_unit_test_setup(test_option_asks_for_it, setup),
        cmocka_unit_test_setup(test_variable_asks_for_it, setup),
        cmocka_unit_test_setup(test_configuration_file_asks_for_it, setup),
        cmocka_unit_test_setup(test_nothing_is_reported_after_the_shutdown, setup),
        cmocka_unit_test_setup(test_two_sdks_are_watched_each_for_itself, setup),
        cmocka_unit_test_setup(test_exporter_may_outlive_those_who_watch_it, setup),
        cmocka_unit_test_setup(test_exporters_that_come_and_go_are_watched_up_to_a_number, setup),
#ifndef NO_FORKS
        cmocka_unit_test_setup(test_child_exports_whoever_held_a_lock_at_its_fork, setup),
#endif
        cmocka_unit_test_setup(test_without_meters_there_is_nothing_to_do, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
