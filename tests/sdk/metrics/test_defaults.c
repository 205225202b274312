/* What instruments become when no view says it, for all and for single readers; and what several
 * views make of one together. */
#include "support/check.h"
#include "support/metrics_text.h"
#include "support/otlp_sink.h"
#include "telltale/metric_reader.h"
#include "telltale/view.h"

static struct otlp_sink sink;
static tt_meter_provider *provider;
static tt_meter *meter;
static tt_metric_reader *reader;

static void make_provider(enum tt_view_matching matching, const tt_stream_defaults *defaults)
{
    tt_meter_provider_options o = {.size = sizeof o, .view_matching = matching};
    o.defaults = defaults;
    provider = tt_meter_provider_new(&o);
    meter = tt_meter_get(provider, "test", "1");
    assert_non_null(meter);
}

static void start_reader(const tt_stream_defaults *defaults)
{
    otlp_sink_init(&sink);
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000, .defaults = defaults};
    o.exporter = otlp_sink_exporter(&sink);
    reader = tt_metric_reader_start(provider, &o);
    assert_non_null(reader);
}

static void stop_reader(void)
{
    assert_int_equal(tt_metric_reader_stop(reader, 10000), TT_OK);
    reader = NULL;
}

static int end(void **state)
{
    (void)state;
    tt_meter_provider_free(provider);
    otlp_sink_done(&sink);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    return 0;
}

static void add_view(tt_view view)
{
    view.size = sizeof view;
    assert_int_equal(tt_meter_provider_add_view(provider, &view), TT_OK);
}

static void count_routes(tt_counter *c, int n)
{
    for (int i = 0; i < n; i++) {
        tt_attr attrs[] = {tt_int("route", i), tt_str("user", "ann"), tt_bool("ok", true)};
        tt_counter_add(c, 1, attrs, 3);
    }
}

/* --- defaults --- */

static void test_provider_has_defaults_by_kind(void **state)
{
    (void)state;
    tt_stream_defaults d = {.size = sizeof d};
    d.aggregation[TT_KIND_HISTOGRAM] = TT_AGGREGATION_SUM;
    d.aggregation[TT_KIND_UPDOWNCOUNTER] = TT_AGGREGATION_DROP;
    d.cardinality_limit[TT_KIND_ANY] = 2;
    d.cardinality_limit[TT_KIND_GAUGE] = 1;
    make_provider(0, &d);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_attr attr = tt_int("i", 0);
    tt_gauge_set(g, 7, &attr, 1);
    tt_histogram_record(tt_histogram_new(meter, "h", NULL), 2.5, NULL, 0);
    tt_updowncounter_add(tt_updowncounter_new(meter, "u", NULL), 1, NULL, 0);
    for (int i = 0; i < 3; i++) {
        attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    check_metrics_text(provider, "# TYPE c_total counter\nc_total{i=\"0\"} 1\n"
                                 "c_total{otel_metric_overflow=\"true\"} 2\n"
                                 "# TYPE g gauge\ng{otel_metric_overflow=\"true\"} 7\n"
                                 "# TYPE h_total counter\nh_total 2.5\n");
}

static void test_view_says_more_than_defaults(void **state)
{
    (void)state;
    tt_stream_defaults d = {.size = sizeof d};
    d.aggregation[TT_KIND_ANY] = TT_AGGREGATION_DROP;
    make_provider(0, &d);
    add_view((tt_view){.instrument = "c", .aggregation = TT_AGGREGATION_SUM});
    add_view((tt_view){.instrument = "d", .description = "nothing"});
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "d", NULL), 1, NULL, 0);
    check_metrics_text(provider, "# TYPE c_total counter\nc_total 1\n");
}

static void test_reader_has_an_aggregation_of_its_own(void **state)
{
    (void)state;
    make_provider(0, NULL);
    tt_stream_defaults d = {.size = sizeof d};
    d.aggregation[TT_KIND_HISTOGRAM] = TT_AGGREGATION_EXPONENTIAL;
    d.aggregation[TT_KIND_GAUGE] = TT_AGGREGATION_DROP;
    start_reader(&d);
    const double bounds[] = {1};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 1};
    tt_histogram_record(tt_histogram_new(meter, "h", &o), 2, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 7, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    stop_reader();
    otlp_sink_has(&sink, "\"unit\":\"\",\"exponentialHistogram\"");
    otlp_sink_has(&sink, "\"unit\":\"\",\"sum\"");
    otlp_sink_lacks(&sink, "\"histogram\"");
    otlp_sink_lacks(&sink, "\"name\":\"g\"");
    assert_int_equal(sink.items, 2);
    check_metrics_text(provider, "# TYPE c_total counter\nc_total 1\n# TYPE g gauge\ng 7\n"
                                 "# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
                                 "h_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n");
}

static void test_reader_has_a_cardinality_limit_of_its_own(void **state)
{
    (void)state;
    make_provider(0, NULL);
    tt_stream_defaults d = {.size = sizeof d};
    d.cardinality_limit[TT_KIND_COUNTER] = 2;
    start_reader(&d);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr attr = tt_int("i", 3);
    tt_bound_counter *b = tt_counter_bind(c, &attr, 1);
    for (int i = 0; i < 3; i++) {
        attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    tt_bound_counter_add(b, 5);
    stop_reader();
    otlp_sink_has(&sink, "otel.metric.overflow");
    assert_int_equal(sink.items, 2);
    check_metrics_text(provider, "# TYPE c_total counter\nc_total{i=\"3\"} 5\nc_total{i=\"0\"} 1\n"
                                 "c_total{i=\"1\"} 1\nc_total{i=\"2\"} 1\n");
}

static void observe(tt_observation *o, void *arg)
{
    for (int i = 0; i < 3; i++) {
        tt_attr attr = tt_int("i", i);
        tt_observe_int(o, arg, i + 1, &attr, 1);
    }
}

static void test_observed_values_reach_the_streams_of_all_readers(void **state)
{
    (void)state;
    make_provider(0, NULL);
    tt_stream_defaults d = {.size = sizeof d};
    d.cardinality_limit[TT_KIND_OBSERVABLE_GAUGE] = 2;
    start_reader(&d);
    tt_observable *o = tt_observable_new(meter, TT_OBSERVABLE_GAUGE, "g", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, o) > 0);
    stop_reader();
    otlp_sink_has(&sink, "otel.metric.overflow");
    assert_int_equal(sink.items, 2);
    check_metrics_text(provider, "# TYPE g gauge\ng{i=\"0\"} 1\ng{i=\"1\"} 2\ng{i=\"2\"} 3\n");
}

static void test_reader_that_wants_what_all_have_costs_nothing(void **state)
{
    (void)state;
    tt_stream_defaults d = {.size = sizeof d};
    d.aggregation[TT_KIND_COUNTER] = TT_AGGREGATION_SUM;
    make_provider(0, &d);
    start_reader(&d);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    stop_reader();
    assert_int_equal(sink.items, 1);
    check_metrics_text(provider, "# TYPE c_total counter\nc_total 1\n");
}

static void test_readers_beyond_the_limit_see_what_all_see(void **state)
{
    (void)state;
    make_provider(0, NULL);
    uint64_t before = tt_problem_count(TT_PROBLEM_LIMIT);
    tt_stream_defaults d = {.size = sizeof d};
    d.aggregation[TT_KIND_COUNTER] = TT_AGGREGATION_DROP;
    for (int i = 0; i < 32; i++) {
        otlp_sink_done(&sink);
        start_reader(&d);
        if (i < 31)
            stop_reader();
    }
    assert_int_equal(tt_problem_count(TT_PROBLEM_LIMIT), before + 1);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    stop_reader();
    assert_int_equal(sink.items, 1);
}

/* --- views together --- */

static void test_views_are_put_together(void **state)
{
    (void)state;
    static const char *const route_user[] = {"route", "user"}, *const user_ok[] = {"ok", "user"};
    static const char *const user[] = {"user"};
    make_provider(TT_VIEWS_COMPOSABLE, NULL);
    add_view((tt_view){.instrument = "*",
                       .description = "first",
                       .cardinality_limit = 1,
                       .attribute_keys = route_user,
                       .attribute_keys_n = 2});
    add_view((tt_view){.instrument = "c", .description = "last", .cardinality_limit = 10});
    add_view((tt_view){.instrument = "c", .excluded_keys = user, .excluded_keys_n = 1});
    add_view((tt_view){.instrument = "d", .attribute_keys = user_ok, .attribute_keys_n = 2});
    count_routes(tt_counter_new(meter, "c", NULL), 2);
    tt_attr attrs[] = {tt_int("route", 1), tt_str("user", "ann"), tt_bool("ok", true)};
    tt_counter_add(tt_counter_new(meter, "d", NULL), 1, attrs, 3);
    check_metrics_text(provider, "# HELP c_total last\n# TYPE c_total counter\n"
                                 "c_total{route=\"0\"} 1\nc_total{route=\"1\"} 1\n"
                                 "# HELP d_total first\n# TYPE d_total counter\n"
                                 "d_total{otel_metric_overflow=\"true\"} 1\n");
}

static void test_names_make_several_streams(void **state)
{
    (void)state;
    static const char *const route[] = {"route"};
    make_provider(TT_VIEWS_COMPOSABLE, NULL);
    add_view((tt_view){.instrument = "c", .name = "one", .description = "1"});
    add_view((tt_view){.kind = TT_KIND_COUNTER, .attribute_keys = route, .attribute_keys_n = 1});
    add_view((tt_view){.instrument = "c", .name = "two"});
    add_view((tt_view){.instrument = "c", .name = "ONE", .description = "again"});
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    count_routes(tt_counter_new(meter, "c", NULL), 1);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT), before);
    check_metrics_text(provider, "# HELP one_total again\n# TYPE one_total counter\n"
                                 "one_total{route=\"0\"} 1\n# TYPE two_total counter\n"
                                 "two_total{route=\"0\"} 1\n");
}

static void test_last_aggregation_holds_with_what_belongs_to_it(void **state)
{
    (void)state;
    static const double bounds[] = {1, 2};
    make_provider(TT_VIEWS_COMPOSABLE, NULL);
    add_view((tt_view){.instrument = "h", .aggregation = TT_AGGREGATION_EXPONENTIAL});
    add_view((tt_view){.instrument = "h",
                       .name = "h", // its own: no other stream
                       .aggregation = TT_AGGREGATION_EXPLICIT,
                       .bounds = bounds,
                       .bounds_n = 2});
    add_view((tt_view){.instrument = "g", .aggregation = TT_AGGREGATION_DROP});
    tt_histogram_record(tt_histogram_new(meter, "h", NULL), 1.5, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "chosen_by_none", NULL), 1, NULL, 0);
    check_metrics_text(provider, "# TYPE chosen_by_none gauge\nchosen_by_none 1\n"
                                 "# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
                                 "h_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                                 "h_sum 1.5\nh_count 1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_provider_has_defaults_by_kind),
        TEST(test_view_says_more_than_defaults),
        TEST(test_reader_has_an_aggregation_of_its_own),
        TEST(test_reader_has_a_cardinality_limit_of_its_own),
        TEST(test_observed_values_reach_the_streams_of_all_readers),
        TEST(test_reader_that_wants_what_all_have_costs_nothing),
        TEST(test_readers_beyond_the_limit_see_what_all_see),
        TEST(test_views_are_put_together),
        TEST(test_names_make_several_streams),
        TEST(test_last_aggregation_holds_with_what_belongs_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
