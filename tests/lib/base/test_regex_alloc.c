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

static void test_a_search_does_without_a_sieve_when_memory_fails(void **state)
{
    (void)state;
    const uint32_t ends[] = {3, 9};
    for (size_t n = 0;; n++) {
        struct regex *r = NULL;
        fail_alloc_at(n);
        int rc = regex_new_search(STR("[0-9]{3}(a|b)+"), &r, NULL);
        bool happened = fail_alloc_happened();
        assert_true(rc == 0 || (happened && rc == ERR_NOMEM));
        uint64_t bits = 0;
        if (rc == 0) {
            assert_int_equal(regex_match(r, STR("x123ab")), 1);
            bool sifted = regex_sift(r, "123x123ab", ends, 0, 2, &bits);
            assert_true(bits == (sifted ? 2 : 0) && (sifted || happened));
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
        cmocka_unit_test(test_a_search_does_without_a_sieve_when_memory_fails),
        cmocka_unit_test(test_regex_expand_tells_when_the_output_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
