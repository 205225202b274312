/* Spans and log records of a request as rows: what is kept, what is refused and said, what is cut.
 * Requests are written in OTLP/JSON. */
#include "receive/otlp_records.h"

#include "support/check.h"

enum { NOW = 777 };

static struct record_batch batch;
static struct otlp_records_outcome outcome;
static size_t max_text;

static int begin(void **state)
{
    (void)state;
    max_text = 1000;
    record_batch_init(&batch, RECORD_SPANS, 16 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    record_batch_done(&batch);
    return 0;
}

static void translate(bool logs, const char *json)
{
    struct otlp_records request;
    struct err err = {0};
    record_batch_reset(&batch);
    batch.table = logs ? RECORD_LOGS : RECORD_SPANS;
    struct str body = arena_str(&batch.arena, str_c(json));
    const struct otlp_limits many = {.max_attributes = 10000};
    int rc = logs ? otlp_logs_json_decode(body, &many, &batch.arena, &request, &err)
                  : otlp_traces_json_decode(body, &many, &batch.arena, &request, &err);
    if (rc != 0)
        fail_msg("%s", err.message);
    assert_int_equal(otlp_records_translate(&request, max_text, NOW, &batch, &outcome), 0);
}

static const struct record *row(size_t i)
{
    assert_int_equal(batch.n_groups, 1);
    assert_true(i < batch.groups[0].n);
    return &batch.groups[0].records[i];
}

static void check_int(const struct record *r, int field, int64_t expected)
{
    assert_int_equal(r->fields[field].type, ANY_INT);
    assert_true(r->fields[field].as.integer == expected);
}

static void check_text(const struct record *r, int field, const char *expected)
{
    assert_int_equal(r->fields[field].type, ANY_STRING);
    check_str(any_text(&r->fields[field]), expected);
}

static void check_absent(const struct record *r, int field)
{
    assert_int_equal(r->fields[field].type, ANY_NONE);
}

#define IDS                                                                                        \
    "\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0102030405060708\","            \
    "\"startTimeUnixNano\":\"100\""
#define SPANS(spans) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" spans "]}]}]}"
#define LOGS(logs) "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[" logs "]}]}]}"

/* ---- spans ---- */

static void test_a_span_becomes_a_row_with_its_source(void **state)
{
    (void)state;
    translate(false,
              "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
              "\"value\":{\"stringValue\":\"shop\"}}],\"droppedAttributesCount\":2},"
              "\"schemaUrl\":\"https://r\",\"scopeSpans\":[{\"scope\":{\"name\":\"lib\"},\"spans\":"
              "[{" IDS ",\"name\":\"GET\",\"kind\":2,\"endTimeUnixNano\":\"150\","
              "\"parentSpanId\":\"1111111111111111\",\"traceState\":\"a=b\",\"flags\":1,"
              "\"status\":{\"code\":2,\"message\":\"bad\"},\"droppedLinksCount\":3,"
              "\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"5\"}}]}]}]}]}");
    const struct record *r = row(0);
    const struct record_source *s = &batch.groups[0].source;
    assert_true(r->t_unix_ns == 100);
    check_int(r, SPAN_DURATION_NS, 50);
    check_text(r, SPAN_NAME, "GET");
    check_int(r, SPAN_KIND, 2);
    check_int(r, SPAN_STATUS_CODE, 2);
    check_text(r, SPAN_STATUS_MESSAGE, "bad");
    check_text(r, SPAN_TRACE_STATE, "a=b");
    check_int(r, SPAN_FLAGS, 1);
    check_int(r, SPAN_DROPPED_LINKS, 3);
    check_absent(r, SPAN_DROPPED_EVENTS);
    check_absent(r, SPAN_EVENTS);
    assert_int_equal(r->fields[SPAN_PARENT_ID].n, 8);
    assert_int_equal(r->n_attributes, 1);
    check_str(s->scope_name, "lib");
    check_str(s->resource_schema_url, "https://r");
    check_str(any_text(&s->resource[0].value), "shop");
    assert_int_equal(s->resource_dropped, 2);
    assert_int_equal(outcome.records, 1);
    assert_int_equal(outcome.rejected, 0);
}

static void test_events_and_links_become_maps(void **state)
{
    (void)state;
    translate(false, SPANS("{" IDS ",\"events\":[{\"timeUnixNano\":\"120\",\"name\":\"e\","
                           "\"attributes\":[{\"key\":\"k\",\"value\":{\"boolValue\":true}}]}],"
                           "\"links\":[{\"traceId\":\"000102030405060708090a0b0c0d0e0f\","
                           "\"spanId\":\"0102030405060708\",\"flags\":1}]}"));
    const struct any *events = &row(0)->fields[SPAN_EVENTS], *links = &row(0)->fields[SPAN_LINKS];
    assert_int_equal(events->type, ANY_ARRAY);
    assert_int_equal(events->n, 1);
    const struct any *e = &events->as.items[0], *l = &links->as.items[0];
    assert_int_equal(attribute_get(e->as.pairs, e->n, STR("time_unix_ns"))->as.integer, 120);
    check_str(any_text(attribute_get(e->as.pairs, e->n, STR("name"))), "e");
    const struct any *a = attribute_get(e->as.pairs, e->n, STR("attributes"));
    assert_true(attribute_get(a->as.pairs, a->n, STR("k"))->as.boolean);
    assert_null(attribute_get(e->as.pairs, e->n, STR("dropped_attributes")));
    assert_int_equal(attribute_get(l->as.pairs, l->n, STR("trace_id"))->n, 16);
    assert_int_equal(attribute_get(l->as.pairs, l->n, STR("flags"))->as.integer, 1);
}

static void test_spans_without_ids_or_start_are_rejected_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *span, *message;
    } cases[] = {
        {SPANS("{\"spanId\":\"0102030405060708\",\"startTimeUnixNano\":1}"), "trace_id"},
        {SPANS("{\"traceId\":\"00000000000000000000000000000000\"}"), "trace_id"},
        {SPANS("{\"traceId\":\"0102\"}"),
         "trace_id: expected 16 bytes that are not all zero, got \"\\x01\\x02\""},
        {SPANS("{\"traceId\":\"abc\"}"),
         "trace_id: expected 16 bytes that are not all zero, got \"abc\""},
        {SPANS("{\"traceId\":\"zzzzzzzzzzzzzzzz\"}"), "trace_id: expected 16 bytes"},
        {SPANS("{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"zzzzzzzz\"}"),
         "span_id: expected 8 bytes"},
        {SPANS(
             "{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0000000000000000\"}"),
         "span_id"},
        {SPANS(
             "{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0102030405060708\"}"),
         "start_time_unix_nano"},
        {SPANS("{" IDS ",\"endTimeUnixNano\":\"18446744073709551615\"}"), "2262"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        translate(false, cases[i].span);
        assert_int_equal(outcome.rejected, 1);
        assert_int_equal(record_batch_count(&batch), 0);
        assert_non_null(strstr(outcome.message, "resource_spans[0].scope_spans[0].spans[0]."));
        if (!strstr(outcome.message, cases[i].message))
            fail_msg("\"%s\" does not name %s", outcome.message, cases[i].message);
    }
}

static void test_log_records_beyond_2262_are_rejected_by_name(void **state)
{
    (void)state;
    static const char *const late[] = {
        LOGS("{\"timeUnixNano\":\"1\"},{\"timeUnixNano\":\"9223372036854775808\"}"),
        LOGS("{\"timeUnixNano\":\"1\"},{\"observedTimeUnixNano\":\"9223372036854775808\"}")};
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        translate(true, late[i]);
        assert_int_equal(outcome.rejected, 1);
        assert_int_equal(record_batch_count(&batch), 1);
        assert_string_equal(outcome.message,
                            "resource_logs[0].scope_logs[0].log_records[1].time_unix_nano, "
                            "observed_time_unix_nano: later than the year 2262");
    }
}

static void test_log_records_with_ids_that_are_no_hex_are_kept_without(void **state)
{
    (void)state;
    translate(true, LOGS("{\"traceId\":\"abc\",\"spanId\":\"zzzzzzzz\"},"
                         "{\"traceId\":\"zzzzzzzzzzzzzzzz\"},{" IDS "}"));
    assert_int_equal(outcome.rejected, 0);
    assert_int_equal(record_batch_count(&batch), 3);
    assert_int_equal(row(0)->fields[LOG_TRACE_ID].type, ANY_NONE);
    assert_int_equal(row(0)->fields[LOG_SPAN_ID].type, ANY_NONE);
    assert_int_equal(row(1)->fields[LOG_TRACE_ID].type, ANY_NONE);
    assert_int_equal(row(2)->fields[LOG_TRACE_ID].n, 16);
}

static void test_good_spans_beside_bad_ones_are_kept(void **state)
{
    (void)state;
    translate(false,
              SPANS("{" IDS ",\"name\":\"a\"},{\"name\":\"b\"},{" IDS ",\"name\":\"c\"},{}"));
    assert_int_equal(outcome.records, 4);
    assert_int_equal(outcome.rejected, 2);
    check_text(row(0), SPAN_NAME, "a");
    check_text(row(1), SPAN_NAME, "c");
    assert_non_null(strstr(outcome.message, "spans[1].trace_id"));
}

static void test_odd_times_and_parents_are_kept_as_far_as_they_say_something(void **state)
{
    (void)state;
    translate(false,
              SPANS("{" IDS ",\"endTimeUnixNano\":\"40\"},{" IDS "},{" IDS
                    ",\"parentSpanId\":\"0000000000000000\"},{" IDS ",\"parentSpanId\":\"01\"}"));
    check_int(row(0), SPAN_DURATION_NS, -60);
    check_absent(row(1), SPAN_DURATION_NS);
    check_absent(row(2), SPAN_PARENT_ID);
    check_absent(row(3), SPAN_PARENT_ID);
}

/* ---- logs ---- */

static void test_a_log_record_becomes_a_row(void **state)
{
    (void)state;
    translate(true, LOGS("{\"timeUnixNano\":\"100\",\"observedTimeUnixNano\":\"130\","
                         "\"severityNumber\":9,\"severityText\":\"Info\",\"eventName\":\"e\","
                         "\"traceId\":\"000102030405060708090a0b0c0d0e0f\","
                         "\"spanId\":\"0102030405060708\","
                         "\"body\":{\"kvlistValue\":{\"values\":[]}}}"));
    const struct record *r = row(0);
    assert_true(r->t_unix_ns == 100);
    check_int(r, LOG_OBSERVED_NS, 30);
    check_int(r, LOG_SEVERITY, 9);
    check_text(r, LOG_SEVERITY_TEXT, "Info");
    check_text(r, LOG_EVENT_NAME, "e");
    assert_int_equal(r->fields[LOG_TRACE_ID].n, 16);
    assert_int_equal(r->fields[LOG_BODY].type, ANY_MAP);
    check_absent(r, LOG_NO_TIME);
}

static void test_a_record_without_time_takes_the_observed_one_then_now(void **state)
{
    (void)state;
    translate(true, LOGS("{\"observedTimeUnixNano\":\"130\"},{}"));
    assert_true(row(0)->t_unix_ns == 130);
    check_int(row(0), LOG_OBSERVED_NS, 0);
    assert_true(row(0)->fields[LOG_NO_TIME].as.boolean);
    assert_true(row(1)->t_unix_ns == NOW);
    check_absent(row(1), LOG_OBSERVED_NS);
    assert_true(row(1)->fields[LOG_NO_TIME].as.boolean);
}

static void test_ids_of_a_record_that_are_none_are_left_out_and_the_record_is_kept(void **state)
{
    (void)state;
    translate(true, LOGS("{\"traceId\":\"0102\",\"spanId\":\"0000000000000000\","
                         "\"body\":{\"stringValue\":\"\"}}"));
    check_absent(row(0), LOG_TRACE_ID);
    check_absent(row(0), LOG_SPAN_ID);
    check_text(row(0), LOG_BODY, "");
    assert_int_equal(outcome.rejected, 0);
}

/* ---- limits ---- */

static void test_long_texts_are_cut_between_characters_and_counted_on_the_row(void **state)
{
    (void)state;
    max_text = 4;
    translate(true, LOGS("{\"body\":{\"stringValue\":\"abcdefgh\"},\"attributes\":["
                         "{\"key\":\"u\",\"value\":{\"stringValue\":\"abcä\"}},"
                         "{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":["
                         "{\"stringValue\":\"12345\"}]}}},"
                         "{\"key\":\"s\",\"value\":{\"stringValue\":\"abcd\"}}]},{}"));
    const struct record *r = row(0);
    check_text(r, LOG_BODY, "abcd");
    check_str(any_text(&r->attributes[0].value), "abc");
    check_str(any_text(&r->attributes[1].value.as.items[0]), "1234");
    check_str(any_text(&r->attributes[2].value), "abcd");
    assert_int_equal(r->n_attributes, 4);
    check_str(r->attributes[3].key, TRUNCATED_ATTRIBUTE);
    assert_int_equal(r->attributes[3].value.as.integer, 3);
    assert_int_equal(row(1)->n_attributes, 0);
    assert_int_equal(outcome.truncated, 3);
    max_text = 1000;
}

static void put_many(struct buf *out, const char *name, const char *before, const char *behind)
{
    buf_printf(out, "\"%s\":[", name);
    for (int i = 0; i < OTLP_RECORD_LIST_MAX + 6; i++) {
        buf_puts(out, i ? "," : "");
        buf_printf(out, "%s%d%s", before, i, behind);
    }
    buf_puts(out, "]");
}

static void test_more_attributes_events_and_links_than_are_kept_are_counted_on_the_row(void **state)
{
    (void)state;
    enum { LEFT_OUT = 7, KEPT = OTLP_RECORD_LIST_MAX - 1 };
    struct buf text = BUF_MAX(1 << 20);
    buf_puts(&text, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS
                    ",\"droppedAttributesCount\":3,");
    put_many(&text, "attributes", "{\"key\":\"k", "\"}");
    buf_puts(&text, ",");
    put_many(&text, "events", "{\"name\":\"e", "\"}");
    buf_puts(&text, "}]}]}]}");
    buf_putc(&text, '\0');
    translate(false, text.p);
    const struct record *r = row(0);
    assert_int_equal(r->n_attributes, KEPT + 1);
    check_str(r->attributes[KEPT - 1].key, "k1022");
    check_str(r->attributes[KEPT].key, TRUNCATED_ATTRIBUTE);
    assert_int_equal(r->attributes[KEPT].value.as.integer, 2 * LEFT_OUT);
    check_int(r, SPAN_DROPPED_ATTRIBUTES, LEFT_OUT + 3);
    check_int(r, SPAN_DROPPED_EVENTS, LEFT_OUT);
    assert_int_equal(r->fields[SPAN_EVENTS].n, KEPT);
    assert_int_equal(outcome.truncated, 2 * LEFT_OUT);
    buf_done(&text);
}

static void test_memory_that_is_spent_is_told(void **state)
{
    (void)state;
    struct arena arena;
    struct record_batch small;
    struct otlp_records request;
    arena_init(&arena, 1 << 20);
    assert_int_equal(otlp_logs_json_decode(STR(LOGS("{},{},{},{},{},{},{},{},{},{}")), NULL, &arena,
                                           &request, NULL),
                     0);
    record_batch_init(&small, RECORD_LOGS, 1000);
    assert_int_equal(otlp_records_translate(&request, 100, NOW, &small, &outcome), ERR_NOMEM);
    record_batch_done(&small);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_span_becomes_a_row_with_its_source),
        cmocka_unit_test(test_events_and_links_become_maps),
        cmocka_unit_test(test_spans_without_ids_or_start_are_rejected_by_name),
        cmocka_unit_test(test_log_records_beyond_2262_are_rejected_by_name),
        cmocka_unit_test(test_log_records_with_ids_that_are_no_hex_are_kept_without),
        cmocka_unit_test(test_good_spans_beside_bad_ones_are_kept),
        cmocka_unit_test(test_odd_times_and_parents_are_kept_as_far_as_they_say_something),
        cmocka_unit_test(test_a_log_record_becomes_a_row),
        cmocka_unit_test(test_a_record_without_time_takes_the_observed_one_then_now),
        cmocka_unit_test(test_ids_of_a_record_that_are_none_are_left_out_and_the_record_is_kept),
        cmocka_unit_test(test_long_texts_are_cut_between_characters_and_counted_on_the_row),
        cmocka_unit_test(
            test_more_attributes_events_and_links_than_are_kept_are_counted_on_the_row),
        cmocka_unit_test(test_memory_that_is_spent_is_told),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
