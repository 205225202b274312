/* How processes end by signals, in children that tell by a pipe what was exported. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/forks.h"
#include "telltale/init.h"

static void test_what_is_no_signal_is_refused(void **state)
{
    (void)state;
    assert_int_equal(tt_shutdown_on_signal(-1, 0), TT_ERR_INVALID);
    assert_int_equal(tt_shutdown_on_signal(SIGKILL, 0), TT_ERR_INVALID);
}

#ifndef NO_FORKS
static int told[2];    /* a byte for each span */
static bool interrupt; /* in the exporter's flush */

static int tell(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)timeout_ms;
    for (size_t i = 0; i < items; i++)
        (void)!write(told[1], "s", 1);
    return TT_OK;
}

static int flush(void *arg, int64_t timeout_ms)
{
    (void)arg, (void)timeout_ms;
    if (interrupt)
        (void)raise(SIGTERM);
    return TT_OK;
}

static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties;
    *out = (tt_exporter){.send = tell, .flush = flush};
    return TT_OK;
}

static void start(void)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "tell"};
    c.make.exporter = make;
    (void)tt_component_register(&c);
    tt_init_options o = {.size = sizeof o,
                         .traces_exporter = "tell",
                         .metrics_exporter = "none",
                         .logs_exporter = "none",
                         .exit_timeout_ms = 100,
                         .detectors = TT_DETECT_NONE};
    (void)tt_init(&o);
    tt_span_end(tt_span_start(tt_tracer_global("lib", "1"), "x", NULL));
}

/* Its status; out_spans: how many it exported. */
static int run_in_child(void (*body)(void), size_t *out_spans)
{
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60); // rather than for ever
        body();
        _exit(99);
    }
    (void)close(told[1]);
    char byte;
    for (*out_spans = 0; read(told[0], &byte, 1) == 1;)
        ++*out_spans;
    (void)close(told[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void end_by_signal(void)
{
    start();
    (void)tt_shutdown_on_signal(SIGTERM, 10000);
    (void)raise(SIGTERM);
    for (;;)
        (void)pause();
}

static void test_signal_shuts_down_and_then_ends_the_process(void **state)
{
    (void)state;
    size_t spans;
    int status = run_in_child(end_by_signal, &spans);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    assert_int_equal(spans, 1);
}

static void end_amid_a_flush(void)
{
    start();
    (void)tt_shutdown_on_signal(SIGTERM, 100);
    interrupt = true; // with the locks of a flush
    (void)tt_flush(10000);
    for (;;)
        (void)pause();
}

static void test_signal_amid_a_flush_ends_the_process(void **state)
{
    (void)state;
    size_t spans;
    int status = run_in_child(end_amid_a_flush, &spans);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    assert_int_equal(spans, 1);
}

static void leave(int sig)
{
    (void)sig;
    exit(3);
}

static void exit_amid_a_flush(void)
{
    start();
    (void)signal(SIGTERM, leave);
    interrupt = true;
    (void)tt_flush(10000);
}

static void test_exit_in_a_handler_amid_a_flush_ends_the_process(void **state)
{
    (void)state;
    size_t spans;
    int status = run_in_child(exit_amid_a_flush, &spans);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

static void ignore(void)
{
    start();
    (void)signal(SIGTERM, SIG_IGN);
    (void)tt_shutdown_on_signal(SIGTERM, 100);
    (void)raise(SIGTERM);
    exit(0);
}

static void test_ignored_signal_stays_ignored_and_exit_sends_what_waits(void **state)
{
    (void)state;
    size_t spans;
    assert_int_equal(run_in_child(ignore, &spans), 0);
    assert_int_equal(spans, 1);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_signal_is_refused),
#ifndef NO_FORKS
        cmocka_unit_test(test_signal_shuts_down_and_then_ends_the_process),
        cmocka_unit_test(test_signal_amid_a_flush_ends_the_process),
        cmocka_unit_test(test_exit_in_a_handler_amid_a_flush_ends_the_process),
        cmocka_unit_test(test_ignored_signal_stays_ignored_and_exit_sends_what_waits),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
