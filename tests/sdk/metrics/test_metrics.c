#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/test_meter.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

static char *render_as(enum tt_prometheus_format format, enum tt_prometheus_names names)
{
    tt_prometheus_options o = {.size = sizeof o, .format = format, .names = names};
    o.without_scope = o.without_target = true;
    return render_with(&o);
}

static char *render(void)
{
    return render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UNDERSCORE_SUFFIXES);
}

static void check_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void check_has(const char *line)
{
    char *text = render();
    if (!strstr(text, line))
        print_error("no \"%s\" in:\n%s", line, text);
    assert_non_null(strstr(text, line));
    free(text);
}

static void check_lacks(const char *word)
{
    char *text = render();
    assert_null(strstr(text, word));
    free(text);
}

static uint64_t misuses(void)
{
    return tt_problem_count(TT_PROBLEM_MISUSE);
}

/* --- counters and gauges --- */

static void test_counter_sums_by_attributes(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "requests", NULL);
    tt_attr get[] = {tt_str("method", "GET"), tt_int("code", 200)};
    tt_attr post[] = {tt_str("method", "POST"), tt_int("code", 500)};
    tt_counter_add(c, 1, get, 2);
    tt_counter_add(c, 2, get, 2);
    tt_counter_add(c, 5, post, 2);
    check_text(render(), "# TYPE requests_total counter\n"
                         "requests_total{code=\"200\",method=\"GET\"} 3\n"
                         "requests_total{code=\"500\",method=\"POST\"} 5\n");
}

static void test_order_of_attributes_does_not_matter(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr ab[] = {tt_str("a", "1"), tt_str("b", "2")};
    tt_attr ba[] = {tt_str("b", "2"), tt_str("a", "1")};
    tt_counter_add(c, 1, ab, 2);
    tt_counter_add(c, 1, ba, 2);
    tt_bound_counter_add(tt_counter_bind(c, ba, 2), 1);
    check_has("c_total{a=\"1\",b=\"2\"} 3\n");
}

static void test_the_later_of_two_equal_keys_holds(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr attrs[] = {tt_str("a", "old"), tt_str("a", "new")};
    tt_counter_add(c, 1, attrs, 2);
    check_has("c_total{a=\"new\"} 1\n");
    check_lacks("old");
}

static void test_text_changed_in_place_is_another_set(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    char value[] = "first", key[] = "key";
    for (int i = 0; i < 2; i++) {
        tt_attr attr = tt_str(key, value);
        tt_counter_add(c, 1, &attr, 1);
        memcpy(value, "other", 5);
    }
    memcpy(key, "kez", 3);
    tt_attr attr = tt_str(key, value);
    tt_counter_add(c, 1, &attr, 1);
    check_has("c_total{key=\"first\"} 1\n");
    check_has("c_total{key=\"other\"} 1\n");
    check_has("c_total{kez=\"other\"} 1\n");
}

static void test_sets_of_any_size_are_counted(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    tt_counter *c = tt_counter_new(meter, "long", NULL);
    char *value = calloc(1, LONG + 1), line[LONG + 64];
    assert_non_null(value);
    memset(value, 'x', LONG);
    for (int i = 0; i < 3; i++) {
        value[LONG / 2] = (char)('a' + i % 2);
        tt_attr attr = tt_str("k", value);
        tt_counter_add(c, 1, &attr, 1);
    }
    (void)snprintf(line, sizeof line, "long_total{k=\"%s\"} 2\n", value);
    check_has(line);
    value[LONG / 2] = 'b';
    (void)snprintf(line, sizeof line, "long_total{k=\"%s\"} 1\n", value);
    check_has(line);
    free(value);
}

static void test_values_of_different_types_are_different_sets(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_value items[] = {tt_value_int(1), tt_value_str("x\"y")};
    tt_attr attrs[] = {tt_bool("a", true), tt_double("a", 1.5), tt_int("a", -3),
                       tt_attr_of("a", tt_value_array(items, 2))};
    for (int i = 0; i < 4; i++) {
        tt_counter_add(c, i + 1, &attrs[i], 1);
        tt_counter_add(c, i + 1, &attrs[i], 1);
    }
    check_has("c_total{a=\"true\"} 2\n");
    check_has("c_total{a=\"1.5\"} 4\n");
    check_has("c_total{a=\"-3\"} 6\n");
    check_has("c_total{a=\"[1,\\\"x\\\\\\\"y\\\"]\"} 8\n");
}

static void test_bound_handle_is_exported_from_zero(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_attr attr = tt_str("a", "1");
    tt_bound_counter *b = tt_counter_bind(c, &attr, 1);
    assert_ptr_equal(b, tt_counter_bind(c, &attr, 1));
    check_has("c_total{a=\"1\"} 0\n");
    tt_bound_counter_add(b, 7);
    check_has("c_total{a=\"1\"} 7\n");
}

static void test_counter_refuses_negative_increments(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_double_counter *d = tt_double_counter_new(meter, "d", NULL);
    uint64_t before = misuses();
    tt_counter_add(c, 5, NULL, 0);
    tt_counter_add(c, -1, NULL, 0);
    tt_double_counter_add(d, 0.5, NULL, 0);
    tt_double_counter_add(d, -0.5, NULL, 0);
    tt_double_counter_add(d, (double)NAN, NULL, 0);
    tt_double_counter_add(d, (double)INFINITY, NULL, 0);
    assert_int_equal(misuses() - before, 4);
    check_has("c_total 5\n");
    check_has("d_total 0.5\n");
}

static void test_updowncounter_goes_both_ways(void **state)
{
    (void)state;
    tt_updowncounter *u = tt_updowncounter_new(meter, "u", NULL);
    tt_double_updowncounter *d = tt_double_updowncounter_new(meter, "d", NULL);
    tt_updowncounter_add(u, 3, NULL, 0);
    tt_updowncounter_add(u, -5, NULL, 0);
    tt_bound_double_updowncounter_add(tt_double_updowncounter_bind(d, NULL, 0), -0.25);
    check_has("# TYPE u gauge\nu -2\n");
    check_has("d -0.25\n");
}

static void test_gauge_keeps_the_last_value_and_is_absent_before(void **state)
{
    (void)state;
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_double_gauge *d = tt_double_gauge_new(meter, "d", NULL);
    tt_bound_gauge *b = tt_gauge_bind(g, NULL, 0);
    check_text(render(), "");
    tt_bound_gauge_set(b, 4);
    tt_bound_gauge_set(b, -2);
    tt_double_gauge_set(d, 0.1, NULL, 0);
    check_text(render(), "# TYPE d gauge\nd 0.1\n# TYPE g gauge\ng -2\n");
}

/* --- histograms --- */

static void test_histogram_counts_in_its_buckets(void **state)
{
    (void)state;
    const double bounds[] = {1, 2.5, 10};
    tt_instrument_options o = {.size = sizeof o, .unit = "s", .bounds = bounds, .bounds_n = 3};
    o.description = "How \\ long\nit took";
    tt_histogram *h = tt_histogram_new(meter, "duration", &o);
    tt_bound_histogram *b = tt_histogram_bind(h, NULL, 0);
    const double values[] = {1, 1.5, 2.5, 10, 10.5, -3};
    for (int i = 0; i < 6; i++)
        tt_bound_histogram_record(b, values[i]);
    check_text(render(), "# HELP duration_seconds How \\\\ long\\nit took\n"
                         "# TYPE duration_seconds histogram\n"
                         "duration_seconds_bucket{le=\"1\"} 2\n"
                         "duration_seconds_bucket{le=\"2.5\"} 4\n"
                         "duration_seconds_bucket{le=\"10\"} 5\n"
                         "duration_seconds_bucket{le=\"+Inf\"} 6\n"
                         "duration_seconds_count 6\n");
}

static void test_histogram_of_many_buckets_finds_each(void **state)
{
    (void)state;
    double bounds[500];
    for (int i = 0; i < 500; i++)
        bounds[i] = i;
    for (size_t n = 0; n <= 500; n += n < 60 ? 1 : 55) {
        char name[16];
        (void)snprintf(name, sizeof name, "h%zu", n);
        tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = n};
        tt_histogram *h = tt_histogram_new(meter, name, &o);
        for (size_t i = 0; i <= n; i++)
            tt_histogram_record_int(h, (int64_t)i, NULL, 0);
        for (size_t i = 0; i < n; i += 1 + n / 8) {
            char line[64];
            (void)snprintf(line, sizeof line, "%s_bucket{le=\"%zu\"} %zu\n", name, i, i + 1);
            check_has(line);
        }
    }
}

static void test_histogram_refuses_what_is_not_finite(void **state)
{
    (void)state;
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    uint64_t before = misuses();
    tt_histogram_record(h, (double)NAN, NULL, 0);
    tt_histogram_record(h, (double)-INFINITY, NULL, 0);
    assert_int_equal(misuses() - before, 2);
    tt_histogram_record(h, DBL_MAX, NULL, 0);
    check_has("h_bucket{le=\"10000\"} 0\n");
    check_has("h_count 1\n");
}

static void test_bounds_that_do_not_increase_give_the_default_ones(void **state)
{
    (void)state;
    const double bounds[] = {1, 1};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 2};
    uint64_t before = misuses();
    tt_histogram *h = tt_histogram_new(meter, "h", &o);
    assert_int_equal(misuses() - before, 1);
    tt_histogram_record(h, 7, NULL, 0);
    check_has("h_bucket{le=\"7500\"} 1\n");
}

/* --- observable instruments --- */

static tt_observable *watched, *watched_double;
static int calls;

static void watch(tt_observation *o, void *arg)
{
    calls++;
    tt_attr attr = tt_int("round", calls);
    tt_observe_int(o, watched, *(int *)arg * calls, &attr, 1);
    tt_observe_double(o, watched_double, 0.5, NULL, 0);
}

static void test_callback_observes_several_instruments(void **state)
{
    (void)state;
    int ten = 10;
    calls = 0;
    watched = tt_observable_new(meter, TT_OBSERVABLE_COUNTER, "seen", NULL, NULL, NULL);
    watched_double = tt_observable_new_double(meter, TT_OBSERVABLE_GAUGE, "half", NULL, NULL, NULL);
    int64_t id = tt_meter_register_callback(meter, watch, &ten);
    assert_true(id > 0);
    check_text(render(), "# TYPE half gauge\nhalf 0.5\n"
                         "# TYPE seen_total counter\nseen_total{round=\"1\"} 10\n");
    check_text(render(), "# TYPE half gauge\nhalf 0.5\n"
                         "# TYPE seen_total counter\nseen_total{round=\"2\"} 20\n");
    tt_meter_unregister_callback(meter, id);
    check_text(render(), "");
}

/* --- limits and mistakes --- */

static void test_sets_beyond_the_limit_are_counted_together(void **state)
{
    (void)state;
    tt_meter_provider_options o = {.size = sizeof o, .cardinality_limit = 3};
    tt_meter_provider *small = tt_meter_provider_new(&o);
    tt_counter *c = tt_counter_new(tt_meter_get(small, "test", NULL), "c", NULL);
    for (int i = 0; i < 1000; i++) {
        tt_attr attr = tt_int("i", i % 100);
        tt_counter_add(c, 1, &attr, 1);
    }
    tt_meter_provider *kept = provider;
    provider = small;
    check_text(render(), "# TYPE c_total counter\nc_total{i=\"0\"} 10\nc_total{i=\"1\"} 10\n"
                         "c_total{otel_metric_overflow=\"true\"} 980\n");
    provider = kept;
    tt_meter_provider_free(small);
}

static void test_many_sets_keep_their_values(void **state)
{
    (void)state;
    tt_meter_provider_options o = {.size = sizeof o, .cardinality_limit = 100000};
    tt_meter_provider *big = tt_meter_provider_new(&o);
    tt_counter *c = tt_counter_new(tt_meter_get(big, "test", NULL), "c", NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++) {
            tt_attr attr = tt_int("i", i);
            tt_counter_add(c, i, &attr, 1);
        }
    }
    tt_meter_provider *kept = provider;
    provider = big;
    check_has("{i=\"19999\"} 39998\n");
    check_has("{i=\"77\"} 154\n");
    provider = kept;
    tt_meter_provider_free(big);
}

static void test_null_handles_do_nothing(void **state)
{
    (void)state;
    tt_attr attr = tt_str("a", "b");
    tt_counter_add(NULL, 1, &attr, 1);
    tt_bound_histogram_record(NULL, 1);
    assert_null(tt_meter_get(NULL, "x", NULL));
    assert_null(tt_counter_new(NULL, "c", NULL));
    assert_null(tt_gauge_bind(NULL, NULL, 0));
    tt_meter_provider_free(NULL);
    size_t n;
    assert_int_equal(tt_prometheus_render(NULL, NULL, NULL, 0, &n), TT_ERR_INVALID);
}

static void test_instrument_of_another_kind_takes_no_value_and_is_told(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_double_counter *d = tt_double_counter_new(meter, "d", NULL);
    tt_bound_counter *bound = tt_counter_bind(c, NULL, 0);
    tt_counter_add(c, 1, NULL, 0);
    tt_gauge_set(g, 5, NULL, 0);
    tt_double_counter_add(d, 2, NULL, 0);
    uint64_t before = misuses();
    tt_counter_add((tt_counter *)(void *)g, -2, NULL, 0);
    tt_gauge_set((tt_gauge *)(void *)c, 9, NULL, 0);
    tt_counter_add((tt_counter *)(void *)d, 7, NULL, 0);
    tt_double_counter_add((tt_double_counter *)(void *)c, 1.5, NULL, 0);
    tt_histogram_record((tt_histogram *)(void *)c, 1.5, NULL, 0);
    tt_bound_histogram_record((tt_bound_histogram *)(void *)bound, 3.5);
    tt_bound_gauge_set((tt_bound_gauge *)(void *)bound, 3);
    tt_bound_counter_add((tt_bound_counter *)(void *)tt_gauge_bind(g, NULL, 0), 3);
    assert_int_equal(misuses() - before, 8);
    check_text(render(), "# TYPE c_total counter\nc_total 1\n# TYPE d_total counter\nd_total 2\n"
                         "# TYPE g gauge\ng 5\n");
}

static void test_names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "1a", "_a", "a b", "a\xc3\xa9", NULL};
    for (int i = 0; bad[i]; i++)
        assert_null(tt_counter_new(meter, bad[i], NULL));
    assert_null(tt_counter_new(meter, NULL, NULL));
    char longest[257];
    memset(longest, 'a', 256);
    longest[256] = '\0';
    assert_null(tt_counter_new(meter, longest, NULL));
    longest[255] = '\0';
    assert_non_null(tt_counter_new(meter, longest, NULL));
    assert_non_null(tt_counter_new(meter, "A.b_c-d/e9", NULL));
}

static void test_same_instrument_twice_is_one(void **state)
{
    (void)state;
    tt_counter *a = tt_counter_new(meter, "c", NULL);
    assert_ptr_equal(a, tt_counter_new(meter, "c", NULL));
    assert_ptr_equal(a, tt_counter_new(meter, "C", NULL));
    assert_ptr_equal(meter, tt_meter_get(provider, "test", NULL));
    assert_ptr_not_equal(meter, tt_meter_get(provider, "test", "2"));
}

static void test_same_name_with_another_kind_is_a_conflict(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    tt_counter_add(tt_counter_new(meter, "c_total", NULL), 1, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "c_total", NULL), 9, NULL, 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 1);
}

static void test_names_that_become_the_same_are_told_once(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    tt_gauge_set(tt_gauge_new(meter, "c_total", NULL), 9, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "d", NULL), 2, NULL, 0);
    check_text(render(), "# TYPE c_total gauge\nc_total 9\n# TYPE d gauge\nd 2\n");
    check_text(render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UNDERSCORE),
               "# TYPE c counter\nc 1\n# TYPE c_total gauge\nc_total 9\n# TYPE d gauge\nd 2\n");
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 1);
}

static void test_no_instrument_is_called_like_the_resources_metric(void **state)
{
    (void)state;
    tt_gauge_set(tt_gauge_new(meter, "target.info", NULL), 9, NULL, 0);
    check_text(render(), "# TYPE target_info gauge\ntarget_info 9\n"); // which is left out here
    tt_prometheus_options o = {.size = sizeof o};
    char *text;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    assert_null(strstr(text, "target_info{otel_scope_name"));
    assert_ptr_equal(strstr(text, "# TYPE target_info"), strchr(text, '\n') + 1);
    free(text);
}

/* --- the text --- */

static void test_names_get_units_and_suffixes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *unit, *expected;
    } cases[] = {
        {"http.server.duration", "ms", "http_server_duration_milliseconds 1\n"},
        {"sent", "By/s", "sent_bytes_per_second 1\n"},
        {"load", "1", "load_ratio 1\n"},
        {"queue", "{task}", "queue 1\n"},
        {"a_seconds", "s", "a_seconds 1\n"},
        {"odd", "foo bar", "odd_foo_bar 1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tt_instrument_options o = {.size = sizeof o, .unit = cases[i].unit};
        tt_gauge_set(tt_gauge_new(meter, cases[i].name, &o), 1, NULL, 0);
        check_has(cases[i].expected);
    }
}

static void test_utf8_names_are_quoted(void **state)
{
    (void)state;
    tt_attr attr = tt_str("http.method", "GET");
    tt_counter_add(tt_counter_new(meter, "a.b", NULL), 1, &attr, 1);
    check_text(render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UTF8_SUFFIXES),
               "# TYPE \"a.b_total\" counter\n{\"a.b_total\",\"http.method\"=\"GET\"} 1\n");
    check_text(render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UTF8),
               "# TYPE \"a.b\" counter\n{\"a.b\",\"http.method\"=\"GET\"} 1\n");
    check_text(render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UNDERSCORE),
               "# TYPE a_b counter\na_b{http_method=\"GET\"} 1\n");
}

static void test_labels_that_become_one_are_joined(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("a.b", "1"), tt_str("a_b", "2"), tt_str("c", "\"\\\n")};
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, attrs, 3);
    check_has("c_total{a_b=\"1;2\",c=\"\\\"\\\\\\n\"} 1\n");
}

/* Scrapers refuse a page on which a label stands twice. */
static void test_labels_that_are_others_are_left_out(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("", "1"), tt_str("otel.scope.name", "2"), tt_str("le", "3"),
                       tt_str("__name__", "4")};
    tt_attr scope_attrs[] = {tt_str("name", "1"), tt_str("version", "2"), tt_str("team", "3")};
    tt_scope scope = {.name = "s", .attrs = scope_attrs, .attrs_n = 3};
    tt_meter *m = tt_meter_get_scope(provider, &scope);
    const double bounds[] = {1};
    tt_instrument_options b = {.size = sizeof b, .bounds = bounds, .bounds_n = 1};
    tt_gauge_set(tt_gauge_new(m, "g", NULL), 1, attrs, 4);
    tt_histogram_record(tt_histogram_new(m, "h", &b), 2, attrs, 3);
    check_text(render_as(TT_PROMETHEUS_TEXT, TT_NAMES_UTF8),
               "# TYPE g gauge\ng{le=\"3\",\"otel.scope.name\"=\"2\"} 1\n"
               "# TYPE h histogram\nh_bucket{\"otel.scope.name\"=\"2\",le=\"1\"} 0\n"
               "h_bucket{\"otel.scope.name\"=\"2\",le=\"+Inf\"} 1\n"
               "h_sum{\"otel.scope.name\"=\"2\"} 2\nh_count{\"otel.scope.name\"=\"2\"} 1\n");
    tt_prometheus_options o = {.size = sizeof o, .without_target = true};
    char *text;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    check_text(text, "# TYPE g gauge\n"
                     "g{otel_scope_name=\"s\",otel_scope_team=\"3\",_name_=\"4\",le=\"3\"} 1\n"
                     "# TYPE h histogram\n"
                     "h_bucket{otel_scope_name=\"s\",otel_scope_team=\"3\",le=\"1\"} 0\n"
                     "h_bucket{otel_scope_name=\"s\",otel_scope_team=\"3\",le=\"+Inf\"} 1\n"
                     "h_sum{otel_scope_name=\"s\",otel_scope_team=\"3\"} 2\n"
                     "h_count{otel_scope_name=\"s\",otel_scope_team=\"3\"} 1\n");
}

static void test_openmetrics_ends_with_eof_and_tells_units(void **state)
{
    (void)state;
    const double bounds[] = {1};
    tt_instrument_options o = {.size = sizeof o, .unit = "s", .bounds = bounds, .bounds_n = 1};
    tt_histogram_record(tt_histogram_new(meter, "h", &o), 0.5, NULL, 0);
    char *text = render_as(TT_PROMETHEUS_OPENMETRICS, TT_NAMES_UNDERSCORE_SUFFIXES);
    const char *expected = "# TYPE h_seconds histogram\n"
                           "# UNIT h_seconds seconds\n"
                           "h_seconds_bucket{le=\"1.0\"} 1\n"
                           "h_seconds_bucket{le=\"+Inf\"} 1\n"
                           "h_seconds_sum 0.5\n"
                           "h_seconds_count 1\n"
                           "h_seconds_created ";
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
}

static void test_scope_and_target_are_told(void **state)
{
    (void)state;
    tt_attr resource_attr = tt_str("service.name", "shop"), scope_attr = tt_str("team", "a");
    tt_resource *r = tt_resource_new(&resource_attr, 1, NULL);
    tt_meter_provider_options o = {.size = sizeof o, .resource = r};
    tt_meter_provider *p = tt_meter_provider_new(&o);
    tt_resource_free(r);
    tt_scope scope = {.name = "lib", .version = "1", .attrs = &scope_attr, .attrs_n = 1};
    tt_attr attr = tt_str("a", "b");
    tt_counter_add(tt_counter_new(tt_meter_get_scope(p, &scope), "c", NULL), 1, &attr, 1);
    char *text;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(p, NULL, 1 << 20, &text, &n), TT_OK);
    check_text(text, "# HELP target_info Target metadata\n# TYPE target_info gauge\n"
                     "target_info{service_name=\"shop\"} 1\n# TYPE c_total counter\n"
                     "c_total{otel_scope_name=\"lib\",otel_scope_version=\"1\","
                     "otel_scope_team=\"a\",a=\"b\"} 1\n");
    tt_meter_provider_free(p);
}

static void test_rendering_into_a_small_buffer_says_how_much_it_takes(void **state)
{
    (void)state;
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    char out[512];
    size_t full = 0, n = 0;
    assert_int_equal(tt_prometheus_render(provider, NULL, out, sizeof out, &full), TT_OK);
    assert_int_equal(tt_prometheus_render(provider, NULL, out, 10, &n), TT_ERR_SPACE);
    assert_int_equal(n, full);
    assert_int_equal(tt_prometheus_render(provider, NULL, NULL, 0, &n), TT_ERR_SPACE);
    assert_int_equal(n, full);
    assert_int_equal(tt_prometheus_render(provider, NULL, out, full, &n), TT_OK);
}

/* --- processes --- */

static void test_child_after_fork_starts_at_zero(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 5, NULL, 0);
    tt_counter_add(c, 100, NULL, 0);
    pid_t child = fork();
    if (child == 0) {
        tt_counter_add(c, 1, NULL, 0);
        char *text = render();
        _exit(strcmp(text, "# TYPE c_total counter\nc_total 1\n") == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_has("c_total 100\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counter_sums_by_attributes, begin, end),
        cmocka_unit_test_setup_teardown(test_order_of_attributes_does_not_matter, begin, end),
        cmocka_unit_test_setup_teardown(test_the_later_of_two_equal_keys_holds, begin, end),
        cmocka_unit_test_setup_teardown(test_text_changed_in_place_is_another_set, begin, end),
        cmocka_unit_test_setup_teardown(test_sets_of_any_size_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(test_values_of_different_types_are_different_sets, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_bound_handle_is_exported_from_zero, begin, end),
        cmocka_unit_test_setup_teardown(test_counter_refuses_negative_increments, begin, end),
        cmocka_unit_test_setup_teardown(test_updowncounter_goes_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(test_gauge_keeps_the_last_value_and_is_absent_before, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_histogram_counts_in_its_buckets, begin, end),
        cmocka_unit_test_setup_teardown(test_histogram_of_many_buckets_finds_each, begin, end),
        cmocka_unit_test_setup_teardown(test_histogram_refuses_what_is_not_finite, begin, end),
        cmocka_unit_test_setup_teardown(test_bounds_that_do_not_increase_give_the_default_ones,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_callback_observes_several_instruments, begin, end),
        cmocka_unit_test_setup_teardown(test_sets_beyond_the_limit_are_counted_together, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_many_sets_keep_their_values, begin, end),
        cmocka_unit_test_setup_teardown(test_null_handles_do_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_instrument_of_another_kind_takes_no_value_and_is_told,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_names_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(test_same_instrument_twice_is_one, begin, end),
        cmocka_unit_test_setup_teardown(test_same_name_with_another_kind_is_a_conflict, begin, end),
        cmocka_unit_test_setup_teardown(test_names_that_become_the_same_are_told_once, begin, end),
        cmocka_unit_test_setup_teardown(test_no_instrument_is_called_like_the_resources_metric,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_labels_that_are_others_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(test_names_get_units_and_suffixes, begin, end),
        cmocka_unit_test_setup_teardown(test_utf8_names_are_quoted, begin, end),
        cmocka_unit_test_setup_teardown(test_labels_that_become_one_are_joined, begin, end),
        cmocka_unit_test_setup_teardown(test_openmetrics_ends_with_eof_and_tells_units, begin, end),
        cmocka_unit_test_setup_teardown(test_scope_and_target_are_told, begin, end),
        cmocka_unit_test_setup_teardown(test_rendering_into_a_small_buffer_says_how_much_it_takes,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_child_after_fork_starts_at_zero, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
