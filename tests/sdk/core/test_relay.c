#include "core/relay.h"

#include <pthread.h>
#include <string.h>

#include "base/atomic.h"

#include "support/check.h"

enum { RING = 4096, RECORD = 120, EACH = RECORD + 8 }; // a record takes its size, too
enum { THREADS = 4, MANY = 20000, LIMIT = 100, LARGE = 1 << 20 };

static size_t wakes, seen;

static void wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void wake_nobody(void *arg)
{
    (void)arg;
}

static bool see(void *arg, const char *record, size_t n)
{
    (void)arg;
    assert_int_equal(n, RECORD);
    assert_int_equal(record[0], 'x');
    seen++;
    return true;
}

static bool write_one(struct relay *q)
{
    char *to = relay_reserve(q, RECORD);
    if (!to)
        return false;
    memset(to, 'x', RECORD);
    relay_commit(q, RECORD);
    return true;
}

static void test_reader_is_woken_at_each_quarter_however_often_it_came(void **state)
{
    (void)state;
    struct relay *q = relay_new(RING, RELAY_RECORDS_ANY, wake, NULL);
    wakes = seen = 0;
    size_t written = 0;
    for (size_t round = 0; round < 50; round++) {
        size_t before = wakes;
        for (size_t n = 0; n < RING / 4; n += EACH)
            written += write_one(q);
        assert_int_equal(wakes, before + 1 + (round == 0)); // the first record wakes, too
        relay_drain(q, see, NULL);
        assert_int_equal(seen, written);
    }
    relay_free(q);
}

static void test_reader_that_does_not_come_is_woken_again(void **state)
{
    (void)state;
    struct relay *q = relay_new(RING, RELAY_RECORDS_ANY, wake, NULL);
    wakes = seen = 0;
    size_t written = 0;
    while (write_one(q))
        written++;
    assert_int_equal(written, RING / EACH);
    assert_int_equal(wakes, 1 + 4);
    relay_drain(q, see, NULL);
    assert_int_equal(seen, written);
    for (size_t n = 0; n < RING / 4; n += EACH)
        assert_true(write_one(q));
    assert_int_equal(wakes, 1 + 4 + 1);
    relay_free(q);
}

/* --- a limit of records --- */

static uint64_t queued(struct relay *q)
{
    tt_pipeline p = {0};
    relay_read(q, &p);
    return p.queued;
}

static size_t fill(struct relay *q)
{
    size_t n = 0;
    while (n < MANY && write_one(q))
        n++;
    return n;
}

static void test_ring_holds_as_many_records_as_the_limit_says(void **state)
{
    (void)state;
    for (size_t limit = 1; limit <= 3000; limit = limit * 3 / 2 + 1) {
        struct relay *q = relay_new(LARGE, limit, wake, NULL);
        assert_int_equal(fill(q), limit);
        relay_drain(q, see, NULL);
        assert_int_equal(fill(q), limit);
        relay_free(q);
    }
}

static void test_reader_is_woken_at_each_quarter_of_the_limit(void **state)
{
    (void)state;
    struct relay *q = relay_new(LARGE, LIMIT, wake, NULL);
    wakes = 0;
    for (size_t n = 0; n < LIMIT / 4 - 1; n++)
        assert_true(write_one(q));
    assert_int_equal(wakes, 1); // the first record
    assert_true(write_one(q));
    assert_int_equal(wakes, 2);
    assert_int_equal(fill(q), LIMIT - LIMIT / 4);
    assert_int_equal(wakes, 5);
    relay_free(q);
}

static bool see_one(void *arg, const char *record, size_t n)
{
    (void)see(arg, record, n);
    return false;
}

static void test_each_record_that_was_read_makes_room_for_one(void **state)
{
    (void)state;
    struct relay *q = relay_new(LARGE, LIMIT, wake, NULL);
    (void)fill(q);
    for (size_t n = 0; n < 3; n++)
        relay_drain(q, see_one, NULL);
    assert_int_equal(fill(q), 3);
    relay_free(q);
}

static void *write_some(void *arg)
{
    for (size_t n = 0; n < 10; n++)
        (void)write_one(arg); // or else fewer fit than there ought to
    return NULL;
}

static void test_thread_that_ends_leaves_what_it_had_in_hand(void **state)
{
    (void)state;
    enum { FEW = 1000 }; // a thread takes 15 at a time
    struct relay *q = relay_new(LARGE, FEW, wake, NULL);
    for (size_t i = 0; i < 20; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_some, q), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(fill(q), FEW - 20 * 10);
    relay_free(q);
}

static struct {
    struct relay *relay;
    _Atomic(uint64_t) written, dropped, running;
} crowd;

static void *write_many(void *arg)
{
    uint64_t written = 0;
    (void)arg;
    for (size_t n = 0; n < MANY; n++)
        written += write_one(crowd.relay);
    atomic_fetch_add(&crowd.written, written);
    atomic_fetch_add(&crowd.dropped, MANY - written);
    atomic_fetch_sub(&crowd.running, 1);
    return NULL;
}

static void test_all_threads_together_keep_the_limit(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    crowd.relay = relay_new(LARGE, LIMIT, wake_nobody, NULL);
    crowd.running = THREADS;
    seen = 0;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
    while (atomic_load(&crowd.running)) {
        assert_true(queued(crowd.relay) <= LIMIT);
        relay_drain(crowd.relay, see, NULL);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    relay_drain(crowd.relay, see, NULL);
    assert_int_equal(crowd.written + crowd.dropped, THREADS * MANY);
    assert_int_equal(seen, crowd.written);
    assert_int_equal(fill(crowd.relay), LIMIT); // nothing of it went astray
    relay_free(crowd.relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_is_woken_at_each_quarter_however_often_it_came),
        cmocka_unit_test(test_reader_that_does_not_come_is_woken_again),
        cmocka_unit_test(test_ring_holds_as_many_records_as_the_limit_says),
        cmocka_unit_test(test_reader_is_woken_at_each_quarter_of_the_limit),
        cmocka_unit_test(test_each_record_that_was_read_makes_room_for_one),
        cmocka_unit_test(test_thread_that_ends_leaves_what_it_had_in_hand),
        cmocka_unit_test(test_all_threads_together_keep_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
