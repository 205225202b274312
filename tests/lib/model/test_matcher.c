#include "model/matcher.h"

#include "base/buf.h"
#include "model/labels.h"
#include "support/check.h"

static int matches(enum match_op op, const char *pattern, const char *value)
{
    struct matcher m;
    assert_int_equal(matcher_init(&m, op, STR("l"), str_c(pattern), NULL), 0);
    int rc = matcher_matches(&m, str_c(value));
    matcher_done(&m);
    return rc;
}

static void test_each_operator_decides_as_prometheus(void **state)
{
    (void)state;
    assert_int_equal(matches(MATCH_EQUAL, "a", "a"), 1);
    assert_int_equal(matches(MATCH_EQUAL, "a", "b"), 0);
    assert_int_equal(matches(MATCH_NOT_EQUAL, "a", ""), 1);
    assert_int_equal(matches(MATCH_REGEX, "a|b.*", "bcd"), 1);
    assert_int_equal(matches(MATCH_REGEX, "b", "abc"), 0); // anchored at both ends
    assert_int_equal(matches(MATCH_REGEX, ".+", ""), 0);
    assert_int_equal(matches(MATCH_NOT_REGEX, "a.*", "b"), 1);
    assert_int_equal(matches(MATCH_NOT_REGEX, "a.*", "ab"), 0);
}

static void test_a_bad_pattern_is_named(void **state)
{
    (void)state;
    struct matcher m;
    struct err err = {0};
    assert_int_equal(matcher_init(&m, MATCH_REGEX, STR("l"), STR("a("), &err), ERR_INVALID);
    assert_true(err.message[0] != '\0');
}

static void test_absent_labels_count_as_empty(void **state)
{
    (void)state;
    struct label v[] = {{STR("a"), STR("1")}};
    struct labels l = {v, 1};
    struct matcher m[2];
    assert_int_equal(matcher_init(&m[0], MATCH_EQUAL, STR("a"), STR("1"), NULL), 0);
    assert_int_equal(matcher_init(&m[1], MATCH_EQUAL, STR("b"), STR(""), NULL), 0);
    assert_int_equal(matchers_match(m, 2, &l), 1);
    assert_true(matcher_matches_empty(&m[1]));
    assert_false(matcher_matches_empty(&m[0]));
    matcher_done(&m[0]);
    matcher_done(&m[1]);
}

static void test_format_quotes_what_needs_it(void **state)
{
    (void)state;
    struct matcher m;
    struct buf out = BUF_MAX(256);
    assert_int_equal(matcher_init(&m, MATCH_NOT_REGEX, STR("my.label"), STR("a\"b"), NULL), 0);
    matcher_format(&out, &m);
    assert_true(str_eq(buf_str(&out), STR("\"my.label\"!~\"a\\\"b\"")));
    matcher_done(&m);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_operator_decides_as_prometheus),
        cmocka_unit_test(test_a_bad_pattern_is_named),
        cmocka_unit_test(test_absent_labels_count_as_empty),
        cmocka_unit_test(test_format_quotes_what_needs_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
