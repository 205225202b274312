#include "codec/prom_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "support/check.h"
#include "support/metric_family.h"

static bool native = true, classic;
static size_t max_bytes;

static void put_side(struct buf *out, const char *name, const struct histogram_span *spans,
                     size_t n_spans, const double *counts, size_t n)
{
    for (size_t i = 0; i < n_spans; i++)
        buf_printf(out, " %s[%d+%u]", name, (int)spans[i].offset, (unsigned)spans[i].length);
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, i ? ',' : ':');
        buf_put_double(out, counts[i]);
    }
}

static void put_histogram(struct buf *out, const struct histogram *h)
{
    buf_printf(out, " %s%s schema %d zeros ", h->integer ? "integer" : "float",
               h->reset == HISTOGRAM_RESET_GAUGE ? " gauge" : "", (int)h->schema);
    buf_put_double(out, h->zero_count);
    buf_puts(out, " count ");
    buf_put_double(out, h->count);
    buf_puts(out, " sum ");
    buf_put_double(out, h->sum);
    put_side(out, "-", h->negative_spans, h->n_negative_spans, h->negative, h->n_negative);
    put_side(out, "+", h->positive_spans, h->n_positive_spans, h->positive, h->n_positive);
}

static void put_series(struct buf *out, const struct prom_parser *p, const struct prom_row *row)
{
    struct labels labels;
    struct err err = {0};
    if (prom_parser_labels(p, row, &labels, &err) != 0) {
        buf_puts(out, err.message);
        return;
    }
    labels_format(out, &labels);
    if (row->histogram) {
        put_histogram(out, row->histogram);
    } else {
        buf_putc(out, ' ');
        buf_put_double(out, row->value);
    }
    if (row->has_time)
        buf_printf(out, " @%lld", (long long)row->t_unix_ms);
    if (row->start_unix_ms)
        buf_printf(out, " since %lld", (long long)row->start_unix_ms);
    for (size_t i = 0; i < row->n_exemplars; i++) {
        buf_puts(out, " # ");
        labels_format(out, &row->exemplar[i].labels);
        buf_putc(out, ' ');
        buf_put_double(out, row->exemplar[i].value);
        buf_printf(out, " @%lld", (long long)row->exemplar[i].t_unix_ms);
    }
}

static void put_row(struct buf *out, const struct prom_parser *p, const struct prom_row *row)
{
    switch (row->kind) {
    case PROM_ROW_TYPE: buf_printf(out, "type %s", metric_type_name(row->type)); break;
    case PROM_ROW_HELP: buf_printf(out, "help %.*s", STR_ARG(row->text)); break;
    case PROM_ROW_UNIT: buf_printf(out, "unit %.*s", STR_ARG(row->text)); break;
    default: put_series(out, p, row); break;
    }
    buf_putc(out, '\n');
}

/* Every row a line; an error is the last. */
static void describe(struct buf *out, struct str body)
{
    struct arena arena;
    struct prom_parser p;
    struct prom_row row;
    struct err err = {0};
    int rc;
    arena_init(&arena, 1 << 20);
    prom_parser_init(&p, body, PROM_PROTOBUF, &arena);
    p.native = native;
    p.classic = classic;
    p.max_bytes = max_bytes;
    while ((rc = prom_parser_next(&p, (struct str){0}, &row, &err)) == 1)
        put_row(out, &p, &row);
    if (rc != 0)
        buf_printf(out, "%s\n", err.message);
    buf_putc(out, '\0');
    arena_done(&arena);
}

static void check_bytes(struct str body, const char *expected)
{
    struct buf out = BUF_MAX(1 << 20);
    describe(&out, body);
    assert_string_equal(out.p, expected);
    buf_done(&out);
}

static void check(const char *families, const char *expected)
{
    struct buf body = BUF_MAX(1 << 20);
    metric_families_of(&body, families);
    check_bytes(buf_str(&body), expected);
    buf_done(&body);
}

/* ---- rows ---- */

static void test_numbers_are_rows_with_their_labels(void **state)
{
    (void)state;
    check("name:\"c_total\" help:\"Of what\" type:0 unit:\"seconds\" "
          "metric{label{name:\"z\" value:\"1\"} label{name:\"a\" value:\"ü\"} "
          "counter{value:3 created:1500}}\n"
          "name:\"g\" type:1 metric{gauge{value:-0.5} timestamp:77} metric{gauge{value:NaN}}\n"
          "name:\"u\" type:3 metric{untyped{value:+Inf}}\n",
          "type counter\nhelp Of what\nunit seconds\n"
          "c_total{a=\"ü\", z=\"1\"} 3 since 1500\n"
          "type gauge\ng -0.5 @77\ng NaN\n"
          "type unknown\nu +Inf\n");
}

static void test_metrics_may_stand_before_name_and_type(void **state)
{
    (void)state;
    check("metric{gauge{value:1}} type:1 name:\"g\"", "type gauge\ng 1\n");
}

static void test_missing_numbers_are_zero(void **state)
{
    (void)state;
    check("name:\"c\" metric{} metric{gauge{value:4}}", "type counter\nc 0\nc 0\n");
}

static void test_summary_has_a_row_for_each_quantile(void **state)
{
    (void)state;
    check("name:\"s\" type:2 metric{summary{count:4 sum:10 quantile{quantile:0.5 value:2} "
          "quantile{quantile:1 value:NaN} created:5}}",
          "type summary\ns{quantile=\"0.5\"} 2 since 5\ns{quantile=\"1.0\"} NaN since 5\n"
          "s_sum 10 since 5\ns_count 4 since 5\n");
}

static void test_classic_histogram_has_a_row_for_each_bucket(void **state)
{
    (void)state;
    check("name:\"h\" type:4 metric{label{name:\"a\" value:\"b\"} histogram{count:3 sum:1.5 "
          "bucket{count:1 bound:0.25 exemplar{label{name:\"trace_id\" value:\"t\"} value:0.2 "
          "time:9}} bucket{count:2 bound:1e+06}}}",
          "type histogram\n"
          "h_bucket{a=\"b\", le=\"0.25\"} 1 # {trace_id=\"t\"} 0.2 @9\n"
          "h_bucket{a=\"b\", le=\"1e+06\"} 2\nh_bucket{a=\"b\", le=\"+Inf\"} 3\n"
          "h_sum{a=\"b\"} 1.5\nh_count{a=\"b\"} 3\n");
    check("name:\"h\" type:4 metric{histogram{count:3 bucket{count:3 bound:+Inf}}}",
          "type histogram\nh_bucket{le=\"+Inf\"} 3\nh_sum 0\nh_count 3\n");
    check("name:\"h\" type:5 metric{histogram{count_float:2.5 bucket{count_float:2.5 bound:2}}}",
          "type gaugehistogram\nh_bucket{le=\"2.0\"} 2.5\nh_bucket{le=\"+Inf\"} 2.5\nh_sum 0\n"
          "h_count 2.5\n");
}

#define NATIVE                                                                                     \
    "histogram{count:7 sum:10 schema:3 zero_threshold:1e-128 zero_count:1 "                        \
    "negative_span{offset:3 length:1} negative_delta:[1] positive_span{offset:0 length:2} "        \
    "positive_span{offset:7 length:1} positive_delta:[1 1 0]"
#define NATIVE_ROW "integer schema 3 zeros 1 count 7 sum 10 -[3+1]:1 +[0+2] +[7+1]:1,2,2"

static void test_native_histogram_is_one_row(void **state)
{
    (void)state;
    check("name:\"h\" type:4 metric{" NATIVE " created:2000 exemplar{value:1 time:3} "
          "exemplar{label{name:\"b\" value:\"c\"} value:2 time:4}}}",
          "type histogram\nh " NATIVE_ROW " since 2000 # {} 1 @3 # {b=\"c\"} 2 @4\n");
    check("name:\"h\" type:5 metric{histogram{count_float:1.5 sum:3 schema:-4 "
          "zero_count_float:0.5 positive_span{offset:-2 length:1} positive_count:[1]}}",
          "type gaugehistogram\nh float gauge schema -4 zeros 0.5 count 1.5 sum 3 +[-2+1]:1\n");
    check("name:\"h\" type:4 metric{histogram{positive_span{offset:0 length:0}}}",
          "type histogram\nh float schema 0 zeros 0 count 0 sum 0 +[0+0]\n");
}

static void test_classic_buckets_beside_native_ones_are_for_those_who_want_them(void **state)
{
    (void)state;
    static const char both[] = "name:\"h\" type:4 metric{" NATIVE " bucket{count:7 bound:9}}}";
    static const char buckets[] = "h_bucket{le=\"9.0\"} 7\nh_bucket{le=\"+Inf\"} 7\nh_sum 10\n"
                                  "h_count 7\n";
    char expected[512];
    check(both, "type histogram\nh " NATIVE_ROW "\n");
    classic = true;
    (void)snprintf(expected, sizeof expected, "type histogram\nh " NATIVE_ROW "\n%s", buckets);
    check(both, expected);
    classic = native = false;
    (void)snprintf(expected, sizeof expected, "type histogram\n%s", buckets);
    check(both, expected);
    check("name:\"h\" type:4 metric{" NATIVE "}}", "type histogram\n"); // nothing beside it
    native = true;
}

/* Protobuf allows a field twice; the last one holds. */
static void test_the_last_of_two_histograms_in_one_metric_holds(void **state)
{
    (void)state;
    check("name:\"h\" type:4 metric{" NATIVE " exemplar{value:1 time:3}} " NATIVE
          " exemplar{value:2 time:4} exemplar{value:3 time:5} exemplar{value:4 time:6}}}",
          "type histogram\nh " NATIVE_ROW " # {} 2 @4 # {} 3 @5 # {} 4 @6\n");
    check("name:\"h\" type:4 metric{" NATIVE "} histogram{count:1}}",
          "type histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 0\nh_count 1\n");
    check("name:\"c\" metric{counter{value:1 exemplar{value:1 time:3}} counter{value:2}}",
          "type counter\nc 2\n");
}

/* ---- keys ---- */

static void test_rows_of_one_series_have_one_text(void **state)
{
    (void)state;
    static const char families[] =
        "name:\"h\" type:4 metric{label{name:\"a\" value:\"b\"} histogram{count:3 "
        "bucket{count:1 bound:1} bucket{count:1 bound:2}}} "
        "metric{label{name:\"a\" value:\"c\"} histogram{count:3 bucket{count:1 bound:1}}}\n"
        "name:\"ha\" metric{counter{value:1}}";
    struct buf body = BUF_MAX(1 << 16);
    metric_families_of(&body, families);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct prom_parser p[2];
    struct prom_row row[2];
    struct str seen[16];
    size_t n = 0;
    for (int i = 0; i < 2; i++)
        prom_parser_init(&p[i], buf_str(&body), PROM_PROTOBUF, &arena);
    while (prom_parser_next(&p[0], (struct str){0}, &row[0], NULL) == 1) {
        struct str guess = row[0].kind == PROM_ROW_SERIES ? row[0].series : STR("");
        assert_int_equal(prom_parser_next(&p[1], guess, &row[1], NULL), 1);
        if (row[0].kind != PROM_ROW_SERIES)
            continue;
        assert_true(row[1].expected && !row[0].expected);
        for (size_t i = 0; i < n; i++)
            assert_false(str_eq(seen[i], row[0].series));
        seen[n++] = arena_str(&arena, row[0].series);
    }
    assert_int_equal(n, 10);
    arena_done(&arena);
    buf_done(&body);
}

/* ---- damage ---- */

static void test_errors_tell_family_metric_and_place(void **state)
{
    (void)state;
    check("name:\"a\" type:1 metric{gauge{value:1}}\nname:\"b\" type:9",
          "type gauge\na 1\nfamily 2 \"b\": type is not one of 0 to 5, at byte 25\n");
    check("type:1 metric{gauge{value:1}}", "family 1 \"\": a family without a name, at byte 16\n");
    check("name:\"a\" type:1 metric{gauge{value:1}} metric{label{name:\"x\" value:\"y\"} "
          "label{name:\"x\" value:\"z\"} gauge{value:1}}",
          "type gauge\na 1\n"
          "family 1 \"a\", metric 2: label \"x\": stands twice, or has no name\n");
    check("name:\"h\" type:4 metric{histogram{count:1 schema:9 positive_span{offset:0 length:1} "
          "positive_delta:[1]}}",
          "type histogram\nfamily 1 \"h\", metric 1: schema: 9; expected -4 to 8, or -53 for "
          "custom buckets\n");
    check("name:\"h\" type:4 metric{histogram{count:1 positive_span{offset:0 length:3} "
          "positive_delta:[1]}}",
          "type histogram\nfamily 1 \"h\", metric 1: positive_spans: describe 3 buckets, but 1 "
          "bucket counts were given\n");
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    check("name:\"a\" type:1 metric{label{name:\"x\" value:\"\xff\"} gauge{value:1}}",
          "type gauge\nfamily 1 \"a\", metric 1: a label is not UTF-8, at byte 16\n");
    check("name:\"\xff\" type:1",
          "family 1 \"\xff\": name, help or unit is not UTF-8, at byte 6\n");
}

static void test_every_cut_is_an_error_or_a_whole_family_less(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 16);
    metric_families_of(&body, "name:\"g\" type:1 metric{gauge{value:1}}\nname:\"h\" type:4 "
                              "metric{" NATIVE " bucket{count:7 bound:9}}}");
    classic = true;
    for (size_t n = 0; n < body.n; n++) {
        struct buf out = BUF_MAX(1 << 16);
        char *copy = malloc(n ? n : 1); // so that sanitisers see its end
        memcpy(copy, body.p, n);
        describe(&out, (struct str){copy, n});
        bool whole = n == 0 || n == 1 + (size_t)body.p[0];
        assert_int_equal(strstr(out.p, "family ") == NULL, whole);
        free(copy);
        buf_done(&out);
    }
    classic = false;
    buf_done(&body);
}

static void test_labels_repeated_for_each_bucket_are_bounded(void **state)
{
    (void)state;
    max_bytes = 40; // "h", NUL and the label are 10 bytes, for each of four rows
    check("name:\"h\" type:4 metric{label{name:\"a\" value:\"b\"} histogram{count:3 "
          "bucket{count:1 bound:1}}}",
          "type histogram\nh_bucket{a=\"b\", le=\"1.0\"} 1\nh_bucket{a=\"b\", le=\"+Inf\"} 3\n"
          "h_sum{a=\"b\"} 0\nh_count{a=\"b\"} 3\n");
    max_bytes = 39;
    check("name:\"h\" type:4 metric{label{name:\"a\" value:\"b\"} histogram{count:3 "
          "bucket{count:1 bound:1}}}",
          "type histogram\nh_bucket{a=\"b\", le=\"1.0\"} 1\nh_bucket{a=\"b\", le=\"+Inf\"} 3\n"
          "h_sum{a=\"b\"} 0\nnames and labels of all samples are over 39 bytes\n");
    max_bytes = 0;
}

static void test_content_type_is_known_by_its_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool known;
    } cases[] = {
        {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
         "encoding=delimited",
         true},
        {"Application/Vnd.Google.Protobuf;encoding=\"delimited\";escaping=values;"
         "proto=io.prometheus.client.MetricFamily",
         true},
        {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text",
         false},
        {"application/vnd.google.protobuf", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum prom_format format = PROM_TEXT;
        assert_int_equal(prom_format_of(str_c(cases[i].type), &format), cases[i].known);
        assert_true(!cases[i].known || format == PROM_PROTOBUF);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_rows_with_their_labels),
        cmocka_unit_test(test_metrics_may_stand_before_name_and_type),
        cmocka_unit_test(test_missing_numbers_are_zero),
        cmocka_unit_test(test_summary_has_a_row_for_each_quantile),
        cmocka_unit_test(test_classic_histogram_has_a_row_for_each_bucket),
        cmocka_unit_test(test_native_histogram_is_one_row),
        cmocka_unit_test(test_classic_buckets_beside_native_ones_are_for_those_who_want_them),
        cmocka_unit_test(test_the_last_of_two_histograms_in_one_metric_holds),
        cmocka_unit_test(test_rows_of_one_series_have_one_text),
        cmocka_unit_test(test_errors_tell_family_metric_and_place),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_every_cut_is_an_error_or_a_whole_family_less),
        cmocka_unit_test(test_labels_repeated_for_each_bucket_are_bounded),
        cmocka_unit_test(test_content_type_is_known_by_its_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
