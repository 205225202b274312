/* Answers told in scripts of our own, of what the conformance suite does not ask: with optional
 * parts of the language off, and of selectors as answers. */
#include <stdio.h>

#include "support/check.h"
#include "support/script_bench.h"

static void check_answers(unsigned features, const char *text)
{
    struct script_bench b = {.features = features};
    struct script_report report = {0};
    struct err err = {0};
    if (script_bench_run(&b, text, &report, &err) != 0)
        fail_msg("%s", err.message);
    if (report.passed != report.evals || report.evals == 0)
        fail_msg("%zu of %zu pass; line %zu: %s", report.passed, report.evals, b.line, b.message);
}

/* --- selectors as answers --------------------------------------------------------------------- */

static void test_extended_windows_have_a_sample_at_each_end(void **state)
{
    (void)state;
    check_answers(QUERY_ALL_FEATURES, "load 20s\n"
                                      "  x 10 30 70 20\n"
                                      "  y _ _ _ _ 8\n\n"
                                      "eval instant at 50s x[20s] smoothed\n"
                                      "  expect range vector from 30s to 50s step 10s\n"
                                      "  x 50 70 45\n\n"
                                      "eval instant at 50s x[20s] anchored\n"
                                      "  expect range vector from 30s to 50s step 10s\n"
                                      "  x 30 70 70\n\n"
                                      "eval instant at 40s x[20s] smoothed\n"
                                      "  expect range vector from 20s to 40s step 20s\n"
                                      "  x 30 70\n\n"
                                      "eval instant at 25s x[10s] anchored\n"
                                      "  expect range vector from 15s to 25s step 5s\n"
                                      "  x 10 30 30\n\n"
                                      "eval instant at 10s x[20s] smoothed offset -10s\n"
                                      "  expect range vector from 0s to 20s step 20s\n"
                                      "  x 10 30\n\n"
                                      "eval instant at 3m x[10s] anchored\n"
                                      "  expect range vector from 3m to 3m step 1s\n\n"
                                      "eval instant at 10s y[10s] smoothed\n"
                                      "  expect range vector from 0s to 10s step 10s\n"
                                      "  y 8 8\n\n"
                                      "eval instant at 10s y[10s] anchored\n"
                                      "  expect range vector from 0s to 0s step 1s\n");
}

static void test_extended_windows_are_not_made_of_histograms(void **state)
{
    (void)state;
    check_answers(QUERY_ALL_FEATURES,
                  "load 20s\n"
                  "  h {{count:1}} {{count:2}}\n\n"
                  "eval instant at 20s h[20s] smoothed\n"
                  "  expect fail msg: smoothed modifier is not supported with histograms\n\n"
                  "eval instant at 20s h[20s] anchored\n"
                  "  expect fail msg: anchored modifier is not supported with histograms\n\n"
                  "eval instant at 20s h[20s]\n"
                  "  expect range vector from 20s to 20s step 1s\n"
                  "  h {{count:2}}\n");
}

static void test_scalars_cannot_be_trimmed(void **state)
{
    (void)state;
    check_answers(0, "eval instant at 0 1 </ 2\n"
                     "  expect fail msg: operator \"</\" not allowed for Scalar operations\n\n"
                     "eval range from 0 to 1m step 1m vector(3 >/ time())\n"
                     "  expect fail msg: operator \">/\" not allowed for Scalar operations\n");
}

static void test_info_metrics_are_no_histograms(void **state)
{
    (void)state;
    check_answers(QUERY_ALL_FEATURES,
                  "load 1m\n"
                  "  x{instance=\"a\", job=\"b\"} 1 2\n"
                  "  odd_info{instance=\"a\", job=\"b\", k=\"v\"} {{count:1}} {{count:1}}\n\n"
                  "eval instant at 1m info(x, {__name__=\"odd_info\"})\n"
                  "  expect fail msg: this should be an info metric, with float samples: "
                  "{__name__=\"odd_info\", instance=\"a\", job=\"b\", k=\"v\"}\n\n"
                  "eval instant at 1m info(odd_info, {__name__=\"x\"})\n"
                  "  odd_info{instance=\"a\", job=\"b\", k=\"v\"} {{count:1}}\n");
}

/* --- names that go at once -------------------------------------------------------------------- */

static void test_notes_about_histograms_tell_no_name_where_names_go_at_once(void **state)
{
    (void)state;
    static const char script[] =
        "load 1m\n"
        "  odd{ie=\"1\"} 1x1\n"
        "  both{le=\"1\"} 1x1\n"
        "  both {{count:1 sum:1 buckets:[1]}}x1\n"
        "  nans {{count:3 sum:NaN}}x1\n\n"
        "eval instant at 1m histogram_quantile(0.5, odd)\n"
        "  expect warn msg: PromQL warning: bucket label \"le\" is missing or has a malformed value "
        "of \"\"%s (1:25)\n\n"
        "eval instant at 1m histogram_quantile(0.5, both)\n"
        "  expect warn msg: PromQL warning: vector contains a mix of classic and native histograms"
        "%s (1:25)\n\n"
        "eval instant at 1m histogram_quantile(0.5, nans)\n"
        "  expect info msg: PromQL info: input to histogram_quantile has NaN observations, result "
        "is NaN%s (1:25)\n"
        "  {} NaN\n";
    char text[2048];
    (void)snprintf(text, sizeof text, script, "", "", "");
    check_answers(0, text);
    (void)snprintf(text, sizeof text, script, " for metric name \"odd\"",
                   " for metric name \"both\"", " for metric name \"nans\"");
    check_answers(QUERY_DELAYED_NAME_REMOVAL, text);
}

/* --- notes about quantiles -------------------------------------------------------------------- */

static void test_notes_about_quantiles_point_at_the_quantile(void **state)
{
    (void)state;
    check_answers(QUERY_ALL_FEATURES,
                  "load 1m\n"
                  "  x 1 1 {{count:1}}\n\n"
                  "eval instant at 2m quantile_over_time(7, x[3m])\n"
                  "  expect warn msg: PromQL warning: quantile value should be between 0 and 1, "
                  "got 7 (1:20)\n"
                  "  expect info msg: PromQL info: ignored histograms in a range containing both "
                  "floats and histograms for metric name \"x\" (1:20)\n"
                  "  {} +Inf\n\n"
                  "eval range from 0 to 4m step 1m quantile(time() - 120, x)\n"
                  "  expect warn msg: PromQL warning: quantile value should be between 0 and 1, "
                  "got -120 (1:10)\n"
                  "  expect warn msg: PromQL warning: quantile value should be between 0 and 1, "
                  "got 120 (1:10)\n"
                  "  expect info\n"
                  "  {} -Inf -Inf\n\n"
                  "eval range from 0 to 2m step 1m quantile(0 / (time() - 60), x)\n"
                  "  expect warn msg: PromQL warning: quantile value should be between 0 and 1, "
                  "got NaN (1:10)\n"
                  "  expect info\n"
                  "  {} 1 NaN\n");
}

/* --- zero buckets ----------------------------------------------------------------------------- */

static void test_buckets_do_not_reach_into_the_zero_bucket(void **state)
{
    (void)state;
    check_answers(0, "load 1m\n"
                     "  up {{count:6 sum:3 z_bucket:1 z_bucket_w:0.6 buckets:[3 2]}}\n"
                     "  down {{count:6 sum:-3 z_bucket:1 z_bucket_w:0.6 n_buckets:[3 2]}}\n\n"
                     "eval instant at 0 histogram_quantile(0.3, up)\n"
                     "  {} 0.6875605\n\n"
                     "eval instant at 0 histogram_quantile(0.7, down)\n"
                     "  {} -0.6875605\n\n"
                     "eval instant at 0 histogram_fraction(0, 0.7, up)\n"
                     "  {} 0.3175505\n\n"
                     "eval instant at 0 histogram_fraction(-0.7, 0, down)\n"
                     "  {} 0.3175505\n\n"
                     "eval instant at 0 histogram_stdvar(up)\n"
                     "  {} 0.3579638\n\n"
                     "eval instant at 0 count_values(\"h\", -up)\n"
                     "  {h=\"{count:-6, sum:-3, [-0.6,0.6]:-1, (0.5,1]:-3, (1,2]:-2}\"} 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extended_windows_have_a_sample_at_each_end),
        cmocka_unit_test(test_extended_windows_are_not_made_of_histograms),
        cmocka_unit_test(test_scalars_cannot_be_trimmed),
        cmocka_unit_test(test_info_metrics_are_no_histograms),
        cmocka_unit_test(test_notes_about_quantiles_point_at_the_quantile),
        cmocka_unit_test(test_buckets_do_not_reach_into_the_zero_bucket),
        cmocka_unit_test(test_notes_about_histograms_tell_no_name_where_names_go_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
