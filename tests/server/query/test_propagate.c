/* Matchers of one side of an operator narrow what is read of the other, and the answer stays. */
#include <stdlib.h>

#include "base/time.h"
#include "query/query.h"
#include "store/store.h"
#include "support/check.h"
#include "support/loaded_store.h"

static struct store *store;
static struct query_engine *engine;

/* Of each metric four series. */
static const char data[] = "load 1m\n"
                           "  a{job=\"x\", i=\"1\"} 1x10\n"
                           "  a{job=\"x\", i=\"2\"} 2x10\n"
                           "  a{job=\"y\", i=\"1\"} 3x10\n"
                           "  a{job=\"y\", i=\"2\"} 4x10\n"
                           "  b{job=\"x\", i=\"1\"} 1x10\n"
                           "  b{job=\"x\", i=\"2\"} 2x10\n"
                           "  b{job=\"y\", i=\"1\"} 3x10\n"
                           "  b{job=\"y\", i=\"2\"} 4x10\n"
                           "\n";

static int set_up(void **state)
{
    (void)state;
    struct query_options options = {.features = QUERY_ALL_FEATURES};
    store = loaded_store(str_c(data));
    return query_engine_new(store, &options, &engine, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    query_engine_free(engine);
    return store_close(store, NULL);
}

static void check_reads(const char *expr, uint64_t selected, size_t answers)
{
    struct query_request q = {
        .expr = str_c(expr), .instant = true, .start_ms = 300000, .per_step = true};
    struct query_result r;
    struct err err = {0};
    if (query_run(engine, &q, &r, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
    if (r.stats.series_selected != selected || r.n_series != answers)
        fail_msg("%s: %llu series selected, %zu in the answer", expr,
                 (unsigned long long)r.stats.series_selected, r.n_series);
    query_result_done(&r);
}

static void test_matchers_narrow_the_other_side(void **state)
{
    (void)state;
    check_reads("a{job=\"x\"} / b", 4, 2);
    check_reads("a / b{job=\"x\"}", 4, 2);
    check_reads("a{job=\"x\"} / b{i=\"1\"}", 2, 1);
    check_reads("a{job!=\"x\"} > b{i=~\"1|3\"}", 2, 0);
    check_reads("rate(a{job=\"x\"}[5m]) * 2 + -abs(b)", 4, 2);
    check_reads("a{job=\"x\"} and b", 4, 2);
    check_reads("a and on (i) b{i=\"1\"}", 4, 2);
    check_reads("a{job=\"x\"} unless b", 4, 0);
    check_reads("a{job=\"x\"} / ignoring (i) group_left () sum by (job) (b)", 6, 2);
    check_reads("a{job=\"x\"} / on (job) group_left () sum by (job) (b)", 4, 2);
    check_reads("sum by (job) (a) * on (job) group_right () b{job=\"y\"}", 4, 2);
    check_reads("max_over_time((a + b)[5m:1m]) - a{job=\"x\", i=\"2\"}", 3, 1);
    check_reads("(a and b) or (a{job=\"x\"} and b)", 12, 4);
    check_reads("topk by (job) (1, a) and b{job=\"x\"}", 4, 1);
    check_reads("a / on (job, i) b{job=\"x\"}", 4, 2);
}

static void test_matchers_stay_where_rows_without_a_match_count(void **state)
{
    (void)state;
    check_reads("a{job=\"x\"} or b", 6, 4);
    check_reads("a unless b{job=\"x\"}", 6, 2);
    check_reads("a{job=\"x\"} + fill (0) b", 6, 4);
    check_reads("a{job=\"x\"} and on (i) b", 6, 2);
    check_reads("a{job=\"x\"} / ignoring (job) b{job=\"y\"}", 4, 2);
    check_reads("topk(1, a) and b{job=\"x\"}", 6, 0);
    check_reads("a{i=\"2\"} and label_replace(b{i=\"1\"}, \"i\", \"2\", \"i\", \"1\")", 4, 2);
    check_reads("label_replace(a{i=\"1\"}, \"i\", \"2\", \"i\", \"1\") and b{i=\"2\"}", 4, 2);
    check_reads("count_values by (i) (\"job\", a) or b{job=\"none\"}", 4, 4);
    check_reads("sum by (i) (a) and on (i) b{job=\"x\"}", 6, 2);
    check_reads("absent(a{job=\"z\"}) and a", 4, 0);
    check_reads("(a{job=\"y\"} * on (i) group_left (job) (b{job=\"x\"} * 1)) and b{job=\"x\"}", 6,
                2);
}

/* Two series of one group are an error, matched or not. */
static void test_the_side_that_must_be_unique_is_read_whole(void **state)
{
    (void)state;
    static const char *const exprs[] = {
        "sum by (i) (a{i=\"1\"}) / on (i) b", "a{i=\"1\"} / on (i) group_left () b",
        /* Nothing of the many side is left where it is narrowed. */
        "a{i!=\"1\"} / on (i) group_left () b{i=\"1\"}", "a{i!=\"1\"} > on (i) (b{i=\"1\"} * 1)",
        "(a{job=\"x\"} * on (i) group_left () b{i=\"1\"}) / on (i) sum by (i) (a{i=\"2\"})"};
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
        struct query_request q = {.expr = str_c(exprs[i]), .instant = true, .start_ms = 300000};
        struct query_result r;
        struct err err = {0};
        if (query_run(engine, &q, &r, &err) != ERR_UNSUPPORTED ||
            !strstr(err.message, "found duplicate series for the match group"))
            fail_msg("%s: %s", exprs[i], err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matchers_narrow_the_other_side),
        cmocka_unit_test(test_matchers_stay_where_rows_without_a_match_count),
        cmocka_unit_test(test_the_side_that_must_be_unique_is_read_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
