#include "receive/target.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "receive/relabel.h"
#include "receive/scrape_loop.h"
#include "support/check.h"
#include "support/test_arena.h"

static struct scrape_config job(void)
{
    struct scrape_config c = scrape_config_defaults();
    c.job_name = "j";
    return c;
}

/* The target of one address with at most one rule. */
static int make(const struct scrape_config *c, const char *address,
                const struct config_label *labels, size_t n, struct target *out, struct err *err)
{
    struct relabel *relabel;
    assert_int_equal(relabel_new(&c->relabel_configs, "relabel_configs", &relabel, NULL), 0);
    int rc = target_make(c, relabel, str_c(address), labels, n, &arena, out, err);
    relabel_free(relabel);
    return rc;
}

static void expect_labels(const struct labels *labels, const char *wanted)
{
    struct buf out = BUF_MAX(4096);
    assert_true(labels_are_canonical(labels));
    labels_format(&out, labels);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, wanted);
    buf_done(&out);
}

static void test_a_target_has_the_labels_of_prometheus(void **state)
{
    (void)state;
    static const struct config_label group[] = {{{"env", 3}, {"prod", 4}},
                                                {{"__meta_filepath", 15}, {"f", 1}}};
    struct scrape_config c = job();
    struct target t;
    assert_int_equal(make(&c, "host:9100", group, 2, &t, NULL), 0);
    expect_labels(
        &t.discovered,
        "{__address__=\"host:9100\", __meta_filepath=\"f\", __metrics_path__=\"/metrics\", "
        "__scheme__=\"http\", __scrape_interval__=\"1m\", __scrape_timeout__=\"10s\", "
        "env=\"prod\", job=\"j\"}");
    expect_labels(&t.labels, "{env=\"prod\", instance=\"host:9100\", job=\"j\"}");
    assert_true(str_eq(t.url, STR("http://host:9100/metrics")));
    assert_int_equal(t.interval_ms, 60000);
    assert_int_equal(t.timeout_ms, 10000);
    assert_false(t.dropped);
}

static void test_a_group_may_set_what_the_job_says(void **state)
{
    (void)state;
    static const struct config_label group[] = {
        {{"__scheme__", 10}, {"https", 5}},
        {{"__metrics_path__", 16}, {"/p q", 4}},
        {{"__scrape_interval__", 19}, {"15s", 3}},
        {{"__scrape_timeout__", 18}, {"500ms", 5}},
        {{"__param_x", 9}, {"1 & 2", 5}},
        {{"job", 3}, {"other", 5}},
        {{"instance", 8}, {"name", 4}},
    };
    struct scrape_config c = job();
    struct target t;
    assert_int_equal(make(&c, "[::1]:9100", group, ARRAY_LEN(group), &t, NULL), 0);
    expect_labels(&t.labels, "{instance=\"name\", job=\"other\"}");
    assert_true(str_eq(t.url, STR("https://[::1]:9100/p%20q?x=1%20%26%202")));
    assert_int_equal(t.interval_ms, 15000);
    assert_int_equal(t.timeout_ms, 500);
}

static void test_wrong_targets_are_left_out_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        struct config_label label;
        const char *wanted;
    } rows[] = {
        {"", {{"a", 1}, {"b", 1}}, "no address"},
        {"host/path", {{"a", 1}, {"b", 1}}, "\"host/path\" is not a host and port"},
        {"user@host", {{"a", 1}, {"b", 1}}, "\"user@host\" is not a host and port"},
        {"a b", {{"a", 1}, {"b", 1}}, "\"a b\" is not a host and port"},
        {"h", {{"__scheme__", 10}, {"ftp", 3}}, "invalid scheme: \"ftp\"; expected http or https"},
        {"h", {{"__scrape_interval__", 19}, {"0s", 2}}, "__scrape_interval__: must not be 0"},
        {"h",
         {{"__scrape_timeout__", 18}, {"2m", 2}},
         "scrape timeout cannot be greater than scrape interval (120000 ms > 60000 ms)"},
        {"h", {{"a", 1}, {"\xff", 1}}, "label a: its value is not valid UTF-8"},
    };
    struct scrape_config c = job();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct target t;
        struct err err = {0};
        assert_int_equal(make(&c, rows[i].address, &rows[i].label, 1, &t, &err), ERR_INVALID);
        assert_string_equal(err.message, rows[i].wanted);
    }
}

static void test_a_dropped_target_keeps_what_was_discovered(void **state)
{
    (void)state;
    struct relabel_rule rule = RELABEL_RULE_DEFAULTS;
    rule.action = RELABEL_DROP;
    struct scrape_config c = job();
    c.relabel_configs = (struct relabel_config){&rule, 1};
    struct target t;
    assert_int_equal(make(&c, "host", NULL, 0, &t, NULL), 0);
    assert_true(t.dropped);
    assert_true(str_eq(labels_get(&t.discovered, STR("__address__")), STR("host")));
}

static void test_equal_targets_have_equal_hashes(void **state)
{
    (void)state;
    static const struct config_label meta[] = {{{"__meta_x", 8}, {"1", 1}}};
    static const struct config_label more[] = {{{"x", 1}, {"1", 1}}};
    struct scrape_config c = job();
    struct target t, same, other;
    assert_int_equal(make(&c, "host", NULL, 0, &t, NULL), 0);
    assert_int_equal(make(&c, "host", meta, 1, &same, NULL), 0);
    assert_int_equal(make(&c, "host", more, 1, &other, NULL), 0);
    assert_true(t.hash == same.hash);
    assert_true(t.hash != other.hash);
    c.metrics_path = "/other";
    assert_int_equal(make(&c, "host", NULL, 0, &other, NULL), 0);
    assert_true(t.hash != other.hash);
}

static void test_scrapes_keep_to_the_targets_moment(void **state)
{
    (void)state;
    const struct target t = {.hash = 12345, .interval_ms = 15000};
    int64_t now_ms = INT64_C(1700000000000);
    int64_t wait = scrape_loop_next_mono_ns(&t, 0, 0, now_ms * NS_PER_MS);
    assert_true(wait > 0 && wait <= 15000 * NS_PER_MS);
    assert_int_equal(wait % NS_PER_MS, 0);
    int64_t moment_ms = now_ms + wait / NS_PER_MS;
    /* At the moment itself the next one is an interval away; so it is a day later. */
    assert_int_equal(scrape_loop_next_mono_ns(&t, 0, 7, moment_ms * NS_PER_MS),
                     7 + 15000 * NS_PER_MS);
    assert_int_equal(
        scrape_loop_next_mono_ns(&t, 0, 0, (moment_ms + 86400000 - 5) * NS_PER_MS + 300),
        5 * NS_PER_MS - 300);

    static const struct {
        int64_t late_ms, wanted_ms; /* after the moment */
    } rows[] = {{0, 0}, {1, 0}, {2, 0}, {3, 3}, {-1, 0}, {-2, 0}, {-3, -3}, {7000, 7000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(scrape_loop_sample_time_ms(&t, 0, moment_ms + rows[i].late_ms),
                         moment_ms + rows[i].wanted_ms);
    /* Before 1970 the clock still has moments. */
    int64_t early = scrape_loop_next_mono_ns(&t, 0, 0, -1);
    assert_true(early > 0 && early <= 15000 * NS_PER_MS + 1);
}

static void test_targets_spread_over_the_interval(void **state)
{
    (void)state;
    enum { TARGETS = 1000, TENTHS = 10 };
    int counts[TENTHS] = {0};
    for (uint64_t i = 0; i < TARGETS; i++) {
        const struct target t = {.hash = i, .interval_ms = 10000};
        int64_t wait = scrape_loop_next_mono_ns(&t, 99, 0, 0);
        counts[(wait - 1) / (1000 * NS_PER_MS)]++;
    }
    for (int i = 0; i < TENTHS; i++)
        assert_in_range(counts[i], 60, 140);
}

static void test_secrets_are_on_the_wire_only(void **state)
{
    (void)state;
    static const struct str secrets[] = {{"/p/t0ken", 8}, {"k3y-one", 7}, {"1", 1}};
    static const char *const values[] = {"k3y-one", "1", "31"};
    static const struct scrape_param params[] = {{"auth", values, 3}};
    static const struct str from[] = {{"__param_auth", 12}};
    static const struct relabel_rule rule = {.source_labels = from,
                                             .n_source_labels = 1,
                                             .separator = {";", 1},
                                             .regex = {"(.*)", 4},
                                             .target_label = {"__param_copy", 12},
                                             .replacement = {"x${1}y", 6}};
    struct scrape_config c = job();
    c.metrics_path = "/p/t0ken";
    c.params = params;
    c.n_params = 1;
    c.secrets = secrets;
    c.n_secrets = 3;
    c.relabel_configs = (struct relabel_config){&rule, 1};
    struct target t;
    assert_int_equal(make(&c, "host:9100", NULL, 0, &t, NULL), 0);
    assert_string_equal(t.url.p, "http://host:9100/p/t0ken?auth=k3y-one&auth=1&auth=31"
                                 "&copy=xk3y-oney");
    assert_string_equal(t.shown_url.p, "http://host:9100/<secret>?auth=<secret>&auth=<secret>"
                                       "&auth=31&copy=x<secret>y");
    expect_labels(&t.discovered,
                  "{__address__=\"host:9100\", __metrics_path__=\"<secret>\", "
                  "__param_auth=\"<secret>\", __scheme__=\"http\", __scrape_interval__=\"1m\", "
                  "__scrape_timeout__=\"10s\", job=\"j\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secrets_are_on_the_wire_only, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_a_target_has_the_labels_of_prometheus, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_a_group_may_set_what_the_job_says, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_wrong_targets_are_left_out_with_a_reason, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_a_dropped_target_keeps_what_was_discovered, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_equal_targets_have_equal_hashes, make_arena,
                                        free_arena),
        cmocka_unit_test(test_scrapes_keep_to_the_targets_moment),
        cmocka_unit_test(test_targets_spread_over_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
