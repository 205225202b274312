/* CRC-32C against its definition and the check value that specifications give. */
#include "codec/crc32c.h"

#include "support/check.h"

static uint32_t bit_by_bit(struct str s)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void test_it_has_the_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32c(STR("123456789")), 0xe3069283);
    assert_int_equal(crc32c(STR("")), 0);
}

static void test_it_is_that_of_its_definition(void **state)
{
    (void)state;
    char bytes[300];
    uint64_t random = 11;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)check_random(&random);
    for (size_t from = 0; from < 8; from++)
        for (size_t n = 0; from + n <= sizeof bytes; n += 7)
            assert_int_equal(crc32c(str_of(bytes + from, n)), bit_by_bit(str_of(bytes + from, n)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_has_the_check_value),
        cmocka_unit_test(test_it_is_that_of_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
