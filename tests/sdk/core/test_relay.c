#include "core/relay.h"

#include <string.h>

#include "support/check.h"

enum { RING = 4096, RECORD = 120, EACH = RECORD + 8 }; // a record takes its size, too

static size_t wakes, seen;

static void wake(void *arg)
{
    (void)arg;
    wakes++;
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
    struct relay *q = relay_new(RING, wake, NULL);
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
    struct relay *q = relay_new(RING, wake, NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_is_woken_at_each_quarter_however_often_it_came),
        cmocka_unit_test(test_reader_that_does_not_come_is_woken_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
