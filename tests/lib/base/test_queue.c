#include "base/queue.h"

#include <stdatomic.h>

#include "base/thread.h"
#include "base/time.h"
#include "support/check.h"
#include "support/fail_alloc.h"

static int items[1000];

static void test_queue_hands_over_in_order(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    assert_non_null(q);
    for (int round = 0; round < 5; round++) { // the ring wraps
        assert_true(queue_try_put(q, &items[0]));
        assert_true(queue_try_put(q, &items[1]));
        assert_int_equal(queue_count(q), 2);
        assert_ptr_equal(queue_take(q, INT64_MAX), &items[0]);
        assert_ptr_equal(queue_take(q, INT64_MAX), &items[1]);
    }
    queue_free(q);
}

static void test_queue_refuses_when_full(void **state)
{
    (void)state;
    struct queue *q = queue_new(2);
    assert_non_null(q);
    assert_true(queue_try_put(q, &items[0]));
    assert_true(queue_try_put(q, &items[1]));
    assert_false(queue_try_put(q, &items[2]));
    assert_ptr_equal(queue_take(q, 0), &items[0]);
    assert_true(queue_try_put(q, &items[2]));
    queue_free(q);
}

static void test_queue_empty_gives_up_at_the_deadline(void **state)
{
    (void)state;
    struct queue *q = queue_new(1);
    assert_non_null(q);
    int64_t deadline = time_now_mono_ns() + 2 * NS_PER_MS;
    assert_null(queue_take(q, deadline));
    assert_true(time_now_mono_ns() >= deadline);
    queue_free(q);
}

static void test_queue_closed_gives_what_is_left_then_nothing(void **state)
{
    (void)state;
    struct queue *q = queue_new(2);
    assert_non_null(q);
    assert_true(queue_try_put(q, &items[0]));
    queue_close(q);
    assert_false(queue_try_put(q, &items[1]));
    assert_ptr_equal(queue_take(q, INT64_MAX), &items[0]);
    assert_null(queue_take(q, INT64_MAX));
    queue_free(q);
}

static void test_queue_refuses_senseless_capacities(void **state)
{
    (void)state;
    assert_null(queue_new(0));
    assert_null(queue_new(SIZE_MAX));
    fail_alloc_at(0);
    assert_null(queue_new(1));
    assert_true(fail_alloc_happened());
    queue_free(NULL);
}

struct traffic {
    struct queue *q;
    atomic_uint seen[sizeof items / sizeof items[0]];
    atomic_uint refused, next;
};

static void put_all(void *arg)
{
    struct traffic *t = arg;
    for (;;) {
        unsigned i = atomic_fetch_add(&t->next, 1);
        if (i >= sizeof items / sizeof items[0])
            return;
        if (!queue_try_put(t->q, &items[i]))
            atomic_fetch_add(&t->refused, 1);
    }
}

static void take_all(void *arg)
{
    struct traffic *t = arg;
    for (int *item; (item = queue_take(t->q, INT64_MAX));)
        atomic_fetch_add(&t->seen[item - items], 1);
}

static void test_queue_loses_and_doubles_nothing_between_threads(void **state)
{
    (void)state;
    static struct traffic t;
    t.q = queue_new(8);
    assert_non_null(t.q);
    struct thread putters[2] = {{0}}, takers[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(thread_start(&takers[i], "taker", take_all, &t, NULL), 0);
        assert_int_equal(thread_start(&putters[i], "putter", put_all, &t, NULL), 0);
    }
    for (int i = 0; i < 2; i++)
        thread_join(&putters[i]);
    queue_close(t.q);
    for (int i = 0; i < 2; i++)
        thread_join(&takers[i]);
    unsigned total = 0;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        assert_true(t.seen[i] <= 1);
        total += t.seen[i];
    }
    assert_int_equal(total + t.refused, sizeof items / sizeof items[0]);
    queue_free(t.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_hands_over_in_order),
        cmocka_unit_test(test_queue_refuses_when_full),
        cmocka_unit_test(test_queue_empty_gives_up_at_the_deadline),
        cmocka_unit_test(test_queue_closed_gives_what_is_left_then_nothing),
        cmocka_unit_test(test_queue_refuses_senseless_capacities),
        cmocka_unit_test(test_queue_loses_and_doubles_nothing_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
