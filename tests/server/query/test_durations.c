/* Ranges, steps and offsets: what is read, how it is told, and what is wrong with it. */
#include "base/buf.h"
#include "base/compiler.h"
#include "query/promql/parser.h"
#include "query/query.h"
#include "support/check.h"

static void check_format(const char *expr, const char *expected)
{
    struct buf out = BUF_MAX(1 << 16);
    struct err err = {0};
    if (query_format(str_c(expr), 0, &out, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
    check_str(buf_str(&out), expected);
    buf_done(&out);
}

static void check_error(const char *expr, const char *expected)
{
    struct ast ast;
    struct err err = {0};
    if (promql_parse(str_c(expr), 0, &ast, &err) == 0)
        fail_msg("%s was accepted", expr);
    assert_true(str_starts(str_c(strchr(err.message, ' ') + 1), STR("parse error: ")));
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s: \"%s\" != \"%s\"", expr, err.message, expected);
}

/* The offset of "x …", evaluated or not. */
static const struct duration *offset_of(const char *expr, struct ast *ast)
{
    struct err err = {0};
    if (promql_parse(str_c(expr), 0, ast, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
    assert_int_equal(ast->root->kind, NODE_SELECTOR);
    return &ast->root->selector.offset;
}

static void test_an_offset_ends_behind_its_first_operand(void **state)
{
    (void)state;
    static const char *const shorter[] = {"x offset 90 + 2",          "x offset -1^2",
                                          "x offset step() * 2",      "x offset -range() / 3",
                                          "x offset -(4m) - 2",       "x offset +(4m) % 7",
                                          "x offset min_of(1, 2) - 1"};
    for (size_t i = 0; i < ARRAY_LEN(shorter); i++) {
        struct ast ast;
        assert_int_equal(promql_parse(str_c(shorter[i]), 0, &ast, NULL), 0);
        assert_int_equal(ast.root->kind, NODE_BINARY);
        ast_done(&ast);
    }
}

static void test_an_offset_goes_on_behind_a_parenthesis_or_two_signs(void **state)
{
    (void)state;
    static const char *const longer[] = {"x offset (90) + 2", "x offset (1m) * 2 - 5",
                                         "x offset - - 90 + 2", "x offset +-(3) * 2"};
    for (size_t i = 0; i < ARRAY_LEN(longer); i++) {
        struct ast ast;
        const struct duration *d = offset_of(longer[i], &ast);
        assert_non_null(d->expr);
        assert_int_equal(d->expr->duration.kind, DURATION_BINARY);
        ast_done(&ast);
    }
}

static void test_what_is_less_than_a_millisecond_is_cut_off(void **state)
{
    (void)state;
    static const struct {
        const char *expr;
        int64_t ms;
    } cases[] = {{"x offset 1.0006", 1000},
                 {"x offset -1.0006", -1000},
                 {"x offset 0.0019999999999", 2},
                 {"x offset 3ms", 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ast ast;
        assert_int_equal(offset_of(cases[i].expr, &ast)->ms, cases[i].ms);
        ast_done(&ast);
    }
}

static void test_arithmetic_prints_as_it_was_written(void **state)
{
    (void)state;
    check_format("x[ MIN_OF( 2*step(),1h ):max_of(1,range())/-2 ]offset -(1d-3h)",
                 "x[min_of(2 * step(), 1h):max_of(1, range()) / -2] offset -(1d - 3h)");
    check_format("x[(5m)] offset +(1)", "x[(5m)] offset (1)");
    check_format("x offset +step()", "x offset step()");
    check_format("x offset -max_of(1,2)", "x offset -max_of(1, 2)");
}

static void test_a_wrong_duration_is_told_as_of_its_place(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"x[-]", "1:4: parse error: unexpected \"]\" in subquery or range selector, expected "
                 "number, duration, step(), or range()"},
        {"x[(3 * ]", "1:8: parse error: unexpected \"]\" in subquery or range selector, expected "
                     "number, duration, step(), or range()"},
        {"x[step(1)]", "1:8: parse error: unexpected number \"1\" in subquery or range selector, "
                       "expected number, duration, step(), or range()"},
        {"x[step1]", "1:7: parse error: unexpected number \"1\" in subquery or range selector, "
                     "expected number, duration, step(), or range()"},
        {"x[1m:*]", "1:6: parse error: unexpected <op:*> in subquery selector, expected number, "
                    "duration, step(), range(), or \"]\""},
        {"x[1m:1m 2]", "1:9: parse error: unexpected number \"2\" in subquery selector, expected "
                       "\"]\""},
        {"x[1m 2]", "1:6: parse error: unexpected number \"2\" in subquery or range, expected "
                    "\":\" or \"]\""},
        {"x offset (1 y)", "1:13: parse error: unexpected identifier \"y\" in offset, expected "
                           "number, duration, step(), or range()"},
        {"x offset min_of(1)", "1:18: parse error: unexpected \")\" in offset, expected number, "
                               "duration, step(), or range()"},
        {"x[ =1m]", "1:4: parse error: unexpected character in duration expression: '='"},
        {"x[#1m]", "1:3: parse error: unexpected character in duration expression: '#'"},
        {"x[[1m]]", "1:3: parse error: unexpected character in duration expression: '['"},
        {"x[:1m]", "1:4: parse error: unexpected colon before duration in duration expression"},
        {"x[1m] + y[:1m]", "1:11: parse error: unexpected \":\" in subquery or range selector, "
                           "expected number, duration, step(), or range()"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_error(cases[i][0], cases[i][1]);
}

static void test_a_duration_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"x[7m / 0]", "1:6: parse error: division by zero"},
        {"x[1h:step() % 0s]", "1:13: parse error: modulo by zero"},
        {"2 offset (1))", "1:14: parse error: unexpected right parenthesis ')'"},
        {"x[7m / 0", "1:9: parse error: unclosed left bracket"},
        {"x[3 - 0 * -0]", NULL},
        {"x[0]", "1:3: parse error: duration must be greater than 0"},
        {"x[1:-2s]", "1:5: parse error: duration must be greater than 0"},
        {"x[-2s", "1:6: parse error: unclosed left bracket"},
        {"x[4m2ys]", "1:3: parse error: bad number or duration syntax: \"4m2\""},
        {"x[4m2ds]", "1:3: parse error: unknown unit \"ds\" in duration \"4m2ds\""},
        {"x[4m2d]", "1:3: parse error: not a valid duration string: \"4m2d\""},
        {"x[300y1ss]", "1:3: parse error: duration out of range"},
        {"x[99999999999999999999s]",
         "1:3: parse error: not a valid duration string: \"99999999999999999999s\""},
        {"x[.5s]", "1:3: parse error: not a valid duration string: \".5s\""},
        {"x offset -1e10", "1:10: parse error: duration out of range"},
        {"x offset NaN", "1:10: parse error: duration out of range"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (cases[i][1])
            check_error(cases[i][0], cases[i][1]);
        else
            check_format(cases[i][0], cases[i][0]);
}

static void check_tree(const char *expr, const char *expected)
{
    struct buf out = BUF_MAX(1 << 16);
    struct err err = {0};
    if (query_parse_tree(str_c(expr), 0, &out, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
    if (str_find(buf_str(&out), str_c(expected)) == out.n)
        fail_msg("%s: no %s in %.*s", expr, expected, STR_ARG(buf_str(&out)));
    buf_done(&out);
}

static void test_trees_hold_the_arithmetic(void **state)
{
    (void)state;
    check_tree("x[2m * 3]",
               "\"range\":0,\"rangeExpr\":{\"lhs\":{\"duration\":true,\"type\":\"numberLiteral\","
               "\"val\":\"120\"},\"op\":\"*\",\"rhs\":{\"duration\":false,\"type\":"
               "\"numberLiteral\",\"val\":\"3\"},\"type\":\"durationExpr\",\"wrapped\":false}");
    check_tree("x[1h:max_of(step(), 5)]",
               "\"step\":0,\"stepExpr\":{\"lhs\":{\"lhs\":null,\"op\":\"step\",\"rhs\":null,"
               "\"type\":\"durationExpr\",\"wrapped\":false},\"op\":\"max_of\",\"rhs\":{"
               "\"duration\":false,\"type\":\"numberLiteral\",\"val\":\"5\"},\"type\":"
               "\"durationExpr\",\"wrapped\":false}");
    check_tree("x offset -(1)",
               "\"offset\":0,\"offsetExpr\":{\"lhs\":null,\"op\":\"-\",\"rhs\":{\"lhs\":null,"
               "\"op\":\"+\",\"rhs\":{\"duration\":false,\"type\":\"numberLiteral\",\"val\":\"1\"},"
               "\"type\":\"durationExpr\",\"wrapped\":true},\"type\":\"durationExpr\","
               "\"wrapped\":false}");
    check_tree("x[5m] offset 1m", "\"offset\":60000,\"offsetExpr\":null,\"range\":300000,"
                                  "\"rangeExpr\":null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_offset_ends_behind_its_first_operand),
        cmocka_unit_test(test_an_offset_goes_on_behind_a_parenthesis_or_two_signs),
        cmocka_unit_test(test_what_is_less_than_a_millisecond_is_cut_off),
        cmocka_unit_test(test_arithmetic_prints_as_it_was_written),
        cmocka_unit_test(test_a_wrong_duration_is_told_as_of_its_place),
        cmocka_unit_test(test_a_duration_that_cannot_be_is_refused),
        cmocka_unit_test(test_trees_hold_the_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
