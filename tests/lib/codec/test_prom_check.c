#include "codec/prom_check.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "support/check.h"

static int check(const char *text, enum prom_format format, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    int rc = prom_check(str_c(text), format, &arena, err);
    arena_done(&arena);
    return rc;
}

static void expect_good(const char *text, enum prom_format format)
{
    struct err err;
    if (check(text, format, &err) != 0)
        fail_msg("%s\n%s", err.message, text);
}

/* `reason` stands in the message, `line` at its front. */
static void expect_bad(const char *text, enum prom_format format, const char *line,
                       const char *reason)
{
    struct err err;
    assert_int_equal(check(text, format, &err), ERR_INVALID);
    if (strncmp(err.message, line, strlen(line)) != 0 || !strstr(err.message, reason))
        fail_msg("\"%s\", expected \"%s: …%s\"", err.message, line, reason);
}

static const char good_text[] = "# HELP a_total Help.\n"
                                "# TYPE a_total counter\n"
                                "a_total{x=\"1\"} 1\n"
                                "a_total{x=\"2\"} 1 1000\n"
                                "a_total{x=\"2\"} 2 2000\n"
                                "# a remark\n"
                                "# TYPE h histogram\n"
                                "h_bucket{x=\"1\",le=\"0.5\"} 1\n"
                                "h_bucket{x=\"1\",le=\"+Inf\"} 2\n"
                                "h_sum{x=\"1\"} 1\n"
                                "h_count{x=\"1\"} 2\n"
                                "h_bucket{x=\"2\",le=\"0.5\"} 0\n"
                                "h_bucket{x=\"2\",le=\"+Inf\"} 0\n"
                                "# TYPE s summary\n"
                                "s{quantile=\"0.5\"} NaN\n"
                                "s{quantile=\"0.9\"} 3\n"
                                "s_sum 1\n"
                                "s_count 2\n"
                                "plain -1\n"
                                "h_bucket_size 1\n";

static void test_a_good_text_page_is_good(void **state)
{
    (void)state;
    expect_good(good_text, PROM_TEXT);
    expect_good("", PROM_TEXT);
}

static void test_a_good_openmetrics_page_is_good(void **state)
{
    (void)state;
    expect_good("# TYPE a counter\n"
                "# UNIT w_seconds seconds\n"
                "# EOF\n",
                PROM_OPENMETRICS);
    expect_good("# TYPE a counter\n"
                "a_total 1 # {trace_id=\"x\"} 1\n"
                "a_created 1.5\n"
                "# TYPE w_seconds gauge\n"
                "# UNIT w_seconds seconds\n"
                "w_seconds -1\n"
                "# TYPE b info\n"
                "b_info{v=\"1\"} 1\n"
                "# TYPE st stateset\n"
                "st{st=\"on\"} 1\n"
                "st{st=\"off\"} 0\n"
                "# TYPE g gaugehistogram\n"
                "g_bucket{le=\"1\"} 1\n"
                "g_bucket{le=\"+Inf\"} 3\n"
                "g_gcount 3\n"
                "g_gsum 4\n"
                "# EOF\n",
                PROM_OPENMETRICS);
}

static void test_families_stand_together_behind_their_type(void **state)
{
    (void)state;
    expect_bad("a 1\nb 1\na{x=\"1\"} 1\n", PROM_TEXT, "line 3", "two pieces");
    expect_bad("a 1\n# TYPE a counter\n", PROM_TEXT, "line 2", "behind its samples");
    expect_bad("# TYPE a counter\n# TYPE a gauge\na 1\n", PROM_TEXT, "line 2", "second time");
    expect_bad("# HELP a x\n# HELP a y\n", PROM_TEXT, "line 2", "second time");
}

static void test_samples_are_not_repeated(void **state)
{
    (void)state;
    expect_bad("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n", PROM_TEXT, "line 2", "second time");
    expect_bad("a 1 5\na 1 5\n", PROM_TEXT, "line 2", "second time");
}

static void test_names_follow_the_type(void **state)
{
    (void)state;
    expect_bad("# TYPE a counter\na 1\n# EOF\n", PROM_OPENMETRICS, "line 2", "_total");
    expect_bad("# TYPE h histogram\nh 1\n", PROM_TEXT, "line 2", "_bucket");
    expect_bad("# UNIT w seconds\n# EOF\n", PROM_OPENMETRICS, "line 1", "unit");
    expect_bad("# UNIT seconds seconds\n# EOF\n", PROM_OPENMETRICS, "line 1", "unit");
}

static void test_buckets_and_quantiles_rise(void **state)
{
    (void)state;
    const char *type = "# TYPE h histogram\n";
    char text[256];
    static const struct {
        const char *rows, *line, *reason;
    } cases[] = {
        {"h_bucket{le=\"1\"} 1\nh_bucket{le=\"0.5\"} 2\n", "line 3", "does not rise"},
        {"h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n", "line 3", "cumulative"},
        {"h_bucket{le=\"1\"} 2\n", "line 3", "+Inf"},
        {"h_bucket{le=\"1\"} 2\nx 1\n", "line 3", "+Inf"},
        {"h_bucket{x=\"1\",le=\"1\"} 2\nh_bucket{x=\"2\",le=\"1\"} 2\n", "line 3", "+Inf"},
        {"h_bucket 2\n", "line 2", "label le"},
        {"h_bucket{le=\"big\"} 2\n", "line 2", "big"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(text, sizeof text, "%s%s", type, cases[i].rows);
        expect_bad(text, PROM_TEXT, cases[i].line, cases[i].reason);
    }
    expect_bad("# TYPE s summary\ns{quantile=\"2\"} 1\n", PROM_TEXT, "line 2", "between 0 and 1");
    expect_bad("# TYPE s summary\ns 1\n", PROM_TEXT, "line 2", "label quantile");
}

static void test_values_fit_the_type(void **state)
{
    (void)state;
    expect_bad("# TYPE a counter\na -1\n", PROM_TEXT, "line 2", "negative");
    expect_bad("# TYPE b info\nb_info 2\n# EOF\n", PROM_OPENMETRICS, "line 2", "not 1");
    expect_bad("# TYPE s stateset\ns{s=\"x\"} 2\n# EOF\n", PROM_OPENMETRICS, "line 2", "neither");
    expect_bad("# TYPE s stateset\ns 1\n# EOF\n", PROM_OPENMETRICS, "line 2", "own name");
    expect_bad("# TYPE g gauge\ng 1 # {a=\"b\"} 1\n# EOF\n", PROM_OPENMETRICS, "line 2",
               "exemplars");
}

static void test_what_the_parser_refuses_is_refused(void **state)
{
    (void)state;
    expect_bad("a one\n", PROM_TEXT, "line 1", "number");
    expect_bad("a 1\na{b=\"1\",b=\"2\"} 1\n", PROM_TEXT, "line 2", "b");
    expect_bad("a 1", PROM_TEXT, "line 1", "newline");
    expect_bad("a 1\n", PROM_OPENMETRICS, "line 2", "EOF");
    expect_bad("# TYPE a thing\n", PROM_TEXT, "line 1", "thing");
}

static void test_a_page_too_large_for_the_arena_is_no_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 600);
    struct err err;
    assert_int_equal(prom_check(str_c(good_text), PROM_TEXT, &arena, &err), ERR_NOMEM);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_text_page_is_good),
        cmocka_unit_test(test_a_good_openmetrics_page_is_good),
        cmocka_unit_test(test_families_stand_together_behind_their_type),
        cmocka_unit_test(test_samples_are_not_repeated),
        cmocka_unit_test(test_names_follow_the_type),
        cmocka_unit_test(test_buckets_and_quantiles_rise),
        cmocka_unit_test(test_values_fit_the_type),
        cmocka_unit_test(test_what_the_parser_refuses_is_refused),
        cmocka_unit_test(test_a_page_too_large_for_the_arena_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
