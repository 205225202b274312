/* Compiled with the headers that do nothing, and linked with no library of the SDK. */
#include "support/check.h"
#include "telltale/init.h"
#include "telltale/otlp.h"
#include "telltale/prometheus.h"

static void test_program_runs_without_the_library(void **state)
{
    (void)state;
    TT_OPTIONS(tt_init_options, options);
    assert_int_equal(options.size, sizeof options);
    assert_int_equal(tt_init(&options), TT_OK);
    tt_meter *meter = tt_meter_global("m", "1.0");
    tt_counter *counter = tt_counter_new(meter, "c", NULL);
    tt_attr attrs[] = {tt_str("a", "b")};
    tt_counter_add(counter, 1, attrs, 1);
    tt_bound_counter_add(tt_counter_bind(counter, attrs, 1), 1);
    tt_logger *logger = tt_logger_global("l", NULL);
    tt_log(logger, TT_SEVERITY_FATAL, "nobody hears", attrs, 1);
    tt_logf(logger, TT_SEVERITY_FATAL, "%d", 1);
    assert_int_equal(tt_flush(1000), TT_OK);
    assert_int_equal(tt_shutdown(1000), TT_OK);
    assert_string_equal(tt_status_text(TT_ERR_IO), "");
}

static void test_spans_are_of_no_trace(void **state)
{
    (void)state;
    TT_SPAN(span, tt_tracer_global("t", NULL), "work");
    assert_false(tt_span_is_recording(span));
    tt_span_context c = tt_span_context_of(span);
    assert_false(tt_span_context_is_valid(&c));
    char id[33] = "x";
    tt_trace_id_format(&c, id);
    assert_string_equal(id, "");
}

static void test_what_is_made_is_empty(void **state)
{
    (void)state;
    tt_exporter exporter = {.arg = &exporter};
    assert_int_equal(tt_otlp_exporter_new(TT_SIGNAL_LOGS, NULL, &exporter), TT_OK);
    assert_null(exporter.arg);
    tt_prometheus_endpoint *endpoint = (tt_prometheus_endpoint *)&exporter;
    assert_int_equal(tt_prometheus_endpoint_start(NULL, NULL, &endpoint), TT_OK);
    assert_null(endpoint);
    tt_prometheus_endpoint_stop(endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_runs_without_the_library),
        cmocka_unit_test(test_spans_are_of_no_trace),
        cmocka_unit_test(test_what_is_made_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
