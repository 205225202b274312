#include "base/str.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"

static const struct str nothing = {NULL, 0};

static void test_str_compares_by_bytes_then_length(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), STR("ab")));
    assert_true(str_eq(STR(""), nothing));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(nothing, STR("")), 0);
    assert_true(str_cmp(nothing, STR("a")) < 0);
    assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_eq_nocase(STR("a["), STR("a{"))); // differ in the same bit as cases do
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(nothing, STR("")));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
}

static void test_str_sub_clips(void **state)
{
    (void)state;
    check_str(str_sub(STR("abcdef"), 1, 3), "bcd");
    check_str(str_sub(STR("abc"), 1, SIZE_MAX), "bc");
    check_str(str_sub(STR("abc"), 9, 1), "");
    check_str(str_sub(nothing, 1, 1), "");
}

static void test_str_trim_takes_white_space_at_both_ends(void **state)
{
    (void)state;
    check_str(str_trim(STR(" \t\r\n\v\fa b\n")), "a b");
    check_str(str_trim(STR("  ")), "");
    check_str(str_trim(nothing), "");
}

static void test_str_find_tells_the_length_when_there_is_none(void **state)
{
    (void)state;
    assert_int_equal(str_index(STR("a=b=c"), '='), 1);
    assert_int_equal(str_index(STR("abc"), '='), 3);
    assert_int_equal(str_index(nothing, '='), 0);
    assert_int_equal(str_find(STR("aab"), STR("ab")), 1);
    assert_int_equal(str_find(STR("abab"), STR("b\0")), 4);
    assert_int_equal(str_find(STR("ab"), STR("abc")), 2);
    assert_int_equal(str_find(STR("ab"), nothing), 0);
    assert_int_equal(str_find(nothing, STR("a")), 0);
}

static void test_str_cut_walks_over_fields(void **state)
{
    (void)state;
    struct str s = STR("a,,b,");
    check_str(str_cut(&s, ','), "a");
    check_str(str_cut(&s, ','), "");
    check_str(str_cut(&s, ','), "b");
    assert_non_null(s.p); // an empty field is left behind the last comma
    check_str(str_cut(&s, ','), "");
    assert_null(s.p);
}

static void test_str_cut_word_walks_over_words(void **state)
{
    (void)state;
    struct str s = STR("  at\t 5m  of ");
    check_str(str_cut_word(&s), "at");
    check_str(s, "5m  of");
    check_str(str_cut_word(&s), "5m");
    check_str(str_cut_word(&s), "of");
    check_str(str_cut_word(&s), "");
}

static void test_str_is_utf8_follows_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain ascii, longer than eight bytes", true},
        {"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", true},
        {"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},         // overlong
        {"\xc1\xbf", false},         // overlong
        {"\xe0\x9f\xbf", false},     // overlong
        {"\xf0\x8f\xbf\xbf", false}, // overlong
        {"\xed\xa0\x80", false},     // surrogate
        {"\xf4\x90\x80\x80", false}, // beyond U+10FFFF
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\xe2\x82", false}, // cut off
        {"12345678\xe2\x82", false},
        {"\xe2\x28\xa1", false},
        {"\xf0\x9f\x98(", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (str_is_utf8(str_c(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu", i);
}

static void test_str_distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("serve"), STR("serve")), 0);
    assert_int_equal(str_distance(STR("ab"), STR("ba")), 2);
    char longer[65];
    memset(longer, 'a', sizeof longer);
    assert_true(str_distance(str_of(longer, 65), STR("a")) == SIZE_MAX);
    assert_int_equal(str_distance(str_of(longer, 64), STR("a")), 63);
}

static void test_str_quote_escapes_what_the_formats_escape(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(100);
    str_quote(&b, STR("a\"b\\c\nd\te"));
    check_str(buf_str(&b), "\"a\\\"b\\\\c\\nd\te\"");
    buf_done(&b);
}

static void test_str_quote_visible_escapes_what_does_not_print(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(200);
    str_quote_visible(&b, STR("a\0\x1b\a\b\f\n\r\t\v\\\"\x7f'"));
    check_str(buf_str(&b), "\"a\\x00\\x1b\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\x7f'\"");
    buf_reset(&b);
    str_quote_visible(&b, STR("\xff\xc3\xe2\x82 \xed\xa0\x80"));
    check_str(buf_str(&b), "\"\\xff\\xc3\\xe2\\x82 \\xed\\xa0\\x80\"");
    buf_reset(&b);
    str_quote_visible(&b, STR("\u00e9\u4e16\U0001f600 \u00a0\u200b\u2028\ufffd\ue000\U000e0001"));
    check_str(buf_str(&b), "\"\u00e9\u4e16\U0001f600 "
                           "\\u00a0\\u200b\\u2028\\ufffd\\ue000\\U000e0001\"");
    buf_done(&b);
}

static void test_str_dup_ends_with_a_nul(void **state)
{
    (void)state;
    char *p = str_dup(str_of("abcdef", 3));
    assert_non_null(p);
    assert_string_equal(p, "abc");
    free(p);
    p = str_dup(nothing);
    assert_non_null(p);
    assert_string_equal(p, "");
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_compares_by_bytes_then_length),
        cmocka_unit_test(test_str_sub_clips),
        cmocka_unit_test(test_str_trim_takes_white_space_at_both_ends),
        cmocka_unit_test(test_str_find_tells_the_length_when_there_is_none),
        cmocka_unit_test(test_str_cut_walks_over_fields),
        cmocka_unit_test(test_str_cut_word_walks_over_words),
        cmocka_unit_test(test_str_is_utf8_follows_rfc_3629),
        cmocka_unit_test(test_str_distance_counts_edits),
        cmocka_unit_test(test_str_quote_escapes_what_the_formats_escape),
        cmocka_unit_test(test_str_quote_visible_escapes_what_does_not_print),
        cmocka_unit_test(test_str_dup_ends_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
