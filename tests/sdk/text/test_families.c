/* Names and labels that are another's in what Prometheus reads: of those that clash the first
 * stays, and no series stands twice on a page of any format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "support/check.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

static tt_meter_provider *provider;
static tt_meter *meter;

static int begin(void **state)
{
    (void)state;
    provider = tt_meter_provider_new(NULL);
    meter = tt_meter_get(provider, "test", NULL);
    return meter ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_meter_provider_free(provider);
    return 0;
}

static char *render_as(tt_prometheus_options o)
{
    char *text = NULL;
    size_t n = 0;
    o.size = sizeof o;
    o.without_scope = true;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 24, &text, &n), TT_OK);
    return text;
}

static char *render(enum tt_prometheus_format format)
{
    return render_as((tt_prometheus_options){.format = format, .without_target = true});
}

static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at++) {
        if ((at == text || at[-1] == '\n') && at[n] == '\n')
            return true;
    }
    return false;
}

static int compare_samples(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* No sample has name and labels of another. */
static void assert_no_doubles(const char *text)
{
    static struct str samples[4096];
    size_t n = 0;
    for (struct str rest = str_c(text); rest.n && n < 4096;) {
        struct str line = str_cut(&rest, '\n');
        while (line.n && line.p[line.n - 1] != ' ')
            line.n--;
        if (line.p[0] != '#')
            samples[n++] = line;
    }
    qsort(samples, n, sizeof *samples, compare_samples);
    for (size_t i = 1; i < n; i++)
        assert_false(str_eq(samples[i - 1], samples[i]));
}

static void check(enum tt_prometheus_format format, const char *there, const char *gone)
{
    char *text = render(format);
    if (!has_line(text, there))
        fail_msg("no line \"%s\" in:\n%s", there, text);
    if (strstr(text, gone))
        fail_msg("\"%s\" is in:\n%s", gone, text);
    assert_no_doubles(text);
    free(text);
}

static void gauge(const char *name)
{
    tt_gauge_set(tt_gauge_new(meter, name, NULL), 7, NULL, 0);
}

static void histogram(const char *name)
{
    tt_histogram_record(tt_histogram_new(meter, name, NULL), 7, NULL, 0);
}

/* --- families -------------------------------------------------------------------------------- */

static void test_gauge_that_is_called_like_a_sample_of_a_histogram_is_left_out(void **state)
{
    (void)state;
    static const char *const names[] = {"a.count", "a_sum", "a_bucket"};
    histogram("a");
    for (size_t i = 0; i < 3; i++)
        gauge(names[i]);
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    check(TT_PROMETHEUS_TEXT, "a_count 1", "_count gauge");
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 3);
    check(TT_PROMETHEUS_TEXT, "a_sum 7", "_sum gauge");
    check(TT_PROMETHEUS_OPENMETRICS, "a_count 1", "_bucket gauge");
}

static void test_histogram_that_came_later_is_left_out(void **state)
{
    (void)state;
    gauge("a_count");
    histogram("a");
    check(TT_PROMETHEUS_TEXT, "a_count 7", "histogram");
    check(TT_PROMETHEUS_OPENMETRICS, "a_count 7", "histogram");
}

static void test_counter_that_is_called_like_a_sample_is_left_out(void **state)
{
    (void)state;
    histogram("a");
    tt_counter_add(tt_counter_new(meter, "a.sum", NULL), 3, NULL, 0);
    check(TT_PROMETHEUS_TEXT, "a_sum_total 3", "~");            // no sample of the histogram
    check(TT_PROMETHEUS_OPENMETRICS, "a_sum 7", "a_sum_total"); // where its family is a_sum
    char *text = render_as((tt_prometheus_options){.names = TT_NAMES_UNDERSCORE});
    assert_false(has_line(text, "# TYPE a_sum counter"));
    free(text);
}

static void test_openmetrics_has_one_family_of_a_name(void **state)
{
    (void)state;
    gauge("jobs");
    tt_counter_add(tt_counter_new(meter, "jobs", NULL), 3, NULL, 0);
    gauge("runs_created");
    tt_counter_add(tt_counter_new(meter, "runs", NULL), 4, NULL, 0);
    check(TT_PROMETHEUS_TEXT, "jobs_total 3", "~");
    check(TT_PROMETHEUS_TEXT, "runs_total 4", "~");
    check(TT_PROMETHEUS_OPENMETRICS, "jobs 7", "jobs counter");
    check(TT_PROMETHEUS_OPENMETRICS, "runs_created 7", "runs counter");
}

static void test_what_has_no_value_is_in_nobodys_way(void **state)
{
    (void)state;
    tt_gauge *never = tt_gauge_new(meter, "a_count", NULL);
    histogram("a");
    check(TT_PROMETHEUS_TEXT, "a_count 1", "gauge");
    tt_gauge_set(never, 5, NULL, 0);
    check(TT_PROMETHEUS_TEXT, "a_count 5", "histogram"); // it is the older one
}

static void test_what_is_left_out_leaves_no_other_out(void **state)
{
    (void)state;
    gauge("a");       // stays
    histogram("a");   // another type of its name
    gauge("a_count"); // stays therefore
    histogram("b");   // stays
    gauge("b_sum");   // left out
    check(TT_PROMETHEUS_TEXT, "a_count 7", "a histogram");
    check(TT_PROMETHEUS_TEXT, "b_sum 7", "b_sum gauge");
}

static void test_families_that_only_look_alike_stay(void **state)
{
    (void)state;
    histogram("a");
    gauge("a_counts");
    gauge("b_count");
    gauge("a_max");
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    check(TT_PROMETHEUS_TEXT, "a_counts 7", "~");
    check(TT_PROMETHEUS_OPENMETRICS, "b_count 7", "~");
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT), before);
}

static void test_resources_metric_is_nobody_elses_in_openmetrics(void **state)
{
    (void)state;
    gauge("target");
    char *text = render_as((tt_prometheus_options){.format = TT_PROMETHEUS_OPENMETRICS});
    assert_null(strstr(text, "# TYPE target gauge"));
    free(text);
    text = render_as((tt_prometheus_options){.format = TT_PROMETHEUS_TEXT});
    assert_true(has_line(text, "target 7"));
    free(text);
}

static void test_families_of_protobuf_are_the_same(void **state)
{
    (void)state;
    histogram("a");
    gauge("a_count");
    tt_prometheus_options o = {
        .size = sizeof o, .format = TT_PROMETHEUS_PROTOBUF, .without_target = true};
    char *bytes = NULL;
    size_t n = 0, with;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &bytes, &with), TT_OK);
    for (size_t i = 0; i + 7 <= with; i++)
        n += memcmp(bytes + i, "a_count", 7) == 0;
    assert_int_equal(n, 0);
    free(bytes);
}

/* --- series ---------------------------------------------------------------------------------- */

static void test_sets_that_become_the_same_labels_are_one_series(void **state)
{
    (void)state;
    tt_value list[] = {tt_value_int(1)};
    tt_attr sets[][2] = {
        {tt_str("a.b", "1"), tt_str("c", "x")},
        {tt_str("a_b", "1"), tt_str("c", "x")},
        {tt_int("a.b", 1), tt_str("c", "x")},
        {tt_str("a-b", "1"), tt_str("c", "x")},
        {tt_str("z", ""), tt_str("d", "")},
        {tt_str("d", ""), tt_str("e", "")},
        {tt_bool("f", true), tt_int("g", 1)},
        {tt_str("f", "true"), tt_str("g", "1")},
        {tt_str("h", "[1]"), tt_int("g", 1)},
        {tt_attr_of("h", tt_value_array(list, 1)), tt_int("g", 1)},
    };
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        tt_gauge_set(g, (int64_t)i, sets[i], 2);
    uint64_t before = tt_problem_count(TT_PROBLEM_CONFLICT);
    for (int round = 0; round < 3; round++) {
        check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\",c=\"x\"} 0", "} 1\n");
        check(TT_PROMETHEUS_TEXT, "g 4", "g 5");
        check(TT_PROMETHEUS_TEXT, "g{f=\"true\",g=\"1\"} 6", "} 7\n");
        check(TT_PROMETHEUS_TEXT, "g{g=\"1\",h=\"[1]\"} 8", "} 9\n");
    }
    assert_int_equal(tt_problem_count(TT_PROBLEM_CONFLICT) - before, 6); // once each
    check(TT_PROMETHEUS_OPENMETRICS, "g 4", "} 3\n");
}

static void test_values_of_names_that_become_the_same_are_joined_in_their_order(void **state)
{
    (void)state;
    tt_attr one[] = {tt_str("a_b", "3"), tt_str("a.b", "2"), tt_str("a-b", "1"), tt_str("B", "x")};
    tt_attr other[] = {tt_str("a.b", "1;2;3"), tt_str("B", "x")}; // already so
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_gauge_set(g, 1, one, 4);
    tt_gauge_set(g, 2, other, 2);
    check(TT_PROMETHEUS_TEXT, "g{B=\"x\",a_b=\"1;2;3\"} 1", "} 2\n");
}

static void test_labels_are_in_the_order_of_their_names(void **state)
{
    (void)state;
    tt_attr one[] = {tt_str("a.z", "1"), tt_str("a_b", "2")};
    tt_attr other[] = {tt_str("a_z", "1"), tt_str("a_b", "2")};
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_gauge_set(g, 1, one, 2);
    tt_gauge_set(g, 2, other, 2);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"2\",a_z=\"1\"} 1", "} 2\n");
}

static void test_labels_that_are_left_out_make_no_doubles(void **state)
{
    (void)state;
    tt_attr le[] = {tt_str("le", "1")}, name[] = {tt_str("__name__", "x")};
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_histogram_record(h, 1, NULL, 0);
    tt_histogram_record(h, 2, le, 1);
    tt_histogram_record(h, 3, name, 1);
    check(TT_PROMETHEUS_TEXT, "h_sum 1", "h_sum 2");
    check(TT_PROMETHEUS_OPENMETRICS, "h_count 1", "h_sum 3");
}

static void test_series_of_several_instruments_are_compared(void **state)
{
    (void)state;
    tt_attr dot[] = {tt_str("a.b", "1")}, bar[] = {tt_str("a_b", "1")};
    tt_meter *other = tt_meter_get(provider, "other", NULL);
    tt_gauge_set(tt_gauge_new(meter, "g", NULL), 1, dot, 1);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\"} 1", "~");
    tt_gauge_set(tt_gauge_new(other, "g", NULL), 2, bar, 1);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\"} 1", "} 2\n");
}

static void test_series_is_shown_once_the_one_before_it_is_removed(void **state)
{
    (void)state;
    tt_attr dot[] = {tt_str("a.b", "1")}, bar[] = {tt_str("a_b", "1")};
    tt_gauge *g = tt_gauge_new(meter, "g", NULL);
    tt_gauge_set(g, 1, dot, 1);
    tt_gauge_set(g, 2, bar, 1);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\"} 1", "} 2\n");
    tt_gauge_remove(g, dot, 1);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\"} 2", "} 1\n");
    tt_gauge_set(g, 3, dot, 1);
    check(TT_PROMETHEUS_TEXT, "g{a_b=\"1\"} 2", "} 3\n");
}

static const tt_attr *observed;

static void observe(tt_observation *o, void *arg)
{
    tt_observe_int(o, arg, observed ? 1 : 5, observed, observed != NULL);
    if (!observed) {
        tt_attr dot = tt_str("a.b", "1"), bar = tt_str("a_b", "1");
        tt_observe_int(o, arg, 1, &dot, 1);
        tt_observe_int(o, arg, 2, &bar, 1);
    }
}

static void test_what_is_observed_by_turns_is_never_there_twice(void **state)
{
    (void)state;
    tt_attr dot = tt_str("a.b", "1"), bar = tt_str("a_b", "1");
    tt_observable *g = tt_observable_new(meter, TT_OBSERVABLE_GAUGE, "o", NULL, NULL, NULL);
    assert_true(tt_meter_register_callback(meter, observe, g) > 0);
    observed = &dot;
    check(TT_PROMETHEUS_TEXT, "o{a_b=\"1\"} 1", "~");
    observed = &bar;
    check(TT_PROMETHEUS_TEXT, "o{a_b=\"1\"} 1", "~");
    observed = NULL;
    check(TT_PROMETHEUS_TEXT, "o 5", "~");
    check(TT_PROMETHEUS_TEXT, "o{a_b=\"1\"} 2", "} 1\n"); // it stays the one that is shown
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gauge_that_is_called_like_a_sample_of_a_histogram_is_left_out),
        TEST(test_histogram_that_came_later_is_left_out),
        TEST(test_counter_that_is_called_like_a_sample_is_left_out),
        TEST(test_openmetrics_has_one_family_of_a_name),
        TEST(test_what_has_no_value_is_in_nobodys_way),
        TEST(test_what_is_left_out_leaves_no_other_out),
        TEST(test_families_that_only_look_alike_stay),
        TEST(test_resources_metric_is_nobody_elses_in_openmetrics),
        TEST(test_families_of_protobuf_are_the_same),
        TEST(test_sets_that_become_the_same_labels_are_one_series),
        TEST(test_values_of_names_that_become_the_same_are_joined_in_their_order),
        TEST(test_labels_are_in_the_order_of_their_names),
        TEST(test_labels_that_are_left_out_make_no_doubles),
        TEST(test_series_of_several_instruments_are_compared),
        TEST(test_series_is_shown_once_the_one_before_it_is_removed),
        TEST(test_what_is_observed_by_turns_is_never_there_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
