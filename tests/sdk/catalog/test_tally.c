/* Computed gauges, looked at through a meter of their own, with clocks of the test's. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/tally.h"
#include "support/check.h"
#include "telltale/prometheus_text.h"

#define SECOND INT64_C(1000000000)

static tt_meter_provider *meters;
static struct tally *tally;
static int64_t now_mono_ns;
static int64_t callback;
static tt_meter *meter;

static void observe(tt_observation *observation, void *arg)
{
    (void)arg;
    tally_observe(tally, observation, now_mono_ns);
}

static void start(enum metric_kind kind)
{
    meters = tt_meter_provider_new(NULL);
    meter = tt_meter_get(meters, "t", NULL);
    tally = tally_new(kind,
                      tt_observable_new_double(meter, TT_OBSERVABLE_GAUGE, "t", NULL, NULL, NULL));
    callback = tt_meter_register_callback(meter, observe, NULL);
    now_mono_ns = 100000 * SECOND;
    assert_non_null(tally);
}

static int end(void **state)
{
    (void)state;
    tt_meter_unregister_callback(meter, callback);
    tally_free(tally);
    tt_meter_provider_free(meters);
    return 0;
}

static void check_shown(const char *expected)
{
    char text[4096];
    size_t n;
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    assert_int_equal(tt_prometheus_render(meters, &o, text, sizeof text - 1, &n), TT_OK);
    text[n] = '\0';
    const char *values = strchr(text, '\n');
    assert_string_equal(values ? values + 1 : text, expected);
}

static struct attrs labels_of(const char *value)
{
    struct attrs a = {.n = 0};
    put_string(&a, KEY("k"), value);
    return a;
}

static void add(const char *value, bool good)
{
    struct attrs a = labels_of(value);
    tally_add_at(tally, &a, good, now_mono_ns);
}

static void test_nothing_is_shown_before_the_first_event(void **state)
{
    (void)state;
    start(METRIC_RATIO);
    check_shown("");
}

static void test_shares_are_kept_by_label(void **state)
{
    (void)state;
    start(METRIC_RATIO);
    for (int i = 0; i < 4; i++)
        add("a", i > 0);
    add("b", false);
    check_shown("t{k=\"a\"} 0.75\nt{k=\"b\"} 0\n");
}

static void test_percentages_end_at_a_hundred(void **state)
{
    (void)state;
    start(METRIC_PERCENT);
    add(NULL, true);
    check_shown("t 100\n");
}

static void test_events_per_second_are_of_the_last_minute(void **state)
{
    (void)state;
    start(METRIC_PER_SECOND);
    for (int i = 0; i < 30; i++)
        add("a", true);
    check_shown("t{k=\"a\"} 0.5\n");
    now_mono_ns += 30 * SECOND;
    for (int i = 0; i < 60; i++)
        add("a", true);
    check_shown("t{k=\"a\"} 1.5\n");
    now_mono_ns += 45 * SECOND;
    check_shown("t{k=\"a\"} 1\n");
    now_mono_ns += 60 * SECOND;
    check_shown("t{k=\"a\"} 0\n");
    add("a", true);
    now_mono_ns += 3600 * SECOND;
    add("a", true);
    for (int i = 0; i < 5; i++)
        add("a", true);
    check_shown("t{k=\"a\"} 0.1\n");
}

static void test_labels_are_bounded(void **state)
{
    (void)state;
    start(METRIC_RATIO);
    uint64_t before = tt_problem_count(TT_PROBLEM_LIMIT);
    char value[16];
    for (int i = 0; i < TALLY_ENTRIES + 10; i++) {
        (void)snprintf(value, sizeof value, "v%d", i);
        add(value, true);
    }
    assert_int_equal(tt_problem_count(TT_PROBLEM_LIMIT) - before, 10);
    add("v7", false); // those that are there go on
    assert_int_equal(tt_problem_count(TT_PROBLEM_LIMIT) - before, 10);
}

enum { THREADS = 4, ADDS = 20000, VALUES = 50 };

static void *add_many(void *arg)
{
    (void)arg;
    char value[16];
    for (int i = 0; i < ADDS; i++) {
        (void)snprintf(value, sizeof value, "v%d", i % VALUES);
        add(value, i % 2 == 0);
    }
    return NULL;
}

static void test_threads_count_together(void **state)
{
    (void)state;
    start(METRIC_PER_SECOND);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < 20; i++) { // collecting meanwhile
        char *seen = NULL;
        size_t seen_n;
        assert_int_equal(tt_prometheus_render_new(meters, NULL, 1 << 20, &seen, &seen_n), TT_OK);
        free(seen);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *text = NULL;
    size_t n;
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    assert_int_equal(tt_prometheus_render_new(meters, &o, 1 << 20, &text, &n), TT_OK);
    text = realloc(text, n + 1);
    assert_non_null(text);
    text[n] = '\0';
    double v0 = strtod(strstr(text, "t{k=\"v0\"} ") + 10, NULL);
    assert_true(fabs(v0 - (double)THREADS * ADDS / VALUES / TALLY_WINDOW_S) < 1e-9);
    size_t lines = 0;
    for (const char *p = text; (p = strstr(p, "t{k=")); p++)
        lines++;
    assert_int_equal(lines, VALUES);
    free(text);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_shown_before_the_first_event),
        TEST(test_shares_are_kept_by_label),
        TEST(test_percentages_end_at_a_hundred),
        TEST(test_events_per_second_are_of_the_last_minute),
        TEST(test_labels_are_bounded),
        TEST(test_threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
