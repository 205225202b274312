#include "base/regex.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"

static int match(const char *pattern, const char *subject)
{
    struct regex *r = NULL;
    struct err err;
    if (regex_new(str_c(pattern), &r, &err) != 0)
        fail_msg("%s: %s", pattern, err.message);
    int rc = regex_match(r, str_c(subject));
    regex_free(r);
    return rc;
}

static void test_patterns_match_the_whole_subject(void **state)
{
    (void)state;
    assert_int_equal(match("a", "a"), 1);
    assert_int_equal(match("a", "ab"), 0);
    assert_int_equal(match("a|bc", "bc"), 1);
    assert_int_equal(match("a|b", "ab"), 0);
    assert_int_equal(match("", ""), 1);
    assert_int_equal(match("", "x"), 0);
    assert_int_equal(match(".*", "two\nlines"), 1);
    assert_int_equal(match("a$", "a\n"), 0);
    assert_int_equal(match("(?i)AbC", "aBc"), 1);
    assert_int_equal(match("[[:alpha:]]+", "abc"), 1);
    assert_int_equal(match("[]a]+", "]a"), 1);
    assert_int_equal(match("\\Qa.b\\E", "a.b"), 1);
    assert_int_equal(match("\\d{3}", "123"), 1);
    assert_int_equal(match("a{2,3}?", "aaa"), 1);
    assert_int_equal(match("(?P<x>a)b", "ab"), 1);
}

static int search(const char *pattern, const char *subject)
{
    struct regex *r = NULL;
    assert_int_equal(regex_new_search(str_c(pattern), &r, NULL), 0);
    int rc = regex_match(r, str_c(subject));
    regex_free(r);
    return rc;
}

static void test_searching_finds_a_match_anywhere(void **state)
{
    (void)state;
    assert_int_equal(search("b", "abc"), 1);
    assert_int_equal(search("b|x", "abc"), 1);
    assert_int_equal(search("bd", "abc"), 0);
    assert_int_equal(search("^a", "abc"), 1);
    assert_int_equal(search("^b", "abc"), 0);
    assert_int_equal(search("c$", "abc"), 1);
    assert_int_equal(search("[0-9]{3}", "a 12 345"), 1);
    assert_int_equal(search("a.c", "x\na\nc"), 1);
    assert_int_equal(search("", "x"), 1);
}

static void test_dot_and_classes_match_characters_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(match(".", "ü"), 1);
    assert_int_equal(match("..", "ü"), 0);
    assert_int_equal(match("[^a]", "ü"), 1);
    assert_int_equal(match("ü+", "üü"), 1);
    assert_int_equal(match(".*x", "üüx"), 1);
}

/* PCRE2's compiled code for subjects that may not be UTF-8 lets \\D, \\W and \\S by themselves
 * match no character outside ASCII, but classes that contain them do. */
static void test_a_search_finds_characters_that_are_no_digit_word_or_space(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "^\\D",     "^\\W",      "^\\W*$",      "\\D$",      "^[\\D]",        "^[^\\d]$",
        "(?i)^\\W", "^\\PN$",    "^\\P{Greek}", "^\\pL$",    "^\\D{1}$",      "(\\W|a)$",
        "^.$",      "^(?:\\D)$", "^[^\\S]*\\D", "\\Q\\E\\D", "^[[:^digit:]]", "^(?s:\\W)"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
        if (search(patterns[i], "\xc3\xa9") != 1)
            fail_msg("%s does not find e with an accent", patterns[i]);
    assert_int_equal(search("^\\S", "\xe6\x97\xa5"), 1);
    assert_int_equal(search("k=\\S+ x", "k=\xc3\xa9t\xc3\xa9 x"), 1);
    assert_int_equal(search("^\\D", "7"), 0);
    assert_int_equal(search("^\\W", "a"), 0);
    assert_int_equal(search("^\\S", " "), 0);
    assert_int_equal(search("\\\\D", "a\\D"), 1); // a backslash and a letter
    assert_int_equal(search("\\Q\\D\\E", "a\\D"), 1);
    assert_int_equal(search("\\Q\\D", "\xc3\xa9"), 0);
    assert_int_equal(search("[\\]\\D]x", "]x"), 1);
}

static void test_a_line_begins_behind_every_newline(void **state)
{
    (void)state;
    assert_int_equal(search("(?m)^$", "a\n"), 1);
    assert_int_equal(search("(?m)^$", "a\n\nb"), 1);
    assert_int_equal(search("(?m)^b", "a\nb"), 1);
    assert_int_equal(search("(?m)^$", "a"), 0);
    assert_int_equal(search("^$", "a\n"), 0);
    assert_int_equal(match("(?m)a\n^", "a\n"), 1);
}

static void test_a_search_looks_around_what_is_not_utf8(void **state)
{
    (void)state;
    assert_int_equal(search("[a-z]+=ü", "\xff bad k=ü"), 1);
    assert_int_equal(search("a.b", "a\xff"
                                   "b"),
                     0);
    assert_int_equal(search("ab", "\xff"
                                  "ab"),
                     1);
}

static void check_required(const char *pattern, const char *expected)
{
    struct regex *r = NULL;
    struct err err;
    if (regex_new_search(str_c(pattern), &r, &err) != 0)
        fail_msg("%s: %s", pattern, err.message);
    struct str found = regex_required(r);
    if (!str_eq(found, str_c(expected)))
        fail_msg("%s: requires \"%.*s\", not \"%s\"", pattern, STR_ARG(found), expected);
    regex_free(r);
}

static void test_text_that_must_be_there_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *required;
    } cases[] = {
        {"took [0-9]{2} us", "took "},
        {"abc", "abc"},
        {"a.bcd.e", "bcd"},
        {"abc*de", "ab"},
        {"ab+c", "ab"},
        {"abx?", "ab"},
        {"abü?", "ab"},
        {"ab{0,2}cd", "cd"},
        {"a|b", ""},
        {"(abcdef)?gh", "gh"},
        {"(a|b)cd", "cd"},
        {"(?i)abc", ""},
        {"(?:abc)+xy", "xy"},
        {"(?P<name>abc)xyz", "xyz"},
        {"\\.abc\\d", ".abc"},
        {"\\x41bc", ""},
        {"\\Qa|b\\E", ""},
        {"[]abc]de", "de"},
        {"[[:alpha:]]de", ""},
        {"[^\\]x]de", "de"},
        {"x{iap|web|db", ""},
        {"_[[:]_[8[:]bc|d", ""},
        {"ab{c}d", "ab"},
        {"^begin", "begin"},
        {"(a(b)c|d)ef(g", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct regex *r = NULL;
        if (regex_new(str_c(cases[i].pattern), &r, NULL) == 0)
            check_required(cases[i].pattern, cases[i].required);
        regex_free(r);
    }
}

static void test_what_re2_refuses_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "(",   ")",      "a(?=b)",  "a(?!b)", "(?<=a)b",   "(?<!a)b", "(a)\\1", "(?>a)",
        "a*+", "a++",    "a{2}+",   "(?R)",   "(*ACCEPT)", "\\C",     "\\G",    "\\K",
        "\\Z", "\\h",    "a**",     "[",      "*a",        "\\",      "(?#c)",  "(?|a)",
        "\\R", "(?P=x)", "(?'x'a)", "(?P>x)", "(?C1)",     "[\\b]",   "a\\E",   "[\\Qa\\E]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct regex *r = NULL;
        struct err err = {0};
        if (regex_new(str_c(bad[i]), &r, &err) == 0)
            fail_msg("%s was accepted", bad[i]);
        assert_true(err.message[0] != '\0');
    }
}

/* Backtracking would try more ways than there are atoms. */
static void test_patterns_with_many_ways_have_an_answer(void **state)
{
    (void)state;
    char subject[301];
    memset(subject, 'a', sizeof subject - 1);
    subject[sizeof subject - 1] = '\0';
    static const char *const patterns[] = {"(a|aa)+b",          "([a-z]+)*[0-9]",
                                           ".*[a-z]+.*[0-9].*", "|(/?[a-z]+/?)*[0-9]",
                                           "(?i)(A*)*B",        "(x+x+)+y|(a+a+)+"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
        assert_int_equal(match(patterns[i], subject), i == 5);
    subject[sizeof subject - 2] = '7';
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(match(patterns[i], subject), 1);
}

/* The first subject makes it so that the others are matched that way, too. */
static void test_all_alternatives_at_once_give_the_same_answers(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
    } cases[] = {{"(a|aa)+", "aaa"}, {"(a|aa)+", ""},     {"(a|aa)+", "aab"},   {"(a|aa)+|b?", ""},
                 {"(a|aa)+|ä", "ä"}, {"(a|aa)+|.", "ä"},  {"(a|aa)+|^$", ""},   {"(a|aa)+|x$", "x"},
                 {"(a|aa)+|b", "b"}, {"(a|aa)+|.", "\n"}, {"(a|aa)+|b*?", "bb"}};
    char hostile[101];
    memset(hostile, 'a', sizeof hostile - 1);
    hostile[99] = 'c';
    hostile[100] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct regex *r;
        assert_int_equal(regex_new(str_c(cases[i].pattern), &r, NULL), 0);
        int before = regex_match(r, str_c(cases[i].subject));
        assert_int_equal(regex_match(r, str_c(hostile)), 0);
        assert_int_equal(regex_match(r, str_c(cases[i].subject)), before);
        regex_free(r);
    }
}

static void test_a_search_of_a_long_text_has_an_answer(void **state)
{
    (void)state;
    enum { N = 300000 };
    static const char *const patterns[] = {"A.*x", "A.*(A|AA)*x", "(?i)(a*)*x", "A.*[0-9][0-9]"};
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, 'A', N);
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *r;
        assert_int_equal(regex_new_search(str_c(patterns[i]), &r, NULL), 0);
        text[N - 1] = 'A';
        assert_int_equal(regex_match(r, str_of(text, N)), 0);
        text[N - 1] = 'x';
        assert_int_equal(regex_match(r, str_of(text, N)), i < 3);
        regex_free(r);
    }
    free(text);
}

/* A pattern of thousands of states on a large text: refused, not run for minutes. */
static void test_too_much_work_ends_in_an_error(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, 'a', N);
    text[N - 1] = 'c';
    text[N - 2] = 'd';
    struct regex *r;
    assert_int_equal(regex_new_search(STR("((a|aa|b){1,40}){1,40}c"), &r, NULL), 0);
    assert_int_equal(regex_match(r, str_of(text, N)), ERR_TOO_BIG);
    regex_free(r);
    free(text);
}

/* Each round of the group leaves a point to come back to, more than the JIT's stack holds. */
static void test_many_hard_subjects_are_tried_less_hard(void **state)
{
    (void)state;
    struct regex *r = NULL;
    struct regex_toil toil = {0};
    struct str subject = STR("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0");
    assert_int_equal(regex_new(STR("((((x{0,10}){0,10}){0,10}){0,10})"), &r, NULL), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(regex_match_among(r, subject, &toil), ERR_TOO_BIG);
        toil.ns = 0; // the other limit is not met, however slow the machine
    }
    assert_int_equal(toil.hard, REGEX_HARD_MAX);
    regex_free(r);
}

static void test_a_scan_that_has_taken_its_time_tries_little(void **state)
{
    (void)state;
    struct regex *r = NULL;
    struct regex_toil fresh = {0}, spent = {.ns = REGEX_TOIL_MAX_NS + 1};
    struct str subject = STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaab!"); // the slower way decides it
    assert_int_equal(regex_new(STR("(a|a?)+b"), &r, NULL), 0);
    assert_int_equal(regex_match_among(r, subject, &fresh), 0);
    assert_true(fresh.ns > 0);
    assert_int_equal(regex_match_among(r, subject, &spent), ERR_TOO_BIG);
    assert_int_equal(regex_match_among(r, STR("aab"), &spent), 1);
    regex_free(r);
}

static void test_a_long_subject_is_no_hostile_pattern(void **state)
{
    (void)state;
    char subject[10001];
    memset(subject, 'a', sizeof subject - 1);
    subject[sizeof subject - 1] = '\0';
    assert_int_equal(match("(a|b)*", subject), 1);
    assert_int_equal(match("(a|b)*c", subject), 0);
}

static void test_invalid_utf8_subjects_match_byte_wise_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(match(".*", "\xff"), 1);
    assert_int_equal(match("\\w+", "\xff"), 0);
}

static void check_literals(const char *pattern, size_t n, const char *last, const char *prefix)
{
    struct regex *r = NULL;
    assert_int_equal(regex_new(str_c(pattern), &r, NULL), 0);
    const struct str *literals;
    assert_int_equal(regex_literals(r, &literals), n);
    if (n)
        assert_true(str_eq(literals[n - 1], str_c(last)));
    assert_true(str_eq(regex_prefix(r), str_c(prefix)));
    regex_free(r);
}

static void test_literals_and_prefixes_are_found(void **state)
{
    (void)state;
    check_literals("abc", 1, "abc", "abc");
    check_literals("a|bc|", 3, "", "");
    check_literals("(a|b)", 2, "b", "");
    check_literals("(?:x\\.y|b)", 2, "b", "");
    check_literals("a\\.b", 1, "a.b", "a.b");
    check_literals("abc.*", 0, NULL, "abc");
    check_literals("abc*", 0, NULL, "ab");
    check_literals("ab\\d", 0, NULL, "ab");
    check_literals("abü?", 0, NULL, "ab");
    check_literals("(a|b)(c|d)", 0, NULL, "");
    check_literals("(?i)abc", 0, NULL, "");
    check_literals("ab\\Q\\E?", 0, NULL, "a");
    check_literals("^abc", 0, NULL, "");
}

static void check_expand(const char *pattern, const char *subject, const char *template,
                         const char *expected)
{
    struct regex *r = NULL;
    struct buf out = BUF_MAX(1 << 12);
    assert_int_equal(regex_new(str_c(pattern), &r, NULL), 0);
    assert_int_equal(regex_expand(r, str_c(subject), str_c(template), &out), 1);
    if (!str_eq(buf_str(&out), str_c(expected)))
        fail_msg("%s -> %.*s, expected %s", template, STR_ARG(buf_str(&out)), expected);
    buf_done(&out);
    regex_free(r);
}

static void test_templates_expand_as_in_go(void **state)
{
    (void)state;
    check_expand("(.*)-(.*)", "a-b", "$2/$1", "b/a");
    check_expand("(.*)-(.*)", "a-b", "${2}x$$1", "bx$1");
    check_expand("(.*)", "a", "$1x", ""); // the group is called "1x"
    check_expand("(?P<host>.*):\\d+", "h:1", "<$host> ${host}", "<h> h");
    check_expand("a(b)?", "a", "[$1][$9]", "[][]");
    check_expand("a", "a", "$ ${ ${} $", "$ ${ ${} $");
    check_expand("(x)|(y)", "y", "$1$2$0", "yy");
}

static void test_expand_appends_nothing_without_a_match(void **state)
{
    (void)state;
    struct regex *r = NULL;
    struct buf out = BUF_MAX(16);
    assert_int_equal(regex_new(STR("a"), &r, NULL), 0);
    assert_int_equal(regex_expand(r, STR("b"), STR("x"), &out), 0);
    assert_int_equal(out.n, 0);
    regex_free(r);
    buf_done(&out);
}

static void test_overlong_patterns_are_too_big(void **state)
{
    (void)state;
    enum { N = 70000, PLAIN = (1 << 20) + 1 };
    char *text = malloc(PLAIN);
    assert_non_null(text);
    memset(text, 'a', PLAIN);
    struct regex *r = NULL;
    assert_int_equal(regex_new(str_of(text, PLAIN), &r, NULL), ERR_TOO_BIG);
    text[N - 1] = '.';
    assert_int_equal(regex_new(str_of(text, N), &r, NULL), ERR_TOO_BIG);
    free(text);
}

/* "(v00000|v00001|…)", of n. */
static struct str alternation(size_t n)
{
    struct buf out = BUF_MAX(1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, "%sv%05zu", i ? "|" : "(", i);
    buf_puts(&out, ")");
    size_t length = 0;
    const char *text = buf_take(&out, &length);
    assert_non_null(text);
    return str_of(text, length);
}

static void test_plain_alternations_may_be_longer_than_what_is_compiled(void **state)
{
    (void)state;
    struct str pattern = alternation(20000);
    const struct str *literals;
    struct regex *r = NULL;
    struct buf out = BUF_MAX(64);
    assert_int_equal(regex_new(pattern, &r, NULL), 0);
    assert_int_equal(regex_literals(r, &literals), 20000);
    assert_int_equal(regex_match(r, STR("v00000")), 1);
    assert_int_equal(regex_match(r, STR("v19999")), 1);
    assert_int_equal(regex_match(r, STR("v20000")), 0);
    assert_int_equal(regex_match(r, STR("")), 0);
    assert_int_equal(regex_expand(r, STR("v07777"), STR("$0 $1 $2 $x"), &out), 1);
    assert_true(str_eq(buf_str(&out), STR("v07777 v07777  ")));
    assert_int_equal(regex_expand(r, STR("v"), STR("$0"), &out), 0);
    buf_done(&out);
    regex_free(r);
    free((void *)(uintptr_t)pattern.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_the_whole_subject),
        cmocka_unit_test(test_searching_finds_a_match_anywhere),
        cmocka_unit_test(test_dot_and_classes_match_characters_not_bytes),
        cmocka_unit_test(test_what_re2_refuses_is_refused),
        cmocka_unit_test(test_patterns_with_many_ways_have_an_answer),
        cmocka_unit_test(test_all_alternatives_at_once_give_the_same_answers),
        cmocka_unit_test(test_a_search_of_a_long_text_has_an_answer),
        cmocka_unit_test(test_too_much_work_ends_in_an_error),
        cmocka_unit_test(test_many_hard_subjects_are_tried_less_hard),
        cmocka_unit_test(test_a_scan_that_has_taken_its_time_tries_little),
        cmocka_unit_test(test_a_long_subject_is_no_hostile_pattern),
        cmocka_unit_test(test_invalid_utf8_subjects_match_byte_wise_or_not_at_all),
        cmocka_unit_test(test_literals_and_prefixes_are_found),
        cmocka_unit_test(test_templates_expand_as_in_go),
        cmocka_unit_test(test_expand_appends_nothing_without_a_match),
        cmocka_unit_test(test_overlong_patterns_are_too_big),
        cmocka_unit_test(test_plain_alternations_may_be_longer_than_what_is_compiled),
        cmocka_unit_test(test_a_search_finds_characters_that_are_no_digit_word_or_space),
        cmocka_unit_test(test_a_line_begins_behind_every_newline),
        cmocka_unit_test(test_a_search_looks_around_what_is_not_utf8),
        cmocka_unit_test(test_text_that_must_be_there_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
