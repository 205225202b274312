#include "codec/prom_write.h"

#include "base/compiler.h"
#include "support/check.h"

static const struct prom_content text_utf8 = {PROM_TEXT, PROM_ALLOW_UTF8};
static const struct prom_content text_plain = {PROM_TEXT, PROM_ESCAPE_UNDERSCORES};
static const struct prom_content openmetrics = {PROM_OPENMETRICS, PROM_ALLOW_UTF8};

static void expect(struct buf *out, const char *wanted)
{
    buf_putc(out, '\0');
    assert_false(buf_failed(out));
    assert_string_equal(out->p, wanted);
    buf_done(out);
}

static const struct label pairs[] = {
    {{"__name__", 8}, {"http.requests", 13}},
    {{"code", 4}, {"200", 3}},
    {{"my.path", 7}, {"C:\\a\n\"b\"", 8}},
};
static const struct labels labels = {pairs, ARRAY_LEN(pairs)};

static void test_samples_are_written_in_both_formats(void **state)
{
    (void)state;
    const int64_t time_ms = 1395066363050;
    static const struct label trace[] = {{{"trace_id", 8}, {"ab", 2}}};
    const struct exemplar exemplar = {{trace, 1}, 0.5, 1500};
    struct buf out = BUF_MAX(4096);
    prom_write_sample(&out, text_utf8, &labels, 1.5, &time_ms, &exemplar);
    prom_write_end(&out, text_utf8);
    prom_write_sample(&out, text_plain, &labels, 1e21, NULL, NULL);
    prom_write_sample(&out, openmetrics, &labels, 1.5, &time_ms, &exemplar);
    prom_write_end(&out, openmetrics);
    expect(&out, "{\"http.requests\",code=\"200\",\"my.path\"=\"C:\\\\a\\n\\\"b\\\"\"} 1.5 "
                 "1395066363050\n"
                 "http_requests{code=\"200\",my_path=\"C:\\\\a\\n\\\"b\\\"\"} 1e+21\n"
                 "{\"http.requests\",code=\"200\",\"my.path\"=\"C:\\\\a\\n\\\"b\\\"\"} 1.5 "
                 "1395066363.05 # {trace_id=\"ab\"} 0.5 1.5\n"
                 "# EOF\n");
}

static void test_a_sample_without_labels_has_no_braces(void **state)
{
    (void)state;
    static const struct label name[] = {{{"__name__", 8}, {"up", 2}}};
    const struct labels up = {name, 1};
    const int64_t before_epoch_ms = -1;
    struct buf out = BUF_MAX(4096);
    prom_write_sample(&out, text_plain, &up, 0, &before_epoch_ms, NULL);
    prom_write_sample(&out, openmetrics, &up, -0.0, &before_epoch_ms, NULL);
    expect(&out, "up 0 -1\nup -0 -0.001\n");
}

static void test_metadata_is_written_as_far_as_the_format_has_it(void **state)
{
    (void)state;
    const struct metric_metadata info = {STR("my.build"), {0}, STR("a\\b\n\"c\""), METRIC_INFO};
    const struct metric_metadata timing = {
        STR("t_seconds"), STR("seconds"), {0}, METRIC_GAUGE_HISTOGRAM};
    struct buf out = BUF_MAX(4096);
    prom_write_metadata(&out, text_utf8, &info);
    prom_write_metadata(&out, text_plain, &timing);
    prom_write_metadata(&out, openmetrics, &info);
    prom_write_metadata(&out, openmetrics, &timing);
    expect(&out, "# HELP \"my.build\" a\\\\b\\n\"c\"\n"
                 "# TYPE \"my.build\" gauge\n"
                 "# TYPE t_seconds histogram\n"
                 "# HELP \"my.build\" a\\\\b\\n\\\"c\\\"\n"
                 "# TYPE \"my.build\" info\n"
                 "# TYPE t_seconds gaugehistogram\n"
                 "# UNIT t_seconds seconds\n");
}

/* The table of the escaping schemes' specification. */
static void test_names_are_escaped_by_each_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *name, *underscores, *dots, *values;
    } rows[] = {
        {"", "", "", ""},
        {"no:escaping_required", "no:escaping_required", "no:escaping__required",
         "no:escaping_required"},
        {"mysystem.prod.west.cpu.load", "mysystem_prod_west_cpu_load",
         "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
         "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load"},
        {"mysystem.prod.west.cpu.load_total", "mysystem_prod_west_cpu_load_total",
         "mysystem_dot_prod_dot_west_dot_cpu_dot_load__total",
         "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load__total"},
        {"http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"},
        {"label with \xf0\x9f\x98\xb1", "label_with__", "label__with____",
         "U__label_20_with_20__1f631_"},
        {"1digit", "_digit", "__digit", "U___31_digit"},
        {"bad\xff", "bad_", "bad__", "U__bad_FFFD_"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const wanted[] = {
            [PROM_ESCAPE_UNDERSCORES] = rows[i].underscores,
            [PROM_ESCAPE_DOTS] = rows[i].dots,
            [PROM_ESCAPE_VALUES] = rows[i].values,
            [PROM_ALLOW_UTF8] = rows[i].name,
        };
        for (int scheme = 0; scheme < 4; scheme++) {
            struct buf out = BUF_MAX(4096);
            prom_escape_name(&out, str_c(rows[i].name), true, (enum prom_escaping)scheme);
            expect(&out, wanted[scheme]);
        }
    }
    struct buf out = BUF_MAX(64);
    prom_escape_name(&out, STR("a:b"), false, PROM_ESCAPE_UNDERSCORES);
    expect(&out, "a_b");
}

static void test_the_accept_header_chooses_format_and_escaping(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        struct prom_content wanted;
    } rows[] = {
        {"", {PROM_TEXT, PROM_ESCAPE_UNDERSCORES}},
        {"*/*", {PROM_TEXT, PROM_ESCAPE_UNDERSCORES}},
        {"application/json", {PROM_TEXT, PROM_ESCAPE_UNDERSCORES}},
        {"text/html,application/xhtml+xml,*/*;q=0.8", {PROM_TEXT, PROM_ESCAPE_UNDERSCORES}},
        {"application/openmetrics-text", {PROM_OPENMETRICS, PROM_ESCAPE_UNDERSCORES}},
        {"application/openmetrics-text; version=9.9", {PROM_TEXT, PROM_ESCAPE_UNDERSCORES}},
        {"text/plain;q=0.2, application/openmetrics-text;q=0.5",
         {PROM_OPENMETRICS, PROM_ESCAPE_UNDERSCORES}},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
         "encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;"
         "escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
         "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
         "*/*;q=0.2",
         {PROM_OPENMETRICS, PROM_ALLOW_UTF8}},
        {"text/plain;version=1.0.0; escaping=\"values\"", {PROM_TEXT, PROM_ESCAPE_VALUES}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct prom_content got = prom_negotiate(str_c(rows[i].accept), 1 << PROM_OPENMETRICS);
        assert_int_equal(got.format, rows[i].wanted.format);
        assert_int_equal(got.escaping, rows[i].wanted.escaping);
    }
}

static void test_a_content_type_says_the_format(void **state)
{
    (void)state;
    enum prom_format format;
    for (int i = 0; i < 12; i++) { // what we send ourselves is understood
        struct prom_content sent = {(enum prom_format)(i % 3), (enum prom_escaping)(i / 3)};
        assert_true(prom_format_of(str_c(prom_content_type(sent)), &format));
        assert_int_equal(format, sent.format);
    }
    assert_true(prom_format_of(STR(" Text/Plain"), &format));
    assert_int_equal(format, PROM_TEXT);
    assert_false(prom_format_of(STR(""), &format));
    assert_false(prom_format_of(STR("text/html; charset=utf-8"), &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_written_in_both_formats),
        cmocka_unit_test(test_a_sample_without_labels_has_no_braces),
        cmocka_unit_test(test_metadata_is_written_as_far_as_the_format_has_it),
        cmocka_unit_test(test_names_are_escaped_by_each_scheme),
        cmocka_unit_test(test_the_accept_header_chooses_format_and_escaping),
        cmocka_unit_test(test_a_content_type_says_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
