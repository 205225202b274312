#include "telltale/view.h"

#include <stdlib.h>

#include "metrics/provider.h"
#include "support/check.h"
#include "support/metrics_text.h"
#include "support/test_meter.h"

static void check(const char *expected)
{
    check_metrics_text(provider, expected);
}

static void add_view(tt_view view)
{
    view.size = sizeof view;
    assert_int_equal(tt_meter_provider_add_view(provider, &view), TT_OK);
}

/* Counts one in a route and a user. */
static void count(tt_counter *c, const char *route, const char *user)
{
    tt_attr attrs[] = {tt_str("route", route), tt_str("user", user)};
    tt_counter_add(c, 1, attrs, 2);
}

/* --- which instruments --- */

static void test_star_and_question_mark_choose_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {
        {"*", "a", true},          {"a*", "A.b", true},    {"*b", "a.b", true},
        {"a.?", "a.b", true},      {"a.?", "a.bc", false}, {"a*b*c", "axbybc", true},
        {"a*b*c", "axbyb", false}, {"", "a", false},       {"A", "a", true},
        {"a", "ab", false},        {"*a*", "bcd", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tt_meter_provider *p = tt_meter_provider_new(NULL);
        tt_view v = {.size = sizeof v, .aggregation = TT_AGGREGATION_DROP};
        v.instrument = cases[i].pattern;
        assert_int_equal(tt_meter_provider_add_view(p, &v), TT_OK);
        tt_counter *c = tt_counter_new(tt_meter_get(p, "m", NULL), cases[i].name, NULL);
        if ((tt_counter_bind(c, NULL, 0) == NULL) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].name);
        tt_meter_provider_free(p);
    }
}

static void test_view_may_choose_by_kind_unit_and_meter(void **state)
{
    (void)state;
    add_view((tt_view){.kind = TT_KIND_GAUGE, .description = "by kind"});
    add_view((tt_view){.unit = "By", .description = "by unit"});
    add_view((tt_view){.meter_name = "other", .description = "by meter"});
    add_view((tt_view){.meter_version = "2", .description = "never"});
    add_view((tt_view){.meter_schema_url = "https://example.org/", .description = "never"});
    tt_instrument_options o = {.size = sizeof o, .unit = "By"};
    tt_gauge_set(tt_gauge_new(meter, "a", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "b", &o), 1, NULL, 0);
    tt_counter_add(tt_counter_new(tt_meter_get(provider, "other", "1"), "c", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "d", NULL), 1, NULL, 0);
    check("# HELP a by kind\n# TYPE a gauge\na 1\n"
          "# HELP b_bytes_total by unit\n# TYPE b_bytes_total counter\nb_bytes_total 1\n"
          "# HELP c_total by meter\n# TYPE c_total counter\nc_total 1\n"
          "# TYPE d_total counter\nd_total 1\n");
}

static void test_views_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const double falling[] = {2, 1};
    const tt_view bad[] = {
        {.name = "new"},
        {.instrument = "a*", .name = "new"},
        {.instrument = "a", .name = "1"},
        {.kind = (enum tt_instrument_kind)99},
        {.aggregation = (enum tt_aggregation)99},
        {.bounds = falling, .bounds_n = 2},
        {.max_buckets = 1},
        {.max_buckets = 161},
        {.max_scale = 21},
        {.reservoir = (enum tt_exemplar_reservoir)9},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
        tt_view v = bad[i];
        v.size = sizeof v;
        assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_ERR_INVALID);
        assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    }
    assert_int_equal(tt_meter_provider_add_view(provider, NULL), TT_ERR_INVALID);
}

/* --- what they become --- */

static void test_instrument_is_renamed(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "old", .name = "new", .description = "Better"});
    tt_counter *c = tt_counter_new(meter, "old", NULL);
    tt_counter_add(c, 2, NULL, 0);
    tt_bound_counter_add(tt_counter_bind(c, NULL, 0), 1);
    check("# HELP new_total Better\n# TYPE new_total counter\nnew_total 3\n");
}

static void test_dropped_instrument_is_not_exported(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "noise", .aggregation = TT_AGGREGATION_DROP});
    tt_counter *c = tt_counter_new(meter, "noise", NULL);
    tt_counter_add(c, 1, NULL, 0);
    assert_null(tt_counter_bind(c, NULL, 0));
    tt_bound_counter_add(NULL, 1);
    check("");
}

static void test_attributes_that_are_not_kept_are_summed(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"};
    add_view((tt_view){.instrument = "c", .attribute_keys = keys, .attribute_keys_n = 1});
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    count(c, "/a", "ann");
    count(c, "/a", "bob");
    count(c, "/b", "ann");
    tt_attr attrs[] = {tt_str("route", "/b"), tt_str("user", "eve")};
    tt_bound_counter_add(tt_counter_bind(c, attrs, 2), 5);
    check("# TYPE c_total counter\nc_total{route=\"/a\"} 2\nc_total{route=\"/b\"} 6\n");
}

static void test_excluded_attributes_are_left_out(void **state)
{
    (void)state;
    static const char *const keys[] = {"user", "more"};
    add_view((tt_view){.instrument = "c", .excluded_keys = keys, .excluded_keys_n = 2});
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    count(c, "/a", "ann");
    count(c, "/a", "bob");
    check("# TYPE c_total counter\nc_total{route=\"/a\"} 2\n");
}

static void test_empty_list_of_keys_keeps_none(void **state)
{
    (void)state;
    static const char *const keys[] = {NULL};
    add_view((tt_view){.instrument = "c", .attribute_keys = keys});
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    count(c, "/a", "ann");
    count(c, "/b", "bob");
    check("# TYPE c_total counter\nc_total 2\n");
}

static void test_instrument_may_advise_its_attributes(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"}, *const all[] = {"route", "user"};
    tt_instrument_options o = {.size = sizeof o, .attribute_keys = keys, .attribute_keys_n = 1};
    add_view((tt_view){.instrument = "d", .attribute_keys = all, .attribute_keys_n = 2});
    count(tt_counter_new(meter, "c", &o), "/a", "ann");
    count(tt_counter_new(meter, "d", &o), "/a", "ann");
    check("# TYPE c_total counter\nc_total{route=\"/a\"} 1\n"
          "# TYPE d_total counter\nd_total{route=\"/a\",user=\"ann\"} 1\n");
}

static void test_counter_may_become_a_histogram(void **state)
{
    (void)state;
    const double bounds[] = {1, 10};
    tt_view v = {.instrument = "c", .aggregation = TT_AGGREGATION_EXPLICIT};
    v.bounds = bounds;
    v.bounds_n = 2;
    add_view(v);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_counter_add(c, 1, NULL, 0);
    tt_bound_counter_add(tt_counter_bind(c, NULL, 0), 7);
    check("# TYPE c histogram\nc_bucket{le=\"1\"} 1\nc_bucket{le=\"10\"} 2\n"
          "c_bucket{le=\"+Inf\"} 2\nc_sum 8\nc_count 2\n");
}

static void test_histogram_may_become_a_sum_or_a_last_value(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "s", .aggregation = TT_AGGREGATION_SUM});
    add_view((tt_view){.instrument = "l", .aggregation = TT_AGGREGATION_LAST_VALUE});
    tt_histogram *s = tt_histogram_new(meter, "s", NULL), *l = tt_histogram_new(meter, "l", NULL);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    for (int i = 1; i <= 3; i++) {
        tt_histogram_record(s, i / 2.0, NULL, 0);
        tt_histogram_record_int(l, i, NULL, 0);
    }
    tt_histogram_record(s, -1, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    check("# TYPE l gauge\nl 3\n# TYPE s_total counter\ns_total 3\n");
}

static void test_gauge_is_never_a_sum(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "g", .aggregation = TT_AGGREGATION_SUM});
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_gauge_set(g, 1, NULL, 0);
    tt_gauge_set(g, 5, NULL, 0);
    check("# TYPE g gauge\ng 5\n");
}

static void test_histogram_gets_other_buckets(void **state)
{
    (void)state;
    const double bounds[] = {3};
    add_view((tt_view){.kind = TT_KIND_HISTOGRAM, .bounds = bounds, .bounds_n = 1});
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_histogram_record(h, 2, NULL, 0);
    check("# TYPE h histogram\nh_bucket{le=\"3\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\n"
          "h_count 1\n");
}

static void test_two_views_make_two_streams(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"};
    add_view((tt_view){
        .instrument = "c", .name = "by_route", .attribute_keys = keys, .attribute_keys_n = 1});
    add_view((tt_view){.instrument = "c",
                       .name = "in_all",
                       .excluded_keys = (const char *[]){"route", "user"},
                       .excluded_keys_n = 2});
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    count(c, "/a", "ann");
    count(c, "/b", "ann");
    tt_attr attrs[] = {tt_str("route", "/b"), tt_str("user", "eve")};
    tt_bound_counter *b = tt_counter_bind(c, attrs, 2);
    assert_ptr_equal(b, tt_counter_bind(c, attrs, 2));
    tt_bound_counter_add(b, 1);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_bound_counter_add(b, -1);
    tt_counter_add(c, -1, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 2);
    check("# TYPE by_route_total counter\nby_route_total{route=\"/a\"} 1\n"
          "by_route_total{route=\"/b\"} 2\n# TYPE in_all_total counter\nin_all_total 3\n");
}

static void test_two_streams_of_one_name_are_a_conflict(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    add_view((tt_view){.instrument = "c"});
    add_view((tt_view){.instrument = "*", .kind = TT_KIND_COUNTER});
    (void)tt_counter_new(meter, "c", NULL);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 1);
}

static void test_view_limits_the_sets(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "c", .cardinality_limit = 2});
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    for (int i = 0; i < 5; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    check("# TYPE c_total counter\nc_total{i=\"0\"} 1\n"
          "c_total{otel_metric_overflow=\"true\"} 4\n");
}

static void observe(tt_observation *o, void *arg)
{
    tt_attr a[] = {tt_str("route", "/a"), tt_str("user", "ann")};
    tt_attr b[] = {tt_str("route", "/a"), tt_str("user", "bob")};
    tt_observe_int(o, arg, 3, a, 2);
    tt_observe_int(o, arg, 4, b, 2);
}

static void test_observed_totals_of_dropped_attributes_add_up(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"};
    add_view((tt_view){.attribute_keys = keys, .attribute_keys_n = 1});
    tt_observable *o = tt_observable_new(meter, TT_OBSERVABLE_COUNTER, "c", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, o) > 0);
    check("# TYPE c_total counter\nc_total{route=\"/a\"} 7\n");
    check("# TYPE c_total counter\nc_total{route=\"/a\"} 7\n");
}

static void test_first_of_two_spellings_names_the_stream(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    tt_counter *first = tt_counter_new(meter, "Requests", NULL);
    assert_ptr_equal(tt_counter_new(meter, "requests", NULL), first);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 0);
    tt_updowncounter *second = tt_updowncounter_new(meter, "requests", NULL);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 1);
    tt_updowncounter_add(second, 1, NULL, 0);
    check("# TYPE Requests gauge\nRequests 1\n");
}

static void test_environment_makes_histograms_exponential(void **state)
{
    (void)state;
    static const char name[] = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    const double bounds[] = {1};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 1};
    assert_int_equal(setenv(name, "base2_exponential_bucket_histogram", 1), 0);
    tt_meter_provider_free(provider);
    provider = tt_meter_provider_new(NULL);
    meter = tt_meter_get(provider, "test", NULL);
    assert_int_equal(unsetenv(name), 0);
    tt_histogram_record(tt_histogram_new(meter, "e", NULL), 2, NULL, 0);
    tt_histogram_record(tt_histogram_new(meter, "h", &o), 2, NULL, 0);
    check("# TYPE e histogram\ne_bucket{le=\"+Inf\"} 1\ne_sum 2\ne_count 1\n"
          "# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\n"
          "h_count 1\n");
}

static void test_exponential_histogram_has_as_many_buckets_as_asked_for(void **state)
{
    (void)state;
    tt_view v = {.instrument = "h", .aggregation = TT_AGGREGATION_EXPONENTIAL};
    v.max_buckets = 4;
    v.max_scale = 2;
    add_view(v);
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    for (int i = 1; i <= 1000; i++)
        tt_histogram_record(h, i, NULL, 0);
    struct point *p = malloc(sizeof *p);
    assert_non_null(p);
    struct series *s = ((struct instrument *)h)->streams->series.list[0];
    cell_read_begin();
    point_read(p, s);
    cell_read_end();
    assert_int_equal(p->count, 1000);
    assert_in_range(p->positive.high - p->positive.low, 1, 3);
    free(p);
}

/* --- meters that are off --- */

static void test_meter_is_switched_off_and_on(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_bound_counter *b = tt_counter_bind(c, NULL, 0);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_bound_counter_add(b, 1);
    assert_int_equal(tt_meter_provider_switch(provider, "te*", false), TT_OK);
    tt_bound_counter_add(b, 10);
    tt_counter_add(c, 10, NULL, 0);
    tt_gauge_set(g, 10, NULL, 0);
    check("");
    assert_int_equal(tt_meter_provider_switch(provider, "te*", true), TT_OK);
    tt_bound_counter_add(b, 1);
    tt_counter_add(c, 1, NULL, 0);
    check("# TYPE c_total counter\nc_total 3\n");
}

static void test_meters_to_come_are_off_too(void **state)
{
    (void)state;
    assert_int_equal(tt_meter_provider_switch(provider, "*", false), TT_OK);
    assert_int_equal(tt_meter_provider_switch(provider, "my.*", true), TT_OK);
    tt_counter_add(tt_counter_new(tt_meter_get(provider, "lib", NULL), "a", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(tt_meter_get(provider, "my.lib", NULL), "b", NULL), 1, NULL, 0);
    tt_observable *o = tt_observable_new(meter, TT_OBSERVABLE_GAUGE, "o", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, o) > 0);
    check("# TYPE b_total counter\nb_total 1\n");
    assert_int_equal(tt_meter_provider_switch(NULL, "*", true), TT_ERR_INVALID);
}

static void test_instrument_of_views_takes_no_value_of_another_kind(void **state)
{
    (void)state;
    add_view((tt_view){.instrument = "g", .aggregation = TT_AGGREGATION_SUM});
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_counter_add((tt_counter *)(void *)g, 2, NULL, 0);
    tt_histogram_record((tt_histogram *)(void *)g, 2, NULL, 0);
    tt_bound_counter_add((tt_bound_counter *)(void *)tt_gauge_bind(g, NULL, 0), 2);
    tt_gauge_set(g, 5, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 3);
    check("# TYPE g gauge\ng 5\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_star_and_question_mark_choose_by_name),
        TEST(test_view_may_choose_by_kind_unit_and_meter),
        TEST(test_views_that_cannot_be_are_refused),
        TEST(test_instrument_is_renamed),
        TEST(test_dropped_instrument_is_not_exported),
        TEST(test_attributes_that_are_not_kept_are_summed),
        TEST(test_excluded_attributes_are_left_out),
        TEST(test_empty_list_of_keys_keeps_none),
        TEST(test_instrument_may_advise_its_attributes),
        TEST(test_counter_may_become_a_histogram),
        TEST(test_histogram_may_become_a_sum_or_a_last_value),
        TEST(test_gauge_is_never_a_sum),
        TEST(test_histogram_gets_other_buckets),
        TEST(test_two_views_make_two_streams),
        TEST(test_two_streams_of_one_name_are_a_conflict),
        TEST(test_view_limits_the_sets),
        TEST(test_observed_totals_of_dropped_attributes_add_up),
        TEST(test_first_of_two_spellings_names_the_stream),
        TEST(test_environment_makes_histograms_exponential),
        TEST(test_exponential_histogram_has_as_many_buckets_as_asked_for),
        TEST(test_meter_is_switched_off_and_on),
        TEST(test_meters_to_come_are_off_too),
        TEST(test_instrument_of_views_takes_no_value_of_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
