#include "declare/scalar.h"

#include <stdlib.h>

#include "support/check.h"

static void becomes(const char *text, const char *expected)
{
    struct buf out = BUF_MAX(4096);
    assert_true(scalar_substitute(&out, str_c(text)));
    buf_putc(&out, '\0');
    assert_string_equal(out.p, expected);
    buf_done(&out);
}

static void is_refused(const char *text)
{
    struct buf out = BUF_MAX(4096);
    assert_false(scalar_substitute(&out, str_c(text)));
    buf_done(&out);
}

/* The cases of OpenTelemetry's specification of the data model. */
static void test_variables_are_put_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("STRING_VALUE", "value", 1), 0);
    assert_int_equal(setenv("EMPTY", "", 1), 0);
    assert_int_equal(setenv("REPLACE_ME", "${DO_NOT_REPLACE_ME}", 1), 0);
    (void)unsetenv("UNDEFINED_KEY");
    becomes("${STRING_VALUE}", "value");
    becomes("${env:STRING_VALUE}", "value");
    becomes("foo ${STRING_VALUE} ${STRING_VALUE}", "foo value value");
    becomes("${UNDEFINED_KEY}", "");
    becomes("${UNDEFINED_KEY:-fallback}", "fallback");
    becomes("${EMPTY:-fallback}", "fallback");
    becomes("${UNDEFINED_KEY:-}", "");
    becomes("${REPLACE_ME}", "${DO_NOT_REPLACE_ME}");
    becomes("${UNDEFINED_KEY:-${STRING_VALUE}", "${STRING_VALUE");
    becomes("plain", "plain");
    becomes("", "");
}

static void test_two_dollar_signs_are_one(void **state)
{
    (void)state;
    assert_int_equal(setenv("STRING_VALUE", "value", 1), 0);
    becomes("$${STRING_VALUE}", "${STRING_VALUE}");
    becomes("$$${STRING_VALUE}", "$value");
    becomes("$$$${STRING_VALUE}", "$${STRING_VALUE}");
    becomes("$${STRING_VALUE:-fallback}", "${STRING_VALUE:-fallback}");
    becomes("$${STRING_VALUE:-${STRING_VALUE}}", "${STRING_VALUE:-value}");
    becomes("a $$ b", "a $ b");
    becomes("a $ b", "a $ b");
    becomes("price: 5$", "price: 5$");
}

static void test_what_is_no_reference_is_refused(void **state)
{
    (void)state;
    is_refused("${UNDEFINED_KEY:?error}");
    is_refused("${1API}");
    is_refused("${}");
    is_refused("${A B}");
    is_refused("${NOT_CLOSED");
    is_refused("${env:}");
    is_refused("${A:-two\nlines}");
}

static void test_plain_scalars_have_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum tt_type type;
        int64_t integer;
    } cases[] = {
        {"", TT_TYPE_EMPTY, 0},
        {"~", TT_TYPE_EMPTY, 0},
        {"null", TT_TYPE_EMPTY, 0},
        {"true", TT_TYPE_BOOL, 1},
        {"False", TT_TYPE_BOOL, 0},
        {"yes", TT_TYPE_STRING, 0},
        {"7", TT_TYPE_INT, 7},
        {"-7", TT_TYPE_INT, -7},
        {"+7", TT_TYPE_INT, 7},
        {"0x1F", TT_TYPE_INT, 31},
        {"0o17", TT_TYPE_INT, 15},
        {"0o8", TT_TYPE_STRING, 0},
        {"1e3", TT_TYPE_DOUBLE, 1000},
        {"1.0", TT_TYPE_DOUBLE, 1},
        {".5", TT_TYPE_DOUBLE, 0},
        {"1.2.3", TT_TYPE_STRING, 0},
        {"1h", TT_TYPE_STRING, 0},
        {"-", TT_TYPE_STRING, 0},
        {"inf", TT_TYPE_STRING, 0},
        {".inf", TT_TYPE_DOUBLE, 0},
        {"0x", TT_TYPE_STRING, 0},
        {"nan", TT_TYPE_STRING, 0},
        {".nan", TT_TYPE_DOUBLE, 0},
        {"--5", TT_TYPE_STRING, 0},
        {"9223372036854775808", TT_TYPE_DOUBLE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tt_value v = scalar_resolve(str_c(cases[i].text));
        if (v.type != (uint32_t)cases[i].type)
            fail_msg("%s has type %u", cases[i].text, v.type);
        if (v.type == TT_TYPE_INT)
            assert_int_equal(v.as.integer, cases[i].integer);
        if (v.type == TT_TYPE_BOOL)
            assert_int_equal(v.as.truth, cases[i].integer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables_are_put_in),
        cmocka_unit_test(test_two_dollar_signs_are_one),
        cmocka_unit_test(test_what_is_no_reference_is_refused),
        cmocka_unit_test(test_plain_scalars_have_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
