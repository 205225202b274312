#include "model/batch.h"

#include "model/sink.h"
#include "support/check.h"

static void test_series_grow_and_are_hashed(void **state)
{
    (void)state;
    struct label v[] = {{STR("__name__"), STR("m")}};
    struct labels l = {v, 1};
    struct sample sample = {.t_unix_ms = 1, .value = 2};
    struct batch b;
    batch_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        struct batch_series *s = batch_add_series(&b, l);
        assert_non_null(s);
        s->samples = &sample;
        s->n_samples = 1;
    }
    assert_int_equal(b.n_series, 1000);
    assert_true(b.series[999].hash == labels_hash(&l));
    assert_int_equal(batch_count_samples(&b), 1000);
    batch_reset(&b);
    assert_int_equal(b.n_series, 0);
    assert_non_null(batch_add_series(&b, l));
    batch_done(&b);
}

static void test_a_spent_budget_refuses_more(void **state)
{
    (void)state;
    struct batch b;
    batch_init(&b, 16 << 10);
    size_t n = 0;
    while (n < 10000 && batch_add_series(&b, (struct labels){0}))
        n++;
    assert_true(n > 0 && n < 10000);
    assert_int_equal(b.n_series, n);
    struct metric_metadata m = {.family = STR("f")};
    assert_int_equal(batch_add_metadata(&b, &m), ERR_NOMEM);
    batch_done(&b);
}

static void test_a_point_of_a_histogram_counts_and_says_its_series(void **state)
{
    (void)state;
    const uint64_t counts[] = {3, 0, 4};
    struct batch_point p = {
        .sum = 2.5, .count = 9, .counts = counts, .n_counts = 3, .has_sum = true};
    const double all[] = {2.5, 9, 3, 3, 7, 9};
    double values[6];
    struct batch b;
    batch_init(&b, 1 << 20);
    assert_non_null(batch_add_series(&b, (struct labels){0}));
    assert_int_equal(batch_add_point(&b, &p, 5), 0);
    p.has_sum = false;
    assert_int_equal(batch_add_point(&b, &p, 6), 0);
    assert_int_equal(b.recalled, 5);
    assert_int_equal(b.n_known, 2);
    assert_int_equal(b.points[1].position, 1);
    assert_int_equal(b.n_in_points, 6 + 5);
    assert_int_equal(batch_count_samples(&b), 6 + 5);
    batch_point_values(&b.points[0], values);
    assert_memory_equal(values, all, sizeof all);
    batch_point_values(&b.points[1], values);
    assert_memory_equal(values, all + 1, sizeof all - sizeof all[0]);
    p.stale = true;
    batch_point_values(&p, values);
    for (int i = 0; i < 5; i++)
        assert_true(is_stale_nan(values[i]));
    batch_done(&b);
}

static void test_every_reason_and_type_has_a_name(void **state)
{
    (void)state;
    struct sink_result r = {.rejected = {[REJECT_TOO_OLD] = 1, [REJECT_CARDINALITY] = 2}};
    assert_int_equal(sink_result_rejected(&r), 3);
    for (int i = 0; i < REJECT_REASONS; i++)
        assert_non_null(reject_reason_name((enum reject_reason)i));
    assert_string_equal(metric_type_name(METRIC_COUNTER), "counter");
    assert_string_equal(metric_type_name(METRIC_STATESET), "stateset");
    assert_string_equal(metric_type_name(METRIC_STATESET + 1), "unknown");
}

static void test_only_the_stale_nan_is_stale(void **state)
{
    (void)state;
    assert_true(is_stale_nan(stale_nan()));
    assert_true(isnan(stale_nan()));
    assert_false(is_stale_nan(NAN));
    assert_false(is_stale_nan(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_grow_and_are_hashed),
        cmocka_unit_test(test_a_spent_budget_refuses_more),
        cmocka_unit_test(test_a_point_of_a_histogram_counts_and_says_its_series),
        cmocka_unit_test(test_every_reason_and_type_has_a_name),
        cmocka_unit_test(test_only_the_stale_nan_is_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
