/* Short texts: all lengths around where another way is taken. */
#include "base/short.h"

#include <stdlib.h>

#include "support/check.h"

enum { LONGEST = 40 };

/* `n` bytes of their own, so that a look beyond them is seen. */
static struct str text_new(size_t n)
{
    char *p = malloc(n ? n : 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + i % 26);
    return str_of(p, n);
}

static void text_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

static void test_short_texts_are_equal_when_all_their_bytes_are(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LONGEST; n++) {
        struct str a = text_new(n), b = text_new(n);
        assert_true(short_eq(a, b));
        assert_true(n == 0 || !short_eq(a, str_sub(b, 0, n - 1)));
        for (size_t i = 0; i < n; i++) {
            char *changed = (char *)(uintptr_t)&b.p[i];
            *changed ^= 1;
            assert_false(short_eq(a, b));
            *changed ^= 1;
        }
        text_free(a);
        text_free(b);
    }
}

static void test_short_texts_are_copied_whole_and_nothing_else(void **state)
{
    (void)state;
    for (size_t n = 0; n <= LONGEST; n++) {
        struct str s = text_new(n);
        char to[LONGEST + 2];
        memset(to, '.', sizeof to);
        assert_ptr_equal(short_copy(to + 1, s), to + 1 + n);
        assert_true(str_eq(str_of(to + 1, n), s));
        assert_int_equal(to[0], '.');
        assert_int_equal(to[n + 1], '.');
        text_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_texts_are_equal_when_all_their_bytes_are),
        cmocka_unit_test(test_short_texts_are_copied_whole_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
