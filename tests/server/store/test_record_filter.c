/* Filters never say no to what is there, and seldom yes to what is not; words are what users would
 * call so; a substring is looked up only by words that are whole in every text that has it. */
#include "store/embedded/records/filter.h"

#include "base/hash.h"
#include "harness.h"

static struct buf out;

static void make(size_t n)
{
    struct hash_set set = {0};
    for (uint64_t i = 0; i < n; i++)
        assert_true(hash_set_add(&set, hash_u64(i)));
    assert_int_equal(set.n, n);
    buf_reset(&out);
    filter_put(&out, &set);
    hash_set_done(&set);
}

static void test_a_filter_contains_what_was_added_and_little_else(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 100, 10000, 200000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        make(sizes[k]);
        size_t wrong = 0;
        for (uint64_t i = 0; i < sizes[k]; i++)
            assert_true(filter_may_contain(out.p, out.n, hash_u64(i)));
        for (uint64_t i = 0; i < 20000; i++)
            wrong += filter_may_contain(out.p, out.n, hash_u64(i + 1000000));
        assert_true(wrong < 20000 / 500);
        assert_true(out.n <= sizes[k] * FILTER_BITS / 8 + FILTER_BLOCK);
    }
}

static void test_an_empty_filter_contains_nothing_and_zero_is_a_hash_like_others(void **state)
{
    (void)state;
    struct hash_set set = {0};
    buf_reset(&out);
    filter_put(&out, &set);
    assert_int_equal(out.n, 0);
    assert_false(filter_may_contain(NULL, 0, 5));
    assert_true(hash_set_add(&set, 0));
    filter_put(&out, &set);
    assert_true(filter_may_contain(out.p, out.n, 0));
    hash_set_reset(&set);
    assert_int_equal(set.n, 0);
    hash_set_done(&set);
}

/* --- words ------------------------------------------------------------------------------------ */

struct found {
    uint64_t hashes[16];
    size_t n;
};

static bool take(void *arg, uint64_t hash)
{
    struct found *f = arg;
    assert_true(f->n < 16);
    f->hashes[f->n++] = hash;
    return true;
}

static struct found words(struct str text)
{
    struct found f = {.n = 0};
    assert_true(words_each(text, take, &f));
    return f;
}

static struct found inner(struct str part)
{
    struct found f = {.n = 0};
    assert_true(words_each_inner(part, take, &f));
    return f;
}

static void check_same(struct found a, struct found b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.hashes, b.hashes, a.n * sizeof *a.hashes);
}

static void test_words_are_runs_of_letters_digits_and_bytes_beyond_ascii(void **state)
{
    (void)state;
    check_same(words(STR("Timed-out: user_42, größe!")), words(STR("timed OUT user_42 größe")));
    assert_int_equal(words(STR("")).n, 0);
    assert_int_equal(words(STR(" .-:/ ")).n, 0);
    assert_int_equal(words(STR("one")).n, 1);
    assert_int_equal(words(STR("a=1,b=2")).n, 4);
    assert_true(words(STR("ab")).hashes[0] != words(STR("ba")).hashes[0]);
}

static bool stop(void *arg, uint64_t hash)
{
    (void)hash;
    return ++*(int *)arg < 2;
}

static void test_words_end_when_the_caller_has_enough(void **state)
{
    (void)state;
    int n = 0;
    assert_false(words_each(STR("a b c d"), stop, &n));
    assert_int_equal(n, 2);
}

static void test_only_words_with_neighbours_on_both_sides_are_sure_in_a_substring(void **state)
{
    (void)state;
    assert_int_equal(inner(STR("timeout")).n, 0);
    assert_int_equal(inner(STR("ed out")).n, 0);
    check_same(inner(STR("ed out of mem")), words(STR("out of")));
    check_same(inner(STR(" out ")), words(STR("out")));
    assert_int_equal(inner(STR("")).n, 0);
}

static int begin(void **state)
{
    (void)state;
    buf_init(&out, 64 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_done(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_filter_contains_what_was_added_and_little_else),
        cmocka_unit_test(test_an_empty_filter_contains_nothing_and_zero_is_a_hash_like_others),
        cmocka_unit_test(test_words_are_runs_of_letters_digits_and_bytes_beyond_ascii),
        cmocka_unit_test(test_words_end_when_the_caller_has_enough),
        cmocka_unit_test(test_only_words_with_neighbours_on_both_sides_are_sure_in_a_substring),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
