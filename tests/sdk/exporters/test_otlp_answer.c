#include <stdio.h>

#include "otlp/answer.h"
#include "support/check.h"

static struct otlp_verdict judge(enum tt_otlp_protocol protocol, struct otlp_reply reply)
{
    struct otlp_verdict v;
    otlp_judge(protocol, &reply, &v);
    return v;
}

/* --- HTTP --- */

static void check_status(long status, enum otlp_fate expected)
{
    struct otlp_reply reply = {.http_status = status, .retry_after_ms = -1};
    assert_int_equal(judge(TT_OTLP_HTTP_PROTOBUF, reply).fate, expected);
    assert_int_equal(judge(TT_OTLP_HTTP_JSON, reply).fate, expected);
}

static void test_status_says_whether_to_try_again(void **state)
{
    (void)state;
    static const long later[] = {0, 429, 502, 503, 504};
    static const long refused[] = {301, 400, 401, 404, 413, 500, 501};
    check_status(200, OTLP_DELIVERED);
    check_status(202, OTLP_DELIVERED);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        check_status(later[i], OTLP_LATER);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_status(refused[i], OTLP_REFUSED);
}

static void test_retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    assert_int_equal(otlp_retry_after_ms(STR(" 7\r\n"), 0), 7000);
    assert_int_equal(otlp_retry_after_ms(STR("Thu, 01 Jan 1970 00:01:40 GMT"), 90), 10000);
    assert_int_equal(otlp_retry_after_ms(STR("Thu, 01 Jan 1970 00:01:40 GMT"), 900), 0);
    assert_int_equal(otlp_retry_after_ms(STR("-1"), 0), -1);
    assert_int_equal(otlp_retry_after_ms(STR("soon"), 0), -1);
    assert_int_equal(otlp_retry_after_ms(STR("9223372036854775807"), 0), INT64_MAX / 2);
}

static void test_partial_success_tells_how_many_and_why(void **state)
{
    (void)state;
    struct otlp_verdict v =
        judge(TT_OTLP_HTTP_PROTOBUF,
              (struct otlp_reply){.http_status = 200, .body = STR("\x0a\x06\x08\x05\x12\x02no")});
    assert_int_equal(v.rejected, 5);
    assert_string_equal(v.message, "no");
    static const char *const counts[] = {"rejectedSpans", "rejectedDataPoints",
                                         "rejectedLogRecords"};
    for (size_t i = 0; i < 3; i++) {
        char body[128];
        int n = snprintf(body, sizeof body,
                         " { \"x\" : [{\"}\":1}], \"partialSuccess\":{\"%s\":\"5\" ,"
                         "\"errorMessage\":\"no \\\"x\\\"\"}}",
                         counts[i]);
        v = judge(TT_OTLP_HTTP_JSON,
                  (struct otlp_reply){.http_status = 200, .body = str_of(body, (size_t)n)});
        assert_false(v.odd);
        assert_int_equal(v.rejected, 5);
        assert_string_equal(v.message, "no \\\"x\\\"");
    }
}

static void test_garbage_with_a_200_is_odd(void **state)
{
    (void)state;
    static const struct str bodies[] = {{"<html>", 6}, {"\xff", 1}, {"\x0a\x05\x08", 3}};
    for (size_t i = 0; i < 3; i++) {
        struct otlp_reply reply = {.http_status = 200, .body = bodies[i]};
        assert_true(judge(TT_OTLP_HTTP_PROTOBUF, reply).odd);
        assert_int_equal(judge(TT_OTLP_HTTP_PROTOBUF, reply).fate, OTLP_DELIVERED);
        assert_true(judge(TT_OTLP_HTTP_JSON, reply).odd);
    }
    assert_false(
        judge(TT_OTLP_HTTP_JSON, (struct otlp_reply){.http_status = 200, .body = STR("{}")}).odd);
    assert_false(judge(TT_OTLP_HTTP_PROTOBUF, (struct otlp_reply){.http_status = 200}).odd);
}

static void test_refusal_tells_its_reason(void **state)
{
    (void)state;
    struct otlp_verdict v =
        judge(TT_OTLP_HTTP_PROTOBUF,
              (struct otlp_reply){.http_status = 400, .body = STR("\x08\x03\x12\x03why")});
    assert_string_equal(v.message, "why");
    v = judge(TT_OTLP_HTTP_JSON,
              (struct otlp_reply){.http_status = 400, .body = STR("{\"message\":\"why\"}")});
    assert_string_equal(v.message, "why");
    v = judge(TT_OTLP_HTTP_PROTOBUF, (struct otlp_reply){.http_status = 404, .body = STR("no")});
    assert_string_equal(v.message, "HTTP status 404");
}

/* --- gRPC --- */

static struct otlp_verdict judge_grpc(const char *status, const char *details)
{
    return judge(TT_OTLP_GRPC, (struct otlp_reply){.http_status = 200,
                                                   .grpc_status = str_c(status),
                                                   .grpc_message = STR("it%20is%C3%A4 100%"),
                                                   .grpc_details = str_c(details)});
}

static void test_grpc_code_says_whether_to_try_again(void **state)
{
    (void)state;
    static const char *const later[] = {"1", "4", "10", "11", "14", "15"};
    static const char *const refused[] = {"2", "3",  "5",  "6",  "7", "8",
                                          "9", "12", "13", "16", "99"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        assert_int_equal(judge_grpc(later[i], "").fate, OTLP_LATER);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(judge_grpc(refused[i], "").fate, OTLP_REFUSED);
    assert_string_equal(judge_grpc("3", "").message, "it is\xc3\xa4 100%");
}

/* Status{code: 8, details: [Any{"type.googleapis.com/google.rpc.RetryInfo", {2.5 s}}]} */
#define DETAILS "CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ"

static void test_grpc_retry_info_says_when(void **state)
{
    (void)state;
    assert_int_equal(judge_grpc("14", DETAILS).retry_after_ms, 2500);
    assert_int_equal(judge_grpc("8", DETAILS).fate, OTLP_LATER);
    assert_int_equal(judge_grpc("14", "*").retry_after_ms, -1);
}

static void test_answer_without_a_grpc_status_goes_by_that_of_http(void **state)
{
    (void)state;
    assert_int_equal(judge(TT_OTLP_GRPC, (struct otlp_reply){.http_status = 503}).fate, OTLP_LATER);
    assert_int_equal(judge(TT_OTLP_GRPC, (struct otlp_reply){.http_status = 200}).fate,
                     OTLP_REFUSED);
    assert_int_equal(judge(TT_OTLP_GRPC, (struct otlp_reply){0}).fate, OTLP_LATER);
}

static void test_grpc_message_follows_its_prefix(void **state)
{
    (void)state;
    struct otlp_reply reply = {.http_status = 200,
                               .grpc_status = STR("0"),
                               .body = STR("\0\0\0\0\x06\x0a\x04\x08\x05\x12\0")};
    assert_int_equal(judge(TT_OTLP_GRPC, reply).rejected, 5);
    reply.body = STR("\0\0\0\0\0");
    assert_false(judge(TT_OTLP_GRPC, reply).odd);
    reply.body = STR("\0\0");
    assert_true(judge(TT_OTLP_GRPC, reply).odd);
    assert_int_equal(judge(TT_OTLP_GRPC, reply).fate, OTLP_DELIVERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_says_whether_to_try_again),
        cmocka_unit_test(test_retry_after_is_seconds_or_a_date),
        cmocka_unit_test(test_partial_success_tells_how_many_and_why),
        cmocka_unit_test(test_garbage_with_a_200_is_odd),
        cmocka_unit_test(test_refusal_tells_its_reason),
        cmocka_unit_test(test_grpc_code_says_whether_to_try_again),
        cmocka_unit_test(test_grpc_retry_info_says_when),
        cmocka_unit_test(test_answer_without_a_grpc_status_goes_by_that_of_http),
        cmocka_unit_test(test_grpc_message_follows_its_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
