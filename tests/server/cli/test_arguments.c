#include "cli/arguments.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "support/check.h"

enum { ARGS_MAX = 20 };

static bool read_words(struct arguments *a, const char *const *words)
{
    static char copies[ARGS_MAX][128];
    char *argv[ARGS_MAX];
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < ARGS_MAX && strlen(words[argc]) < sizeof copies[0]);
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    return arguments_read(a, argc, argv);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_flags_become_settings_in_their_order(void **state)
{
    (void)state;
    struct arguments a = {0};
    assert_true(read_words(&a, WORDS("--http", "127.0.0.1:1", "--set", "query.timeout=1s",
                                     "--http=127.0.0.1:2", "--config", "c.yml", "--data=d")));
    assert_string_equal(a.file, "c.yml");
    assert_int_equal(a.n, 4);
    assert_string_equal(a.sets[0], "http.address=127.0.0.1:1");
    assert_string_equal(a.sets[1], "query.timeout=1s");
    assert_string_equal(a.sets[2], "http.address=127.0.0.1:2");
    assert_string_equal(a.sets[3], "storage.path=d");
    arguments_done(&a);
}

/* How Debian's and the container's units start it, and what people add. */
static void test_the_command_line_of_prometheus_can_be_kept(void **state)
{
    (void)state;
    struct arguments a = {0};
    assert_true(read_words(
        &a, WORDS("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus",
                  "--storage.tsdb.retention.time=15d", "--web.listen-address=127.0.0.1:9090",
                  "--web.console.libraries=/usr/share/prometheus/console_libraries",
                  "--web.console.templates=/usr/share/prometheus/consoles",
                  "--web.enable-lifecycle", "--web.enable-admin-api",
                  "--web.enable-remote-write-receiver", "--query.max-samples=1000",
                  "--enable-feature", "native-histograms,promql-experimental-functions",
                  "--enable-feature=use-start-timestamps,promql-duration-expr")));
    assert_string_equal(a.file, "/etc/prometheus/prometheus.yml");
    struct config *c = NULL;
    struct err err = {0};
    const struct config_source source = {.sets = (const char *const *)a.sets, .n_sets = a.n};
    if (config_load(&source, &c, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(c->storage.path, "/prometheus");
    assert_int_equal(c->storage.retention_metrics_ms, INT64_C(15) * 86400000);
    assert_true(c->http.lifecycle);
    assert_true(c->http.admin_api);
    assert_int_equal(c->query.max_samples, 1000);
    assert_int_equal(c->query.n_features, 2); // of both flags, those that are of PromQL
    config_free(c);
    arguments_done(&a);
}

static void test_wrong_flags_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"--htpp", "127.0.0.1:1", NULL},
        {"--http", NULL},
        {"--web.enable-lifecycle=yes", NULL},
        {"stray", NULL},
    };
    int shown = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr)); // the messages are for people
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arguments a = {0};
        assert_false(read_words(&a, cases[i]));
        arguments_done(&a);
    }
    assert_int_equal(fflush(stderr), 0);
    assert_true(dup2(shown, STDERR_FILENO) >= 0);
    assert_int_equal(close(shown), 0);
}

static void test_too_many_settings_are_refused_not_overrun(void **state)
{
    (void)state;
    struct arguments a = {0};
    char word[] = "--set=a=b";
    char *argv[ARGUMENTS_SETS_MAX + 1];
    for (int i = 0; i <= ARGUMENTS_SETS_MAX; i++)
        argv[i] = word;
    assert_true(arguments_read(&a, ARGUMENTS_SETS_MAX, argv));
    assert_int_equal(a.n, ARGUMENTS_SETS_MAX);
    arguments_done(&a);
    a = (struct arguments){0};
    assert_false(arguments_read(&a, ARGUMENTS_SETS_MAX + 1, argv));
    arguments_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_become_settings_in_their_order),
        cmocka_unit_test(test_the_command_line_of_prometheus_can_be_kept),
        cmocka_unit_test(test_wrong_flags_are_refused),
        cmocka_unit_test(test_too_many_settings_are_refused_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
