/* Samples by step, as Prometheus tells them with promql-per-step-stats. */

#include "query/query.h"
#include "store/store.h"
#include "support/check.h"
#include "support/loaded_store.h"

static struct store *store;
static struct query_engine *engine;

static const char data[] = "load 10s\n"
                           "  one 1+1x100\n"
                           "  three{a=\"1\"} 1+1x100\n"
                           "  three{a=\"2\"} 1+1x100\n"
                           "  three{a=\"3\"} 1+1x100\n"
                           "  late _x21 1+1x10\n"
                           "  sized {{schema:0 sum:1 count:4 buckets:[1 2 1]}}x100\n"
                           "\n";

static int set_up(void **state)
{
    (void)state;
    struct query_options query = {.threads = 4, .parallel_from = 1};
    store = loaded_store(str_c(data));
    assert_int_equal(query_engine_new(store, &query, &engine, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    query_engine_free(engine);
    return store_close(store, NULL);
}

static void check_counts(struct query_request q, const uint64_t *expected, size_t n)
{
    struct query_result r;
    struct err err;
    uint64_t sum = 0;
    q.per_step = true;
    if (query_run(engine, &q, &r, &err) != 0)
        fail_msg("%.*s: %s", STR_ARG(q.expr), err.message);
    assert_int_equal(r.stats.n_steps, n);
    for (size_t i = 0; i < n; i++) {
        if (r.stats.per_step[i] != expected[i])
            fail_msg("%.*s, step %zu: %llu", STR_ARG(q.expr), i,
                     (unsigned long long)r.stats.per_step[i]);
        sum += expected[i];
    }
    assert_int_equal(r.stats.samples_read, sum);
    query_result_done(&r);
}

/* At 201, 206, 211 and 216 seconds. */
static void check_range(const char *expr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct query_request q = {
        .expr = str_c(expr), .start_ms = 201000, .end_ms = 220000, .step_ms = 5000};
    check_counts(q, (const uint64_t[]){a, b, c, d}, 4);
}

static void check_instant(const char *expr, uint64_t expected)
{
    struct query_request q = {.expr = str_c(expr), .instant = true, .start_ms = 201000};
    check_counts(q, &expected, 1);
}

static void test_a_selector_counts_the_values_it_finds(void **state)
{
    (void)state;
    check_range("one", 1, 1, 1, 1);
    check_range("sum(three) + scalar(one)", 4, 4, 4, 4);
    check_range("late", 0, 0, 1, 1);
    check_range("one offset 1h", 0, 0, 0, 0);
    check_range("vector(1)", 0, 0, 0, 0);
    check_instant("three", 3);
}

static void test_a_range_counts_all_of_its_window(void **state)
{
    (void)state;
    check_range("rate(one[60s])", 6, 6, 6, 6);
    check_range("sum(sum_over_time(three[30s]))", 9, 9, 9, 9);
    check_range("max_over_time(late[60s])", 0, 0, 1, 1);
    check_instant("one[60s]", 6);
}

static void test_what_is_the_same_at_every_step_counts_at_each(void **state)
{
    (void)state;
    check_range("sum(max_over_time(three[60s] @ 30))", 12, 12, 12, 12);
    check_range("one + on() one @ 30", 2, 2, 2, 2);
    check_range("vector(scalar(one @ 30))", 1, 1, 1, 1);
}

static void test_a_subquery_counts_its_own_samples(void **state)
{
    (void)state;
    check_range("max_over_time(rate(one[60s])[20s:5s])", 4, 4, 4, 4);
    check_range("max_over_time(rate(one[60s])[20s:5s] @ 200)", 4, 4, 4, 4);
    check_range("sum(max_over_time(sum_over_time(three[60s])[20s:10s])) + one", 7, 7, 7, 7);
}

static void test_a_subquery_that_is_the_answer_counts_what_it_selects(void **state)
{
    (void)state;
    check_instant("max_over_time(one[60s])[20s:5s]", 24);
    check_instant("max_over_time(max_over_time(one[60s])[20s:5s])[20s:10s]", 8);
}

/* 176 bytes, and eight for a span and each of three buckets: 208, in samples of 16. */
static void test_a_histogram_counts_by_its_size(void **state)
{
    (void)state;
    check_range("sized", 13, 13, 13, 13);
    check_range("rate(sized[60s])", 78, 78, 78, 78);
    check_instant("sized[60s]", 78);
}

static void test_histograms_held_are_limited_by_their_size(void **state)
{
    (void)state;
    struct query_request q = {.expr = STR("sized"), .instant = true, .start_ms = 201000};
    struct query_result r;
    assert_int_equal(query_run(engine, &q, &r, NULL), 0);
    assert_true(r.stats.peak_samples >= 13);
    query_result_done(&r);
}

static void test_nobody_counts_unless_asked(void **state)
{
    (void)state;
    struct query_request q = {.expr = STR("one"), .instant = true, .start_ms = 201000};
    struct query_result r;
    assert_int_equal(query_run(engine, &q, &r, NULL), 0);
    assert_null(r.stats.per_step);
    query_result_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_selector_counts_the_values_it_finds),
        cmocka_unit_test(test_a_range_counts_all_of_its_window),
        cmocka_unit_test(test_what_is_the_same_at_every_step_counts_at_each),
        cmocka_unit_test(test_a_subquery_counts_its_own_samples),
        cmocka_unit_test(test_a_subquery_that_is_the_answer_counts_what_it_selects),
        cmocka_unit_test(test_a_histogram_counts_by_its_size),
        cmocka_unit_test(test_histograms_held_are_limited_by_their_size),
        cmocka_unit_test(test_nobody_counts_unless_asked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
