/* What a predicate says of one value. */
#include "store/embedded/records/predicate.h"

#include <math.h>

#include "base/regex.h"
#include "harness.h"

static bool says(enum predicate_op op, struct any of, struct any value)
{
    const struct predicate p = {.op = op, .value = value};
    int rc = predicate_matches(&p, &of);
    assert_true(rc == 0 || rc == 1);
    return rc;
}

static bool text_says(enum predicate_op op, const char *of, const char *value)
{
    return says(op, any_string(str_c(of)), any_string(str_c(value)));
}

static void test_numbers_are_compared_by_value_and_without_rounding(void **state)
{
    (void)state;
    assert_true(says(PREDICATE_EQ, any_int(2), any_double(2)));
    assert_true(says(PREDICATE_EQ, any_double(-0.0), any_int(0)));
    assert_false(says(PREDICATE_EQ, any_int(INT64_MAX), any_double(0x1p63)));
    assert_true(says(PREDICATE_LT, any_int(INT64_MAX), any_double(0x1p63)));
    assert_true(says(PREDICATE_GE, any_int(INT64_MIN), any_double(-0x1p63)));
    assert_true(says(PREDICATE_GT, any_int((1LL << 53) + 1), any_double(0x1p53)));
    assert_true(says(PREDICATE_LT, any_int(1), any_double(1.5)));
    assert_true(says(PREDICATE_GT, any_double(1.5), any_int(1)));
    assert_true(says(PREDICATE_LT, any_int(-2), any_double(-1.5)));
    assert_true(says(PREDICATE_LE, any_double(INFINITY), any_double(INFINITY)));
}

static void test_nan_is_in_no_order(void **state)
{
    (void)state;
    for (int op = PREDICATE_LT; op <= PREDICATE_GE; op++) {
        assert_false(says((enum predicate_op)op, any_double(NAN), any_double(1)));
        assert_false(says((enum predicate_op)op, any_int(1), any_double(NAN)));
    }
}

static void test_types_are_not_converted(void **state)
{
    (void)state;
    assert_false(says(PREDICATE_EQ, any_string(STR("1")), any_int(1)));
    assert_false(says(PREDICATE_EQ, any_bool(true), any_int(1)));
    assert_false(says(PREDICATE_EQ, any_bytes(STR("a")), any_string(STR("a"))));
    assert_false(says(PREDICATE_LT, any_string(STR("1")), any_int(2)));
    assert_false(says(PREDICATE_LT, any_bool(false), any_bool(true)));
    assert_true(says(PREDICATE_EXISTS, (struct any){.type = ANY_EMPTY}, any_int(0)));
}

static void test_texts_are_ordered_by_bytes(void **state)
{
    (void)state;
    assert_true(text_says(PREDICATE_LT, "B", "a"));
    assert_true(text_says(PREDICATE_GT, "ab", "a"));
    assert_true(text_says(PREDICATE_LE, "a", "a"));
    assert_true(text_says(PREDICATE_GE, "\xc3\xa4", "z"));
}

static void test_substrings_with_and_without_case(void **state)
{
    (void)state;
    assert_true(text_says(PREDICATE_CONTAINS, "connection timed out", "med o"));
    assert_false(text_says(PREDICATE_CONTAINS, "connection Timed out", "timed"));
    assert_true(text_says(PREDICATE_CONTAINS_NOCASE, "connection TIMED out", "timed"));
    assert_true(text_says(PREDICATE_CONTAINS, "", ""));
    assert_true(text_says(PREDICATE_CONTAINS_NOCASE, "abc", ""));
    assert_false(text_says(PREDICATE_CONTAINS_NOCASE, "ab", "abc"));
    assert_true(text_says(PREDICATE_CONTAINS_NOCASE, "aAaAB", "aab"));
}

static void test_a_phrase_ends_where_words_end(void **state)
{
    (void)state;
    assert_true(text_says(PREDICATE_PHRASE, "It Timed Out!", "timed out"));
    assert_false(text_says(PREDICATE_PHRASE, "timed outer", "timed out"));
    assert_false(text_says(PREDICATE_PHRASE, "untimed out", "timed out"));
    assert_true(text_says(PREDICATE_PHRASE, "untimed out, timed out", "timed out"));
    assert_true(text_says(PREDICATE_PHRASE, "[500]", "500"));
    assert_true(text_says(PREDICATE_PHRASE, "x/500/y", "/500/"));
    assert_false(text_says(PREDICATE_PHRASE, "error_500", "500"));
}

static void test_texts_within_arrays_and_maps_are_searched(void **state)
{
    (void)state;
    const struct any items[] = {any_int(1), any_string(STR("needle in it"))};
    const struct attribute pairs[] = {{STR("needle"), any_int(1)}, {STR("k"), any_array(items, 2)}};
    assert_true(says(PREDICATE_CONTAINS, any_map(pairs, 2), any_string(STR("needle"))));
    assert_false(says(PREDICATE_CONTAINS, any_map(pairs, 1), any_string(STR("needle"))));
    assert_false(says(PREDICATE_CONTAINS, any_bytes(STR("needle")), any_string(STR("needle"))));
}

static void test_a_regex_is_asked_of_strings(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_new(STR(".*time(d )?out.*"), &regex, NULL), 0);
    const struct predicate p = {.op = PREDICATE_REGEX, .regex = regex};
    struct any yes = any_string(STR("a timeout b")), no = any_string(STR("time")), n = any_int(1);
    assert_int_equal(predicate_matches(&p, &yes), 1);
    assert_int_equal(predicate_matches(&p, &no), 0);
    assert_int_equal(predicate_matches(&p, &n), 0);
    regex_free(regex);
}

static void test_numbers_are_searched_as_text_where_that_is_asked_for(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_new_search(STR("^(5..|1.5|true)$"), &regex, NULL), 0);
    const struct any values[] = {any_int(503), any_double(1.5), any_bool(true), any_int(1503)};
    struct any nested = any_array(values, 1);
    struct predicate p = {.op = PREDICATE_REGEX, .regex = regex};
    for (int i = 0; i < 4; i++)
        assert_int_equal(predicate_matches(&p, &values[i]), 0);
    p.scalars = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(predicate_matches(&p, &values[i]), 1);
    assert_int_equal(predicate_matches(&p, &values[3]), 0);
    assert_int_equal(predicate_matches(&p, &nested), 1);
    const struct predicate part = {
        .op = PREDICATE_CONTAINS_NOCASE, .value = any_string(STR("50")), .scalars = true};
    assert_int_equal(predicate_matches(&part, &values[3]), 1);
    assert_int_equal(predicate_matches(&part, &values[1]), 0);
    regex_free(regex);
}

/* The naive search: at every place. */
static size_t find_slowly(const struct predicate *p, struct str text, size_t at)
{
    struct str needle = any_text(&p->value);
    for (; at + needle.n <= text.n; at++) {
        const struct predicate exact = {.op = PREDICATE_EQ, .value = p->value};
        struct any here = any_string(str_sub(text, at, needle.n));
        bool left = at && text.p[at - 1] != ' ',
             right = at + needle.n < text.n && text.p[at + needle.n] != ' ';
        if (predicate_matches(&exact, &here) == 1 &&
            (p->op == PREDICATE_CONTAINS || !(left || right)))
            return at;
    }
    return text.n;
}

static void test_places_are_those_of_a_naive_search(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        char text[64], needle[4];
        size_t n = check_random(&seed) % sizeof text, m = 1 + check_random(&seed) % sizeof needle;
        for (size_t i = 0; i < n; i++)
            text[i] = "aab "[check_random(&seed) % 4];
        for (size_t i = 0; i < m; i++)
            needle[i] = "aab"[check_random(&seed) % 3];
        const struct predicate p = {.op = round % 2 ? PREDICATE_CONTAINS : PREDICATE_PHRASE,
                                    .value = any_string(str_of(needle, m))};
        size_t from = n ? check_random(&seed) % n : 0;
        assert_int_equal(predicate_find(&p, str_of(text, n), from),
                         find_slowly(&p, str_of(text, n), from));
    }
}

static void test_a_set_has_its_texts_by_type(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct any values[] = {any_string(STR("a")), any_bytes(STR("b")), any_string(STR("")),
                                 any_string(STR("a"))};
    const struct predicate p = {.op = PREDICATE_IN, .set = text_set_make(&arena, values, 4)};
    const struct predicate none = {.op = PREDICATE_IN, .set = text_set_make(&arena, NULL, 0)};
    const struct any in[] = {values[0], values[1], values[2]};
    const struct any out[] = {any_bytes(STR("a")), any_string(STR("b")), any_string(STR("aa")),
                              any_int(1), any_bytes(STR(""))};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        assert_int_equal(predicate_matches(&p, &in[i]), 1);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        assert_int_equal(predicate_matches(&p, &out[i]), 0);
    assert_int_equal(predicate_matches(&none, &in[0]), 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_compared_by_value_and_without_rounding),
        cmocka_unit_test(test_nan_is_in_no_order),
        cmocka_unit_test(test_types_are_not_converted),
        cmocka_unit_test(test_texts_are_ordered_by_bytes),
        cmocka_unit_test(test_substrings_with_and_without_case),
        cmocka_unit_test(test_a_phrase_ends_where_words_end),
        cmocka_unit_test(test_texts_within_arrays_and_maps_are_searched),
        cmocka_unit_test(test_a_regex_is_asked_of_strings),
        cmocka_unit_test(test_numbers_are_searched_as_text_where_that_is_asked_for),
        cmocka_unit_test(test_places_are_those_of_a_naive_search),
        cmocka_unit_test(test_a_set_has_its_texts_by_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
