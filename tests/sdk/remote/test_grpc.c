#include "remote/grpc.h"

#include <stdlib.h>

#include "remote/fetch.h"
#include "support/check.h"

static void check_answer(struct str body, const char *expected)
{
    struct buf out = BUF_MAX(4096);
    bool ok = grpc_put_answer(&out, body);
    assert_int_equal(ok, expected != NULL);
    if (expected)
        check_str(buf_str(&out), expected);
    buf_done(&out);
}

/* A literal with zeros within. */
#define BYTES(text) str_of(text, sizeof(text) - 1)
#define HALF "\0\0\0\0\0\0\xe0\x3f" // 0.5
#define ONE "\0\0\0\0\0\0\xf0\x3f"

static void test_question_names_the_service(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(4096);
    grpc_put_question(&out, STR("shop"));
    assert_int_equal(out.n, 11);
    assert_memory_equal(out.p, "\0\0\0\0\x06\x0a\x04shop", 11);
    buf_reset(&out);
    char name[200];
    memset(name, 'n', sizeof name);
    grpc_put_question(&out, str_of(name, sizeof name));
    assert_memory_equal(out.p, "\0\0\0\0\xcb\x0a\xc8\x01nnn", 11);
    assert_int_equal(out.n, 208);
    buf_done(&out);
}

static void test_share_of_the_traces_is_read(void **state)
{
    (void)state;
    check_answer(BYTES("\0\0\0\0\x0b\x12\x09\x09" HALF),
                 "{\"probabilisticSampling\":{\"samplingRate\":0.5},"
                 "\"strategyType\":\"PROBABILISTIC\"}");
    check_answer(BYTES("\0\0\0\0\x02\x12\0"), "{\"probabilisticSampling\":{\"samplingRate\":0},"
                                              "\"strategyType\":\"PROBABILISTIC\"}");
}

static void test_numbers_that_json_has_not_are_null(void **state)
{
    (void)state;
    check_answer(BYTES("\0\0\0\0\x0b\x12\x09\x09\0\0\0\0\0\0\xf0\x7f"), // infinity
                 "{\"probabilisticSampling\":{\"samplingRate\":null},"
                 "\"strategyType\":\"PROBABILISTIC\"}");
}

static void test_so_many_a_second_are_read(void **state)
{
    (void)state;
    check_answer(BYTES("\0\0\0\0\x06\x08\x01\x1a\x02\x08\x07"),
                 "{\"rateLimitingSampling\":{\"maxTracesPerSecond\":7},"
                 "\"strategyType\":\"RATE_LIMITING\"}");
}

static void test_operations_are_read(void **state)
{
    (void)state;
    check_answer(
        BYTES("\0\0\0\0\x24\x22\x22\x09" HALF "\x11" ONE "\x1a\x0e\x0a\x01\"\x12\x09\x09" ONE),
        "{\"operationSampling\":{\"perOperationStrategies\":[{\"operation\":\"\\\"\","
        "\"probabilisticSampling\":{\"samplingRate\":1}}],"
        "\"defaultSamplingProbability\":0.5,\"defaultLowerBoundTracesPerSecond\":1},"
        "\"strategyType\":\"PROBABILISTIC\"}");
}

static void test_what_is_no_answer_is_refused(void **state)
{
    (void)state;
    check_answer(BYTES(""), NULL);
    check_answer(BYTES("\0\0\0\0"), NULL);
    check_answer(BYTES("\x01\0\0\0\0"), NULL);                 // compressed
    check_answer(BYTES("\0\0\0\0\x01"), NULL);                 // cut
    check_answer(BYTES("\0\0\0\0\0x"), NULL);                  // more than one
    check_answer(BYTES("\0\0\0\0\x02\x12\x05"), NULL);         // a part that is cut
    check_answer(BYTES("\0\0\0\0\x04\x12\x02\x09\x01"), NULL); // a number that is cut
    check_answer(BYTES("\0\0\0\0\x04\x22\x02\x1a\x05"), NULL); // an operation that is cut
}

static void check_question(const char *endpoint, const char *url, bool grpc)
{
    struct question q;
    assert_int_equal(question_make(&q, endpoint, "a b"), url != NULL);
    if (url) {
        assert_string_equal(q.url, url);
        assert_int_equal(q.grpc, grpc);
        assert_int_equal(q.body.n > 0, grpc);
    }
    question_done(&q);
}

static void test_endpoint_says_how_to_ask(void **state)
{
    (void)state;
    check_question("http://h", "http://h/sampling?service=a%20b", false);
    check_question("https://h:1/x?y=z", "https://h:1/x?y=z&service=a%20b", false);
    check_question("grpc://h:1", "http://h:1" GRPC_METHOD, true);
    check_question("grpcs://h:1/", "https://h:1" GRPC_METHOD, true);
    check_question("http://h:14250", "http://h:14250" GRPC_METHOD, true);
    check_question("https://h:14250/", "https://h:14250" GRPC_METHOD, true);
    check_question("http://h:14250/sampling", "http://h:14250/sampling?service=a%20b", false);
    check_question("ftp://h", NULL, false);
    check_question("h:14250", NULL, false);
    check_question("http://", NULL, false);
    check_question("grpc:///x", NULL, false);
    check_question("", NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question_names_the_service),
        cmocka_unit_test(test_share_of_the_traces_is_read),
        cmocka_unit_test(test_numbers_that_json_has_not_are_null),
        cmocka_unit_test(test_so_many_a_second_are_read),
        cmocka_unit_test(test_operations_are_read),
        cmocka_unit_test(test_what_is_no_answer_is_refused),
        cmocka_unit_test(test_endpoint_says_how_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
