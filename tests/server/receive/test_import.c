/* Importing text and OTLP/JSON piece by piece. */
#include "receive/import.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/record.h"
#include "support/check.h"

/* What the sink was given, one line a series: "labels time=value …", batches apart by "--". */
static struct buf got;
static int batches, refuse;

static int keep(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    (void)self;
    if (refuse)
        return err_set(err, refuse, "the store said no");
    *out = (struct sink_result){.accepted = batch_count_samples(b)};
    if (batches++)
        buf_puts(&got, "--\n");
    for (size_t i = 0; i < b->n_metadata; i++)
        buf_printf(&got, "%.*s: %s %.*s\n", STR_ARG(b->metadata[i].family),
                   metric_type_name(b->metadata[i].type), STR_ARG(b->metadata[i].help));
    for (size_t i = 0; i < b->n_series; i++) {
        labels_format(&got, &b->series[i].labels);
        for (uint32_t k = 0; k < b->series[i].n_samples; k++) {
            buf_printf(&got, " %lld=", (long long)b->series[i].samples[k].t_unix_ms);
            buf_put_double(&got, b->series[i].samples[k].value);
        }
        buf_putc(&got, '\n');
    }
    return 0;
}

/* "spans 2", "logs 1": a line a batch of records; those behind the first `take_records` are
 * refused. */
static int take_records;

static int keep_records(void *self, const struct record_batch *b, struct sink_result *out,
                        struct err *err)
{
    (void)self;
    if (take_records == 0)
        return err_set(err, ERR_BUSY, "the store is busy");
    take_records--;
    *out = (struct sink_result){.accepted = record_batch_count(b)};
    buf_printf(&got, "%s %zu\n", record_table_name(b->table), record_batch_count(b));
    return 0;
}

static const struct sink sink = {.append = keep, .append_records = keep_records};
static struct import_totals totals;
static struct err err;

static int import(enum import_format format, const char *text, uint64_t line)
{
    buf_done(&got);
    got = BUF_MAX(16 << 20);
    batches = 0;
    totals = (struct import_totals){0};
    err = (struct err){0};
    take_records = 99;
    return import_piece(&sink, format, str_c(text), line, &totals, &err);
}

static void test_rows_of_a_series_that_follow_each_other_are_one(void **state)
{
    (void)state;
    assert_int_equal(
        import(IMPORT_OPENMETRICS,
               "# TYPE up gauge\n# HELP up is it?\n"
               "up{a=\"b\"} 1 1.5\nup{a=\"b\"} 2 2\nup 3 2\nup{a=\"b\"} NaN 3\n# EOF\n",
               1),
        0);
    check_str(buf_str(&got), "up: gauge is it?\n"
                             "up{a=\"b\"} 1500=1 2000=2\nup 2000=3\nup{a=\"b\"} 3000=NaN\n");
    assert_int_equal(totals.samples, 4);
}

/* A store that knows all of it would take a part for news. */
static void test_what_is_said_of_a_family_is_told_once_and_whole(void **state)
{
    (void)state;
    assert_int_equal(import(IMPORT_OPENMETRICS,
                            "# HELP a_s how long\n# TYPE a_s gauge\n# UNIT a_s s\na_s 1 1\n"
                            "# TYPE b counter\nb_total 1 1\n# HELP c x\n# TYPE c info\n",
                            1),
                     0);
    check_str(buf_str(&got), "a_s: gauge how long\nb: counter \nc: info x\n"
                             "a_s 1000=1\nb_total 1000=1\n");
}

static void test_a_piece_needs_no_end_mark(void **state)
{
    (void)state;
    assert_int_equal(import(IMPORT_OPENMETRICS, "up 1 1\nup 2 2\n", 1), 0);
    check_str(buf_str(&got), "up 1000=1 2000=2\n");
    assert_int_equal(import(IMPORT_OPENMETRICS, "", 1), 0);
    assert_int_equal(import(IMPORT_OPENMETRICS, "# EOF\n", 1), 0);
    assert_int_equal(batches, 0);
}

static void test_a_batch_has_samples_of_some_days_only(void **state)
{
    (void)state;
    struct buf text = BUF_MAX(1 << 20);
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "up %d %lld\n", i, (long long)(i * MS_PER_DAY / 1000));
    buf_putc(&text, '\0');
    assert_int_equal(import(IMPORT_OPENMETRICS, text.p, 1), 0);
    assert_int_equal(totals.samples, 100);
    assert_int_equal(batches, 7); // of 16 days
    buf_done(&text);
}

static void check_refused(enum import_format format, const char *text, uint64_t line,
                          const char *expected)
{
    int rc = import(format, text, line);
    assert_true(rc == ERR_INVALID || rc == ERR_UNSUPPORTED);
    if (strncmp(err.message, expected, strlen(expected)) != 0)
        assert_string_equal(err.message, expected);
}

static void test_messages_name_the_line_in_the_whole_file(void **state)
{
    (void)state;
    check_refused(IMPORT_OPENMETRICS, "up 1 1\nup 2\n", 1, "line 2: the sample has no timestamp");
    check_refused(IMPORT_OPENMETRICS, "up 1 1\nup 2\n", 1001, "line 1002: the sample has no");
    check_refused(IMPORT_OPENMETRICS, "up{ 1 1\n", 7, "line 7: ");
    check_refused(IMPORT_OTLP_JSON, "{}\n\n{\n", 10, "line 12: ");
    check_refused(IMPORT_OTLP_JSON,
                  "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"x\",\"sum\":{"
                  "\"aggregationTemporality\":1}}]}]}]}\n",
                  1, "line 1: points of delta temporality cannot be imported");
}

static void test_otlp_keeps_names_and_attributes_as_they_stand(void **state)
{
    (void)state;
    assert_int_equal(
        import(
            IMPORT_OTLP_JSON,
            "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"a.b c\",\"unit\":"
            "\"s\",\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":true,\"dataPoints\":[{"
            "\"attributes\":[{\"key\":\"x.y\",\"value\":{\"stringValue\":\"z\"}}],"
            "\"timeUnixNano\":\"5000000\",\"asDouble\":-0.0}]}}]}]}]}\n",
            1),
        0);
    check_str(buf_str(&got), "a.b c: counter \n{\"a.b c\", \"x.y\"=\"z\"} 5=-0\n");
}

static void test_what_the_sink_says_is_passed_on(void **state)
{
    (void)state;
    refuse = ERR_BUSY;
    assert_int_equal(import(IMPORT_OPENMETRICS, "up 1 1\n", 1), ERR_BUSY);
    assert_string_equal(err.message, "the store said no");
    refuse = 0;
}

/* --- spans and log records -------------------------------------------------------------------- */

#define SPAN                                                                                       \
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"                               \
    "\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\","                        \
    "\"startTimeUnixNano\":\"7\"}]}]}]}\n"
#define RECORD                                                                                     \
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"7\"}]}]}]}\n"
#define GAUGE                                                                                      \
    "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"x\",\"gauge\":{"           \
    "\"dataPoints\":[{\"timeUnixNano\":\"5000000\",\"asDouble\":1}]}}]}]}]}\n"

static void test_lines_of_one_kind_that_follow_each_other_are_one_batch(void **state)
{
    (void)state;
    assert_int_equal(import(IMPORT_OTLP_JSON, SPAN SPAN "\n" SPAN RECORD GAUGE SPAN, 1), 0);
    check_str(buf_str(&got), "spans 3\nlogs 1\nx 5=1\nspans 1\n");
    assert_int_equal(totals.samples, 6);
    assert_int_equal(totals.lines, 7);
}

static void test_a_busy_sink_leaves_the_lines_that_are_to_come_again(void **state)
{
    (void)state;
    buf_done(&got);
    got = BUF_MAX(1 << 20);
    totals = (struct import_totals){0};
    take_records = 1;
    assert_int_equal(
        import_piece(&sink, IMPORT_OTLP_JSON, STR(SPAN SPAN RECORD SPAN), 1, &totals, &err),
        ERR_BUSY);
    check_str(buf_str(&got), "spans 2\n");
    assert_int_equal(totals.lines, 2);
    assert_int_equal(totals.samples, 2);
}

static void test_what_stands_before_a_wrong_line_is_stored(void **state)
{
    (void)state;
    check_refused(IMPORT_OTLP_JSON, RECORD RECORD "{\"resourceLogs\":3}\n" RECORD, 11, "line 13: ");
    check_str(buf_str(&got), "logs 2\n");
    assert_int_equal(totals.lines, 2);
}

static void test_samples_before_a_wrong_line_are_stored(void **state)
{
    (void)state;
    static const char *const wrong[] = {"a x 3\n", "a 2\n", "a{ 2 3\n"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct buf text = BUF_MAX(1000);
        buf_printf(&text, "# TYPE a gauge\na 1 1.5\na 2 2\n%sa 9 9\n# EOF\n%c", wrong[i], '\0');
        assert_int_equal(import(IMPORT_OPENMETRICS, text.p, 1), ERR_INVALID);
        assert_non_null(strstr(err.message, "line 4"));
        check_str(buf_str(&got), "a: gauge \na 1500=1 2000=2\n");
        assert_int_equal(totals.samples, 2);
        buf_done(&text);
    }
}

static void test_rows_that_are_wrong_are_left_out_and_told(void **state)
{
    (void)state;
    assert_int_equal(import(IMPORT_OTLP_JSON,
                            SPAN "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}\n", 1),
                     0);
    assert_int_equal(totals.samples, 1);
    assert_int_equal(totals.rejected, 1);
    assert_non_null(strstr(totals.message, "trace_id"));
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&got);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_a_series_that_follow_each_other_are_one),
        cmocka_unit_test(test_what_is_said_of_a_family_is_told_once_and_whole),
        cmocka_unit_test(test_a_piece_needs_no_end_mark),
        cmocka_unit_test(test_a_batch_has_samples_of_some_days_only),
        cmocka_unit_test(test_messages_name_the_line_in_the_whole_file),
        cmocka_unit_test(test_otlp_keeps_names_and_attributes_as_they_stand),
        cmocka_unit_test(test_what_the_sink_says_is_passed_on),
        cmocka_unit_test(test_lines_of_one_kind_that_follow_each_other_are_one_batch),
        cmocka_unit_test(test_a_busy_sink_leaves_the_lines_that_are_to_come_again),
        cmocka_unit_test(test_what_stands_before_a_wrong_line_is_stored),
        cmocka_unit_test(test_samples_before_a_wrong_line_are_stored),
        cmocka_unit_test(test_rows_that_are_wrong_are_left_out_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
