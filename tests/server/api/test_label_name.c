#include "api/prometheus/label_name.h"

#include "support/check.h"

static void check(const char *text, const char *expected)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct str got = label_name_unescape(&arena, str_c(text));
    if (!str_eq(got, str_c(expected)))
        fail_msg("%s became %.*s, expected %s", text, STR_ARG(got), expected);
    arena_done(&arena);
}

static void test_escaped_names_are_decoded(void **state)
{
    (void)state;
    check("U__http_2e_method", "http.method");
    check("U__a__b", "a_b");
    check("U___fc_", "\xc3\xbc");
    check("U___20ac_x", "\xe2\x82\xacx");
    check("U___1f600_", "\xf0\x9f\x98\x80");
}

static void test_other_names_stay_as_they_are(void **state)
{
    (void)state;
    check("job", "job");
    check("", "");
    check("U_", "U_");
    check("U__a_zz_", "U__a_zz_");
    check("U__a_2e", "U__a_2e");
    check("U__a_", "U__a_");
    check("U___d800_", "U___d800_");
    check("U___1234567_", "U___1234567_");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaped_names_are_decoded),
        cmocka_unit_test(test_other_names_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
