#include <stdlib.h>
#include <string.h>

#include "core/attr_match.h"
#include "support/check.h"

enum { LENGTH_MAX = 40 };

/* Exactly as long as it says, so that reading beyond it is seen. */
static char *text_of(size_t n)
{
    char *text = malloc(n + !n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 26);
    return text;
}

static struct attr_words words_of(const tt_attr *a)
{
    struct attr_words words;
    assert_true(attr_words_of(a, &words));
    return words;
}

/* Whether `given` is taken for a copy of `kept`. */
static bool matches(const tt_attr *kept, const tt_attr *given)
{
    struct attr_words kept_words = words_of(kept), given_words = words_of(given);
    char *copy = malloc(attr_copy_size(kept));
    assert_non_null(copy);
    char *end = attr_copy(copy, kept, &kept_words);
    assert_int_equal(end - copy, attr_copy_size(kept));
    const char *matched = attr_match(copy, given, &given_words);
    assert_true(!matched || matched == end);
    free(copy);
    return matched != NULL;
}

static tt_attr attr_of(const char *key, size_t key_n, tt_value value)
{
    return (tt_attr){.key = key, .key_n = key_n, .value = value};
}

static void test_copies_match_what_they_were_made_of(void **state)
{
    (void)state;
    for (size_t key_n = 1; key_n <= LENGTH_MAX; key_n++) {
        for (size_t n = 0; n <= LENGTH_MAX; n++) {
            char *key = text_of(key_n), *text = text_of(n);
            tt_attr a = attr_of(key, key_n, tt_value_text(text, n));
            assert_true(matches(&a, &a));
            a.value = tt_value_bytes(text, n);
            assert_true(matches(&a, &a));
            free(key);
            free(text);
        }
    }
}

static void test_each_byte_of_a_text_tells(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LENGTH_MAX; n++) {
        char *text = text_of(n), *other = text_of(n);
        tt_attr a = attr_of("key", 3, tt_value_text(text, n));
        tt_attr b = attr_of("key", 3, tt_value_text(other, n));
        for (size_t i = 0; i < n; i++) {
            other[i] ^= 1;
            assert_false(matches(&a, &b));
            other[i] ^= 1;
        }
        b.value.n--;
        assert_false(matches(&a, &b));
        free(text);
        free(other);
    }
}

static void test_each_byte_of_a_key_tells(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LENGTH_MAX; n++) {
        char *key = text_of(n), *other = text_of(n);
        tt_attr a = attr_of(key, n, tt_value_int(1)), b = attr_of(other, n, tt_value_int(1));
        for (size_t i = 0; i < n; i++) {
            other[i] ^= 1;
            assert_false(matches(&a, &b));
            other[i] ^= 1;
        }
        b.key_n--;
        assert_false(matches(&a, &b));
        free(key);
        free(other);
    }
}

static void test_long_texts_of_one_hash_are_compared(void **state)
{
    (void)state;
    char text[] = "0123456789abcdefghij", other[] = "0123456789abcdefghij";
    tt_attr a = attr_of("key", 3, tt_value_str(text)), b = attr_of("key", 3, tt_value_str(other));
    struct attr_words words = words_of(&a);
    char copy[128];
    (void)attr_copy(copy, &a, &words);
    assert_non_null(attr_match(copy, &b, &words));
    other[9] = 'x';
    assert_null(attr_match(copy, &b, &words));
}

static void test_values_of_different_types_differ(void **state)
{
    (void)state;
    const tt_value values[] = {tt_value_int(0),     tt_value_double(0), tt_value_bool(false),
                               tt_value_bool(true), tt_value_str(""),   tt_value_bytes("", 0)};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            tt_attr a = attr_of("key", 3, values[i]), b = attr_of("key", 3, values[k]);
            assert_int_equal(matches(&a, &b), i == k);
        }
    }
}

/* Only the first byte of truth is one. */
static void test_what_surrounds_truth_does_not_tell(void **state)
{
    (void)state;
    tt_attr a = attr_of("key", 3, tt_value_bool(true)), b = a;
    memset(&b.value.as, 0xff, sizeof b.value.as);
    b.value.as.truth = true;
    assert_true(matches(&a, &b));
}

static void test_arrays_and_maps_have_no_words(void **state)
{
    (void)state;
    tt_value item = tt_value_int(1);
    tt_attr field = attr_of("a", 1, item);
    tt_attr array = attr_of("key", 3, tt_value_array(&item, 1));
    tt_attr map = attr_of("key", 3, tt_value_map(&field, 1));
    struct attr_words words;
    uint64_t hash = 0;
    assert_false(attr_words_of(&array, &words));
    assert_false(attr_words_of(&map, &words));
    assert_false(attrs_hash(&array, 1, &words, &hash));
}

/* By the uppermost bits, which choose where a set is kept. */
static void test_hashes_of_numbers_in_sequence_spread(void **state)
{
    (void)state;
    enum { SETS = 4096, PLACES = 1024 };
    size_t used = 0;
    bool seen[PLACES] = {false};
    for (int i = 0; i < SETS; i++) {
        tt_attr attrs[] = {tt_int("code", i), tt_str("method", "GET")};
        struct attr_words words[2];
        uint64_t hash = 1;
        assert_true(attrs_hash(attrs, 2, words, &hash));
        used += !seen[hash >> 54];
        seen[hash >> 54] = true;
    }
    assert_in_range(used, PLACES * 9 / 10, PLACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_match_what_they_were_made_of),
        cmocka_unit_test(test_each_byte_of_a_text_tells),
        cmocka_unit_test(test_each_byte_of_a_key_tells),
        cmocka_unit_test(test_long_texts_of_one_hash_are_compared),
        cmocka_unit_test(test_values_of_different_types_differ),
        cmocka_unit_test(test_what_surrounds_truth_does_not_tell),
        cmocka_unit_test(test_arrays_and_maps_have_no_words),
        cmocka_unit_test(test_hashes_of_numbers_in_sequence_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
