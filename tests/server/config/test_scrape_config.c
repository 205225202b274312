#include "config/scrape_config.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"

/* A job with something in every key, so that a key that copy or encode forgot shows. */
struct full {
    const char *param_values[2];
    struct scrape_param params[1];
    struct http_client_header headers[1];
    struct str targets[2];
    struct config_label labels[1];
    struct target_group groups[1];
    const char *files[1];
    struct file_sd_config file_sd[1];
    struct http_sd_config http_sd[1];
    struct str sources[1];
    struct relabel_rule rules[1], metric_rules[1];
    struct scrape_config c;
};

static void fill(struct full *f)
{
    *f = (struct full){
        .param_values = {"v1", "v2"},
        .headers = {{"X-A", "1"}},
        .targets = {{"a:1", 3}, {"b:2", 3}},
        .labels = {{{"l", 1}, {"m", 1}}},
        .files = {"/etc/x.json"},
        .sources = {{"s", 1}},
        .c = scrape_config_defaults(),
    };
    f->c.protocols[f->c.n_protocols++] = SCRAPE_OPENMETRICS_1_0_0;
    f->params[0] = (struct scrape_param){"p", f->param_values, 2};
    f->groups[0] = (struct target_group){f->targets, 2, f->labels, 1};
    f->file_sd[0] = (struct file_sd_config){f->files, 1, 1000};
    f->http_sd[0] = (struct http_sd_config){.url = "http://x", .refresh_interval_ms = 2000};
    f->rules[0] = f->metric_rules[0] = RELABEL_RULE_DEFAULTS;
    f->rules[0].source_labels = f->sources;
    f->rules[0].n_source_labels = 1;
    struct scrape_config *c = &f->c;
    c->job_name = "job";
    c->params = f->params;
    c->n_params = 1;
    c->http.headers = f->headers;
    c->http.n_headers = 1;
    c->http.basic_auth.username = "u";
    c->http.basic_auth.password = "p";
    c->static_configs = f->groups;
    c->n_static_configs = 1;
    c->file_sd_configs = f->file_sd;
    c->n_file_sd_configs = 1;
    c->http_sd_configs = f->http_sd;
    c->n_http_sd_configs = 1;
    c->relabel_configs = (struct relabel_config){f->rules, 1};
    c->metric_relabel_configs = (struct relabel_config){f->metric_rules, 1};
}

static struct buf encode(const struct scrape_config *c, bool with_discovery)
{
    struct buf out = BUF_MAX(1 << 16);
    scrape_config_encode(&out, c, with_discovery);
    assert_false(buf_failed(&out));
    return out;
}

static void test_a_copy_is_equal_and_independent(void **state)
{
    (void)state;
    struct full f;
    struct scrape_config copy;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    fill(&f);
    struct buf before = encode(&f.c, true);
    scrape_config_copy(&arena, &f.c, &copy);
    assert_false(arena_failed(&arena));
    memset(&f, 0, sizeof f); // whatever the copy still borrowed is gone
    struct buf after = encode(&copy, true);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));
    buf_done(&before);
    buf_done(&after);
    arena_done(&arena);
}

/* Each changes one key; `loop`: a key that a loop follows, not only discovery. */
#define CHANGE(name, statement)                                                                    \
    static void name(struct full *f)                                                               \
    {                                                                                              \
        statement;                                                                                 \
    }
CHANGE(change_job, f->c.job_name = "other")
CHANGE(change_interval, f->c.scrape_interval_ms = 1)
CHANGE(change_timeout, f->c.scrape_timeout_ms = 1)
CHANGE(change_path, f->c.metrics_path = "/other")
CHANGE(change_scheme, f->c.scheme = "https")
CHANGE(change_param, f->param_values[1] = "other")
CHANGE(change_honor_labels, f->c.honor_labels = true)
CHANGE(change_honor_timestamps, f->c.honor_timestamps = false)
CHANGE(change_track, f->c.track_timestamps_staleness = true)
CHANGE(change_compression, f->c.enable_compression = false)
CHANGE(change_extra, f->c.extra_scrape_metrics = true)
CHANGE(change_protocols, f->c.n_protocols = 2)
CHANGE(change_protocol, f->c.protocols[0] = SCRAPE_TEXT_0_0_4)
CHANGE(change_native, f->c.native_histograms = true)
CHANGE(change_bucket_limit, f->c.bucket_limit = 1)
CHANGE(change_classic, f->c.classic_histograms = true)
CHANGE(change_fallback, f->c.fallback_protocol = SCRAPE_TEXT_0_0_4)
CHANGE(change_utf8, f->c.utf8_names = false)
CHANGE(change_body_limit, f->c.body_size_limit = 1)
CHANGE(change_sample_limit, f->c.sample_limit = 1)
CHANGE(change_target_limit, f->c.target_limit = 1)
CHANGE(change_keep_dropped, f->c.keep_dropped_targets = 1)
CHANGE(change_label_limit, f->c.label_limit = 1)
CHANGE(change_name_limit, f->c.label_name_length_limit = 1)
CHANGE(change_value_limit, f->c.label_value_length_limit = 1)
CHANGE(change_user, f->c.http.basic_auth.username = "other")
CHANGE(change_password_file, f->c.http.basic_auth.password_file = "f")
CHANGE(change_token, f->c.http.authorization.credentials = "t")
CHANGE(change_ca, f->c.http.tls.ca_file = "f")
CHANGE(change_insecure, f->c.http.tls.insecure_skip_verify = true)
CHANGE(change_proxy, f->c.http.proxy_url = "http://p")
CHANGE(change_redirects, f->c.http.follow_redirects = false)
CHANGE(change_header, f->headers[0].value = "2")
CHANGE(change_metric_rule, f->metric_rules[0].action = RELABEL_DROP)
CHANGE(change_modulus, f->metric_rules[0].modulus = 2)
CHANGE(change_rule, f->rules[0].regex = STR("x"))
CHANGE(change_source, f->sources[0] = STR("t"))
CHANGE(change_target, f->targets[1] = STR("c:3"))
CHANGE(change_label, f->labels[0].value = STR("n"))
CHANGE(change_file, f->files[0] = "/etc/y.json")
CHANGE(change_file_refresh, f->file_sd[0].refresh_interval_ms = 5)
CHANGE(change_url, f->http_sd[0].url = "http://y")
CHANGE(change_url_auth, f->http_sd[0].http.authorization.credentials = "t")

static void test_every_key_makes_a_difference(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct full *f);
        bool loop;
    } rows[] = {
        {change_job, true},
        {change_interval, true},
        {change_timeout, true},
        {change_path, true},
        {change_scheme, true},
        {change_param, true},
        {change_honor_labels, true},
        {change_honor_timestamps, true},
        {change_track, true},
        {change_compression, true},
        {change_bucket_limit, true},
        {change_native, true},
        {change_classic, true},
        {change_extra, true},
        {change_protocols, true},
        {change_protocol, true},
        {change_fallback, true},
        {change_utf8, true},
        {change_body_limit, true},
        {change_sample_limit, true},
        {change_target_limit, true},
        {change_keep_dropped, true},
        {change_label_limit, true},
        {change_name_limit, true},
        {change_value_limit, true},
        {change_user, true},
        {change_password_file, true},
        {change_token, true},
        {change_ca, true},
        {change_insecure, true},
        {change_proxy, true},
        {change_redirects, true},
        {change_header, true},
        {change_metric_rule, true},
        {change_modulus, true},
        {change_rule, false},
        {change_source, false},
        {change_target, false},
        {change_label, false},
        {change_file, false},
        {change_file_refresh, false},
        {change_url, false},
        {change_url_auth, false},
    };
    struct full f;
    fill(&f);
    struct buf whole = encode(&f.c, true), loop = encode(&f.c, false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fill(&f);
        rows[i].change(&f);
        struct buf changed = encode(&f.c, true), changed_loop = encode(&f.c, false);
        assert_false(str_eq(buf_str(&whole), buf_str(&changed)));
        assert_int_equal(str_eq(buf_str(&loop), buf_str(&changed_loop)), !rows[i].loop);
        buf_done(&changed);
        buf_done(&changed_loop);
    }
    buf_done(&whole);
    buf_done(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_equal_and_independent),
        cmocka_unit_test(test_every_key_makes_a_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
