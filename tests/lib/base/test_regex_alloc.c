#include "base/buf.h"
#include "base/regex.h"

#include "support/check.h"
#include "support/fail_alloc.h"

/* PCRE2 allocates by its own calls of malloc, which the linker does not wrap; ours must all be
 * survived, with the pattern still matching rightly if it was made at all. */
static void test_regex_survives_each_failing_allocation(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct regex *r = NULL;
        struct err err = {0};
        fail_alloc_at(n);
        int rc = regex_new(STR("alpha|beta|ga\\.mma|delta"), &r, &err);
        bool happened = fail_alloc_happened();
        if (rc == 0) {
            assert_int_equal(regex_match(r, STR("ga.mma")), 1);
            assert_int_equal(regex_match(r, STR("gaxmma")), 0);
        } else {
            assert_true(happened);
            assert_int_equal(rc, ERR_NOMEM);
            assert_null(r);
        }
        regex_free(r);
        if (!happened)
            break;
    }
}

static void test_regex_expand_tells_when_the_output_is_full(void **state)
{
    (void)state;
    struct regex *r = NULL;
    assert_int_equal(regex_new(STR("(.*)"), &r, NULL), 0);
    struct buf out = BUF_MAX(8);
    assert_int_equal(regex_expand(r, STR("0123456789"), STR("$1"), &out), ERR_TOO_BIG);
    buf_done(&out);
    regex_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex_survives_each_failing_allocation),
        cmocka_unit_test(test_regex_expand_tells_when_the_output_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
