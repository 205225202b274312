/* What is written reads back as what it was. */
#include "codec/prom_proto_write.h"

#include "codec/prom_text.h"
#include "model/histogram.h"
#include "support/check.h"

static const struct histogram_span positive_spans[] = {{-1, 2}, {3, 1}},
                                   negative_spans[] = {{0, 1}};
static const double positive[] = {4, 0.5, 3}, negative[] = {1};
static const struct histogram exponential = {.schema = 3,
                                             .zero_threshold = 0.001,
                                             .zero_count = 2,
                                             .count = 10.5,
                                             .sum = -8.25,
                                             .positive_spans = positive_spans,
                                             .n_positive_spans = 2,
                                             .positive = positive,
                                             .n_positive = 3,
                                             .negative_spans = negative_spans,
                                             .n_negative_spans = 1,
                                             .negative = negative,
                                             .n_negative = 1};

static const struct histogram_span custom_spans[] = {{1, 1}, {1, 2}};
static const double bounds[] = {0.1, 0.5, 1, 5};
static const struct histogram custom = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                                        .count = 7.5,
                                        .sum = 9,
                                        .positive_spans = custom_spans,
                                        .n_positive_spans = 2,
                                        .positive = positive,
                                        .n_positive = 3,
                                        .custom_bounds = bounds,
                                        .n_custom_bounds = 4};

static struct label job_labels[] = {{{"__name__", 8}, {"a.b", 3}}, {{"job", 3}, {"x", 1}}};
static struct label nameless_labels[] = {{{"job", 3}, {"x", 1}}};
static const struct labels job = {job_labels, 2}, nameless = {nameless_labels, 1};

/* Reads rows until one is a series; the type that came before it in `out_type`. */
static void next_series(struct prom_parser *p, struct prom_row *row, enum metric_type *out_type)
{
    for (;;) {
        assert_int_equal(prom_parser_next(p, (struct str){0}, row, NULL), 1);
        if (row->kind == PROM_ROW_SERIES)
            return;
        if (row->kind == PROM_ROW_TYPE)
            *out_type = row->type;
    }
}

static void expect_end(struct prom_parser *p)
{
    struct prom_row row;
    assert_int_equal(prom_parser_next(p, (struct str){0}, &row, NULL), 0);
}

struct reading {
    struct buf body;
    struct arena arena;
    struct prom_parser parser;
    struct prom_row row;
    enum metric_type type;
};

static void write_all(struct reading *r, enum prom_escaping escaping, const struct labels *labels,
                      const struct sample *v, size_t n)
{
    struct prom_proto_writer w;
    *r = (struct reading){.body = BUF_MAX(1 << 20)};
    prom_proto_writer_init(&w, &r->body, escaping);
    for (size_t i = 0; i < n; i++)
        prom_proto_write_sample(&w, labels, &v[i]);
    prom_proto_writer_done(&w);
    assert_false(buf_failed(&r->body));
    arena_init(&r->arena, 1 << 20);
    prom_parser_init(&r->parser, buf_str(&r->body), PROM_PROTOBUF, &r->arena);
    r->parser.native = true;
}

static void reading_done(struct reading *r)
{
    arena_done(&r->arena);
    buf_done(&r->body);
}

static void test_numbers_and_histograms_of_one_name_are_families_of_their_own(void **state)
{
    (void)state;
    struct histogram gauge = exponential;
    gauge.reset = HISTOGRAM_RESET_GAUGE;
    const struct sample samples[] = {{.t_unix_ms = 1000, .value = -1.5},
                                     {.t_unix_ms = 2000, .histogram = &exponential},
                                     {.t_unix_ms = 3000, .histogram = &gauge}};
    static const enum metric_type types[] = {METRIC_UNKNOWN, METRIC_HISTOGRAM,
                                             METRIC_GAUGE_HISTOGRAM};
    struct reading r;
    write_all(&r, PROM_ALLOW_UTF8, &job, samples, 3);
    for (size_t i = 0; i < 3; i++) {
        next_series(&r.parser, &r.row, &r.type);
        assert_int_equal(r.type, types[i]);
        assert_int_equal(r.row.t_unix_ms, samples[i].t_unix_ms);
        struct labels labels;
        assert_int_equal(prom_parser_labels(&r.parser, &r.row, &labels, NULL), 0);
        assert_true(labels_eq(&labels, &job));
        if (i == 0)
            assert_true(!r.row.histogram && r.row.value == -1.5);
        else
            assert_true(histogram_eq(r.row.histogram, samples[i].histogram));
    }
    expect_end(&r.parser);
    reading_done(&r);
}

static void test_custom_buckets_become_classic_ones(void **state)
{
    (void)state;
    static const double counts[] = {0, 4, 4, 4.5, 7.5};
    const struct sample sample = {.t_unix_ms = 1000, .histogram = &custom};
    struct reading r;
    write_all(&r, PROM_ESCAPE_UNDERSCORES, &job, &sample, 1);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        next_series(&r.parser, &r.row, &r.type);
        struct labels labels;
        assert_int_equal(prom_parser_labels(&r.parser, &r.row, &labels, NULL), 0);
        check_str(labels_metric_name(&labels), "a_b_bucket");
        assert_true(r.row.value == counts[i]);
    }
    next_series(&r.parser, &r.row, &r.type);
    assert_true(r.row.value == 9); // the sum
    reading_done(&r);
}

static void test_what_has_no_name_is_left_out(void **state)
{
    (void)state;
    const struct sample sample = {.t_unix_ms = 1000, .value = 1};
    struct reading r;
    write_all(&r, PROM_ALLOW_UTF8, &nameless, &sample, 1);
    assert_int_equal(r.body.n, 0);
    reading_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_histograms_of_one_name_are_families_of_their_own),
        cmocka_unit_test(test_custom_buckets_become_classic_ones),
        cmocka_unit_test(test_what_has_no_name_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
