/* Options whose size was forgotten are told and not looked at, in every library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "support/check.h"
#include "telltale/catalog_base.h"
#include "telltale/otlp.h"
#include "telltale/prometheus.h"
#include "telltale/remote_sampler.h"
#include "telltale/sinks.h"

static void close_exporter(int rc, tt_exporter *e)
{
    if (rc == TT_OK)
        e->close(e->arg);
}

static void make_console(void)
{
    tt_console_options o = {.style = TT_STYLE_JSON};
    tt_exporter e;
    close_exporter(tt_console_exporter_new(TT_SIGNAL_LOGS, &o, &e), &e);
}

static void make_syslog(void)
{
    tt_syslog_options o = {.syslog = true};
    tt_exporter e;
    close_exporter(tt_syslog_exporter_new(&o, &e), &e);
}

static void make_otlp(void)
{
    tt_otlp_options o = {0};
    tt_exporter e;
    close_exporter(tt_otlp_exporter_new(TT_SIGNAL_LOGS, &o, &e), &e);
}

static void make_sampler(void)
{
    tt_remote_sampler_options o = {.endpoint = "http://localhost"};
    tt_sampler_free(tt_sampler_remote(&o));
}

static void make_catalog(void)
{
    tt_catalog_options o = {0};
    tt_catalog_free(tt_catalog_new(&o));
}

static void render(void)
{
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    tt_prometheus_options o = {.without_target = true};
    char text[1024] = "";
    size_t n = 0;
    assert_int_equal(tt_prometheus_render(p, &o, text, sizeof text, &n), TT_OK);
    assert_non_null(strstr(text, "target_info")); // the default
    tt_meter_provider_free(p);
}

static void write_file(void)
{
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    tt_prometheus_options o = {.without_target = true};
    char path[] = "/tmp/test_sizes_XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(tt_prometheus_write_file(p, &o, path), TT_OK);
    assert_int_equal(close(fd) | unlink(path), 0);
    tt_meter_provider_free(p);
}

static void start_endpoint(void)
{
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    tt_prometheus_endpoint_options o = {.host = "nowhere.invalid"};
    tt_prometheus_endpoint *e = NULL;
    (void)tt_prometheus_endpoint_start(p, &o, &e); // the default's port may be taken
    tt_prometheus_endpoint_stop(e);
    tt_meter_provider_free(p);
}

static void test_size_that_was_forgotten_is_told(void **state)
{
    (void)state;
    static void (*const calls[])(void) = {make_console, make_syslog, make_otlp,  make_sampler,
                                          make_catalog, render,      write_file, start_endpoint};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
        calls[i]();
        if (tt_problem_count(TT_PROBLEM_MISUSE) != before + 1)
            fail_msg("the %zu. call told %d", i,
                     (int)(tt_problem_count(TT_PROBLEM_MISUSE) - before));
    }
}

static void test_options_that_are_not_given_need_no_size(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    int to = 5;
    tt_exporter e;
    assert_false(tt_options_read(&to, sizeof to, NULL));
    close_exporter(tt_console_exporter_new(TT_SIGNAL_LOGS, NULL, &e), &e);
    assert_int_equal(to, 5);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_that_was_forgotten_is_told),
        cmocka_unit_test(test_options_that_are_not_given_need_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
