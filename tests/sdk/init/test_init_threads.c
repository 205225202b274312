/* Threads that start, record, die, fork, collect, flush, shut down and start the SDK again, all at
 * once: for ThreadSanitizer, and for what must hold without it. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "support/check.h"
#include "support/forks.h"
#include "telltale/init.h"
#include "telltale/prometheus_text.h"

enum { ROUNDS = 20, RECORDERS = 4, SPANS = 50 };

static _Atomic(uint64_t) sent;
static atomic_bool over;

static int count(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                 int64_t timeout_ms)
{
    (void)arg, (void)request, (void)n, (void)timeout_ms;
    if (signal == TT_SIGNAL_TRACES)
        atomic_add_relaxed(&sent, items);
    return TT_OK;
}

static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties;
    *out = (tt_exporter){.send = count};
    return TT_OK;
}

static void *record(void *arg)
{
    (void)arg;
    tt_tracer *tracer = tt_tracer_global("t", NULL);
    tt_logger *logger = tt_logger_global("l", NULL);
    tt_counter *counter = tt_counter_new(tt_meter_global("m", NULL), "c", NULL);
    tt_attr attrs[] = {tt_str("a", "b"), tt_int("n", 1)};
    for (int i = 0; i < SPANS; i++) {
        TT_SPAN(span, tracer, "work");
        tt_span_set(span, attrs, 2);
        tt_counter_add(counter, 1, attrs, 2);
        tt_log(logger, TT_SEVERITY_ERROR, "it broke", attrs, 1);
    }
    return NULL;
}

/* Threads that live for a few spans each. */
static void *record_and_die(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t short_lived;
        if (pthread_create(&short_lived, NULL, record, arg) == 0)
            (void)pthread_join(short_lived, NULL);
    }
    return NULL;
}

static void *flush_and_collect(void *arg)
{
    static char text[1 << 20];
    size_t n;
    while (!atomic_get_acquire(&over)) { // pairs with run()
        (void)tt_flush(1000);
        (void)tt_prometheus_render(tt_meter_provider_global(), NULL, text, sizeof text, &n);
    }
    return arg;
}

static void *stop_and_start(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        (void)tt_shutdown(1000);
        (void)tt_init(NULL);
    }
    return arg;
}

static void *fork_often(void *arg)
{
#ifndef NO_FORKS
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            (void)record(NULL);
            _exit(tt_shutdown(5000) == TT_OK && tt_init(NULL) == TT_OK && tt_shutdown(5000) == TT_OK
                      ? 0
                      : 1);
        }
        int status = -1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            ++*(int *)arg;
    }
#endif
    return arg;
}

/* `others` do what they do while threads record. */
static void run(void *(*const others[])(void *), size_t n, int *failures)
{
    pthread_t recorders[RECORDERS], doing[4];
    atomic_set_relaxed(&over, false);
    for (size_t i = 0; i < RECORDERS; i++)
        assert_int_equal(pthread_create(&recorders[i], NULL, record_and_die, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&doing[i], NULL, others[i], failures), 0);
    for (size_t i = 0; i < RECORDERS; i++)
        assert_int_equal(pthread_join(recorders[i], NULL), 0);
    atomic_set_release(&over, true); // pairs with flush_and_collect()
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_join(doing[i], NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "count"};
    c.make.exporter = make;
    static const char *const names[] = {"OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER",
                                        "OTEL_METRICS_EXPORTER"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(setenv(names[i], "count", 1), 0);
    atomic_set_relaxed(&sent, 0);
    return tt_component_register(&c);
}

static int teardown(void **state)
{
    (void)state;
    tt_cleanup();
    return 0;
}

static void test_every_span_of_threads_that_die_is_sent_or_counted(void **state)
{
    (void)state;
    static void *(*const others[])(void *) = {flush_and_collect, fork_often};
    int failures = 0;
    assert_int_equal(tt_init(NULL), TT_OK);
    tt_tracer_provider *tracers = tt_tracer_provider_global();
    run(others, 2, &failures);
    assert_int_equal(failures, 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    assert_int_equal(atomic_get_relaxed(&sent) + tt_tracer_provider_lost(tracers),
                     RECORDERS * ROUNDS * SPANS);
}

static void test_sdk_may_stop_and_start_while_threads_record(void **state)
{
    (void)state;
    static void *(*const others[])(void *) = {flush_and_collect, stop_and_start, fork_often};
    int failures = 0;
    assert_int_equal(tt_init(NULL), TT_OK);
    run(others, 3, &failures);
    assert_int_equal(failures, 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_span_of_threads_that_die_is_sent_or_counted,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_sdk_may_stop_and_start_while_threads_record, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
