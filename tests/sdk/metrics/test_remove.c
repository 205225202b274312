/* Sets of attributes that are removed, one by one or because nothing was recorded. */
#include <stdlib.h>
#include <string.h>

#include "metrics/provider.h"
#include "support/check.h"
#include "support/metrics_text.h"
#include "support/test_meter.h"
#include "telltale/metrics.h"
#include "telltale/view.h"

static int begin_limited(void **state)
{
    (void)state;
    tt_meter_provider_options o = {.size = sizeof o, .cardinality_limit = 4};
    return begin_with(&o);
}

static void check(const char *expected)
{
    check_metrics_text(provider, expected);
}

static void test_removed_set_is_not_exported_and_starts_anew(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr a = tt_str("a", "1"), b = tt_str("a", "2");
    tt_counter_add(c, 5, &a, 1);
    tt_counter_add(c, 7, &b, 1);
    assert_true(tt_counter_remove(c, &a, 1));
    assert_false(tt_counter_remove(c, &a, 1));
    check("# TYPE c_total counter\nc_total{a=\"2\"} 7\n");
    tt_counter_add(c, 1, &a, 1);
    tt_counter_add(c, 1, &b, 1);
    check("# TYPE c_total counter\nc_total{a=\"2\"} 8\nc_total{a=\"1\"} 1\n");
}

static void test_removed_set_without_attributes_starts_anew(void **state)
{
    (void)state;
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_histogram_record(h, 1, NULL, 0);
    tt_gauge_set(g, 1, NULL, 0);
    assert_true(tt_histogram_remove(h, NULL, 0));
    assert_true(tt_gauge_remove(g, NULL, 0));
    check("");
    tt_gauge_set(g, 2, NULL, 0);
    check("# TYPE g gauge\ng 2\n");
}

static void test_removed_sets_make_room(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 100; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
        if (i < 99)
            assert_true(tt_counter_remove(c, &attr, 1));
    }
    check("# TYPE c_total counter\nc_total{i=\"99\"} 1\n");
}

static void test_handle_of_a_removed_set_does_no_harm(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_bound_counter *b = tt_counter_bind(c, NULL, 0);
    assert_true(tt_counter_remove(c, NULL, 0));
    tt_bound_counter_add(b, 1);
    check("");
    assert_ptr_not_equal(tt_counter_bind(c, NULL, 0), b);
    check("# TYPE c_total counter\nc_total 0\n");
}

static void test_removal_reaches_all_streams_of_a_set(void **state)
{
    (void)state;
    tt_view one = {.size = sizeof one, .instrument = "c", .name = "one"}, two = one;
    two.name = "two";
    assert_int_equal(tt_meter_provider_add_view(provider, &one), TT_OK);
    assert_int_equal(tt_meter_provider_add_view(provider, &two), TT_OK);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr a = tt_str("a", "1");
    tt_bound_counter *b = tt_counter_bind(c, &a, 1);
    tt_bound_counter_add(b, 1);
    tt_counter_add(c, 1, &a, 1);
    assert_true(tt_counter_remove(c, &a, 1));
    tt_bound_counter_add(b, 1);
    check("");
    tt_bound_counter_add(tt_counter_bind(c, &a, 1), 4);
    tt_counter_add(c, 1, &a, 1);
    check("# TYPE one_total counter\none_total{a=\"1\"} 5\n"
          "# TYPE two_total counter\ntwo_total{a=\"1\"} 5\n");
}

/* As if all that was removed had been so more than a minute ago. */
static struct series *let_rest(void *instrument)
{
    struct stream *st = ((struct instrument *)instrument)->streams;
    assert_non_null(st->removed);
    for (struct series *s = st->removed; s; s = s->next)
        s->start_unix_ns -= INT64_C(61) * 1000000000;
    return st->removed;
}

static void test_memory_that_rested_serves_another_set_from_zero(void **state)
{
    (void)state;
    tt_instrument_options o = {.size = sizeof o, .exponential = true};
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_histogram *x = tt_histogram_new(meter, "x", &o);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_attr a = tt_str("a", "1"), b = tt_str("a", "2");
    tt_counter_add(c, 5, &a, 1);
    tt_histogram_record(x, -3, &a, 1);
    tt_histogram_record(x, 3, &a, 1);
    tt_gauge_set(g, 5, &a, 1);
    assert_true(tt_counter_remove(c, &a, 1) && tt_histogram_remove(x, &a, 1));
    assert_true(tt_gauge_remove(g, &a, 1));
    struct series *rested = let_rest(c);
    (void)let_rest(x);
    (void)let_rest(g);
    assert_ptr_equal(tt_counter_bind(c, &b, 1), rested);
    (void)tt_gauge_bind(g, &b, 1);
    tt_histogram_record(x, 1, &b, 1);
    check("# TYPE c_total counter\nc_total{a=\"2\"} 0\n# TYPE x histogram\n"
          "x_bucket{a=\"2\",le=\"+Inf\"} 1\nx_sum{a=\"2\"} 1\nx_count{a=\"2\"} 1\n");
}

static void test_memory_that_did_not_rest_is_left_alone(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr a = tt_str("a", "1"), b = tt_str("a", "2");
    tt_bound_counter *old = tt_counter_bind(c, &a, 1);
    assert_true(tt_counter_remove(c, &a, 1));
    assert_ptr_not_equal(tt_counter_bind(c, &b, 1), old);
    tt_bound_counter_add(old, 9);
    check("# TYPE c_total counter\nc_total{a=\"2\"} 0\n");
}

static void test_many_removals_take_no_more_memory(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 1000; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
        assert_true(tt_counter_remove(c, &attr, 1));
        (void)let_rest(c);
    }
    assert_ptr_equal(provider->slabs->next, NULL);
    assert_int_equal(provider->slabs->used, 1);
}

static void test_idle_sets_are_removed_at_the_second_call(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_double_counter *d = tt_double_counter_new(meter, "d", NULL);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_attr idle = tt_str("a", "idle"), busy = tt_str("a", "busy"), bound = tt_str("a", "bound");
    (void)tt_counter_bind(c, &bound, 1);
    tt_counter_add(c, 1, &idle, 1);
    tt_double_counter_add(d, 1, &idle, 1);
    tt_gauge_set(g, 1, &idle, 1);
    tt_histogram_record(h, 1, &idle, 1);
    tt_counter_add(c, 1, &busy, 1);
    tt_gauge_set(g, 1, &busy, 1);
    assert_int_equal(tt_meter_provider_remove_idle(provider), 0);
    tt_counter_add(c, 1, &busy, 1);
    tt_gauge_set(g, 1, &busy, 1);
    assert_int_equal(tt_meter_provider_remove_idle(provider), 4);
    check("# TYPE c_total counter\nc_total{a=\"bound\"} 0\nc_total{a=\"busy\"} 2\n"
          "# TYPE g gauge\ng{a=\"busy\"} 1\n");
    assert_int_equal(tt_meter_provider_remove_idle(NULL), 0);
    assert_false(tt_counter_remove(NULL, NULL, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_limited, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_removed_set_is_not_exported_and_starts_anew),
        TEST(test_removed_set_without_attributes_starts_anew),
        TEST(test_removed_sets_make_room),
        TEST(test_handle_of_a_removed_set_does_no_harm),
        TEST(test_removal_reaches_all_streams_of_a_set),
        TEST(test_memory_that_rested_serves_another_set_from_zero),
        TEST(test_memory_that_did_not_rest_is_left_alone),
        TEST(test_many_removals_take_no_more_memory),
        TEST(test_idle_sets_are_removed_at_the_second_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
