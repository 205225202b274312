/* Traces and logs: each field against bytes that protoc made, and the property that protobuf and
 * JSON give equal trees. What all signals share is tested in test_otlp.c. */
#include "codec/otlp_records.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "support/check.h"
#include "support/otlp_tree.h"
#include "support/test_arena.h"

static struct str read_file(const char *path)
{
    char full[1024];
    const char *root = getenv("TELLTALE_SOURCE_ROOT");
    char *to = arena_alloc(&arena, 1 << 16);
    (void)snprintf(full, sizeof full, "%s/%s", root ? root : ".", path);
    FILE *f = fopen(full, "rb");
    assert_non_null(f);
    struct str bytes = str_of(to, fread(to, 1, 1 << 16, f));
    assert_int_equal(fclose(f), 0);
    return bytes;
}

typedef int decoder(struct str body, const struct otlp_limits *limits, struct arena *arena,
                    struct otlp_records *out, struct err *err);

static struct otlp_records decode(decoder *f, struct str body)
{
    struct otlp_records out;
    struct err err = {0};
    if (f(body, NULL, &arena, &out, &err) != 0)
        fail_msg("%s", err.message);
    return out;
}

static const struct otlp_scope_records *only_scope(const struct otlp_records *r)
{
    assert_int_equal(r->n_resources, 1);
    const struct otlp_resource_records *resource = &r->resources[0];
    check_str(otlp_attribute(&resource->resource.attributes, STR("service.name"))->str, "shop");
    assert_int_equal(resource->resource.dropped, 3);
    check_str(resource->schema_url, "https://resource");
    assert_int_equal(resource->n_scopes, 1);
    check_str(resource->scopes[0].scope.name, "lib");
    check_str(resource->scopes[0].scope.version, "1.2");
    check_str(resource->scopes[0].schema_url, "https://scope");
    assert_int_equal(resource->scopes[0].n, 2);
    return &resource->scopes[0];
}

/* ---- traces ---- */

static void check_event_and_link(const struct otlp_span *s)
{
    assert_int_equal(s->n_events, 1);
    assert_int_equal(s->events[0].time_unix_ns, 1500);
    check_str(s->events[0].name, "exception");
    check_str(otlp_attribute(&s->events[0].attributes, STR("exception.type"))->str, "Timeout");
    assert_int_equal(s->events[0].dropped, 6);
    assert_int_equal(s->n_links, 1);
    check_str(s->links[0].trace_id, "fedcba9876543210");
    check_str(s->links[0].span_id, "76543210");
    check_str(s->links[0].trace_state, "c=d");
    assert_int_equal(s->links[0].attributes.v[0].value.kind, OTLP_VALUE_BYTES);
    assert_int_equal(s->links[0].attributes.v[0].value.str.n, 2);
    assert_int_equal(s->links[0].dropped, 8);
    assert_int_equal(s->links[0].flags, 1);
}

static void check_spans(const struct otlp_records *r)
{
    const struct otlp_scope_records *scope = only_scope(r);
    const struct otlp_span *s = scope->spans;
    assert_int_equal(scope->scope.dropped, 4);
    check_str(s->trace_id, "0123456789abcdef");
    check_str(s->span_id, "01234567");
    check_str(s->trace_state, "a=b");
    check_str(s->parent_span_id, "89abcdef");
    assert_int_equal(s->flags, 257);
    check_str(s->name, "GET /cart");
    assert_int_equal(s->kind, 2);
    assert_int_equal(s->start_unix_ns, 1000);
    assert_int_equal(s->end_unix_ns, 2500);
    assert_int_equal(s->attributes.n, 3);
    assert_false(otlp_attribute(&s->attributes, STR("retry"))->boolean);
    check_str(otlp_value_text(otlp_attribute(&s->attributes, STR("nested")), &arena),
              "{\"list\":[-1,null]}");
    assert_int_equal(s->dropped, 5);
    assert_int_equal(s->dropped_events, 7);
    assert_int_equal(s->dropped_links, 9);
    check_str(s->status.message, "timed out");
    assert_int_equal(s->status.code, 2);
    check_event_and_link(s);
    check_str(scope->spans[1].name, "second");
    assert_int_equal(scope->spans[1].trace_id.n, 0);
}

static void test_every_field_of_a_span_is_read(void **state)
{
    (void)state;
    struct str bytes = read_file("tests/lib/codec/otlp_traces_all_fields.pb");
    struct otlp_records r = decode(otlp_traces_decode, bytes), again;
    check_spans(&r);
    struct buf text = BUF_MAX(1 << 20);
    otlp_tree_encode_json(&text, &otlp_traces_message, &r);
    again = decode(otlp_traces_json_decode, buf_str(&text));
    check_spans(&again);
    buf_done(&text);
}

/* ---- logs ---- */

static void check_logs(const struct otlp_records *r)
{
    const struct otlp_scope_records *scope = only_scope(r);
    const struct otlp_log_record *l = scope->logs;
    assert_int_equal(l->time_unix_ns, 1000);
    assert_int_equal(l->observed_unix_ns, 2000);
    assert_int_equal(l->severity, 18);
    check_str(l->severity_text, "Error");
    check_str(otlp_value_text(&l->body, &arena), "{\"message\":\"no stock\"}");
    assert_int_equal(otlp_attribute(&l->attributes, STR("sku"))->i64, 42);
    assert_true(otlp_attribute(&l->attributes, STR("price"))->f64 == 9.5);
    assert_int_equal(l->dropped, 4);
    assert_int_equal(l->flags, 1);
    check_str(l->trace_id, "0123456789abcdef");
    check_str(l->span_id, "01234567");
    check_str(l->event_name, "stock.missing");
    check_str(scope->logs[1].body.str, "plain");
    assert_int_equal(scope->logs[1].severity, 0);
}

static void test_every_field_of_a_log_record_is_read(void **state)
{
    (void)state;
    struct str bytes = read_file("tests/lib/codec/otlp_logs_all_fields.pb");
    struct otlp_records r = decode(otlp_logs_decode, bytes), again;
    check_logs(&r);
    struct buf text = BUF_MAX(1 << 20);
    otlp_tree_encode_json(&text, &otlp_logs_message, &r);
    again = decode(otlp_logs_json_decode, buf_str(&text));
    check_logs(&again);
    buf_done(&text);
}

/* ---- JSON as SDKs write it ---- */

static void test_json_has_hex_ids_text_numbers_and_enums_as_numbers(void **state)
{
    (void)state;
    struct otlp_records r = decode(
        otlp_traces_json_decode,
        STR("{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"spans\":[{"
            "\"traceId\":\"000102030405060708090a0b0c0d0e0F\",\"spanId\":\"0102030405060708\","
            "\"name\":\"x\",\"kind\":3,\"startTimeUnixNano\":\"1700000000000000001\","
            "\"endTimeUnixNano\":1700000000000000002,\"status\":{},\"unknown\":[{}],"
            "\"events\":[{\"timeUnixNano\":\"5\",\"name\":\"e\"}]}]}]}]}"));
    const struct otlp_span *s = r.resources[0].scopes[0].spans;
    assert_int_equal(s->trace_id.n, 16);
    assert_int_equal(s->trace_id.p[15], 15);
    assert_int_equal(s->span_id.n, 8);
    assert_int_equal(s->kind, 3);
    assert_true(s->start_unix_ns == 1700000000000000001u);
    assert_true(s->end_unix_ns == 1700000000000000002u);
    assert_int_equal(s->events[0].time_unix_ns, 5);
}

static void test_a_wrong_field_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } cases[] = {
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{},{\"traceId\":5}]}]}]}",
         "spans[1].trace_id"},
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":5}]}]}]}", "spans[0].name"},
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"events\":[{\"timeUnixNano\":-1}]}]}]}]"
         "}",
         "events[0].time_unix_nano"},
        {"{\"resourceSpans\":{}}", "resource_spans"},
        {"[", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct otlp_records r;
        struct err err = {0};
        assert_int_not_equal(otlp_traces_json_decode(str_c(cases[i].body), NULL, &arena, &r, &err),
                             0);
        if (!strstr(err.message, cases[i].message))
            fail_msg("\"%s\" does not name %s", err.message, cases[i].message);
    }
}

static void test_limits_hold_for_spans_and_records(void **state)
{
    (void)state;
    struct otlp_records r;
    struct err err = {0};
    const struct otlp_limits one = {.max_points = 1}, two = {.max_attributes = 2};
    struct str spans = read_file("tests/lib/codec/otlp_traces_all_fields.pb");
    struct str logs = read_file("tests/lib/codec/otlp_logs_all_fields.pb");
    assert_int_equal(otlp_traces_decode(spans, &one, &arena, &r, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "spans: the request has 2 of them or more; expected"));
    assert_int_equal(otlp_logs_decode(logs, &one, &arena, &r, &err), ERR_TOO_BIG);
    assert_int_equal(otlp_traces_decode(spans, &two, &arena, &r, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "spans[0].attributes: 3 of them"));
}

/* ---- both encodings ---- */

static void check_round_trips(const struct otlp_message *signal, decoder *from_protobuf,
                              decoder *from_json, uint64_t *seed)
{
    struct otlp_records tree = {0}, a, b;
    struct buf bytes = BUF_MAX(16 << 20), text = BUF_MAX(16 << 20);
    otlp_tree_random(signal, seed, &arena, &tree);
    otlp_tree_encode(&bytes, signal, &tree);
    otlp_tree_encode_json(&text, signal, &tree);
    a = decode(from_protobuf, buf_str(&bytes));
    b = decode(from_json, buf_str(&text));
    assert_true(otlp_tree_eq(signal, &tree, &a));
    assert_true(otlp_tree_eq(signal, &tree, &b));
    buf_done(&bytes);
    buf_done(&text);
}

static void test_protobuf_and_json_give_the_same_tree(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 150; round++) {
        check_round_trips(&otlp_traces_message, otlp_traces_decode, otlp_traces_json_decode, &seed);
        check_round_trips(&otlp_logs_message, otlp_logs_decode, otlp_logs_json_decode, &seed);
        arena_reset(&arena);
    }
}

static void test_truncated_bytes_are_refused_or_end_between_fields(void **state)
{
    (void)state;
    struct str bytes = read_file("tests/lib/codec/otlp_traces_all_fields.pb");
    for (size_t n = 1; n < bytes.n; n++) {
        struct otlp_records r;
        struct err err = {0};
        char *exact = malloc(n); // so that a sanitizer sees the end
        assert_non_null(exact);
        memcpy(exact, bytes.p, n);
        assert_int_equal(otlp_traces_decode(str_of(exact, n), NULL, &arena, &r, &err), ERR_INVALID);
        assert_true(err.message[0] != '\0');
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_a_span_is_read),
        cmocka_unit_test(test_every_field_of_a_log_record_is_read),
        cmocka_unit_test(test_json_has_hex_ids_text_numbers_and_enums_as_numbers),
        cmocka_unit_test(test_a_wrong_field_is_named),
        cmocka_unit_test(test_limits_hold_for_spans_and_records),
        cmocka_unit_test(test_protobuf_and_json_give_the_same_tree),
        cmocka_unit_test(test_truncated_bytes_are_refused_or_end_between_fields),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
