/* Sets of ids against a naive one: runs that rise and such that do not, long and short, folded at
 * any time or never. */
#include "store/embedded/stream_ids.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "support/check.h"

enum { IDS = 1 << 18, RUNS = 3000 };

struct sets {
    struct stream_ids *ids;
    roaring_bitmap_t *naive;
    uint64_t random;
};

static uint32_t below(struct sets *s, uint32_t limit)
{
    return (uint32_t)(check_random(&s->random) % limit);
}

static void begin(struct sets *s, uint64_t seed)
{
    *s = (struct sets){.naive = roaring_bitmap_create(), .random = seed};
}

static void end(struct sets *s)
{
    stream_ids_free(s->ids);
    roaring_bitmap_free(s->naive);
}

static void add(struct sets *s, uint32_t first, uint32_t n)
{
    assert_int_equal(stream_ids_add(&s->ids, first, n), 0);
    roaring_bitmap_add_range(s->naive, first, first + n);
}

/* Short runs that rise, some of them by much, and now and then a long one. */
static void add_rising(struct sets *s, uint32_t runs)
{
    uint32_t at = below(s, 100);
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t n = 1 + below(s, i % 50 ? 4 : 300);
        if (at + n > IDS)
            break;
        add(s, at, n);
        at += n + below(s, i % 20 ? 20 : 2000);
    }
}

static void check(const struct sets *s)
{
    roaring_bitmap_t *got = roaring_bitmap_create();
    stream_ids_or(s->ids, got);
    assert_true(roaring_bitmap_equals(got, s->naive));
    assert_int_equal(stream_ids_count(s->ids), roaring_bitmap_get_cardinality(s->naive));
    roaring_bitmap_free(got);
}

static void test_a_set_has_what_was_added_before_and_after_folding(void **state)
{
    (void)state;
    struct sets s;
    begin(&s, 1);
    check(&s);
    assert_false(stream_ids_are_ragged(s.ids));
    add_rising(&s, RUNS);
    check(&s);
    assert_true(stream_ids_are_ragged(s.ids));
    assert_int_equal(stream_ids_fold(s.ids), 0);
    assert_false(stream_ids_are_ragged(s.ids));
    check(&s);
    add(&s, IDS, 1);
    add(&s, IDS + 1, 7);
    check(&s);
    end(&s);
}

static void test_ids_that_are_used_again_are_added_below_the_others(void **state)
{
    (void)state;
    struct sets s;
    begin(&s, 2);
    for (uint32_t i = 0; i < 1000; i++)
        add(&s, (i * 37 % 1000) * 5, 1 + below(&s, 4));
    check(&s);
    end(&s);
}

static void test_the_numbers_at_the_end_of_their_range_are_kept(void **state)
{
    (void)state;
    struct sets s;
    begin(&s, 3);
    add(&s, UINT32_MAX - 70, 66);
    add(&s, UINT32_MAX - 3, 2);
    check(&s);
    end(&s);
}

static void test_removing_one_by_one_leaves_nothing(void **state)
{
    (void)state;
    struct sets s;
    begin(&s, 4);
    add_rising(&s, 200);
    uint32_t n = stream_ids_count(s.ids);
    uint32_t *all = calloc(n, sizeof *all);
    assert_non_null(all);
    assert_int_equal(stream_ids_some(s.ids, all, n), n);
    assert_int_equal(stream_ids_fold(s.ids), 0);
    for (uint32_t left = n; left > 0; left--) {
        uint32_t i = below(&s, left), id = all[i];
        all[i] = all[left - 1];
        stream_ids_remove(&s.ids, id);
        roaring_bitmap_remove(s.naive, id);
        if (left % 64 == 0)
            check(&s);
    }
    assert_null(s.ids);
    free(all);
    end(&s);
}

static void check_meets(const struct sets *s, uint32_t id)
{
    roaring_bitmap_t *within = roaring_bitmap_create();
    roaring_bitmap_add(within, id);
    assert_int_equal(stream_ids_meet(s->ids, within), roaring_bitmap_contains(s->naive, id));
    roaring_bitmap_free(within);
}

static void test_a_set_meets_a_bitmap_that_has_one_of_its_ids(void **state)
{
    (void)state;
    struct sets s;
    begin(&s, 5);
    add_rising(&s, 300);
    assert_int_equal(stream_ids_fold(s.ids), 0);
    add(&s, IDS, 100);
    add(&s, IDS + 200, 1);
    for (uint32_t id = 0; id < 2000; id++)
        check_meets(&s, id);
    for (uint32_t id = IDS - 10; id < IDS + 210; id++)
        check_meets(&s, id);
    end(&s);
}

static void test_some_ids_of_a_set_are_different_ones_of_its_own(void **state)
{
    (void)state;
    struct sets s;
    uint32_t out[64];
    begin(&s, 6);
    add_rising(&s, 100);
    assert_int_equal(stream_ids_fold(s.ids), 0);
    add(&s, IDS, 20);
    for (size_t max = 0; max <= 64; max++) {
        roaring_bitmap_t *got = roaring_bitmap_create();
        assert_int_equal(stream_ids_some(s.ids, out, max), max);
        roaring_bitmap_add_many(got, max, out);
        assert_int_equal(roaring_bitmap_get_cardinality(got), max);
        assert_true(roaring_bitmap_is_subset(got, s.naive));
        roaring_bitmap_free(got);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_has_what_was_added_before_and_after_folding),
        cmocka_unit_test(test_ids_that_are_used_again_are_added_below_the_others),
        cmocka_unit_test(test_the_numbers_at_the_end_of_their_range_are_kept),
        cmocka_unit_test(test_removing_one_by_one_leaves_nothing),
        cmocka_unit_test(test_a_set_meets_a_bitmap_that_has_one_of_its_ids),
        cmocka_unit_test(test_some_ids_of_a_set_are_different_ones_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
