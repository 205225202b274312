/* The export of a store as text: its headers, how often it reads, and when it gives up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/export.h"
#include "base/buf.h"
#include "model/batch.h"
#include "query/query.h"
#include "store/store.h"
#include "support/check.h"

#define DAY INT64_C(86400000)
#define T0 (INT64_C(19675) * DAY)

struct fixture {
    char dir[64];
    struct store *store;
    struct buf text;
    int asked, patience; /* how often the export asked whether to go on; how often it may */
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    f = (struct fixture){.dir = "/tmp/telltale-export-XXXXXX", .text = BUF_MAX(1 << 20)};
    assert_non_null(mkdtemp(f.dir));
    const struct store_options options = {.dir = f.dir, .retention_ms = STORE_RETENTION_FOREVER};
    struct err err = {0};
    if (store_open(&options, &f.store, &err) != 0 || store_replay(f.store, NULL, &err) != 0)
        fail_msg("%s", err.message);
    f.patience = 1000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    buf_done(&f.text);
    assert_int_equal(store_close(f.store, NULL), 0);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", f.dir);
    return system(command);
}

/* One sample of `name` at each time. */
static void put(const char *name, const int64_t *t_unix_ms, uint32_t n)
{
    struct batch batch;
    struct sink_result result;
    struct err err = {0};
    struct sample samples[4];
    struct label label = {LABEL_NAME, str_c(name)};
    batch_init(&batch, 1 << 20);
    struct batch_series *s = batch_add_series(&batch, (struct labels){&label, 1});
    assert_non_null(s);
    for (uint32_t i = 0; i < n; i++)
        samples[i] = (struct sample){.t_unix_ms = t_unix_ms[i], .value = i + 1};
    s->samples = samples;
    s->n_samples = n;
    if (store_append(f.store, &batch, &result, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(result.accepted, n);
    batch_done(&batch);
}

static int write_text(void *arg, struct str text, struct err *err)
{
    (void)err;
    buf_put_str(arg, text);
    return 0;
}

static bool is_cancelled(void *arg)
{
    (void)arg;
    return ++f.asked > f.patience;
}

static int export_as(enum export_format format, int64_t min_ms, int64_t max_ms,
                     struct export_totals *out, struct err *err)
{
    const struct export_request request = {.store = f.store,
                                           .min_ms = min_ms,
                                           .max_ms = max_ms,
                                           .format = format,
                                           .write = write_text,
                                           .is_cancelled = is_cancelled,
                                           .arg = &f.text};
    return export_run(&request, out, err);
}

static int export(int64_t min_ms, int64_t max_ms, struct export_totals *out, struct err *err)
{
    return export_as(EXPORT_OPENMETRICS, min_ms, max_ms, out, err);
}

static void put_typed(const char *name, const char *family, enum metric_type type)
{
    struct batch batch;
    struct sink_result result;
    const struct metric_metadata m = {.family = str_c(family), .type = type};
    put(name, (const int64_t[]){T0}, 1);
    batch_init(&batch, 1 << 20);
    assert_int_equal(batch_add_metadata(&batch, &m), 0);
    assert_int_equal(store_append(f.store, &batch, &result, NULL), 0);
    batch_done(&batch);
}

static void exports_as(enum export_format format, const char *expected)
{
    struct export_totals totals;
    buf_reset(&f.text);
    assert_int_equal(export_as(format, 0, INT64_MAX / 4, &totals, NULL), 0);
    check_str(buf_str(&f.text), expected);
}

static void test_counters_have_the_headers_of_the_format(void **state)
{
    (void)state;
    put_typed("a_total", "a_total", METRIC_COUNTER);
    put_typed("b", "b", METRIC_COUNTER);
    exports_as(EXPORT_OPENMETRICS, "# TYPE a counter\na_total 1 1699920000\n"
                                   "# TYPE b unknown\nb 1 1699920000\n# EOF\n");
    exports_as(EXPORT_PROMETHEUS, "# TYPE a_total counter\na_total 1 1699920000000\n"
                                  "# TYPE b counter\nb 1 1699920000000\n");
}

static void test_a_counter_keeps_its_type_beside_when_it_was_created(void **state)
{
    (void)state;
    put_typed("a_total", "a", METRIC_COUNTER);
    put_typed("a_created", "a", METRIC_COUNTER);
    exports_as(EXPORT_OPENMETRICS,
               "# TYPE a counter\na_created 1 1699920000\na_total 1 1699920000\n# EOF\n");
    exports_as(EXPORT_PROMETHEUS, "# TYPE a_created gauge\na_created 1 1699920000000\n"
                                  "# TYPE a_total counter\na_total 1 1699920000000\n");
}

static void test_when_a_counter_was_created_is_no_counter_in_otlp(void **state)
{
    (void)state;
    struct export_totals totals;
    put_typed("a_created", "a", METRIC_COUNTER);
    put_typed("b_created", "b_created", METRIC_COUNTER); // a counter of things created
    assert_int_equal(export_as(EXPORT_OTLP_JSON, 0, INT64_MAX / 4, &totals, NULL), 0);
    buf_putc(&f.text, '\0');
    const char *a = strstr(f.text.p, "\"a_created\",\"gauge\""),
               *b = strstr(f.text.p, "\"b_created\",\"sum\"");
    assert_non_null(a);
    assert_non_null(b);
}

static void test_types_of_openmetrics_alone_are_kept(void **state)
{
    (void)state;
    put_typed("build_info", "build", METRIC_INFO);
    put_typed("lag_bucket", "lag", METRIC_GAUGE_HISTOGRAM);
    put_typed("lag_gcount", "lag", METRIC_GAUGE_HISTOGRAM);
    put_typed("lag_gsum", "lag", METRIC_GAUGE_HISTOGRAM);
    put_typed("node_info", "node_info", METRIC_GAUGE);
    exports_as(EXPORT_OPENMETRICS, "# TYPE build info\nbuild_info 1 1699920000\n"
                                   "# TYPE lag gaugehistogram\nlag_bucket 1 1699920000\n"
                                   "lag_gcount 1 1699920000\nlag_gsum 1 1699920000\n"
                                   "# TYPE node_info gauge\nnode_info 1 1699920000\n# EOF\n");
    buf_reset(&f.text);
    struct export_totals totals;
    assert_int_equal(export_as(EXPORT_PROMETHEUS, 0, INT64_MAX / 4, &totals, NULL), 0);
    assert_true(str_starts(buf_str(&f.text), STR("# TYPE build_info gauge\n")));
}

static void test_times_without_data_cost_nothing(void **state)
{
    (void)state;
    struct export_totals totals;
    put("plain", (const int64_t[]){T0, T0 + 15000}, 2);
    assert_int_equal(store_flush(f.store, NULL), 0);
    put("plain", (const int64_t[]){T0 + 9000 * DAY, T0 + 900000 * DAY}, 2);
    assert_int_equal(export(1000, INT64_MAX / 4, &totals, NULL), 0);
    assert_int_equal(totals.samples, 4);
    assert_int_equal(totals.series, 1);
    assert_true(f.asked < 10);
    buf_putc(&f.text, '\0');
    assert_non_null(strstr(f.text.p, "plain 1 1699920000\nplain 2 1699920015\nplain 1 2477520000\n"
                                     "plain 2 79459920000\n# EOF\n"));
}

static void test_a_long_series_from_the_first_time_on_is_read_in_windows(void **state)
{
    (void)state;
    struct export_totals totals;
    put("plain", (const int64_t[]){T0, T0 + 40 * DAY, T0 + 80 * DAY}, 3);
    assert_int_equal(export(INT64_MIN / 4, INT64_MAX / 4, &totals, NULL), 0);
    assert_int_equal(totals.samples, 3);
    assert_int_equal(f.asked, 1 + 1 + 3); // the metric, the series, its windows
}

static void test_an_export_ends_when_nobody_waits_for_it(void **state)
{
    (void)state;
    struct export_totals totals;
    struct err err = {0};
    put("a", (const int64_t[]){T0, T0 + 40 * DAY, T0 + 80 * DAY}, 3);
    put("b", (const int64_t[]){T0}, 1);
    f.patience = 3; // metric, series, window
    assert_int_equal(export(0, INT64_MAX / 4, &totals, &err), ERR_CANCELLED);
    assert_string_equal(err.message, "the export was cancelled");
    assert_int_equal(f.asked, 4);
    assert_int_equal(totals.samples, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters_have_the_headers_of_the_format, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_when_a_counter_was_created_is_no_counter_in_otlp,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_counter_keeps_its_type_beside_when_it_was_created,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types_of_openmetrics_alone_are_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_times_without_data_cost_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_long_series_from_the_first_time_on_is_read_in_windows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_export_ends_when_nobody_waits_for_it, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
