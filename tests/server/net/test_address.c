#include "net/address.h"

#include <sys/socket.h>
#include <unistd.h>

#include "support/check.h"

static void test_addresses_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *format;
    } cases[] = {
        {"127.0.0.1:9090", "127.0.0.1:9090"},
        {"127.1.2.3:1", "127.1.2.3:1"},
        {"localhost:80", "127.0.0.1:80"},
        {"[::1]:0", "[::1]:0"},
        {"[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9"},
        {"0.0.0.0:9090", "0.0.0.0:9090"},
        {":9090", "0.0.0.0:9090"},
        {"[::]:9090", "[::]:9090"},
        {"192.0.2.1:65535", "192.0.2.1:65535"},
        {"[2001:db8::1]:443", "[2001:db8::1]:443"},
        {"[::ffff:192.0.2.1]:9", "[::ffff:192.0.2.1]:9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        struct err err;
        char text[ADDRESS_TEXT_MAX];
        if (address_parse(cases[i].text, &a, &err) != 0)
            fail_msg("%s", err.message);
        address_format(&a, text);
        assert_string_equal(text, cases[i].format);
    }
}

static void test_what_is_no_address_is_quoted_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "no port"},
        {"9090", "no port"},
        {"localhost", "no port"},
        {"127.0.0.1:", "not a number"},
        {"127.0.0.1:x", "not a number"},
        {"127.0.0.1:65536", "not a number up to 65535"},
        {"127.0.0.1:-1", "not a number"},
        {"::1:9090", "brackets"},
        {"[::1:9090", "brackets"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        struct err err = {0};
        assert_int_equal(address_parse(cases[i].text, &a, &err), ERR_INVALID);
        if (!strstr(err.message, cases[i].text) || !strstr(err.message, cases[i].reason))
            fail_msg("%s: %s", cases[i].text, err.message);
    }
}

static void test_listening_on_port_0_tells_the_port(void **state)
{
    (void)state;
    struct address a, again;
    struct err err;
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(address_parse("127.0.0.1:0", &a, NULL), 0);
    int fd = address_listen(&a, 8, &err);
    assert_true(fd >= 0);
    address_format(&a, text);
    assert_string_not_equal(text, "127.0.0.1:0");
    again = a;
    assert_int_equal(address_listen(&again, 8, &err), ERR_IO);
    assert_non_null(strstr(err.message, text));
    assert_non_null(strstr(err.message, "another program"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read_and_written),
        cmocka_unit_test(test_what_is_no_address_is_quoted_with_the_reason),
        cmocka_unit_test(test_listening_on_port_0_tells_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
