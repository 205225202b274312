#include <stdlib.h>

#include "base/buf.h"
#include "config/config.h"
#include "support/check.h"

static int load(const char *text, struct config **out, struct err *err)
{
    const struct config_source source = {.file = "d/p.yml", .text = str_c(text)};
    return config_load(&source, out, NULL, err);
}

static struct config *loaded(const char *text)
{
    struct config *c = NULL;
    struct err err = {0};
    if (load(text, &c, &err) != 0)
        fail_msg("%s", err.message);
    return c;
}

/* What a job with these keys is refused for. */
static void refused(const char *keys, const char *problem)
{
    struct buf text = BUF_MAX(4096);
    struct config *c = NULL;
    struct err err = {0};
    buf_printf(&text, "scrape_configs:\n- job_name: j\n  %s\n", keys);
    buf_putc(&text, '\0');
    assert_int_equal(load(text.p, &c, &err), ERR_INVALID);
    assert_string_equal(err.message, problem);
    buf_done(&text);
}

/* The file that Prometheus's packages install. */
static void test_the_file_of_a_fresh_prometheus_works(void **state)
{
    (void)state;
    struct config *c = loaded("# my global config\n"
                              "global:\n"
                              "  scrape_interval: 15s # Default is every 1 minute.\n"
                              "  evaluation_interval: 15s\n"
                              "  # scrape_timeout is set to the global default (10s).\n"
                              "alerting:\n"
                              "  alertmanagers:\n"
                              "    - static_configs:\n"
                              "        - targets:\n"
                              "          # - alertmanager:9093\n"
                              "rule_files:\n"
                              "  # - \"first_rules.yml\"\n"
                              "scrape_configs:\n"
                              "  - job_name: \"prometheus\"\n"
                              "    static_configs:\n"
                              "      - targets: [\"localhost:9090\"]\n"
                              "        labels:\n"
                              "          app: \"prometheus\"\n");
    assert_string_equal(c->warnings, "d/p.yml:7:3: alerting: rules and alerts are not evaluated by "
                                     "this version\n");
    assert_int_equal(c->global.evaluation_interval_ms, 15000);
    assert_int_equal(c->n_scrape_configs, 1);
    const struct scrape_config *job = &c->scrape_configs[0];
    assert_string_equal(job->job_name, "prometheus");
    assert_int_equal(job->scrape_interval_ms, 15000);
    assert_int_equal(job->scrape_timeout_ms, 10000);
    assert_string_equal(job->metrics_path, "/metrics");
    assert_string_equal(job->scheme, "http");
    assert_true(job->honor_timestamps);
    assert_int_equal(job->n_static_configs, 1);
    check_str(job->static_configs[0].targets[0], "localhost:9090");
    check_str(job->static_configs[0].labels[0].value, "prometheus");
    config_free(c);
}

static void test_every_key_of_a_job_reaches_its_field(void **state)
{
    (void)state;
    struct config *c = loaded("global: {sample_limit: 5, label_limit: 6, scrape_protocols: "
                              "[PrometheusText0.0.4]}\n"
                              "scrape_configs:\n"
                              "- job_name: j\n"
                              "  scrape_interval: 30s\n"
                              "  scrape_timeout: 20s\n"
                              "  metrics_path: /m\n"
                              "  scheme: https\n"
                              "  params: {a: [x, y]}\n"
                              "  honor_labels: true\n"
                              "  honor_timestamps: false\n"
                              "  enable_compression: false\n"
                              "  label_limit: 7\n"
                              "  body_size_limit: 10MB\n"
                              "  scrape_classic_histograms: true\n"
                              "  metric_name_validation_scheme: legacy\n"
                              "  fallback_scrape_protocol: OpenMetricsText1.0.0\n"
                              "  bearer_token_file: token\n"
                              "  tls_config: {ca_file: ca.pem, insecure_skip_verify: true}\n"
                              "  follow_redirects: false\n"
                              "  http_headers: {X-A: {values: [b, c]}}\n"
                              "  file_sd_configs: [{files: [t/*.json, /x.yml], "
                              "refresh_interval: 1m}]\n"
                              "  http_sd_configs: [{url: 'http://h/', authorization: "
                              "{credentials: k}}]\n"
                              "  metric_relabel_configs: [{regex: '(x)', replacement: '${1}', "
                              "action: labelmap}]\n");
    const struct scrape_config *job = &c->scrape_configs[0];
    assert_int_equal(job->scrape_interval_ms, 30000);
    assert_int_equal(job->scrape_timeout_ms, 20000);
    assert_string_equal(job->metrics_path, "/m");
    assert_string_equal(job->scheme, "https");
    assert_string_equal(job->params[0].name, "a");
    assert_string_equal(job->params[0].values[1], "y");
    assert_true(job->honor_labels);
    assert_false(job->honor_timestamps);
    assert_false(job->enable_compression);
    assert_int_equal(job->sample_limit, 5); // from global
    assert_int_equal(job->label_limit, 7);  // over global
    assert_int_equal(job->body_size_limit, 10 << 20);
    assert_int_equal(job->n_protocols, 1);
    assert_false(job->utf8_names);
    assert_int_equal(job->fallback_protocol, SCRAPE_OPENMETRICS_1_0_0);
    assert_true(job->classic_histograms && !job->native_histograms);
    assert_string_equal(job->http.authorization.credentials_file, "d/token");
    assert_string_equal(job->http.authorization.type, "Bearer");
    assert_string_equal(job->http.tls.ca_file, "d/ca.pem");
    assert_true(job->http.tls.insecure_skip_verify);
    assert_false(job->http.follow_redirects);
    assert_string_equal(job->http.headers[0].value, "b, c");
    assert_string_equal(job->file_sd_configs[0].files[0], "d/t/*.json");
    assert_string_equal(job->file_sd_configs[0].files[1], "/x.yml");
    assert_int_equal(job->file_sd_configs[0].refresh_interval_ms, 60000);
    assert_string_equal(job->http_sd_configs[0].http.authorization.type, "Bearer");
    assert_int_equal(job->http_sd_configs[0].refresh_interval_ms, 60000);
    assert_true(job->http_sd_configs[0].http.follow_redirects);
    const struct relabel_rule *rule = &job->metric_relabel_configs.rules[0];
    assert_int_equal(rule->action, RELABEL_LABELMAP);
    check_str(rule->separator, ";");
    check_str(rule->replacement, "${1}"); // theirs, not ours to expand
    config_free(c);
}

static void test_texts_from_references_are_listed_as_secrets(void **state)
{
    (void)state;
    assert_int_equal(setenv("T_KEY", "k3y", 1), 0);
    struct config *c = loaded("scrape_configs:\n"
                              "- job_name: j\n"
                              "  metrics_path: /p/${T_KEY}\n"
                              "  params: {a: [plain, '${T_KEY}']}\n"
                              "  static_configs: [{targets: [h], labels: "
                              "{__param_b: 'x${T_KEY}', public: '${T_KEY}'}}]\n"
                              "  http_sd_configs: [{url: 'http://h/?t=${T_KEY}'}]\n");
    const struct scrape_config *job = &c->scrape_configs[0];
    static const char *const wanted[] = {"/p/k3y", "k3y", "http://h/?t=k3y", "xk3y"};
    assert_int_equal(job->n_secrets, ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        check_str(job->secrets[i], wanted[i]);
    config_free(c);
}

static void check_protocols(const char *text, const enum scrape_protocol *wanted, size_t n)
{
    struct config *c = loaded(text);
    enum scrape_protocol asked[SCRAPE_PROTOCOLS];
    assert_int_equal(scrape_config_protocols(&c->scrape_configs[0], asked), n);
    assert_memory_equal(asked, wanted, n * sizeof *wanted);
    config_free(c);
}

static void test_protobuf_is_asked_for_where_native_histograms_are_wanted(void **state)
{
    (void)state;
    static const enum scrape_protocol all[] = {SCRAPE_PROTOBUF, SCRAPE_OPENMETRICS_1_0_0,
                                               SCRAPE_OPENMETRICS_0_0_1, SCRAPE_TEXT_1_0_0,
                                               SCRAPE_TEXT_0_0_4};
    static const enum scrape_protocol named[] = {SCRAPE_TEXT_0_0_4, SCRAPE_PROTOBUF};
    check_protocols("scrape_configs: [{job_name: j}]\n", all + 1, 4);
    check_protocols("scrape_configs: [{job_name: j, scrape_native_histograms: true}]\n", all, 5);
    check_protocols("global: {scrape_native_histograms: true}\nscrape_configs: [{job_name: j}]\n",
                    all, 5);
    check_protocols("global: {scrape_native_histograms: true}\n"
                    "scrape_configs: [{job_name: j, scrape_native_histograms: false}]\n",
                    all + 1, 4);
    check_protocols("global: {scrape_protocols: [PrometheusText0.0.4, PrometheusProto]}\n"
                    "scrape_configs: [{job_name: j, scrape_native_histograms: true}]\n",
                    named, 2);
}

static void test_the_timeout_shrinks_with_the_interval(void **state)
{
    (void)state;
    struct config *c = loaded("scrape_configs: [{job_name: j, scrape_interval: 2s}]\n"
                              "global: {scrape_timeout: 5s}\n");
    assert_int_equal(c->scrape_configs[0].scrape_timeout_ms, 2000);
    config_free(c);
}

static void test_mistakes_in_a_job_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *problem;
    } cases[] = {
        {"scrape_intervall: 1s", "d/p.yml:3:3: scrape_configs[0].scrape_intervall: unknown key; "
                                 "did you mean scrape_interval?"},
        {"scrape_interval: 1s\n  scrape_timeout: 2s",
         "d/p.yml:2:3: scrape_configs[0]: scrape_timeout is longer than scrape_interval"},
        {"scheme: gopher", "d/p.yml:3:11: scrape_configs[0].scheme: found \"gopher\", expected one "
                           "of http, https"},
        {"scrape_protocols: [Text]",
         "d/p.yml:3:22: scrape_configs[0].scrape_protocols: found \"Text\", expected "
         "PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText1.0.0 or "
         "PrometheusText0.0.4"},
        {"relabel_configs: [{action: jump}]",
         "d/p.yml:3:30: scrape_configs[0].relabel_configs[0].action: found \"jump\", expected one "
         "of replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, "
         "lowercase, uppercase"},
        {"relabel_configs: [{source_labels: [a]}]",
         "d/p.yml:3:21: scrape_configs[0].relabel_configs[0]: target_label is missing; action "
         "replace needs it"},
        {"relabel_configs: [{target_label: a, action: hashmod}]",
         "d/p.yml:3:21: scrape_configs[0].relabel_configs[0]: modulus is missing; action hashmod "
         "needs it"},
        {"static_configs: [{targets: a}]",
         "d/p.yml:3:30: scrape_configs[0].static_configs[0].targets: found \"a\", expected a list "
         "of texts"},
        {"file_sd_configs: [{files: [a.txt]}]",
         "d/p.yml:3:21: scrape_configs[0].file_sd_configs[0]: files[0]: expected a name ending in "
         ".json, .yml or .yaml"},
        {"http_sd_configs: [{url: h}]", "d/p.yml:3:21: scrape_configs[0].http_sd_configs[0]: url: "
                                        "expected http://… or https://…"},
        {"http_sd_configs: [{}]",
         "d/p.yml:3:21: scrape_configs[0].http_sd_configs[0]: url is missing"},
        {"basic_auth: {username: a}\n  bearer_token: b",
         "d/p.yml:2:3: scrape_configs[0]: at most one of basic_auth, authorization and "
         "bearer_token"},
        {"tls_config: {cert_file: a}",
         "d/p.yml:2:3: scrape_configs[0]: tls_config.cert_file and key_file belong together"},
        {"http_headers: {A: b}",
         "d/p.yml:3:21: scrape_configs[0].http_headers.A: expected {values: […]} or "
         "{secrets: […]}"},
        {"http_headers: {A: {values: [\"b\\nc\"]}}",
         "d/p.yml:3:21: scrape_configs[0].http_headers.A: not a header's value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].keys, cases[i].problem);
    struct config *c;
    struct err err = {0};
    assert_int_equal(load("scrape_configs: [{job_name: a}, {job_name: a}]", &c, &err), ERR_INVALID);
    assert_string_equal(err.message, "d/p.yml:1:33: scrape_configs: two jobs have the name \"a\"");
    assert_int_equal(load("scrape_configs: [{scheme: http}]", &c, &err), ERR_INVALID);
    assert_string_equal(err.message, "d/p.yml:1:18: scrape_configs[0]: job_name is missing");
}

static void test_a_bad_regex_is_refused_where_it_stands(void **state)
{
    (void)state;
    struct config *c;
    struct err err = {0};
    assert_int_equal(load("scrape_configs:\n- job_name: j\n  relabel_configs:\n"
                          "  - {target_label: a,\n     regex: '('}\n",
                          &c, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.message, "d/p.yml:5:13: scrape_configs[0].relabel_configs[0]: "
                                        "regex: "));
}

static void test_discovery_that_is_not_covered_warns(void **state)
{
    (void)state;
    struct config *c = loaded("scrape_configs:\n- job_name: j\n  kubernetes_sd_configs: "
                              "[{role: pod}]\n");
    assert_string_equal(c->warnings, "d/p.yml:3:26: scrape_configs[0].kubernetes_sd_configs: this "
                                     "kind of discovery is not covered: the job gets no targets "
                                     "from it\n");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_file_of_a_fresh_prometheus_works),
        cmocka_unit_test(test_every_key_of_a_job_reaches_its_field),
        cmocka_unit_test(test_texts_from_references_are_listed_as_secrets),
        cmocka_unit_test(test_protobuf_is_asked_for_where_native_histograms_are_wanted),
        cmocka_unit_test(test_the_timeout_shrinks_with_the_interval),
        cmocka_unit_test(test_mistakes_in_a_job_are_refused_with_their_place),
        cmocka_unit_test(test_a_bad_regex_is_refused_where_it_stands),
        cmocka_unit_test(test_discovery_that_is_not_covered_warns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
