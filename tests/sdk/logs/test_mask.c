#include "logs/mask.h"

#include <stdlib.h>

#include "logs/mask_keys.h"
#include "support/check.h"

static void check_mask(unsigned kinds, const char *text, const char *expected)
{
    struct buf out = BUF_MAX(4096);
    const struct masks masks = {.kinds = kinds};
    bool found = mask_text(&out, &masks, str_c(text));
    check_str(buf_str(&out), expected);
    assert_int_equal(found, strcmp(text, expected) != 0);
    buf_done(&out);
}

static void test_tokens(void **state)
{
    (void)state;
    check_mask(TT_MASK_TOKENS, "auth=Bearer abc.def-123456789;x", "auth=***;x");
    check_mask(TT_MASK_TOKENS, "basic dXNlcjpwYXNz", "***");
    check_mask(TT_MASK_TOKENS, "basic tea", "basic tea");
    check_mask(TT_MASK_TOKENS, "use sk-proj-abcdefghijkl now", "use *** now");
    check_mask(TT_MASK_TOKENS, "key AKIAIOSFODNN7EXAMPLE", "key ***");
    check_mask(TT_MASK_TOKENS, "a task-force of many", "a task-force of many");
    check_mask(TT_MASK_TOKENS, "Bearer", "Bearer");
    check_mask(TT_MASK_TOKENS, "BEARER  \tabcdefghijkl", "***");
    check_mask(TT_MASK_TOKENS, "Bearer of good news", "Bearer of good news");
    check_mask(TT_MASK_TOKENS, "npm_abcdefghijklmnopqrstuvwxyz0123456789", "***");
    check_mask(TT_MASK_TOKENS, "", "");
}

static void test_private_keys(void **state)
{
    (void)state;
    check_mask(TT_MASK_TOKENS,
               "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
               "a\n***\nb");
    check_mask(TT_MASK_TOKENS, "\\n-----BEGIN PRIVATE KEY-----\\nMIIE", "\\n***");
    check_mask(TT_MASK_TOKENS, "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
               "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----");
    check_mask(TT_MASK_TOKENS, "-----BEGIN PRIVATE KEY", "***");
}

static void test_emails(void **state)
{
    (void)state;
    check_mask(TT_MASK_EMAILS, "a.b+c@example.org", "***");
    check_mask(TT_MASK_EMAILS, "<x@y.zz>, and q@r.st.", "<***>, and ***.");
    check_mask(TT_MASK_EMAILS, "user@host @ 5@", "user@host @ 5@");
}

static void test_cards(void **state)
{
    (void)state;
    check_mask(TT_MASK_CARDS, "4111111111111111", "***");
    check_mask(TT_MASK_CARDS, "card: 5500-0000-0000-0004!", "card: ***!");
    check_mask(TT_MASK_CARDS, "4111111111111112", "4111111111111112");
    check_mask(TT_MASK_CARDS, "id 1234567890123", "id 1234567890123");
    check_mask(TT_MASK_CARDS, "41111111111111110000000000", "41111111111111110000000000");
    check_mask(TT_MASK_CARDS, "1700000000000000007", "1700000000000000007"); // nanoseconds
    assert_true(mask_is_card(4111111111111111));
    assert_false(mask_is_card(4111111111111112));
    assert_false(mask_is_card(-4111111111111111));
    assert_false(mask_is_card(0));
}

static void test_phones(void **state)
{
    (void)state;
    check_mask(TT_MASK_PHONES, "call +46 70 123 45 67 now", "call *** now");
    check_mask(TT_MASK_PHONES, "+1 (555) 123-4567, please", "***, please");
    check_mask(TT_MASK_PHONES, "+49.170.1234567.", "***.");
    check_mask(TT_MASK_PHONES, "1+12345678", "1+12345678");
    check_mask(TT_MASK_PHONES, "+123", "+123");
}

static void test_masks_that_are_off_find_nothing(void **state)
{
    (void)state;
    check_mask(0, "a@b.cc +46701234567 4111111111111111", "a@b.cc +46701234567 4111111111111111");
}

static void test_keys_are_secret_by_their_words(void **state)
{
    (void)state;
    static const char *const secret[] = {
        "db.PASSWORD",
        "x-api-key",
        "http.request.header.Cookie",
        "apiKey",
        "X_API_KEY",
        "accessToken",
        "refresh_token",
        "token",
        "token2",
        "csrftoken",
        "pwd",
        "db_pass",
        "client_secret",
        "dbPasswords",
        "http.request.header.x-auth",
        "private_key",
        "privateKeys",
        "cvv",
        "user.SSN",
        "connectionString",
        "credentials",
        "set-cookie",
        "proxy-authorization",
        "cvv2",
        "nextToken",
        "first.token.secret",
        "firsttoken",
        "password_per_token", // by another word
        "csrf_first_csrftoken",
    };
    static const char *const plain[] = {
        "",
        "url.path",
        "gen_ai.usage.input_tokens",
        "gen_ai.request.max_tokens",
        "llm.tokens",
        "token_count",
        "gen_ai.token.type",
        "secretary",
        "monkey",
        "compass",
        "author",
        "auth.method",
        "session.id",
        "pass_rate",
        "opinion",
        "assn",
        "key",
        "cache_key",
        "bypass",
        "tokenizer",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
        "timeToFirstToken",
        "time-to-last-token",
        "max_token",
        "TOTAL_TOKENS",
        "prompt.token",
        "per_token",
    };
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        if (!mask_is_secret_key(str_c(secret[i])))
            fail_msg("%s is not secret", secret[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (mask_is_secret_key(str_c(plain[i])))
            fail_msg("%s is secret", plain[i]);
    }
}

static void test_long_keys_are_looked_at_to_their_end(void **state)
{
    (void)state;
    char key[512];
    memset(key, 'a', sizeof key);
    memcpy(key + sizeof key - 9, ".password", 9);
    assert_true(mask_is_secret_key(str_of(key, sizeof key)));
}

static void test_keys_hide_values_in_text(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"password=hunter2 user=joe", "password=*** user=joe"},
        {"{\"password\":\"hunt\\\"er2\",\"a\":1}", "{\"password\":\"***\",\"a\":1}"},
        {"{\\\"password\\\":\\\"x\\\",\\\"a\\\":1}", "{\\\"password\\\":\\\"***\\\",\\\"a\\\":1}"},
        {"https://e.org/x?api_key=abcd&y=1", "https://e.org/x?api_key=***&y=1"},
        {"Authorization: Basic abc\nHost: x", "Authorization: ***\nHost: x"},
        {"Cookie: a=b; c=d\r\n", "Cookie: ***\r\n"},
        {"secret := 'a b', x", "secret := '***', x"},
        {"secrets: [\"a\", \"b\"]", "secrets: ***"},
        {"clientSecret=>x)", "clientSecret=>***)"},
        {"password: \"never ends", "password: \"***"},
        {"max_tokens=5 input_tokens: 7", "max_tokens=5 input_tokens: 7"},
        {"password= password", "password= ***"},
        {"password=", "password="},
        {"password = ", "password = "},
        {"no password here", "no password here"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        check_mask(TT_MASK_KEYS, pairs[i][0], pairs[i][1]);
}

static void test_globs_of_ones_own_hide_keys(void **state)
{
    (void)state;
    char globs[] = "iban, *.Tax_ID,cus?omer.*";
    const struct masks own = {.keys = globs};
    assert_true(mask_hides_key(&own, STR("IBAN")));
    assert_true(mask_hides_key(&own, STR("user.tax_id")));
    assert_true(mask_hides_key(&own, STR("customer.name")));
    assert_false(mask_hides_key(&own, STR("customer")));
    assert_false(mask_hides_key(&own, STR("")));
    assert_false(mask_hides_key(&own, STR("password"))); // only with TT_MASK_KEYS
    struct buf out = BUF_MAX(100);
    assert_true(mask_text(&out, &own, STR("iban=DE1 password=x")));
    check_str(buf_str(&out), "iban=*** password=x");
    buf_done(&out);
}

/* Each unit, over and over: what took the square of the length would not end. */
static void test_hostile_text_takes_linear_time(void **state)
{
    (void)state;
    enum { LONG = 1 << 18 };
    static const char *const units[] = {"+",         "1 ",      "1-",   "a@",     "bearer ",
                                        "password=", "a.",      "-",    "\"",     "-----BEGIN ",
                                        "sk-",       "+1",      "eyJ ", "a:",     "token:\\\"",
                                        "\\",        "cookie:", "s",    "api___", "key-",
                                        "aB"};
    char *text = malloc(LONG);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const struct masks all = {.kinds = TT_MASK_ALL};
        struct buf out = BUF_MAX(4 * LONG);
        for (size_t k = 0; k < LONG; k++)
            text[k] = units[i][k % strlen(units[i])];
        (void)mask_text(&out, &all, str_of(text, LONG));
        assert_false(buf_failed(&out));
        buf_done(&out);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_private_keys),
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_cards),
        cmocka_unit_test(test_phones),
        cmocka_unit_test(test_masks_that_are_off_find_nothing),
        cmocka_unit_test(test_keys_are_secret_by_their_words),
        cmocka_unit_test(test_long_keys_are_looked_at_to_their_end),
        cmocka_unit_test(test_keys_hide_values_in_text),
        cmocka_unit_test(test_globs_of_ones_own_hide_keys),
        cmocka_unit_test(test_hostile_text_takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
