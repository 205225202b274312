#include "base/buf.h"

#include <stdint.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/fail_alloc.h"

static void test_buf_collects_all_kinds(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(1 << 10);
    buf_puts(&b, "a");
    buf_putc(&b, 'b');
    buf_put_str(&b, STR("cd"));
    buf_put(&b, "e\0f", 3);
    buf_printf(&b, "[%d %s]", 7, "x");
    buf_put_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_put_i64(&b, INT64_MIN);
    buf_put_i64(&b, 0);
    assert_true(
        str_eq(buf_str(&b), STR("abcde\0f[7 x]18446744073709551615 -92233720368547758080")));
    buf_done(&b);
}

static void test_buf_never_holds_more_than_its_maximum(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(10);
    buf_puts(&b, "0123456789");
    assert_false(buf_failed(&b));
    buf_putc(&b, 'x');
    assert_true(buf_failed(&b));
    check_str(buf_str(&b), "0123456789");
    buf_reset(&b);
    buf_puts(&b, "01234567890");
    assert_true(buf_failed(&b));
    buf_putc(&b, 'x'); // would fit, but failure is sticky
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

static void test_buf_of_zeros_takes_nothing(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_put(&b, NULL, 0);
    assert_false(buf_failed(&b));
    buf_putc(&b, 'x');
    assert_true(buf_failed(&b));
    buf_done(&b);
}

static void test_buf_printf_of_long_text_is_whole(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct buf b = BUF_MAX(sizeof text);
    buf_printf(&b, "%s", text);
    assert_false(buf_failed(&b));
    check_str(buf_str(&b), text);
    buf_printf(&b, "%s", "xx");
    assert_true(buf_failed(&b));
    buf_done(&b);
}

static void test_buf_reserve_and_advance_write_in_place(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(1000);
    char *to = buf_reserve(&b, 600);
    assert_non_null(to);
    memcpy(to, "abc", 3);
    buf_advance(&b, 3);
    check_str(buf_str(&b), "abc");
    assert_null(buf_reserve(&b, 998));
    assert_true(buf_failed(&b));
    buf_done(&b);
}

static void test_buf_take_hands_over_with_a_nul(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(3);
    buf_puts(&b, "abc"); // full: the NUL does not count
    size_t n;
    char *p = buf_take(&b, &n);
    assert_non_null(p);
    assert_int_equal(n, 3);
    assert_string_equal(p, "abc");
    free(p);
    buf_puts(&b, "de"); // empty and usable again
    check_str(buf_str(&b), "de");
    buf_puts(&b, "fg");
    assert_null(buf_take(&b, &n));
    buf_puts(&b, "h");
    check_str(buf_str(&b), "h");
    buf_done(&b);
}

static void test_buf_with_no_limit_refuses_what_no_memory_holds(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(SIZE_MAX);
    buf_puts(&b, "x");
    assert_null(buf_reserve(&b, SIZE_MAX - 1));
    assert_true(buf_failed(&b));
    check_str(buf_str(&b), "x");
    buf_done(&b);
}

static void test_buf_keeps_its_bytes_when_memory_runs_out(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct buf b = BUF_MAX(1 << 20);
        fail_alloc_at(n);
        size_t put = 0;
        for (; put < 100000 && !buf_failed(&b); put++)
            buf_putc(&b, (char)('a' + put % 26));
        bool happened = fail_alloc_happened();
        assert_int_equal(buf_failed(&b), happened);
        assert_int_equal(b.n, happened ? put - 1 : put);
        for (size_t i = 0; i < b.n; i++)
            if (b.p[i] != (char)('a' + i % 26))
                fail_msg("byte %zu changed", i);
        buf_done(&b);
        if (!happened)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_collects_all_kinds),
        cmocka_unit_test(test_buf_never_holds_more_than_its_maximum),
        cmocka_unit_test(test_buf_of_zeros_takes_nothing),
        cmocka_unit_test(test_buf_printf_of_long_text_is_whole),
        cmocka_unit_test(test_buf_reserve_and_advance_write_in_place),
        cmocka_unit_test(test_buf_take_hands_over_with_a_nul),
        cmocka_unit_test(test_buf_with_no_limit_refuses_what_no_memory_holds),
        cmocka_unit_test(test_buf_keeps_its_bytes_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
