/* What Grafana and Jaeger's own page ask for. Neither checks much, and their parameters differ by
 * version: times come in microseconds or milliseconds, durations as Go writes them, tags as a JSON
 * object, as "key:value", or not at all. */
#include "api/jaeger/search.h"

#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/json_read.h"

enum { LIMIT = 100, LIMIT_MAX = 1500, IDS_MAX = 1000, TAGS_MAX = 100, TRACE_ID_BYTES = 16 };

#define LOOKBACK_NS (48 * 3600 * NS_PER_S) /* as Jaeger's */
#define DEPENDENCIES_NS (24 * 3600 * NS_PER_S)

struct reading {
    const struct http_request *http;
    struct arena *arena;
    struct jaeger_search *out;
    size_t n_tags;
    struct err *err;
};

static int bad(struct reading *r, const char *name, struct str value, const char *expected)
{
    return err_set(r->err, ERR_INVALID, "parameter '%s': cannot read \"%.*s\"; expected %s", name,
                   STR_ARG(str_sub(value, 0, 100)), expected);
}

static void demand(struct reading *r, struct predicate p)
{
    r->out->where = where_both(r->arena, r->out->where, p);
}

/* --- tags ------------------------------------------------------------------------------------- */

static struct predicate equals(struct arena *a, struct column_ref column, struct str value)
{
    double number;
    struct predicate p = where_leaf(PREDICATE_EQ, column, any_string(value));
    bool yes = str_eq(value, STR("true")), no = str_eq(value, STR("false"));
    if (yes || no)
        p = where_either(a, p, where_leaf(PREDICATE_EQ, column, any_bool(yes)));
    int64_t whole;
    if (num_parse_i64(value, &whole) == 0)
        p = where_either(a, p, where_leaf(PREDICATE_EQ, column, any_int(whole)));
    else if (num_parse_double(value, &number) == 0)
        p = where_either(a, p, where_leaf(PREDICATE_EQ, column, any_double(number)));
    return p;
}

static struct column_ref source_column(enum source_field field)
{
    return (struct column_ref){.origin = COLUMN_SOURCE, .field = (int)field};
}

/* What write.c makes tags of; PREDICATE_OR without children (nothing) for other keys. */
static struct predicate where_made_tag(struct arena *a, struct str key, struct str value)
{
    int kind = span_kind_parse(value), status = span_status_parse(value);
    if (str_eq(key, STR("error"))) {
        struct predicate p = where_field(PREDICATE_EQ, SPAN_STATUS_CODE, any_int(2));
        return str_eq(value, STR("false"))  ? where_not(a, p)
               : str_eq(value, STR("true")) ? p
                                            : (struct predicate){.op = PREDICATE_OR};
    }
    if (str_eq(key, STR("span.kind")) && kind >= 0)
        return where_field(PREDICATE_EQ, SPAN_KIND, any_int(kind));
    if (str_eq(key, STR("otel.status_code")) && status >= 0)
        return where_field(PREDICATE_EQ, SPAN_STATUS_CODE, any_int(status));
    if (str_eq(key, STR("otel.status_description")))
        return where_field(PREDICATE_EQ, SPAN_STATUS_MESSAGE, any_string(value));
    if (str_eq(key, STR("w3c.tracestate")))
        return where_field(PREDICATE_EQ, SPAN_TRACE_STATE, any_string(value));
    if (str_eq(key, STR("otel.scope.name")) || str_eq(key, STR("otel.library.name")))
        return where_leaf(PREDICATE_EQ, source_column(SOURCE_SCOPE_NAME), any_string(value));
    if (str_eq(key, STR("otel.scope.version")) || str_eq(key, STR("otel.library.version")))
        return where_leaf(PREDICATE_EQ, source_column(SOURCE_SCOPE_VERSION), any_string(value));
    return (struct predicate){.op = PREDICATE_OR};
}

struct predicate jaeger_where_tag(struct arena *a, struct str key, struct str value)
{
    struct predicate p = where_either(a, equals(a, attribute_column(key), value),
                                      equals(a, resource_column(key), value));
    return where_either(a, p, where_made_tag(a, key, value));
}

static int add_tag(struct reading *r, struct str key, struct str value)
{
    if (r->n_tags++ == TAGS_MAX)
        return err_set(r->err, ERR_INVALID, "parameter 'tags': more than %d tags", TAGS_MAX);
    demand(r, jaeger_where_tag(r->arena, key, value));
    return 0;
}

/* A member's value as text: strings as they are, numbers and truth values as JSON writes them. */
static struct str tag_text(struct json_reader *json)
{
    switch (json_peek(json)) {
    case JSON_KIND_STRING: return json_read_string(json);
    case JSON_KIND_NUMBER: return json_read_number(json);
    case JSON_KIND_BOOL: return json_read_bool(json) ? STR("true") : STR("false");
    default: json_damage(json, "expected a text"); return (struct str){0};
    }
}

static int read_tags_object(struct reading *r, const char *name, struct str text)
{
    struct json_reader json = json_reader_of(text, r->arena, 2);
    struct str key;
    int rc = 0;
    json_enter_object(&json);
    while (rc == 0 && json_next_member(&json, &key)) {
        struct str value = tag_text(&json);
        rc = json_failed(&json) ? 0 : add_tag(r, key, value);
    }
    json_finish(&json);
    if (rc == 0 && json_failed(&json))
        return bad(r, name, text, "a JSON object of text");
    return rc;
}

static int read_tag_pair(struct reading *r, struct str text)
{
    struct str value = text, key = str_cut(&value, ':');
    if (!value.p || key.n == 0)
        return err_set(r->err, ERR_INVALID,
                       "malformed 'tag' parameter, expected key:value, received: %.*s",
                       STR_ARG(str_sub(text, 0, 100)));
    return add_tag(r, key, value);
}

static int read_tags(struct reading *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->http->n_params; i++) {
        const struct http_param *p = &r->http->params[i];
        if (str_eq(p->name, STR("tag")))
            rc = read_tag_pair(r, p->value);
        else if (str_eq(p->name, STR("tags")) && p->value.n)
            rc = read_tags_object(r, "tags", p->value);
    }
    return rc;
}

/* --- the other parameters --------------------------------------------------------------------- */

static int read_time(struct reading *r, const char *name, int64_t *out_unix_ns)
{
    struct str text = http_param(r->http, name);
    if (text.n && !parse_time_ns(text, out_unix_ns))
        return bad(r, name, text, "a time");
    return 0;
}

static int read_duration(struct reading *r, const char *name, enum predicate_op op, int64_t *out_ns)
{
    struct str text = http_param(r->http, name);
    if (text.n == 0)
        return 0;
    if (!parse_duration_ns(text, 0, out_ns))
        return bad(r, name, text, "a duration like 1.2s, 100ms or 500us");
    demand(r, where_field(op, SPAN_DURATION_NS, any_int(*out_ns)));
    return 0;
}

static int read_durations(struct reading *r, const char *least, const char *most)
{
    int64_t min_ns = INT64_MIN, max_ns = INT64_MAX;
    int rc = read_duration(r, least, PREDICATE_GE, &min_ns);
    if (rc == 0)
        rc = read_duration(r, most, PREDICATE_LE, &max_ns);
    if (rc == 0 && min_ns > max_ns)
        return err_set(r->err, ERR_INVALID, "'%s' should be greater than '%s'", most, least);
    return rc;
}

static int read_limit(struct reading *r, const char *name)
{
    struct str text = http_param(r->http, name);
    uint64_t n = LIMIT;
    if (text.n && num_parse_u64(text, &n) != 0)
        return bad(r, name, text, "a number");
    r->out->limit = n == 0 ? LIMIT : MIN(n, (uint64_t)LIMIT_MAX);
    return 0;
}

static void read_names(struct reading *r, const char *service, const char *operation)
{
    struct str name = http_param(r->http, service);
    if (name.n)
        demand(r, where_service(r->arena, name));
    name = http_param(r->http, operation);
    if (name.n && !str_eq(name, STR("all")))
        demand(r, where_field(PREDICATE_EQ, SPAN_NAME, any_string(name)));
}

static int read_ids(struct reading *r)
{
    struct jaeger_search *s = r->out;
    s->ids = arena_array(r->arena, MIN(r->http->n_params, (size_t)IDS_MAX), sizeof *s->ids);
    for (size_t i = 0; s->ids && i < r->http->n_params; i++) {
        const struct http_param *p = &r->http->params[i];
        if (!str_eq(p->name, STR("traceID")))
            continue;
        struct str id = parse_id(r->arena, p->value, TRACE_ID_BYTES);
        if (!id.p)
            return bad(r, "traceID", p->value, "up to 32 hexadecimal digits");
        if (s->n_ids == IDS_MAX)
            return err_set(r->err, ERR_INVALID, "parameter 'traceID': more than %d", IDS_MAX);
        s->ids[s->n_ids++] = id;
    }
    return 0;
}

static struct reading begin(const struct http_request *http, struct arena *a,
                            struct jaeger_search *out, struct err *err)
{
    int64_t now = time_now_unix_ns();
    *out = (struct jaeger_search){.where = {.op = PREDICATE_AND},
                                  .min_unix_ns = now - LOOKBACK_NS,
                                  .max_unix_ns = now,
                                  .limit = LIMIT};
    return (struct reading){.http = http, .arena = a, .out = out, .err = err};
}

/* `back` (not negative) before t, or the earliest time. */
static int64_t before(int64_t t, int64_t back)
{
    return t > INT64_MIN + back ? t - back : INT64_MIN;
}

/* "1h", "2d" before the end; Grafana and Jaeger's page send "custom" with a start beside it. */
static void read_lookback(struct reading *r)
{
    int64_t ns;
    if (http_param(r->http, "start").n == 0 &&
        parse_duration_ns(http_param(r->http, "lookback"), 0, &ns) && ns >= 0)
        r->out->min_unix_ns = before(r->out->max_unix_ns, ns);
}

static int check_times(struct reading *r)
{
    if (r->out->min_unix_ns > r->out->max_unix_ns)
        return err_set(r->err, ERR_INVALID, "parameter 'start': later than 'end'");
    return arena_failed(r->arena) ? err_set(r->err, ERR_NOMEM, "out of memory") : 0;
}

int jaeger_read_search(const struct http_request *http, struct arena *a, struct jaeger_search *out,
                       struct err *err)
{
    struct reading r = begin(http, a, out, err);
    int rc = read_ids(&r);
    if (rc == 0 && out->n_ids == 0 && http_param(http, "service").n == 0)
        return err_set(err, ERR_INVALID, "parameter 'service' is required");
    if (rc == 0)
        rc = read_time(&r, "end", &out->max_unix_ns);
    if (rc == 0) {
        out->min_unix_ns = before(out->max_unix_ns, LOOKBACK_NS);
        read_lookback(&r);
        rc = read_time(&r, "start", &out->min_unix_ns);
    }
    if (rc == 0)
        rc = read_durations(&r, "minDuration", "maxDuration");
    if (rc == 0)
        rc = read_limit(&r, "limit");
    if (rc == 0)
        rc = read_tags(&r);
    if (rc != 0)
        return rc;
    read_names(&r, "service", "operation");
    return check_times(&r);
}

int jaeger_read_raw(const struct http_request *http, const char *name, struct err *err)
{
    static const char *const words[] = {"1", "t", "T", "TRUE",  "true",  "True",
                                        "0", "f", "F", "FALSE", "false", "False"};
    struct reading r = {.http = http, .err = err};
    struct str text = http_param(http, name);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (text.n == 0 || str_eq(text, str_c(words[i])))
            return 0;
    return bad(&r, name, text, "true or false");
}

int jaeger_read_search_v3(const struct http_request *http, struct arena *a,
                          struct jaeger_search *out, struct err *err)
{
    struct reading r = begin(http, a, out, err);
    const char *depth =
        http_param(http, "query.search_depth").n ? "query.search_depth" : "query.num_traces";
    struct str attributes = http_param(http, "query.attributes");
    int rc = read_time(&r, "query.start_time_min", &out->min_unix_ns);
    if (rc == 0)
        rc = read_time(&r, "query.start_time_max", &out->max_unix_ns);
    if (rc == 0)
        rc = read_durations(&r, "query.duration_min", "query.duration_max");
    if (rc == 0)
        rc = read_limit(&r, depth);
    if (rc == 0 && attributes.n)
        rc = read_tags_object(&r, "query.attributes", attributes);
    if (rc == 0)
        rc = jaeger_read_raw(http, "query.raw_traces", err);
    if (rc != 0)
        return rc;
    read_names(&r, "query.service_name", "query.operation_name");
    return check_times(&r);
}

int jaeger_read_range(const struct http_request *http, int64_t *out_min_unix_ns,
                      int64_t *out_max_unix_ns, struct err *err)
{
    struct reading r = {.http = http, .err = err};
    struct str lookback = http_param(http, "lookback");
    int64_t back = DEPENDENCIES_NS;
    *out_max_unix_ns = time_now_unix_ns();
    int rc = read_time(&r, "endTs", out_max_unix_ns);
    if (rc == 0)
        rc = read_time(&r, "end_time", out_max_unix_ns);
    if (rc == 0 && lookback.n && (!parse_duration_ns(lookback, NS_PER_MS, &back) || back < 0))
        rc = bad(&r, "lookback", lookback, "milliseconds");
    if (rc != 0)
        return rc;
    *out_min_unix_ns = before(*out_max_unix_ns, back);
    return read_time(&r, "start_time", out_min_unix_ns);
}
