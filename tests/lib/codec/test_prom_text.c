#include "codec/prom_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "support/check.h"
#include "support/test_arena.h"

static void put_plain(struct buf *out, double v)
{
    char text[NUM_DOUBLE_MAX];
    buf_put(out, text, num_format_plain(text, v));
}

/* One parsed body as text, a row a line, so that tables can say what they expect. */
static void describe_row(struct buf *out, const struct prom_parser *p, const struct prom_row *row)
{
    struct err err = {0};
    struct labels labels;
    switch (row->kind) {
    case PROM_ROW_TYPE:
        buf_printf(out, "type %.*s %s\n", STR_ARG(row->family), metric_type_name(row->type));
        return;
    case PROM_ROW_HELP:
        buf_printf(out, "help %.*s [%.*s]\n", STR_ARG(row->family), STR_ARG(row->text));
        return;
    case PROM_ROW_UNIT:
        buf_printf(out, "unit %.*s [%.*s]\n", STR_ARG(row->family), STR_ARG(row->text));
        return;
    case PROM_ROW_COMMENT: buf_printf(out, "comment [%.*s]\n", STR_ARG(row->text)); return;
    case PROM_ROW_SERIES: break;
    }
    if (prom_parser_labels(p, row, &labels, &err) != 0) {
        buf_printf(out, "error %s\n", err.message);
        return;
    }
    labels_format(out, &labels);
    buf_putc(out, ' ');
    put_plain(out, row->value);
    if (row->has_time)
        buf_printf(out, " @%lld", (long long)row->t_unix_ms);
    if (row->exemplar) {
        buf_puts(out, " # ");
        labels_format(out, &row->exemplar->labels);
        buf_putc(out, ' ');
        put_plain(out, row->exemplar->value);
        buf_printf(out, " @%lld", (long long)row->exemplar->t_unix_ms);
    }
    buf_putc(out, '\n');
}

static void describe(struct buf *out, const char *text, size_t n, enum prom_format format)
{
    struct prom_parser p;
    struct prom_row row;
    struct err err = {0};
    prom_parser_init(&p, str_of(text, n), format, &arena);
    int rc;
    while ((rc = prom_parser_next(&p, (struct str){0}, &row, &err)) > 0)
        describe_row(out, &p, &row);
    if (rc < 0)
        buf_printf(out, "error %s\n", err.message);
}

static void expect_text(const char *text, enum prom_format format, const char *wanted)
{
    struct buf out = BUF_MAX(1 << 16);
    describe(&out, text, strlen(text), format);
    buf_putc(&out, '\0');
    assert_false(buf_failed(&out));
    assert_string_equal(out.p, wanted);
    buf_done(&out);
}

struct pair {
    const char *text, *wanted;
};

static void expect_all(const struct pair *pairs, size_t n, enum prom_format format)
{
    for (size_t i = 0; i < n; i++)
        expect_text(pairs[i].text, format, pairs[i].wanted);
}

/* The example of the format's own documentation. */
static void test_text_reads_the_example_of_the_specification(void **state)
{
    (void)state;
    expect_text("# HELP http_requests_total The total number of HTTP requests.\n"
                "# TYPE http_requests_total counter\n"
                "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
                "http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n"
                "\n"
                "# Escaping in label values:\n"
                "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find "
                "file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n"
                "\n"
                "# Minimalistic line:\n"
                "metric_without_timestamp_and_labels 12.47\n"
                "\n"
                "# A weird metric from before the epoch:\n"
                "something_weird{problem=\"division by zero\"} +Inf -3982045\n"
                "\n"
                "# TYPE http_request_duration_seconds histogram\n"
                "http_request_duration_seconds_bucket{le=\"0.05\"} 24054\n"
                "http_request_duration_seconds_bucket{le=\"+Inf\"} 144320\n"
                "http_request_duration_seconds_sum 53423\n"
                "http_request_duration_seconds_count 144320\n",
                PROM_TEXT,
                "help http_requests_total [The total number of HTTP requests.]\n"
                "type http_requests_total counter\n"
                "http_requests_total{code=\"200\", method=\"post\"} 1027 @1395066363000\n"
                "http_requests_total{code=\"400\", method=\"post\"} 3 @1395066363000\n"
                "comment [Escaping in label values:]\n"
                "msdos_file_access_time_seconds{error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\", "
                "path=\"C:\\\\DIR\\\\FILE.TXT\"} 1458255915\n"
                "comment [Minimalistic line:]\n"
                "metric_without_timestamp_and_labels 12.47\n"
                "comment [A weird metric from before the epoch:]\n"
                "something_weird{problem=\"division by zero\"} +Inf @-3982045\n"
                "type http_request_duration_seconds histogram\n"
                "http_request_duration_seconds_bucket{le=\"0.05\"} 24054\n"
                "http_request_duration_seconds_bucket{le=\"+Inf\"} 144320\n"
                "http_request_duration_seconds_sum 53423\n"
                "http_request_duration_seconds_count 144320\n");
}

static void test_text_allows_what_prometheus_allows(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"", ""},
        {"a 1", "a 1\n"}, // no last line feed
        {"  a\t{ b = \"c\" , } \t 1 \t 2 \n", "a{b=\"c\"} 1 @2\n"},
        {"a{} 1\n", "a 1\n"},
        {"a{b=\"c\"}1\n", "a{b=\"c\"} 1\n"},
        {"a{b=\"\"} 1\n", "a 1\n"},
        {"a:b{_=\"c\"} 1e3\n", "a:b{_=\"c\"} 1000\n"},
        {"#\n#comment\n# HELPER x\n#HELP x y\n# HELP\n",
         "comment []\ncomment [comment]\ncomment [HELPER x]\ncomment [HELP x y]\ncomment [HELP]\n"},
        {"# HELP x\n# HELP y  two  words \n# HELP z \\\\ \\n \\\"\n",
         "help x []\nhelp y [two  words ]\nhelp z [\\ \n \\\"]\n"},
        {"# TYPE x untyped\n# TYPE y\tsummary\t\n", "type x unknown\ntype y summary\n"},
        {"a{b=\"{}=,#\"} 1\n", "a{b=\"{}=,#\"} 1\n"},
        {"a{b=\"\\x\\\\\"} 1\n", "a{b=\"\\\\x\\\\\"} 1\n"},
        {"a{b=\"x\ny\"} 1\n", "a{b=\"x\\ny\"} 1\n"},
    };
    expect_all(pairs, ARRAY_LEN(pairs), PROM_TEXT);
}

static void test_both_formats_read_quoted_names(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"{\"my.metric\"} 1\n# EOF\n", "{\"my.metric\"} 1\n"},
        {"{\"my.metric\",\"my label\"=\"x\",b=\"y\"} 1\n# EOF\n",
         "{\"my.metric\", b=\"y\", \"my label\"=\"x\"} 1\n"},
        {"{b=\"y\",\"plain\"} 1\n# EOF\n", "plain{b=\"y\"} 1\n"},
        {"plain{\"quoted\"=\"y\"} 1\n# EOF\n", "plain{quoted=\"y\"} 1\n"},
        {"{\"\\\"q\\\"\"} 1\n# EOF\n", "{\"\\\"q\\\"\"} 1\n"},
        {"# TYPE \"my.metric\" counter\n# HELP \"my.metric\" text\n# EOF\n",
         "type my.metric counter\nhelp my.metric [text]\n"},
    };
    expect_all(pairs, ARRAY_LEN(pairs), PROM_OPENMETRICS);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct str text = str_c(pairs[i].text);
        char copy[256];
        text.n -= strlen("# EOF\n");
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        expect_text(copy, PROM_TEXT, pairs[i].wanted);
    }
}

static void test_text_errors_name_line_and_reason(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"a", "error line 1: expected a value behind the series, but the line ends\n"},
        {"a 1\n\nb y\n", "a 1\nerror line 3: expected a number, got \"y\"\n"},
        {"a 1 2 3\n", "error line 1: expected the end of the line, got \"3\"\n"},
        {"a 1 2.5\n",
         "error line 1: expected a timestamp in whole milliseconds or the end of the line, got "
         "\"2.5\"\n"},
        {"a 1e999\n", "error line 1: the number is out of range, got \"1e999\"\n"},
        {"a 0x1p3\n", "error line 1: expected a decimal number, got \"0x1p3\"\n"},
        {"a 1_000\n", "error line 1: expected a decimal number, got \"1_000\"\n"},
        {"a 1\r\n", "error line 1: expected a number, got \"1\r\"\n"},
        {"1a 1\n", "error line 1: expected a metric name, got \"1a 1\"\n"},
        {"a-b 1\n", "error line 1: expected a blank behind the metric name, got \"-b 1\"\n"},
        {"a{b=\"c\" 1\n", "error line 1: the label set is not closed, got \"a{b=\"c\" 1\"\n"},
        {"a{b=\"c} 1\n", "error line 1: the label set is not closed, got \"a{b=\"c} 1\"\n"},
        {"a{b=c} 1\n",
         "error line 1: expected a label value in double quotes, got \"c}\" at byte 4 of a{b=c}\n"},
        {"a{b} 1\n",
         "error line 1: expected \"=\" after the label name, got \"}\" at byte 3 of a{b}\n"},
        {"a{b=\"1\" c=\"2\"} 1\n",
         "error line 1: expected \",\" or \"}\", got \"c=\"2\"}\" at byte 8 of a{b=\"1\" c=\"2\"}\n"},
        {"a{b=\"1\",,} 1\n",
         "error line 1: expected a label name, got \",}\" at byte 8 of a{b=\"1\",,}\n"},
        {"a{b:c=\"1\"} 1\n",
         "error line 1: expected a label name, got \"b:c=\"1\"}\" at byte 2 of a{b:c=\"1\"}\n"},
        {"a{b=\"1\",b=\"2\"} 1\n", "error line 1: label \"b\" is given twice\n"},
        {"a{__name__=\"b\"} 1\n", "error line 1: label \"__name__\" is given twice\n"},
        {"a{\"\"=\"b\"} 1\n", "error line 1: a label name is empty\n"},
        {"a{b=\"\xff\"} 1\n", "error line 1: value of label b: not valid UTF-8\n"},
        {"{\"a\xff\"} 1\n", "error line 1: name: not valid UTF-8\n"},
        {"{b=\"1\"} 1\n", "error line 1: the metric name is missing: {b=\"1\"}\n"},
        {"{\"a\",\"b\"} 1\n", "error line 1: \"b\": the metric name is given already\n"},
        {"{\"\"} 1\n", "error line 1: the metric name is empty\n"},
        {"# TYPE a strange\n",
         "error line 1: expected the type counter, gauge, histogram, summary or untyped, got "
         "\"strange\"\n"},
        {"# TYPE 1 gauge\n", "error line 1: expected a metric name, got \"1 gauge\"\n"},
        {"# TYPE a{b=\"c\"} gauge\n",
         "error line 1: expected a blank behind the metric name, got \"{b=\"c\"} gauge\"\n"},
        {"# HELP a \xff\n", "error line 1: expected valid UTF-8 as the help text, got \"\xff\"\n"},
    };
    expect_all(pairs, ARRAY_LEN(pairs), PROM_TEXT);
}

static void test_openmetrics_reads_all_row_kinds(void **state)
{
    (void)state;
    expect_text("# TYPE acme_http_router_request_seconds summary\n"
                "# UNIT acme_http_router_request_seconds seconds\n"
                "# HELP acme_http_router_request_seconds Latency with \\\"quotes\\\".\n"
                "acme_http_router_request_seconds_sum{path=\"/api/v1\"} 9036.32\n"
                "acme_http_router_request_seconds_created{path=\"/api/v1\"} 1605281325.0\n"
                "# TYPE foo gaugehistogram\n"
                "foo_bucket{le=\"0.01\"} 0\n"
                "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n"
                "foo_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4vxi0o\"} 0.67\n"
                "foo_bucket{le=\"10\"} 17 1520879607.789 # {trace_id=\"o\"} 9.8 1520879607.5\n"
                "# TYPE i info\n# TYPE s stateset\n# TYPE u unknown\n"
                "bar_seconds_count 0 123.456\n"
                "cut 1 1395066363.05\ncut 1 -0.0019\n"
                "# EOF",
                PROM_OPENMETRICS,
                "type acme_http_router_request_seconds summary\n"
                "unit acme_http_router_request_seconds [seconds]\n"
                "help acme_http_router_request_seconds [Latency with \"quotes\".]\n"
                "acme_http_router_request_seconds_sum{path=\"/api/v1\"} 9036.32\n"
                "acme_http_router_request_seconds_created{path=\"/api/v1\"} 1605281325\n"
                "type foo gaugehistogram\n"
                "foo_bucket{le=\"0.01\"} 0\n"
                "foo_bucket{le=\"0.1\"} 8 # {} 0.054 @0\n"
                "foo_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4vxi0o\"} 0.67 @0\n"
                "foo_bucket{le=\"10\"} 17 @1520879607789 # {trace_id=\"o\"} 9.8 @1520879607500\n"
                "type i info\ntype s stateset\ntype u unknown\n"
                "bar_seconds_count 0 @123456\n"
                "cut 1 @1395066363050\ncut 1 @-1\n");
}

static void test_openmetrics_is_strict(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"", "error line 1: expected # EOF at the end, but the line ends\n"},
        {"a 1\n", "a 1\nerror line 2: expected # EOF at the end, but the line ends\n"},
        {"a 1", "error line 1: expected a line feed, but the line ends\n"},
        {"\n# EOF\n", "error line 1: expected a metric name, but the line ends\n"},
        {"a 1\n# EOF\n\n", "a 1\nerror line 2: expected nothing behind # EOF, but the line ends\n"},
        {"# EOF\na 1\n", "error line 1: expected nothing behind # EOF, got \"a 1\"\n"},
        {"a  1\n# EOF\n", "error line 1: expected exactly one space, got \"  1\"\n"},
        {"a\t1\n# EOF\n", "error line 1: expected exactly one space, got \"\t1\"\n"},
        {"a 1 \n# EOF\n", "error line 1: expected exactly one space, got \" \"\n"},
        {"a {b=\"c\"} 1\n# EOF\n", "error line 1: expected a value, got \"{b=\"c\"} 1\"\n"},
        {"a{b=\"c\"}1\n# EOF\n", "error line 1: expected exactly one space, got \"1\"\n"},
        {"a{b=\"x\ny\"} 1\n# EOF\n",
         "error line 1: value of label b: a line feed must be written as \\n\n"},
        {"# a comment\n# EOF\n",
         "error line 1: expected # HELP, # TYPE, # UNIT or # EOF, got \"# a comment\"\n"},
        {"#  TYPE a gauge\n# EOF\n",
         "error line 1: expected # HELP, # TYPE, # UNIT or # EOF, got \"#  TYPE a gauge\"\n"},
        {"# TYPE a untyped\n# EOF\n",
         "error line 1: expected the type counter, gauge, histogram, gaugehistogram, summary, "
         "info, stateset or unknown, got \"untyped\"\n"},
        {"# UNIT a seconds\n# EOF\n",
         "error line 1: expected a unit that ends the metric's name, as in name_unit, got "
         "\"seconds\"\n"},
        {"a 1 NaN\n# EOF\n", "error line 1: expected a finite timestamp in seconds, got \"NaN\"\n"},
        {"a 1 1 2\n# EOF\n", "error line 1: expected the end of the line, got \"2\"\n"},
        {"a 1 # x\n# EOF\n", "error line 1: expected an exemplar, # {labels} value, got \"# x\"\n"},
        {"a 1 # {b=\"c\"}\n# EOF\n",
         "error line 1: expected a value behind the exemplar's labels, but the line ends\n"},
        {"a 1 # {b=c} 1\n# EOF\n",
         "error line 1: exemplar: expected a label value in double quotes, got \"c}\" at byte 3 of "
         "{b=c}\n"},
        {"a 1 # {\"b\"} 1\n# EOF\n",
         "error line 1: exemplar: \"b\": the metric name is given already\n"},
        {"a 1 # {} 1 Inf\n# EOF\n",
         "error line 1: expected a finite timestamp in seconds, got \"Inf\"\n"},
    };
    expect_all(pairs, ARRAY_LEN(pairs), PROM_OPENMETRICS);
}

/* Every number through the short cut and the slow road has the value that C's own parser gives. */
static void test_values_are_read_exactly(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0",
        "-0",
        "1",
        "12.47",
        "-3.5",
        ".5",
        "5.",
        "0.1",
        "0.30000000000000004",
        "9007199254740992",
        "9007199254740993",
        "1234567890123456789",
        "12345678901234567890",
        "0.0000000000000000001",
        "1.7976931348623157e308",
        "4.9e-324",
        "2.2250738585072011e-308",
        "1e22",
        "1e23",
        "123456.789e-5",
        "8.2e+3",
        "1E5",
        "+7",
        "0.000000000000000000123",
        "179769313486231570000000000000000000000000000000000",
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "a %s\n", numbers[i]);
        struct prom_parser p;
        struct prom_row row;
        struct err err = {0};
        prom_parser_init(&p, str_c(body), PROM_TEXT, &arena);
        assert_int_equal(prom_parser_next(&p, (struct str){0}, &row, &err), 1);
        double wanted = strtod(numbers[i], NULL);
        assert_memory_equal(&row.value, &wanted, sizeof wanted);
    }
}

static void test_a_written_nan_is_never_a_stale_marker(void **state)
{
    (void)state;
    static const char body[] = "a NaN\nb nan\nc -nan\nd inf\ne -Infinity\n";
    struct prom_parser p;
    struct prom_row row;
    prom_parser_init(&p, str_c(body), PROM_TEXT, &arena);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(prom_parser_next(&p, (struct str){0}, &row, NULL), 1);
        uint64_t bits;
        memcpy(&bits, &row.value, sizeof bits);
        assert_true(bits == UINT64_C(0x7ff8000000000001));
    }
    assert_int_equal(prom_parser_next(&p, (struct str){0}, &row, NULL), 1);
    assert_true(isnan(row.value) && !is_stale_nan(row.value));
    assert_int_equal(prom_parser_next(&p, (struct str){0}, &row, NULL), 1);
    assert_true(row.value == INFINITY);
    assert_int_equal(prom_parser_next(&p, (struct str){0}, &row, NULL), 1);
    assert_true(row.value == -INFINITY);
}

/* A guess changes nothing but speed, whether it is right, wrong, or right only at first sight. */
static void test_a_guessed_series_gives_the_same_row(void **state)
{
    (void)state;
    static const char *const guesses[] = {"", "foo", "foo{a=\"b\"}", "foo {a=\"b\"}", "bar"};
    static const char *const bodies[] = {"foo 1\n",
                                         "foo{a=\"b\"} 1\n",
                                         "foo {a=\"b\"} 1\n",
                                         "foo\t2 3\n",
                                         "foo_bar 1\n",
                                         "foo",
                                         "foo ",
                                         "foo \n"};
    for (size_t b = 0; b < ARRAY_LEN(bodies); b++) {
        struct prom_parser plain;
        struct prom_row wanted;
        struct err err = {0};
        prom_parser_init(&plain, str_c(bodies[b]), PROM_TEXT, &arena);
        int rc = prom_parser_next(&plain, (struct str){0}, &wanted, &err);
        for (size_t g = 0; g < ARRAY_LEN(guesses); g++) {
            struct prom_parser p;
            struct prom_row row;
            prom_parser_init(&p, str_c(bodies[b]), PROM_TEXT, &arena);
            assert_int_equal(prom_parser_next(&p, str_c(guesses[g]), &row, NULL), rc);
            if (rc != 1)
                continue;
            assert_true(str_eq(row.series, wanted.series));
            assert_true(row.value == wanted.value && row.has_time == wanted.has_time);
            assert_int_equal(row.expected, str_eq(wanted.series, str_c(guesses[g])));
        }
    }
}

/* Each prefix of a body ends in rows or an error, without reading past its end (the copy lies at
 * the very end of its allocation, so that AddressSanitizer would tell). */
static void test_every_truncation_is_survived(void **state)
{
    (void)state;
    static const char body[] = "# TYPE \"a.b\" counter\n# HELP c d\\n\n# UNIT x_y y\n"
                               "{\"a.b\",c=\"d\\\"\"} 1.5e3 1.5 # {t=\"u\"} 1 2\nf{g=\"h\"} NaN\n"
                               "# EOF\n";
    for (size_t n = 0; n < sizeof body; n++)
        for (int format = PROM_TEXT; format <= PROM_OPENMETRICS; format++) {
            char *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, body, n);
            struct buf out = BUF_MAX(1 << 16);
            describe(&out, copy, n, (enum prom_format)format);
            assert_false(buf_failed(&out));
            buf_done(&out);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_reads_the_example_of_the_specification),
        cmocka_unit_test(test_text_allows_what_prometheus_allows),
        cmocka_unit_test(test_both_formats_read_quoted_names),
        cmocka_unit_test(test_text_errors_name_line_and_reason),
        cmocka_unit_test(test_openmetrics_reads_all_row_kinds),
        cmocka_unit_test(test_openmetrics_is_strict),
        cmocka_unit_test(test_values_are_read_exactly),
        cmocka_unit_test(test_a_written_nan_is_never_a_stale_marker),
        cmocka_unit_test(test_a_guessed_series_gives_the_same_row),
        cmocka_unit_test(test_every_truncation_is_survived),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
