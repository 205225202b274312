#include "base/ends.h"

#include "support/check.h"

enum { TEXTS = 300 };

/* Ends of texts of 0 to 3 bytes; returns their bytes. */
static uint32_t make_ends(uint32_t ends[TEXTS])
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < TEXTS; i++)
        ends[i] = end += i * 7 % 4;
    return end;
}

static void test_byte_is_found_from_each_text_before_it(void **state)
{
    (void)state;
    uint32_t ends[TEXTS], bytes = make_ends(ends), text = 0;
    for (uint32_t at = 0; at < bytes; at++) {
        while (ends[text] <= at)
            text++;
        for (uint32_t from = 0; from <= text; from++)
            assert_int_equal(ends_find(ends, from, TEXTS, at), text);
    }
}

static void test_byte_behind_all_texts_is_in_none(void **state)
{
    (void)state;
    uint32_t ends[TEXTS], bytes = make_ends(ends);
    for (uint32_t from = 0; from <= TEXTS; from++)
        assert_int_equal(ends_find(ends, from, TEXTS, bytes), TEXTS);
    assert_int_equal(ends_find(ends, 0, TEXTS, SIZE_MAX), TEXTS);
    assert_int_equal(ends_find(NULL, 0, 0, 0), 0);
}

static void test_empty_texts_have_no_byte(void **state)
{
    (void)state;
    const uint32_t ends[] = {0, 0, 2, 2, 2, 3, 3};
    assert_int_equal(ends_find(ends, 0, 7, 0), 2);
    assert_int_equal(ends_find(ends, 0, 7, 1), 2);
    assert_int_equal(ends_find(ends, 0, 7, 2), 5);
    assert_int_equal(ends_find(ends, 3, 7, 2), 5);
    assert_int_equal(ends_find(ends, 0, 7, 3), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_is_found_from_each_text_before_it),
        cmocka_unit_test(test_byte_behind_all_texts_is_in_none),
        cmocka_unit_test(test_empty_texts_have_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
