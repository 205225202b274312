/* The language of searches: what each text means, as a tree in brackets. */

#include "base/buf.h"
#include "model/record.h"
#include "query/records/filter.h"
#include "support/check.h"

static const char *const op_names[] = {"and", "or", "not", "exists", "eq",       "lt",    "le",
                                       "gt",  "ge", "re",  "has",    "has-case", "phrase"};

static void put_column(struct buf *out, enum record_table table, const struct column_ref *c)
{
    static const char *const origins[] = {"time",      "",       "attributes.",
                                          "resource.", "scope.", "source"};
    size_t n;
    buf_puts(out, origins[c->origin]);
    if (c->origin == COLUMN_FIELD)
        buf_puts(out, record_fields(table, &n)[c->field].name);
    else if (c->origin == COLUMN_SOURCE)
        buf_put_u64(out, (uint64_t)c->field);
    else
        buf_put_str(out, c->name);
}

static void put_value(struct buf *out, const struct any *v)
{
    switch (v->type) {
    case ANY_STRING: buf_printf(out, " '%.*s'", STR_ARG(any_text(v))); break;
    case ANY_BYTES:
        buf_putc(out, ' ');
        for (uint32_t i = 0; i < v->n; i++)
            buf_printf(out, "%02x", (unsigned char)v->as.text[i]);
        break;
    case ANY_INT: buf_printf(out, " %lld", (long long)v->as.integer); break;
    case ANY_DOUBLE: buf_printf(out, " %g", v->as.number); break;
    case ANY_BOOL: buf_puts(out, v->as.boolean ? " true" : " false"); break;
    default: break;
    }
}

static void put(struct buf *out, enum record_table table, const struct predicate *p)
{
    buf_printf(out, "(%s", p->op == PREDICATE_CONTAINS_NOCASE ? "has" : op_names[p->op]);
    if (p->op > PREDICATE_NOT) {
        buf_putc(out, ' ');
        put_column(out, table, &p->column);
        put_value(out, &p->value);
    }
    for (size_t i = 0; i < p->n_children; i++) {
        buf_putc(out, ' ');
        put(out, table, &p->children[i]);
    }
    buf_putc(out, ')');
}

static void check(enum record_table table, const char *text, const char *expected)
{
    struct arena a;
    struct record_filter f;
    struct err err = {0};
    struct buf out = BUF_MAX(1 << 16);
    arena_init(&a, 1 << 20);
    if (record_filter_parse(table, str_c(text), &a, &f, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    put(&out, table, &f.where);
    buf_putc(&out, '\0');
    if (strcmp(out.p, expected) != 0)
        fail_msg("%s\n  means    %s\n  expected %s", text, out.p, expected);
    record_filter_done(&f);
    buf_done(&out);
    arena_done(&a);
}

static void check_error(enum record_table table, const char *text, const char *message)
{
    struct arena a;
    struct record_filter f;
    struct err err = {0};
    arena_init(&a, 1 << 20);
    assert_true(record_filter_parse(table, str_c(text), &a, &f, &err) < 0);
    if (strcmp(err.message, message) != 0)
        fail_msg("%s\n  says     %s\n  expected %s", text, err.message, message);
    arena_done(&a);
}

#define spans(text, expected) check(RECORD_SPANS, text, expected)
#define logs(text, expected) check(RECORD_LOGS, text, expected)

static void test_fields_have_short_names(void **state)
{
    (void)state;
    spans("service = shop", "(eq resource.service.name 'shop')");
    spans("name=\"GET /\"", "(eq name 'GET /')");
    spans("resource.host.name = a", "(eq resource.host.name 'a')");
    spans("attributes.a.b = x", "(eq attributes.a.b 'x')");
    spans("a.b = x", "(or (eq attributes.a.b 'x') (eq resource.a.b 'x'))");
    spans("\"strange = key\" = x",
          "(or (eq attributes.strange = key 'x') (eq resource.strange = key 'x'))");
    logs("event_name = x", "(eq event_name 'x')");
}

#define CONVERSATION "attributes.gen_ai.conversation.id"
#define UNNAMED "(not (gt resource.service.name ''))"

static void test_a_session_is_the_first_text_that_names_one(void **state)
{
    (void)state;
    const char *expected = "(or (or (eq " CONVERSATION " 's1') "
                           "(and (eq attributes.session.id 's1') (not (gt " CONVERSATION " '')))) "
                           "(and (eq attributes.mcp.session.id 's1') (and (not (gt " CONVERSATION
                           " '')) (not (gt attributes.session.id '')))))";
    spans("session = s1", expected);
    logs("session = \"s1\"", expected);
}

static void test_unknown_service_stands_for_records_without_a_name(void **state)
{
    (void)state;
    spans("service = unknown_service",
          "(or (eq resource.service.name 'unknown_service') " UNNAMED ")");
    spans("service = 42", "(eq resource.service.name '42')");
    logs("service : NOWN", "(or (and (has resource.service.name 'nown') (gt resource.service.name "
                           "'')) " UNNAMED ")");
    logs("service : shop",
         "(and (has resource.service.name 'shop') (gt resource.service.name ''))");
    spans("service =~ \"^un\"",
          "(or (and (re resource.service.name) (gt resource.service.name '')) " UNNAMED ")");
    spans("service < v",
          "(or (and (lt resource.service.name 'v') (gt resource.service.name '')) " UNNAMED ")");
    spans("service > v", "(and (gt resource.service.name 'v') (gt resource.service.name ''))");
    spans("resource.service.name = 42",
          "(or (eq resource.service.name 42) (eq resource.service.name '42'))");
}

static void test_values_are_what_the_field_expects(void **state)
{
    (void)state;
    spans("status = error", "(eq status_code 2)");
    spans("kind = server", "(eq kind 2)");
    spans("duration > 1.5s", "(gt duration_ns 1500000000)");
    spans("duration <= 300us", "(le duration_ns 300000)");
    spans("parent_id = 1", "(eq parent_span_id 0000000000000001)");
    spans("trace_id = aBc", "(eq trace_id 00000000000000000000000000000abc)");
    spans("time >= 2026-11-21T12:00:00.5Z", "(ge time 1795262400500000000)");
    spans("attributes.n = 5", "(or (eq attributes.n 5) (eq attributes.n '5'))");
    spans("attributes.n >= 2.5", "(ge attributes.n 2.5)");
    spans("attributes.n = \"5\"", "(eq attributes.n '5')");
    spans("attributes.n = '5'", "(eq attributes.n '5')");
    spans("name = 'a \"b\" \\'c\\' \\\\'", "(eq name 'a \"b\" 'c' \\')");
    spans("'a b' = \"it's\"", "(or (eq attributes.a b 'it's') (eq resource.a b 'it's'))");
    logs("don't 'not that'", "(and (phrase body 'don't') (phrase body 'not that'))");
    spans("attributes.b = true", "(or (eq attributes.b true) (eq attributes.b 'true'))");
}

static void test_severities_are_ranges(void **state)
{
    (void)state;
    logs("severity >= warn", "(ge severity 13)");
    logs("level > WARN", "(gt severity 16)");
    logs("severity <= info", "(not (gt severity 12))");
    logs("severity < error", "(not (ge severity 17))");
    logs("severity = error", "(and (ge severity 17) (le severity 20))");
    logs("severity != 9", "(not (eq severity 9))");
    logs("severity = fatal", "(and (ge severity 21) (le severity 9223372036854775807))");
    logs("severity > fatal", "(gt severity 9223372036854775807)");
    logs("severity = none", "(not (gt severity 0))");
    logs("level != None", "(not (not (gt severity 0)))");
    logs("severity > none", "(gt severity 0)");
    logs("severity >= none", "(and)");
    logs("severity < none", "(or)");
    logs("severity <= none", "(not (gt severity 0))");
}

/* Most records come without one: it is 0, whatever it is compared with. */
static void test_an_absent_severity_is_zero(void **state)
{
    (void)state;
    logs("severity = 0", "(or (eq severity 0) (not (exists severity)))");
    logs("severity != 0", "(not (or (eq severity 0) (not (exists severity))))");
    logs("severity = 5", "(eq severity 5)");
    logs("severity < 5", "(not (ge severity 5))");
    logs("severity <= 5", "(not (gt severity 5))");
    logs("severity > 5", "(gt severity 5)");
    logs("severity >= 5", "(ge severity 5)");
    logs("severity < 0", "(lt severity 0)");
    logs("severity <= 0", "(not (gt severity 0))");
    logs("severity > 0", "(gt severity 0)");
    logs("severity >= 0", "(not (lt severity 0))");
    logs("severity < -1", "(lt severity -1)");
    logs("severity <= -1", "(le severity -1)");
    logs("severity > -1", "(not (le severity -1))");
    logs("severity < debug", "(not (ge severity 5))");
    logs("severity <= debug", "(not (gt severity 8))");
    logs("severity <= fatal", "(not (gt severity 9223372036854775807))");
    logs("not severity < debug", "(not (not (ge severity 5)))");
}

static void test_words_are_searched_where_numbers_are_shown_as_words(void **state)
{
    (void)state;
    spans("kind =~ \"^(c|s).*r$\"", "(or (eq kind 2) (eq kind 5))");
    spans("kind : Serv", "(eq kind 2)");
    spans("status !~ ok", "(not (eq status_code 1))");
    logs("severity : warn", "(and (ge severity 13) (le severity 16))");
    logs("level =~ \"(err|fat)\"", "(or (and (ge severity 17) (le severity 20)) "
                                   "(and (ge severity 21) (le severity 9223372036854775807)))");
    logs("level !: o", "(not (or (or (not (gt severity 0)) (and (ge severity 9) (le severity 12))) "
                       "(and (ge severity 17) (le severity 20))))");
    spans("exists kind", "(exists kind)");
}

static void test_terms_are_joined(void **state)
{
    (void)state;
    spans("", "(and)");
    spans("  ", "(and)");
    spans("name=a kind=2", "(and (eq name 'a') (eq kind 2))");
    spans("name=a AND kind=2 or kind=3", "(or (and (eq name 'a') (eq kind 2)) (eq kind 3))");
    spans("name=a and (kind=2 or kind=3)", "(and (eq name 'a') (or (eq kind 2) (eq kind 3)))");
    spans("not name=a", "(not (eq name 'a'))");
    spans("!(name=a)", "(not (eq name 'a'))");
    spans("not not name=a", "(not (not (eq name 'a')))");
    spans("exists scope.name", "(exists source0)");
    spans("not exists attributes.x kind=1", "(and (not (exists attributes.x)) (eq kind 1))");
    spans("attributes.or = 1x", "(eq attributes.or '1x')");
    spans("or = x", "(or (eq attributes.or 'x') (eq resource.or 'x'))");
}

static void test_operators(void **state)
{
    (void)state;
    spans("name != a", "(not (eq name 'a'))");
    spans("name =~ ^a.*", "(re name)");
    spans("name !~ \"a|b\"", "(not (re name))");
    spans("name : GeT", "(has name 'get')");
    spans("name !: x", "(not (has name 'x'))");
    spans("name == a", "(eq name 'a')");
    spans("name = \"a\\\"b\\\\c\\d\"", "(eq name 'a\"b\\c\\d')");
    spans("attributes.url = http://x:80/?a=b", "(eq attributes.url 'http://x:80/?a=b')");
}

static void test_text_alone_is_looked_for_in_the_body(void **state)
{
    (void)state;
    logs("Timeout", "(phrase body 'timeout')");
    logs("\"Connection refused\" db",
         "(and (phrase body 'connection refused') (phrase body 'db'))");
    logs("not timeout severity=info",
         "(and (not (phrase body 'timeout')) (and (ge severity 9) (le severity 12)))");
    logs("service=a or (oops and again)",
         "(or (eq resource.service.name 'a') (and (phrase body 'oops') (phrase body 'again')))");
}

static void test_what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    check_error(RECORD_SPANS, "name",
                "1: expected an operator (=, !=, =~, !~, <, <=, >, >=, :) "
                "behind the field at \"name\"");
    check_error(RECORD_SPANS, "name =", "7: expected a value at the end");
    check_error(RECORD_SPANS, "(name = a", "1: a parenthesis that is not closed at \"(name = a\"");
    check_error(RECORD_SPANS, "name = a)", "9: expected and, or, or the end at \")\"");
    check_error(RECORD_SPANS, "name = 'a\"", "8: a quotation that does not end at \"'a\"\"");
    check_error(RECORD_SPANS, "name = \"a", "8: a quotation that does not end at \"\"a\"");
    check_error(RECORD_SPANS, "duration > fast",
                "duration: \"fast\"; expected a duration like 1.5s or 300ms");
    check_error(RECORD_SPANS, "duration : 5",
                "duration is not text: expected =, !=, <, <=, > or >= behind it");
    check_error(RECORD_LOGS, "trace_id =~ ^ab",
                "trace_id is not text: expected =, !=, <, <=, > or >= behind it");
    check_error(RECORD_SPANS, "status = bad", "status: \"bad\"; expected unset, ok or error");
    check_error(RECORD_SPANS, "trace_id = xyz", "trace_id: \"xyz\"; expected hexadecimal digits");
    check_error(
        RECORD_LOGS, "severity = loud",
        "severity: \"loud\"; expected none, trace, debug, info, warn, error, fatal or a number");
    check_error(RECORD_SPANS, "name =~ \"(\"",
                "regular expression \"(\": missing closing parenthesis at position 1");
    check_error(RECORD_SPANS, "a = b or", "9: expected a field or a term at the end");
}

static void test_nesting_and_length_have_limits(void **state)
{
    (void)state;
    char deep[200] = {0};
    memset(deep, '(', 100);
    check_error(RECORD_LOGS, deep, "more than 64 terms within each other");
    static char many[4001];
    for (size_t i = 0; i < 4000; i += 2)
        memcpy(many + i, "a ", 2);
    check_error(RECORD_LOGS, many, "more than 1000 terms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_have_short_names),
        cmocka_unit_test(test_a_session_is_the_first_text_that_names_one),
        cmocka_unit_test(test_unknown_service_stands_for_records_without_a_name),
        cmocka_unit_test(test_values_are_what_the_field_expects),
        cmocka_unit_test(test_severities_are_ranges),
        cmocka_unit_test(test_an_absent_severity_is_zero),
        cmocka_unit_test(test_words_are_searched_where_numbers_are_shown_as_words),
        cmocka_unit_test(test_terms_are_joined),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_text_alone_is_looked_for_in_the_body),
        cmocka_unit_test(test_what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(test_nesting_and_length_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
