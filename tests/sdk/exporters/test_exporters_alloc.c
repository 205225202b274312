/* Each allocation of the exporters fails once: what they say was written was written, the rest is
 * told, and nothing leaks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "otlp/sender.h"
#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/log.h"
#include "telltale/sinks.h"

static char folder[64], path[96];
static char request[4096]; /* of one log record */
static size_t request_n;

static int keep_request(void *arg, enum tt_signal signal, const void *bytes, size_t n, size_t items,
                        int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)items, (void)timeout_ms;
    assert_true(n <= sizeof request);
    memcpy(request, bytes, n);
    request_n = n;
    return TT_OK;
}

static int begin(void **state)
{
    (void)state;
    tt_value items[] = {tt_value_str("x"), tt_value_int(7)};
    tt_attr attrs[] = {tt_str("a", "b c"), tt_attr_of("list", tt_value_array(items, 2))};
    tt_logger_provider_options o = {
        .size = sizeof o, .simple = true, .exporter = {.send = keep_request}};
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, "it happened", attrs, 2);
    tt_logger_provider_free(p);
    (void)snprintf(folder, sizeof folder, "/tmp/test_alloc_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/log", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), folder, NULL);
}

static int send_one(const tt_exporter *e)
{
    return e->send(e->arg, TT_SIGNAL_LOGS, request, request_n, 1, 1000);
}

static size_t size_of_file(void)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    (void)fclose(f);
    return (size_t)n;
}

/* True when nothing failed. */
static bool write_to_file(size_t n, enum tt_style style)
{
    tt_exporter e = {0};
    tt_file_options o = {.size = sizeof o, .path = path, .style = style, .period_s = -1};
    size_t before = size_of_file();
    fail_alloc_at(n);
    int rc = tt_file_exporter_new(TT_SIGNAL_LOGS, &o, &e);
    if (rc == TT_OK) {
        rc = send_one(&e);
        e.close(e.arg);
    }
    bool failed = fail_alloc_happened();
    assert_true(rc == TT_OK || (failed && rc == TT_ERR_NOMEM));
    assert_int_equal(rc == TT_OK, size_of_file() > before);
    return !failed;
}

static void test_every_allocation_of_files_may_fail(void **state)
{
    (void)state;
    for (enum tt_style style = TT_STYLE_PRETTY; style <= TT_STYLE_OTLP; style++) {
        for (size_t n = 0; !write_to_file(n, style); n++) {
        }
    }
}

static bool keep_in_memory(size_t n)
{
    fail_alloc_at(n);
    tt_memory *m = tt_memory_new();
    tt_exporter e = tt_memory_exporter(m);
    int rc = e.send ? send_one(&e) : TT_ERR_NOMEM;
    bool failed = fail_alloc_happened();
    assert_true(rc == TT_OK || (failed && rc == TT_ERR_NOMEM));
    assert_int_equal(tt_memory_count(m, TT_SIGNAL_LOGS), rc == TT_OK);
    tt_memory_free(m);
    return !failed;
}

static void test_every_allocation_of_memory_may_fail(void **state)
{
    (void)state;
    for (size_t n = 0; !keep_in_memory(n); n++) {
    }
}

/* --- OTLP with a buffer, to a collector that is busy at first --- */

static size_t posts;

static void post(void *arg, const void *body, size_t n, int64_t timeout_ms,
                 struct otlp_verdict *out)
{
    (void)arg, (void)body, (void)n, (void)timeout_ms;
    struct otlp_reply reply = {.http_status = posts++ ? 200 : 503, .retry_after_ms = -1};
    otlp_judge(TT_OTLP_HTTP_JSON, &reply, out);
}

static int64_t now_ms(void *arg)
{
    (void)arg;
    return 0;
}

static bool wait_ms(void *arg, int64_t ms)
{
    (void)arg, (void)ms;
    return true;
}

static bool buffer_one(size_t n)
{
    static const struct otlp_link link = {.post = post, .now_ms = now_ms, .wait = wait_ms};
    static const struct otlp_config config = {.signal = TT_SIGNAL_LOGS,
                                              .protocol = TT_OTLP_HTTP_JSON,
                                              .compression = TT_OTLP_ZSTD,
                                              .timeout_ms = 1000,
                                              .request_max = 1 << 20};
    struct otlp_backoff backoff;
    struct otlp_spool *spool = NULL;
    otlp_backoff_init(&backoff, 1);
    posts = 0;
    fail_alloc_at(n);
    int rc = otlp_spool_open(folder, "logs", 1 << 20, config.request_max, &spool);
    if (rc == TT_OK)
        rc = otlp_send(&config, &link, &backoff, spool, str_of(request, request_n), 1, 1000);
    bool kept = rc == TT_OK;
    if (kept)
        (void)otlp_send_spooled(&config, &link, &backoff, spool); // or else once more, below
    bool failed = fail_alloc_happened();
    assert_true(kept || failed);
    if (kept) {
        assert_int_equal(otlp_send_spooled(&config, &link, &backoff, spool), 0);
        assert_true(posts >= 2);
        assert_false(otlp_spool_is_waiting(spool));
    }
    otlp_spool_close(spool);
    return !failed;
}

static void test_every_allocation_of_a_buffer_may_fail(void **state)
{
    (void)state;
    for (size_t n = 0; !buffer_one(n); n++) {
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_allocation_of_files_may_fail),
        TEST(test_every_allocation_of_memory_may_fail),
        TEST(test_every_allocation_of_a_buffer_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
