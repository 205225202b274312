/* Both decoders: each field against bytes that protoc made, hostile input, and the property that
 * protobuf and JSON give equal trees. */
#include "codec/otlp.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "codec/protobuf.h"
#include "support/check.h"
#include "support/otlp_tree.h"
#include "support/test_arena.h"

/* A file below the source's root; empty with p == NULL when it is not there. */
static struct buf read_file(const char *path)
{
    char full[1024];
    const char *root = getenv("TELLTALE_SOURCE_ROOT");
    struct buf out = BUF_MAX(1 << 20);
    (void)snprintf(full, sizeof full, "%s/%s", root ? root : ".", path);
    FILE *f = fopen(full, "rb");
    if (!f)
        return out;
    char *to = buf_reserve(&out, 1 << 16);
    assert_non_null(to);
    buf_advance(&out, fread(to, 1, 1 << 16, f));
    assert_int_equal(fclose(f), 0);
    return out;
}

static struct otlp_request decode(struct str body)
{
    struct otlp_request request;
    struct err err = {0};
    if (otlp_decode(body, NULL, &arena, &request, &err) != 0)
        fail_msg("%s", err.message);
    return request;
}

static struct otlp_request decode_json(const char *text)
{
    struct otlp_request request;
    struct err err = {0};
    if (otlp_json_decode(str_c(text), NULL, &arena, &request, &err) != 0)
        fail_msg("%s", err.message);
    return request;
}

static struct buf all_fields(void)
{
    struct buf bytes = read_file("tests/lib/codec/otlp_all_fields.pb");
    assert_int_equal(bytes.n, 790);
    return bytes;
}

/* ---- each field ---- */

static void check_resource(const struct otlp_resource_metrics *r)
{
    const struct otlp_attributes *a = &r->resource.attributes;
    check_str(r->schema_url, "https://resource");
    assert_int_equal(a->n, 8);
    check_str(otlp_attribute(a, STR("service.name"))->str, "shop");
    assert_true(otlp_attribute(a, STR("flag"))->boolean);
    assert_int_equal(otlp_attribute(a, STR("port"))->i64, -8080);
    assert_true(otlp_attribute(a, STR("load"))->f64 == 0.25);
    assert_int_equal(otlp_attribute(a, STR("none"))->kind, OTLP_VALUE_NONE);
    check_str(otlp_value_text(otlp_attribute(a, STR("flag")), &arena), "true");
    check_str(otlp_value_text(otlp_attribute(a, STR("port")), &arena), "-8080");
    check_str(otlp_value_text(otlp_attribute(a, STR("load")), &arena), "0.25");
    check_str(otlp_value_text(otlp_attribute(a, STR("list")), &arena), "[\"a\",1,null]");
    check_str(otlp_value_text(otlp_attribute(a, STR("map")), &arena), "{\"b\":\"AQL/\",\"z\":1.5}");
    check_str(otlp_value_text(otlp_attribute(a, STR("raw")), &arena), "aGk=");
    assert_null(otlp_attribute(a, STR("absent")));
}

static void check_gauge(const struct otlp_metric *m)
{
    check_str(m->name, "g");
    check_str(m->description, "a gauge");
    check_str(m->unit, "By");
    assert_int_equal(m->kind, OTLP_GAUGE);
    assert_int_equal(m->data.n_points, 2);
    const struct otlp_number_point *p = m->data.numbers;
    check_str(p[0].point.attributes.v[0].key, "cpu");
    assert_int_equal(p[0].point.start_time_unix_ns, 11);
    assert_int_equal(p[0].point.time_unix_ns, 12);
    assert_int_equal(p[0].point.flags, OTLP_FLAG_NO_RECORDED_VALUE);
    assert_int_equal(p[0].kind, OTLP_NUMBER_DOUBLE);
    assert_true(p[0].f64 == 1.25);
    assert_int_equal(p[1].kind, OTLP_NUMBER_INT);
    assert_int_equal(p[1].i64, -7);
}

static void check_sum(const struct otlp_metric *m)
{
    assert_int_equal(m->kind, OTLP_SUM);
    assert_int_equal(m->data.temporality, OTLP_DELTA);
    assert_true(m->data.monotonic);
    const struct otlp_number_point *p = m->data.numbers;
    assert_true(p->i64 == INT64_MAX);
    assert_int_equal(p->n_exemplars, 2);
    check_str(p->exemplars[0].attributes.v[0].value.str, "me");
    assert_int_equal(p->exemplars[0].time_unix_ns, 15);
    assert_true(p->exemplars[0].value == 2.5);
    check_str(p->exemplars[0].span_id, "\001\002\003\004\005\006\007\010");
    check_str(p->exemplars[0].trace_id, "0123456789abcdef");
    assert_true(p->exemplars[1].value == 3);
}

static void check_histogram(const struct otlp_metric *m)
{
    assert_int_equal(m->kind, OTLP_HISTOGRAM);
    assert_int_equal(m->data.temporality, OTLP_CUMULATIVE);
    assert_int_equal(m->data.n_points, 2);
    const struct otlp_histogram_point *p = m->data.histograms;
    assert_int_equal(p->point.start_time_unix_ns, 16);
    assert_int_equal(p->point.time_unix_ns, 17);
    assert_int_equal(p->count, 6);
    assert_true(p->has_sum && p->sum == 0.5);
    assert_int_equal(p->n_bucket_counts, 3);
    assert_int_equal(p->bucket_counts[2], 3);
    assert_int_equal(p->n_explicit_bounds, 2);
    assert_true(p->explicit_bounds[1] == 10);
    assert_int_equal(p->n_exemplars, 1);
    assert_int_equal(p->point.flags, 2);
    assert_true(p->has_min && p->min == -1 && p->has_max && p->max == 99);
    assert_false(p[1].has_sum || p[1].has_min || p[1].has_max);
}

static void check_exponential(const struct otlp_metric *m)
{
    assert_int_equal(m->kind, OTLP_EXPONENTIAL_HISTOGRAM);
    assert_int_equal(m->data.temporality, OTLP_CUMULATIVE);
    const struct otlp_exponential_point *p = m->data.exponentials;
    check_str(p->point.attributes.v[0].value.str, "d");
    assert_int_equal(p->point.time_unix_ns, 19);
    assert_int_equal(p->count, 300);
    assert_true(p->has_sum && p->sum == 20);
    assert_int_equal(p->scale, -3);
    assert_int_equal(p->zero_count, 4);
    assert_int_equal(p->positive.offset, -5);
    assert_int_equal(p->positive.n, 3);
    assert_int_equal(p->positive.counts[2], 295);
    assert_int_equal(p->negative.offset, 6);
    assert_int_equal(p->negative.n, 1);
    assert_int_equal(p->point.flags, 3);
    assert_int_equal(p->n_exemplars, 1);
    assert_true(p->has_min && p->min == 0.125 && p->has_max && p->max == 64);
    assert_true(p->zero_threshold == 0.001);
}

static void check_summary(const struct otlp_metric *m)
{
    assert_int_equal(m->kind, OTLP_SUMMARY);
    const struct otlp_summary_point *p = m->data.summaries;
    check_str(p->point.attributes.v[0].key, "e");
    assert_int_equal(p->point.start_time_unix_ns, 20);
    assert_int_equal(p->point.time_unix_ns, 21);
    assert_int_equal(p->count, 22);
    assert_true(p->sum == 23.5);
    assert_int_equal(p->n_quantiles, 2);
    assert_true(p->quantiles[1].quantile == 1 && p->quantiles[1].value == 8);
    assert_int_equal(p->point.flags, 4);
}

static void test_each_field_of_protobuf_comes_to_its_place(void **state)
{
    (void)state;
    struct buf bytes = all_fields();
    struct otlp_request request = decode(buf_str(&bytes));
    assert_int_equal(request.n_resources, 1);
    check_resource(&request.resources[0]);
    assert_int_equal(request.resources[0].n_scopes, 1);
    const struct otlp_scope_metrics *s = &request.resources[0].scopes[0];
    check_str(s->scope.name, "lib");
    check_str(s->scope.version, "1.2");
    check_str(s->scope.attributes.v[0].key, "s");
    check_str(s->schema_url, "https://scope");
    assert_int_equal(s->n_metrics, 5);
    check_gauge(&s->metrics[0]);
    check_sum(&s->metrics[1]);
    check_histogram(&s->metrics[2]);
    check_exponential(&s->metrics[3]);
    check_summary(&s->metrics[4]);
    buf_done(&bytes);
}

static void test_the_specifications_example_is_read_from_json(void **state)
{
    (void)state;
    struct buf text = read_file("../shared/proto/examples/metrics.json");
    if (text.n == 0) {
        print_message("../shared/proto/examples/metrics.json is not here: nothing to check\n");
        skip();
    }
    struct otlp_request request;
    struct err err = {0};
    if (otlp_json_decode(buf_str(&text), NULL, &arena, &request, &err) != 0)
        fail_msg("%s", err.message);
    const struct otlp_scope_metrics *s = &request.resources[0].scopes[0];
    assert_int_equal(s->n_metrics, 4);
    check_str(s->metrics[0].name, "my.counter");
    assert_int_equal(s->metrics[0].kind, OTLP_SUM);
    assert_true(s->metrics[0].data.monotonic && s->metrics[0].data.numbers[0].f64 == 5);
    assert_int_equal(s->metrics[2].data.histograms[0].bucket_counts[1], 1);
    assert_int_equal(s->metrics[3].data.exponentials[0].positive.offset, 1);
    buf_done(&text);
}

/* ---- properties ---- */

static void test_protobuf_and_json_give_equal_trees(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 300; i++) {
        arena_reset(&arena);
        struct otlp_request tree = {0}, from_json, from_protobuf;
        otlp_tree_random(&otlp_request_message, &seed, &arena, &tree);
        struct buf bytes = BUF_MAX(16 << 20), text = BUF_MAX(16 << 20);
        struct err err = {0};
        otlp_tree_encode(&bytes, &otlp_request_message, &tree);
        otlp_tree_encode_json(&text, &otlp_request_message, &tree);
        assert_false(buf_failed(&bytes) || buf_failed(&text));
        from_protobuf = decode(buf_str(&bytes));
        if (otlp_json_decode(buf_str(&text), NULL, &arena, &from_json, &err) != 0)
            fail_msg("%s", err.message);
        assert_true(otlp_tree_eq(&otlp_request_message, &tree, &from_protobuf));
        assert_true(otlp_tree_eq(&otlp_request_message, &tree, &from_json));
        buf_done(&bytes);
        buf_done(&text);
    }
}

/* Only between two resources can a request be cut and still be one. */
static void test_a_cut_at_every_byte_is_an_error_that_names_a_field(void **state)
{
    (void)state;
    struct buf bytes = all_fields();
    for (size_t n = 1; n < bytes.n; n++) {
        struct otlp_request request;
        struct err err = {0};
        arena_reset(&arena);
        char *exact = malloc(n); // so that the sanitizer sees a byte too far
        assert_non_null(exact);
        memcpy(exact, bytes.p, n);
        assert_int_equal(otlp_decode(str_of(exact, n), NULL, &arena, &request, &err), ERR_INVALID);
        assert_true(str_starts(str_c(err.message), STR("resource_metrics")) ||
                    str_starts(str_c(err.message), STR("field")));
        free(exact);
    }
    buf_done(&bytes);
}

/* Takes the last byte away and shortens all lengths around it, so that the damage is innermost. */
static void test_damage_deep_inside_is_named_by_its_path(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(4096);
    size_t resource = pb_begin(&out, 1);
    size_t first_scope = pb_begin(&out, 2);
    pb_end(&out, first_scope);
    size_t scope = pb_begin(&out, 2), metric = pb_begin(&out, 2), gauge = pb_begin(&out, 5);
    size_t first_point = pb_begin(&out, 1);
    pb_end(&out, first_point);
    size_t point = pb_begin(&out, 1);
    buf_put(&out, "\x19\x01\x02", 3); // time_unix_nano, two bytes of eight
    pb_end(&out, point);
    pb_end(&out, gauge);
    pb_end(&out, metric);
    pb_end(&out, scope);
    pb_end(&out, resource);

    struct otlp_request request;
    struct err err = {0};
    assert_int_equal(otlp_decode(buf_str(&out), NULL, &arena, &request, &err), ERR_INVALID);
    assert_string_equal(err.message,
                        "resource_metrics[0].scope_metrics[1].metrics[0].gauge.data_points[1]."
                        "time_unix_nano: message ends inside a fixed-size value, at byte 15");
    buf_done(&out);
}

static void test_garbage_never_decodes_to_nonsense(void **state)
{
    (void)state;
    struct buf bytes = all_fields();
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        struct otlp_request request;
        struct err err = {0};
        arena_reset(&arena);
        size_t at = check_random(&seed) % bytes.n;
        char kept = bytes.p[at];
        bytes.p[at] = (char)check_random(&seed);
        int rc = otlp_decode(buf_str(&bytes), NULL, &arena, &request, &err);
        assert_true(rc == 0 || (rc == ERR_INVALID && err.message[0]));
        bytes.p[at] = kept;
    }
    buf_done(&bytes);
}

/* ---- protobuf's freedoms ---- */

static void test_numbers_may_come_packed_in_pieces_or_one_by_one(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(4096);
    size_t resource = pb_begin(&out, 1), scope = pb_begin(&out, 2), metric = pb_begin(&out, 2);
    size_t data = pb_begin(&out, 9), point = pb_begin(&out, 1);
    pb_put_fixed64(&out, 6, 1);
    pb_put_str(&out, 6, STR("\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"));
    pb_put_double(&out, 7, 0.5);
    pb_put_fixed64(&out, 4, 6);
    pb_put_fixed64(&out, 6, 4);
    pb_put_double(&out, 7, 1.5);
    pb_end(&out, point);
    pb_end(&out, data);
    pb_end(&out, metric);
    metric = pb_begin(&out, 2);
    data = pb_begin(&out, 10);
    point = pb_begin(&out, 1);
    size_t positive = pb_begin(&out, 8);
    pb_put_varint(&out, 2, 300);
    pb_put_str(&out, 2, STR("\x05\xac\x02"));
    pb_end(&out, positive);
    pb_end(&out, point);
    pb_end(&out, data);
    pb_end(&out, metric);
    pb_end(&out, scope);
    pb_end(&out, resource);

    struct otlp_request request = decode(buf_str(&out));
    const struct otlp_metric *m = request.resources[0].scopes[0].metrics;
    const struct otlp_histogram_point *h = m[0].data.histograms;
    assert_int_equal(h->n_bucket_counts, 4);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(h->bucket_counts[i], i + 1);
    assert_int_equal(h->n_explicit_bounds, 2);
    assert_true(h->explicit_bounds[0] == 0.5 && h->explicit_bounds[1] == 1.5);
    const struct otlp_buckets *b = &m[1].data.exponentials[0].positive;
    assert_int_equal(b->n, 3);
    assert_int_equal(b->counts[0], 300);
    assert_int_equal(b->counts[1], 5);
    assert_int_equal(b->counts[2], 300);
    buf_done(&out);
}

static void test_the_last_member_of_a_oneof_counts(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(4096);
    size_t resource = pb_begin(&out, 1), inner = pb_begin(&out, 1), pair = pb_begin(&out, 1);
    size_t value = pb_begin(&out, 2);
    pb_put_str(&out, 1, STR("text"));
    size_t array = pb_begin(&out, 5); // empty, though the text before it lay in its place
    pb_end(&out, array);
    pb_end(&out, value);
    pb_end(&out, pair);
    pb_end(&out, inner);
    pb_end(&out, resource);
    struct otlp_request request = decode(buf_str(&out));
    const struct otlp_value *v = &request.resources[0].resource.attributes.v[0].value;
    assert_int_equal(v->kind, OTLP_VALUE_ARRAY);
    assert_int_equal(v->array.n, 0);
    buf_done(&out);
}

static void test_a_known_field_of_another_wire_type_is_an_error(void **state)
{
    (void)state;
    struct otlp_request request;
    struct err err = {0};
    assert_int_equal(otlp_decode(STR("\x08\x01"), NULL, &arena, &request, &err), ERR_INVALID);
    assert_string_equal(err.message, "resource_metrics: wrong wire type, at byte 1");
    assert_int_equal(otlp_decode(STR("\x10\x01"), NULL, &arena, &request, &err), 0); // unknown
}

/* ---- limits ---- */

/* An attribute's value: a text in so many arrays or, each under a key, maps. */
static void put_nested_value(struct buf *out, unsigned depth, bool maps)
{
    if (depth == 0) {
        pb_put_varint(out, 3, 1);
        return;
    }
    size_t list = pb_begin(out, maps ? 6 : 5), item = pb_begin(out, 1);
    size_t value = maps ? pb_begin(out, 2) : 0;
    put_nested_value(out, depth - 1, maps);
    if (maps)
        pb_end(out, value);
    pb_end(out, item);
    pb_end(out, list);
}

static void put_nested_json(struct buf *out, unsigned depth, bool maps)
{
    if (depth == 0) {
        buf_puts(out, "{\"boolValue\":true}");
        return;
    }
    buf_puts(out, maps ? "{\"kvlistValue\":{\"values\":[{\"key\":\"\",\"value\":"
                       : "{\"arrayValue\":{\"values\":[");
    put_nested_json(out, depth - 1, maps);
    buf_puts(out, maps ? "}]}}" : "]}}");
}

/* A request with a resource that has the attribute. */
static int decode_nested(unsigned depth, bool maps, bool json, struct err *err)
{
    struct buf out = BUF_MAX(1 << 20);
    struct otlp_request request;
    int rc;
    *err = (struct err){0};
    if (json) {
        buf_puts(&out,
                 "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"a\",\"value\":");
        put_nested_json(&out, depth, maps);
        buf_puts(&out, "}]}}]}");
        rc = otlp_json_decode(buf_str(&out), NULL, &arena, &request, err);
    } else {
        size_t resource = pb_begin(&out, 1), inner = pb_begin(&out, 1), pair = pb_begin(&out, 1);
        size_t value = pb_begin(&out, 2);
        put_nested_value(&out, depth, maps);
        pb_end(&out, value);
        pb_end(&out, pair);
        pb_end(&out, inner);
        pb_end(&out, resource);
        rc = otlp_decode(buf_str(&out), NULL, &arena, &request, err);
    }
    buf_done(&out);
    return rc;
}

static void test_values_nest_32_levels_and_no_more_whatever_they_are_made_of(void **state)
{
    (void)state;
    struct err err;
    for (int way = 0; way < 4; way++) {
        bool maps = way & 1, json = way & 2;
        assert_int_equal(decode_nested(32, maps, json, &err), 0);
        assert_int_equal(decode_nested(33, maps, json, &err), ERR_TOO_BIG);
        assert_non_null(strstr(err.message, "values are nested deeper than 32 levels"));
    }
}

static void test_values_nested_too_deep_are_refused(void **state)
{
    (void)state;
    struct otlp_request request;
    struct err err;
    assert_int_equal(decode_nested(1000, false, false, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "values are nested deeper than 32 levels"));

    struct buf text = BUF_MAX(1 << 20);
    buf_puts(&text,
             "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"a\",\"value\":");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, "{\"arrayValue\":{\"values\":[");
    err = (struct err){0};
    assert_int_equal(otlp_json_decode(buf_str(&text), NULL, &arena, &request, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "values are nested deeper than 32 levels"));
    buf_done(&text);
}

static void test_limits_of_points_attributes_and_memory_are_told(void **state)
{
    (void)state;
    struct buf bytes = all_fields();
    struct otlp_request request;
    struct err err = {0};
    struct otlp_limits limits = {.max_points = 4};
    assert_int_equal(otlp_decode(buf_str(&bytes), &limits, &arena, &request, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "5 of them or more; expected at most 4"));
    limits = (struct otlp_limits){.max_attributes = 7};
    assert_int_equal(otlp_decode(buf_str(&bytes), &limits, &arena, &request, &err), ERR_TOO_BIG);
    assert_string_equal(err.message, "resource_metrics[0].resource.attributes: 8 of them or more; "
                                     "expected at most 7");
    struct arena small;
    arena_init(&small, 2000);
    assert_int_equal(otlp_decode(buf_str(&bytes), NULL, &small, &request, &err), ERR_NOMEM);
    assert_non_null(strstr(err.message, "more than 2000 bytes of memory"));
    arena_done(&small);
    buf_done(&bytes);
}

/* ---- lazily ---- */

enum { SUM = 1, NAME_TWICE = 2, MORE = 4, FIRST = 8, BETWEEN = 16, UNUSUAL = 32, TWO_DATA = 64 };

static void put_points(struct buf *out, unsigned form)
{
    if (form & FIRST)
        pb_put_varint(out, 2, OTLP_DELTA); // of a gauge: an unknown field
    for (uint64_t i = 0; i < 3; i++) {
        size_t point = pb_begin(out, 1);
        pb_put_fixed64(out, 3, 1000 + i);
        if (i == 2 && form & UNUSUAL)
            pb_put_varint(out, 8, OTLP_FLAG_NO_RECORDED_VALUE);
        else
            pb_put_fixed64(out, 6, i);
        pb_end(out, point);
        if (i == 1 && form & BETWEEN)
            pb_put_varint(out, 3, 1);
    }
    pb_put_varint(out, 2, OTLP_CUMULATIVE);
}

/* A metric of three points, by the bits of `form` in other ways than the usual one. */
static void put_metric(struct buf *out, unsigned form)
{
    size_t resource = pb_begin(out, 1), scope = pb_begin(out, 2), metric = pb_begin(out, 2);
    pb_put_str(out, 1, STR("m"));
    if (form & NAME_TWICE)
        pb_put_str(out, 1, STR("n"));
    if (form & MORE)
        pb_put_str(out, 12, STR("metadata"));
    if (form & TWO_DATA) {
        size_t other = pb_begin(out, form & SUM ? 5 : 7);
        put_points(out, form);
        pb_end(out, other);
    }
    size_t data = pb_begin(out, form & SUM ? 7 : 5);
    put_points(out, form);
    pb_end(out, data);
    pb_put_str(out, 3, STR("s"));
    pb_end(out, metric);
    pb_end(out, scope);
    pb_end(out, resource);
}

static void test_metrics_are_read_lazily_alike_in_every_form(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 10);
    for (unsigned form = 0; form < 2 * TWO_DATA; form++) {
        struct otlp_request eager, lazy;
        buf_reset(&body);
        put_metric(&body, form);
        assert_int_equal(otlp_decode(buf_str(&body), NULL, &arena, &eager, NULL), 0);
        assert_int_equal(otlp_decode_lazily(buf_str(&body), NULL, &arena, &lazy, NULL), 0);
        assert_true(otlp_tree_eq(&otlp_request_message, &eager, &lazy));
    }
    buf_done(&body);
}

static void test_the_limit_of_points_holds_lazily_too(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 10);
    struct otlp_request request;
    const struct otlp_limits enough = {.max_points = 6}, few = {.max_points = 5};
    put_metric(&body, SUM);
    put_metric(&body, SUM | UNUSUAL);
    assert_int_equal(otlp_decode_lazily(buf_str(&body), &enough, &arena, &request, NULL), 0);
    assert_int_equal(otlp_decode_lazily(buf_str(&body), &few, &arena, &request, NULL), ERR_TOO_BIG);
    buf_done(&body);
}

/* ---- JSON's freedoms ---- */

static void test_json_numbers_come_as_numbers_or_text(void **state)
{
    (void)state;
    struct otlp_request request = decode_json(
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":["
        "{\"timeUnixNano\":1700000000000000001,\"asInt\":\"-5\"},"
        "{\"timeUnixNano\":\"1700000000000000001\",\"asInt\":-5},"
        "{\"timeUnixNano\":1e3,\"asDouble\":\"NaN\"},{\"asDouble\":\"-Infinity\"},"
        "{\"asDouble\":\"1.5\"},{\"asDouble\":2}]}}]}]}]}");
    const struct otlp_data *d = &request.resources[0].scopes[0].metrics[0].data;
    assert_int_equal(d->n_points, 6);
    assert_true(d->numbers[0].point.time_unix_ns == 1700000000000000001u);
    assert_true(d->numbers[1].point.time_unix_ns == 1700000000000000001u);
    assert_int_equal(d->numbers[0].i64, -5);
    assert_int_equal(d->numbers[1].i64, -5);
    assert_int_equal(d->numbers[2].point.time_unix_ns, 1000);
    assert_true(d->numbers[2].f64 != d->numbers[2].f64);
    assert_true(d->numbers[3].f64 < -1e308);
    assert_true(d->numbers[4].f64 == 1.5 && d->numbers[5].f64 == 2);
}

static void test_json_ids_are_hex_in_any_case(void **state)
{
    (void)state;
    struct otlp_request request = decode_json(
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"sum\":{\"dataPoints\":["
        "{\"exemplars\":[{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\","
        "\"spanId\":\"eee19b7ec3c1b174\",\"asInt\":\"7\"}]}]}}]}]}]}");
    const struct otlp_exemplar *e =
        request.resources[0].scopes[0].metrics[0].data.numbers[0].exemplars;
    assert_int_equal(e->trace_id.n, 16);
    assert_int_equal((unsigned char)e->trace_id.p[0], 0x5b);
    assert_int_equal((unsigned char)e->trace_id.p[15], 0x0c);
    assert_int_equal(e->span_id.n, 8);
    assert_true(e->value == 7);
}

static void test_json_ids_that_are_no_hex_stay_text_and_are_no_ids(void **state)
{
    (void)state;
    struct otlp_request request = decode_json(
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"sum\":{\"dataPoints\":["
        "{\"exemplars\":[{\"traceId\":\"zz\",\"spanId\":\"abc\"},"
        "{\"traceId\":\"zzzzzzzzzzzzzzzz\",\"spanId\":\"eee19b7z\"}]}]}}]}]}]}");
    const struct otlp_exemplar *e =
        request.resources[0].scopes[0].metrics[0].data.numbers[0].exemplars;
    check_str(e[0].trace_id, "zz");
    check_str(e[0].span_id, "abc");
    assert_int_equal(e[1].trace_id.n, OTLP_TRACE_ID_BYTES + 1);
    assert_int_equal(e[1].span_id.n, OTLP_SPAN_ID_BYTES + 1);
}

static void test_json_unknown_members_and_nulls_are_passed_over(void **state)
{
    (void)state;
    struct otlp_request request = decode_json(
        " {\"unknown\":[{\"deep\":[[null,true,1.5e-3,\"\\u00e9\"]]}],\n\"resourceMetrics\":"
        "[{\"schemaUrl\":null,\"schema_url\":\"x\",\"scopeMetrics\":[{\"scope\":{\"name\":"
        "\"a\\u00e9\\ud83d\\ude00\\n\"},\"metrics\":null}]}]} ");
    assert_int_equal(request.n_resources, 1);
    assert_int_equal(request.resources[0].schema_url.n, 0); // snake_case is not OTLP's JSON
    check_str(request.resources[0].scopes[0].scope.name, "a\xc3\xa9\xf0\x9f\x98\x80\n");
}

static void test_bad_json_is_told_with_path_and_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "object: expected an object; found nothing, at byte 0"},
        {"[]", "object: expected an object; found an array, at byte 0"},
        {"{\"resourceMetrics\":[{}", "resource_metrics: the document ends too early, at byte 22"},
        {"{\"resourceMetrics\":[{}]}x", "document: something follows the document, at byte 24"},
        {"{\"resourceMetrics\":{}}",
         "resource_metrics: expected an array; found an object, at byte 19"},
        {"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"sum\":{\"isMonotonic\":1}}]}]}]}",
         "resource_metrics[0].scope_metrics[0].metrics[0].sum.is_monotonic: expected true or false;"
         " found a number,"
         " at byte 71"},
        {"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"sum\":"
         "{\"aggregationTemporality\":\"AGGREGATION_TEMPORALITY_DELTA\"}}]}]}]}",
         "resource_metrics[0].scope_metrics[0].metrics[0].sum.aggregation_temporality: expected the "
         "enumerator's number, at byte 82"},
        {"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":"
         "[{\"timeUnixNano\":\"yesterday\"}]}}]}]}]}",
         "resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano: "
         "expected an integer of 64 bits that is not negative; found \"yesterday\", at byte 100"},
        {"{\"resourceMetrics\":[{\"schemaUrl\":\"\xff\"}]}",
         "resource_metrics[0].schema_url: the string is not UTF-8, at byte 36"},
        {"{\"resourceMetrics\":[{\"schemaUrl\":\"\\x\"}]}",
         "resource_metrics[0].schema_url: unknown escape in a string, at byte 37"},
        {"{\"a\" 1}", "object: expected a colon, at byte 5"},
        {"{\"a\":01}", "unknown member: expected a number; found 01, at byte 7"},
        {"{\"a\":1,}", "unknown member: expected a string; found something else, at byte 7"},
        {"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":[{\"asDouble\":"
         "\"0123456789012345678901234567890123456ééé\"}]}}]}]}]}",
         "resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].as_double: expected a number; found "
         "\"0123456789012345678901234567890123456é, at byte 130"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct otlp_request request;
        struct err err = {0};
        int rc = otlp_json_decode(str_c(cases[i].text), NULL, &arena, &request, &err);
        if (rc != ERR_INVALID || strcmp(err.message, cases[i].message) != 0)
            fail_msg("%s\n  got      %s\n  expected %s", cases[i].text, err.message,
                     cases[i].message);
    }
}

static void test_json_cut_at_every_byte_is_an_error(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct buf text = BUF_MAX(1 << 20);
    while (text.n < 2000) {
        struct otlp_request tree = {0};
        otlp_tree_random(&otlp_request_message, &seed, &arena, &tree);
        buf_reset(&text);
        otlp_tree_encode_json(&text, &otlp_request_message, &tree);
    }
    for (size_t n = 0; n < MIN(text.n, (size_t)20000); n++) {
        struct otlp_request request;
        struct err err = {0};
        arena_reset(&arena);
        assert_int_not_equal(otlp_json_decode(str_of(text.p, n), NULL, &arena, &request, &err), 0);
        assert_true(err.message[0] != '\0');
    }
    buf_done(&text);
}

/* ---- answers ---- */

static void test_answers_are_encoded_in_both_forms(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1000);
    otlp_encode_response(&out, 0, (struct str){0});
    assert_int_equal(out.n, 0);
    otlp_encode_response(&out, 3, STR("why"));
    check_str(buf_str(&out), "\x0a\x07\x08\x03\x12\x03why");
    buf_reset(&out);
    otlp_json_encode_response(&out, "rejectedDataPoints", 0, (struct str){0});
    check_str(buf_str(&out), "{}");
    buf_reset(&out);
    otlp_json_encode_response(&out, "rejectedDataPoints", 12, STR("a \"b\""));
    check_str(buf_str(&out), "{\"partialSuccess\":{\"rejectedDataPoints\":\"12\",\"errorMessage\":"
                             "\"a \\\"b\\\"\"}}");
    buf_reset(&out);
    otlp_encode_status(&out, 3, STR("bad"));
    check_str(buf_str(&out), "\x08\x03\x12\x03"
                             "bad");
    buf_reset(&out);
    otlp_json_encode_status(&out, 8, STR("full"));
    check_str(buf_str(&out), "{\"code\":8,\"message\":\"full\"}");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_of_protobuf_comes_to_its_place),
        cmocka_unit_test(test_the_specifications_example_is_read_from_json),
        cmocka_unit_test(test_protobuf_and_json_give_equal_trees),
        cmocka_unit_test(test_a_cut_at_every_byte_is_an_error_that_names_a_field),
        cmocka_unit_test(test_damage_deep_inside_is_named_by_its_path),
        cmocka_unit_test(test_garbage_never_decodes_to_nonsense),
        cmocka_unit_test(test_numbers_may_come_packed_in_pieces_or_one_by_one),
        cmocka_unit_test(test_the_last_member_of_a_oneof_counts),
        cmocka_unit_test(test_a_known_field_of_another_wire_type_is_an_error),
        cmocka_unit_test(test_values_nest_32_levels_and_no_more_whatever_they_are_made_of),
        cmocka_unit_test(test_values_nested_too_deep_are_refused),
        cmocka_unit_test(test_limits_of_points_attributes_and_memory_are_told),
        cmocka_unit_test(test_metrics_are_read_lazily_alike_in_every_form),
        cmocka_unit_test(test_the_limit_of_points_holds_lazily_too),
        cmocka_unit_test(test_json_numbers_come_as_numbers_or_text),
        cmocka_unit_test(test_json_ids_are_hex_in_any_case),
        cmocka_unit_test(test_json_ids_that_are_no_hex_stay_text_and_are_no_ids),
        cmocka_unit_test(test_json_unknown_members_and_nulls_are_passed_over),
        cmocka_unit_test(test_bad_json_is_told_with_path_and_offset),
        cmocka_unit_test(test_json_cut_at_every_byte_is_an_error),
        cmocka_unit_test(test_answers_are_encoded_in_both_forms),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
