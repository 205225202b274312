#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "support/check.h"

static const char *const *no_sets = NULL;

static int load(const char *text, const char *const *sets, size_t n, struct config **out,
                struct buf *problems, struct err *err)
{
    const struct config_source source = {
        .file = "a/t.yml", .text = str_c(text), .sets = sets, .n_sets = n};
    return config_load(&source, out, problems, err);
}

static struct config *loaded(const char *text)
{
    struct config *c = NULL;
    struct err err = {0};
    if (load(text, no_sets, 0, &c, NULL, &err) != 0)
        fail_msg("%s", err.message);
    return c;
}

/* The text is refused, and the first problem is this line. */
static void refused(const char *text, const char *problem)
{
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(load(text, no_sets, 0, &c, NULL, &err), ERR_INVALID);
    assert_string_equal(err.message, problem);
    assert_null(c);
}

static void refused_set(const char *set, const char *problem)
{
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(load("", &set, 1, &c, NULL, &err), ERR_INVALID);
    assert_string_equal(err.message, problem);
}

static void test_every_key_has_a_default(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(config_load(&(struct config_source){0}, &c, NULL, &err), 0);
    assert_string_equal(c->http.address, "127.0.0.1:9090");
    assert_string_equal(c->otlp.grpc_address, "127.0.0.1:4317");
    assert_string_equal(c->otlp.http_address, "127.0.0.1:4318");
    assert_string_equal(c->storage.path, "./telltale-data");
    assert_int_equal(c->storage.retention_metrics_ms, INT64_C(30) * 86400000);
    assert_int_equal(c->storage.durability, CONFIG_DURABILITY_PROCESS);
    assert_int_equal(c->storage.head_max_bytes, 256 << 20);
    assert_int_equal(c->query.max_points, 11000);
    assert_int_equal(c->global.scrape_interval_ms, 60000);
    assert_int_equal(c->global.scrape.n_protocols, 0); // not given: by what is wanted
    assert_true(c->otlp.promote_scope_metadata);
    assert_false(c->http.insecure);
    assert_int_equal(c->n_scrape_configs, 0);
    assert_string_equal(c->warnings, "");
    assert_null(c->file);
    config_free(c);
}

static void test_values_of_each_type_are_read(void **state)
{
    (void)state;
    struct config *c = loaded("http: {address: off, tls: {cert: c.pem, key: /k.pem}, "
                              "lifecycle: yes}\n"
                              "storage:\n"
                              "  path: data\n"
                              "  retention: {metrics: forever}\n"
                              "  durability: disk\n"
                              "  head_max_bytes: 1.5GiB\n"
                              "  flush_interval: 1m30s\n"
                              "  exemplars: {max_exemplars: 7}\n"
                              "  aggregates: {resolutions: [10m, 1h]}\n"
                              "otlp:\n"
                              "  translation_strategy: NoTranslation\n"
                              "  promote_resource_attributes: [a, 'b c']\n"
                              "global: {external_labels: {site: x, 'my.label': ''}}\n"
                              "query.features: [all]\n"
                              "log: {level: warn, format: json}\n");
    assert_null(c->http.address);
    assert_string_equal(c->http.tls.cert, "a/c.pem"); // beside the file
    assert_string_equal(c->http.tls.key, "/k.pem");
    assert_true(c->http.lifecycle);
    assert_string_equal(c->storage.path, "data"); // data is where one stands
    assert_int_equal(c->storage.retention_metrics_ms, INT64_MAX);
    assert_int_equal(c->storage.durability, CONFIG_DURABILITY_DISK);
    assert_int_equal(c->storage.head_max_bytes, (INT64_C(3) << 30) / 2);
    assert_int_equal(c->storage.flush_interval_ms, 90000);
    assert_int_equal(c->storage.max_exemplars, 7);
    assert_int_equal(c->storage.n_aggregates_resolutions, 2);
    assert_int_equal(c->storage.aggregates_resolutions_ms[0], 600000);
    assert_non_null(strstr(c->yaml, "resolutions: [10m, 1h]"));
    assert_int_equal(c->otlp.translation, CONFIG_NO_TRANSLATION);
    assert_int_equal(c->otlp.n_promote_resource_attributes, 2);
    check_str(c->otlp.promote_resource_attributes[1], "b c");
    assert_int_equal(c->global.n_external_labels, 2);
    check_str(c->global.external_labels[0].name, "site");
    check_str(c->global.external_labels[1].value, "");
    assert_int_equal(c->query.n_features, 1);
    assert_int_equal(c->log.level, 2);
    assert_int_equal(c->log.format, 1);
    config_free(c);
}

static void test_a_wrong_value_says_where_what_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"http: {address: here}",
         "a/t.yml:1:17: http.address: found \"here\", expected an address such as "
         "127.0.0.1:9090, or off"},
        {"http:\n  address: [1]\n", "a/t.yml:2:12: http.address: found a list, expected an address "
                                    "such as 127.0.0.1:9090, or off"},
        {"http: {address: 'h:99999'}",
         "a/t.yml:1:17: http.address: found \"h:99999\", expected an address such as "
         "127.0.0.1:9090, or off"},
        {"http: {insecure: maybe}",
         "a/t.yml:1:18: http.insecure: found \"maybe\", expected true or false"},
        {"storage: {retention: {metrics: 1h}}",
         "a/t.yml:1:32: storage.retention.metrics: found \"1h\", expected a duration such as 30d, "
         "or forever, at least 1d"},
        {"query: {timeout: forever}", "a/t.yml:1:18: query.timeout: found \"forever\", expected a "
                                      "duration such as 30s or 1h30m, at least 1ms"},
        {"query: {max_concurrency: 2000}",
         "a/t.yml:1:26: query.max_concurrency: found \"2000\", expected a whole number from 1 to "
         "1000"},
        {"query: {max_points: -3}",
         "a/t.yml:1:21: query.max_points: found \"-3\", expected a whole number of at least 1"},
        {"storage: {head_max_bytes: 1XB}", "a/t.yml:1:27: storage.head_max_bytes: found \"1XB\", "
                                           "expected a size such as 64MiB of at least 1048576"},
        {"storage: {durability: disc}",
         "a/t.yml:1:23: storage.durability: found \"disc\", expected one of process, disk"},
        {"otlp: {promote_resource_attributes: a}",
         "a/t.yml:1:37: otlp.promote_resource_attributes: found \"a\", expected a list of texts"},
        {"global: {external_labels: [a]}", "a/t.yml:1:27: global.external_labels: found a list, "
                                           "expected a map of label names to values"},
        {"query: {features: [fast]}",
         "a/t.yml:1:20: query.features: found \"fast\", expected a feature of PromQL such as "
         "promql-experimental-functions, or all"},
        {"storage: {aggregates: {resolutions: [7m]}}",
         "a/t.yml:1:38: storage.aggregates.resolutions: found \"7m\", expected another duration of "
         "whole seconds that divides a day, such as 5m"},
        {"storage: {aggregates: {resolutions: [1h, 60m]}}",
         "a/t.yml:1:42: storage.aggregates.resolutions: found \"60m\", expected another duration of "
         "whole seconds that divides a day, such as 5m"},
        {"storage: {aggregates: {resolutions: []}}",
         "a/t.yml:1:37: storage.aggregates.resolutions: found a list, expected a list of one to four "
         "durations"},
        {"http: 5", "a/t.yml:1:7: http: found \"5\", expected a map"},
        {"scrape_configs: 5", "a/t.yml:1:17: scrape_configs: found \"5\", expected a list"},
        {"- a", "a/t.yml:1:1: found a list, expected a map of sections"},
        {"storage: {path: ''}", "a/t.yml: storage.path is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].text, cases[i].problem);
}

static void test_an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    refused("htp: {}", "a/t.yml:1:1: htp: unknown key; did you mean http?");
    refused("storage: {retension: {}}",
            "a/t.yml:1:11: storage.retension: unknown key; did you mean storage.retention?");
    refused("address: x", "a/t.yml:1:1: address: unknown key; did you mean http.address?");
    refused("http: {adress: x}", "a/t.yml:1:8: http.adress: unknown key; did you mean "
                                 "http.address?");
    refused("quux: 1", "a/t.yml:1:1: quux: unknown key");
    refused("http: {tls: {quality: 1}}", "a/t.yml:1:14: http.tls.quality: unknown key");
}

static void test_all_problems_are_told_up_to_a_limit(void **state)
{
    (void)state;
    struct buf problems = BUF_MAX(64 << 10), text = BUF_MAX(64 << 10);
    struct config *c = NULL;
    struct err err = {0};
    assert_int_equal(load("a: 1\nhttp: {b: 2}\n", no_sets, 0, &c, &problems, &err), ERR_INVALID);
    check_str(buf_str(&problems), "a/t.yml:1:1: a: unknown key\n"
                                  "a/t.yml:2:8: http.b: unknown key\n");
    buf_reset(&problems);
    for (int i = 0; i < 50; i++)
        buf_printf(&text, "unknown_%d: 1\n", i);
    buf_putc(&text, '\0');
    assert_int_equal(load(text.p, no_sets, 0, &c, &problems, &err), ERR_INVALID);
    assert_true(str_ends(buf_str(&problems), STR("… and 30 more\n")));
    buf_done(&problems);
    buf_done(&text);
}

static void test_set_wins_over_the_file(void **state)
{
    (void)state;
    const char *sets[] = {"http.address=[::1]:1", "query.features=[promql-binop-fill-modifiers]",
                          "storage.retention.metrics=40d", "storage.retention.metrics=50d",
                          "scrape_configs=[{job_name: j}]"};
    struct config *c = NULL;
    struct err err = {0};
    if (load("http: {address: '127.0.0.1:2'}\nscrape_configs: []\n", sets, 5, &c, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(c->http.address, "[::1]:1");
    check_str(c->query.features[0], "promql-binop-fill-modifiers");
    assert_int_equal(c->storage.retention_metrics_ms, INT64_C(50) * 86400000);
    assert_int_equal(c->n_scrape_configs, 1);
    config_free(c);

    refused_set("htp=1", "--set: htp: unknown key; did you mean http?");
    refused_set("http.address", "--set: found \"http.address\", expected KEY=VALUE");
    refused_set("query.timeout=x", "--set: query.timeout: found \"x\", expected a duration such "
                                   "as 30s or 1h30m, at least 1ms");
}

/* ---- Secrets ---- */

static void test_references_are_replaced_and_never_shown(void **state)
{
    (void)state;
    char path[] = "/tmp/telltale-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from file\n", 10), 10);
    assert_int_equal(setenv("TELLTALE_TEST_SECRET", "hunter2", 1), 0);

    struct buf text = BUF_MAX(4096);
    buf_printf(&text,
               "http: {cors_origin: 'https://${TELLTALE_TEST_SECRET}.example'}\n"
               "global: {external_labels: {a: '${file:%s}', b: '$${X} $1 ${1} $'}}\n"
               "scrape_configs:\n"
               "- job_name: j\n"
               "  basic_auth: {username: '${TELLTALE_TEST_SECRET}', password: open sesame}\n"
               "  proxy_url: http://me:hush@proxy\n"
               "  params: {token: [hidden]}\n",
               path);
    buf_putc(&text, '\0');
    struct config *c = loaded(text.p);
    assert_string_equal(c->http.cors_origin, "https://hunter2.example");
    check_str(c->global.external_labels[0].value, "from file");
    check_str(c->global.external_labels[1].value, "${X} $1 ${1} $");
    assert_string_equal(c->scrape_configs[0].http.basic_auth.password, "open sesame");
    static const char *const secrets[] = {"hunter2", "from file", "sesame", "hush", "hidden"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (strstr(c->yaml, secrets[i]))
            fail_msg("%s is shown", secrets[i]);
    assert_non_null(strstr(c->yaml, "cors_origin: <secret>"));
    assert_non_null(strstr(c->yaml, "http://me:<secret>@proxy"));
    config_free(c);
    buf_done(&text);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
}

static void test_a_reference_that_does_not_resolve_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("TELLTALE_TEST_NOBODY"), 0);
    refused("http: {cors_origin: '${TELLTALE_TEST_NOBODY}'}",
            "a/t.yml:1:21: http.cors_origin: the environment has no variable "
            "TELLTALE_TEST_NOBODY (write $${ for a literal ${)");
    refused("http: {cors_origin: '${file:/nonexistent/x}'}",
            "a/t.yml:1:21: http.cors_origin: ${file:/nonexistent/x}: No such file or directory");
}

static void test_a_wrong_secret_is_not_repeated(void **state)
{
    (void)state;
    refused("auth: {users: [{name: a, token_sha256: topsecret, rights: [read]}]}",
            "a/t.yml:1:16: auth.users[0]: token_sha256: found <secret>, expected 64 hexadecimal "
            "digits");
}

/* ---- Rules over several keys ---- */

static void test_listeners_that_others_reach_need_tls_and_a_credential(void **state)
{
    (void)state;
    refused("http: {address: ':9090'}",
            "a/t.yml: http.address: 0.0.0.0:9090 can be reached by other machines: set TLS "
            "(http.tls.cert and http.tls.key) and a credential (auth.users or "
            "http.tls.client_ca), or http.insecure: true if something else protects it");
    refused("otlp: {grpc: {address: '10.0.0.1:4317'}}\nhttp: {tls: {cert: c, key: k}}\n",
            "a/t.yml: otlp.grpc.address: 10.0.0.1:4317 can be reached by other machines: set a "
            "credential (auth.users or http.tls.client_ca), or http.insecure: true if something "
            "else protects it");
    struct config *c = loaded("http: {address: '0.0.0.0:9090', insecure: true}");
    assert_non_null(strstr(c->warnings, "0.0.0.0:9090 is open to other machines without TLS"));
    config_free(c);
    c = loaded("http: {address: '0.0.0.0:9090', tls: {cert: c, key: k, client_ca: a}}");
    assert_string_equal(c->warnings, "");
    config_free(c);
}

static void test_loopback_is_told_from_names_that_look_like_it(void **state)
{
    (void)state;
    assert_true(config_address_is_loopback("127.0.0.1:80"));
    assert_true(config_address_is_loopback("127.9.9.9:80"));
    assert_true(config_address_is_loopback("[::1]:80"));
    assert_true(config_address_is_loopback("localhost:80"));
    assert_false(config_address_is_loopback("127.evil.example:80"));
    assert_false(config_address_is_loopback("localhost.evil.example:80"));
    assert_false(config_address_is_loopback("[::]:80"));
    assert_false(config_address_is_loopback("1270.0.0.1:80"));
}

static void test_users_are_checked(void **state)
{
    (void)state;
    refused("auth: {users: [{rights: [read]}]}", "a/t.yml:1:16: auth.users[0]: name is missing");
    refused("auth: {users: [{name: a, password_hash: $6$x}]}",
            "a/t.yml:1:16: auth.users[0]: rights: expected a list of read, ingest, admin");
    refused("auth: {users: [{name: a, rights: [read]}]}",
            "a/t.yml:1:16: auth.users[0]: a user needs password_hash, token_sha256 or both");
    refused("auth: {users: [{name: a, password_hash: $6$x, rights: [root]}]}",
            "a/t.yml:1:56: auth.users[0].rights: found \"root\", expected read, ingest or admin");
    refused("auth:\n  users:\n  - {name: a, password_hash: $6$x, rights: [read]}\n"
            "  - {name: a, password_hash: $6$x, rights: [read]}\n",
            "a/t.yml: auth.users[1]: the name \"a\" stands twice");
    struct config *c = loaded("auth:\n  users:\n"
                              "  - {name: a, password_hash: $6$x, rights: [read, ingest]}\n");
    assert_int_equal(c->auth.users[0].rights, CONFIG_RIGHT_READ | CONFIG_RIGHT_INGEST);
    assert_non_null(strstr(c->yaml, "rights: [read, ingest]"));
    config_free(c);
}

static void test_tls_files_belong_together(void **state)
{
    (void)state;
    refused("http: {tls: {cert: c}}", "a/t.yml: http.tls.cert and http.tls.key belong together");
    refused("http: {tls: {client_ca: c}}",
            "a/t.yml: http.tls.client_ca needs http.tls.cert and http.tls.key");
}

static void test_a_limit_of_tenants_needs_their_label(void **state)
{
    (void)state;
    refused("storage: {cardinality: {series_per_tenant: 5}}",
            "a/t.yml: storage.cardinality.series_per_tenant needs "
            "storage.cardinality.tenant_label");
    config_free(loaded("storage: {cardinality: {series_per_tenant: 5, tenant_label: job}}"));
}

static void test_keys_of_prometheus_without_effect_warn(void **state)
{
    (void)state;
    struct config *c = loaded("rule_files: [a.yml]\n"
                              "storage: {tsdb: {out_of_order_time_window: 30m}}\n"
                              "query: {features: [native-histograms, ooo-native-histograms]}\n"
                              "alerting:\n");
    assert_string_equal(c->warnings,
                        "a/t.yml:1:13: rule_files: rules and alerts are not evaluated by this "
                        "version\n"
                        "a/t.yml:2:17: storage.tsdb: has no effect: telltale stores data in its "
                        "own way\n"
                        "a/t.yml:3:20: query.features: native-histograms has no effect\n"
                        "a/t.yml:3:39: query.features: ooo-native-histograms has no effect\n");
    config_free(c);
}

/* ---- What it says of itself ---- */

static void test_the_effective_yaml_is_a_fixed_point(void **state)
{
    (void)state;
    struct config *c = loaded("http: {cors_origin: \"a\\tb: 'c' \\u2028 \\\"\"}\n"
                              "global: {external_labels: {yes: no, 'a b': '- c'}}\n"
                              "scrape_configs:\n"
                              "- job_name: '#j'\n"
                              "  fallback_scrape_protocol: PrometheusText0.0.4\n"
                              "  static_configs: [{targets: [a:1], labels: {x: y}}, {}]\n"
                              "  relabel_configs: [{source_labels: [a], target_label: b}]\n");
    struct config *again = loaded(c->yaml);
    assert_string_equal(again->yaml, c->yaml);
    assert_string_equal(again->http.cors_origin, c->http.cors_origin);
    config_free(c);
    config_free(again);
}

static void test_keys_that_need_a_restart_are_named(void **state)
{
    (void)state;
    struct config *a = loaded("{}");
    struct config *b = loaded("http: {address: '127.0.0.1:1', cors_origin: x}\n"
                              "query: {timeout: 1s}\n");
    struct buf keys = BUF_MAX(1024);
    config_restart_keys(a, b, &keys);
    check_str(buf_str(&keys), "http.address, http.cors_origin");
    buf_reset(&keys);
    config_restart_keys(a, a, &keys);
    check_str(buf_str(&keys), "");
    buf_done(&keys);
    config_free(a);
    config_free(b);
}

struct seen {
    const char *key;
    char value[128];
};

static void look(void *self, const char *key, const char *like, struct str value)
{
    struct seen *s = self;
    (void)like;
    if (strcmp(key, s->key) == 0)
        (void)snprintf(s->value, sizeof s->value, "%.*s", STR_ARG(value));
}

static void test_each_option_is_told_with_its_value(void **state)
{
    (void)state;
    struct config *c = loaded("storage: {retention: {metrics: 90d}}");
    struct seen retention = {.key = "storage.retention.metrics"};
    config_each(c, look, &retention);
    assert_string_equal(retention.value, "90d");
    struct seen address = {.key = "otlp.grpc.address"};
    config_each(c, look, &address);
    assert_string_equal(address.value, "127.0.0.1:4317");
    config_free(c);
}

static void test_a_file_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct err err = {0};
    const struct config_source source = {.file = "/nonexistent/t.yml"};
    assert_int_equal(config_load(&source, &c, NULL, &err), ERR_IO);
    assert_string_equal(err.message, "cannot read /nonexistent/t.yml: No such file or directory");
}

/* What the second configuration would do to listeners that the first one started. */
static int reload(const char *first, const char *second, struct err *err)
{
    struct config *a = loaded(first), *b = loaded(second);
    int rc = config_check_reload(a, a->http.tls.client_ca != NULL, b, err);
    config_free(a);
    config_free(b);
    return rc;
}

static void test_a_reload_leaves_no_listener_open(void **state)
{
    (void)state;
    static const char open[] = "http: {address: '0.0.0.0:9090', tls: {cert: c, key: k}}\n"
                               "auth: {users: [{name: a, token_sha256: "
                               "'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',"
                               " rights: [read]}]}\n";
    struct err err = {0};
    assert_int_equal(reload(open, open, &err), 0);
    assert_int_equal(reload(open, "http: {address: '127.0.0.1:9090'}", &err), ERR_INVALID);
    assert_string_equal(err.message,
                        "http.address: 0.0.0.0:9090 stays in force until the next start, can be "
                        "reached by other machines, and would be left without a credential "
                        "(auth.users or http.tls.client_ca); restart with this configuration "
                        "instead of reloading it");
    assert_int_equal(reload(open, "http: {tls: {cert: c, key: k, client_ca: a}}", &err), 0);
    assert_int_equal(reload(open, "http: {insecure: true}", &err), 0);
    assert_int_equal(reload("otlp: {grpc: {address: '[::]:4317'}}\n"
                            "http: {tls: {cert: c, key: k, client_ca: a}}",
                            "http: {tls: {cert: c, key: k}}", &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.message, "otlp.grpc.address: [::]:4317"));
    assert_int_equal(reload("otlp: {grpc: {address: '[::]:4317'}}\nhttp: {insecure: true}",
                            "otlp: {grpc: {address: 'localhost:4317'}}", &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.message, "TLS (http.tls.cert and http.tls.key) and a credential"));
    assert_int_equal(reload("", "", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_has_a_default),
        cmocka_unit_test(test_values_of_each_type_are_read),
        cmocka_unit_test(test_a_wrong_value_says_where_what_and_what_was_expected),
        cmocka_unit_test(test_an_unknown_key_names_the_nearest),
        cmocka_unit_test(test_all_problems_are_told_up_to_a_limit),
        cmocka_unit_test(test_set_wins_over_the_file),
        cmocka_unit_test(test_references_are_replaced_and_never_shown),
        cmocka_unit_test(test_a_reference_that_does_not_resolve_is_an_error),
        cmocka_unit_test(test_a_wrong_secret_is_not_repeated),
        cmocka_unit_test(test_listeners_that_others_reach_need_tls_and_a_credential),
        cmocka_unit_test(test_a_reload_leaves_no_listener_open),
        cmocka_unit_test(test_loopback_is_told_from_names_that_look_like_it),
        cmocka_unit_test(test_users_are_checked),
        cmocka_unit_test(test_tls_files_belong_together),
        cmocka_unit_test(test_a_limit_of_tenants_needs_their_label),
        cmocka_unit_test(test_keys_of_prometheus_without_effect_warn),
        cmocka_unit_test(test_the_effective_yaml_is_a_fixed_point),
        cmocka_unit_test(test_keys_that_need_a_restart_are_named),
        cmocka_unit_test(test_each_option_is_told_with_its_value),
        cmocka_unit_test(test_a_file_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
