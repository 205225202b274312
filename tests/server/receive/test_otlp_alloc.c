/* Every allocation of a request's way may fail: decoding, translating, decompressing. The outcome
 * is ERR_NOMEM, never a point that is said to be bad. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/compress.h"
#include "codec/otlp.h"
#include "receive/otlp_translate.h"
#include "support/check.h"
#include "support/fail_alloc.h"

static struct buf all_fields(void)
{
    char path[1024];
    const char *root = getenv("TELLTALE_SOURCE_ROOT");
    struct buf out = BUF_MAX(1 << 16);
    (void)snprintf(path, sizeof path, "%s/tests/lib/codec/otlp_all_fields.pb", root ? root : ".");
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *to = buf_reserve(&out, 4096);
    assert_non_null(to);
    buf_advance(&out, fread(to, 1, 4096, f));
    assert_int_equal(fclose(f), 0);
    assert_true(out.n > 100);
    return out;
}

static int run(struct str packed, const struct receiver_options *options, size_t *out_rejected)
{
    struct batch batch;
    struct otlp_rules rules = {0};
    struct otlp_delta *delta = NULL;
    struct otlp_request request;
    struct otlp_outcome outcome = {0};
    struct buf body = BUF_MAX(1 << 16);
    struct err err = {0};
    batch_init(&batch, 1 << 20);
    int rc = otlp_rules_init(&rules, options);
    if (rc == 0)
        rc = otlp_delta_new(&(struct otlp_delta_options){0}, &delta);
    if (rc == 0)
        rc = decompress(COMPRESSION_GZIP, packed, 0, &body, &err);
    if (rc == 0)
        rc = otlp_decode(buf_str(&body), NULL, &batch.arena, &request, &err);
    if (rc == 0)
        rc = otlp_translate(&request, &rules, NULL, delta, &batch, &outcome, &err);
    *out_rejected = otlp_outcome_rejected(&outcome);
    otlp_delta_free(delta);
    otlp_rules_done(&rules);
    batch_done(&batch);
    buf_done(&body);
    return rc;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct str named[] = {{"port", 4}, {"list", 4}};
    struct buf body = all_fields(), packed = BUF_MAX(1 << 16);
    assert_int_equal(compress_bytes(COMPRESSION_GZIP, buf_str(&body), 1, &packed, NULL), 0);
    for (int t = 0; t < 4; t++) {
        const struct receiver_options options = {.otlp = {.translation = (enum otlp_translation)t,
                                                          .promote_scope_metadata = true,
                                                          .promote_resource_attributes = named,
                                                          .n_promote_resource_attributes = 2}};
        size_t whole, rejected;
        assert_int_equal(run(buf_str(&packed), &options, &whole), 0);
        for (size_t n = 0;; n++) {
            fail_alloc_at(n);
            int rc = run(buf_str(&packed), &options, &rejected);
            if (!fail_alloc_happened())
                break;
            assert_true(rc == ERR_NOMEM || (rc == 0 && rejected <= whole + 1));
        }
    }
    buf_done(&packed);
    buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
