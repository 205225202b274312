#include "model/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "model/sample.h"
#include "support/check.h"

static const struct histogram_span two_spans[] = {{-2, 1}, {3, 2}};
static const double three[] = {1, 0, 2.5};
static const double bounds[] = {-1, 0.5, 10};

static struct histogram exponential(void)
{
    return (struct histogram){.schema = 3,
                              .zero_threshold = 0.001,
                              .zero_count = 1,
                              .count = 4.5,
                              .sum = 17,
                              .positive_spans = two_spans,
                              .n_positive_spans = 2,
                              .positive = three,
                              .n_positive = 3};
}

static struct histogram custom(void)
{
    static const struct histogram_span span = {1, 3};
    return (struct histogram){.schema = HISTOGRAM_SCHEMA_CUSTOM,
                              .count = 3.5,
                              .positive_spans = &span,
                              .n_positive_spans = 1,
                              .positive = three,
                              .n_positive = 3,
                              .custom_bounds = bounds,
                              .n_custom_bounds = 3};
}

static void test_well_formed_histograms_are_valid(void **state)
{
    (void)state;
    struct histogram e = exponential(), c = custom(), empty = {0};
    assert_int_equal(histogram_validate(&e, NULL), 0);
    assert_int_equal(histogram_validate(&c, NULL), 0);
    assert_int_equal(histogram_validate(&empty, NULL), 0);
}

static void check_invalid(const struct histogram *h, const char *word)
{
    struct err err = {0};
    assert_int_equal(histogram_validate(h, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, word));
}

static void test_each_broken_rule_is_named(void **state)
{
    (void)state;
    static const double negative[] = {1, -1, 2}, not_a_number[] = {1, NAN, 2};
    static const struct histogram_span backwards[] = {{0, 1}, {-1, 2}}, far = {2, 3};
    struct histogram h = exponential();
    h.schema = 9;
    check_invalid(&h, "schema: 9");
    h = exponential();
    h.n_positive = 2;
    check_invalid(&h, "describe 3 buckets");
    h = exponential();
    h.positive = negative;
    check_invalid(&h, "positive_counts[1]");
    h.positive = not_a_number;
    check_invalid(&h, "positive_counts[1]");
    h = exponential();
    h.positive_spans = backwards;
    check_invalid(&h, "positive_spans[1].offset");
    h = exponential();
    h.zero_threshold = -1;
    check_invalid(&h, "zero_threshold");
    h = exponential();
    h.custom_bounds = bounds;
    h.n_custom_bounds = 3;
    check_invalid(&h, "custom_bounds");
    h = custom();
    h.positive_spans = &far;
    check_invalid(&h, "reach bucket 5");
    h = custom();
    h.zero_count = 1;
    check_invalid(&h, "schema -53");
}

static void test_a_stale_marker_is_valid_whatever_else_it_holds(void **state)
{
    (void)state;
    struct histogram h = {.schema = 99, .sum = stale_nan()};
    assert_int_equal(histogram_validate(&h, NULL), 0);
    assert_true(histogram_is_stale(&h));
    h.sum = NAN;
    assert_false(histogram_is_stale(&h));
}

static void test_copy_is_equal_and_independent(void **state)
{
    (void)state;
    double counts[] = {1, 2, 3};
    struct histogram h = custom();
    h.positive = counts;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct histogram *copy = histogram_copy(&arena, &h);
    assert_non_null(copy);
    assert_true(histogram_eq(copy, &h));
    counts[1] = 7;
    assert_false(histogram_eq(copy, &h));
    arena_done(&arena);
}

static void test_copy_fails_cleanly_when_the_budget_is_spent(void **state)
{
    (void)state;
    struct histogram h = custom();
    struct arena arena;
    arena_init(&arena, 64);
    assert_null(histogram_copy(&arena, &h));
    assert_true(arena_failed(&arena));
    arena_done(&arena);
}

static void test_equality_is_bit_wise(void **state)
{
    (void)state;
    struct histogram a = exponential(), b = exponential();
    a.sum = NAN;
    b.sum = NAN;
    assert_true(histogram_eq(&a, &b));
    b.sum = stale_nan();
    assert_false(histogram_eq(&a, &b));
}

static void test_bounds_double_every_two_to_the_schema_buckets(void **state)
{
    (void)state;
    assert_true(histogram_bound(0, 0) == 1 && histogram_bound(0, 1) == 2);
    assert_true(histogram_bound(0, -1) == 0.5 && histogram_bound(-2, 1) == 16);
    /* Not the nearest numbers, but those that Prometheus tells. */
    assert_true(histogram_bound(1, 1) == 1.414213562373095);
    assert_true(histogram_bound(1, -1) == 0.7071067811865475);
    assert_true(histogram_bound(8, 64) == histogram_bound(2, 1));
    for (int64_t i = 0; i < 1024; i++)
        assert_true(fabs(histogram_bound(8, i - 512) - exp2((double)(i - 512) / 256)) < 1e-14);
    assert_true(histogram_bound(3, 16) == 4 && histogram_bound(3, -8) == 0.5);
    assert_true(histogram_bound(0, 1024) == DBL_MAX && histogram_bound(0, 1025) == INFINITY);
    assert_true(histogram_bound(8, INT32_MAX) == INFINITY && histogram_bound(8, INT32_MIN) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed_histograms_are_valid),
        cmocka_unit_test(test_each_broken_rule_is_named),
        cmocka_unit_test(test_a_stale_marker_is_valid_whatever_else_it_holds),
        cmocka_unit_test(test_copy_is_equal_and_independent),
        cmocka_unit_test(test_copy_fails_cleanly_when_the_budget_is_spent),
        cmocka_unit_test(test_equality_is_bit_wise),
        cmocka_unit_test(test_bounds_double_every_two_to_the_schema_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
