#include "base/glob.h"

#include "base/compiler.h"
#include "support/check.h"

static void test_star_is_any_text_and_question_mark_any_character(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"?", "", false},
        {"?", "a", true},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"*b", "abc", false},
        {"a*b*c", "axbybc", true},
        {"a*b*c", "axbyb", false},
        {"**a**", "a", true},
        {"*ab", "aab", true},
        {"a*?", "a", false},
        {"abc", "abcd", false},
        {"abcd", "abc", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (glob_fits(str_c(cases[i].pattern), str_c(cases[i].text)) != cases[i].fits)
            fail_msg("\"%s\", \"%s\"", cases[i].pattern, cases[i].text);
}

static void test_case_counts_unless_it_shall_not(void **state)
{
    (void)state;
    assert_false(glob_fits(STR("HTTP.*"), STR("http.route")));
    assert_true(glob_fits_nocase(STR("HTTP.*"), STR("http.route")));
    assert_true(glob_fits_nocase(STR("a[z"), STR("A[Z")));
    assert_false(glob_fits_nocase(STR("["), STR("{"))); // as far apart as letters are
    assert_false(glob_fits_nocase(STR("\xc3\xa4"), STR("\xc3\x84")));
}

static void test_a_zero_byte_is_no_star(void **state)
{
    (void)state;
    assert_false(glob_fits(STR("a"), STR("a\0")));
    assert_true(glob_fits(STR("a?"), STR("a\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_star_is_any_text_and_question_mark_any_character),
        cmocka_unit_test(test_case_counts_unless_it_shall_not),
        cmocka_unit_test(test_a_zero_byte_is_no_star),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
