/* OTLP from JSON, by the tables of otlp_schema.h. OTLP's rules over those of protobuf's JSON: names
 * are in lowerCamelCase only, ids are hex, enumerators are numbers; unknown members are passed
 * over, null is the default value. */
#include "codec/base64.h"
#include "codec/field_path.h"
#include "codec/json_read.h"
#include "codec/otlp_schema.h"

#include "base/num.h"

/* A reader of the document and the state that both decoders have. */
struct json_decoder {
    struct otlp_decoder d;
    struct json_reader r;
};

enum { JSON_DEPTH_BEYOND = 64 }; /* of unknown members, over what the messages themselves need */

/* ---- names ---- */

/* "timeUnixNano" against "time_unix_nano". */
static bool is_camel_case_of(struct str key, const char *name)
{
    size_t i = 0;
    for (; *name; name++) {
        char c = *name;
        if (c == '_') {
            name++;
            c = (char)(*name - 'a' + 'A');
        }
        if (i == key.n || key.p[i++] != c)
            return false;
    }
    return i == key.n;
}

static const struct otlp_field *field_of(const struct otlp_message *m, struct str key)
{
    for (size_t i = 0; i < PB_COUNTED; i++)
        if (m->fields[i].name && is_camel_case_of(key, m->fields[i].name))
            return &m->fields[i];
    return NULL;
}

/* ---- numbers ---- */

/* A number, or its text in a string, as protobuf's JSON allows both for all; *out_raw is how it
 * stands in the document. */
static struct str number_text(struct json_reader *r, struct str *out_raw)
{
    bool quoted = json_peek(r) == JSON_KIND_STRING;
    const char *begin = r->at;
    struct str text = quoted ? json_read_string(r) : json_read_number(r);
    *out_raw = str_of(begin, r->damage ? 0 : (size_t)(r->at - begin));
    return text;
}

/* 1.0 and 1e3 are integers too: encoders whose numbers are all doubles write such. */
static bool exact_integer(struct str text, double *out)
{
    return num_parse_double(text, out) == 0 && *out == (double)(int64_t)MAX(MIN(*out, 9e18), -9e18);
}

static int64_t read_signed(struct json_reader *r, struct str *out_raw)
{
    struct str text = number_text(r, out_raw);
    int64_t v = 0;
    double f64;
    if (r->damage || num_parse_i64(text, &v) == 0)
        return v;
    if (exact_integer(text, &f64))
        return (int64_t)f64;
    json_unexpected(r, "expected an integer of 64 bits", *out_raw);
    return 0;
}

static int64_t read_i64(struct json_reader *r)
{
    struct str raw;
    return read_signed(r, &raw);
}

static uint64_t read_unsigned(struct json_reader *r, struct str *out_raw)
{
    struct str text = number_text(r, out_raw);
    uint64_t v = 0;
    double f64;
    if (r->damage || num_parse_u64(text, &v) == 0)
        return v;
    if (exact_integer(text, &f64) && f64 >= 0)
        return (uint64_t)f64;
    json_unexpected(r, "expected an integer of 64 bits that is not negative", *out_raw);
    return 0;
}

static uint64_t read_u64(struct json_reader *r)
{
    struct str raw;
    return read_unsigned(r, &raw);
}

static int32_t read_i32(struct json_reader *r)
{
    struct str raw;
    int64_t v = read_signed(r, &raw);
    if (v < INT32_MIN || v > INT32_MAX)
        json_unexpected(r, "expected an integer of 32 bits", raw);
    return r->damage ? 0 : (int32_t)v;
}

static uint32_t read_u32(struct json_reader *r)
{
    struct str raw;
    uint64_t v = read_unsigned(r, &raw);
    if (v > UINT32_MAX)
        json_unexpected(r, "expected an integer of 32 bits", raw);
    return r->damage ? 0 : (uint32_t)v;
}

/* "NaN", "Infinity" and "-Infinity" have no word in JSON and come as strings. */
static double read_f64(struct json_reader *r)
{
    struct str raw, text = number_text(r, &raw);
    double v = 0;
    if (!r->damage && num_parse_double(text, &v) != 0)
        json_unexpected(r, "expected a number", raw);
    return v;
}

static int32_t read_enum(struct json_reader *r)
{
    if (json_peek(r) == JSON_KIND_STRING)
        json_damage(r, "expected the enumerator's number");
    return r->damage ? 0 : read_i32(r);
}

/* ---- bytes ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(struct str text, char *out)
{
    for (size_t i = 0; i + 1 < text.n; i += 2) {
        int high = hex_value(text.p[i]), low = hex_value(text.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (char)(high << 4 | low);
    }
    return text.n % 2 == 0;
}

/* What is no hex stays text, with a zero byte where it would be as long as an id: one bad id is its
 * row's matter, not the request's. */
static struct str read_hex(struct json_reader *r)
{
    struct str text = json_read_string(r);
    char *p = r->damage ? NULL : arena_alloc(r->arena, text.n + 1);
    if (!p) {
        json_damage(r, "no memory for an id");
        return (struct str){0};
    }
    if (decode_hex(text, p))
        return str_of(p, text.n / 2);
    memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    return str_of(p, text.n + (text.n == OTLP_TRACE_ID_BYTES || text.n == OTLP_SPAN_ID_BYTES));
}

static struct str read_base64(struct json_reader *r)
{
    struct str text = json_read_string(r), bytes = {0};
    int rc = r->damage ? 0 : base64_decode(text, r->arena, &bytes);
    if (rc != 0)
        json_damage(r, rc == ERR_NOMEM ? "no memory for bytes" : "expected base64");
    return bytes;
}

/* ---- arrays ---- */

/* An array that grows in the arena. */
struct growing {
    void *v;
    size_t n, cap;
};

/* A zeroed element more, or NULL. */
static void *grow(struct growing *g, size_t size, struct arena *arena)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 4;
        void *v = arena_grow(arena, g->v, g->n, cap, size);
        if (!v)
            return NULL;
        g->v = v;
        g->cap = cap;
    }
    return (char *)g->v + g->n++ * size;
}

static int read_numbers(struct json_decoder *j, const struct otlp_field *f, void *message)
{
    struct growing g = {0};
    json_enter_array(&j->r);
    while (json_next_element(&j->r)) {
        void *to = grow(&g, sizeof(uint64_t), j->d.arena);
        if (!to)
            return otlp_no_memory(&j->d, f->name);
        if (f->kind == OTLP_FIELD_DOUBLES)
            *(double *)to = read_f64(&j->r);
        else
            *(uint64_t *)to = read_u64(&j->r);
    }
    otlp_set_array(f, message, g.v, g.n);
    return 0;
}

static int read_message(struct json_decoder *j, const struct otlp_field *f, void *out);

static int read_elements(struct json_decoder *j, const struct otlp_field *f, void *message)
{
    struct growing g = {0};
    json_enter_array(&j->r);
    while (json_next_element(&j->r)) {
        int rc = otlp_check_limit(&j->d, f, g.n + 1, 1);
        if (rc != 0)
            return rc;
        void *to = grow(&g, f->message->size, j->d.arena);
        if (!to)
            return otlp_no_memory(&j->d, f->name);
        rc = read_message(j, f, to);
        if (rc != 0)
            return err_in_element(j->d.err, rc, f->name, g.n - 1);
    }
    otlp_set_array(f, message, g.v, g.n);
    return 0;
}

/* ---- messages ---- */

static void read_optional(struct json_reader *r, const struct otlp_field *f, void *message)
{
    double v = read_f64(r);
    bool has = true;
    memcpy((char *)message + f->offset, &v, sizeof v);
    memcpy((char *)message + f->aux, &has, sizeof has);
}

static int read_field(struct json_decoder *j, const struct otlp_field *f, void *message)
{
    struct json_reader *r = &j->r;
    void *place = otlp_field_place(f, message);
    switch (f->kind) {
    case OTLP_FIELD_NONE: break;
    case OTLP_FIELD_FIXED64:
        if (f->choice)
            *(int64_t *)place = read_i64(r); // as_int is signed
        else
            *(uint64_t *)place = read_u64(r);
        break;
    case OTLP_FIELD_FIXED64_F64: *(double *)place = (double)read_i64(r); break;
    case OTLP_FIELD_DOUBLE: *(double *)place = read_f64(r); break;
    case OTLP_FIELD_OPTIONAL_DOUBLE: read_optional(r, f, message); break;
    case OTLP_FIELD_INT64: *(int64_t *)place = read_i64(r); break;
    case OTLP_FIELD_FIXED32:
    case OTLP_FIELD_UINT32: *(uint32_t *)place = read_u32(r); break;
    case OTLP_FIELD_SINT32: *(int32_t *)place = read_i32(r); break;
    case OTLP_FIELD_ENUM: *(int32_t *)place = read_enum(r); break;
    case OTLP_FIELD_BOOL: *(bool *)place = json_read_bool(r); break;
    case OTLP_FIELD_STRING: *(struct str *)place = json_read_string(r); break;
    case OTLP_FIELD_BYTES: *(struct str *)place = read_base64(r); break;
    case OTLP_FIELD_ID: *(struct str *)place = read_hex(r); break;
    case OTLP_FIELD_FIXED64S:
    case OTLP_FIELD_DOUBLES:
    case OTLP_FIELD_UINT64S: return read_numbers(j, f, message);
    case OTLP_FIELD_MESSAGES: return read_elements(j, f, message);
    case OTLP_FIELD_MESSAGE: {
        int rc = read_message(j, f, place);
        return rc ? err_in_field(j->d.err, rc, f->name) : 0;
    }
    }
    return 0;
}

static int read_members(struct json_decoder *j, const struct otlp_message *m, void *out)
{
    struct str key;
    const char *last = "object";
    json_enter_object(&j->r);
    while (json_next_member(&j->r, &key)) {
        const struct otlp_field *f = field_of(m, key);
        bool null = json_peek(&j->r) == JSON_KIND_NULL;
        last = f ? f->name : "unknown member";
        if (!f || null) {
            json_skip(&j->r);
            continue;
        }
        int rc = read_field(j, f, out);
        if (rc != 0)
            return rc;
    }
    return json_failed(&j->r) ? json_error(&j->r, last, j->d.err) : 0;
}

static int read_message(struct json_decoder *j, const struct otlp_field *f, void *out)
{
    int rc = otlp_enter(&j->d, f);
    if (rc != 0)
        return rc;
    rc = read_members(j, f->message, out);
    otlp_leave(&j->d, f);
    return rc;
}

int otlp_json_decode_message(struct str body, const struct otlp_message *m,
                             const struct otlp_limits *limits, struct arena *arena, void *out,
                             struct err *err)
{
    struct json_decoder j;
    memset(out, 0, m->size);
    otlp_decoder_init(&j.d, limits, arena, err);
    /* A nested value takes at most an object, its array and the object in it. */
    j.r = json_reader_of(body, arena, JSON_DEPTH_BEYOND + 6 * j.d.limits.max_depth);
    int rc = read_members(&j, m, out);
    if (rc != 0)
        return rc;
    json_finish(&j.r);
    if (json_failed(&j.r))
        return json_error(&j.r, "document", err);
    return 0;
}

int otlp_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                     struct otlp_request *out, struct err *err)
{
    struct otlp_request request;
    int rc = otlp_json_decode_message(body, &otlp_request_message, limits, arena, &request, err);
    if (rc == 0)
        *out = request;
    return rc;
}
