#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/metric_family.h"
#include "support/test_meter.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"
#include "telltale/trace.h"
#include "telltale/view.h"

static char *render_of(tt_meter_provider *p, const tt_prometheus_options *o)
{
    char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(tt_prometheus_render_new(p, o, 1 << 24, &bytes, &n), TT_OK);
    char *text = metric_families_text((struct str){bytes, n});
    free(bytes);
    return text;
}

static tt_prometheus_options options(void)
{
    tt_prometheus_options o = {.size = sizeof o, .format = TT_PROMETHEUS_PROTOBUF};
    o.without_scope = o.without_target = true;
    return o;
}

static void check(const char *expected)
{
    tt_prometheus_options o = options();
    char *text = render_of(provider, &o);
    assert_string_equal(text, expected);
    free(text);
}

static tt_histogram *exponential(int32_t max_scale)
{
    tt_view v = {.size = sizeof v, .instrument = "h", .aggregation = TT_AGGREGATION_EXPONENTIAL};
    v.max_scale = max_scale;
    v.max_buckets = 160;
    assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_OK);
    return tt_histogram_new(meter, "h", NULL);
}

/* --- numbers --------------------------------------------------------------------------------- */

static void test_counter_tells_its_value_and_start(void **state)
{
    (void)state;
    tt_instrument_options o = {.size = sizeof o, .unit = "s", .description = "Time \"spent\"\n"};
    tt_attr attrs[] = {tt_str("a", "b"), tt_int("n", 5)};
    tt_counter_add(tt_counter_new(meter, "busy", &o), 3, attrs, 2);
    check("name:\"busy_seconds_total\" help:\"Time \"spent\"\n\" type:0 unit:\"seconds\" "
          "metric{label{name:\"a\" value:\"b\"} label{name:\"n\" value:\"5\"} "
          "counter{value:3 created:T}}\n");
}

static void test_gauges_of_one_family_stand_together(void **state)
{
    (void)state;
    tt_attr attr = tt_str("a", "b");
    tt_updowncounter_add(tt_updowncounter_new(meter, "depth", NULL), -7, NULL, 0);
    tt_double_gauge_set(tt_double_gauge_new(meter, "load", NULL), 0.5, NULL, 0);
    tt_meter *other = tt_meter_get(provider, "other", NULL);
    tt_gauge_set(tt_gauge_new(other, "load", NULL), 2, &attr, 1);
    check("name:\"depth\" type:1 metric{gauge{value:-7}}\n"
          "name:\"load\" type:1 metric{gauge{value:0.5}} "
          "metric{label{name:\"a\" value:\"b\"} gauge{value:2}}\n");
}

static void test_scope_and_target_are_told(void **state)
{
    (void)state;
    tt_attr resource_attr = tt_str("service.name", "shop");
    tt_resource *r = tt_resource_new(&resource_attr, 1, NULL);
    tt_meter_provider_options o = {.size = sizeof o, .resource = r};
    tt_meter_provider *p = tt_meter_provider_new(&o);
    tt_resource_free(r);
    tt_scope scope = {.name = "lib", .version = "1"};
    tt_counter_add(tt_counter_new(tt_meter_get_scope(p, &scope), "c", NULL), 1, NULL, 0);
    tt_prometheus_options asked = {.size = sizeof asked, .format = TT_PROMETHEUS_PROTOBUF};
    char *text = render_of(p, &asked);
    assert_string_equal(text, "name:\"target_info\" help:\"Target metadata\" type:1 "
                              "metric{label{name:\"service_name\" value:\"shop\"} gauge{value:1}}\n"
                              "name:\"c_total\" type:0 "
                              "metric{label{name:\"otel_scope_name\" value:\"lib\"} "
                              "label{name:\"otel_scope_version\" value:\"1\"} "
                              "counter{value:1 created:T}}\n");
    free(text);
    tt_meter_provider_free(p);
}

static void test_text_that_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    tt_attr attr = tt_str("a", "x\xff\xfey");
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, &attr, 1);
    check(
        "name:\"g\" type:1 metric{label{name:\"a\" value:\"x\xef\xbf\xbd\xef\xbf\xbdy\"} gauge{value:1}}\n");
}

static void test_formats_may_take_turns(void **state)
{
    (void)state;
    tt_attr attr = tt_str("a", "b");
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, &attr, 1);
    for (int i = 0; i < 2; i++) {
        check("name:\"g\" type:1 metric{label{name:\"a\" value:\"b\"} gauge{value:1}}\n");
        char *text = NULL;
        size_t n;
        tt_prometheus_options o = options();
        o.format = TT_PROMETHEUS_TEXT;
        assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
        assert_string_equal(text, "# TYPE g gauge\ng{a=\"b\"} 1\n");
        free(text);
    }
}

/* --- histograms ------------------------------------------------------------------------------ */

static void test_explicit_histogram_stays_classic(void **state)
{
    (void)state;
    const double bounds[] = {1, 10};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 2};
    tt_histogram *h = tt_histogram_new(meter, "h", &o);
    tt_histogram_record(h, 0.5, NULL, 0);
    tt_histogram_record(h, 5, NULL, 0);
    tt_histogram_record(h, 500, NULL, 0);
    check("name:\"h\" type:4 metric{histogram{count:3 sum:505.5 "
          "bucket{count:1 bound:1} bucket{count:2 bound:10} bucket{count:3 bound:+Inf} "
          "created:T}}\n");
}

static void test_exponential_histogram_becomes_a_native_one(void **state)
{
    (void)state;
    tt_histogram *h = exponential(0);
    // (0.5, 1], (1, 2], twice (2, 4], and far away (512, 1024]
    const double values[] = {1, 2, 3, 4, 1000, 0, -8};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        tt_histogram_record(h, values[i], NULL, 0);
    check("name:\"h\" type:4 metric{histogram{count:7 sum:NaN schema:0 zero_threshold:1e-128 "
          "zero_count:1 "
          "negative_span{offset:3 length:1} negative_delta:[1] "
          "positive_span{offset:0 length:3} positive_span{offset:7 length:1} "
          "positive_delta:[1 0 1 -1] created:T}}\n");
}

static void test_short_gaps_are_part_of_a_span(void **state)
{
    (void)state;
    tt_histogram *h = exponential(0);
    tt_histogram_record(h, 2, NULL, 0);   // bucket 1 of upper bounds
    tt_histogram_record(h, 16, NULL, 0);  // 4: two empty ones between
    tt_histogram_record(h, 256, NULL, 0); // 8: three
    check("name:\"h\" type:4 metric{histogram{count:3 sum:274 schema:0 zero_threshold:1e-128 "
          "zero_count:0 positive_span{offset:1 length:4} positive_span{offset:3 length:1} "
          "positive_delta:[1 -1 0 1 0] created:T}}\n");
}

static void test_finer_scales_than_eight_are_merged(void **state)
{
    (void)state;
    tt_histogram *h = exponential(20);
    tt_histogram_record(h, 2, NULL, 0); // alone at scale 20: ends bucket 2^20
    tt_histogram_record(h, 2, NULL, 0);
    check("name:\"h\" type:4 metric{histogram{count:2 sum:4 schema:8 zero_threshold:1e-128 "
          "zero_count:0 positive_span{offset:256 length:1} positive_delta:[2] created:T}}\n");
}

static void test_coarser_scales_than_minus_four_fall_back_to_one_bucket(void **state)
{
    (void)state;
    tt_histogram *h = exponential(-5);
    tt_histogram_record(h, 2, NULL, 0);
    tt_histogram_record(h, 1e30, NULL, 0);
    check("name:\"h\" type:4 metric{histogram{count:2 sum:1e+30 bucket{count:2 bound:+Inf} "
          "created:T}}\n");
}

static void test_scale_minus_four_is_native(void **state)
{
    (void)state;
    tt_histogram *h = exponential(-4);
    tt_histogram_record(h, 2, NULL, 0); // (1, 65536]
    check("name:\"h\" type:4 metric{histogram{count:1 sum:2 schema:-4 zero_threshold:1e-128 "
          "zero_count:0 positive_span{offset:1 length:1} positive_delta:[1] created:T}}\n");
}

static void test_histogram_of_zeros_alone_is_native(void **state)
{
    (void)state;
    tt_histogram_record(exponential(20), 0, NULL, 0);
    check("name:\"h\" type:4 metric{histogram{count:1 sum:0 schema:8 zero_threshold:1e-128 "
          "zero_count:1 created:T}}\n");
}

/* --- exemplars ------------------------------------------------------------------------------- */

#define IDS                                                                                        \
    "label{name:\"trace_id\" value:\"01010101010101010101010101010101\"} "                         \
    "label{name:\"span_id\" value:\"0202020202020202\"} "

static tt_context *sampled(void)
{
    tt_span_context c = {.flags = TT_FLAG_SAMPLED};
    memset(c.trace_id, 1, sizeof c.trace_id);
    memset(c.span_id, 2, sizeof c.span_id);
    return tt_context_remote(&c, NULL);
}

static void test_exemplars_stand_with_what_they_are_of(void **state)
{
    (void)state;
    const double bounds[] = {1};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 1};
    tt_histogram *native = exponential(0), *classic = tt_histogram_new(meter, "k", &o);
    tt_counter *counter = tt_counter_new(meter, "c", NULL);
    tt_context *c = sampled();
    tt_token token = tt_context_enter(c);
    tt_histogram_record(native, 2, NULL, 0);
    tt_histogram_record(classic, 5, NULL, 0);
    tt_counter_add(counter, 1, NULL, 0);
    tt_leave(token);
    tt_context_free(c);
    check("name:\"c_total\" type:0 metric{counter{value:1 exemplar{" IDS "value:1 time:T} "
          "created:T}}\n"
          "name:\"h\" type:4 metric{histogram{count:1 sum:2 schema:0 zero_threshold:1e-128 "
          "zero_count:0 positive_span{offset:1 length:1} positive_delta:[1] "
          "exemplar{" IDS "value:2 time:T} created:T}}\n"
          "name:\"k\" type:4 metric{histogram{count:1 sum:5 bucket{count:0 bound:1} "
          "bucket{count:1 bound:+Inf exemplar{" IDS "value:5 time:T}} created:T}}\n");
}

/* --- buffers --------------------------------------------------------------------------------- */

static void test_callers_buffer_is_filled_or_its_size_told(void **state)
{
    (void)state;
    tt_histogram_record(exponential(0), 2, NULL, 0);
    tt_prometheus_options o = options();
    char *all = NULL;
    size_t n = 0, told = 0;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &all, &n), TT_OK);
    char *own = malloc(n);
    for (size_t cap = 0; cap < n; cap++) {
        assert_int_equal(tt_prometheus_render(provider, &o, own, cap, &told), TT_ERR_SPACE);
        assert_int_equal(told, n);
    }
    assert_int_equal(tt_prometheus_render(provider, &o, own, n, &told), TT_OK);
    assert_memory_equal(own, all, n);
    assert_int_equal(tt_prometheus_render_new(provider, &o, n - 1, &all, &n), TT_ERR_LIMIT);
    free(own);
    free(all);
}

/* --- escaping -------------------------------------------------------------------------------- */

static void test_names_are_escaped_as_the_scraper_asks(void **state)
{
    (void)state;
    static const struct {
        enum tt_prometheus_escaping escaping;
        const char *expected;
    } cases[] = {
        {TT_ESCAPING_NONE, "# TYPE \"a.b-c_d_total\" counter\n"
                           "{\"a.b-c_d_total\",\"x.ü\"=\"1\"} 3\n"},
        {TT_ESCAPING_UNDERSCORES, "# TYPE a_b_c_d_total counter\n"
                                  "a_b_c_d_total{x__=\"1\"} 3\n"},
        {TT_ESCAPING_DOTS, "# TYPE a_dot_b__c__d__total counter\n"
                           "a_dot_b__c__d__total{x_dot___=\"1\"} 3\n"},
        {TT_ESCAPING_VALUES, "# TYPE U__a_2e_b_2d_c__d__total counter\n"
                             "U__a_2e_b_2d_c__d__total{U__x_2e__fc_=\"1\"} 3\n"},
    };
    tt_attr attr = tt_str("x.ü", "1");
    tt_counter_add(tt_counter_new(meter, "a.b-c_d", NULL), 3, &attr, 1);
    tt_prometheus_options o = options();
    o.names = TT_NAMES_UTF8_SUFFIXES;
    o.format = TT_PROMETHEUS_TEXT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        size_t n;
        o.escaping = cases[i].escaping;
        assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counter_tells_its_value_and_start),
        TEST(test_gauges_of_one_family_stand_together),
        TEST(test_scope_and_target_are_told),
        TEST(test_text_that_is_not_utf8_is_replaced),
        TEST(test_formats_may_take_turns),
        TEST(test_explicit_histogram_stays_classic),
        TEST(test_exponential_histogram_becomes_a_native_one),
        TEST(test_short_gaps_are_part_of_a_span),
        TEST(test_finer_scales_than_eight_are_merged),
        TEST(test_coarser_scales_than_minus_four_fall_back_to_one_bucket),
        TEST(test_scale_minus_four_is_native),
        TEST(test_histogram_of_zeros_alone_is_native),
        TEST(test_exemplars_stand_with_what_they_are_of),
        TEST(test_callers_buffer_is_filled_or_its_size_told),
        TEST(test_names_are_escaped_as_the_scraper_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
