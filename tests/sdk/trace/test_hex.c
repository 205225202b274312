#include "trace/hex.h"

#include <stdio.h>

#include "support/check.h"

/* Every byte in every place, beside others that are as they should be. */
static void test_digits_are_lower_case_hexadecimal_and_nothing_else(void **state)
{
    (void)state;
    for (size_t at = 0; at < 48; at++) {
        for (int c = 0; c < 256; c++) {
            char text[48];
            uint8_t trace_id[16], span_id[8];
            memset(text, 'a', sizeof text);
            text[at] = (char)c;
            bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            assert_int_equal(hex_read_ids(text, text + 32, trace_id, span_id), is_digit);
        }
    }
}

static void test_two_wrong_digits_do_not_make_up_for_each_other(void **state)
{
    (void)state;
    char text[48];
    uint8_t trace_id[16], span_id[8];
    for (size_t at = 0; at < sizeof text; at++) {
        for (size_t other = 0; other < sizeof text; other++) {
            memset(text, '0', sizeof text);
            text[at] = 'g';
            text[other] = '/';
            assert_false(hex_read_ids(text, text + 32, trace_id, span_id));
        }
    }
}

static void test_every_byte_is_written_as_printf_writes_it_and_read_back(void **state)
{
    (void)state;
    for (size_t at = 0; at < 24; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t bytes[24], trace_id[16], span_id[8];
            char text[49], expected[49], *end = text;
            for (size_t i = 0; i < sizeof bytes; i++) {
                bytes[i] = (uint8_t)(i == at ? byte : i * 37);
                (void)snprintf(expected + 2 * i, 3, "%02x", bytes[i]);
            }
            end = hex_write16(end, bytes);
            end = hex_write8(end, bytes + 16);
            *end = '\0';
            assert_string_equal(text, expected);
            assert_true(hex_read_ids(text, text + 32, trace_id, span_id));
            assert_memory_equal(trace_id, bytes, 16);
            assert_memory_equal(span_id, bytes + 16, 8);
        }
    }
}

static void test_a_single_byte_is_read_in_either_case(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[3], upper[3];
        uint8_t out = 0, out_upper = 0;
        *hex_write_byte(text, (uint8_t)byte) = '\0';
        (void)snprintf(upper, sizeof upper, "%02X", byte);
        assert_true(hex_read_byte(text, &out) && hex_read_byte(upper, &out_upper));
        assert_int_equal(out, byte);
        assert_int_equal(out_upper, byte);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits_are_lower_case_hexadecimal_and_nothing_else),
        cmocka_unit_test(test_two_wrong_digits_do_not_make_up_for_each_other),
        cmocka_unit_test(test_every_byte_is_written_as_printf_writes_it_and_read_back),
        cmocka_unit_test(test_a_single_byte_is_read_in_either_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
