/* Pages that scrapers would refuse as a whole for one text or one series. */
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/test_meter.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

static void check_as(enum tt_prometheus_names names, bool with_scope, const char *expected)
{
    tt_prometheus_options o = {.size = sizeof o, .names = names, .without_target = true};
    o.without_scope = !with_scope;
    char *text = render_with(&o);
    assert_string_equal(text, expected);
    free(text);
}

static void check(const char *expected)
{
    check_as(TT_NAMES_UNDERSCORE_SUFFIXES, false, expected);
}

#define REPLACED "\xef\xbf\xbd"

static void test_values_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("agent", "\xff\xfe"), tt_str("cut", "caf\xc3"),
                       tt_str("tail", "\x80\xc3\xa9|")};
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, attrs, 3);
    check("# TYPE c_total counter\nc_total{agent=\"" REPLACED REPLACED "\",cut=\"caf" REPLACED
          "\",tail=\"" REPLACED "\xc3\xa9|\"} 1\n");
}

static void test_values_within_others_are_replaced(void **state)
{
    (void)state;
    tt_value items[] = {tt_value_str("\xff")};
    tt_attr attr = tt_attr_of("list", tt_value_array(items, 1));
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, &attr, 1);
    check("# TYPE g gauge\ng{list=\"[\\\"" REPLACED "\\\"]\"} 1\n");
}

static void test_names_descriptions_and_scopes_are_replaced(void **state)
{
    (void)state;
    tt_attr attr = tt_str("k\xff", "v");
    tt_instrument_options o = {.size = sizeof o, .description = "bad \xff text"};
    tt_meter *m = tt_meter_get(provider, "s\xff", NULL);
    tt_gauge_set(tt_gauge_new(m, "g", &o), 1, &attr, 1);
    check_as(TT_NAMES_UTF8, true,
             "# HELP g bad " REPLACED " text\n# TYPE g gauge\n"
             "g{otel_scope_name=\"s" REPLACED "\",\"k" REPLACED "\"=\"v\"} 1\n");
}

static void test_bytes_are_base64(void **state)
{
    (void)state;
    tt_value items[] = {tt_value_bytes("\xff", 1)};
    tt_attr attrs[] = {tt_bytes("a", "\xff\x00z", 3), tt_bytes("b", "ab", 2),
                       tt_bytes("c", "Many", 4), tt_bytes("d", "", 0),
                       tt_attr_of("e", tt_value_array(items, 1))};
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, attrs, 5);
    check("# TYPE g gauge\n"
          "g{a=\"/wB6\",b=\"YWI=\",c=\"TWFueQ==\",e=\"[\\\"/w==\\\"]\"} 1\n");
}

static void test_labels_of_the_scope_may_be_left_out(void **state)
{
    (void)state;
    tt_attr attr = tt_str("team", "a");
    tt_scope scope = {.name = "s", .version = "1", .attrs = &attr, .attrs_n = 1};
    tt_gauge_set(tt_gauge_new(tt_meter_get_scope(provider, &scope), "g", NULL), 1, NULL, 0);
    check_as(TT_NAMES_UTF8, true,
             "# TYPE g gauge\n"
             "g{otel_scope_name=\"s\",otel_scope_version=\"1\",otel_scope_team=\"a\"} 1\n");
    check_as(TT_NAMES_UTF8, false, "# TYPE g gauge\ng 1\n");
}

static void test_series_that_become_the_same_are_told_and_shown_once(void **state)
{
    (void)state;
    tt_attr attr = tt_str("k", "v");
    tt_counter_add(tt_counter_new(meter, "a.b", NULL), 1, NULL, 0);
    tt_counter *second = tt_counter_new(meter, "a_b", NULL);
    tt_counter_add(second, 2, NULL, 0);
    tt_counter_add(second, 3, &attr, 1);
    tt_meter *other = tt_meter_get(provider, "other", NULL);
    tt_counter_add(tt_counter_new(other, "a.b", NULL), 4, NULL, 0);
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    check_as(TT_NAMES_UNDERSCORE_SUFFIXES, true,
             "# TYPE a_b_total counter\na_b_total{otel_scope_name=\"test\"} 1\n"
             "a_b_total{otel_scope_name=\"test\",k=\"v\"} 3\n"
             "a_b_total{otel_scope_name=\"other\"} 4\n");
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 1);
    check("# TYPE a_b_total counter\na_b_total 1\na_b_total{k=\"v\"} 3\n");
}

/* --- attributes of the resource --- */

static void with_resource(const tt_attr *attrs, size_t n)
{
    tt_meter_provider_options o = {.size = sizeof o, .resource = tt_resource_new(attrs, n, NULL)};
    tt_meter_provider_free(provider);
    provider = tt_meter_provider_new(&o);
    meter = tt_meter_get(provider, "test", NULL);
    tt_resource_free((tt_resource *)(uintptr_t)o.resource);
}

static void check_constants(const char *labels, const char *without, const char *expected)
{
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    o.resource_labels = labels;
    o.without_resource_labels = without;
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    assert_string_equal(text, expected);
    free(text);
}

#define HEAD "# TYPE c_total counter\nc_total"

static void test_attributes_of_the_resource_become_labels(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("service.name", "shop"), tt_str("service.version", "1"),
                       tt_int("cpus", 4), tt_str("host.name", "h\"1")};
    with_resource(attrs, 4);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    check_constants("service.*", "*.version", HEAD "{service_name=\"shop\"} 1\n");
    check_constants("host.name, cpus", NULL, HEAD "{cpus=\"4\",host_name=\"h\\\"1\"} 1\n");
    check_constants("nothing", NULL, HEAD " 1\n");
    check_constants(NULL, NULL, HEAD " 1\n");
    check_constants("service.name", NULL, HEAD "{service_name=\"shop\"} 1\n");
}

static void test_labels_of_a_series_hold_over_the_resources(void **state)
{
    (void)state;
    tt_attr of_resource[] = {tt_str("le", "2"), tt_str("zone.id", "a"), tt_str("zone_id", "b")};
    tt_attr own = tt_str("zone.id", "own");
    with_resource(of_resource, 3);
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_counter_add(c, 1, NULL, 0);
    tt_counter_add(c, 2, &own, 1);
    check_constants("zone*", NULL, HEAD "{zone_id=\"a;b\"} 1\nc_total{zone_id=\"own\"} 2\n");
}

static void test_histograms_have_no_le_of_the_resource(void **state)
{
    (void)state;
    tt_attr of_resource[] = {tt_str("le", "2"), tt_str("a", "b")};
    const double bound = 1;
    tt_instrument_options o = {.size = sizeof o, .bounds = &bound, .bounds_n = 1};
    with_resource(of_resource, 2);
    tt_histogram_record(tt_histogram_new(meter, "h", &o), 0.5, NULL, 0);
    check_constants("*", NULL,
                    "# TYPE h histogram\nh_bucket{a=\"b\",le=\"1\"} 1\n"
                    "h_bucket{a=\"b\",le=\"+Inf\"} 1\nh_sum{a=\"b\"} 0.5\nh_count{a=\"b\"} 1\n");
}

static void test_forms_with_constants_have_a_limit(void **state)
{
    (void)state;
    tt_attr attrs[128];
    char names[128][8];
    for (int i = 0; i < 128; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%d", i);
        attrs[i] = tt_str(names[i], "v");
    }
    with_resource(attrs, 128);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_prometheus_options o = {.size = sizeof o};
    char *text;
    size_t n;
    for (int i = 0; i < 128; i++) {
        o.resource_labels = names[i];
        int rc = tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n);
        assert_int_equal(rc, i < 127 ? TT_OK : TT_ERR_LIMIT);
        if (rc == TT_OK)
            free(text);
    }
}

static void test_same_name_with_another_description_is_one_family(void **state)
{
    (void)state;
    tt_instrument_options other = {.size = sizeof other, .description = "differs"};
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "c", &other), 2, NULL, 0);
    check("# TYPE c_total counter\nc_total 1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_that_are_not_utf8_are_replaced),
        TEST(test_values_within_others_are_replaced),
        TEST(test_names_descriptions_and_scopes_are_replaced),
        TEST(test_bytes_are_base64),
        TEST(test_labels_of_the_scope_may_be_left_out),
        TEST(test_series_that_become_the_same_are_told_and_shown_once),
        TEST(test_attributes_of_the_resource_become_labels),
        TEST(test_labels_of_a_series_hold_over_the_resources),
        TEST(test_histograms_have_no_le_of_the_resource),
        TEST(test_forms_with_constants_have_a_limit),
        TEST(test_same_name_with_another_description_is_one_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
