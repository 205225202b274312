/* Base64: every length comes back from each of its spellings; what is none is refused. */
#include "codec/base64.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

enum { LENGTH_MAX = 200 };

static void decodes_to(struct str text, struct str bytes)
{
    struct arena arena;
    struct str back;
    arena_init(&arena, 1 << 16);
    assert_int_equal(base64_decode(text, &arena, &back), 0);
    assert_true(str_eq(back, bytes));
    arena_done(&arena);
}

/* '+' and '/' become '-' and '_', and padding goes. */
static struct str url_safe(struct buf *text)
{
    size_t n = text->n;
    while (n && text->p[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        text->p[i] = text->p[i] == '+' ? '-' : text->p[i] == '/' ? '_' : text->p[i];
    return str_of(text->p, n);
}

static void test_bytes_of_every_length_come_back_from_both_alphabets(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (size_t n = 0; n <= LENGTH_MAX; n++) {
        char *bytes = malloc(n + !n); // of that size, so that a read beyond it is found
        struct buf text = BUF_MAX(1 << 10);
        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)check_random(&random);
        base64_encode(&text, str_of(bytes, n));
        assert_int_equal(text.n, (n + 2) / 3 * 4);
        decodes_to(buf_str(&text), str_of(bytes, n));
        decodes_to(url_safe(&text), str_of(bytes, n));
        buf_done(&text);
        free(bytes);
    }
}

static void test_the_examples_of_the_specification_are_written_so(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"f", "Zg=="},         {"fo", "Zm8="},
                                           {"foo", "Zm9v"},       {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf text = BUF_MAX(64);
        base64_encode(&text, str_c(pairs[i][0]));
        check_str(buf_str(&text), pairs[i][1]);
        buf_done(&text);
    }
}

static void test_what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"A", "AAAAA", "A===", "AA=A", "A A=", "AA\xff=", "====="};
    struct arena arena;
    struct str out;
    arena_init(&arena, 1 << 10);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(base64_decode(str_c(wrong[i]), &arena, &out), ERR_INVALID);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_every_length_come_back_from_both_alphabets),
        cmocka_unit_test(test_the_examples_of_the_specification_are_written_so),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
