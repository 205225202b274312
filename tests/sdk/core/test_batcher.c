/* What becomes of records when exporters fail, are slow, or do not return: each one that was ended
 * is delivered or counted as lost, and a shutdown keeps its time. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "core/clock.h"
#include "support/check.h"
#include "telltale/log.h"
#include "telltale/trace.h"
#include "telltale/watch.h"

/* SOME fill over a quarter of RING, which wakes the worker, and not all of it. */
enum { MANY = 20000, RING = 1 << 16, SOME = 300 };

/* An exporter that a test opens and shuts. */
static struct gate {
    sem_t entered, open;
    atomic_bool wait; /* in send, until opened or cancelled */
    _Atomic(int) rc;  /* what send returns */
    _Atomic(uint64_t) delivered, closed, sends;
} gate;

static tt_tracer_provider *provider;
static tt_tracer *tracer;

static int send_through(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    struct gate *g = arg;
    (void)signal, (void)request, (void)n, (void)timeout_ms;
    atomic_fetch_add(&g->sends, 1);
    if (atomic_load(&g->wait)) {
        (void)sem_post(&g->entered);
        (void)sem_wait(&g->open);
    }
    int rc = atomic_load(&g->rc);
    atomic_fetch_add(&g->delivered, rc == TT_OK ? items : 0);
    return rc;
}

static void cancel(void *arg)
{
    struct gate *g = arg;
    atomic_store(&g->rc, TT_ERR_SHUTDOWN);
    atomic_store(&g->wait, false);
    (void)sem_post(&g->open);
}

static void close_gate(void *arg)
{
    atomic_fetch_add(&((struct gate *)arg)->closed, 1);
}

static tt_exporter exporter(void)
{
    return (tt_exporter){.send = send_through, .cancel = cancel, .close = close_gate, .arg = &gate};
}

static void start(tt_exporter e, size_t queue_bytes)
{
    tt_tracer_provider_options o = {
        .size = sizeof o, .exporter = e, .queue_bytes = queue_bytes, .delay_ms = 3600000};
    provider = tt_tracer_provider_new(&o);
    tracer = tt_tracer_get(provider, "lib", "1");
}

static int begin(void **state)
{
    (void)state;
    gate = (struct gate){0};
    return sem_init(&gate.entered, 0, 0) || sem_init(&gate.open, 0, 0);
}

static int end(void **state)
{
    (void)state;
    tt_tracer_provider_free(provider);
    provider = NULL;
    return sem_destroy(&gate.entered) || sem_destroy(&gate.open);
}

static void make_spans(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        tt_span_end(tt_span_start(tracer, "x", NULL));
}

static void assert_all_are_counted(uint64_t n)
{
    assert_int_equal(atomic_load(&gate.delivered) + tt_tracer_provider_lost(provider), n);
}

static int64_t shutdown_takes_ms(int64_t timeout_ms, int rc)
{
    int64_t before = clock_mono_ns();
    assert_int_equal(tt_tracer_provider_shutdown(provider, timeout_ms), rc);
    return (clock_mono_ns() - before) / 1000000;
}

static void test_flush_and_shutdown_return_the_failure_of_a_send(void **state)
{
    (void)state;
    start(exporter(), 0);
    atomic_store(&gate.rc, TT_ERR_IO);
    make_spans(1);
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_ERR_IO);
    assert_int_equal(tt_tracer_provider_lost(provider), 1);
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK); // nothing was lost by it
    make_spans(1);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 60000), TT_ERR_IO);
    assert_all_are_counted(2);
}

static void test_one_failure_among_several_requests_is_returned(void **state)
{
    (void)state;
    start(exporter(), RING);
    atomic_store(&gate.wait, true);
    make_spans(SOME);
    (void)sem_wait(&gate.entered); // by the worker
    atomic_store(&gate.rc, TT_ERR_IO);
    atomic_store(&gate.wait, false);
    (void)sem_post(&gate.open);
    tt_tracer_provider_flush(provider, 60000);
    atomic_store(&gate.rc, TT_OK);
    make_spans(600);
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK);
    assert_all_are_counted(SOME + 600);
}

/* The worker begins with the first record, and waits for the delay like at any other. */
static void test_few_records_are_one_request(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        tt_tracer_provider_free(provider);
        atomic_store(&gate.sends, 0);
        start(exporter(), 0);
        make_spans(50);
        assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK);
        assert_int_equal(atomic_load(&gate.sends), 1);
    }
}

static void test_spans_in_the_rings_at_a_cancelled_shutdown_are_counted(void **state)
{
    (void)state;
    start(exporter(), 0);
    atomic_store(&gate.wait, true);
    make_spans(MANY);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1), TT_ERR_TIMEOUT);
    assert_int_equal(gate.closed, 1);
    assert_int_equal(tt_tracer_provider_lost(provider), MANY);
    tt_pipeline p;
    tt_tracer_provider_pipeline(provider, &p);
    assert_int_equal(p.queued, 0);
    assert_int_equal(p.processed + p.shut_down, MANY);
    make_spans(5);
    assert_all_are_counted(MANY + 5);
}

static void test_full_ring_failed_send_and_shutdown_are_counted_together(void **state)
{
    (void)state;
    start(exporter(), RING);
    atomic_store(&gate.wait, true);
    make_spans(SOME);
    (void)sem_wait(&gate.entered); // by the worker
    make_spans(MANY);              // the ring holds some hundreds
    assert_true(tt_tracer_provider_lost(provider) > 0);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1), TT_ERR_TIMEOUT);
    assert_all_are_counted(SOME + MANY);
}

static int sleep_and_send(void *arg, enum tt_signal signal, const void *request, size_t n,
                          size_t items, int64_t timeout_ms)
{
    struct timespec pause = {.tv_nsec = 100000000};
    (void)nanosleep(&pause, NULL);
    return send_through(arg, signal, request, n, items, timeout_ms);
}

static void test_shutdown_keeps_its_deadline_between_slow_sends(void **state)
{
    (void)state;
    tt_exporter e = {.send = sleep_and_send, .close = close_gate, .arg = &gate};
    start(e, 0);
    make_spans(MANY); // 40 requests, 4 seconds
    assert_true(shutdown_takes_ms(250, TT_ERR_TIMEOUT) < 3000);
    assert_int_equal(gate.closed, 1);
    assert_true(gate.delivered < MANY);
    assert_all_are_counted(MANY);
}

static void test_exporter_that_does_not_return_does_not_hold_up_a_shutdown(void **state)
{
    (void)state;
    static struct gate stuck; // a thread is in it for longer than this test
    assert_int_equal(sem_init(&stuck.entered, 0, 0) || sem_init(&stuck.open, 0, 0), 0);
    tt_exporter e = {.send = send_through, .close = close_gate, .arg = &stuck};
    start(e, 0);
    atomic_store(&stuck.wait, true);
    make_spans(MANY);
    (void)sem_wait(&stuck.entered);
    assert_true(shutdown_takes_ms(1, TT_ERR_TIMEOUT) < 5000);
    assert_int_equal(stuck.closed, 0); // it is in use
    assert_int_equal(tt_tracer_provider_lost(provider), MANY);
    tt_tracer_provider_free(provider); // stays, since the call may use it
    provider = NULL;
    atomic_store(&stuck.wait, false);
    (void)sem_post(&stuck.open);
}

static void *end_spans_for_long(void *arg)
{
    atomic_bool *stop = arg;
    uint64_t n = 0;
    while (!atomic_load(stop)) {
        make_spans(10);
        n += 10;
    }
    return (void *)(uintptr_t)n; // NOLINT(performance-no-int-to-ptr)
}

static void test_spans_that_end_during_a_shutdown_are_counted(void **state)
{
    (void)state;
    start(exporter(), 1 << 16);
    pthread_t threads[3];
    atomic_bool stop = false;
    uint64_t made = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, end_spans_for_long, &stop), 0);
    while (atomic_load(&gate.sends) < 5)
        (void)tt_tracer_provider_flush(provider, 1000);
    (void)tt_tracer_provider_shutdown(provider, 1);
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        void *n;
        (void)pthread_join(threads[i], &n);
        made += (uintptr_t)n;
    }
    assert_all_are_counted(made);
}

static int note_timeout(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)request, (void)n, (void)items;
    ((int64_t *)arg)[signal] = timeout_ms;
    return TT_OK;
}

static void test_environment_sets_the_time_of_an_export(void **state)
{
    (void)state;
    int64_t told_ms[3] = {0};
    tt_exporter e = {.send = note_timeout, .arg = told_ms};
    assert_int_equal(setenv("OTEL_BSP_EXPORT_TIMEOUT", "1234", 1), 0);
    assert_int_equal(setenv("OTEL_BLRP_EXPORT_TIMEOUT", "2345", 1), 0);
    start(e, 0);
    tt_logger_provider_options o = {.size = sizeof o, .exporter = e};
    tt_logger_provider *loggers = tt_logger_provider_new(&o);
    assert_int_equal(unsetenv("OTEL_BSP_EXPORT_TIMEOUT"), 0);
    assert_int_equal(unsetenv("OTEL_BLRP_EXPORT_TIMEOUT"), 0);
    make_spans(1);
    tt_log(tt_logger_get(loggers, "lib", "1"), TT_SEVERITY_ERROR, "x", NULL, 0);
    assert_int_equal(tt_tracer_provider_flush(provider, 3600000), TT_OK);
    assert_int_equal(tt_logger_provider_flush(loggers, 3600000), TT_OK);
    assert_int_equal(told_ms[TT_SIGNAL_TRACES], 1234);
    assert_int_equal(told_ms[TT_SIGNAL_LOGS], 2345);
    tt_logger_provider_free(loggers);
}

/* Providers of both signals with a limit of 40, whose worker is in the exporter. */
static void test_environment_limits_how_many_records_wait(void **state)
{
    (void)state;
    enum { WAIT = 40, MORE = 7 };
    assert_int_equal(setenv("OTEL_BSP_MAX_QUEUE_SIZE", "40", 1), 0);
    assert_int_equal(setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "40", 1), 0);
    tt_logger_provider_options o = {.size = sizeof o, .exporter = exporter(), .delay_ms = 3600000};
    tt_logger_provider *loggers = tt_logger_provider_new(&o);
    start(exporter(), 0);
    assert_int_equal(unsetenv("OTEL_BSP_MAX_QUEUE_SIZE"), 0);
    assert_int_equal(unsetenv("OTEL_BLRP_MAX_QUEUE_SIZE"), 0);
    atomic_store(&gate.wait, true);
    tt_logger *logger = tt_logger_get(loggers, "lib", "1");
    make_spans(WAIT / 4); // wakes the worker, which takes them out
    (void)sem_wait(&gate.entered);
    make_spans(WAIT + MORE);
    for (int i = 0; i < WAIT / 4; i++)
        tt_log(logger, TT_SEVERITY_ERROR, "x", NULL, 0);
    (void)sem_wait(&gate.entered);
    for (int i = 0; i < WAIT + MORE; i++)
        tt_log(logger, TT_SEVERITY_ERROR, "x", NULL, 0);
    assert_int_equal(tt_tracer_provider_lost(provider), MORE);
    assert_int_equal(tt_logger_provider_lost(loggers), MORE);
    tt_pipeline p;
    tt_tracer_provider_pipeline(provider, &p);
    assert_int_equal(p.queued, WAIT);
    assert_int_equal(p.queued_max, WAIT);
    atomic_store(&gate.wait, false);
    (void)sem_post(&gate.open);
    (void)sem_post(&gate.open);
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK);
    assert_int_equal(tt_logger_provider_flush(loggers, 60000), TT_OK);
    assert_int_equal(atomic_load(&gate.delivered), 2 * (WAIT / 4 + WAIT));
    tt_logger_provider_free(loggers);
}

static uint64_t queue_of(const char *variable, size_t given)
{
    assert_int_equal(setenv("OTEL_BSP_MAX_QUEUE_SIZE", variable, 1), 0);
    tt_tracer_provider_options o = {.size = sizeof o, .exporter = exporter(), .queue_spans = given};
    tt_tracer_provider *made = tt_tracer_provider_new(&o);
    assert_int_equal(unsetenv("OTEL_BSP_MAX_QUEUE_SIZE"), 0);
    tt_pipeline p;
    tt_tracer_provider_pipeline(made, &p);
    tt_tracer_provider_free(made);
    return p.queued_max;
}

static void test_bytes_alone_are_the_limit_of_who_asks_for_no_other(void **state)
{
    (void)state;
    assert_int_equal(queue_of("", 0), 0);
    assert_int_equal(queue_of("7", 0), 7);
    assert_int_equal(queue_of("7", 5), 5);
    assert_int_equal(queue_of("7", SIZE_MAX), 0);
    assert_int_equal(queue_of("99999999999", 0), UINT32_MAX); // as far as it is told
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    static const char *const garbage[] = {"0", "-1", "x", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        assert_int_equal(queue_of(garbage[i], 0), 0);
        assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + i + 1);
    }
}

static void test_many_threads_keep_the_limit_and_all_is_counted(void **state)
{
    (void)state;
    tt_tracer_provider_options o = {
        .size = sizeof o, .exporter = exporter(), .queue_spans = 100, .delay_ms = 3600000};
    provider = tt_tracer_provider_new(&o);
    tracer = tt_tracer_get(provider, "lib", "1");
    pthread_t threads[4];
    atomic_bool stop = false;
    uint64_t made = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, end_spans_for_long, &stop), 0);
    while (atomic_load(&gate.delivered) < 10000)
        (void)tt_tracer_provider_flush(provider, 1000);
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        void *n;
        (void)pthread_join(threads[i], &n);
        made += (uintptr_t)n;
    }
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK);
    assert_all_are_counted(made);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_flush_and_shutdown_return_the_failure_of_a_send),
        TEST(test_one_failure_among_several_requests_is_returned),
        TEST(test_few_records_are_one_request),
        TEST(test_spans_in_the_rings_at_a_cancelled_shutdown_are_counted),
        TEST(test_full_ring_failed_send_and_shutdown_are_counted_together),
        TEST(test_shutdown_keeps_its_deadline_between_slow_sends),
        TEST(test_exporter_that_does_not_return_does_not_hold_up_a_shutdown),
        TEST(test_spans_that_end_during_a_shutdown_are_counted),
        TEST(test_environment_sets_the_time_of_an_export),
        TEST(test_environment_limits_how_many_records_wait),
        TEST(test_bytes_alone_are_the_limit_of_who_asks_for_no_other),
        TEST(test_many_threads_keep_the_limit_and_all_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
