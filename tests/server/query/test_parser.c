#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "model/matcher.h"
#include "query/promql/equal.h"
#include "query/promql/functions.h"
#include "query/promql/parser.h"
#include "support/check.h"

static const unsigned all = ~0u;

static void check_error(const char *expr, unsigned features, const char *expected)
{
    struct ast ast;
    struct err err = {0};
    int rc = promql_parse(str_c(expr), features, &ast, &err);
    if (rc == 0)
        fail_msg("%s was accepted", expr);
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s: \"%s\" != \"%s\"", expr, err.message, expected);
    assert_int_equal(rc, ERR_INVALID);
}

static void check_format(const char *expr, const char *expected)
{
    struct buf out = BUF_MAX(1 << 16);
    struct err err = {0};
    if (query_format(str_c(expr), ~0u, &out, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
    check_str(buf_str(&out), expected);
    buf_done(&out);
}

static void test_syntax_errors_name_place_and_token(void **state)
{
    (void)state;
    check_error("", 0, "unknown position: parse error: no expression found in input");
    check_error("foo{", 0, "1:5: parse error: unexpected end of input inside braces");
    check_error("foo{a~\"b\"}", 0, "1:6: parse error: unexpected character inside braces: '~'");
    check_error("sum(foo", 0, "1:8: parse error: unclosed left parenthesis");
    check_error("1 +", 0, "1:4: parse error: unexpected end of input");
    check_error("foo bar", 0, "1:5: parse error: unexpected identifier \"bar\"");
    check_error("a\n + )", 0, "2:5: parse error: unexpected right parenthesis ')'");
    check_error(
        "rate(foo[5m)", 0,
        "1:12: parse error: unexpected \")\" in subquery or range, expected \":\" or \"]\"");
    check_error("x[300y]", 0, "1:3: parse error: duration out of range");
    check_error("x[9223372037]", 0, "1:3: parse error: duration out of range");
    check_error("0xfffffffffffffffffff", 0,
                "1:1: parse error: error parsing number: strconv.ParseFloat: parsing "
                "\"0xfffffffffffffffffff\": invalid syntax");
    check_error("'abc", 0, "1:1: parse error: unterminated quoted string");
    check_error("rate(foo[5m],)", 0,
                "1:13: parse error: trailing commas not allowed in function call args");
}

static void test_type_errors_are_those_people_know(void **state)
{
    (void)state;
    check_error("rate(foo)", 0,
                "1:6: parse error: expected type range vector in call to function \"rate\", got "
                "instant vector");
    check_error("foo + 'a'", 0,
                "1:7: parse error: binary expression must contain only scalar and instant vector "
                "types");
    check_error("1 == 1", 0,
                "1:3: parse error: comparisons between scalars must use BOOL modifier");
    check_error("foo + bool bar", 0,
                "1:5: parse error: bool modifier can only be used on comparison operators");
    check_error("foo and 1", 0,
                "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
    check_error("foo and on(a) group_left bar", 0,
                "1:1: parse error: no grouping allowed for \"and\" operation");
    check_error("{a=\"\"}", 0,
                "1:1: parse error: vector selector must contain at least one non-empty matcher");
    check_error("foo{__name__=\"bar\"}", 0,
                "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"");
    check_error("time(1)", 0,
                "1:1: parse error: expected 0 argument(s) in call to \"time\", got 1");
    check_error("topk(foo)", 0,
                "1:1: parse error: wrong number of arguments for aggregate expression provided, "
                "expected 2, got 1");
    check_error("(foo) offset 5m", 0,
                "1:1: parse error: offset modifier must be preceded by an instant vector selector "
                "or range vector selector or a subquery");
}

static void test_what_is_no_token_is_shown(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a $ b", "1:3: parse error: unexpected character: '$'"},
        {"a \xc3\xa4", "1:3: parse error: unexpected character: '\xc3\xa4'"},
        {"a\xc2\xa0+ b", "1:2: parse error: unexpected character: '\\u00a0'"},
        {"a \xe2\x80\x8b", "1:3: parse error: unexpected character: '\\u200b'"},
        {"a \x01", "1:3: parse error: unexpected character: '\\x01'"},
        {"a =~ b", "1:3: parse error: unexpected character after '=': '~'"},
        {"a !", "1:3: parse error: unexpected character after '!': '\xef\xbf\xbd'"},
        {"a{b !c}", "1:5: parse error: unexpected character after '!' inside braces: 'c'"},
        {"a{b~\"c\"}", "1:4: parse error: unexpected character inside braces: '~'"},
        {"a{5}", "1:3: parse error: unexpected character inside braces: '5'"},
        {"a{{", "1:3: parse error: unexpected left brace '{'"},
        {"a}", "1:2: parse error: unexpected character: '}'"},
        {"a]", "1:2: parse error: unexpected right bracket ']'"},
        {"a[5m[", "1:5: parse error: unexpected left bracket '['"},
        {"a)", "1:3: parse error: unexpected right parenthesis ')'"},
        {"(a", "1:3: parse error: unclosed left parenthesis"},
        {"a[5m", "1:5: parse error: unclosed left bracket"},
        {"a[", "1:3: parse error: unexpected end of input in duration expression"},
        {"a[b]", "1:3: parse error: unexpected character in duration expression: 'b'"},
        {"a[5m b]", "1:6: parse error: unexpected character: 'b', expected ':'"},
        {"foo(", "1:5: parse error: unclosed left parenthesis"},
        {"a[5x]", "1:3: parse error: bad number or duration syntax: \"5\""},
        {"a[5m5h]", "1:3: parse error: not a valid duration string: \"5m5h\""},
        {"0xg", "1:1: parse error: bad number or duration syntax: \"0x\""},
        {"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""},
        {"1e", "1:1: parse error: bad number or duration syntax: \"1e\""},
        {"0x", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": "
               "invalid syntax"},
        {"\"a", "1:1: parse error: unterminated quoted string"},
        {"`a", "1:1: parse error: unterminated raw string"},
        {"\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
        {"\"\\xg\"", "1:1: parse error: illegal character U+0067 'g' in escape sequence"},
        {"\"\\", "1:1: parse error: escape sequence not terminated"},
        {"\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        {"\"\xff\"", "1:1: parse error: invalid UTF-8 rune"},
        {"a + on(b) group_left", "1:21: parse error: unexpected end of input in grouping opts, "
                                 "expected \"(\""},
        {"sum(abs(a b))", "1:11: parse error: unexpected identifier \"b\" in aggregation"},
        {"abs(a,,b)", "1:6: parse error: trailing commas not allowed in function call args"},
        {"a \"0123456789\"", "1:3: parse error: unexpected string \"\\\"012345678\"..."},
        {"a[5m][5m:1m]", "1:1: parse error: subquery is only allowed on instant vector, got "
                         "matrix instead"},
        {"a[5m:1m:1m]", "1:8: parse error: unexpected colon ':'"},
        {"a end", "1:3: parse error: unexpected \"end\""},
        {"a{b==\"c\"}", "1:5: parse error: unexpected \"=\" in label matching, expected string"},
        {"a @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
        {"a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"},
        {"a @@ 5", "1:4: parse error: unexpected <op:@> in @, expected timestamp"},
        {"a step", "1:3: parse error: unexpected \"step\""},
        {"a fill", "1:3: parse error: unexpected identifier \"fill\""},
        {"a fill (1) b", "1:3: parse error: unexpected <fill>"},
        {"a{__name__=~\"\\\\d\\n\"}",
         "1:1: parse error: metric name must not be set twice: \"a\" or \"\\\\d\\n\""},
        {"a * on ('\\'', \"\\\"\") group_left ('\"') b",
         "1:3: parse error: label \"\\\"\" must not occur in ON and GROUP clause at once"},
        {"a{'b' c}", "1:7: parse error: unexpected identifier \"c\" in label matching, expected "
                     "\",\" or \"}\""},
        {"0x1e9e9hi", "1:1: parse error: bad number or duration syntax: \"0x1e9e9hi\""},
        {"0x1e", "1:1: parse error: bad number or duration syntax: \"0x1e\""},
        {".1.5", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \".1.5\": "
                 "invalid syntax"},
        {"a # b\r)", "1:8: parse error: unexpected right parenthesis ')'"},
        {"\"\xc3\xa4\" + x + )", "1:13: parse error: unexpected right parenthesis ')'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_error(cases[i][0], 0, cases[i][1]);
}

static void test_labels_are_any_words_or_quoted(void **state)
{
    (void)state;
    check_format("sum by (bool, step, a:b, \"c d\", on) (x)",
                 "sum by (bool, step, \"a:b\", \"c d\", on) (x)");
    check_error("sum by (nan) (x)", 0,
                "1:9: parse error: unexpected number \"nan\" in grouping opts, expected label");
    check_error("sum by (without) (x)", 0,
                "1:9: parse error: unexpected <without> in grouping opts, expected label");
    check_error("x * on (a, \"\\xff\") y", 0,
                "1:12: parse error: invalid label name for grouping: \"\\xff\"");
}

static void test_words_of_the_language_are_names_of_metrics_too(void **state)
{
    (void)state;
    check_format("fill + fill(1) fill_left", "fill + fill (1) fill_left");
    check_format("step{range=\"1\"} / max_of", "step{range=\"1\"} / max_of");
    check_format("anchored anchored", "anchored anchored");
    check_error("a + fill(1 s) b", all, "1:12: parse error: unexpected identifier \"s\"");
    check_error("a + fill(1) fill_left(2) b", all, "1:22: parse error: unexpected \"(\"");
    check_error("2 smoothed", all, "1:1: parse error: smoothed modifier not implemented");
}

static void test_unknown_function_suggests_the_nearest(void **state)
{
    (void)state;
    check_error("rat(foo[5m])", 0,
                "1:1: parse error: unknown function with name \"rat\"; did you mean rate()?");
    check_error("foo(bar)", 0, "1:1: parse error: unknown function with name \"foo\"");
    check_error("frobnicate_everything(foo)", 0,
                "1:1: parse error: unknown function with name \"frobnicate_everything\"");
}

static void test_experiments_say_how_to_enable_them(void **state)
{
    (void)state;
    check_error("limitk(1, foo)", 0,
                "1:1: parse error: limitk() is experimental and must be enabled with "
                "--enable-feature=promql-experimental-functions");
    check_error("rate(foo[5m] smoothed)", 0,
                "1:6: parse error: smoothed modifier is experimental and not enabled; it needs "
                "--enable-feature=promql-extended-range-selectors");
    check_error("2 * (a + fill(0) b)", 0,
                "1:6: parse error: binop fill modifiers are experimental and not enabled; they "
                "need --enable-feature=promql-binop-fill-modifiers");
}

static char *repeated(const char *what, size_t times)
{
    size_t n = strlen(what);
    char *text = malloc(n * times + 8);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * n, what, n);
    text[n * times] = '\0';
    return text;
}

static void test_hostile_nesting_ends_in_an_error(void **state)
{
    (void)state;
    static const char *const nests[] = {"(", "-", "sum(", "1+", "a[1m:1m", "foo[(", "a or "};
    for (size_t i = 0; i < ARRAY_LEN(nests); i++) {
        struct ast ast;
        struct err err = {0};
        char *text = repeated(nests[i], 20000);
        assert_int_equal(promql_parse(str_c(text), all, &ast, &err), ERR_INVALID);
        free(text);
    }
    char *deep = repeated("-", 20000);
    check_error(deep, all,
                "1:1001: parse error: operators or parentheses are more than 1000 levels deep");
    free(deep);
}

static void test_a_chain_has_a_thousand_operands_at_most(void **state)
{
    (void)state;
    char *chain = repeated("a+", 1001);
    struct ast ast;
    struct err err = {0};
    assert_int_equal(promql_parse(str_of(chain, 1999), all, &ast, &err), 0);
    ast_done(&ast);
    chain[2001] = '\0';
    check_error(chain, all,
                "1:1: parse error: operators or parentheses are more than 1000 levels deep");
    free(chain);
}

static void test_precedence_and_associativity(void **state)
{
    (void)state;
    struct ast ast;
    assert_int_equal(promql_parse(STR("a or b and c + d * e ^ f ^ g == h"), 0, &ast, NULL), 0);
    const struct node *n = ast.root;
    assert_int_equal(n->binary.op, TOKEN_OR);
    n = n->binary.rhs;
    assert_int_equal(n->binary.op, TOKEN_AND);
    n = n->binary.rhs;
    assert_int_equal(n->binary.op, TOKEN_EQUAL_EQUAL);
    n = n->binary.lhs;
    assert_int_equal(n->binary.op, TOKEN_ADD);
    n = n->binary.rhs;
    assert_int_equal(n->binary.op, TOKEN_MUL);
    n = n->binary.rhs;
    assert_int_equal(n->binary.op, TOKEN_POW);
    assert_int_equal(n->binary.rhs->binary.op, TOKEN_POW);
    ast_done(&ast);
}

static void test_formatter_prints_one_line(void **state)
{
    (void)state;
    check_format("sum(rate(foo{b='x',a=~\"y\"}[5m]))by(job)",
                 "sum by (job) (rate(foo{a=~\"y\",b=\"x\"}[5m]))");
    check_format("a*on(x)group_left(y)b", "a * on (x) group_left (y) b");
    check_format("foo[90m:30s]@start() offset -1h", "foo[1h30m:30s] @ start() offset -1h");
    check_format("a@1.5", "a @ 1.500");
    check_format("2 / ignoring() b", "2 / b");
    check_format("-Inf^a + Inf", "-Inf ^ a + +Inf");
    check_format("{\"my.metric\",\"l.x\"='v'}", "{\"l.x\"=\"v\",__name__=\"my.metric\"}");
    check_format("a + fill_left(1) fill_right(NaN) b", "a + fill_left (1) fill_right (NaN) b");
    check_format("x[step()*(2+1)] offset (-step())", "x[step() * (2 + 1)] offset (-step())");
    check_format("quantile without(a)(0.5,x) > bool 5m", "quantile without (a) (0.5, x) > bool 5m");
    check_format("\"a\\x07\\xff\\\"\"", "\"a\\a\\xff\\\"\"");
}

static void test_formatter_breaks_long_lines(void **state)
{
    (void)state;
    check_format("sum by (job, instance, method) (rate(http_request_duration_seconds_count"
                 "{code=~\"5..\",path=\"/a/long/path\"}[5m])) / 2",
                 "  sum by (job, instance, method) (\n"
                 "    rate(http_request_duration_seconds_count{code=~\"5..\","
                 "path=\"/a/long/path\"}[5m])\n"
                 "  )\n"
                 "/\n"
                 "  2");
    check_format("quantile_over_time(0.95, rate(http_request_duration_seconds_sum"
                 "{path=\"/a/long/path\"}[5m])[1h:30s] offset 1d)",
                 "quantile_over_time(\n"
                 "  0.95,\n"
                 "rate(http_request_duration_seconds_sum{path=\"/a/long/path\"}[5m])[1h:30s] "
                 "offset 1d\n"
                 ")");
}

static void test_the_longest_duration_and_integer_are_gos(void **state)
{
    (void)state;
    check_format("x[292y]", "x[292y]");
    check_format("x offset -292y", "x offset -292y");
    check_format("0x7fffffffffffffff", "9223372036854776000");
    check_format("0777777777777777777777777", "777777777777777800000000");
}

static void test_what_does_not_print_is_escaped(void **state)
{
    (void)state;
    check_format("x{a=\"\\x00b\"}", "x{a=\"\\x00b\"}");
    check_format("x{a=\"\x1b\\xff\\t\"}", "x{a=\"\\x1b\\xff\\t\"}");
    check_format("{'\\x01b', '\\x02'='\"'}", "{\"\\x02\"=\"\\\"\",__name__=\"\\x01b\"}");
    check_format("sum by (\"a\\x00\") (x)", "sum by (\"a\\x00\") (x)");
}

static void check_reads_back(struct str value)
{
    struct buf text = BUF_MAX(2048);
    struct matcher *m;
    size_t n;
    struct err err = {0};
    buf_puts(&text, "{a=");
    str_quote_visible(&text, value);
    buf_puts(&text, ",b=\"c\"}");
    if (query_parse_selector(buf_str(&text), &m, &n, &err) != 0)
        fail_msg("%.*s: %s", STR_ARG(buf_str(&text)), err.message);
    assert_true(str_eq(m[0].value, value));
    query_matchers_free(m, n);
    buf_done(&text);
}

static void test_a_quoted_text_reads_back_to_the_same_bytes(void **state)
{
    (void)state;
    char bytes[256];
    for (int c = 0; c < 256; c++)
        bytes[c] = (char)c;
    check_reads_back(str_of(bytes, sizeof bytes));
    for (unsigned c = 0x80; c < 0x110000; c += c < 0x3000 ? 1 : 0x3fb) {
        const char three[] = {(char)(0xe0 | (c >> 12 & 0xf)), (char)(0x80 | (c >> 6 & 0x3f)),
                              (char)(0x80 | (c & 0x3f))};
        const char four[] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)), three[1],
                             three[2]};
        check_reads_back(c < 0x10000 ? str_of(three, 3) : str_of(four, 4)); // some are no UTF-8
    }
    check_reads_back(STR("\ufffd\ufffe\ufeff\u2028"));
}

static void test_formatted_text_formats_to_itself(void **state)
{
    (void)state;
    static const char *const exprs[] = {
        "-(a + b) ^ 2",
        "topk(3, sum by (\"a b\") (rate(x[5m] anchored)))",
        "info(x, {a=~\".+\"}) or vector(1)",
        "max_over_time(deriv(rate(d[5s])[30s:5s])[10m:] @ end() offset 5m)",
        "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
        "h </ 1.5 >/ on (a) b",
        "x{a=\"\\x00b\",b=\"\\xff\",c=\"\\ufffd\",d!=\"\\u200b\\x1b\\v\"}",
        "{\"\\n\\xe9\\x00\"}",
        "sum by (\"\\x00\") (x) == on (\"\\x01\") count_values without () (\"\\x00\", x)",
    };
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
        struct buf once = BUF_MAX(4096), twice = BUF_MAX(4096);
        assert_int_equal(query_format(str_c(exprs[i]), ~0u, &once, NULL), 0);
        assert_int_equal(query_format(buf_str(&once), ~0u, &twice, NULL), 0);
        assert_true(str_eq(buf_str(&once), buf_str(&twice)));
        buf_done(&once);
        buf_done(&twice);
    }
}

/* The matching of a scalar, which has no labels, is no part of the tree: equal expressions are
 * evaluated once. */
static void test_matching_of_scalars_says_nothing(void **state)
{
    (void)state;
    static const char *const same[] = {"1 + on () a", "1 + on () group_left a",
                                       "1 + ignoring () group_right a"};
    struct ast plain, ast;
    assert_int_equal(promql_parse(STR("1 + a"), 0, &plain, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_int_equal(promql_parse(str_c(same[i]), 0, &ast, NULL), 0);
        assert_true(node_equal(ast.root, plain.root));
        ast_done(&ast);
        check_format(same[i], "1 + a");
    }
    ast_done(&plain);
}

static void test_match_parameter_takes_selectors_only(void **state)
{
    (void)state;
    struct matcher *m;
    size_t n;
    struct err err;
    assert_int_equal(query_parse_selector(STR("up{job=~\"a|b\"}"), &m, &n, &err), 0);
    assert_int_equal(n, 2);
    check_str(m[0].value, "a|b");
    check_str(m[1].value, "up");
    query_matchers_free(m, n);
    assert_int_equal(query_parse_selector(STR("up{'down'}"), &m, &n, &err), 0); // no series is both
    assert_int_equal(n, 2);
    query_matchers_free(m, n);
    static const char *const wrong[] = {
        "", "1", "up[5m]", "up offset 5m", "sum(up)", "{}", "{a=~\".*\"}", "up{a=~\"(\"}", "a b"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(query_parse_selector(str_c(wrong[i]), &m, &n, &err), ERR_INVALID);
}

static void test_a_selector_of_everything_is_fine_where_that_is_meant(void **state)
{
    (void)state;
    struct matcher *m;
    size_t n;
    static const char *const broad[] = {"{}", "{a=~\".*\"}", "{a!=\"\",b=~\"|x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(broad); i++) {
        assert_int_equal(query_parse_any_selector(str_c(broad[i]), &m, &n, NULL), 0);
        assert_int_equal(n, i);
        assert_int_equal(query_matchers_are_picky(m, n), i == 2);
        query_matchers_free(m, n);
    }
    assert_int_equal(query_parse_any_selector(STR("{a=~\"(\"}"), &m, &n, NULL), ERR_INVALID);
}

static void test_selectors_of_an_expression_are_all_found(void **state)
{
    (void)state;
    struct query_selectors s;
    assert_int_equal(query_selectors(STR("rate(a[5m]) / on() b{x=\"1\"} + 2"), &s, NULL), 0);
    assert_int_equal(s.n, 2);
    size_t matchers = s.v[0].n + s.v[1].n;
    assert_int_equal(matchers, 3);
    query_selectors_free(&s);
    assert_int_equal(query_selectors(STR("rate("), &s, NULL), ERR_INVALID);
}

static void test_every_function_is_explained(void **state)
{
    char path[512], wanted[64], *text;
    size_t n, n_functions;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/docs/promql.md", getenv("TELLTALE_SOURCE_ROOT"));
    assert_int_equal(fs_read_all(fs_real(), path, 1 << 20, &text, &n, NULL), 0);
    const struct function *f = function_table(&n_functions);
    for (size_t i = 0; i < n_functions; i++) {
        (void)snprintf(wanted, sizeof wanted, "`%s(", f[i].name);
        if (str_find(str_of(text, n), str_c(wanted)) == n)
            fail_msg("docs/promql.md does not explain %s()", f[i].name);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_errors_name_place_and_token),
        cmocka_unit_test(test_type_errors_are_those_people_know),
        cmocka_unit_test(test_what_is_no_token_is_shown),
        cmocka_unit_test(test_labels_are_any_words_or_quoted),
        cmocka_unit_test(test_words_of_the_language_are_names_of_metrics_too),
        cmocka_unit_test(test_unknown_function_suggests_the_nearest),
        cmocka_unit_test(test_experiments_say_how_to_enable_them),
        cmocka_unit_test(test_every_function_is_explained),
        cmocka_unit_test(test_hostile_nesting_ends_in_an_error),
        cmocka_unit_test(test_a_chain_has_a_thousand_operands_at_most),
        cmocka_unit_test(test_precedence_and_associativity),
        cmocka_unit_test(test_formatter_prints_one_line),
        cmocka_unit_test(test_formatter_breaks_long_lines),
        cmocka_unit_test(test_the_longest_duration_and_integer_are_gos),
        cmocka_unit_test(test_what_does_not_print_is_escaped),
        cmocka_unit_test(test_a_quoted_text_reads_back_to_the_same_bytes),
        cmocka_unit_test(test_formatted_text_formats_to_itself),
        cmocka_unit_test(test_matching_of_scalars_says_nothing),
        cmocka_unit_test(test_match_parameter_takes_selectors_only),
        cmocka_unit_test(test_a_selector_of_everything_is_fine_where_that_is_meant),
        cmocka_unit_test(test_selectors_of_an_expression_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
