#include "base/err.h"

#include <errno.h>

#include "support/check.h"

static void test_err_set_returns_the_code_and_keeps_the_message(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_INVALID, "%d bytes; expected %d", 15, 16), ERR_INVALID);
    assert_int_equal(e.code, ERR_INVALID);
    assert_string_equal(e.message, "15 bytes; expected 16");
}

static void test_err_without_a_place_for_it_still_returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
    assert_int_equal(err_prefix(NULL, ERR_BUSY, "x"), ERR_BUSY);
    errno = ENOENT;
    assert_int_equal(err_errno(NULL, "x"), ERR_IO);
}

static void test_err_errno_names_the_reason_and_keeps_errno(void **state)
{
    (void)state;
    struct err e;
    errno = ENOENT;
    assert_int_equal(err_errno(&e, "open %s", "/x"), ERR_IO);
    assert_string_equal(e.message, "open /x: No such file or directory");
    assert_int_equal(errno, ENOENT);
    errno = ENOMEM;
    assert_int_equal(err_errno(&e, "map"), ERR_NOMEM);
}

static void test_err_prefix_tells_where(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_set(&e, ERR_CORRUPT, "bad magic");
    assert_int_equal(err_prefix(&e, ERR_CORRUPT, "part %d", 3), ERR_CORRUPT);
    assert_string_equal(e.message, "part 3: bad magic");
    struct err none = {0};
    assert_int_equal(err_prefix(&none, 0, "x"), 0);
    assert_string_equal(none.message, "");
}

static void test_err_cuts_long_messages(void **state)
{
    (void)state;
    char text[2 * ERR_MESSAGE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err e;
    (void)err_set(&e, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
    for (int i = 0; i < 20; i++) { // the prefixes eat the message up, and no more than that
        (void)err_prefix(&e, ERR_INVALID, "%.100s", text);
        assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
    }
    (void)err_prefix(&e, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(e.message), ERR_MESSAGE_MAX - 1);
}

static void test_err_names_every_code(void **state)
{
    (void)state;
    assert_string_equal(err_name(0), "ok");
    for (int code = ERR_INTERNAL; code < 0; code++)
        for (int other = code + 1; other <= 0; other++)
            assert_string_not_equal(err_name(code), err_name(other));
    assert_string_equal(err_name(-1000), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_returns_the_code_and_keeps_the_message),
        cmocka_unit_test(test_err_without_a_place_for_it_still_returns_the_code),
        cmocka_unit_test(test_err_errno_names_the_reason_and_keeps_errno),
        cmocka_unit_test(test_err_prefix_tells_where),
        cmocka_unit_test(test_err_cuts_long_messages),
        cmocka_unit_test(test_err_names_every_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
