/* Nobody reads, or slowly: what is written ends in time, and lines stay whole. */
#include "sinks/stream.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"
#include "telltale/log.h"
#include "telltale/sinks.h"

enum { LARGE = 1 << 20, SHORTLY_MS = 20, FOR_LONG_MS = 3600000 };

static struct {
    struct stream stream;
    int from, to;
    char *lines; /* of 100 bytes, LARGE of them */
} t;

static int begin(void **state)
{
    (void)state;
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    t.stream = (struct stream){0};
    t.from = ends[0];
    t.to = ends[1];
    t.lines = malloc(LARGE);
    for (size_t i = 0; t.lines && i < LARGE; i++)
        t.lines[i] = i % 100 == 99 || i == LARGE - 1 ? '\n' : 'x';
    return t.lines ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    free(t.lines);
    return close(t.from) | close(t.to);
}

static struct str all_lines(void)
{
    return str_of(t.lines, LARGE);
}

static size_t read_some(char *out, size_t max)
{
    ssize_t n = read(t.from, out, max);
    assert_true(n >= 0);
    return (size_t)n;
}

/* What is there, without waiting. */
static struct buf read_all(void)
{
    struct buf out = BUF_MAX(2 * LARGE);
    char chunk[4096];
    ssize_t n;
    assert_int_equal(fcntl(t.from, F_SETFL, O_NONBLOCK), 0);
    while ((n = read(t.from, chunk, sizeof chunk)) > 0)
        buf_put(&out, chunk, (size_t)n);
    assert_int_equal(fcntl(t.from, F_SETFL, 0), 0);
    return out;
}

static void test_write_to_a_pipe_that_nobody_reads_ends_in_time(void **state)
{
    (void)state;
    assert_false(stream_write(&t.stream, t.to, all_lines(), SHORTLY_MS));
    assert_false(stream_write(&t.stream, t.to, all_lines(), 0));
    assert_int_equal(fcntl(t.to, F_GETFL) & O_NONBLOCK, 0); // it is the program's
    struct buf there = read_all();
    assert_true(there.n >= PIPE_BUF);
    assert_int_equal(there.p[there.n - 1], '\n'); // whole lines
    assert_false(t.stream.torn);
    buf_done(&there);
}

static void test_time_that_is_over_does_not_matter_when_there_is_room(void **state)
{
    (void)state;
    assert_true(stream_write(&t.stream, t.to, STR("one\n"), 0));
    assert_true(stream_write(&t.stream, t.to, STR("two\n"), -5));
    struct buf there = read_all();
    assert_true(str_eq(buf_str(&there), STR("one\ntwo\n")));
    buf_done(&there);
}

static void test_line_that_was_torn_is_ended_before_the_next(void **state)
{
    (void)state;
    memset(t.lines, 'y', LARGE - 1);
    assert_false(stream_write(&t.stream, t.to, all_lines(), SHORTLY_MS));
    assert_true(t.stream.torn);
    struct buf there = read_all();
    size_t n = there.n;
    buf_done(&there);
    assert_true(stream_write(&t.stream, t.to, STR("next\n"), SHORTLY_MS));
    there = read_all();
    assert_true(n > 0 && n < LARGE);
    assert_true(str_eq(buf_str(&there), STR("\nnext\n")));
    buf_done(&there);
}

static void *write_all_lines(void *arg)
{
    bool *ok = arg;
    *ok = stream_write(&t.stream, t.to, all_lines(), FOR_LONG_MS);
    return NULL;
}

static void test_slow_reader_gets_all(void **state)
{
    (void)state;
    pthread_t thread;
    bool ok = false;
    char *got = malloc(LARGE);
    size_t n = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_all_lines, &ok), 0);
    while (n < LARGE)
        n += read_some(got + n, MIN(LARGE - n, 777));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ok);
    assert_memory_equal(got, t.lines, LARGE);
    free(got);
}

static void test_cancel_ends_a_write_that_waits_and_those_to_come(void **state)
{
    (void)state;
    pthread_t thread;
    bool ok = true;
    char first;
    assert_int_equal(pthread_create(&thread, NULL, write_all_lines, &ok), 0);
    (void)read_some(&first, 1); // it has begun
    stream_cancel(&t.stream);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(ok);
    struct buf there = read_all();
    buf_done(&there);
    assert_false(stream_write(&t.stream, t.to, STR("one\n"), FOR_LONG_MS));
}

static void test_terminal_that_was_stopped_is_not_waited_for(void **state)
{
    (void)state;
    int screen, terminal;
    if (openpty(&screen, &terminal, NULL, NULL, NULL) != 0)
        skip();
    assert_false(stream_write(&t.stream, terminal, all_lines(), SHORTLY_MS));
    assert_false(stream_write(&t.stream, terminal, all_lines(), 0));
    assert_int_equal(close(terminal) | close(screen), 0);
}

/* --- the exporter --- */

/* With standard error as that pipe; no check may print meanwhile. */
static void test_shutdown_does_not_wait_for_the_console(void **state)
{
    (void)state;
    int before = dup(STDERR_FILENO);
    t.lines[99] = '\0';
    assert_false(stream_write(&t.stream, t.to, all_lines(), 0));
    tt_console_options co = {.size = sizeof co, .standard_error = true};
    tt_logger_provider_options o = {.size = sizeof o, .delay_ms = FOR_LONG_MS};
    o.send_timeout_ms = FOR_LONG_MS;
    assert_int_equal(tt_console_exporter_new(TT_SIGNAL_LOGS, &co, &o.exporter), TT_OK);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    (void)dup2(t.to, STDERR_FILENO);
    for (size_t i = 0; i < 100; i++)
        tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, t.lines, NULL, 0);
    int rc = tt_logger_provider_shutdown(p, SHORTLY_MS);
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
    assert_int_not_equal(rc, TT_OK);
    assert_int_equal(tt_logger_provider_lost(p), 100);
    tt_logger_provider_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_to_a_pipe_that_nobody_reads_ends_in_time),
        TEST(test_time_that_is_over_does_not_matter_when_there_is_room),
        TEST(test_line_that_was_torn_is_ended_before_the_next),
        TEST(test_slow_reader_gets_all),
        TEST(test_cancel_ends_a_write_that_waits_and_those_to_come),
        TEST(test_terminal_that_was_stopped_is_not_waited_for),
        TEST(test_shutdown_does_not_wait_for_the_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
