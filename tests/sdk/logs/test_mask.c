#include "logs/mask.h"

#include "support/check.h"

static void check_mask(unsigned masks, const char *text, const char *expected)
{
    struct buf out = BUF_MAX(4096);
    bool found = mask_text(&out, masks, str_c(text));
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
    check_mask(TT_MASK_TOKENS, "", "");
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
}

static void test_phones(void **state)
{
    (void)state;
    check_mask(TT_MASK_PHONES, "call +46 70 123 45 67 now", "call *** now");
    check_mask(TT_MASK_PHONES, "1+12345678", "1+12345678");
    check_mask(TT_MASK_PHONES, "+123", "+123");
}

static void test_masks_that_are_off_find_nothing(void **state)
{
    (void)state;
    check_mask(0, "a@b.cc +46701234567 4111111111111111", "a@b.cc +46701234567 4111111111111111");
}

static void test_keys(void **state)
{
    (void)state;
    assert_true(mask_is_secret_key(STR("db.PASSWORD")));
    assert_true(mask_is_secret_key(STR("x-api-key")));
    assert_true(mask_is_secret_key(STR("http.request.header.Cookie")));
    assert_false(mask_is_secret_key(STR("url.path")));
    assert_false(mask_is_secret_key(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_cards),
        cmocka_unit_test(test_phones),
        cmocka_unit_test(test_masks_that_are_off_find_nothing),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
