/* The script format itself: a runner that passes everything would pass the conformance suite. */
#include "query/script/script.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/script_bench.h"

static struct script_bench run(const char *text, int expected_rc, struct script_report *report)
{
    struct script_bench b = {.features = QUERY_ALL_FEATURES};
    struct err err = {0};
    int rc = script_bench_run(&b, text, report, &err);
    if (rc != expected_rc)
        fail_msg("%d: %s", rc, err.message);
    if (rc != 0)
        (void)snprintf(b.message, sizeof b.message, "%s", err.message);
    return b;
}

static void check_passes(const char *text)
{
    struct script_report r;
    struct script_bench b = run(text, 0, &r);
    if (r.passed != r.evals || r.evals == 0)
        fail_msg("%zu of %zu: %s", r.passed, r.evals, b.message);
}

static void check_fails(const char *text, size_t line, const char *part)
{
    struct script_report r;
    struct script_bench b = run(text, 0, &r);
    assert_int_equal(b.failures, 1);
    assert_int_equal(b.line, line);
    if (!strstr(b.message, part))
        fail_msg("\"%s\" has no \"%s\"", b.message, part);
}

static void check_malformed(const char *text, const char *part)
{
    struct script_report r;
    struct script_bench b = run(text, ERR_INVALID, &r);
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

static void test_sorting_by_value_leaves_histograms_out(void **state)
{
    (void)state;
    check_passes("load 1m\n  h {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x2\n  x 1 2\n\n"
                 "eval instant at 1m sort({__name__=~\"h|x\"})\n  x 2\n\n"
                 "eval range from 0 to 1m step 1m sort({__name__=~\"h|x\"})\n  x 1 2\n\n"
                 "eval range from 0 to 1m step 1m sort_desc({__name__=~\"h|x\"})\n  x 1 2\n");
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

static void test_kinds_of_answers_are_told_apart(void **state)
{
    (void)state;
    check_fails_after_x("eval instant at 0 3\n  {} 3\n", "got the scalar 3");
    check_fails_after_x("eval instant at 0 vector(3)\n  3\n", "expected the scalar 3");
    check_fails_after_x("eval range from 0 to 1m step 30s vector(3)\n  3\n", "expected a scalar");
    check_fails_after_x("eval instant at 0 \"a\"\n", "expected the string \"\", got \"a\"");
    check_fails_after_x("eval instant at 0 \"a\"\n  expect string \"b\"\n", "the string \"b\"");
    check_fails_after_x("eval range from 0 to 1m step 1m x{a=\"2\"}\n  expect ordered\n"
                        "  x{a=\"2\"} 4 4\n",
                        "samples in an order");
    check_fails_after_x("eval instant at 0 vector(NaN)\n  {} stale\n", "expected nan");
}

static void test_series_that_are_expected_must_come_with_their_values(void **state)
{
    (void)state;
    check_fails_after_x("eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 2 3\n"
                        "  x{a=\"3\"} _ _ _\n",
                        "missing: x{a=\"3\"}");
    check_fails_after_x("eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 2 3 4\n",
                        "more values than the range has steps");
    check_fails_after_x("eval instant at 0 x{a=\"1\"}\n  x{a=\"1\"}\n", "no value is expected of");
}

static void test_failures_are_expected_in_the_old_words_too(void **state)
{
    (void)state;
    check_passes("eval_fail instant at 0 1 +\n  expected_fail_regexp unexpected end\n");
    check_passes("eval instant at 0 1 +\n  expect fail regex: end of (input|text)\n");
    check_fails_after_x("eval_fail instant at 0 1 +\n  expected_fail_message all well\n",
                        "expected the error \"all well\"");
    check_passes("load 1m\n  expect 7\n\neval instant at 0 expect\n  expect no_warn\n"
                 "  expect{} 7\n");
}

static void test_start_times_lie_before_the_samples_they_are_of(void **state)
{
    (void)state;
    check_passes("load 1m\n"
                 "  x@st _ -30s-10sx2 * *x1\n"
                 "  x 0+1x6\n"
                 "  @st -1s\n"
                 "  y 0+1x6\n"
                 "  z{a=\"1\"}@st 0s _x6\n"
                 "  z{a=\"1\"} 0+1x6\n\n"
                 "eval range from 0 to 6m step 1m start_timestamp(x)\n"
                 "  {} 0 30 80 130 190 250 310\n\n"
                 "eval range from 1m to 3m step 1m start_timestamp(y)\n"
                 "  {} 59 119 179\n\n"
                 "eval range from 0 to 1m step 1m start_timestamp(z)\n"
                 "  {a=\"1\"} 0 0\n");
    check_malformed("load 1m\n  x@st -1mx3\n  x 0+1x4\n", "line 3: 4 start times for 5 values");
    check_malformed("load 1m\n  y@st -1mx4\n  x 0+1x4\n", "are of another series");
    check_malformed("load 1m\n  x@st -1mx4\n\n", "no values follow");
    check_malformed("load 1m\n  x@st -1m\n  x@st -1m\n  x 1\n", "start times follow start times");
    check_malformed("load 1m\n  x@st soon\n  x 1\n", "\"soon\" is not a start time");
    check_malformed("load 1m\n  x@st _x0\n  x 1\n", "_x0 stands for nothing");
    check_malformed("load 1m\n  x@st -1m+15s\n  x 1\n", "is not a start time");
    check_malformed("load 1m\n  x@st *\n  x 1\n", "repeats a start time");
}

static void test_classic_histograms_are_loaded_as_native_ones(void **state)
{
    (void)state;
    check_passes("load_with_nhcb 1m\n"
                 "  x_bucket{le=\"1\"} 1 1\n"
                 "  x_bucket{le=\"+Inf\"} 4 _\n"
                 "  x_count 4 4\n"
                 "  x_sum 6 6\n"
                 "  y_count 3\n\n"
                 "eval range from 0 to 1m step 1m x\n"
                 "  x {{schema:-53 sum:6 count:4 custom_values:[1] buckets:[1 3]}}x1\n\n"
                 "eval instant at 0 y\n"
                 "  y {{schema:-53 count:3 buckets:[3]}}\n");
    check_malformed("load_with_nhcb 1m\n  x_bucket{le=\"1\"} 2\n  x_bucket{le=\"2\"} 1\n\n",
                    "the bucket up to 2 counts 1, less than those below");
    check_malformed("load_with_nhcb 1m\n  x_bucket{le=\"+Inf\"} 5\n  x_count 7\n\n",
                    "the buckets count 5, the histogram 7");
}

static void test_malformed_scripts_name_the_line(void **state)
{
    (void)state;
    check_malformed("eval_twice instant at 0 x\n", "line 1: unknown command \"eval_twice\"");
    check_malformed("eval instant in 5m x\n", "line 1: expected \"at\", found \"in\"");
    check_malformed("eval range from 0 to 5m 1m x\n", "line 1: expected \"step\", found \"1m\"");
    check_malformed("eval range from 5m to 1m step 1m x\n", "the end of the range is before");
    check_malformed("eval instant at 0 x\n  expect warn\n  expect no_warn\n",
                    "line 3: warn and no_warn exclude each other");
    check_malformed("eval instant at 0 x\n  expect no_info\n  expect info\n",
                    "line 3: info and no_info exclude each other");
    check_malformed("eval instant at 0 x\n  expect fail\n  expect fail msg: a\n",
                    "line 3: more than one line expects a failure");
    check_malformed("eval instant at 0 x\n  expect fail error: a\n", "expected msg: or regex:");
    check_malformed("eval instant at 0 x\n  expect fail regex: [\n", "line 2: the pattern \"[\"");
    check_malformed("eval_fail instant at 0 x\n  expected_fail_regexp (\n", "the pattern \"(\"");
    check_malformed("eval instant at 0 x\n  expect string a\n", "line 2: expect string");
    check_malformed("eval instant at 0 x\n  expect range vector from 10s\n", "line 2: expected");
    check_malformed("eval instant at 0 x\n  x 1 2\n", "line 2: 2 values for a moment");
    check_malformed("load 1m\n  x 1+2\n", "\"1+2\" has a step and no repetition");
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
        cmocka_unit_test(test_sorting_by_value_leaves_histograms_out),
        cmocka_unit_test(test_failures_and_annotations_are_compared),
        cmocka_unit_test(test_histograms_are_compared_whole),
        cmocka_unit_test(test_kinds_of_answers_are_told_apart),
        cmocka_unit_test(test_series_that_are_expected_must_come_with_their_values),
        cmocka_unit_test(test_failures_are_expected_in_the_old_words_too),
        cmocka_unit_test(test_start_times_lie_before_the_samples_they_are_of),
        cmocka_unit_test(test_classic_histograms_are_loaded_as_native_ones),
        cmocka_unit_test(test_malformed_scripts_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
