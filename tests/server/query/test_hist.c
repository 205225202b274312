/* Histogram arithmetic where the conformance scripts see only results: layouts that differ, and
 * inputs that must not be touched. */
#include "query/promql/hist.h"

#include <math.h>

#include "base/buf.h"
#include "model/histogram_sum.h"
#include "query/script/series.h"
#include "support/check.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* As scripts write them, without the braces. */
static const struct histogram *hist(const char *text)
{
    struct buf line = BUF_MAX(4096);
    struct script_series s;
    struct err err = {0};
    buf_printf(&line, "x {{%s}}", text);
    if (script_parse_series(&arena, buf_str(&line), &s, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    buf_done(&line);
    return s.values[0].h;
}

static void check_hist(const struct histogram *got, const char *expected)
{
    struct buf a = BUF_MAX(4096), b = BUF_MAX(4096);
    assert_non_null(got);
    hist_format(&a, got);
    hist_format(&b, hist(expected));
    if (!str_eq(buf_str(&a), buf_str(&b)))
        fail_msg("%.*s != %.*s", STR_ARG(buf_str(&a)), STR_ARG(buf_str(&b)));
    buf_done(&a);
    buf_done(&b);
}

static void test_sum_takes_the_coarser_schema(void **state)
{
    (void)state;
    const struct histogram *fine = hist("schema:1 count:4 sum:4 buckets:[1 1 1 1]");
    const struct histogram *coarse = hist("schema:0 count:2 sum:2 buckets:[1 1]");
    check_hist(hist_add(&arena, fine, coarse, NULL), "schema:0 count:6 sum:6 buckets:[2 3 1]");
    check_hist(hist_add(&arena, coarse, fine, NULL), "schema:0 count:6 sum:6 buckets:[2 3 1]");
    check_hist(fine, "schema:1 count:4 sum:4 buckets:[1 1 1 1]");
}

static void test_sum_takes_the_wider_zero_bucket(void **state)
{
    (void)state;
    const struct histogram *narrow =
        hist("schema:0 count:5 sum:5 z_bucket:1 z_bucket_w:0.1 buckets:[2 2]");
    const struct histogram *wide = hist("schema:0 count:1 sum:0 z_bucket:1 z_bucket_w:0.75");
    /* 0.75 lies inside (0.5,1], which has observations, so the zero bucket ends at 1. */
    const struct histogram *sum = hist_add(&arena, narrow, wide, NULL);
    check_hist(sum, "schema:0 count:6 sum:5 z_bucket:4 z_bucket_w:1 offset:1 buckets:[2]");
}

static void test_sum_keeps_the_bounds_both_have(void **state)
{
    (void)state;
    unsigned flags = 0;
    const struct histogram *a =
        hist("schema:-53 count:4 sum:4 custom_values:[1 2 4] buckets:[1 1 1 1]");
    const struct histogram *b =
        hist("schema:-53 count:3 sum:3 custom_values:[2 3] buckets:[1 1 1]");
    check_hist(hist_add(&arena, a, b, &flags),
               "schema:-53 count:7 sum:7 custom_values:[2] buckets:[3 4]");
    assert_int_equal(flags, HIST_BOUNDS_RECONCILED);
}

static void test_kinds_do_not_mix(void **state)
{
    (void)state;
    unsigned flags = 0;
    const struct histogram *a = hist("schema:0 count:1 sum:1 buckets:[1]");
    const struct histogram *b = hist("schema:-53 count:1 sum:1 custom_values:[2] buckets:[1]");
    assert_null(hist_sub(&arena, a, b, &flags));
    assert_int_equal(flags, HIST_INCOMPATIBLE);
    assert_true(hist_detect_reset(&arena, a, b));
}

static void test_reset_is_a_bucket_that_lost_observations(void **state)
{
    (void)state;
    const struct histogram *before = hist("schema:0 count:4 sum:4 buckets:[2 2]");
    assert_false(hist_detect_reset(&arena, hist("schema:0 count:5 sum:5 buckets:[2 3]"), before));
    assert_true(hist_detect_reset(&arena, hist("schema:0 count:5 sum:5 buckets:[1 4]"), before));
    assert_true(hist_detect_reset(&arena, hist("schema:0 count:3 sum:3 buckets:[2 1]"), before));
    assert_true(hist_detect_reset(&arena, hist("schema:1 count:5 sum:5 buckets:[2 3]"), before));
    assert_false(hist_detect_reset(&arena, hist("schema:-1 count:5 sum:5 buckets:[2 3]"), before));
    assert_true(hist_detect_reset(
        &arena, hist("schema:0 count:9 sum:9 buckets:[2 3] counter_reset_hint:reset"), before));
    assert_false(hist_detect_reset(
        &arena, hist("schema:0 count:1 sum:1 buckets:[1] counter_reset_hint:not_reset"), before));
}

static void test_scaling_by_zero_and_below(void **state)
{
    (void)state;
    const struct histogram *h = hist("schema:0 count:4 sum:4 buckets:[2 2]");
    const struct histogram *gone = hist_div(&arena, h, 0);
    assert_true(isinf(gone->count));
    assert_int_equal(gone->n_positive, 0);
    assert_int_equal(hist_mul(&arena, h, -1)->reset, HISTOGRAM_RESET_GAUGE);
}

static void test_average_survives_overflow(void **state)
{
    (void)state;
    struct hist_average a = {.sum = {.arena = &arena}};
    for (int i = 0; i < 4; i++)
        assert_true(hist_average_add(&a, hist("schema:0 count:1e308 sum:1.5e308 buckets:[1e308]")));
    hist_average_finish(&a);
    const struct histogram *mean = hist_sum_result(&a.sum, &arena);
    assert_true(fabs(mean->sum / 1.5e308 - 1) < 1e-12);
    assert_true(fabs(mean->positive[0] / 1e308 - 1) < 1e-12);
}

static void test_compensated_sum_keeps_small_values(void **state)
{
    (void)state;
    struct hist_sum s = {.arena = &arena};
    static const char *const parts[] = {"schema:0 count:1 sum:1", "schema:0 count:1 sum:1e100",
                                        "schema:0 count:1 sum:1", "schema:0 count:1 sum:-1e100"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_true(hist_sum_add(&s, hist(parts[i])));
    assert_true(hist_sum_result(&s, &arena)->sum == 2);
}

static void test_spent_budget_gives_no_result(void **state)
{
    (void)state;
    struct arena tiny;
    arena_init(&tiny, 64);
    const struct histogram *h = hist("schema:0 count:4 sum:4 buckets:[2 2]");
    assert_null(hist_add(&tiny, h, h, NULL));
    assert_null(hist_mul(&tiny, h, 2));
    assert_null(hist_trim(&tiny, h, 1, true));
    arena_done(&tiny);
}

static void test_quantile_and_fraction_are_inverse(void **state)
{
    (void)state;
    unsigned notes = 0;
    const struct histogram *h =
        hist("schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]");
    for (int percent = 5; percent < 100; percent += 5) {
        double q = percent / 100.0;
        double v = hist_quantile(&arena, q, h, &notes);
        assert_true(fabs(hist_fraction(&arena, -INFINITY, v, h, &notes) - q) < 1e-9);
    }
    assert_int_equal(notes, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sum_takes_the_coarser_schema),
        TEST(test_sum_takes_the_wider_zero_bucket),
        TEST(test_sum_keeps_the_bounds_both_have),
        TEST(test_kinds_do_not_mix),
        TEST(test_reset_is_a_bucket_that_lost_observations),
        TEST(test_scaling_by_zero_and_below),
        TEST(test_average_survives_overflow),
        TEST(test_compensated_sum_keeps_small_values),
        TEST(test_spent_budget_gives_no_result),
        TEST(test_quantile_and_fraction_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
