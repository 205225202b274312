/* Decoded chunks stay while they fit, what is asked for stays longest, and a reference outlives the
 * cache's own. */
#include "store/embedded/chunk_cache.h"

#include "harness.h"

enum { SLOTS = 8, ONE = 1000 };

static struct chunk_cache cache;
static struct part_chunk *slots[SLOTS];

static void put(size_t i)
{
    struct part_chunk *c = part_chunk_new(ONE);
    assert_non_null(c);
    chunk_cache_put(&cache, &slots[i], c);
    part_chunk_unref(c);
}

static bool has(size_t i)
{
    struct part_chunk *c = chunk_cache_get(&cache, &slots[i]);
    part_chunk_unref(c);
    return c;
}

static int set_up(void **state)
{
    (void)state;
    chunk_cache_init(&cache, 3 * ONE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chunk_cache_done(&cache);
    for (size_t i = 0; i < SLOTS; i++)
        assert_null(slots[i]);
    return 0;
}

static void test_what_fits_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        put(i);
    for (size_t i = 0; i < 3; i++)
        assert_true(has(i));
    assert_int_equal(cache.bytes, 3 * ONE);
}

static void test_a_scan_does_not_push_out_what_is_asked_for(void **state)
{
    (void)state;
    put(0);
    for (size_t i = 1; i < SLOTS; i++) {
        assert_true(has(0));
        put(i);
        assert_true(cache.bytes <= cache.budget);
    }
    assert_true(has(0));
    assert_true(has(SLOTS - 1));
    assert_false(has(1));
}

static void test_a_chunk_in_use_outlives_its_place(void **state)
{
    (void)state;
    put(0);
    struct part_chunk *held = chunk_cache_get(&cache, &slots[0]);
    chunk_cache_drop(&cache, slots, SLOTS);
    assert_false(has(0));
    assert_int_equal(cache.bytes, 0);
    assert_int_equal(held->bytes, ONE);
    part_chunk_unref(held);
}

static void test_the_first_of_two_threads_wins(void **state)
{
    (void)state;
    put(0);
    struct part_chunk *first = slots[0];
    put(0);
    assert_ptr_equal(slots[0], first);
    assert_int_equal(cache.bytes, ONE);
}

static void test_one_chunk_over_the_budget_is_not_kept(void **state)
{
    (void)state;
    struct part_chunk *c = part_chunk_new(4 * ONE);
    assert_non_null(c);
    chunk_cache_put(&cache, &slots[0], c);
    assert_false(has(0));
    part_chunk_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_fits_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_scan_does_not_push_out_what_is_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_chunk_in_use_outlives_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_of_two_threads_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_chunk_over_the_budget_is_not_kept, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
