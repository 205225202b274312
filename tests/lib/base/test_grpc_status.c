#include "base/grpc_status.h"

#include "support/check.h"

static void test_codes_have_the_names_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(grpc_status_name(0), "OK");
    assert_string_equal(grpc_status_name(4), "DEADLINE_EXCEEDED");
    assert_string_equal(grpc_status_name(8), "RESOURCE_EXHAUSTED");
    assert_string_equal(grpc_status_name(14), "UNAVAILABLE");
    assert_string_equal(grpc_status_name(16), "UNAUTHENTICATED");
}

static void test_what_is_no_code_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(grpc_status_name(2), "UNKNOWN");
    assert_string_equal(grpc_status_name(17), "UNKNOWN");
    assert_string_equal(grpc_status_name(-1), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_have_the_names_of_the_specification),
        cmocka_unit_test(test_what_is_no_code_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
