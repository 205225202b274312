/* Equal parts of an expression are evaluated once, and nobody can tell by the answer. Where samples
 * are counted by step each part is evaluated for itself: that is what answers are compared with. */
#include <stdlib.h>

#include "base/time.h"
#include "base/word.h"
#include "model/histogram.h"
#include "query/query.h"
#include "store/store.h"
#include "support/check.h"
#include "support/loaded_store.h"

static struct store *store;

static const char data[] = "load 15s\n"
                           "  a{i=\"1\"} 1+1x240\n"
                           "  a{i=\"2\"} 5+2x100 _x40 3+1x100\n"
                           "  a{i=\"3\"} 7-1x240\n"
                           "  b{i=\"1\"} 2+3x240\n"
                           "  b{i=\"2\"} 1x240\n"
                           "  h{i=\"1\"} {{schema:0 sum:1 count:4 buckets:[1 2 1]}}+"
                           "{{schema:0 sum:2 count:2 buckets:[1 0 1]}}x240\n"
                           "  h{i=\"2\"} {{schema:0 sum:1 count:4 buckets:[1 2 1]}}x100 2x140\n"
                           "\n"
                           "load 1s\n"
                           "  dense{i=\"1\"} 1+1x3600\n"
                           "  dense{i=\"2\"} 1+1x3600\n"
                           "\n";

static int set_up(void **state)
{
    (void)state;
    store = loaded_store(str_c(data));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return store_close(store, NULL);
}

static struct query_engine *engine_with(const struct query_options *options)
{
    struct query_engine *e;
    assert_int_equal(query_engine_new(store, options, &e, NULL), 0);
    return e;
}

static struct query_request range_of(const char *expr)
{
    return (struct query_request){
        .expr = str_c(expr), .start_ms = 60000, .end_ms = 3600000, .step_ms = 20000};
}

static struct query_result run(struct query_engine *e, struct query_request q)
{
    struct query_result r;
    struct err err = {0};
    if (query_run(e, &q, &r, &err) != 0)
        fail_msg("%.*s: %s", STR_ARG(q.expr), err.message);
    return r;
}

static bool same_point(const struct query_point *a, const struct query_point *b)
{
    return a->t_unix_ms == b->t_unix_ms && double_bits(a->value) == double_bits(b->value) &&
           !a->histogram == !b->histogram &&
           (!a->histogram || histogram_eq(a->histogram, b->histogram));
}

static bool same_series(const struct query_series *a, const struct query_series *b)
{
    bool same = labels_eq(&a->labels, &b->labels) && a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_point(&a->points[i], &b->points[i]);
    return same;
}

static bool same_texts(const struct str *a, size_t n, const struct str *b, size_t m)
{
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = str_eq(a[i], b[i]);
    return same;
}

static void check_same(struct query_engine *e, struct query_request q)
{
    struct query_result once = run(e, q);
    q.per_step = true;
    struct query_result each = run(e, q);
    bool same = once.n_series == each.n_series &&
                same_texts(once.warnings, once.n_warnings, each.warnings, each.n_warnings) &&
                same_texts(once.infos, once.n_infos, each.infos, each.n_infos);
    for (size_t i = 0; same && i < once.n_series; i++)
        same = same_series(&once.series[i], &each.series[i]);
    if (!same)
        fail_msg("%.*s: differs when equal parts are evaluated once", STR_ARG(q.expr));
    query_result_done(&once);
    query_result_done(&each);
}

static const char *const expressions[] = {
    "a / (a + b)",
    "rate(a[5m]) > 0 and rate(a[5m]) < 1",
    "(a + b) * 2 - ((a+b) * 2) + on (i) (a + b)",
    "a or a",
    "a unless (a > 100)",
    "a - a offset 1m + a",
    "sum(a) / count(a) + sum(a)",
    "max_over_time(a[5m]) - min_over_time(a[5m])",
    "rate(a[10m]) + rate(a[2m]) + a - timestamp(a)",
    "rate(a[2m]) / on (i) delta(a[10m]) + on (i) a offset 5m",
    "avg_over_time(h[10m]) - h",
    "count_over_time(h[10m]) - on (i) count_over_time(h[3m]) - on (i) timestamp(h)",
    "{__name__=~\"a|h\", i=\"3\"} or rate({__name__=~\"a|h\", i=\"3\"}[3m])",
    "max_over_time(rate(a[2m])[10m:30s]) - min_over_time(rate(a[2m])[10m:30s])",
    "max_over_time(a[10m:30s]) - rate(a[10m:1m])",
    "a @ 600 + (a @ 600 > 3) + a",
    "rate(a[1m] @ end()) == 1 or rate(a[1m] @ end()) + on (i) rate(a[1m])",
    "h + h",
    "rate(h[5m]) + rate(h[5m]) and rate(h[5m])",
    "histogram_count(h) + histogram_sum(h) - histogram_count(h)",
    "sum_over_time(h[5m]) - sum_over_time(h[5m])",
    "scalar(sum(a)) + a * scalar(sum(a)) / on () group_left () sum(a)",
    "timestamp(a) - timestamp(a) + a",
    "absent(c) or absent(c) or a",
    "topk(2, a) - topk(2, a) * quantile(0.5, a) / ignoring (i) group_left () quantile(0.5, a)",
    "label_replace(a, \"j\", \"$1\", \"i\", \"(.*)\") == label_replace(a, \"j\", \"$1\", \"i\", \"(.*)\")",
    "{__name__=~\"a|b\"} > 2 or {__name__=~\"a|b\"}",
    "-a + -a - (-(a))",
    "a{i=\"1\", j=\"\"} + a{j=\"\", i=\"1\"} - a{i=\"1\"}",
    "a * on (i) group_left () (b / on (i) b) - a",
};

static void check_all(struct query_engine *e)
{
    for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
        struct query_request q = range_of(expressions[i]);
        check_same(e, q);
        q.instant = true;
        q.start_ms = 1800000;
        check_same(e, q);
    }
}

static void test_equal_parts_evaluated_once_give_the_answer_of_each(void **state)
{
    (void)state;
    static const unsigned features[] = {0, QUERY_ALL_FEATURES};
    for (size_t i = 0; i < 2 * ARRAY_LEN(features); i++) {
        struct query_options options = {.features = features[i / 2], .threads = 4};
        options.parallel_from = i % 2 ? 1 : 0;
        struct query_engine *e = engine_with(&options);
        check_all(e);
        query_engine_free(e);
    }
}

/* Some of these limits are met while rows are kept, some before. */
static void test_what_takes_too_much_room_is_evaluated_again(void **state)
{
    (void)state;
    for (size_t kib = 192; kib <= 4096; kib += kib / 2) {
        struct query_options options = {.max_memory_bytes = kib << 10};
        struct query_engine *e = engine_with(&options);
        struct query_result r = run(e, range_of("a / (a + b)"));
        assert_int_equal(r.n_series, 2);
        query_result_done(&r);
        query_engine_free(e);
    }
    for (uint64_t samples = 2400; samples < 40000; samples += samples / 2) {
        struct query_options options = {.max_samples = samples};
        struct query_engine *e = engine_with(&options);
        check_same(e, range_of("a / (a + b)"));
        check_same(e, range_of("rate(a[5m]) > 0 and rate(a[5m]) < 1"));
        query_engine_free(e);
    }
}

static uint64_t samples_read(const struct query_options *options, const char *expr)
{
    struct query_engine *e = engine_with(options);
    struct query_result r = run(e, range_of(expr));
    uint64_t n = r.stats.samples_read;
    query_result_done(&r);
    query_engine_free(e);
    return n;
}

static void test_samples_of_equal_parts_are_read_once(void **state)
{
    (void)state;
    struct query_options plenty = {0}, little = {.max_samples = 2400};
    uint64_t a = samples_read(&plenty, "a"), b = samples_read(&plenty, "b");
    assert_true(a > 0 && b > 0);
    assert_int_equal(samples_read(&plenty, "a / (a + b)"), a + b);
    assert_int_equal(samples_read(&plenty, "rate(a[5m]) > 0 and rate(a[5m]) < 1"),
                     samples_read(&plenty, "rate(a[5m])"));
    assert_int_equal(samples_read(&plenty, "sum(a) + max(a)"), a);
    assert_int_equal(samples_read(&plenty, "a + a offset 10m"),
                     a + samples_read(&plenty, "a offset 10m"));
    assert_int_equal(samples_read(&little, "a / (a + b)"), 2 * a + b);
}

static void test_series_that_several_functions_read_are_decoded_once(void **state)
{
    (void)state;
    struct query_options plenty = {0}, parallel = {.threads = 4, .parallel_from = 1},
                         little = {.max_memory_bytes = 768 << 10}; // room for one of two series
    uint64_t b = samples_read(&plenty, "rate(b[10m])");
    static const char *const exprs[] = {
        "max_over_time(b[10m]) - min_over_time(b[10m])",
        "rate(b[10m]) + rate(b[2m]) + b - timestamp(b)",
        "rate(b[2m]) / on (i) delta(b[10m])",
    };
    assert_int_equal(samples_read(&plenty, exprs[0]), b);
    assert_int_equal(samples_read(&parallel, exprs[0]), b);
    assert_int_equal(samples_read(&plenty, exprs[1]), b);
    assert_int_equal(samples_read(&plenty, exprs[2]), b + samples_read(&plenty, "rate(b[2m])"));
    const char *both = "sum_over_time(dense[10m]) / count_over_time(dense[10m])";
    uint64_t dense = samples_read(&plenty, "sum_over_time(dense[10m])");
    assert_int_equal(samples_read(&plenty, both), dense);
    assert_int_equal(samples_read(&little, both), dense + dense / 2);
}

static void test_a_trace_tells_which_parts_were_not_evaluated(void **state)
{
    (void)state;
    struct query_options options = {0};
    struct query_engine *e = engine_with(&options);
    struct query_request q = range_of("rate(a[5m]) > 0 and sum by (i) (rate(a[5m])) < 1");
    q.trace = true;
    struct query_result r = run(e, q);
    const struct query_trace *both = r.trace->children, *left = both->children;
    const struct query_trace *right = left->next, *sum = right->children;
    const struct query_trace *shared = left->children, *evaluated = sum->children;
    check_str(shared->expr, "rate(a[5m])");
    check_str(evaluated->expr, "rate(a[5m])");
    assert_true(shared->shared && !evaluated->shared);
    assert_true(shared->samples == 0 && evaluated->samples == r.stats.samples_read);
    assert_int_equal(shared->series, evaluated->series);
    query_result_done(&r);
    query_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_parts_evaluated_once_give_the_answer_of_each),
        cmocka_unit_test(test_what_takes_too_much_room_is_evaluated_again),
        cmocka_unit_test(test_samples_of_equal_parts_are_read_once),
        cmocka_unit_test(test_series_that_several_functions_read_are_decoded_once),
        cmocka_unit_test(test_a_trace_tells_which_parts_were_not_evaluated),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
