/* The script format itself: a runner that passes everything would pass the conformance suite. */
#include "query/script/script.h"

#include <stdio.h>
#include <string.h>

#include "query/query.h"
#include "store/store.h"
#include "support/check.h"

struct bench {
    struct store *store;
    struct query_engine *engine;
    size_t failures, line;
    char message[512];
};

static void close_all(struct bench *b)
{
    query_engine_free(b->engine);
    (void)store_close(b->store, NULL); // in memory: nothing can fail
    b->engine = NULL;
    b->store = NULL;
}

static int reset(void *self, struct err *err)
{
    struct bench *b = self;
    struct store_options options = {0};
    struct query_options query = {0};
    close_all(b);
    (void)store_open(&options, &b->store, err); // in memory: nothing can fail
    return query_engine_new(b->store, &query, &b->engine, err);
}

static int load(void *self, const struct batch *batch, struct err *err)
{
    struct sink_result result;
    return store_append(((struct bench *)self)->store, batch, &result, err);
}

static int query(void *self, const struct query_request *request, struct query_result *out,
                 struct err *err)
{
    return query_run(((struct bench *)self)->engine, request, out, err);
}

static void failed(void *self, size_t line, const char *message)
{
    struct bench *b = self;
    b->failures++;
    b->line = line;
    (void)snprintf(b->message, sizeof b->message, "%s", message);
}

static struct bench run(const char *text, int expected_rc, struct script_report *report)
{
    struct bench b = {0};
    struct script_driver driver = {
        .reset = reset, .load = load, .query = query, .failed = failed, .self = &b};
    struct err err = {0};
    int rc = script_run(str_c(text), &driver, report, &err);
    if (rc != expected_rc)
        fail_msg("%d: %s", rc, err.message);
    if (rc != 0)
        (void)snprintf(b.message, sizeof b.message, "%s", err.message);
    close_all(&b);
    return b;
}

static void check_passes(const char *text)
{
    struct script_report r;
    struct bench b = run(text, 0, &r);
    if (r.passed != r.evals || r.evals == 0)
        fail_msg("%zu of %zu: %s", r.passed, r.evals, b.message);
}

static void check_fails(const char *text, size_t line, const char *part)
{
    struct script_report r;
    struct bench b = run(text, 0, &r);
    assert_int_equal(b.failures, 1);
    assert_int_equal(b.line, line);
    if (!strstr(b.message, part))
        fail_msg("\"%s\" has no \"%s\"", b.message, part);
}

static void check_malformed(const char *text, const char *part)
{
    struct script_report r;
    struct bench b = run(text, ERR_INVALID, &r);
    if (!strstr(b.message, part))
        fail_msg("\"%s\" has no \"%s\"", b.message, part);
}

static const char x[] = "load 1m\n  x{a=\"1\"} 1 2 3\n  x{a=\"2\"} 4\n\n";

static void check_fails_after_x(const char *eval, const char *part)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "%s%s", x, eval);
    check_fails(text, 5, part);
}

static void test_right_answers_pass(void **state)
{
    (void)state;
    check_passes(
        "load 1m\n  x 0+10x2 _ 7 stale 1x1\n\n"
        "eval range from 0 to 7m step 1m x\n  x 0 10 20 20 7 _ 1 1\n\n"
        "eval instant at 2m sum(x)\n  {} 20\n\n"
        "# a comment\n"
        "eval instant at 0 1 + 1\n  2\n\n"
        "eval instant at 0 \"a\"\n  expect string \"a\"\n\n"
        "eval instant at 2m x[2m]\n  expect range vector from 1m to 2m step 1m\n  x 10 20\n\n"
        "clear\n"
        "eval instant at 2m x\n");
}

static void test_wrong_answers_fail(void **state)
{
    (void)state;
    check_fails_after_x("eval instant at 0 x\n  x{a=\"1\"} 1\n", "unexpected: x{a=\"2\"}");
    check_fails_after_x("eval instant at 0 x\n  x{a=\"1\"} 1\n  x{a=\"2\"} 4\n  x{a=\"3\"} 4\n",
                        "missing: x{a=\"3\"}");
    check_fails_after_x("eval instant at 0 x{a=\"1\"}\n  x{a=\"1\"} 1.00001\n", "expected 1.00001");
    check_fails_after_x("eval instant at 0 sum(x)\n  5\n", "expected the scalar 5");
    check_fails_after_x("eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 2\n",
                        "more values than expected");
    check_fails_after_x("eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 _ 3\n",
                        "at 120000 ms");
    check_fails_after_x("eval instant at 0 sort_desc(x)\n  expect ordered\n  x{a=\"1\"} 1\n"
                        "  x{a=\"2\"} 4\n",
                        "in another place");
}

static void test_failures_and_annotations_are_compared(void **state)
{
    (void)state;
    check_fails_after_x("eval instant at 0 sum(x)\n  expect fail\n", "expected to fail");
    check_fails_after_x("eval instant at 0 sum(\n  {} 1\n", "the query failed");
    check_fails_after_x("eval instant at 0 sum(\n  expect fail msg: other\n", "expected the error");
    check_fails_after_x("eval instant at 0 x > 9\n  expect warn\n", "expected warning");
    check_fails_after_x("eval instant at 2m rate(x{a=\"1\"}[3m])\n  expect no_info\n"
                        "  {a=\"1\"} 0.016666666666666666\n",
                        "unexpected info");
    check_fails_after_x(
        "eval instant at 0 quantile(2, x)\n  expect warn regex: nothing\n  {} Inf\n",
        "expected warning \"nothing\"");
}

static void test_histograms_are_compared_whole(void **state)
{
    (void)state;
    static const char h[] = "load 1m\n  h {{schema:0 sum:5 count:4 buckets:[1 2 1]}}\n\n";
    char text[1024];
    static const char *const wrong[] = {"{{schema:0 sum:5 count:4 buckets:[1 1 2]}}",
                                        "{{schema:1 sum:5 count:4 buckets:[1 2 1]}}",
                                        "{{schema:0 sum:6 count:4 buckets:[1 2 1]}}",
                                        ("{{schema:0 sum:5 count:4 buckets:[1 2 1] "
                                         "counter_reset_hint:gauge}}"),
                                        "{{schema:0 sum:5 count:4 offset:1 buckets:[1 2 1]}}",
                                        "4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "%seval instant at 0 h\n  h %s\n", h, wrong[i]);
        check_fails(text, 4, "expected");
    }
    (void)snprintf(text, sizeof text,
                   "%seval instant at 0 h\n  h {{schema:0 sum:5 count:4 buckets:[1 2 1 0]}}\n", h);
    check_passes(text);
}

static void test_malformed_scripts_name_the_line(void **state)
{
    (void)state;
    check_malformed("frobnicate\n", "line 1: unknown command \"frobnicate\"");
    check_malformed("load 1m\n  x 1 2z\n", "line 2: \"2z\" is not a value");
    check_malformed("load soon\n  x 1\n", "line 1: \"soon\" is not a duration");
    check_malformed("load 1m\n  x {{schma:1}}\n", "line 2: unknown histogram field \"schma\"");
    check_malformed("eval later at 0 x\n", "line 1: expected instant or range");
    check_malformed("eval instant at 0 x\n  expect luck\n", "line 2: unknown expectation \"luck\"");
    check_malformed("load 1m\n  x 1x999999999\n", "is not a repetition");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_answers_pass),
        cmocka_unit_test(test_wrong_answers_fail),
        cmocka_unit_test(test_failures_and_annotations_are_compared),
        cmocka_unit_test(test_histograms_are_compared_whole),
        cmocka_unit_test(test_malformed_scripts_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
