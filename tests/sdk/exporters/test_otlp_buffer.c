/* The exporter as a whole, with a buffer: its thread, its connections, and what it does in a child.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "support/check.h"
#include "support/collector.h"
#include "support/forks.h"
#include "telltale/otlp.h"
#include "telltale/trace.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/test_buffer_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), folder, NULL);
}

static tt_exporter exporter(size_t request_max)
{
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", collector.port);
    tt_otlp_options o = {.size = sizeof o,
                         .url = url,
                         .timeout_ms = 60000,
                         .buffer = folder,
                         .request_max = request_max};
    tt_exporter e = {0};
    assert_int_equal(tt_otlp_exporter_new(TT_SIGNAL_TRACES, &o, &e), TT_OK);
    return e;
}

static int send_text(tt_exporter e, const char *text)
{
    return e.send(e.arg, TT_SIGNAL_TRACES, text, strlen(text), 1, 60000);
}

static tt_otlp_state state_of(const tt_exporter *e)
{
    tt_otlp_state state;
    tt_otlp_exporter_state(e, &state);
    return state;
}

static void test_request_that_waits_is_sent_by_the_thread(void **state)
{
    (void)state;
    collector_start(LATER, OK_EMPTY);
    tt_exporter e = exporter(0);
    assert_int_equal(send_text(e, "hello"), TT_OK);
    assert_int_equal(e.flush(e.arg, 60000), TT_OK);
    assert_int_equal(state_of(&e).waiting_requests, 0);
    assert_int_equal(state_of(&e).dropped_items, 0);
    e.close(e.arg);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 2);
    assert_non_null(strstr(collector.request, "\r\n\r\nhello"));
}

static void test_flush_says_whether_the_buffer_is_empty(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter(0);
    assert_int_equal(e.flush(e.arg, 60000), TT_OK);
    assert_int_equal(send_text(e, "hello"), TT_OK);
    assert_int_equal(e.flush(e.arg, 60000), TT_ERR_IO);
    assert_int_equal(state_of(&e).waiting_requests, 1);
    e.close(e.arg);
    collector_stop();
}

static void test_next_exporter_sends_what_was_left(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter(0);
    assert_int_equal(send_text(e, "hello"), TT_OK);
    e.close(e.arg);
    collector_stop();
    collector_start(OK_EMPTY, OK_EMPTY);
    e = exporter(0);
    assert_int_equal(e.flush(e.arg, 60000), TT_OK);
    e.close(e.arg);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 1);
    assert_non_null(strstr(collector.request, "\r\n\r\nhello"));
}

static void test_refused_request_is_counted_also_when_it_waited(void **state)
{
    (void)state;
    collector_start(LATER, REFUSED);
    tt_exporter e = exporter(0);
    assert_int_equal(send_text(e, "hello"), TT_OK);
    assert_int_equal(e.flush(e.arg, 60000), TT_OK); // nothing waits
    assert_int_equal(state_of(&e).dropped_items, 1);
    e.close(e.arg);
    collector_stop();
}

static void test_cancelled_exporter_keeps_what_it_is_given(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter(0);
    e.cancel(e.arg);
    assert_int_equal(send_text(e, "hello"), TT_OK);
    assert_int_equal(state_of(&e).waiting_requests, 1);
    e.close(e.arg);
    collector_stop();
}

static void test_request_that_is_too_large_is_lost(void **state)
{
    (void)state;
    collector_start(OK_EMPTY, OK_EMPTY);
    tt_exporter e = exporter(4);
    assert_int_equal(send_text(e, "hello"), TT_ERR_LIMIT);
    e.close(e.arg);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 0);
}

static void test_endless_answer_is_broken_off(void **state)
{
    (void)state;
    static char answer[256 << 10];
    int n =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    memset(answer + n, 'x', sizeof answer - (size_t)n - 1);
    collector_start(answer, NULL);
    tt_exporter e = exporter(0);
    assert_int_equal(send_text(e, "hello"), TT_OK); // it said 200
    assert_int_equal(state_of(&e).waiting_requests, 0);
    e.close(e.arg);
    collector_stop();
}

static void test_flush_of_a_provider_reaches_the_buffer(void **state)
{
    (void)state;
    collector_start(LATER, OK_EMPTY);
    tt_tracer_provider_options o = {.size = sizeof o, .exporter = exporter(0)};
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_span_end(tt_span_start(tt_tracer_get(p, "lib", NULL), "a span of mine", NULL));
    assert_int_equal(tt_tracer_provider_flush(p, 60000), TT_OK);
    assert_int_equal(state_of(&o.exporter).waiting_requests, 0);
    assert_int_equal(tt_tracer_provider_lost(p), 0);
    tt_tracer_provider_free(p);
    collector_stop();
    assert_int_equal(atomic_load(&collector.asked), 2);
}

#ifndef NO_FORKS
/* The parent has a thread that sends, and a connection; the child must touch neither. */
static void test_child_has_a_buffer_and_a_connection_of_its_own(void **state)
{
    (void)state;
    collector_start(NULL, NULL);
    tt_exporter e = exporter(0);
    assert_int_equal(send_text(e, "the parent's"), TT_OK);
    pid_t child = fork();
    if (child == 0) {
        bool ok = send_text(e, "the child's") == TT_OK && state_of(&e).waiting_requests == 1 &&
                  e.flush(e.arg, 60000) == TT_ERR_IO;
        e.close(e.arg);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(state_of(&e).waiting_requests, 1);
    e.close(e.arg);
    e = exporter(0);
    assert_int_equal(state_of(&e).waiting_requests, 2);
    e.close(e.arg);
    collector_stop();
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request_that_waits_is_sent_by_the_thread),
        TEST(test_flush_says_whether_the_buffer_is_empty),
        TEST(test_next_exporter_sends_what_was_left),
        TEST(test_refused_request_is_counted_also_when_it_waited),
        TEST(test_cancelled_exporter_keeps_what_it_is_given),
        TEST(test_request_that_is_too_large_is_lost),
        TEST(test_endless_answer_is_broken_off),
        TEST(test_flush_of_a_provider_reaches_the_buffer),
#ifndef NO_FORKS
        TEST(test_child_has_a_buffer_and_a_connection_of_its_own),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
