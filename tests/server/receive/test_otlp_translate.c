/* Requests are written in OTLP/JSON, batches are read as text: a series a line with its samples. */
#include "receive/otlp_translate.h"

#include <stdio.h>

#include "base/num.h"
#include "model/histogram.h"
#include "support/check.h"

static struct receiver_options options;
static struct otlp_delta *delta;
static struct batch batch;
static struct otlp_outcome outcome;

static int begin(void **state)
{
    (void)state;
    options = (struct receiver_options){0};
    batch_init(&batch, 64 << 20);
    return otlp_delta_new(&(struct otlp_delta_options){0}, &delta);
}

static int end(void **state)
{
    (void)state;
    otlp_delta_free(delta);
    batch_done(&batch);
    return 0;
}

/* ---- a batch as text ---- */

static void put_side(struct buf *out, const char *name, const struct histogram_span *spans,
                     size_t n_spans, const double *counts, size_t n)
{
    buf_puts(out, name);
    for (size_t i = 0; i < n_spans; i++)
        buf_printf(out, "%s%d+%u", i ? "," : "", spans[i].offset, spans[i].length);
    buf_putc(out, ':');
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%g", i ? "," : "", counts[i]);
}

static void put_histogram(struct buf *out, const struct histogram *h)
{
    if (histogram_is_stale(h)) {
        buf_puts(out, "stale histogram");
        return;
    }
    buf_printf(out, "schema=%d count=%g sum=%g", h->schema, h->count, h->sum);
    if (h->schema != HISTOGRAM_SCHEMA_CUSTOM)
        buf_printf(out, " zero=%g/%g", h->zero_threshold, h->zero_count);
    for (size_t i = 0; i < h->n_custom_bounds; i++)
        buf_printf(out, "%s%g", i ? "," : " bounds=", h->custom_bounds[i]);
    put_side(out, " +", h->positive_spans, h->n_positive_spans, h->positive, h->n_positive);
    if (h->n_negative)
        put_side(out, " -", h->negative_spans, h->n_negative_spans, h->negative, h->n_negative);
    assert_int_equal(histogram_validate(h, NULL), 0);
}

static void put_sample(struct buf *out, const struct sample *s)
{
    buf_putc(out, ' ');
    if (s->histogram)
        put_histogram(out, s->histogram);
    else if (is_stale_nan(s->value))
        buf_puts(out, "stale");
    else
        buf_put_double(out, s->value);
    buf_printf(out, " @%lld", (long long)s->t_unix_ms);
    if (s->start_unix_ms)
        buf_printf(out, " from %lld", (long long)s->start_unix_ms);
}

static void put_series(struct buf *out, const struct batch_series *s)
{
    assert_true(labels_are_canonical(&s->labels));
    assert_true(s->hash == labels_hash(&s->labels));
    labels_format(out, &s->labels);
    for (size_t i = 0; i < s->n_samples; i++)
        put_sample(out, &s->samples[i]);
    for (size_t i = 0; i < s->n_exemplars; i++) {
        buf_puts(out, " # ");
        labels_format(out, &s->exemplars[i].labels);
        buf_printf(out, " %g @%lld", s->exemplars[i].value, (long long)s->exemplars[i].t_unix_ms);
    }
    buf_putc(out, '\n');
}

/* ---- translating ---- */

static void translate(const char *json)
{
    struct otlp_rules rules;
    struct otlp_request request;
    struct err err = {0};
    batch_reset(&batch);
    assert_int_equal(otlp_rules_init(&rules, &options), 0);
    struct str text = arena_str(&batch.arena, str_c(json));
    if (otlp_json_decode(text, NULL, &batch.arena, &request, &err) != 0 ||
        otlp_translate(&request, &rules, NULL, delta, &batch, &outcome, &err) != 0)
        fail_msg("%s", err.message);
    otlp_rules_done(&rules);
}

static void expect_batch(const char *expected)
{
    struct buf out = BUF_MAX(1 << 20);
    for (size_t i = 0; i < batch.n_series; i++)
        put_series(&out, &batch.series[i]);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, expected);
    buf_done(&out);
}

static void expect_all_kept(const char *expected)
{
    expect_batch(expected);
    assert_int_equal(otlp_outcome_rejected(&outcome), 0);
}

/* One metric of a resource without attributes. */
static void translate_metric(const char *metric)
{
    struct buf json = BUF_MAX(1 << 20);
    buf_printf(&json, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[%s]}]}]}", metric);
    buf_putc(&json, '\0');
    translate(json.p);
    buf_done(&json);
}

#define POINT "\"timeUnixNano\":\"2000000000\",\"startTimeUnixNano\":\"1000000000\""

/* ---- numbers ---- */

static void test_sums_and_gauges_are_one_series_each(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"http.requests\",\"unit\":\"1\",\"description\":\"how many\",\"sum\":"
        "{\"aggregationTemporality\":2,\"isMonotonic\":true,\"dataPoints\":[{" POINT
        ",\"asInt\":\"5\",\"attributes\":[{\"key\":\"http.method\",\"value\":"
        "{\"stringValue\":\"GET\"}},{\"key\":\"code\",\"value\":{\"intValue\":\"200\"}}]}]}},"
        "{\"name\":\"queue\",\"sum\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"asDouble\":-1.5}]}},"
        "{\"name\":\"cpu.load\",\"unit\":\"1\",\"gauge\":{\"dataPoints\":[{" POINT
        ",\"asDouble\":0.25}]}}");
    expect_all_kept("http_requests_total{code=\"200\", http_method=\"GET\"} 5 @2000 from 1000\n"
                    "queue -1.5 @2000 from 1000\n"
                    "cpu_load_ratio 0.25 @2000\n");
    assert_int_equal(batch.n_metadata, 4);
    check_str(batch.metadata[0].family, "http_requests_total");
    check_str(batch.metadata[0].help, "how many");
    assert_int_equal(batch.metadata[0].type, METRIC_COUNTER);
    assert_int_equal(batch.metadata[1].type, METRIC_GAUGE);
    assert_int_equal(batch.metadata[2].type, METRIC_GAUGE);
    check_str(batch.metadata[3].family, "target_info");
}

static void test_points_without_recorded_value_are_stale_markers(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"g\",\"gauge\":{\"dataPoints\":[{" POINT ",\"flags\":1}]}},"
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":2,"
        "\"dataPoints\":[{" POINT ",\"flags\":1}]}},"
        "{\"name\":\"h\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"sum\":0,\"flags\":1}]}}");
    expect_all_kept("g stale @2000\n"
                    "e stale histogram @2000 from 1000\n"
                    "h_sum stale @2000 from 1000\n"
                    "h_count stale @2000 from 1000\n"
                    "h_bucket{le=\"+Inf\"} stale @2000 from 1000\n");
}

static void test_exemplars_carry_ids_and_short_attributes(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"c\",\"sum\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"asInt\":1,\"exemplars\":[{\"timeUnixNano\":\"1500000000\",\"asDouble\":2,\"traceId\":"
        "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","
        "\"filteredAttributes\":[{\"key\":\"user\",\"value\":{\"stringValue\":\"me\"}}]},"
        "{\"asInt\":1,\"traceId\":\"00000000000000000000000000000000\",\"spanId\":\"zzzzzzzz\"},"
        "{\"asInt\":3,\"spanId\":\"eee19b7ec3c1b174\",\"filteredAttributes\":[{\"key\":\"k\","
        "\"value\":{\"stringValue\":\"0123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789012345678901234567890123456789012345678901234567\"}}]}]}]}}");
    expect_all_kept("c 1 @2000 from 1000 # {} 1 @0 # {span_id=\"eee19b7ec3c1b174\", "
                    "trace_id=\"5b8efff798038103d269b633813fc60c\", user=\"me\"} 2 @1500 # "
                    "{span_id=\"eee19b7ec3c1b174\"} 3 @0\n");
}

/* ---- histograms ---- */

static void test_histograms_become_classic_series(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"d\",\"unit\":\"s\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"count\":6,\"sum\":1.5,\"bucketCounts\":[1,2,3],\"explicitBounds\":[0.005,10],"
        "\"exemplars\":[{\"asDouble\":99},{\"asDouble\":0.001},{\"asDouble\":10}],"
        "\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"b\"}},"
        "{\"key\":\"z\",\"value\":{\"stringValue\":\"y\"}}]},"
        "{" POINT ",\"count\":1,\"bucketCounts\":[0,0,1],\"explicitBounds\":[0.005,10]}]}}");
    expect_all_kept(
        "d_seconds_sum{a=\"b\", z=\"y\"} 1.5 @2000 from 1000\n"
        "d_seconds_count{a=\"b\", z=\"y\"} 6 @2000 from 1000\n"
        "d_seconds_bucket{a=\"b\", le=\"0.005\", z=\"y\"} 1 @2000 from 1000 # {} 0.001 @0\n"
        "d_seconds_bucket{a=\"b\", le=\"10\", z=\"y\"} 3 @2000 from 1000 # {} 10 @0\n"
        "d_seconds_bucket{a=\"b\", le=\"+Inf\", z=\"y\"} 6 @2000 from 1000 # {} 99 @0\n"
        "d_seconds_count 1 @2000 from 1000\n"
        "d_seconds_bucket{le=\"0.005\"} 0 @2000 from 1000\n"
        "d_seconds_bucket{le=\"10\"} 0 @2000 from 1000\n"
        "d_seconds_bucket{le=\"+Inf\"} 1 @2000 from 1000\n");
    assert_int_equal(batch.metadata[0].type, METRIC_HISTOGRAM);
    check_str(batch.metadata[0].unit, "seconds");
}

static void test_histograms_become_native_ones_when_asked_to(void **state)
{
    (void)state;
    options.otlp.convert_histograms_to_nhcb = true;
    translate_metric(
        "{\"name\":\"d\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"count\":6,\"sum\":1.5,\"bucketCounts\":[0,0,1,0,0,0,5],"
        "\"explicitBounds\":[1,2,3,4,5,6]}]}}");
    expect_all_kept(
        "d schema=-53 count=6 sum=1.5 bounds=1,2,3,4,5,6 +2+1,3+1:1,5 @2000 from 1000\n");
}

static void test_exponential_histograms_become_native_ones(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"count\":15,\"sum\":7,\"scale\":1,\"zeroCount\":2,"
        "\"positive\":{\"offset\":-1,\"bucketCounts\":[4,3,2,1]},"
        "\"negative\":{\"offset\":4,\"bucketCounts\":[0,0,1,0,0,1,0,0,0,1]}}]}}");
    expect_all_kept("e schema=1 count=15 sum=7 zero=1e-128/2 +0+4:4,3,2,1 -7+4,3+1:1,0,0,1,1 @2000 "
                    "from 1000\n");
}

static void test_fine_scales_are_brought_down_by_merging_buckets(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
        ",\"count\":21,\"scale\":10,\"zeroThreshold\":0.5,"
        "\"positive\":{\"offset\":-2,\"bucketCounts\":[1,2,3,4,5,6]}}]}}");
    /* Two steps: indexes -2,-1 | 0,1,2,3 become -1 and 0; counted from one more. */
    expect_all_kept("e schema=8 count=21 sum=0 zero=0.5/0 +0+2:3,18 @2000 from 1000\n");
}

static void test_summaries_have_quantiles_sum_and_count(void **state)
{
    (void)state;
    translate_metric("{\"name\":\"s\",\"summary\":{\"dataPoints\":[{" POINT
                     ",\"count\":3,\"sum\":4.5,\"quantileValues\":[{\"quantile\":0.5,\"value\":1},"
                     "{\"quantile\":0.99,\"value\":2}]}]}}");
    expect_all_kept("s_sum 4.5 @2000 from 1000\n"
                    "s_count 3 @2000 from 1000\n"
                    "s{quantile=\"0.5\"} 1 @2000 from 1000\n"
                    "s{quantile=\"0.99\"} 2 @2000 from 1000\n");
}

/* ---- labels ---- */

static const char shop[] =
    "{\"resourceMetrics\":[{\"resource\":{\"attributes\":["
    "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"cart\"}},"
    "{\"key\":\"service.namespace\",\"value\":{\"stringValue\":\"shop\"}},"
    "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"pod-1\"}},"
    "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"h1\"}},"
    "{\"key\":\"tags\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"}]}}}]},"
    "\"scopeMetrics\":[{\"schemaUrl\":\"https://s\",\"scope\":{\"name\":\"lib\",\"version\":\"1.0\","
    "\"attributes\":[{\"key\":\"team.id\",\"value\":{\"intValue\":7}}]},\"metrics\":[{\"name\":\"g\","
    "\"gauge\":{\"dataPoints\":[{\"timeUnixNano\":\"2000000000\",\"asInt\":1,\"attributes\":["
    "{\"key\":\"job\",\"value\":{\"stringValue\":\"mine\"}},"
    "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"h2\"}},"
    "{\"key\":\"empty\",\"value\":{\"stringValue\":\"\"}}]}]}}]}]}]}";

static void test_resources_give_job_instance_and_target_info(void **state)
{
    (void)state;
    translate(shop);
    expect_all_kept(
        "g{host_name=\"h2\", instance=\"pod-1\", job=\"shop/cart\"} 1 @2000\n"
        "target_info{host_name=\"h1\", instance=\"pod-1\", job=\"shop/cart\", tags=\"[\\\"a\\\"]\"} 1 "
        "@2000\n");
    options.otlp.keep_identifying_resource_attributes = true;
    translate(shop);
    expect_all_kept("g{host_name=\"h2\", instance=\"pod-1\", job=\"shop/cart\"} 1 @2000\n"
                    "target_info{host_name=\"h1\", instance=\"pod-1\", job=\"shop/cart\", "
                    "service_instance_id=\"pod-1\", service_name=\"cart\", "
                    "service_namespace=\"shop\", tags=\"[\\\"a\\\"]\"} 1 @2000\n");
}

static void test_scopes_become_labels_when_promoted(void **state)
{
    (void)state;
    options.otlp.promote_scope_metadata = true;
    translate(shop);
    struct buf line = BUF_MAX(4096);
    put_series(&line, &batch.series[0]);
    check_str(buf_str(&line),
              "g{host_name=\"h2\", instance=\"pod-1\", job=\"shop/cart\", otel_scope_name=\"lib\", "
              "otel_scope_schema_url=\"https://s\", otel_scope_team_id=\"7\", "
              "otel_scope_version=\"1.0\"} 1 @2000\n");
    buf_done(&line);
}

static void test_promoted_resource_attributes_give_way_to_the_points_own(void **state)
{
    (void)state;
    static const struct str named[] = {{"host.name", 9}, {"service.name", 12}, {"absent", 6}};
    options.otlp.promote_resource_attributes = named;
    options.otlp.n_promote_resource_attributes = 3;
    translate(shop);
    check_str(labels_get(&batch.series[0].labels, STR("host_name")), "h2");
    check_str(labels_get(&batch.series[0].labels, STR("service_name")), "cart");
    check_str(labels_get(&batch.series[0].labels, STR("job")), "shop/cart");

    options.otlp.promote_all_resource_attributes = true;
    options.otlp.ignore_resource_attributes = named;
    options.otlp.n_ignore_resource_attributes = 2;
    translate(shop);
    check_str(labels_get(&batch.series[0].labels, STR("service_name")), "");
    check_str(labels_get(&batch.series[0].labels, STR("service_namespace")), "shop");
    check_str(labels_get(&batch.series[0].labels, STR("tags")), "[\"a\"]");
}

static void test_attributes_that_become_one_name_are_joined_by_key(void **state)
{
    (void)state;
    translate_metric(
        "{\"name\":\"g\",\"gauge\":{\"dataPoints\":[{" POINT
        ",\"asInt\":1,\"attributes\":[{\"key\":\"a_b\",\"value\":{\"stringValue\":\"3\"}},"
        "{\"key\":\"a.b\",\"value\":{\"stringValue\":\"2\"}},"
        "{\"key\":\"a-b\",\"value\":{\"stringValue\":\"1\"}},"
        "{\"key\":\"__name__\",\"value\":{\"stringValue\":\"x\"}}]}]}}");
    expect_all_kept("g{a_b=\"1;2;3\"} 1 @2000\n");
}

static void test_names_stay_as_they_are_without_translation(void **state)
{
    (void)state;
    options.otlp.translation = OTLP_NO_TRANSLATION;
    translate_metric(
        "{\"name\":\"http.requests\",\"unit\":\"s\",\"sum\":{\"aggregationTemporality\":2,"
        "\"isMonotonic\":true,\"dataPoints\":[{" POINT
        ",\"asInt\":1,\"attributes\":[{\"key\":\"http.method\",\"value\":"
        "{\"stringValue\":\"GET\"}}]}]}}");
    expect_all_kept("{\"http.requests\", \"http.method\"=\"GET\"} 1 @2000 from 1000\n");
}

static void test_target_info_stands_at_every_lookback_of_its_range(void **state)
{
    (void)state;
    translate(
        "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"s\"}},{\"key\":\"x\",\"value\":{\"boolValue\":true}}]},"
        "\"scopeMetrics\":[{\"metrics\":[{\"name\":\"g\",\"gauge\":{\"dataPoints\":["
        "{\"timeUnixNano\":\"1000000000000\",\"asInt\":1},"
        "{\"timeUnixNano\":\"1310000000000\",\"asInt\":1}]}}]}]}]}");
    expect_all_kept("g{job=\"s\"} 1 @1000000\n"
                    "g{job=\"s\"} 1 @1310000\n"
                    "target_info{job=\"s\", x=\"true\"} 1 @1000000 1 @1150000 1 @1300000 1 "
                    "@1310000\n");
}

static void test_target_info_of_a_hostile_range_is_bounded(void **state)
{
    (void)state;
    translate(
        "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"s\"}},{\"key\":\"x\",\"value\":{\"boolValue\":true}}]},"
        "\"scopeMetrics\":[{\"metrics\":[{\"name\":\"g\",\"gauge\":{\"dataPoints\":["
        "{\"timeUnixNano\":\"1\",\"asInt\":1},"
        "{\"timeUnixNano\":\"18446744073709551615\",\"asInt\":1}]}}]}]}]}");
    assert_int_equal(batch.series[2].n_samples, 1000);
    assert_true(batch.series[2].samples[999].t_unix_ms == 18446744073709);
}

/* ---- what is left out ---- */

static void expect_rejected(enum otlp_reject why, size_t n, const char *message)
{
    assert_int_equal(outcome.rejected[why], n);
    assert_int_equal(otlp_outcome_rejected(&outcome), n);
    assert_string_equal(outcome.message, message);
}

#define AT "resource_metrics[0].scope_metrics[0].metrics[0] "

static void test_bad_points_are_left_out_and_the_others_kept(void **state)
{
    (void)state;
    translate_metric("{\"name\":\"g\",\"gauge\":{\"dataPoints\":[{" POINT ",\"asInt\":1},"
                     "{\"asInt\":2},{" POINT ",\"asInt\":3}]}}");
    expect_batch("g 1 @2000\ng 3 @2000\n");
    expect_rejected(OTLP_REJECT_TIME, 1,
                    AT "(g).gauge.data_points[1]: time_unix_nano: 0; expected the point's time");
    assert_int_equal(outcome.points, 3);

    translate_metric("{\"name\":\"g\",\"gauge\":{\"dataPoints\":[{" POINT "}]}}");
    expect_rejected(OTLP_REJECT_VALUE, 1,
                    AT "(g).gauge.data_points[0]: neither as_double nor as_int");
    translate_metric("{\"name\":\"!\",\"gauge\":{\"dataPoints\":[{" POINT ",\"asInt\":1}]}}");
    expect_rejected(OTLP_REJECT_NAME, 1,
                    AT "(!).gauge.data_points[0]: metric name: no letter or digit; expected one at "
                       "least");
    translate_metric("{\"name\":\"\",\"gauge\":{\"dataPoints\":[{" POINT ",\"asInt\":1}]}}");
    expect_rejected(OTLP_REJECT_NAME, 1, AT "().gauge.data_points[0]: metric name: empty");
    translate_metric("{\"name\":\"s\",\"sum\":{\"dataPoints\":[{" POINT ",\"asInt\":1},{}]}}");
    expect_rejected(OTLP_REJECT_TEMPORALITY, 2,
                    AT "(s).sum.data_points[0]: aggregation_temporality: neither delta (1) nor "
                       "cumulative (2)");
}

static void test_bad_histograms_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *reason;
    } cases[] = {
        {"\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
         ",\"bucketCounts\":[1,2],\"explicitBounds\":[1,2]}]}",
         AT "(h).histogram.data_points[0]: bucket_counts: 2 of them for 2 explicit_bounds; "
            "expected 3"},
        {"\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
         ",\"bucketCounts\":[1,2,3],\"explicitBounds\":[2,1]}]}",
         AT "(h).histogram.data_points[0]: explicit_bounds[1]: 1; expected more than the bound "
            "before"},
        {"\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
         ",\"scale\":-5}]}",
         AT "(h).exponential_histogram.data_points[0]: scale: -5; expected -4 to 64"},
        {"\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
         ",\"count\":5,\"positive\":{\"bucketCounts\":[1]}}]}",
         AT "(h).exponential_histogram.data_points[0]: count: 5, but the buckets hold 1"},
        {"\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{" POINT
         ",\"count\":1,\"positive\":{\"offset\":2147483647,\"bucketCounts\":[1]}}]}",
         AT "(h).exponential_histogram.data_points[0]: positive.offset: 2147483647 is too far from "
            "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char metric[1000];
        (void)snprintf(metric, sizeof metric, "{\"name\":\"h\",%s}", cases[i].metric);
        translate_metric(metric);
        expect_rejected(OTLP_REJECT_HISTOGRAM, 1, cases[i].reason);
        expect_batch("");
    }
}

static void test_labels_over_a_limit_leave_the_point_out(void **state)
{
    (void)state;
    static const char metric[] =
        "{\"name\":\"g\",\"gauge\":{\"dataPoints\":[{" POINT
        ",\"asInt\":1,\"attributes\":[{\"key\":\"long.name\",\"value\":{\"stringValue\":\"value\"}},"
        "{\"key\":\"b\",\"value\":{\"stringValue\":\"c\"}}]},{" POINT ",\"asInt\":2}]}}";
    options.limits.max_label_value_bytes = 4;
    translate_metric(metric);
    expect_rejected(OTLP_REJECT_LABELS, 1,
                    AT
                    "(g).gauge.data_points[0]: attribute \"long_name\": value of 5 bytes; expected "
                    "at most 4");
    expect_batch("g 2 @2000\n");
    options.limits = (struct receive_limits){.max_label_name_bytes = 8};
    translate_metric(metric);
    expect_rejected(OTLP_REJECT_LABELS, 1,
                    AT "(g).gauge.data_points[0]: attribute \"long_name\": label name of 9 bytes; "
                       "expected at most 8");
    options.limits = (struct receive_limits){.max_labels = 2};
    translate_metric(metric);
    expect_rejected(OTLP_REJECT_LABELS, 1,
                    AT "(g).gauge.data_points[0]: 3 labels; expected at most 2");
    options.limits = (struct receive_limits){.max_series_per_request = 1};
    translate_metric(metric);
    expect_rejected(OTLP_REJECT_SERIES, 1,
                    AT "(g).gauge.data_points[1]: the request has more than 1 series");
}

/* ---- delta ---- */

static void test_delta_sums_are_added_up_over_requests(void **state)
{
    (void)state;
    static const char format[] =
        "{\"name\":\"c\",\"sum\":{\"aggregationTemporality\":1,\"isMonotonic\":"
        "true,\"dataPoints\":[{\"startTimeUnixNano\":\"%d000000000\","
        "\"timeUnixNano\":\"%d000000000\",\"asInt\":%d}]}}";
    static const struct {
        int start, time, value;
        const char *expected;
    } steps[] = {
        {1, 2, 5, "c_total 5 @2000 from 1000\n"},
        {2, 3, 7, "c_total 12 @3000 from 1000\n"},
        {2, 3, 7, "c_total 12 @3000 from 1000\n"}, // sent again
        {8, 9, 1, "c_total 13 @9000 from 1000\n"}, // after a gap
        {3, 4, 1, ""},                             // out of order
        {9, 10, 1, "c_total 14 @10000 from 1000\n"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char metric[1000];
        (void)snprintf(metric, sizeof metric, format, steps[i].start, steps[i].time,
                       steps[i].value);
        translate_metric(metric);
        expect_batch(steps[i].expected);
        assert_int_equal(outcome.rejected[OTLP_REJECT_OUT_OF_ORDER], steps[i].expected[0] == '\0');
    }
}

static void test_delta_histograms_are_added_up_bucket_by_bucket(void **state)
{
    (void)state;
    options.otlp.convert_histograms_to_nhcb = true;
    static const char first[] =
        "{\"name\":\"h\",\"histogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{" POINT
        ",\"count\":3,\"sum\":1.5,\"bucketCounts\":[1,2],\"explicitBounds\":[1]}]}},"
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{" POINT
        ",\"count\":3,\"sum\":1,\"scale\":2,\"zeroCount\":1,\"positive\":{\"offset\":0,"
        "\"bucketCounts\":[1,1]}}]}}";
    static const char second[] =
        "{\"name\":\"h\",\"histogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{"
        "\"timeUnixNano\":\"3000000000\",\"count\":4,\"sum\":2,\"bucketCounts\":[4,0],"
        "\"explicitBounds\":[1]}]}},"
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{"
        "\"timeUnixNano\":\"3000000000\",\"count\":2,\"sum\":1,\"scale\":1,\"positive\":{\"offset\":0,"
        "\"bucketCounts\":[0,2]}}]}}";
    translate_metric(first);
    expect_all_kept("h schema=-53 count=3 sum=1.5 bounds=1 +0+2:1,2 @2000 from 1000\n"
                    "e schema=2 count=3 sum=1 zero=1e-128/1 +1+2:1,1 @2000 from 1000\n");
    translate_metric(second);
    expect_all_kept("h schema=-53 count=7 sum=3.5 bounds=1 +0+2:5,2 @3000 from 1000\n"
                    "e schema=1 count=5 sum=2 zero=1e-128/1 +1+2:2,2 @3000 from 1000\n");
}

static void test_a_spent_budget_is_an_error(void **state)
{
    (void)state;
    struct batch small;
    struct otlp_rules rules;
    struct otlp_request request;
    struct err err = {0};
    batch_init(&small, 6000);
    batch_reset(&batch);
    assert_int_equal(otlp_rules_init(&rules, &options), 0);
    assert_int_equal(otlp_json_decode(str_c(shop), NULL, &batch.arena, &request, &err), 0);
    assert_int_equal(otlp_translate(&request, &rules, NULL, delta, &small, &outcome, &err),
                     ERR_NOMEM);
    assert_string_equal(err.message, "the request needs more than 6000 bytes of memory");
    otlp_rules_done(&rules);
    batch_done(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_sums_and_gauges_are_one_series_each),
        TEST(test_points_without_recorded_value_are_stale_markers),
        TEST(test_exemplars_carry_ids_and_short_attributes),
        TEST(test_histograms_become_classic_series),
        TEST(test_histograms_become_native_ones_when_asked_to),
        TEST(test_exponential_histograms_become_native_ones),
        TEST(test_fine_scales_are_brought_down_by_merging_buckets),
        TEST(test_summaries_have_quantiles_sum_and_count),
        TEST(test_resources_give_job_instance_and_target_info),
        TEST(test_scopes_become_labels_when_promoted),
        TEST(test_promoted_resource_attributes_give_way_to_the_points_own),
        TEST(test_attributes_that_become_one_name_are_joined_by_key),
        TEST(test_names_stay_as_they_are_without_translation),
        TEST(test_target_info_stands_at_every_lookback_of_its_range),
        TEST(test_target_info_of_a_hostile_range_is_bounded),
        TEST(test_bad_points_are_left_out_and_the_others_kept),
        TEST(test_bad_histograms_are_left_out),
        TEST(test_labels_over_a_limit_leave_the_point_out),
        TEST(test_delta_sums_are_added_up_over_requests),
        TEST(test_delta_histograms_are_added_up_bucket_by_bucket),
        TEST(test_a_spent_budget_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
