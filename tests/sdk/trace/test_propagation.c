#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/check.h"
#include "telltale/propagation.h"
#include "telltale/trace.h"

/* A carrier: up to eight headers. */
struct headers {
    size_t n;
    struct {
        char name[32], value[16384];
    } list[8];
};
static struct headers sent;

static void set(void *carrier, const char *name, const char *value)
{
    struct headers *h = carrier;
    assert_true(h->n < 8 && strlen(name) < 32 && strlen(value) < 16384);
    memcpy(h->list[h->n].name, name, strlen(name) + 1);
    memcpy(h->list[h->n++].value, value, strlen(value) + 1);
}

static const char *get(void *carrier, const char *name)
{
    const struct headers *h = carrier;
    for (size_t i = 0; i < h->n; i++) {
        if (strcasecmp(h->list[i].name, name) == 0)
            return h->list[i].value;
    }
    return NULL;
}

static tt_context *extract(unsigned propagators, const char *name, const char *value,
                           const char *name2, const char *value2)
{
    static struct headers h;
    h.n = 0;
    set(&h, name, value);
    if (name2)
        set(&h, name2, value2);
    return tt_extract(propagators, get, &h);
}

static const char *inject(unsigned propagators, const tt_context *c, const char *name)
{
    sent.n = 0;
    tt_inject(propagators, c, set, &sent);
    const char *value = get(&sent, name);
    return value ? value : "";
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

/* The span in the context, as text; "" for none. */
static const char *span_text(const tt_context *c)
{
    static char text[64];
    tt_span_context span = tt_context_span(c);
    char trace[33], id[17];
    tt_trace_id_format(&span, trace);
    tt_span_id_format(&span, id);
    (void)snprintf(text, sizeof text, "%s-%s-%d", trace, id, span.flags);
    return tt_span_context_is_valid(&span) && span.remote ? text : "";
}

static void check_extract(unsigned propagators, const char *name, const char *value,
                          const char *expected)
{
    tt_context *c = extract(propagators, name, value, NULL, NULL);
    if (strcmp(span_text(c), expected) != 0)
        print_error("%s: %s\n", name, value);
    assert_string_equal(span_text(c), expected);
    tt_context_free(c);
}

static void test_traceparent_is_read_as_w3c_says(void **state)
{
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-01", TRACE "-" SPAN "-1"},
        {"00-" TRACE "-" SPAN "-00", TRACE "-" SPAN "-0"},
        {"00-" TRACE "-" SPAN "-03", TRACE "-" SPAN "-3"},
        {"00-" TRACE "-" SPAN "-ff", TRACE "-" SPAN "-3"},
        {"cc-" TRACE "-" SPAN "-01", TRACE "-" SPAN "-1"},
        {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", TRACE "-" SPAN "-1"},
        {"cc-" TRACE "-" SPAN "-01.what-the-future-will-not-be-like", ""},
        {"00-" TRACE "-" SPAN "-01-what-the-future-will-be-like", ""},
        {"ff-" TRACE "-" SPAN "-01", ""},
        {".0-" TRACE "-" SPAN "-01", ""},
        {"0-" TRACE "-" SPAN "-01", ""},
        {"00-00000000000000000000000000000000-" SPAN "-01", ""},
        {"00-" TRACE "-0000000000000000-01", ""},
        {"00-0AF7651916cd43dd8448eb211c80319c-" SPAN "-01", ""},
        {"00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01", ""},
        {"00-" TRACE "-.7ad6b7169203331-01", ""},
        {"00-" TRACE "-" SPAN "-.0", ""},
        {"00-" TRACE "-" SPAN "-1", ""},
        {"00-" TRACE "-" SPAN "-", ""},
        {"00-" TRACE "_" SPAN "-01", ""},
        {"", ""},
        {" \t00-" TRACE "-" SPAN "-01 \t", TRACE "-" SPAN "-1"},
        {" ", ""},
        {"00", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_extract(TT_W3C, "traceparent", cases[i].value, cases[i].expected);
}

static void check_state(const char *value, const char *expected)
{
    tt_context *c = extract(TT_W3C, "traceparent", "00-" TRACE "-" SPAN "-01", "tracestate", value);
    if (strcmp(tt_context_tracestate(c), expected) != 0)
        print_error("tracestate: %s\n", value);
    assert_string_equal(tt_context_tracestate(c), expected);
    assert_string_equal(span_text(c), TRACE "-" SPAN "-1");
    tt_context_free(c);
}

static void test_tracestate_is_kept_or_dropped_as_a_whole(void **state)
{
    (void)state;
    check_state("foo=1,bar=2", "foo=1,bar=2");
    check_state(" foo=1 \t, ,bar=2,", "foo=1,bar=2");
    check_state("a@b=1,0t@v=x y", "a@b=1,0t@v=x y");
    check_state("foo=1,foo=2", "");
    check_state("foo", "");
    check_state("Foo=1", "");
    check_state("foo =1", "");
    check_state("foo=", "");
    check_state("foo=bar=baz", "");
    check_state("foo=1\x7f", "");
    check_state("", "");
}

static void test_tracestate_beyond_32_members_or_512_bytes_is_left_out(void **state)
{
    (void)state;
    char many[512] = "", large[1024] = "";
    size_t n = 0;
    for (int i = 0; i < 33; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "%sk%d=1", i ? "," : "", i);
    check_state(many, "");
    *strrchr(many, ',') = '\0';
    check_state(many, many);
    n = (size_t)snprintf(large, sizeof large, "a=%0250d,b=%0250d", 1, 2);
    (void)snprintf(large + n, sizeof large - n, ",c=%0250d,d=1", 3);
    char expected[1024];
    (void)snprintf(expected, sizeof expected, "a=%0250d,b=%0250d,d=1", 1, 2);
    check_state(large, expected);
}

static void test_b3_is_read(void **state)
{
    (void)state;
    check_extract(TT_B3, "b3", TRACE "-" SPAN "-1", TRACE "-" SPAN "-1");
    check_extract(TT_B3, "b3", TRACE "-" SPAN "-d-05e3ac9a4f6e3b90", TRACE "-" SPAN "-5");
    check_extract(TT_B3, "b3", TRACE "-" SPAN, TRACE "-" SPAN "-0");
    check_extract(TT_B3, "b3", "8448eb211c80319c-" SPAN "-1",
                  "00000000000000008448eb211c80319c-" SPAN "-1");
    check_extract(TT_B3, "b3", "0", "");
    check_extract(TT_B3, "b3", "abc-" SPAN "-1", "");
    check_extract(TT_B3, "b3", TRACE "-abc-1", "");
    tt_context *c = extract(TT_B3_MULTI, "X-B3-TraceId", TRACE, "X-B3-SpanId", SPAN);
    assert_string_equal(span_text(c), TRACE "-" SPAN "-0");
    tt_context_free(c);
    check_extract(TT_B3_MULTI, "X-B3-TraceId", TRACE, "");
}

static void test_debug_flag_goes_on_to_children_and_in_the_headers_that_have_one(void **state)
{
    (void)state;
    tt_context *one = extract(TT_B3, "b3", TRACE "-" SPAN "-d", NULL, NULL);
    sent.n = 0;
    set(&sent, "X-B3-TraceId", TRACE);
    set(&sent, "X-B3-SpanId", SPAN);
    set(&sent, "X-B3-Flags", "1");
    tt_context *many = tt_extract(TT_B3_MULTI, get, &sent);
    assert_string_equal(span_text(many), TRACE "-" SPAN "-5");
    assert_string_equal(inject(TT_B3, many, "b3"), TRACE "-" SPAN "-d");
    assert_string_equal(inject(TT_B3_MULTI, one, "X-B3-Flags"), "1");
    assert_string_equal(inject(TT_B3_MULTI, one, "X-B3-Sampled"), "");
    assert_string_equal(inject(TT_W3C, one, "traceparent"), "00-" TRACE "-" SPAN "-01");
    assert_string_equal(inject(TT_JAEGER, one, "uber-trace-id"), TRACE ":" SPAN ":0:3");
    tt_tracer_provider *p = tt_tracer_provider_new(NULL);
    tt_span_options o = {.size = sizeof o, .parent = one};
    tt_span span = tt_span_start(tt_tracer_get(p, "t", NULL), "child", &o);
    assert_true(tt_span_context_of(span).flags & TT_FLAG_DEBUG);
    tt_span_end(span);
    tt_tracer_provider_free(p);
    tt_context_free(one);
    tt_context_free(many);
}

static void test_jaeger_is_read(void **state)
{
    (void)state;
    check_extract(TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:1", TRACE "-" SPAN "-1");
    check_extract(TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:3", TRACE "-" SPAN "-5");
    check_extract(TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:2", TRACE "-" SPAN "-5");
    check_extract(TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:f9", TRACE "-" SPAN "-1");
    check_extract(TT_JAEGER, "uber-trace-id", "1:2:0:0",
                  "00000000000000000000000000000001-0000000000000002-0");
    check_extract(TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:zz", "");
    check_extract(TT_JAEGER, "uber-trace-id", ":::", "");
    check_extract(TT_JAEGER, "uber-trace-id", "", "");
}

static void test_what_is_injected_is_extracted(void **state)
{
    (void)state;
    static const struct {
        unsigned propagator;
        const char *header, *value;
    } cases[] = {
        {TT_W3C, "traceparent", "00-" TRACE "-" SPAN "-01"},
        {TT_B3, "b3", TRACE "-" SPAN "-1"},
        {TT_B3_MULTI, "X-B3-Sampled", "1"},
        {TT_JAEGER, "uber-trace-id", TRACE ":" SPAN ":0:1"},
    };
    tt_context *c = extract(TT_W3C, "traceparent", "00-" TRACE "-" SPAN "-01", "tracestate", "a=b");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(inject(cases[i].propagator, c, cases[i].header), cases[i].value);
        tt_context *again = tt_extract(cases[i].propagator, get, &sent);
        assert_string_equal(span_text(again), TRACE "-" SPAN "-1");
        tt_context_free(again);
    }
    assert_string_equal(inject(TT_W3C, c, "tracestate"), "a=b");
    tt_context_free(c);
}

static void test_nothing_is_injected_for_an_empty_context(void **state)
{
    (void)state;
    sent.n = 0;
    tt_inject(TT_W3C | TT_B3 | TT_B3_MULTI | TT_JAEGER | TT_BAGGAGE, NULL, set, &sent);
    assert_int_equal(sent.n, 0);
}

static void test_current_context_is_injected(void **state)
{
    (void)state;
    tt_context *c = extract(TT_W3C, "traceparent", "00-" TRACE "-" SPAN "-01", NULL, NULL);
    tt_token token = tt_context_enter(c);
    assert_string_equal(inject(TT_W3C, NULL, "traceparent"), "00-" TRACE "-" SPAN "-01");
    tt_leave(token);
    assert_string_equal(inject(TT_W3C, NULL, "traceparent"), "");
    tt_context_free(c);
}

/* --- baggage --- */

static void test_baggage_is_set_read_and_removed(void **state)
{
    (void)state;
    tt_context *a = tt_baggage_with(NULL, "user", "7"), *b = tt_baggage_with(a, "team", "x");
    tt_context *c = tt_baggage_with(b, "user", "8"), *d = tt_baggage_with(c, "user", NULL);
    assert_string_equal(tt_baggage_get(a, "user"), "7");
    assert_null(tt_baggage_get(a, "team"));
    assert_string_equal(tt_baggage_get(b, "user"), "7");
    assert_string_equal(tt_baggage_get(c, "user"), "8");
    assert_string_equal(tt_baggage_get(d, "team"), "x");
    assert_null(tt_baggage_get(d, "user"));
    assert_null(tt_baggage_get(NULL, "user"));
    tt_context_free(a);
    tt_context_free(b);
    tt_context_free(c);
    tt_context_free(d);
}

static void test_baggage_travels_encoded(void **state)
{
    (void)state;
    tt_context *c = tt_baggage_with(NULL, "key", "a b,c;d=\"\xc3\xa9%\"");
    const char *header = inject(TT_BAGGAGE, c, "baggage");
    assert_string_equal(header, "key=a%20b%2Cc%3Bd=%22%C3%A9%25%22");
    tt_context *again = tt_extract(TT_BAGGAGE, get, &sent);
    assert_string_equal(tt_baggage_get(again, "key"), "a b,c;d=\"\xc3\xa9%\"");
    tt_context_free(c);
    tt_context_free(again);
}

static void test_baggage_header_is_read_with_metadata(void **state)
{
    (void)state;
    tt_context *c = extract(TT_BAGGAGE, "baggage",
                            " a = 1 ; prop=x;y , b=2%2, a=3,=4,bad name=5,c,d=%00", NULL, NULL);
    const char *name, *value, *metadata;
    assert_true(tt_baggage_at(c, 0, &name, &value, &metadata));
    assert_string_equal(name, "a");
    assert_string_equal(value, "1");
    assert_string_equal(metadata, "prop=x;y");
    assert_string_equal(tt_baggage_get(c, "b"), "2%2");
    assert_string_equal(tt_baggage_get(c, "d"), "%00");
    assert_false(tt_baggage_at(c, 3, &name, &value, &metadata));
    assert_string_equal(inject(TT_BAGGAGE, c, "baggage"), "a=1;prop=x;y,b=2%252,d=%2500");
    tt_context_free(c);
}

static void test_baggage_has_limits(void **state)
{
    (void)state;
    static char large[10000];
    memset(large, 'x', sizeof large - 1);
    tt_context *c = tt_baggage_with(NULL, "k", large);
    assert_null(tt_baggage_get(c, "k"));
    for (int i = 0; i < 70; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "k%d", i);
        tt_context *more = tt_baggage_with(c, name, "v");
        tt_context_free(c);
        c = more;
    }
    assert_non_null(tt_baggage_get(c, "k63"));
    assert_null(tt_baggage_get(c, "k64"));
    tt_context_free(c);
}

/* --- the environment --- */

static void test_context_goes_to_child_processes_by_variables(void **state)
{
    (void)state;
    tt_context *c =
        extract(TT_W3C | TT_BAGGAGE, "traceparent", "00-" TRACE "-" SPAN "-01", "baggage", "a=1");
    assert_int_equal(setenv("TRACESTATE", "old=1", 1), 0);
    tt_inject_environment(c);
    assert_string_equal(getenv("TRACEPARENT"), "00-" TRACE "-" SPAN "-01");
    assert_null(getenv("TRACESTATE"));
    assert_string_equal(getenv("BAGGAGE"), "a=1");
    tt_context *again = tt_extract_environment();
    assert_string_equal(span_text(again), TRACE "-" SPAN "-1");
    assert_string_equal(tt_baggage_get(again, "a"), "1");
    tt_context_free(again);
    tt_inject_environment(NULL);
    assert_null(getenv("TRACEPARENT"));
    assert_int_equal(setenv("TRACE_CONTEXT", "00-" TRACE "-" SPAN "-01", 1), 0);
    again = tt_extract_environment();
    assert_string_equal(span_text(again), TRACE "-" SPAN "-1");
    tt_context_free(again);
    tt_context_free(c);
}

static const char *key_at(void *carrier, size_t n)
{
    const struct headers *h = carrier;
    return n < h->n ? h->list[n].name : NULL;
}

static void test_opentracing_headers_are_read_and_written(void **state)
{
    (void)state;
    static struct headers h;
    h.n = 0;
    set(&h, "OT-Tracer-TraceID", "8448eb211c80319c");
    set(&h, "OT-Tracer-SpanID", SPAN);
    set(&h, "OT-Tracer-Sampled", "true");
    set(&h, "OT-Baggage-user", "u 1");
    tt_carrier carrier = {get, key_at, &h};
    tt_context *c = tt_extract_from(TT_OTTRACE, &carrier);
    tt_span_context span = tt_context_span(c);
    assert_true(span.trace_id[7] == 0 && span.trace_id[8] == 0x84 && span.trace_id[15] == 0x9c);
    assert_true(span.remote && span.flags == TT_FLAG_SAMPLED);
    assert_string_equal(tt_baggage_get(c, "user"), "u 1");
    assert_string_equal(inject(TT_OTTRACE, c, "ot-tracer-traceid"), "8448eb211c80319c");
    assert_string_equal(get(&sent, "ot-tracer-spanid"), SPAN);
    assert_string_equal(get(&sent, "ot-tracer-sampled"), "true");
    assert_string_equal(get(&sent, "ot-baggage-user"), "u 1");
    tt_context_free(c);
}

static void test_jaegers_baggage_has_headers_of_its_own(void **state)
{
    (void)state;
    static struct headers h;
    h.n = 0;
    set(&h, "uberctx-user", "a%20b");
    set(&h, "UberCtx-x", "1");
    set(&h, "uberctx-", "no name");
    tt_carrier carrier = {get, key_at, &h};
    tt_context *c = tt_extract_from(TT_JAEGER, &carrier);
    assert_string_equal(tt_baggage_get(c, "user"), "a b");
    assert_string_equal(tt_baggage_get(c, "x"), "1");
    const char *name, *value;
    assert_false(tt_baggage_at(c, 2, &name, &value, NULL));
    assert_string_equal(inject(TT_JAEGER, c, "uberctx-user"), "a%20b");
    tt_context_free(c);
}

static void test_correlation_id_goes_in_and_out(void **state)
{
    (void)state;
    tt_context *c = extract(TT_W3C | TT_CORRELATION_ID, "x-correlation-id", "req-17", NULL, NULL);
    assert_string_equal(tt_context_correlation_id(c), "req-17");
    tt_context *more = tt_baggage_with(c, "a", "1"); // keeps it
    assert_string_equal(inject(TT_CORRELATION_ID, more, "X-Correlation-ID"), "req-17");
    assert_string_equal(inject(TT_W3C, more, "X-Correlation-ID"), "");
    tt_token token = tt_context_enter(more);
    tt_context *current = tt_context_current();
    assert_string_equal(tt_context_correlation_id(current), "req-17");
    tt_context *other = tt_context_with_correlation_id(current, "req-18");
    assert_string_equal(tt_context_correlation_id(other), "req-18");
    tt_leave(token);
    tt_context_free(other);
    tt_context_free(current);
    tt_context_free(more);
    tt_context_free(c);
}

static void test_correlation_id_with_a_line_break_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a\r\nb", "a b", "\xc3\xa9"};
    char large[140];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    for (size_t i = 0; i <= 4; i++) {
        const char *id = i < 4 ? bad[i] : large;
        tt_context *c = extract(TT_CORRELATION_ID, "X-Correlation-ID", id, NULL, NULL);
        tt_context *own = tt_context_with_correlation_id(NULL, id);
        assert_null(tt_context_correlation_id(c));
        assert_null(tt_context_correlation_id(own));
        tt_context_free(c);
        tt_context_free(own);
    }
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 5);
}

static void test_fields_of_propagators_are_told(void **state)
{
    (void)state;
    assert_string_equal(tt_propagator_field(TT_W3C | TT_BAGGAGE, 0), "traceparent");
    assert_string_equal(tt_propagator_field(TT_W3C | TT_BAGGAGE, 2), "baggage");
    assert_null(tt_propagator_field(TT_W3C | TT_BAGGAGE, 3));
    assert_string_equal(tt_propagator_field(TT_B3_MULTI, 2), "X-B3-Sampled");
    assert_string_equal(tt_propagator_field(TT_B3_MULTI, 3), "X-B3-Flags");
    assert_null(tt_propagator_field(0, 0));
}

static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static void test_values_of_the_program_go_with_the_context(void **state)
{
    (void)state;
    static const tt_context_key user = {"user"}, tenant = {"tenant"};
    static int one = 1, two = 2;
    destroyed = 0;
    tt_context *a = tt_context_with_value(NULL, &user, &one, destroy);
    tt_context *b = tt_context_with_value(a, &user, &two, destroy);
    tt_context *c = tt_context_with_value(b, &tenant, &one, NULL);
    assert_ptr_equal(tt_context_value(a, &user), &one);
    assert_ptr_equal(tt_context_value(c, &user), &two);
    assert_ptr_equal(tt_context_value(c, &tenant), &one);
    assert_null(tt_context_value(a, &tenant));
    assert_null(tt_context_value(NULL, &user));
    tt_context_free(b);
    tt_context_free(a);
    assert_int_equal(destroyed, 0); // c has them
    tt_context_free(c);
    assert_int_equal(destroyed, 3);
}

static void test_baggage_has_metadata_and_may_be_cleared(void **state)
{
    (void)state;
    tt_context *a = tt_baggage_with_metadata(NULL, "k", "v", "ttl=30;secret");
    assert_string_equal(inject(TT_BAGGAGE, a, "baggage"), "k=v;ttl=30;secret");
    tt_context *b = tt_baggage_with_metadata(a, "k", "v", "a,b"); // would be two entries
    assert_string_equal(inject(TT_BAGGAGE, b, "baggage"), "k=v;ttl=30;secret");
    tt_context *c = tt_baggage_clear(b);
    assert_null(tt_baggage_get(c, "k"));
    assert_string_equal(inject(TT_BAGGAGE, c, "baggage"), "");
    tt_context_free(c);
    tt_context_free(b);
    tt_context_free(a);
}

static void test_each_wrong_digit_of_traceparent_is_found(void **state)
{
    (void)state;
    static const char right[] = "00-" TRACE "-" SPAN "-01", wrong[] = "/:@G`gAF \x80\xff";
    char text[sizeof right];
    for (size_t i = 0; i + 1 < sizeof right; i++) {
        for (const char *w = wrong; *w; w++) {
            memcpy(text, right, sizeof right);
            text[i] = *w;
            tt_context *c = extract(TT_W3C, "traceparent", text, NULL, NULL);
            assert_string_equal(span_text(c), "");
            tt_context_free(c);
        }
    }
}

static void test_propagators_are_named_by_the_environment(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("OTEL_PROPAGATORS"), 0);
    assert_int_equal(tt_propagators_from_environment(), TT_W3C | TT_BAGGAGE);
    assert_int_equal(setenv("OTEL_PROPAGATORS", "b3multi, jaeger,tracecontext", 1), 0);
    assert_int_equal(tt_propagators_from_environment(), TT_B3_MULTI | TT_JAEGER | TT_W3C);
    assert_int_equal(setenv("OTEL_PROPAGATORS", "none", 1), 0);
    assert_int_equal(tt_propagators_from_environment(), 0);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(setenv("OTEL_PROPAGATORS", "xray,b3", 1), 0);
    assert_int_equal(tt_propagators_from_environment(), TT_B3);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traceparent_is_read_as_w3c_says),
        cmocka_unit_test(test_tracestate_is_kept_or_dropped_as_a_whole),
        cmocka_unit_test(test_tracestate_beyond_32_members_or_512_bytes_is_left_out),
        cmocka_unit_test(test_b3_is_read),
        cmocka_unit_test(test_debug_flag_goes_on_to_children_and_in_the_headers_that_have_one),
        cmocka_unit_test(test_jaeger_is_read),
        cmocka_unit_test(test_what_is_injected_is_extracted),
        cmocka_unit_test(test_nothing_is_injected_for_an_empty_context),
        cmocka_unit_test(test_current_context_is_injected),
        cmocka_unit_test(test_baggage_is_set_read_and_removed),
        cmocka_unit_test(test_baggage_travels_encoded),
        cmocka_unit_test(test_baggage_header_is_read_with_metadata),
        cmocka_unit_test(test_baggage_has_limits),
        cmocka_unit_test(test_context_goes_to_child_processes_by_variables),
        cmocka_unit_test(test_opentracing_headers_are_read_and_written),
        cmocka_unit_test(test_jaegers_baggage_has_headers_of_its_own),
        cmocka_unit_test(test_correlation_id_goes_in_and_out),
        cmocka_unit_test(test_correlation_id_with_a_line_break_is_refused),
        cmocka_unit_test(test_fields_of_propagators_are_told),
        cmocka_unit_test(test_values_of_the_program_go_with_the_context),
        cmocka_unit_test(test_baggage_has_metadata_and_may_be_cleared),
        cmocka_unit_test(test_each_wrong_digit_of_traceparent_is_found),
        cmocka_unit_test(test_propagators_are_named_by_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
