#include <string.h>

#include "support/check.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/sinks.h"
#include "telltale/trace.h"

static tt_memory *memory;

static int begin(void **state)
{
    (void)state;
    memory = tt_memory_new();
    return memory ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_memory_free(memory);
    return 0;
}

static void test_spans_are_there_after_a_flush(void **state)
{
    (void)state;
    char text[8];
    tt_tracer_provider_options o = {.size = sizeof o, .exporter = tt_memory_exporter(memory)};
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_tracer *tracer = tt_tracer_get(p, "lib", NULL);
    tt_attr attrs[] = {tt_int("n", 7), tt_str("long", "0123456789")};
    tt_span_options so = {.size = sizeof so, .attrs = attrs, .attrs_n = 2};
    tt_span_end(tt_span_start(tracer, "first", &so));
    tt_span_end(tt_span_start(tracer, "second", NULL));
    assert_int_equal(tt_tracer_provider_flush(p, 60000), TT_OK);
    assert_int_equal(tt_memory_count(memory, TT_SIGNAL_TRACES), 2);
    assert_string_equal(tt_memory_name(memory, TT_SIGNAL_TRACES, 0), "first");
    assert_int_equal(tt_memory_find(memory, TT_SIGNAL_TRACES, "second"), 1);
    assert_int_equal(tt_memory_find(memory, TT_SIGNAL_TRACES, "third"), SIZE_MAX);
    assert_non_null(strstr(tt_memory_json(memory, TT_SIGNAL_TRACES, 0), "\"intValue\":\"7\""));
    assert_true(tt_memory_attribute(memory, TT_SIGNAL_TRACES, 0, "n", text, sizeof text));
    assert_string_equal(text, "7");
    assert_true(tt_memory_attribute(memory, TT_SIGNAL_TRACES, 0, "long", text, sizeof text));
    assert_string_equal(text, "0123456");
    assert_false(tt_memory_attribute(memory, TT_SIGNAL_TRACES, 1, "n", text, sizeof text));
    tt_memory_clear(memory);
    assert_int_equal(tt_memory_count(memory, TT_SIGNAL_TRACES), 0);
    tt_tracer_provider_free(p);
}

static void test_one_memory_serves_all_signals(void **state)
{
    (void)state;
    tt_logger_provider_options lo = {
        .size = sizeof lo, .exporter = tt_memory_exporter(memory), .simple = true};
    tt_logger_provider *logs = tt_logger_provider_new(&lo);
    tt_attr attrs[] = {tt_bool("b", true)};
    char text[8];
    tt_log(tt_logger_get(logs, "l", NULL), TT_SEVERITY_ERROR, "it happened", attrs, 1);
    tt_meter_provider *meters = tt_meter_provider_new(NULL);
    tt_metric_reader_options mo = {.size = sizeof mo, .exporter = tt_memory_exporter(memory)};
    tt_counter_add(tt_counter_new(tt_meter_get(meters, "m", NULL), "orders", NULL), 3, NULL, 0);
    tt_metric_reader *reader = tt_metric_reader_start(meters, &mo);
    assert_int_equal(tt_metric_reader_stop(reader, 60000), TT_OK);
    assert_int_equal(tt_memory_find(memory, TT_SIGNAL_LOGS, "it happened"), 0);
    assert_true(tt_memory_attribute(memory, TT_SIGNAL_LOGS, 0, "b", text, sizeof text));
    assert_string_equal(text, "true");
    assert_int_equal(tt_memory_find(memory, TT_SIGNAL_METRICS, "orders"), 0);
    assert_non_null(strstr(tt_memory_json(memory, TT_SIGNAL_METRICS, 0), "\"asInt\":\"3\""));
    tt_logger_provider_free(logs);
    tt_meter_provider_free(meters);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    static char text[4 << 20];
    memset(text, 'x', sizeof text - 1);
    tt_logger_provider_options o = {.size = sizeof o,
                                    .exporter = tt_memory_exporter(memory),
                                    .simple = true,
                                    .queue_bytes = 16 << 20};
    tt_logger_provider *p = tt_logger_provider_new(&o);
    for (int i = 0; i < 20; i++)
        tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, text, NULL, 0);
    size_t kept = tt_memory_count(memory, TT_SIGNAL_LOGS);
    assert_in_range(kept, 5, 8);
    assert_int_equal(tt_logger_provider_lost(p), 20 - kept);
    tt_logger_provider_free(p);
}

static void test_nothing_and_nobody_is_harmless(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(tt_memory_count(NULL, TT_SIGNAL_LOGS), 0);
    assert_null(tt_memory_name(memory, TT_SIGNAL_LOGS, 0));
    assert_null(tt_memory_json(memory, TT_SIGNAL_LOGS, 7));
    assert_false(tt_memory_attribute(memory, TT_SIGNAL_LOGS, 0, "k", text, sizeof text));
    assert_null(tt_memory_exporter(NULL).send);
    tt_memory_clear(NULL);
    tt_memory_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_spans_are_there_after_a_flush, begin, end),
        cmocka_unit_test_setup_teardown(test_one_memory_serves_all_signals, begin, end),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_and_nobody_is_harmless, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
