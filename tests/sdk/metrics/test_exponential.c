#include "metrics/exponential.h"

#include <float.h>
#include <math.h>

#include "support/check.h"

static cell_word range[EXP_RANGE_WORDS];

static void empty(void)
{
    for (int i = 0; i < EXP_RANGE_WORDS; i++)
        atomic_init(&range[i], 0);
}

/* The bucket's bounds, by the C library. */
static double lower_bound(int32_t i, int scale)
{
    return exp2(ldexp(i, -scale));
}

static void test_powers_of_two_end_their_bucket(void **state)
{
    (void)state;
    for (int scale = EXP_SCALE_MIN; scale <= EXP_SCALE_MAX; scale++) {
        for (int e = -1074; e < 1024; e++) {
            double v = ldexp(1, e);
            int32_t expected = scale >= 0 ? e * (1 << scale) - 1 : (e - 1) >> -scale;
            assert_int_equal(exp_index(v, scale), expected);
        }
    }
}

static void test_values_lie_in_their_bucket(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int k = 0; k < 200000; k++) {
        int scale = (int)(check_random(&random) % 21);
        double v = bits_double((check_random(&random) & 0x000fffffffffffffu) |
                               (uint64_t)(1023 - 20 + k % 40) << 52);
        int32_t i = exp_index(v, scale);
        assert_true(v > lower_bound(i, scale) * (1 - 1e-12));
        assert_true(v <= lower_bound(i + 1, scale) * (1 + 1e-12));
    }
}

static void test_neighbours_of_powers_of_two_lie_beside_them(void **state)
{
    (void)state;
    for (int scale = 0; scale <= EXP_SCALE_MAX; scale++) {
        for (int e = -1021; e < 1024; e += 13) {
            double v = ldexp(1, e);
            assert_int_equal(exp_index(nextafter(v, INFINITY), scale), e * (1 << scale));
            assert_int_equal(exp_index(nextafter(v, 0), scale), e * (1 << scale) - 1);
        }
    }
}

static uint64_t total(const struct exp_buckets *b)
{
    uint64_t n = 0;
    for (int32_t i = b->low; i <= b->high; i++)
        n += exp_get(b, i);
    return n;
}

static void test_range_halves_its_buckets_until_all_values_fit(void **state)
{
    (void)state;
    empty();
    double v = 1e-300;
    for (int k = 0; k < 1200; k++) {
        exp_record(range, v, EXP_BUCKETS, EXP_SCALE_MAX);
        v *= 3.16;
    }
    exp_record(range, DBL_MAX, EXP_BUCKETS, EXP_SCALE_MAX);
    exp_record(range, 5e-324, EXP_BUCKETS, EXP_SCALE_MAX);
    struct exp_buckets b = {0};
    exp_add(&b, range);
    assert_true(b.high - b.low < EXP_BUCKETS);
    assert_int_equal(total(&b), 1202);
    assert_int_equal(b.scale, -4);
}

static void test_one_value_again_and_again_stays_at_the_finest_scale(void **state)
{
    (void)state;
    empty();
    for (int k = 0; k < 1000; k++)
        exp_record(range, 0.3, EXP_BUCKETS, EXP_SCALE_MAX);
    struct exp_buckets b = {0};
    exp_add(&b, range);
    assert_int_equal(b.scale, EXP_SCALE_MAX);
    assert_int_equal(b.low, b.high);
    assert_int_equal(exp_get(&b, exp_index(0.3, EXP_SCALE_MAX)), 1000);
}

/* Two threads' ranges together are what one range of all values is. */
static void test_sum_of_ranges_is_the_range_of_all(void **state)
{
    (void)state;
    static cell_word parts[2][EXP_RANGE_WORDS];
    uint64_t random = 7;
    empty();
    for (int k = 0; k < 5000; k++) {
        double v = ldexp(1 + (double)(check_random(&random) % 1000) / 1000, k / 700);
        exp_record(range, v, EXP_BUCKETS, EXP_SCALE_MAX);
        exp_record(parts[k > 2500], v, EXP_BUCKETS, EXP_SCALE_MAX);
    }
    struct exp_buckets whole = {0}, sum = {0};
    exp_add(&whole, range);
    exp_add(&sum, parts[0]);
    exp_add(&sum, parts[1]);
    assert_int_equal(whole.scale, sum.scale);
    assert_int_equal(whole.low, sum.low);
    assert_int_equal(whole.high, sum.high);
    for (int32_t i = whole.low; i <= whole.high; i++)
        assert_int_equal(exp_get(&whole, i), exp_get(&sum, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers_of_two_end_their_bucket),
        cmocka_unit_test(test_values_lie_in_their_bucket),
        cmocka_unit_test(test_neighbours_of_powers_of_two_lie_beside_them),
        cmocka_unit_test(test_range_halves_its_buckets_until_all_values_fit),
        cmocka_unit_test(test_one_value_again_and_again_stays_at_the_finest_scale),
        cmocka_unit_test(test_sum_of_ranges_is_the_range_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
