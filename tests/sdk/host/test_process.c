#include "telltale/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "telltale/prometheus_text.h"

static tt_meter_provider *provider;

static char *render(void)
{
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    char *text = NULL;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    return text;
}

/* The value of a sample. */
static double value_of(const char *sample)
{
    char *text = render(), line[128];
    (void)snprintf(line, sizeof line, "\n%s", sample);
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("no %s in:\n%s", sample, text);
    double value = strtod(at + strlen(line), NULL);
    free(text);
    return value;
}

static int begin(void **state)
{
    (void)state;
    provider = tt_meter_provider_new(NULL);
    return tt_process_metrics_start(provider);
}

static int end(void **state)
{
    (void)state;
    tt_meter_provider_free(provider);
    return 0;
}

static void test_all_of_them_are_there(void **state)
{
    (void)state;
    assert_true(value_of("process_memory_usage_bytes ") > 100000);
    assert_true(value_of("process_memory_virtual_bytes ") > 100000);
    assert_true(value_of("process_thread_count ") >= 1);
    assert_true(value_of("process_cpu_time_seconds_total{cpu_mode=\"user\"} ") >= 0);
    assert_true(value_of("process_cpu_time_seconds_total{cpu_mode=\"system\"} ") >= 0);
    assert_true(value_of("process_paging_faults_total{system_paging_fault_type=\"minor\"} ") > 0);
    assert_true(value_of("process_context_switches_total{"
                         "process_context_switch_type=\"voluntary\"} ") >= 0);
    assert_true(value_of("process_uptime_seconds ") >= 0);
}

static void test_open_files_are_counted(void **state)
{
    (void)state;
    double before = value_of("process_unix_file_descriptor_count ");
    int fd = dup(STDOUT_FILENO);
    assert_int_equal(value_of("process_unix_file_descriptor_count ") - before, 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(value_of("process_unix_file_descriptor_count ") - before, 0);
}

static void test_a_second_start_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(tt_process_metrics_start(provider), TT_OK);
    assert_int_equal(tt_process_metrics_start(NULL), TT_OK);
    char *text = render();
    const char *first = strstr(text, "# TYPE process_thread_count ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE process_thread_count "));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_them_are_there),
        TEST(test_open_files_are_counted),
        TEST(test_a_second_start_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
