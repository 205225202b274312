#include "codec/remote_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "codec/protobuf.h"
#include "codec/snappy.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "model/sink.h"
#include "support/check.h"

/* ---- A body in the making ---- */

static struct buf body;

static void put_label(const char *name, const char *value)
{
    size_t label = pb_begin(&body, 1);
    pb_put_str(&body, 1, str_c(name));
    pb_put_str(&body, 2, str_c(value));
    pb_end(&body, label);
}

static void put_sample(double value, int64_t t_ms)
{
    size_t sample = pb_begin(&body, 2);
    pb_put_double(&body, 1, value);
    pb_put_varint(&body, 2, (uint64_t)t_ms);
    pb_end(&body, sample);
}

/* A whole series of 1.0 with one sample; labels as pairs up to NULL. */
static void put_series(double value, int64_t t_ms, ...)
{
    va_list pairs;
    size_t series = pb_begin(&body, 1);
    va_start(pairs, t_ms);
    const char *name;
    while ((name = va_arg(pairs, const char *)))
        put_label(name, va_arg(pairs, const char *));
    va_end(pairs);
    put_sample(value, t_ms);
    pb_end(&body, series);
}

static void put_packed_refs(uint32_t number, const uint64_t *v, size_t n)
{
    size_t refs = pb_begin(&body, number);
    for (size_t i = 0; i < n; i++)
        pb_put_raw_varint(&body, v[i]);
    pb_end(&body, refs);
}

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

/* ---- What came of it, as text ---- */

static void put_doubles(struct buf *out, const char *name, const double *v, size_t n)
{
    if (n)
        buf_puts(out, name);
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, i ? ',' : '=');
        buf_put_double(out, v[i]);
    }
}

static void put_spans(struct buf *out, const char *name, const struct histogram_span *v, size_t n)
{
    if (n)
        buf_puts(out, name);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%c%d:%u", i ? ',' : '=', (int)v[i].offset, v[i].length);
}

static void describe_histogram(struct buf *out, const struct histogram *h)
{
    buf_printf(out, "%s schema=%d reset=%d", h->integer ? "int" : "float", (int)h->schema,
               (int)h->reset);
    put_doubles(out, " count", &h->count, 1);
    put_doubles(out, " sum", &h->sum, 1);
    put_doubles(out, " zero", &h->zero_count, 1);
    put_doubles(out, " threshold", &h->zero_threshold, 1);
    put_spans(out, " spans", h->positive_spans, h->n_positive_spans);
    put_doubles(out, " counts", h->positive, h->n_positive);
    put_spans(out, " nspans", h->negative_spans, h->n_negative_spans);
    put_doubles(out, " ncounts", h->negative, h->n_negative);
    put_doubles(out, " bounds", h->custom_bounds, h->n_custom_bounds);
}

static void describe(struct buf *out, const struct batch *b)
{
    for (size_t i = 0; i < b->n_series; i++) {
        const struct batch_series *s = &b->series[i];
        assert_true(labels_are_canonical(&s->labels));
        assert_true(s->hash == labels_hash(&s->labels));
        labels_format(out, &s->labels);
        for (size_t j = 0; j < s->n_samples; j++) {
            buf_putc(out, ' ');
            if (s->samples[j].histogram)
                describe_histogram(out, s->samples[j].histogram);
            else if (is_stale_nan(s->samples[j].value))
                buf_puts(out, "stale");
            else
                buf_put_double(out, s->samples[j].value);
            buf_printf(out, "@%lld", (long long)s->samples[j].t_unix_ms);
            if (s->samples[j].start_unix_ms)
                buf_printf(out, "^%lld", (long long)s->samples[j].start_unix_ms);
        }
        for (size_t j = 0; j < s->n_exemplars; j++) {
            buf_puts(out, " # ");
            labels_format(out, &s->exemplars[j].labels);
            buf_putc(out, ' ');
            buf_put_double(out, s->exemplars[j].value);
            buf_printf(out, "@%lld", (long long)s->exemplars[j].t_unix_ms);
        }
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < b->n_metadata; i++)
        buf_printf(out, "%.*s %s [%.*s] [%.*s]\n", STR_ARG(b->metadata[i].family),
                   metric_type_name(b->metadata[i].type), STR_ARG(b->metadata[i].unit),
                   STR_ARG(b->metadata[i].help));
}

static struct remote_write_result result; /* of the last decoding */

/* Decodes the body, compares, and empties it. */
static void expect_with(enum remote_write_version version, const struct remote_write_limits *limits,
                        const char *wanted)
{
    struct batch batch;
    struct err err = {0};
    struct buf out = BUF_MAX(1 << 16);
    batch_init(&batch, 8 << 20);
    assert_false(buf_failed(&body));
    if (remote_write_decode(buf_str(&body), version, limits, NULL, &batch, &result, &err) == 0)
        describe(&out, &batch);
    else
        buf_printf(&out, "error %s\n", err.message);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, wanted);
    buf_done(&out);
    batch_done(&batch);
    buf_reset(&body);
}

static void expect(enum remote_write_version version, const char *wanted)
{
    const struct remote_write_limits none = {0};
    expect_with(version, &none, wanted);
}

/* ---- 1.0 ---- */

static void test_series_of_1_0_become_rows(void **state)
{
    (void)state;
    put_series(1.5, 1000, "__name__", "a", "b", "c", NULL);
    put_series(stale_nan(), -5, "__name__", "a", "b", "\xc3\xa4", NULL);
    size_t series = pb_begin(&body, 1);
    put_label("__name__", "many");
    for (int i = 0; i < 5; i++)
        put_sample(i, i * 10);
    pb_end(&body, series);
    expect(REMOTE_WRITE_1, "a{b=\"c\"} 1.5@1000\n"
                           "a{b=\"\xc3\xa4\"} stale@-5\n"
                           "many 0@0 1@10 2@20 3@30 4@40\n");
    assert_int_equal(result.samples, 7);
    assert_int_equal(remote_write_rejected(&result), 0);
    expect(REMOTE_WRITE_1, "");
}

static void test_unsorted_labels_are_sorted_and_empty_ones_dropped(void **state)
{
    (void)state;
    put_series(1, 1, "z", "1", "b", "", "__name__", "a", "c", "2", NULL);
    expect(REMOTE_WRITE_1, "a{c=\"2\", z=\"1\"} 1@1\n");
    assert_int_equal(result.samples, 1);
}

static void test_bad_series_are_left_out_and_named(void **state)
{
    (void)state;
    static const char long_text[] = "0123456789";
    const struct remote_write_limits limits = {
        .max_labels = 3, .max_label_name_bytes = 8, .max_label_value_bytes = 9};
    static const struct {
        const char *pairs[9];
        enum remote_write_reject why;
        const char *wanted;
    } rows[] = {
        {{"__name__", "a", "b", "1", "b", "2"},
         REMOTE_WRITE_BAD_LABELS,
         "timeseries[1]: label name given twice: \"b\" in series a{b=\"1\", b=\"2\"}"},
        {{"__name__", "a", "", "1"},
         REMOTE_WRITE_BAD_LABELS,
         "timeseries[1]: empty label name in series a{\"\"=\"1\"}"},
        {{"b", "1"},
         REMOTE_WRITE_BAD_LABELS,
         "timeseries[1]: metric name missing in series {b=\"1\"}"},
        {{NULL}, REMOTE_WRITE_BAD_LABELS, "timeseries[1]: metric name missing in series {}"},
        {{"__name__", "a", "b", "1", "c", "2", "d", "3"},
         REMOTE_WRITE_LABEL_LIMIT,
         "timeseries[1]: 4 labels; expected at most 3 (limits.max_labels) in series a{b=\"1\", c=\"2\", d=\"3\"}"},
        {{"__name__", "a", "long_name", "1"},
         REMOTE_WRITE_LABEL_LIMIT,
         "timeseries[1]: name of label \"long_name\": 9 bytes; expected at most 8 "
         "(limits.max_label_name_bytes) in series a{long_name=\"1\"}"},
        {{"__name__", "a", "b", long_text},
         REMOTE_WRITE_LABEL_LIMIT,
         "timeseries[1]: value of label \"b\": 10 bytes; expected at most 9 "
         "(limits.max_label_value_bytes) in series a{b=\"0123456789\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_series(1, 1, "__name__", "good", NULL);
        const char *const *p = rows[i].pairs;
        put_series(2, 1, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], NULL);
        put_series(3, 1, "__name__", "too", NULL);
        expect_with(REMOTE_WRITE_1, &limits, "good 1@1\ntoo 3@1\n");
        assert_int_equal(result.samples, 2);
        assert_int_equal(result.rejected[rows[i].why], 1);
        assert_int_equal(remote_write_rejected(&result), 1);
        assert_string_equal(result.message, rows[i].wanted);
    }
    put_series(1, 1, "__name__", "a", "b", "\xff", NULL);
    expect(REMOTE_WRITE_1, "");
    assert_string_equal(result.message, "timeseries[0]: a label is not valid UTF-8 in series "
                                        "a{b=\"\\xff\"}");
}

static void test_metadata_and_exemplars_of_1_0_are_read(void **state)
{
    (void)state;
    size_t series = pb_begin(&body, 1);
    put_label("__name__", "a_total");
    put_sample(1, 1);
    size_t exemplar = pb_begin(&body, 3);
    put_label("trace_id", "x");
    put_label("span_id", "y");
    pb_put_double(&body, 2, 0.5);
    pb_put_varint(&body, 3, 1500);
    pb_end(&body, exemplar);
    exemplar = pb_begin(&body, 3);
    put_label("twice", "x");
    put_label("twice", "y");
    pb_end(&body, exemplar);
    pb_end(&body, series);
    size_t metadata = pb_begin(&body, 3);
    pb_put_varint(&body, 1, 5);
    pb_put_str(&body, 2, STR("s"));
    pb_put_str(&body, 4, STR("help"));
    pb_put_str(&body, 5, STR("seconds"));
    pb_end(&body, metadata);
    expect(REMOTE_WRITE_1, "a_total 1@1 # {span_id=\"y\", trace_id=\"x\"} 0.5@1500\n"
                           "s summary [seconds] [help]\n");
    assert_int_equal(result.exemplars, 1);
    assert_int_equal(result.exemplars_rejected, 1);
}

/* ---- Histograms ---- */

static void put_span(uint32_t number, int32_t offset, uint32_t length)
{
    size_t span = pb_begin(&body, number);
    pb_put_sint(&body, 1, offset);
    pb_put_varint(&body, 2, length);
    pb_end(&body, span);
}

static size_t begin_histogram_series(const char *name, size_t *series)
{
    *series = pb_begin(&body, 1);
    put_label("__name__", name);
    return pb_begin(&body, 4);
}

static void test_integer_histograms_have_their_deltas_summed(void **state)
{
    (void)state;
    size_t series, h = begin_histogram_series("h", &series);
    pb_put_varint(&body, 1, 21);
    pb_put_double(&body, 3, 18.4);
    pb_put_sint(&body, 4, -1);
    pb_put_double(&body, 5, 0.001);
    pb_put_varint(&body, 6, 2);
    put_span(8, 1, 1);
    pb_put_sint(&body, 9, 5); // one by one
    put_span(11, -2, 2);
    put_span(11, 3, 1);
    const uint64_t deltas[] = {zigzag(3), zigzag(4), zigzag(-5)};
    put_packed_refs(12, deltas, 3);
    pb_put_varint(&body, 14, HISTOGRAM_RESET_NO);
    pb_put_varint(&body, 15, 7000);
    pb_end(&body, h);
    pb_end(&body, series);
    expect(REMOTE_WRITE_1, "h int schema=-1 reset=2 count=21 sum=18.4 zero=2 threshold=0.001 "
                           "spans=-2:2,3:1 counts=3,7,2 nspans=1:1 ncounts=5@7000\n");
    assert_int_equal(result.histograms, 1);
    assert_int_equal(result.samples, 0);
}

static void test_float_and_custom_histograms_keep_their_counts(void **state)
{
    (void)state;
    size_t series, h = begin_histogram_series("h", &series);
    pb_put_double(&body, 2, 3.5);
    pb_put_double(&body, 3, 2);
    pb_put_sint(&body, 4, HISTOGRAM_SCHEMA_CUSTOM);
    put_span(11, 0, 3);
    size_t counts = pb_begin(&body, 13);
    const double values[] = {1, 2, 0.5};
    for (size_t i = 0; i < 3; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], 8);
        for (int shift = 0; shift < 64; shift += 8)
            buf_putc(&body, (char)(bits >> shift));
    }
    pb_end(&body, counts);
    pb_put_double(&body, 16, 0.1); // one by one
    pb_put_double(&body, 16, 1);
    pb_put_varint(&body, 15, 1);
    pb_end(&body, h);
    pb_end(&body, series);

    h = begin_histogram_series("stale", &series);
    pb_put_varint(&body, 1, 0);
    pb_put_double(&body, 3, stale_nan());
    pb_put_varint(&body, 15, 2);
    pb_end(&body, h);
    pb_end(&body, series);
    expect(REMOTE_WRITE_1, "h float schema=-53 reset=0 count=3.5 sum=2 zero=0 threshold=0 "
                           "spans=0:3 counts=1,2,0.5 bounds=0.1,1@1\n"
                           "stale int schema=0 reset=0 count=0 sum=NaN zero=0 threshold=0@2\n");
}

static void test_a_bad_histogram_is_left_out_alone(void **state)
{
    (void)state;
    size_t series = pb_begin(&body, 1);
    put_label("__name__", "h");
    put_sample(1, 1);
    size_t h = pb_begin(&body, 4);
    pb_put_varint(&body, 1, 1);
    put_span(11, 0, 2); // two buckets described, none given
    pb_end(&body, h);
    pb_end(&body, series);
    expect(REMOTE_WRITE_1, "h 1@1\n");
    assert_int_equal(result.rejected[REMOTE_WRITE_BAD_HISTOGRAM], 1);
    assert_string_equal(result.message, "timeseries[0]: positive_spans: describe 2 buckets, but 0 "
                                        "bucket counts were given in series h");

    h = begin_histogram_series("h", &series);
    pb_put_varint(&body, 1, 2);
    put_span(11, 0, 2);
    const uint64_t deltas[] = {zigzag(1), zigzag(0)};
    put_packed_refs(12, deltas, 2);
    pb_end(&body, h);
    pb_end(&body, series);
    const struct remote_write_limits limits = {.max_buckets = 1};
    expect_with(REMOTE_WRITE_1, &limits, "");
    assert_string_equal(result.message, "timeseries[0]: 2 buckets, the limit is 1 in series h");
}

/* ---- 2.0 ---- */

static void put_symbols(const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pb_put_str(&body, 4, str_c(v[i]));
}

static void test_series_of_2_0_go_through_symbols(void **state)
{
    (void)state;
    static const char *const symbols[] = {"",      "__name__", "a_total",  "b",   "c",
                                          "help!", "seconds",  "trace_id", "beef"};
    const uint64_t labels[] = {1, 2, 3, 4}, trace[] = {7, 8};
    put_symbols(symbols, 5);
    size_t series = pb_begin(&body, 5);
    put_packed_refs(1, labels, 4);
    size_t sample = pb_begin(&body, 2);
    pb_put_double(&body, 1, 42);
    pb_put_varint(&body, 2, 5000);
    pb_put_varint(&body, 3, 1000);
    pb_end(&body, sample);
    size_t exemplar = pb_begin(&body, 4);
    put_packed_refs(1, trace, 2);
    pb_put_double(&body, 2, 0.5);
    pb_put_varint(&body, 3, 4000);
    pb_end(&body, exemplar);
    size_t metadata = pb_begin(&body, 5);
    pb_put_varint(&body, 1, 1);
    pb_put_varint(&body, 3, 5);
    pb_put_varint(&body, 4, 6);
    pb_end(&body, metadata);
    pb_end(&body, series);
    series = pb_begin(&body, 5); // references one by one, and the sample in front of them
    size_t second = pb_begin(&body, 2);
    pb_put_double(&body, 1, 1);
    pb_end(&body, second);
    pb_put_varint(&body, 1, 1);
    pb_put_varint(&body, 1, 2);
    pb_end(&body, series);
    put_symbols(symbols + 5, 4); // the rest of the table at the end
    expect(REMOTE_WRITE_2, "a_total{b=\"c\"} 42@5000^1000 # {trace_id=\"beef\"} 0.5@4000\n"
                           "a_total 1@0\n"
                           "a_total counter [seconds] [help!]\n");
    assert_int_equal(result.samples, 2);
    assert_int_equal(result.exemplars, 1);
}

static void test_metadata_of_2_0_names_the_family(void **state)
{
    (void)state;
    static const char *const symbols[] = {"", "__name__", "h_bucket", "h_sum", "s_count", "c_sum"};
    static const struct {
        uint64_t name, type;
    } rows[] = {{2, 3}, {3, 3}, {4, 5}, {5, 1}, {2, 4}};
    put_symbols(symbols, ARRAY_LEN(symbols));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint64_t labels[] = {1, rows[i].name};
        size_t series = pb_begin(&body, 5);
        put_packed_refs(1, labels, 2);
        size_t metadata = pb_begin(&body, 5);
        pb_put_varint(&body, 1, rows[i].type);
        pb_end(&body, metadata);
        pb_end(&body, series);
    }
    expect(REMOTE_WRITE_2, "h histogram [] []\ns summary [] []\n"
                           "c_sum counter [] []\n");
}

static void test_bad_references_are_rejected_by_series(void **state)
{
    (void)state;
    static const char *const symbols[] = {"", "__name__", "a"};
    static const uint64_t refs[][3] = {{1, 2, 1}, {1, 3, 0}, {9, 2, 0}};
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        put_symbols(symbols, 3);
        size_t series = pb_begin(&body, 5);
        put_packed_refs(1, refs[i], i == 0 ? 3 : 2);
        put_sample(1, 1);
        pb_end(&body, series);
        expect(REMOTE_WRITE_2, "");
        assert_int_equal(result.rejected[REMOTE_WRITE_BAD_LABELS], 1);
        assert_non_null(strstr(result.message, "labels_refs: not pairs of references"));
    }
}

static void test_bad_symbols_refuse_the_request(void **state)
{
    (void)state;
    pb_put_str(&body, 4, STR("x"));
    expect(REMOTE_WRITE_2, "error symbols[0]: \"x\"; expected the empty text\n");
    pb_put_str(&body, 4, STR(""));
    pb_put_str(&body, 4, STR("\xff"));
    expect(REMOTE_WRITE_2, "error symbols[1]: not valid UTF-8\n");
}

/* ---- Limits and damage ---- */

static void test_limits_of_the_request_refuse_it(void **state)
{
    (void)state;
    const struct remote_write_limits limits = {.max_series = 2};
    for (int i = 0; i < 3; i++)
        put_series(1, 1, "__name__", "a", NULL);
    expect_with(REMOTE_WRITE_1, &limits, "error more than 2 series in one request\n");

    for (int i = 0; i < 1000; i++)
        put_series(1, 1, "__name__", "a", NULL);
    struct batch batch;
    struct err err = {0};
    batch_init(&batch, 16 * 1024);
    assert_int_equal(remote_write_decode(buf_str(&body), REMOTE_WRITE_1, &limits, NULL, &batch,
                                         &result, &err) == 0,
                     0);
    batch_done(&batch);
    buf_reset(&body);
}

/* Decodes the body, wants a refusal whose message begins so, and empties the body. */
static void expect_refusal(enum remote_write_version version, const char *wanted)
{
    const struct remote_write_limits none = {0};
    struct batch batch;
    struct err err = {0};
    batch_init(&batch, 8 << 20);
    assert_int_equal(
        remote_write_decode(buf_str(&body), version, &none, NULL, &batch, &result, &err),
        ERR_INVALID);
    if (!str_starts(str_c(err.message), str_c(wanted)))
        fail_msg("\"%s\", expected \"%s…\"", err.message, wanted);
    batch_done(&batch);
    buf_reset(&body);
}

static void test_a_field_of_the_wrong_wire_type_refuses_the_request(void **state)
{
    (void)state;
    const char *const series = "timeseries[0]: a field has another wire type than its own";
    pb_put_varint(&body, 1, 5);
    expect_refusal(REMOTE_WRITE_1, series);
    pb_put_fixed64(&body, 5, 5);
    expect_refusal(REMOTE_WRITE_2, series);
    pb_put_varint(&body, 4, 5);
    expect_refusal(REMOTE_WRITE_2, "symbols: a field has another wire type than its own");

    size_t outer = pb_begin(&body, 1), sample = pb_begin(&body, 2);
    pb_put_varint(&body, 1, 5); /* a value that is no double */
    pb_end(&body, sample);
    pb_end(&body, outer);
    expect_refusal(REMOTE_WRITE_1, series);

    pb_put_varint(&body, 2, 5); /* reserved: others use it */
    pb_put_varint(&body, 9, 5);
    expect(REMOTE_WRITE_1, "");
}

static void test_every_truncation_is_refused_or_a_shorter_request(void **state)
{
    (void)state;
    put_series(1, 1000, "__name__", "a", "b", "c", NULL);
    put_series(2, 2000, "__name__", "b", NULL);
    const struct remote_write_limits none = {0};
    for (size_t n = 0; n <= body.n; n++) {
        struct batch batch;
        struct err err = {0};
        char *copy = malloc(n ? n : 1); // its end is the end of what may be read
        assert_non_null(copy);
        memcpy(copy, body.p, n);
        batch_init(&batch, 1 << 20);
        int rc = remote_write_decode(str_of(copy, n), REMOTE_WRITE_1, &none, NULL, &batch, &result,
                                     &err);
        assert_true(rc == 0 || rc == ERR_INVALID);
        if (rc != 0)
            assert_non_null(strstr(err.message, "timeseries["));
        batch_done(&batch);
        free(copy);
    }
    buf_reset(&body);
}

static void test_many_series_and_labels_fill_more_than_one_chunk(void **state)
{
    (void)state;
    enum { SERIES = 700 };
    char names[50][8];
    for (int i = 0; i < SERIES; i++) {
        size_t series = pb_begin(&body, 1);
        put_label("__name__", "a");
        for (int j = 0; j < 50; j++) {
            (void)snprintf(names[j], sizeof names[j], "l%02d", j);
            put_label(names[j], i % 2 ? "odd" : "even");
        }
        put_sample(i, i);
        put_sample(i, i + 1);
        pb_end(&body, series);
    }
    struct batch batch;
    const struct remote_write_limits none = {0};
    batch_init(&batch, 64 << 20);
    assert_int_equal(
        remote_write_decode(buf_str(&body), REMOTE_WRITE_1, &none, NULL, &batch, &result, NULL), 0);
    assert_int_equal(batch.n_series, SERIES);
    for (size_t i = 0; i < SERIES; i++) {
        assert_int_equal(batch.series[i].labels.n, 51);
        assert_true(labels_are_canonical(&batch.series[i].labels));
        assert_int_equal(batch.series[i].n_samples, 2);
        assert_true(batch.series[i].samples[1].t_unix_ms == (int64_t)i + 1);
        assert_true(str_eq(batch.series[i].labels.v[50].value, i % 2 ? STR("odd") : STR("even")));
    }
    batch_done(&batch);
    buf_reset(&body);
}

/* ---- Series that the sink recalls ---- */

enum { REMEMBERED = 100 };

static struct {
    struct hash128 sent[REMEMBERED];
    size_t n;
} memory;

static uint32_t recall(void *self, const struct hash128 *sent, size_t n, const void **out_known)
{
    (void)self;
    for (size_t i = 0; i < n; i++) {
        out_known[i] = NULL;
        for (size_t k = 0; k < memory.n; k++)
            if (hash128_eq(memory.sent[k], sent[i]))
                out_known[i] = &memory.sent[k];
    }
    return 7;
}

/* Decodes and empties the body and remembers what was sent. One sign a series: known, labelled, or
 * labelled and not to be remembered; then its values. */
static void expect_recalled(const char *wanted)
{
    const struct remote_write_limits none = {0};
    const struct sink sink = {.recall = recall};
    struct batch batch;
    struct buf out = BUF_MAX(1 << 16);
    batch_init(&batch, 8 << 20);
    assert_int_equal(
        remote_write_decode(buf_str(&body), REMOTE_WRITE_1, &none, &sink, &batch, &result, NULL),
        0);
    for (size_t i = 0; i < batch.n_series; i++) {
        const struct batch_series *s = &batch.series[i];
        assert_true((s->labels.n == 0) == (s->known != NULL));
        buf_putc(&out, s->known ? 'k' : hash128_is_none(s->sent) ? 'n' : 'l');
        for (size_t k = 0; k < s->n_samples; k++)
            buf_printf(&out, "%d", (int)s->samples[k].value);
        if (!s->known && !hash128_is_none(s->sent) && memory.n < REMEMBERED)
            memory.sent[memory.n++] = s->sent;
    }
    buf_putc(&out, '\0');
    assert_string_equal(out.p, wanted);
    assert_int_equal(result.samples, batch_count_samples(&batch));
    assert_int_equal(batch.recalled, batch.n_known ? 7 : 0);
    buf_done(&out);
    batch_done(&batch);
    buf_reset(&body);
}

static void test_recalled_series_come_without_labels(void **state)
{
    (void)state;
    memory.n = 0;
    for (int round = 0; round < 2; round++) {
        put_series(1, 1, "__name__", "a", "b", "c", NULL);
        put_series(2, 1, "__name__", "a", "b", "d", NULL);
        expect_recalled(round ? "k1k2" : "l1l2");
    }
    put_series(3, 1, "b", "c", "__name__", "a", NULL);
    put_series(4, 1, "__name__", "a", "b", "d", NULL);
    expect_recalled("l3k4");
}

/* 0 is left out of the message, so the first sample is short and the second looks alone. */
static void put_two_samples(double first)
{
    size_t series = pb_begin(&body, 1);
    put_label("__name__", "a_name_of_some_length");
    size_t sample = pb_begin(&body, 2);
    if (first != 0)
        pb_put_double(&body, 1, first);
    pb_put_varint(&body, 2, UINT64_C(1700000000000));
    pb_end(&body, sample);
    put_sample(2, INT64_C(1700000000001));
    pb_end(&body, series);
}

static void test_the_end_of_labels_is_found_before_any_samples(void **state)
{
    (void)state;
    memory.n = 0;
    put_two_samples(0);
    expect_recalled("l02");
    put_two_samples(0);
    put_two_samples(1);
    put_series(3, INT64_C(1700000000000), "__name__", "a_name_of_some_length", NULL);
    put_series(4, 1, "__name__", "a_name_of_some_length", NULL);
    expect_recalled("k02k12k3k4");
}

static void test_a_label_that_looks_like_a_sample_is_a_label(void **state)
{
    (void)state;
    static const char sample[] = "\x12\x10\x09"
                                 "abcdefgh"
                                 "\x10"
                                 "abcdef";
    char value[64];
    memory.n = 0;
    for (int round = 0; round < 2; round++) {
        (void)snprintf(value, sizeof value, "%s%s", "something before", sample);
        size_t series = pb_begin(&body, 1);
        put_label("__name__", "a");
        put_sample(1, 1);
        pb_end(&body, series);
        series = pb_begin(&body, 1);
        put_sample(2, 1);
        put_label("__name__", value);
        pb_end(&body, series);
        expect_recalled(round ? "k1n2" : "l1n2");
    }
}

static void put_labels_around_a_sample(double value)
{
    size_t series = pb_begin(&body, 1);
    put_label("__name__", "a");
    put_sample(value, 1);
    put_label("b", "c");
    pb_end(&body, series);
}

static void test_labels_behind_samples_are_never_overlooked(void **state)
{
    (void)state;
    memory.n = 0;
    put_labels_around_a_sample(1);
    put_series(2, 1, "__name__", "a", NULL);
    expect_recalled("n1l2");
    put_labels_around_a_sample(3);
    put_series(4, 1, "__name__", "a", NULL);
    expect_recalled("n3k4");
}

static void test_series_with_exemplars_keep_their_labels(void **state)
{
    (void)state;
    memory.n = 0;
    for (int round = 0; round < 2; round++) {
        size_t series = pb_begin(&body, 1);
        put_label("__name__", "a");
        put_sample(1, 1);
        size_t exemplar = pb_begin(&body, 3);
        put_label("trace_id", "x");
        pb_end(&body, exemplar);
        pb_end(&body, series);
        expect_recalled("l1");
    }
}

static void test_a_request_longer_than_what_is_recalled_at_once_keeps_its_order(void **state)
{
    (void)state;
    struct buf wanted = BUF_MAX(1 << 12);
    char name[16];
    memory.n = 0;
    for (int round = 0; round < 2; round++) {
        buf_reset(&wanted);
        for (int i = 0; i < 90; i++) {
            (void)snprintf(name, sizeof name, "m%d", i);
            put_series(i, 1, "__name__", name, NULL);
            buf_printf(&wanted, "%c%d", round ? 'k' : 'l', i);
        }
        buf_putc(&wanted, '\0');
        expect_recalled(wanted.p);
    }
    buf_done(&wanted);
}

/* ---- Snappy ---- */

static void test_snappy_gives_back_what_went_in(void **state)
{
    (void)state;
    struct buf packed = BUF_MAX(1 << 16), plain = BUF_MAX(1 << 16);
    char text[5000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i % 7 * (i % 11));
    assert_int_equal(snappy_compress_bytes(str_of(text, sizeof text), &packed, NULL), 0);
    assert_int_equal(snappy_decompress(buf_str(&packed), &plain, NULL), 0);
    assert_true(str_eq(buf_str(&plain), str_of(text, sizeof text)));
    buf_reset(&plain);
    assert_int_equal(snappy_decompress(STR("\x00"), &plain, NULL), 0);
    assert_int_equal(plain.n, 0);
    buf_done(&packed);
    buf_done(&plain);
}

static void test_snappy_refuses_bombs_and_damage_before_memory(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1000);
    struct err err = {0};
    assert_int_equal(snappy_decompress(STR(""), &out, &err), ERR_INVALID);
    assert_int_equal(snappy_decompress(STR("\xe9\x07xxxxxx"), &out, &err), ERR_TOO_BIG); // 1001
    assert_string_equal(err.message, "snappy: 1001 bytes when decompressed, the limit is 1000");
    assert_int_equal(snappy_decompress(STR("\xe8\x07x"), &out, &err), ERR_INVALID);
    assert_string_equal(err.message, "snappy: 3 bytes cannot hold the 1000 that are claimed");
    assert_null(out.p);
    assert_int_equal(snappy_decompress(STR("\x0a\x00\x01\x02"), &out, &err), ERR_INVALID);
    assert_int_equal(snappy_decompress(STR("\xff\x06\x00\x00sNaPpY"), &out, &err), ERR_INVALID);
    assert_int_equal(out.n, 0);
    buf_done(&out);
}

static int make_body(void **state)
{
    (void)state;
    buf_init(&body, 16 << 20);
    return 0;
}

static int free_body(void **state)
{
    (void)state;
    buf_done(&body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_of_1_0_become_rows),
        cmocka_unit_test(test_unsorted_labels_are_sorted_and_empty_ones_dropped),
        cmocka_unit_test(test_bad_series_are_left_out_and_named),
        cmocka_unit_test(test_metadata_and_exemplars_of_1_0_are_read),
        cmocka_unit_test(test_integer_histograms_have_their_deltas_summed),
        cmocka_unit_test(test_float_and_custom_histograms_keep_their_counts),
        cmocka_unit_test(test_a_bad_histogram_is_left_out_alone),
        cmocka_unit_test(test_series_of_2_0_go_through_symbols),
        cmocka_unit_test(test_metadata_of_2_0_names_the_family),
        cmocka_unit_test(test_bad_references_are_rejected_by_series),
        cmocka_unit_test(test_bad_symbols_refuse_the_request),
        cmocka_unit_test(test_limits_of_the_request_refuse_it),
        cmocka_unit_test(test_a_field_of_the_wrong_wire_type_refuses_the_request),
        cmocka_unit_test(test_every_truncation_is_refused_or_a_shorter_request),
        cmocka_unit_test(test_many_series_and_labels_fill_more_than_one_chunk),
        cmocka_unit_test(test_recalled_series_come_without_labels),
        cmocka_unit_test(test_the_end_of_labels_is_found_before_any_samples),
        cmocka_unit_test(test_a_label_that_looks_like_a_sample_is_a_label),
        cmocka_unit_test(test_labels_behind_samples_are_never_overlooked),
        cmocka_unit_test(test_series_with_exemplars_keep_their_labels),
        cmocka_unit_test(test_a_request_longer_than_what_is_recalled_at_once_keeps_its_order),
        cmocka_unit_test(test_snappy_gives_back_what_went_in),
        cmocka_unit_test(test_snappy_refuses_bombs_and_damage_before_memory),
    };
    return cmocka_run_group_tests(tests, make_body, free_body);
}
