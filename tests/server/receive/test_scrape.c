#include "receive/scrape.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/sink.h"
#include "net/http.h"
#include "self/self.h"
#include "support/check.h"

/* ---- A sink that remembers each series's last sample and wakes who waits for one ---- */

struct kept {
    char *name;
    double value;
    int64_t t_unix_ms;
    size_t n;
};

static struct {
    struct lock lock;
    struct cond changed;
    struct map series; /* text of the labels -> kept */
    struct sink sink;
    int refuse; /* the next appends end so; 0: taken */
} store;

static int store_append(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    (void)self;
    lock_take(&store.lock);
    int refuse = store.refuse;
    for (size_t i = 0; refuse == 0 && i < b->n_series; i++) {
        struct buf text = BUF_MAX(4096);
        labels_format(&text, &b->series[i].labels);
        struct kept *k = map_get(&store.series, buf_str(&text));
        if (!k) {
            k = calloc(1, sizeof *k);
            assert_non_null(k);
            k->name = buf_take(&text, NULL);
            assert_int_equal(map_put(&store.series, str_c(k->name), k), 0);
        }
        buf_done(&text);
        k->value = b->series[i].samples[0].value;
        k->t_unix_ms = b->series[i].samples[0].t_unix_ms;
        k->n++;
        out->accepted++;
    }
    cond_broadcast(&store.changed);
    lock_give(&store.lock);
    return refuse ? err_set(err, refuse, "refused by the test") : 0;
}

static void store_start(void)
{
    lock_init(&store.lock, LOCK_LEAF);
    cond_init(&store.changed);
    store.sink = (struct sink){.append = store_append, .self = &store};
    store.refuse = 0;
}

static void store_stop(void)
{
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&store.series, &cursor))) {
        struct kept *k = e->value;
        free(k->name);
        free(k);
    }
    map_done(&store.series);
    cond_done(&store.changed);
    lock_done(&store.lock);
}

enum what { VALUE, STALE };

/* Waits until the series's last sample is this one. */
static void wait_for(const char *series, enum what what, double value)
{
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    lock_take(&store.lock);
    for (;;) {
        const struct kept *k = map_get(&store.series, str_c(series));
        if (k && (what == STALE ? is_stale_nan(k->value) : k->value == value))
            break;
        if (!cond_wait_until(&store.changed, &store.lock, deadline))
            fail_msg("%s: waited in vain, last value %g", series, k ? k->value : -1);
    }
    lock_give(&store.lock);
}

static size_t count_samples(const char *series)
{
    lock_take(&store.lock);
    const struct kept *k = map_get(&store.series, str_c(series));
    size_t n = k ? k->n : 0;
    lock_give(&store.lock);
    return n;
}

/* ---- A target ---- */

static struct {
    struct lock lock;
    struct http_server *http;
    const char *address;
    int status;
    const char *content_type;
    char body[4096];
    /* of the last request */
    char accept[1024], authorization[256], timeout[64], query[256], refresh[64];
} target;

static void keep_header(const struct http_request *r, const char *name, char *out, size_t room)
{
    (void)snprintf(out, room, "%.*s", STR_ARG(http_header(r, name)));
}

static void serve_metrics(void *self, const struct http_request *r, struct http_response *response)
{
    (void)self;
    lock_take(&target.lock);
    response->status = target.status;
    response->content_type = target.content_type;
    buf_puts(&response->body, target.body);
    keep_header(r, "Accept", target.accept, sizeof target.accept);
    keep_header(r, "Authorization", target.authorization, sizeof target.authorization);
    keep_header(r, "X-Prometheus-Scrape-Timeout-Seconds", target.timeout, sizeof target.timeout);
    target.query[0] = '\0';
    for (size_t i = 0; i < r->n_params; i++)
        (void)snprintf(target.query + strlen(target.query),
                       sizeof target.query - strlen(target.query), "%.*s=%.*s;",
                       STR_ARG(r->params[i].name), STR_ARG(r->params[i].value));
    lock_give(&target.lock);
}

/* What the target was sent at its last request. */
static void expect_sent(const char *what, const char *wanted)
{
    char copy[1024];
    lock_take(&target.lock);
    (void)snprintf(copy, sizeof copy, "%s", what);
    lock_give(&target.lock);
    assert_string_equal(copy, wanted);
}

static void serve_groups(void *self, const struct http_request *r, struct http_response *response)
{
    (void)self;
    lock_take(&target.lock);
    response->content_type = "application/json";
    keep_header(r, "X-Prometheus-Refresh-Interval-Seconds", target.refresh, sizeof target.refresh);
    buf_printf(&response->body, "[{\"targets\":[\"%s\"],\"labels\":{\"found\":\"http\"}}]",
               target.address);
    lock_give(&target.lock);
}

static void set_body(int status, const char *body)
{
    lock_take(&target.lock);
    target.status = status;
    (void)snprintf(target.body, sizeof target.body, "%s", body);
    lock_give(&target.lock);
}

static void target_start(void)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/metrics", AUTH_NONE, HTTP_INLINE, serve_metrics, NULL, NULL},
        {HTTP_GET, "/groups", AUTH_NONE, HTTP_INLINE, serve_groups, NULL, NULL},
    };
    const struct http_options options = {
        .address = "127.0.0.1:0", .name = "target", .routes = routes, .n_routes = 2};
    struct err err = {0};
    lock_init(&target.lock, LOCK_LEAF);
    target.status = 200;
    target.content_type = "text/plain; version=0.0.4";
    if (http_server_start(&options, &target.http, &err) != 0)
        fail_msg("%s", err.message);
    target.address = http_server_address(target.http);
}

/* ---- The fixture ---- */

static struct scrape_manager *manager;
static char directory[64];
static char series_text[8][512];

/* name{…,instance="ADDRESS",job="j"} with the labels in order; a few results live at once. */
static const char *series(const char *name, const char *more_labels)
{
    static unsigned next;
    char *out = series_text[next++ % 8];
    (void)snprintf(out, 512, "%s{%sinstance=\"%s\", job=\"j\"}", name, more_labels, target.address);
    return out;
}

static int start(void **state)
{
    (void)state;
    struct err err = {0};
    store_start();
    target_start();
    (void)snprintf(directory, sizeof directory, "/tmp/test_scrape.XXXXXX");
    assert_non_null(mkdtemp(directory));
    const struct scrape_options options = {
        .sink = &store.sink, .max_threads = 8, .file_poll_ms = 10};
    if (scrape_manager_new(&options, &manager, &err) != 0)
        fail_msg("%s", err.message);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    char path[128];
    scrape_manager_free(manager);
    http_server_stop(target.http, 1000);
    lock_done(&target.lock);
    store_stop();
    (void)snprintf(path, sizeof path, "%s/file", directory);
    (void)unlink(path); // not every test makes them
    (void)snprintf(path, sizeof path, "%s/groups.json", directory);
    (void)unlink(path);
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static struct scrape_config fast_config(void)
{
    struct scrape_config c = scrape_config_defaults();
    c.job_name = "j";
    c.scrape_interval_ms = 20;
    c.scrape_timeout_ms = 20;
    return c;
}

static void apply(const struct scrape_config *configs, size_t n)
{
    struct err err = {0};
    if (scrape_manager_apply(manager, configs, n, &err) != 0)
        fail_msg("%s", err.message);
}

/* The job "j" with one static target, changed as `config` says. */
static void scrape_static(struct scrape_config config)
{
    const struct str address = str_c(target.address);
    const struct target_group group = {.targets = &address, .n_targets = 1};
    config.static_configs = &group;
    config.n_static_configs = 1;
    apply(&config, 1);
}

static void write_file(const char *name, const char *text)
{
    char path[128], temporary[140];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *f = fopen(temporary, "we");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(temporary, path), 0);
}

/* ---- Tests ---- */

static void test_a_target_is_scraped_and_reported(void **state)
{
    (void)state;
    set_body(200, "# TYPE a counter\n# HELP a Help.\na{b=\"c\"} 5\n");
    scrape_static(fast_config());
    wait_for(series("a", "b=\"c\", "), VALUE, 5);
    wait_for(series("up", ""), VALUE, 1);
    wait_for(series("scrape_samples_scraped", ""), VALUE, 1);
    expect_sent(target.accept,
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1");
    expect_sent(target.timeout, "0.02");

    struct arena arena;
    struct target_list list;
    arena_init(&arena, 1 << 20);
    assert_int_equal(scrape_manager_targets(manager, &arena, &list, NULL), 0);
    assert_int_equal(list.n_active, 1);
    assert_int_equal(list.active[0].health, TARGET_UP);
    assert_true(list.active[0].last_scrape_unix_ms > 0);
    assert_true(
        str_eq(labels_get(&list.active[0].discovered, STR("__metrics_path__")), STR("/metrics")));
    assert_true(str_starts(list.active[0].url, STR("http://127.0.0.1:")));
    assert_int_equal(list.n_pools, 1);
    assert_int_equal(list.pools[0].n_active, 1);

    const struct target_metadata *metadata;
    size_t n;
    assert_int_equal(scrape_manager_metadata(manager, STR("a"), 10, &arena, &metadata, &n, NULL),
                     0);
    assert_int_equal(n, 1);
    assert_true(str_eq(metadata[0].metadata.help, STR("Help.")));
    assert_true(str_eq(labels_get(&metadata[0].target, STR("job")), STR("j")));
    arena_done(&arena);
}

static void test_a_failing_target_is_down_with_the_reason(void **state)
{
    (void)state;
    set_body(200, "a 1\n");
    scrape_static(fast_config());
    wait_for(series("a", ""), VALUE, 1);
    set_body(404, "");
    wait_for(series("up", ""), VALUE, 0);
    wait_for(series("a", ""), STALE, 0);

    struct arena arena;
    struct target_list list;
    arena_init(&arena, 1 << 20);
    assert_int_equal(scrape_manager_targets(manager, &arena, &list, NULL), 0);
    assert_int_equal(list.active[0].health, TARGET_DOWN);
    assert_true(
        str_eq(list.active[0].last_error, STR("server returned HTTP status 404 Not Found")));
    arena_done(&arena);
    set_body(200, "a 2\n");
    wait_for(series("a", ""), VALUE, 2);
    wait_for(series("up", ""), VALUE, 1);
}

static void test_a_removed_target_ends_its_series(void **state)
{
    (void)state;
    set_body(200, "a 1\n");
    scrape_static(fast_config());
    wait_for(series("a", ""), VALUE, 1);
    apply(NULL, 0);
    wait_for(series("a", ""), STALE, 0);
    wait_for(series("up", ""), STALE, 0);
    wait_for(series("scrape_duration_seconds", ""), STALE, 0);
}

static void test_a_reload_keeps_the_targets_that_stay(void **state)
{
    (void)state;
    set_body(200, "a 1\n");
    struct scrape_config config = fast_config();
    scrape_static(config);
    wait_for(series("a", ""), VALUE, 1);
    scrape_static(config); // nothing changed
    config.sample_limit = 1000;
    scrape_static(config); // the job did, its target did not
    set_body(200, "a 2\n");
    wait_for(series("a", ""), VALUE, 2);
    wait_for(series("scrape_series_added", ""), VALUE, 0); // its memory was kept

    config.job_name = NULL;
    struct err err = {0};
    assert_int_equal(scrape_manager_apply(manager, &config, 1, &err), ERR_INVALID);
    assert_string_equal(err.message, "scrape_configs: job \"\": job_name: missing");
    set_body(200, "a 3\n"); // and the old one goes on
    wait_for(series("a", ""), VALUE, 3);

    struct scrape_config twice[2] = {fast_config(), fast_config()};
    assert_int_equal(scrape_manager_apply(manager, twice, 2, &err), ERR_INVALID);
    assert_string_equal(err.message,
                        "scrape_configs: found multiple scrape configs with job name \"j\"");
}

static void test_relabelling_makes_url_and_labels(void **state)
{
    (void)state;
    static const char *const values[] = {"x y", "z"};
    static const struct scrape_param params[] = {{"module", values, 2}};
    struct relabel_rule rules[] = {RELABEL_RULE_DEFAULTS, RELABEL_RULE_DEFAULTS,
                                   RELABEL_RULE_DEFAULTS};
    const struct str source[] = {STR("__param_module")};
    rules[0].source_labels = source;
    rules[0].n_source_labels = 1;
    rules[0].target_label = STR("module");
    rules[1].target_label = STR("__metrics_path__");
    rules[1].replacement = STR("/metrics");
    rules[2].target_label = STR("__param_target");
    rules[2].replacement = STR("a&b");
    struct scrape_config config = fast_config();
    config.metrics_path = "/elsewhere";
    config.params = params;
    config.n_params = 1;
    config.relabel_configs = (struct relabel_config){rules, 3};
    set_body(200, "a 1\n");
    scrape_static(config);
    char text[256];
    (void)snprintf(text, sizeof text, "a{instance=\"%s\", job=\"j\", module=\"x y\"}",
                   target.address);
    wait_for(text, VALUE, 1);
    expect_sent(target.query, "module=x y;module=z;target=a&b;");
}

static void test_dropped_targets_are_listed(void **state)
{
    (void)state;
    struct relabel_rule rule = RELABEL_RULE_DEFAULTS;
    rule.action = RELABEL_DROP;
    const struct str addresses[] = {STR("a:1"), STR("b:1"), STR("c:1")};
    const struct target_group group = {.targets = addresses, .n_targets = 3};
    struct scrape_config config = fast_config();
    config.static_configs = &group;
    config.n_static_configs = 1;
    config.relabel_configs = (struct relabel_config){&rule, 1};
    config.keep_dropped_targets = 2;
    apply(&config, 1);

    struct arena arena;
    struct target_list list;
    arena_init(&arena, 1 << 20);
    assert_int_equal(scrape_manager_targets(manager, &arena, &list, NULL), 0);
    assert_int_equal(list.n_active, 0);
    assert_int_equal(list.n_dropped, 2);
    assert_int_equal(list.pools[0].n_dropped, 3);
    assert_true(str_eq(labels_get(&list.dropped[1].discovered, STR("__address__")), STR("b:1")));
    arena_done(&arena);
}

static void test_too_many_targets_fail_all_of_them(void **state)
{
    (void)state;
    set_body(200, "a 1\n");
    const struct str addresses[] = {str_c(target.address), STR("127.0.0.1:9")};
    const struct target_group group = {.targets = addresses, .n_targets = 2};
    struct scrape_config config = fast_config();
    config.static_configs = &group;
    config.n_static_configs = 1;
    config.target_limit = 1;
    apply(&config, 1);
    wait_for(series("up", ""), VALUE, 0);
    assert_int_equal(count_samples(series("a", "")), 0);
    config.target_limit = 2;
    apply(&config, 1);
    wait_for(series("a", ""), VALUE, 1);
}

static void test_body_size_and_content_type_are_checked(void **state)
{
    (void)state;
    set_body(200, "a 1\n# a long comment to be over the limit\n");
    struct scrape_config config = fast_config();
    config.body_size_limit = 10;
    config.extra_scrape_metrics = true;
    scrape_static(config);
    wait_for(series("up", ""), VALUE, 0);
    wait_for(series("scrape_body_size_bytes", ""), VALUE, -1);
    config.body_size_limit = 1000;
    scrape_static(config);
    wait_for(series("up", ""), VALUE, 1);

    lock_take(&target.lock);
    target.content_type = "text/html";
    lock_give(&target.lock);
    wait_for(series("up", ""), VALUE, 0);
    config.fallback_protocol = SCRAPE_TEXT_0_0_4;
    scrape_static(config);
    wait_for(series("up", ""), VALUE, 1);

    struct buf metrics = BUF_MAX(1 << 20); // both were counted by their reason
    self_render(&metrics);
    buf_putc(&metrics, '\0');
    assert_non_null(
        strstr(metrics.p, "telltale_scrape_failures_total{reason=\"body_size_limit\"}"));
    assert_non_null(strstr(metrics.p, "telltale_scrape_failures_total{reason=\"content_type\"}"));
    buf_done(&metrics);
}

static void test_credentials_are_sent_and_files_read_again(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file", directory);
    write_file("file", "first\n");
    set_body(200, "a 1\n");
    struct scrape_config config = fast_config();
    config.http.authorization.type = "Bearer";
    config.http.authorization.credentials_file = path;
    scrape_static(config);
    wait_for(series("a", ""), VALUE, 1);
    expect_sent(target.authorization, "Bearer first");
    write_file("file", "second");
    set_body(200, "a 2\n");
    wait_for(series("a", ""), VALUE, 2);
    size_t seen = count_samples(series("a", ""));
    set_body(200, "a 3\n");
    wait_for(series("a", ""), VALUE, 3);
    assert_true(count_samples(series("a", "")) > seen);
    expect_sent(target.authorization, "Bearer second");

    config.http = fast_config().http;
    config.http.basic_auth.username = "Aladdin";
    config.http.basic_auth.password = "open sesame";
    set_body(200, "a 4\n");
    scrape_static(config);
    wait_for(series("a", ""), VALUE, 4);
    set_body(200, "a 5\n");
    wait_for(series("a", ""), VALUE, 5);
    expect_sent(target.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

static void test_discovery_files_are_followed(void **state)
{
    (void)state;
    char pattern[128], groups[256];
    (void)snprintf(pattern, sizeof pattern, "%s/*.json", directory);
    const char *const files[] = {pattern};
    const struct file_sd_config sd = {files, 1, 300000};
    struct relabel_rule rule = RELABEL_RULE_DEFAULTS;
    const struct str source[] = {STR("__meta_filepath")};
    rule.source_labels = source;
    rule.n_source_labels = 1;
    rule.regex = STR(".*/(.*)");
    rule.target_label = STR("file");
    struct scrape_config config = fast_config();
    config.file_sd_configs = &sd;
    config.n_file_sd_configs = 1;
    config.relabel_configs = (struct relabel_config){&rule, 1};
    set_body(200, "a 1\n");
    apply(&config, 1);

    (void)snprintf(groups, sizeof groups, "[{\"targets\":[\"%s\"],\"labels\":{\"z\":\"1\"}}]",
                   target.address);
    write_file("groups.json", groups);
    char first[256], second[256];
    (void)snprintf(first, sizeof first,
                   "a{file=\"groups.json\", instance=\"%s\", job=\"j\", z=\"1\"}", target.address);
    (void)snprintf(second, sizeof second,
                   "a{file=\"groups.json\", instance=\"%s\", job=\"j\", z=\"2\"}", target.address);
    wait_for(first, VALUE, 1);

    write_file("groups.json", "[{\"targets\": broken"); // the targets stay
    set_body(200, "a 2\n");
    wait_for(first, VALUE, 2);

    (void)snprintf(groups, sizeof groups, "[{\"targets\":[\"%s\"],\"labels\":{\"z\":\"2\"}}]",
                   target.address);
    write_file("groups.json", groups);
    wait_for(second, VALUE, 2);
    wait_for(first, STALE, 0);
}

static void test_discovery_urls_are_followed(void **state)
{
    (void)state;
    char url[128], text[256];
    (void)snprintf(url, sizeof url, "http://%s/groups", target.address);
    const struct http_sd_config sd = {
        .url = url, .refresh_interval_ms = 50, .http.follow_redirects = true};
    struct scrape_config config = fast_config();
    config.http_sd_configs = &sd;
    config.n_http_sd_configs = 1;
    set_body(200, "a 1\n");
    apply(&config, 1);
    (void)snprintf(text, sizeof text, "a{found=\"http\", instance=\"%s\", job=\"j\"}",
                   target.address);
    wait_for(text, VALUE, 1);
    expect_sent(target.refresh, "0.050");
    apply(&config, 1);
    set_body(200, "a 2\n");
    wait_for(text, VALUE, 2);
}

static void test_a_busy_sink_loses_a_scrape_and_no_more(void **state)
{
    (void)state;
    set_body(200, "a 1\nb 1\n");
    scrape_static(fast_config());
    wait_for(series("b", ""), VALUE, 1);
    lock_take(&store.lock);
    store.refuse = ERR_BUSY;
    lock_give(&store.lock);
    set_body(200, "a 2\n"); // b ends while nothing is taken
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    struct arena arena;
    struct target_list list;
    arena_init(&arena, 16 << 20);
    do {
        arena_reset(&arena);
        assert_int_equal(scrape_manager_targets(manager, &arena, &list, NULL), 0);
        assert_true(time_now_mono_ns() < deadline);
    } while (!str_eq(list.active[0].last_error, STR("refused by the test")));
    assert_int_equal(list.active[0].health, TARGET_UP);
    arena_done(&arena);
    lock_take(&store.lock);
    store.refuse = 0;
    lock_give(&store.lock);
    wait_for(series("a", ""), VALUE, 2);
    wait_for(series("b", ""), STALE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_target_is_scraped_and_reported, start, stop),
        cmocka_unit_test_setup_teardown(test_a_failing_target_is_down_with_the_reason, start, stop),
        cmocka_unit_test_setup_teardown(test_a_removed_target_ends_its_series, start, stop),
        cmocka_unit_test_setup_teardown(test_a_reload_keeps_the_targets_that_stay, start, stop),
        cmocka_unit_test_setup_teardown(test_relabelling_makes_url_and_labels, start, stop),
        cmocka_unit_test_setup_teardown(test_dropped_targets_are_listed, start, stop),
        cmocka_unit_test_setup_teardown(test_too_many_targets_fail_all_of_them, start, stop),
        cmocka_unit_test_setup_teardown(test_body_size_and_content_type_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(test_credentials_are_sent_and_files_read_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_discovery_files_are_followed, start, stop),
        cmocka_unit_test_setup_teardown(test_discovery_urls_are_followed, start, stop),
        cmocka_unit_test_setup_teardown(test_a_busy_sink_loses_a_scrape_and_no_more, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
