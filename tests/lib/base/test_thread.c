#define _GNU_SOURCE // pthread_getname_np, sched_setaffinity
#include "base/thread.h"

#include <sched.h>
#include <signal.h>

#include "support/check.h"

struct report {
    char name[16];
    bool blocked; /* SIGTERM is blocked in the thread */
    bool own;     /* SIGBUS and SIGSEGV are not */
    int runs;
};

static void write_report(void *arg)
{
    struct report *r = arg;
    sigset_t mask;
    r->runs++;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    r->blocked = sigismember(&mask, SIGTERM) == 1;
    r->own = sigismember(&mask, SIGBUS) == 0 && sigismember(&mask, SIGSEGV) == 0;
    (void)pthread_getname_np(pthread_self(), r->name, sizeof r->name); // empty on failure
}

static void test_thread_runs_once_with_its_name_and_no_signals_but_its_own(void **state)
{
    (void)state;
    struct report r = {0};
    struct thread t = {0};
    assert_int_equal(thread_start(&t, "a name that is too long", write_report, &r, NULL), 0);
    assert_true(t.running);
    thread_join(&t);
    assert_false(t.running);
    assert_int_equal(r.runs, 1);
    assert_true(r.blocked);
    assert_true(r.own);
    assert_string_equal(r.name, "a name that is ");
}

static void test_thread_leaves_the_starters_signals_alone(void **state)
{
    (void)state;
    sigset_t before, after;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    struct report r = {0};
    struct thread t = {0};
    assert_int_equal(thread_start(&t, "x", write_report, &r, NULL), 0);
    thread_join(&t);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void test_thread_join_does_nothing_when_it_never_ran(void **state)
{
    (void)state;
    struct thread t = {0};
    thread_join(&t);
    thread_join(&t);
    assert_false(t.running);
}

static void test_processors_are_those_that_the_process_may_run_on(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(thread_processors(), CPU_COUNT(&all));
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(thread_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_runs_once_with_its_name_and_no_signals_but_its_own),
        cmocka_unit_test(test_thread_leaves_the_starters_signals_alone),
        cmocka_unit_test(test_thread_join_does_nothing_when_it_never_ran),
        cmocka_unit_test(test_processors_are_those_that_the_process_may_run_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
