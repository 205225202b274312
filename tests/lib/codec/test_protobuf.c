#include "codec/protobuf.h"

#include "support/check.h"

static struct pb_reader reader(const char *bytes, size_t n)
{
    return pb_reader_of(str_of(bytes, n));
}
#define READER(literal) reader("" literal, sizeof(literal) - 1)

static void test_varints_are_read_up_to_64_bits(void **state)
{
    (void)state;
    struct pb_reader r = READER("\x00\x7f\x80\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    assert_int_equal(pb_varint(&r), 0);
    assert_int_equal(pb_varint(&r), 127);
    assert_int_equal(pb_varint(&r), 128);
    assert_int_equal(pb_varint(&r), 300);
    assert_true(pb_varint(&r) == UINT64_MAX);
    assert_false(pb_more(&r));
    assert_false(pb_failed(&r));
}

static void test_varint_of_more_than_64_bits_is_damage(void **state)
{
    (void)state;
    struct pb_reader r = READER("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    assert_int_equal(pb_varint(&r), 0);
    assert_string_equal(r.damage, "varint is longer than 64 bits");
    struct pb_reader longer = READER("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    assert_int_equal(pb_varint(&longer), 0);
    assert_true(pb_failed(&longer));
}

static void test_damage_is_sticky_and_names_field_and_offset(void **state)
{
    (void)state;
    struct pb_reader r = READER("\x08\x01\x12\x05"
                                "ab");
    uint32_t tag;
    assert_true(pb_next(&r, &tag));
    assert_int_equal(tag, PB_TAG(1, PB_VARINT));
    assert_int_equal(pb_varint(&r), 1);
    assert_true(pb_next(&r, &tag));
    assert_int_equal(pb_str(&r).n, 0);
    assert_false(pb_next(&r, &tag));
    assert_int_equal(pb_fixed64(&r), 0);
    struct err err = {0};
    assert_int_equal(pb_error(&r, "name", &err), ERR_INVALID);
    assert_string_equal(err.message, "name: length runs past the end of the message, at byte 4");
}

static void test_nested_messages_keep_offsets_of_the_outermost(void **state)
{
    (void)state;
    struct pb_reader r = READER("\x0a\x04\x0a\x02\x80\x80");
    uint32_t tag;
    assert_true(pb_next(&r, &tag));
    struct pb_reader inner = pb_message(&r);
    assert_true(pb_next(&inner, &tag));
    struct pb_reader packed = pb_message(&inner);
    assert_int_equal(pb_varint(&packed), 0);
    assert_true(pb_failed(&packed));
    assert_int_equal(packed.damage_offset, 4);
    assert_false(pb_failed(&r)); // the outer message itself is whole
}

static void test_a_nested_length_that_is_too_long_is_the_inner_readers_damage_too(void **state)
{
    (void)state;
    struct pb_reader r = READER("\x0a\x7f\x01");
    uint32_t tag;
    assert_true(pb_next(&r, &tag));
    struct pb_reader inner = pb_message(&r);
    assert_true(pb_failed(&inner));
    assert_true(pb_failed(&r));
    assert_false(pb_next(&inner, &tag));
}

static void test_tags_outside_proto3_are_damage(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x00", "\x0b", "\x0c", "\x0e", "\x0f", "\x07"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pb_reader r = reader(bad[i], 1);
        uint32_t tag;
        assert_false(pb_next(&r, &tag));
        assert_true(pb_failed(&r));
    }
    struct pb_reader huge = READER("\x80\x80\x80\x80\x80\x01\x00");
    uint32_t tag;
    assert_false(pb_next(&huge, &tag));
    assert_string_equal(huge.damage, "field number is out of range");
}

static void test_fields_over_15_and_unknown_ones_are_passed_over(void **state)
{
    (void)state;
    struct pb_reader r = READER("\x80\x01\x05"                             // 16: varint
                                "\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08" // 100: fixed64
                                "\x92\x01\x02hi"                           // 18: bytes
                                "\x1d\x01\x00\x00\x00");                   // 3: fixed32
    uint32_t tag, numbers[4];
    size_t n = 0;
    while (pb_next(&r, &tag)) {
        assert_true(n < 4);
        numbers[n++] = pb_number(tag);
        pb_skip(&r, tag);
    }
    assert_false(pb_failed(&r));
    assert_int_equal(n, 4);
    assert_int_equal(numbers[0], 16);
    assert_int_equal(numbers[1], 100);
    assert_int_equal(numbers[2], 18);
    assert_int_equal(numbers[3], 3);
}

static void test_counts_of_fields_stop_at_the_first_damage(void **state)
{
    (void)state;
    uint32_t counts[PB_COUNTED];
    pb_count(READER("\x0a\x00\x0a\x01x\x10\x05\x0a\x09"), counts);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[2], 1);
    assert_int_equal(pb_count_varints(STR("\x01\xac\x02\x80")), 2);
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(4096);
    char long_text[300];
    memset(long_text, 'x', sizeof long_text);
    pb_put_varint(&out, 1, UINT64_MAX);
    pb_put_sint(&out, 2, -3);
    pb_put_sint(&out, 2, INT64_MIN);
    pb_put_double(&out, 3, -0.5);
    size_t outer = pb_begin(&out, 200);
    size_t inner = pb_begin(&out, 1);
    pb_put_str(&out, 1, str_of(long_text, sizeof long_text));
    pb_end(&out, inner);
    size_t empty = pb_begin(&out, 2);
    pb_end(&out, empty);
    pb_end(&out, outer);
    assert_false(buf_failed(&out));

    struct pb_reader r = pb_reader_of(buf_str(&out));
    uint32_t tag;
    assert_true(pb_next(&r, &tag) && tag == PB_TAG(1, PB_VARINT));
    assert_true(pb_varint(&r) == UINT64_MAX);
    assert_true(pb_next(&r, &tag) && tag == PB_TAG(2, PB_VARINT));
    assert_true(pb_sint(&r) == -3);
    assert_true(pb_next(&r, &tag) && pb_sint(&r) == INT64_MIN);
    assert_true(pb_next(&r, &tag) && tag == PB_TAG(3, PB_I64));
    assert_true(pb_double(&r) == -0.5);
    assert_true(pb_next(&r, &tag) && tag == PB_TAG(200, PB_LEN));
    struct pb_reader m = pb_message(&r);
    assert_true(pb_next(&m, &tag) && tag == PB_TAG(1, PB_LEN));
    struct pb_reader mm = pb_message(&m);
    assert_true(pb_next(&mm, &tag));
    assert_int_equal(pb_str(&mm).n, sizeof long_text);
    assert_true(pb_next(&m, &tag) && tag == PB_TAG(2, PB_LEN));
    assert_int_equal(pb_str(&m).n, 0);
    assert_false(pb_next(&m, &tag) || pb_next(&r, &tag));
    buf_done(&out);
}

static void test_writer_stops_at_the_buffers_maximum(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(8);
    size_t begun = pb_begin(&out, 1);
    pb_put_str(&out, 1, STR("123456"));
    pb_end(&out, begun);
    assert_true(buf_failed(&out));
    assert_true(out.n <= 8);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varints_are_read_up_to_64_bits),
        cmocka_unit_test(test_varint_of_more_than_64_bits_is_damage),
        cmocka_unit_test(test_damage_is_sticky_and_names_field_and_offset),
        cmocka_unit_test(test_nested_messages_keep_offsets_of_the_outermost),
        cmocka_unit_test(test_a_nested_length_that_is_too_long_is_the_inner_readers_damage_too),
        cmocka_unit_test(test_tags_outside_proto3_are_damage),
        cmocka_unit_test(test_fields_over_15_and_unknown_ones_are_passed_over),
        cmocka_unit_test(test_counts_of_fields_stop_at_the_first_damage),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_writer_stops_at_the_buffers_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
