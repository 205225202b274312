#include "cli/query_table.h"

#include <string.h>

#include "support/check.h"

static void expect(const char *body, const char *wanted)
{
    struct buf out = BUF_MAX(64 * 1024);
    struct err err = {0};
    if (query_table(str_c(body), &out, &err) != 0)
        fail_msg("%s", err.message);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, wanted);
    buf_done(&out);
}

static void expect_error(const char *body, const char *wanted)
{
    struct buf out = BUF_MAX(64 * 1024);
    struct err err = {0};
    assert_int_equal(query_table(str_c(body), &out, &err), ERR_INVALID);
    if (!strstr(err.message, wanted))
        fail_msg("\"%s\", expected \"%s\"", err.message, wanted);
    buf_done(&out);
}

static void test_a_vector_is_a_line_a_series_with_values_in_a_column(void **state)
{
    (void)state;
    expect("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
           "{\"metric\":{\"__name__\":\"up\",\"job\":\"a \\\"b\\\"\"},\"value\":[1,\"1\"]},"
           "{\"metric\":{},\"value\":[1,\"NaN\"]},"
           "{\"metric\":{\"__name__\":\"h\"},\"histogram\":[1,{\"count\":\"3\",\"sum\":\"4\","
           "\"buckets\":[[0,\"1\",\"2\",\"3\"],[3,\"-1\",\"1\",\"0\"]]}]}]}}",
           "up{job=\"a \\\"b\\\"\"}  1\n"
           "{}                 NaN\n"
           "h                  count=3 sum=4 (1,2]=3 [-1,1]=0\n");
}

static void test_a_matrix_is_a_line_a_point(void **state)
{
    (void)state;
    expect("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
           "{\"metric\":{\"__name__\":\"a\"},\"values\":[[1,\"1\"],[2.5,\"2\"]]}]}}",
           "a\n  1 @1.000\n  2 @2.500\n");
}

static void test_scalars_and_strings_are_bare(void **state)
{
    (void)state;
    expect("{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2\"]}}",
           "2\n");
    expect("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}", "");
}

static void test_control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    expect("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
           "{\"metric\":{\"a\":\"\\u001b[31m\\n\"},\"value\":[1,\"1\"]}]}}",
           "{a=\"\\x1b[31m\\n\"}  1\n");
    expect(
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{\"__name__\":\"m\\u0007\\u0000n\",\"a\":\"b\\u0000c\"},\"value\":[1,\"1\"]}]}}",
        "m\\x07\\x00n{a=\"b\\x00c\"}  1\n");
}

static void test_an_error_comes_in_the_servers_words(void **state)
{
    (void)state;
    expect_error("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}",
                 "bad_data: parse error");
    expect_error("<html>", "<html>");
    expect_error("", "no JSON");
    expect_error("{\"status\":\"success\",\"data\":5}", "resultType");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vector_is_a_line_a_series_with_values_in_a_column),
        cmocka_unit_test(test_a_matrix_is_a_line_a_point),
        cmocka_unit_test(test_scalars_and_strings_are_bare),
        cmocka_unit_test(test_control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(test_an_error_comes_in_the_servers_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
