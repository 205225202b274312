#include <pthread.h>

#include "base/compiler.h"
#include "support/watched_sdk.h"
#include "telltale/log.h"
#include "telltale/trace.h"

#define STARTED(decision, origin)                                                                  \
    "otel_sdk_span_started_total{otel_span_parent_origin=\"" origin                                \
    "\",otel_span_sampling_result=\"" decision "\"} "
#define LIVE(decision) "otel_sdk_span_live{otel_span_sampling_result=\"" decision "\"} "
#define BATCHING(kind)                                                                             \
    "otel_component_name=\"batching_" kind "_processor/0\","                                       \
    "otel_component_type=\"batching_" kind "_processor\""
#define SIMPLE(kind)                                                                               \
    "otel_component_name=\"simple_" kind "_processor/0\","                                         \
    "otel_component_type=\"simple_" kind "_processor\""
#define SPANS BATCHING("span")
#define RECORDS BATCHING("log")

static tt_tracer *tracer;
static tt_logger *logger;

/* By the first letter of the name. */
static enum tt_decision by_name(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)arg, (void)out;
    return *sampling->name == 'd'   ? TT_DROP
           : *sampling->name == 'r' ? TT_RECORD
                                    : TT_RECORD_AND_SAMPLE;
}

static tt_tracer_provider_options traces(void)
{
    tt_tracer_provider_options o = {.size = sizeof o, .delay_ms = 3600000};
    o.sampler = tt_sampler_custom(by_name, NULL);
    return o;
}

/* With these options, and the exporter. */
static void start(tt_tracer_provider_options *t, tt_logger_provider_options *l)
{
    watched_new();
    t->exporter = watched_exporter(TT_SIGNAL_TRACES, "mine");
    l->exporter = watched_exporter(TT_SIGNAL_LOGS, "mine");
    w.sdk.tracers = tt_tracer_provider_new(t);
    w.sdk.loggers = tt_logger_provider_new(l);
    w.sdk.meters = tt_meter_provider_new(NULL);
    tracer = tt_tracer_get(w.sdk.tracers, "lib", NULL);
    logger = tt_logger_get(w.sdk.loggers, "lib", NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
}

static int begin(void **state)
{
    (void)state;
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l, .delay_ms = 3600000};
    start(&t, &l);
    return 0;
}

static int end(void **state)
{
    (void)state;
    tt_sdk_free(&w.sdk);
    return 0;
}

/* --- spans ----------------------------------------------------------------------------------- */

static void one_of_each(const tt_span_options *o)
{
    static const char *const names[] = {"drop", "record", "record", "sample", "sample", "sample"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        tt_span_end(tt_span_start(tracer, names[i], o));
}

static void test_spans_are_counted_by_decision_and_parent(void **state)
{
    (void)state;
    tt_span_context there = {.trace_id = {1}, .span_id = {2}, .flags = TT_FLAG_SAMPLED};
    tt_context *far = tt_context_remote(&there, NULL);
    tt_span_options remote = {.size = sizeof remote, .parent = far};
    one_of_each(NULL);
    one_of_each(&remote);
    one_of_each(&remote);
    tt_span parent = tt_span_start(tracer, "sample", NULL);
    tt_token token = tt_span_enter(parent);
    one_of_each(NULL);
    one_of_each(NULL);
    one_of_each(NULL);
    tt_leave(token);
    tt_span_end(parent);
    shows(STARTED("DROP", "none") "1");
    shows(STARTED("RECORD_ONLY", "none") "2");
    shows(STARTED("RECORD_AND_SAMPLE", "none") "4");
    shows(STARTED("DROP", "remote") "2");
    shows(STARTED("RECORD_ONLY", "remote") "4");
    shows(STARTED("RECORD_AND_SAMPLE", "remote") "6");
    shows(STARTED("DROP", "local") "3");
    shows(STARTED("RECORD_ONLY", "local") "6");
    shows(STARTED("RECORD_AND_SAMPLE", "local") "9");
    tt_context_free(far);
}

/* Without a sampler of the program's own most spans take a shorter way. */
static void sampler_decides(tt_sampler *sampler, const char *decision)
{
    char root[200], child[200];
    tt_tracer_provider_options t = {.size = sizeof t, .sampler = sampler, .delay_ms = 3600000};
    tt_logger_provider_options l = {.size = sizeof l};
    start(&t, &l);
    for (int i = 0; i < 3; i++) {
        tt_span parent = tt_span_start(tracer, "a", NULL);
        tt_token token = tt_span_enter(parent);
        tt_span_end(tt_span_start(tracer, "b", NULL));
        tt_span_end(tt_span_start(tracer, "c", NULL));
        tt_leave(token);
        tt_span_end(parent);
    }
    (void)snprintf(root, sizeof root,
                   "otel_sdk_span_started_total{otel_span_parent_origin=\"none\","
                   "otel_span_sampling_result=\"%s\"} 3",
                   decision);
    (void)snprintf(child, sizeof child,
                   "otel_sdk_span_started_total{otel_span_parent_origin=\"local\","
                   "otel_span_sampling_result=\"%s\"} 6",
                   decision);
    shows(root);
    shows(child);
    tt_sdk_free(&w.sdk);
}

static void test_roots_and_children_are_counted_whatever_way_they_take(void **state)
{
    (void)state;
    sampler_decides(tt_sampler_always_on(), "RECORD_AND_SAMPLE");
    sampler_decides(tt_sampler_always_off(), "DROP");
    sampler_decides(tt_sampler_ratio(0), "DROP");
    sampler_decides(tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL), "RECORD_AND_SAMPLE");
}

static void test_live_spans_are_those_that_record_and_have_not_ended(void **state)
{
    (void)state;
    shows(LIVE("RECORD_AND_SAMPLE") "0");
    tt_span spans[] = {tt_span_start(tracer, "sample", NULL), tt_span_start(tracer, "sample", NULL),
                       tt_span_start(tracer, "record", NULL), tt_span_start(tracer, "drop", NULL)};
    shows(LIVE("RECORD_AND_SAMPLE") "2");
    shows(LIVE("RECORD_ONLY") "1");
    lacks(LIVE("DROP"));
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        tt_span_end(spans[i]);
    shows(LIVE("RECORD_AND_SAMPLE") "0");
    shows(LIVE("RECORD_ONLY") "0");
}

static void *start_some(void *arg)
{
    tt_span *out = arg;
    out[0] = tt_span_start(tracer, "sample", NULL);
    out[1] = tt_span_start(tracer, "drop", NULL);
    return NULL;
}

static void test_spans_outlive_their_threads_and_are_counted_on(void **state)
{
    (void)state;
    tt_span spans[2];
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, start_some, spans), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        shows(LIVE("RECORD_AND_SAMPLE") "1");
        tt_span_end(spans[0]);
        tt_span_end(spans[1]);
    }
    shows(LIVE("RECORD_AND_SAMPLE") "0");
    shows(STARTED("RECORD_AND_SAMPLE", "none") "5");
    shows(STARTED("DROP", "none") "5");
}

static void test_spans_that_were_before_are_not_this_sdks(void **state)
{
    (void)state;
    lacks("otel_sdk_span_started");
    one_of_each(NULL);
    shows(STARTED("RECORD_AND_SAMPLE", "none") "3");
}

static void note_end(void *arg, const tt_span_data *data)
{
    (void)data;
    ++*(int *)arg;
}

static void test_processors_of_the_program_do_not_disturb_the_count(void **state)
{
    (void)state;
    int ended = 0;
    tt_span_processor processor = {.on_end = note_end, .arg = &ended};
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l};
    t.processors = &processor;
    t.processors_n = 1;
    start(&t, &l);
    one_of_each(NULL);
    one_of_each(NULL);
    assert_int_equal(ended, 10);
    shows(STARTED("RECORD_AND_SAMPLE", "none") "6");
    shows(STARTED("RECORD_ONLY", "none") "4");
    shows(STARTED("DROP", "none") "2");
    shows(LIVE("RECORD_AND_SAMPLE") "0");
    tt_sdk_free(&w.sdk);
}

/* --- queues ---------------------------------------------------------------------------------- */

/* While something is exported nothing leaves the queue: what is looked at then is what was put in.
 */
static char *seen;

static void see(void)
{
    if (!seen)
        seen = watched_text();
}

static void add_seven_spans(void)
{
    for (int i = 0; !seen && i < 7; i++)
        tt_span_end(tt_span_start(tracer, "sample", NULL));
    see();
}

static void add_seven_records(void)
{
    for (int i = 0; !seen && i < 7; i++)
        tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    see();
}

static void fill_up(void)
{
    while (tt_tracer_provider_lost(w.sdk.tracers) == 0)
        tt_span_end(tt_span_start(tracer, "sample", NULL));
    see();
}

/* Exports one span, and `during` that has it do something more. */
static void export_one(void (*during)(void))
{
    seen = NULL;
    w.during = during;
    tt_span_end(tt_span_start(tracer, "sample", NULL));
    assert_int_equal(tt_tracer_provider_flush(w.sdk.tracers, 10000), TT_OK);
    assert_non_null(seen);
}

static void test_queue_has_the_spans_that_wait(void **state)
{
    (void)state;
    shows("otel_sdk_processor_span_queue_size{" SPANS "} 0");
    shows("otel_sdk_processor_span_queue_capacity{" SPANS "} 4096"); // of 1 KiB, of 4 MiB
    export_one(add_seven_spans);
    assert_true(text_has_line(seen, "otel_sdk_processor_span_queue_size{" SPANS "} 7"));
    assert_true(text_has_line(seen, "otel_sdk_processor_span_processed_total{" SPANS "} 1"));
    assert_int_equal(tt_tracer_provider_flush(w.sdk.tracers, 10000), TT_OK);
    shows("otel_sdk_processor_span_queue_size{" SPANS "} 0");
    shows("otel_sdk_processor_span_processed_total{" SPANS "} 8");
    lacks("otel_sdk_processor_span_processed_total{error");
    free(seen);
}

static void test_capacity_is_what_the_queue_holds_before_it_is_full(void **state)
{
    (void)state;
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l};
    t.queue_bytes = 1 << 16;
    start(&t, &l);
    export_one(fill_up);
    int64_t size = value_in(seen, "otel_sdk_processor_span_queue_size{" SPANS "} ");
    int64_t capacity = value_in(seen, "otel_sdk_processor_span_queue_capacity{" SPANS "} ");
    assert_true(size > 500);
    assert_in_range(capacity, size, size + 4); // but for what is too short for one
    free(seen);
    tt_sdk_free(&w.sdk);
}

static void test_capacity_is_the_limit_of_spans_where_there_is_one(void **state)
{
    (void)state;
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l};
    t.queue_spans = 300;
    start(&t, &l);
    shows("otel_sdk_processor_span_queue_capacity{" SPANS "} 300");
    tt_sdk_free(&w.sdk);
}

static void test_what_finds_no_place_is_processed_with_an_error(void **state)
{
    (void)state;
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l, .delay_ms = 3600000};
    t.queue_bytes = l.queue_bytes = 4096;
    start(&t, &l);
    while (tt_tracer_provider_lost(w.sdk.tracers) < 3)
        tt_span_end(tt_span_start(tracer, "sample", NULL));
    while (tt_logger_provider_lost(w.sdk.loggers) < 2)
        tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    shows("otel_sdk_processor_span_processed_total{error_type=\"queue_full\"," SPANS "} 3");
    shows("otel_sdk_processor_log_processed_total{error_type=\"queue_full\"," RECORDS "} 2");
    tt_sdk_free(&w.sdk);
}

static void test_what_comes_after_the_shutdown_is_processed_with_another(void **state)
{
    (void)state;
    tt_span late = tt_span_start(tracer, "sample", NULL);
    assert_int_equal(tt_tracer_provider_shutdown(w.sdk.tracers, 10000), TT_OK);
    assert_int_equal(tt_logger_provider_shutdown(w.sdk.loggers, 10000), TT_OK);
    tt_span_end(late);
    tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    shows("otel_sdk_processor_span_processed_total{error_type=\"already_shutdown\"," SPANS "} 1");
    shows("otel_sdk_processor_log_processed_total{error_type=\"already_shutdown\"," RECORDS "} 1");
    shows("otel_sdk_log_created_total 1");
}

static void test_spans_that_are_only_recorded_are_processed(void **state)
{
    (void)state;
    tt_span_end(tt_span_start(tracer, "record", NULL));
    tt_span_end(tt_span_start(tracer, "drop", NULL));
    shows("otel_sdk_processor_span_processed_total{" SPANS "} 1");
    shows("otel_sdk_processor_span_queue_size{" SPANS "} 0");
}

static void test_simple_processors_have_no_queue(void **state)
{
    (void)state;
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l, .simple = true};
    t.simple = true;
    start(&t, &l);
    tt_span_end(tt_span_start(tracer, "sample", NULL));
    tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    shows("otel_sdk_processor_span_processed_total{" SIMPLE("span") "} 1");
    shows("otel_sdk_processor_log_processed_total{" SIMPLE("log") "} 1");
    lacks("queue_size");
    lacks("queue_capacity");
    tt_sdk_free(&w.sdk);
}

static void test_without_exporter_there_is_no_processor(void **state)
{
    (void)state;
    watched_new();
    w.sdk.tracers = tt_tracer_provider_new(NULL);
    w.sdk.meters = tt_meter_provider_new(NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
    tt_span_end(tt_span_start(tt_tracer_get(w.sdk.tracers, "lib", NULL), "a", NULL));
    shows(STARTED("DROP", "none") "1");
    lacks("otel_sdk_processor");
    lacks("otel_sdk_log");
    tt_sdk_free(&w.sdk);
}

/* --- log records ----------------------------------------------------------------------------- */

static void test_queue_has_the_records_that_wait(void **state)
{
    (void)state;
    seen = NULL;
    w.during = add_seven_records;
    tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 10000), TT_OK);
    assert_true(text_has_line(seen, "otel_sdk_log_created_total 8"));
    assert_true(text_has_line(seen, "otel_sdk_processor_log_queue_size{" RECORDS "} 7"));
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 10000), TT_OK);
    shows("otel_sdk_processor_log_queue_size{" RECORDS "} 0");
    shows("otel_sdk_processor_log_processed_total{" RECORDS "} 8");
    shows("otel_sdk_log_created_total 8");
    free(seen);
}

static bool refuse(void *arg, tt_log_record *record, const tt_log_origin *origin)
{
    (void)arg, (void)record, (void)origin;
    return false;
}

static void test_records_that_are_filtered_were_created_all_the_same(void **state)
{
    (void)state;
    tt_log_processor processor = {.on_emit = refuse};
    tt_tracer_provider_options t = traces();
    tt_logger_provider_options l = {.size = sizeof l, .processors = &processor};
    l.processors_n = 1;
    start(&t, &l);
    tt_log_record below = {.size = sizeof below, .severity = TT_SEVERITY_TRACE};
    tt_log(logger, TT_SEVERITY_ERROR, "refused", NULL, 0);
    tt_log_emit(logger, &below);
    (tt_log)(logger, TT_SEVERITY_TRACE, "below", NULL, 0);
    shows("otel_sdk_log_created_total 3");
    tt_log(logger, TT_SEVERITY_TRACE, "asked first", NULL, 0);
    tt_logger_set_level(logger, TT_SEVERITY_OFF);
    tt_log_emit(logger, &below);
    shows("otel_sdk_log_created_total 3");
    shows("otel_sdk_processor_log_processed_total{" RECORDS "} 0");
    tt_sdk_free(&w.sdk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_spans_are_counted_by_decision_and_parent),
        cmocka_unit_test(test_roots_and_children_are_counted_whatever_way_they_take),
        TEST(test_live_spans_are_those_that_record_and_have_not_ended),
        TEST(test_spans_outlive_their_threads_and_are_counted_on),
        TEST(test_spans_that_were_before_are_not_this_sdks),
        cmocka_unit_test(test_processors_of_the_program_do_not_disturb_the_count),
        TEST(test_queue_has_the_spans_that_wait),
        cmocka_unit_test(test_capacity_is_what_the_queue_holds_before_it_is_full),
        cmocka_unit_test(test_capacity_is_the_limit_of_spans_where_there_is_one),
        cmocka_unit_test(test_what_finds_no_place_is_processed_with_an_error),
        TEST(test_what_comes_after_the_shutdown_is_processed_with_another),
        TEST(test_spans_that_are_only_recorded_are_processed),
        cmocka_unit_test(test_simple_processors_have_no_queue),
        cmocka_unit_test(test_without_exporter_there_is_no_processor),
        TEST(test_queue_has_the_records_that_wait),
        cmocka_unit_test(test_records_that_are_filtered_were_created_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
