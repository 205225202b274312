/* Whatever is recalled, a request makes the series that it makes when all labels are read. The sink
 * remembers over all requests of a test, so that one hash for two series would show. */
#include "receive/otlp_recall.h"

#include <math.h>
#include <stdio.h>

#include "codec/protobuf.h"
#include "receive/otlp_translate.h"
#include "support/check.h"
#include "support/memory_sink.h"
#include "support/otlp_tree.h"

static struct receiver_options options;
static struct otlp_rules rules;
static struct memory_sink memory;
static struct batch expected, batch;
static struct buf body;

static int begin(void **state)
{
    (void)state;
    const struct buf empty = BUF_MAX(1 << 20);
    options = (struct receiver_options){.otlp = {.promote_scope_metadata = true}};
    memory_sink_init(&memory);
    batch_init(&expected, 64 << 20);
    batch_init(&batch, 64 << 20);
    body = empty;
    return otlp_rules_init(&rules, &options);
}

static int end(void **state)
{
    (void)state;
    memory_sink_done(&memory);
    batch_done(&expected);
    batch_done(&batch);
    buf_done(&body);
    otlp_rules_done(&rules);
    return 0;
}

/* ---- a request, by a number whose bits say what is different ---- */

enum {
    RESOURCE = 1 << 3, /* the low bits: the kind */
    SCOPE = 1 << 4,
    SCHEMA = 1 << 5,
    NAME = 1 << 6,
    UNIT = 1 << 7,
    ATTRIBUTE = 1 << 8,
    BOUNDS = 1 << 9,
    SUM = 1 << 10, /* of a sum: monotonic; of a histogram: has one */
    REQUESTS = 1 << 11
};

static struct otlp_attributes *attribute(const char *key, const char *value)
{
    static struct otlp_attribute v[4];
    static struct otlp_attributes all[4];
    static size_t i;
    i = (i + 1) % ARRAY_LEN(v);
    v[i] = (struct otlp_attribute){.key = str_c(key),
                                   .value = {.kind = OTLP_VALUE_STRING, .str = str_c(value)}};
    all[i] = (struct otlp_attributes){&v[i], 1};
    return &all[i];
}

static struct otlp_point a_point(unsigned which)
{
    return (struct otlp_point){
        .attributes = *attribute("route", which & ATTRIBUTE ? "/b" : "/a"),
        .start_time_unix_ns = 1000000000,
        .time_unix_ns = 2000000000,
    };
}

static struct otlp_data numbers(unsigned which)
{
    static struct otlp_number_point p[2];
    p[0] = (struct otlp_number_point){
        .point = a_point(which), .kind = OTLP_NUMBER_DOUBLE, .f64 = 3 + which};
    p[1] = p[0];
    p[1].point.attributes = *attribute("route", "/c");
    return (struct otlp_data){.numbers = p, .n_points = 2};
}

static struct otlp_data histogram(unsigned which)
{
    static const double bounds[][2] = {{1, 2}, {1, 3}};
    static const uint64_t counts[] = {4, 2, 1};
    static struct otlp_histogram_point p;
    p = (struct otlp_histogram_point){
        .point = a_point(which),
        .count = 7,
        .explicit_bounds = bounds[(which & BOUNDS) != 0],
        .n_explicit_bounds = 2,
        .bucket_counts = counts,
        .n_bucket_counts = 3,
        .has_sum = (which & SUM) != 0,
        .sum = 9,
    };
    return (struct otlp_data){.histograms = &p, .n_points = 1};
}

static struct otlp_data exponential(unsigned which)
{
    static const uint64_t counts[] = {4, 3};
    static struct otlp_exponential_point p;
    p = (struct otlp_exponential_point){
        .point = a_point(which), .count = 7, .positive = {.counts = counts, .n = 2}};
    return (struct otlp_data){.exponentials = &p, .n_points = 1};
}

static struct otlp_data summary(unsigned which)
{
    static struct otlp_quantile q[2];
    static struct otlp_summary_point p;
    q[0] = (struct otlp_quantile){.quantile = which & BOUNDS ? 0.5 : 0.25, .value = 1};
    q[1] = (struct otlp_quantile){.quantile = 0.75, .value = 2};
    p = (struct otlp_summary_point){
        .point = a_point(which), .count = 3, .sum = 4, .quantiles = q, .n_quantiles = 2};
    return (struct otlp_data){.summaries = &p, .n_points = 1};
}

static struct otlp_data data_of(enum otlp_metric_kind kind, unsigned which)
{
    switch (kind) {
    case OTLP_HISTOGRAM: return histogram(which);
    case OTLP_EXPONENTIAL_HISTOGRAM: return exponential(which);
    case OTLP_SUMMARY: return summary(which);
    default: return numbers(which);
    }
}

/* Encodes the request into `body`; false: there is no such kind. */
static bool make_request(unsigned which, enum otlp_temporality temporality)
{
    enum otlp_metric_kind kind = (enum otlp_metric_kind)(which % 8);
    if (kind == OTLP_METRIC_NONE || kind > OTLP_SUMMARY)
        return false;
    struct otlp_metric metric = {
        .name = which & NAME ? STR("requests") : STR("responses"),
        .unit = which & UNIT ? STR("s") : STR("By"),
        .kind = kind,
        .data = data_of(kind, which),
    };
    metric.data.temporality = kind == OTLP_GAUGE || kind == OTLP_SUMMARY ? 0 : temporality;
    metric.data.monotonic = kind == OTLP_SUM && which & SUM;
    struct otlp_scope_metrics scope = {
        .scope = {.name = which & SCOPE ? STR("x") : STR("y")},
        .schema_url = which & SCHEMA ? STR("u") : STR("v"),
        .metrics = &metric,
        .n_metrics = 1,
    };
    struct otlp_resource_metrics resource = {
        .resource = {*attribute("service.name", which & RESOURCE ? "a" : "b")},
        .scopes = &scope,
        .n_scopes = 1,
    };
    buf_reset(&body);
    otlp_tree_encode(&body, &otlp_request_message,
                     &(struct otlp_request){.resources = &resource, .n_resources = 1});
    return true;
}

/* ---- translating it ---- */

static int translate(struct batch *to, bool lazily, const struct sink *sink, struct err *err)
{
    struct otlp_delta *delta;
    struct otlp_request request;
    struct otlp_outcome outcome;
    batch_reset(to);
    assert_int_equal(otlp_delta_new(&(struct otlp_delta_options){0}, &delta), 0);
    int rc = (lazily ? otlp_decode_lazily : otlp_decode)(buf_str(&body), NULL, &to->arena, &request,
                                                         err);
    if (rc == 0)
        rc = otlp_translate(&request, &rules, sink, delta, to, &outcome, err);
    assert_true(rc != 0 || otlp_outcome_rejected(&outcome) == 0);
    otlp_delta_free(delta);
    return rc;
}

/* Translates `body` with what the sink recalls, which must make no difference, and gives it to the
 * sink. */
static void expect_the_same(void)
{
    struct sink_result stored;
    struct err err = {0};
    if (translate(&expected, false, NULL, &err) != 0 ||
        translate(&batch, true, &memory.sink, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(sink_append(&memory.sink, &batch, &stored, &err), 0);
    memory_sink_unroll(&batch);
    assert_true(memory_sink_eq(&batch, &expected));
}

static void test_a_request_that_comes_again_is_known_whole(void **state)
{
    (void)state;
    for (unsigned which = 0; which < REQUESTS; which++) {
        if (!make_request(which, OTLP_CUMULATIVE))
            continue;
        expect_the_same();
        expect_the_same();
        assert_true(batch.n_series > 0);
        assert_int_equal(batch.n_known, batch.n_series + batch.n_points);
        assert_int_equal(batch.recalled, 1);
    }
}

/* The families of the request that the batch tells of, without target_info. */
static size_t families_told(unsigned which)
{
    assert_true(make_request(which, OTLP_CUMULATIVE));
    assert_int_equal(translate(&batch, true, &memory.sink, NULL), 0);
    return batch.n_metadata - 1;
}

static void test_metadata_is_told_once_and_again_when_it_changed_or_did_not_arrive(void **state)
{
    (void)state;
    for (unsigned unit = 0; unit <= UNIT; unit += UNIT) {
        assert_true(make_request(OTLP_SUM | unit, OTLP_CUMULATIVE));
        expect_the_same();
    }
    assert_int_equal(families_told(OTLP_SUM | UNIT), 0);
    assert_int_equal(batch.n_known, batch.n_series + batch.n_points);
    assert_int_equal(families_told(OTLP_SUM), 1);
    assert_int_equal(families_told(OTLP_SUM), 0);
    assert_int_equal(families_told(OTLP_SUM | UNIT), 1);
    otlp_told_forget(rules.told);
    assert_int_equal(families_told(OTLP_SUM | UNIT), 1);
    assert_int_equal(batch.n_known, batch.n_series + batch.n_points);
}

static struct otlp_told_key key_of(const char *name, const char *description)
{
    const struct otlp_metric m = {.name = str_c(name), .description = str_c(description)};
    return otlp_told_key(&m, otlp_metric_hash(&m));
}

static void test_hundreds_of_families_hardly_get_into_each_others_way(void **state)
{
    enum { FAMILIES = 400 };
    char name[16];
    size_t lost = 0;
    (void)state;
    otlp_told_forget(rules.told);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < FAMILIES; i++) {
            (void)snprintf(name, sizeof name, "family_%d", i);
            lost += pass == 1 && !otlp_told_has(rules.told, key_of(name, "first"));
            otlp_told_put(rules.told, key_of(name, "first"));
        }
    assert_true(lost <= FAMILIES / 50); // a few may, by chance
}

static void test_a_family_with_another_description_is_told_again_each_time(void **state)
{
    const struct otlp_told_key first = key_of("one", "first"), second = key_of("one", "second");
    (void)state;
    otlp_told_put(rules.told, first);
    otlp_told_put(rules.told, second);
    assert_true(otlp_told_has(rules.told, second));
    assert_false(otlp_told_has(rules.told, first));
    otlp_told_put(rules.told, first);
    assert_true(otlp_told_has(rules.told, first));
    assert_false(otlp_told_has(rules.told, second));
}

static void test_a_classic_histogram_is_known_as_one_point(void **state)
{
    (void)state;
    assert_true(make_request(OTLP_HISTOGRAM, OTLP_CUMULATIVE));
    expect_the_same();
    size_t series = batch.n_series;
    assert_int_equal(translate(&batch, true, &memory.sink, NULL), 0);
    assert_true(batch.n_points > 0);
    assert_int_equal(batch.n_series + batch.n_in_points, series);
    assert_int_equal(batch.n_known, batch.n_series + batch.n_points);
}

static void test_custom_buckets_are_known_too(void **state)
{
    (void)state;
    options.otlp.convert_histograms_to_nhcb = true;
    otlp_rules_done(&rules);
    assert_int_equal(otlp_rules_init(&rules, &options), 0);
    for (unsigned differs = 0; differs <= BOUNDS; differs += BOUNDS) {
        assert_true(make_request(OTLP_HISTOGRAM | differs, OTLP_CUMULATIVE));
        expect_the_same();
    }
    assert_int_equal(batch.n_series, 1);
    assert_int_equal(batch.n_known, 1);
}

static void test_other_rules_make_other_labels_of_the_same_bytes(void **state)
{
    (void)state;
    assert_true(make_request(OTLP_SUM | SUM, OTLP_CUMULATIVE));
    expect_the_same();
    options.otlp.translation = OTLP_NO_TRANSLATION;
    otlp_rules_done(&rules);
    assert_int_equal(otlp_rules_init(&rules, &options), 0);
    expect_the_same();
    assert_int_equal(batch.n_known, 0);
}

static void test_series_of_delta_temporality_are_not_recalled(void **state)
{
    (void)state;
    assert_true(make_request(OTLP_SUM, OTLP_DELTA));
    expect_the_same();
    expect_the_same();
    assert_int_equal(batch.n_known, 0);
}

/* The first resource_metrics of a request. */
static struct str first_resource(const struct buf *request)
{
    struct pb_reader r = pb_reader_of(buf_str(request));
    uint32_t tag;
    assert_true(pb_next(&r, &tag));
    return pb_str(&r);
}

static void test_damage_of_unknown_attributes_is_found_and_named(void **state)
{
    (void)state;
    const struct str path = STR("resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]"
                                ".attributes[0].key: ");
    struct err eager = {0}, lazy = {0};
    assert_true(make_request(OTLP_SUM, OTLP_CUMULATIVE));
    size_t at = 0;
    while (memcmp(body.p + at, "\x05route", 6) != 0)
        at++;
    body.p[at] = 100; // the key is longer than its attribute
    assert_int_equal(translate(&batch, false, NULL, &eager), ERR_INVALID);
    assert_int_equal(translate(&batch, true, &memory.sink, &lazy), ERR_INVALID);
    assert_true(str_starts(str_c(lazy.message), path));
    assert_true(str_starts(str_c(eager.message), path));
}

/* Protobuf lets a resource come in pieces: all of them tell the labels. */
static void test_a_resource_in_two_pieces_is_not_taken_for_the_last_of_them(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct otlp_resource_metrics other = {
            .resource = {*attribute("service.name", i ? "x" : "z")}};
        struct buf piece = BUF_MAX(1 << 10), both = BUF_MAX(1 << 16);
        assert_true(make_request(OTLP_GAUGE, OTLP_CUMULATIVE));
        otlp_tree_encode(&piece, &otlp_request_message,
                         &(struct otlp_request){.resources = &other, .n_resources = 1});
        size_t resource = pb_begin(&both, 1);
        buf_put_str(&both, first_resource(&body));
        buf_put_str(&both, first_resource(&piece));
        pb_put_str(&both, 1, STR("")); // the last piece says nothing
        pb_end(&both, resource);
        buf_done(&body);
        buf_done(&piece);
        body = both;
        expect_the_same();
    }
}

static void put_attribute(struct buf *out, uint32_t number, const char *key)
{
    size_t attribute = pb_begin(out, number);
    pb_put_str(out, 1, str_c(key));
    size_t value = pb_begin(out, 2);
    pb_put_str(out, 1, STR("v"));
    pb_end(out, value);
    pb_end(out, attribute);
}

/* A gauge with one point, by the bits of `form`: attributes apart, a field that few send, a long
 * key, the value in front. */
static void make_point(unsigned form)
{
    static const char long_key[] = "a_key_with_so_many_bytes_that_its_length_takes_two_bytes_where_"
                                   "one_is_what_a_length_mostly_has_and_then_some_more_of_them_too";
    buf_reset(&body);
    size_t resource = pb_begin(&body, 1), scope = pb_begin(&body, 2), metric = pb_begin(&body, 2);
    pb_put_str(&body, 1, STR("g"));
    size_t gauge = pb_begin(&body, 5), point = pb_begin(&body, 1);
    if (form & 8)
        pb_put_fixed64(&body, 6, 5);
    put_attribute(&body, 7, "a");
    pb_put_fixed64(&body, 3, 2000000000);
    if (form & 1)
        put_attribute(&body, 7, "b");
    if (form & 2)
        pb_put_varint(&body, 8, 1);
    if (form & 4)
        put_attribute(&body, 7, long_key);
    if (!(form & 8))
        pb_put_double(&body, 4, 1.5);
    pb_end(&body, point);
    pb_end(&body, gauge);
    pb_end(&body, metric);
    pb_end(&body, scope);
    pb_end(&body, resource);
}

static void put_counts(unsigned n, bool packed)
{
    size_t counts = packed ? pb_begin(&body, 6) : 0;
    for (unsigned i = 0; i < n; i++) {
        char bytes[8] = {(char)(i + 1)};
        if (packed)
            buf_put_str(&body, str_of(bytes, sizeof bytes));
        else
            pb_put_fixed64(&body, 6, i + 1);
    }
    if (packed)
        pb_end(&body, counts);
}

static void put_bounds(unsigned n)
{
    size_t bounds = pb_begin(&body, 7);
    for (unsigned i = 0; i < n; i++) {
        const double bound = i + 0.5;
        buf_put_str(&body, str_of((const char *)&bound, sizeof bound));
    }
    pb_end(&body, bounds);
}

/* A histogram with one point, by the bits of `form`: attributes apart, a field that few send, many
 * buckets, counts one by one, a sum, the smallest and the largest value, a field twice. */
static void make_histogram_point(unsigned form)
{
    unsigned n = form & 4 ? 40 : 3;
    buf_reset(&body);
    size_t resource = pb_begin(&body, 1), scope = pb_begin(&body, 2), metric = pb_begin(&body, 2);
    pb_put_str(&body, 1, STR("h"));
    size_t histogram = pb_begin(&body, 9), point = pb_begin(&body, 1);
    put_attribute(&body, 9, "a");
    pb_put_fixed64(&body, 3, 2000000000);
    pb_put_fixed64(&body, 4, n * (n + 1) / 2);
    if (form & 1)
        put_attribute(&body, 9, "b");
    if (form & 2)
        pb_put_varint(&body, 10, 0);
    if (form & 16)
        pb_put_double(&body, 5, 8.5);
    if (form & 32) {
        pb_put_double(&body, 11, 1);
        pb_put_double(&body, 12, 2);
    }
    put_counts(n, !(form & 8));
    put_bounds(n - 1);
    if (form & 64)
        pb_put_fixed64(&body, 3, 3000000000);
    pb_end(&body, point);
    pb_put_varint(&body, 2, OTLP_CUMULATIVE);
    pb_end(&body, histogram);
    pb_end(&body, metric);
    pb_end(&body, scope);
    pb_end(&body, resource);
}

static void test_histograms_are_read_alike_in_every_form(void **state)
{
    (void)state;
    for (unsigned form = 0; form < 128; form++) {
        make_histogram_point(form);
        expect_the_same();
        expect_the_same();
        assert_int_equal(batch.n_known, batch.n_series);
    }
}

static void test_points_are_read_alike_in_every_form(void **state)
{
    (void)state;
    for (unsigned form = 0; form < 16; form++) {
        make_point(form);
        expect_the_same();
        expect_the_same();
        assert_int_equal(batch.n_known, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_a_request_that_comes_again_is_known_whole),
        T(test_metadata_is_told_once_and_again_when_it_changed_or_did_not_arrive),
        T(test_hundreds_of_families_hardly_get_into_each_others_way),
        T(test_a_family_with_another_description_is_told_again_each_time),
        T(test_a_classic_histogram_is_known_as_one_point),
        T(test_custom_buckets_are_known_too),
        T(test_other_rules_make_other_labels_of_the_same_bytes),
        T(test_series_of_delta_temporality_are_not_recalled),
        T(test_damage_of_unknown_attributes_is_found_and_named),
        T(test_a_resource_in_two_pieces_is_not_taken_for_the_last_of_them),
        T(test_points_are_read_alike_in_every_form),
        T(test_histograms_are_read_alike_in_every_form),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
