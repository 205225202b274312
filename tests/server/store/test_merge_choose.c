#include "store/embedded/merge_choose.h"

#include <string.h>

#include "base/time.h"
#include "support/check.h"

static size_t first, n; /* what was chosen last */

static bool chosen(const uint64_t *sizes, size_t n_sizes)
{
    return merge_choose(&(struct merge_choice){.sizes = sizes, .n = n_sizes}, &first, &n);
}

static void test_merges_are_picked_among_neighbours_of_one_size(void **state)
{
    (void)state;
    assert_false(chosen((uint64_t[]){100, 100, 100}, 3));
    assert_true(chosen((uint64_t[]){10000, 100, 100, 100, 100}, 5));
    assert_int_equal(first, 1);
    assert_int_equal(n, 4);
    assert_false(chosen((uint64_t[]){100000, 10000, 1000, 100, 10}, 5));

    /* A day of 144 equal flushes: no row is written more than a few times. */
    uint64_t sizes[200], written = 0;
    size_t count = 0;
    for (int flush = 0; flush < 144; flush++) {
        sizes[count++] = 100;
        while (chosen(sizes, count)) {
            uint64_t total = 0;
            for (size_t i = first; i < first + n; i++)
                total += sizes[i];
            written += total;
            sizes[first] = total;
            memmove(sizes + first + 1, sizes + first + n, (count - first - n) * sizeof *sizes);
            count -= n - 1;
        }
        assert_true(count < 16);
    }
    assert_true(written < 144 * 100 * 5);
}

static void test_day_that_is_over_becomes_one_part_where_that_gains_an_eighth(void **state)
{
    (void)state;
    struct merge_choice c = {.sizes = (uint64_t[]){800, 60, 40}, .n = 3, .over = true};
    assert_true(merge_choose(&c, &first, &n));
    assert_int_equal(first, 0);
    assert_int_equal(n, 3);
    c.sizes = (uint64_t[]){800, 60, 39};
    assert_false(merge_choose(&c, &first, &n));
    c.over = false;
    c.sizes = (uint64_t[]){800, 60, 40};
    assert_false(merge_choose(&c, &first, &n));
}

static void test_all_become_one_part_as_many_at_a_time_as_a_merge_takes(void **state)
{
    (void)state;
    uint64_t sizes[20] = {1000000};
    struct merge_choice c = {.sizes = sizes, .n = 20, .all = true};
    assert_true(merge_choose(&c, &first, &n));
    assert_int_equal(first, 0);
    assert_int_equal(n, MERGE_MAX);
    c.n = 2;
    assert_true(merge_choose(&c, &first, &n));
    assert_int_equal(n, 2);
}

static void test_one_part_is_not_merged_with_itself(void **state)
{
    (void)state;
    struct merge_choice c = {.sizes = (uint64_t[]){100}, .n = 1, .all = true, .over = true};
    assert_false(merge_choose(&c, &first, &n));
    c.n = 0;
    assert_false(merge_choose(&c, &first, &n));
}

static void test_day_is_over_an_hour_after_its_end(void **state)
{
    (void)state;
    int64_t end_ms = 11 * MS_PER_DAY, hour_ms = MS_PER_DAY / 24;
    assert_false(merge_day_is_over(10, end_ms));
    assert_false(merge_day_is_over(10, end_ms + hour_ms));
    assert_true(merge_day_is_over(10, end_ms + hour_ms + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_are_picked_among_neighbours_of_one_size),
        cmocka_unit_test(test_day_that_is_over_becomes_one_part_where_that_gains_an_eighth),
        cmocka_unit_test(test_all_become_one_part_as_many_at_a_time_as_a_merge_takes),
        cmocka_unit_test(test_one_part_is_not_merged_with_itself),
        cmocka_unit_test(test_day_is_over_an_hour_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
