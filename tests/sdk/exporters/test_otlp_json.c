#include "base/arena.h"
#include "codec/otlp_records.h"
#include "support/check.h"
#include "support/otlp_tree.h"
#include "wire/otlp_json.h"

enum { TREES = 300, MEMORY = 64 << 20 };

union tree {
    struct otlp_request metrics;
    struct otlp_records records;
};

static const struct otlp_message *const signals[] = {
    [OTLP_TRACES] = &otlp_traces_message,
    [OTLP_METRICS] = &otlp_request_message,
    [OTLP_LOGS] = &otlp_logs_message,
};

static int decode_json(enum otlp_kind kind, struct str text, struct arena *arena, union tree *out,
                       struct err *err)
{
    if (kind == OTLP_METRICS)
        return otlp_json_decode(text, NULL, arena, &out->metrics, err);
    return kind == OTLP_TRACES ? otlp_traces_json_decode(text, NULL, arena, &out->records, err)
                               : otlp_logs_json_decode(text, NULL, arena, &out->records, err);
}

static void check_random_tree(enum otlp_kind kind, uint64_t *seed)
{
    struct arena arena;
    struct err err = {0};
    struct buf bytes = BUF_MAX(MEMORY), json = BUF_MAX(MEMORY);
    union tree tree = {0}, again;
    arena_init(&arena, MEMORY);
    otlp_tree_random(signals[kind], seed, &arena, &tree);
    otlp_tree_encode(&bytes, signals[kind], &tree);
    assert_true(otlp_json_put(&json, kind, buf_str(&bytes)));
    if (otlp_tree_is_utf8(signals[kind], &tree)) {
        if (decode_json(kind, buf_str(&json), &arena, &again, &err) != 0)
            fail_msg("%s\n%.*s", err.message, STR_ARG(buf_str(&json)));
        assert_true(otlp_tree_eq(signals[kind], &tree, &again));
    }
    buf_done(&bytes);
    buf_done(&json);
    arena_done(&arena);
}

static void test_any_request_says_the_same_as_json(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < TREES; i++) {
        check_random_tree(OTLP_TRACES, &seed);
        check_random_tree(OTLP_METRICS, &seed);
        check_random_tree(OTLP_LOGS, &seed);
    }
}

static void check_json(enum otlp_kind kind, const char *bytes, size_t n, const char *expected)
{
    struct buf out = BUF_MAX(4096);
    assert_true(otlp_json_put(&out, kind, str_of(bytes, n)));
    buf_putc(&out, '\0');
    assert_string_equal(out.p, expected);
    buf_done(&out);
}
#define CHECK_JSON(kind, bytes, expected) check_json(kind, bytes, sizeof bytes - 1, expected)

static void test_values_are_shown_as_otlp_says(void **state)
{
    (void)state;
    CHECK_JSON(OTLP_VALUE, "", "{}");
    CHECK_JSON(OTLP_VALUE,
               "\x0a\x03"
               "a\"\n",
               "{\"stringValue\":\"a\\\"\\n\"}");
    CHECK_JSON(OTLP_VALUE, "\x10\x01", "{\"boolValue\":true}");
    CHECK_JSON(OTLP_VALUE, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "{\"intValue\":\"-1\"}");
    CHECK_JSON(OTLP_VALUE, "\x21\0\0\0\0\0\0\xf8\x3f", "{\"doubleValue\":1.5}");
    CHECK_JSON(OTLP_VALUE, "\x21\0\0\0\0\0\0\xf0\xff", "{\"doubleValue\":\"-Infinity\"}");
    CHECK_JSON(OTLP_VALUE, "\x3a\x02\xff\x01", "{\"bytesValue\":\"/wE=\"}");
    CHECK_JSON(OTLP_VALUE, "\x2a\x04\x0a\x02\x10\x00",
               "{\"arrayValue\":{\"values\":[{\"boolValue\":false}]}}");
    CHECK_JSON(OTLP_SPAN, "\x12\x02\xab\x01\x85\x01\x03\0\0\0",
               "{\"spanId\":\"ab01\",\"flags\":3}");
}

static void test_text_that_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    CHECK_JSON(OTLP_VALUE, "\x0a\x04\xc3\xa4\xc3x", "{\"stringValue\":\"\xc3\xa4\xef\xbf\xbdx\"}");
}

static void test_repeated_fields_are_gathered_and_the_last_of_others_counts(void **state)
{
    (void)state;
    CHECK_JSON(OTLP_SCOPE, "\x1a\0\x0a\x01x\x1a\0\x0a\x01y",
               "{\"name\":\"y\",\"attributes\":[{},{}]}");
}

static void test_what_is_unknown_is_left_out(void **state)
{
    (void)state;
    CHECK_JSON(OTLP_SCOPE, "\xf2\x3f\x01z\x0a\x01x", "{\"name\":\"x\"}");
}

static void test_malformed_messages_are_refused(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1 << 20);
    assert_false(otlp_json_put(&out, OTLP_SCOPE, STR("\x0a\x05x")));
    assert_false(
        otlp_json_put(&out, OTLP_SCOPE, STR("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
    assert_false(otlp_json_put(&out, OTLP_SCOPE, STR("\x0f")));
    assert_false(otlp_json_put(&out, OTLP_SCOPE, STR("\x08\x01"))); // a name that is a number
    buf_done(&out);
}

/* Puts the message into the field of another. */
static void wrap(struct buf *message, unsigned field)
{
    struct buf outer = BUF_MAX(1 << 20);
    size_t n = message->n;
    buf_putc(&outer, (char)(field << 3 | 2));
    for (; n >= 0x80; n >>= 7)
        buf_putc(&outer, (char)(n | 0x80));
    buf_putc(&outer, (char)n);
    buf_put(&outer, message->p, message->n);
    buf_done(message);
    *message = outer;
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    struct buf message = BUF_MAX(1 << 20), out = BUF_MAX(1 << 20);
    for (int i = 0; i < 1000; i++) {
        wrap(&message, 1); // a value in an array
        wrap(&message, 5); // an array as a value
    }
    assert_false(otlp_json_put(&out, OTLP_VALUE, buf_str(&message)));
    buf_done(&message);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_request_says_the_same_as_json),
        cmocka_unit_test(test_values_are_shown_as_otlp_says),
        cmocka_unit_test(test_text_that_is_not_utf8_is_replaced),
        cmocka_unit_test(test_repeated_fields_are_gathered_and_the_last_of_others_counts),
        cmocka_unit_test(test_what_is_unknown_is_left_out),
        cmocka_unit_test(test_malformed_messages_are_refused),
        cmocka_unit_test(test_deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
