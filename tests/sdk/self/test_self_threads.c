/* Threads that start and end spans, log and end, while others flush and scrape: what was counted is
 * exact at the end, and no counter ever goes back. */
#include <pthread.h>
#include <stdatomic.h>

#include "support/watched_sdk.h"
#include "telltale/log.h"
#include "telltale/trace.h"

enum { THREADS = 4, ROUNDS = 6, SPANS = 300 };

#define STARTED(decision, origin)                                                                  \
    "otel_sdk_span_started_total{otel_span_parent_origin=\"" origin                                \
    "\",otel_span_sampling_result=\"" decision "\"} "
#define BY(type) "otel_component_name=\"" type "/0\",otel_component_type=\"" type "\"} "

static tt_tracer *tracer;
static tt_logger *logger;
static atomic_bool done;

/* Half of the traces are sampled. */
static enum tt_decision in_turn(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)arg, (void)out;
    return *sampling->name == 's' ? TT_RECORD_AND_SAMPLE : TT_DROP;
}

static void *work(void *arg)
{
    for (int i = 0; i < SPANS; i++) {
        tt_span parent = tt_span_start(tracer, i % 2 ? "sampled" : "dropped", NULL);
        tt_token token = tt_span_enter(parent);
        tt_span child = tt_span_start(tracer, i % 3 ? "sampled" : "dropped", NULL);
        tt_log(logger, TT_SEVERITY_ERROR, "it happened", NULL, 0);
        tt_leave(token);
        tt_span_end(child);
        tt_span_end(parent);
    }
    return arg;
}

static void *scrape(void *arg)
{
    static const char *const lines[] = {STARTED("RECORD_AND_SAMPLE", "none"),
                                        STARTED("DROP", "none"), STARTED("DROP", "local")};
    int64_t before[ARRAY_LEN(lines)] = {0};
    while (!atomic_load(&done)) {
        char *text = watched_text();
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            int64_t now = find_line(text, lines[i]) ? value_in(text, lines[i]) : before[i];
            assert_true(now >= before[i]);
            before[i] = now;
        }
        free(text);
    }
    return arg;
}

static void *flush(void *arg)
{
    while (!atomic_load(&done)) {
        (void)tt_tracer_provider_flush(w.sdk.tracers, 10000);
        (void)tt_logger_provider_flush(w.sdk.loggers, 10000);
    }
    return arg;
}

static void start(void)
{
    watched_new();
    tt_tracer_provider_options t = {.size = sizeof t};
    tt_logger_provider_options l = {.size = sizeof l};
    t.sampler = tt_sampler_custom(in_turn, NULL);
    t.exporter = watched_exporter(TT_SIGNAL_TRACES, "spans");
    l.exporter = watched_exporter(TT_SIGNAL_LOGS, "records");
    w.sdk.tracers = tt_tracer_provider_new(&t);
    w.sdk.loggers = tt_logger_provider_new(&l);
    w.sdk.meters = tt_meter_provider_new(NULL);
    assert_int_equal(tt_self_start(w.self, &w.sdk), TT_OK);
    tracer = tt_tracer_get(w.sdk.tracers, "lib", NULL);
    logger = tt_logger_get(w.sdk.loggers, "lib", NULL);
    atomic_store(&done, false);
}

static void run_all(void)
{
    pthread_t workers[THREADS], scraper, flusher;
    assert_int_equal(pthread_create(&scraper, NULL, scrape, NULL), 0);
    assert_int_equal(pthread_create(&flusher, NULL, flush, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&workers[i], NULL, work, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(workers[i], NULL), 0);
    }
    atomic_store(&done, true);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    assert_int_equal(pthread_join(flusher, NULL), 0);
}

static void is(const char *line, int64_t expected)
{
    assert_int_equal(value_of(line), expected);
}

static void test_counts_are_exact_however_many_count_and_look(void **state)
{
    (void)state;
    const int64_t all = (int64_t)THREADS * ROUNDS * SPANS;
    start();
    run_all();
    assert_int_equal(tt_tracer_provider_flush(w.sdk.tracers, 60000), TT_OK);
    assert_int_equal(tt_logger_provider_flush(w.sdk.loggers, 60000), TT_OK);
    is(STARTED("RECORD_AND_SAMPLE", "none"), all / 2);
    is(STARTED("DROP", "none"), all / 2);
    is(STARTED("RECORD_AND_SAMPLE", "local"), all / 3 * 2);
    is(STARTED("DROP", "local"), all / 3);
    is("otel_sdk_span_live{otel_span_sampling_result=\"RECORD_AND_SAMPLE\"} ", 0);
    is("otel_sdk_log_created_total ", all);
    is("otel_sdk_exporter_log_exported_total{" BY("records"), all);
    is("otel_sdk_exporter_span_exported_total{" BY("spans"), all / 2 + all / 3 * 2);
    is("otel_sdk_exporter_span_inflight{" BY("spans"), 0);
    tt_sdk_free(&w.sdk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_exact_however_many_count_and_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
