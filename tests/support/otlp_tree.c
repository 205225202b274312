#include "support/otlp_tree.h"

#include "base/compiler.h"
#include "base/num.h"
#include "codec/base64.h"
#include "codec/json_write.h"
#include "codec/otlp_schema.h"

/* ---- fields ---- */

static const void *at(const void *message, const struct otlp_field *f)
{
    return (const char *)message + f->offset;
}

static const void *array_of(const void *message, const struct otlp_field *f, size_t *out_n)
{
    const void *v;
    memcpy(&v, at(message, f), sizeof v);
    memcpy(out_n, (const char *)message + f->aux, sizeof *out_n);
    return v;
}

static bool has_optional(const void *message, const struct otlp_field *f)
{
    return *(const bool *)((const char *)message + f->aux);
}

/* Whether a oneof chose this member. */
static bool is_chosen(const void *message, const struct otlp_field *f)
{
    int32_t choice;
    memcpy(&choice, (const char *)message + f->choice_offset, sizeof choice);
    return choice == f->choice;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static size_t array_step(const struct otlp_field *f)
{
    return f->kind == OTLP_FIELD_MESSAGES ? f->message->size : 8;
}

/* ---- equality ---- */

static bool message_eq(const struct otlp_message *m, const void *a, const void *b);

static bool array_eq(const struct otlp_field *f, const void *a, const void *b)
{
    size_t n, m;
    const char *x = array_of(a, f, &n), *y = array_of(b, f, &m);
    bool same = n == m;
    for (size_t i = 0; i < n && same; i++, x += array_step(f), y += array_step(f)) {
        const void *p = x, *q = y;
        if (f->kind == OTLP_FIELD_MESSAGES)
            same = message_eq(f->message, p, q);
        else if (f->kind == OTLP_FIELD_DOUBLES)
            same = same_double(*(const double *)p, *(const double *)q);
        else
            same = *(const uint64_t *)p == *(const uint64_t *)q;
    }
    return same;
}

static bool field_eq(const struct otlp_field *f, const void *a, const void *b)
{
    const void *x = at(a, f), *y = at(b, f);
    switch (f->kind) {
    case OTLP_FIELD_NONE: return true;
    case OTLP_FIELD_FIXED64:
    case OTLP_FIELD_INT64: return *(const int64_t *)x == *(const int64_t *)y;
    case OTLP_FIELD_OPTIONAL_DOUBLE:
        return has_optional(a, f) == has_optional(b, f) &&
               same_double(*(const double *)x, *(const double *)y);
    case OTLP_FIELD_FIXED64_F64:
    case OTLP_FIELD_DOUBLE: return same_double(*(const double *)x, *(const double *)y);
    case OTLP_FIELD_FIXED32:
    case OTLP_FIELD_UINT32:
    case OTLP_FIELD_SINT32:
    case OTLP_FIELD_ENUM: return *(const int32_t *)x == *(const int32_t *)y;
    case OTLP_FIELD_BOOL: return *(const bool *)x == *(const bool *)y;
    case OTLP_FIELD_STRING:
    case OTLP_FIELD_BYTES:
    case OTLP_FIELD_ID: return str_eq(*(const struct str *)x, *(const struct str *)y);
    case OTLP_FIELD_MESSAGE: return message_eq(f->message, x, y);
    default: return array_eq(f, a, b);
    }
}

static bool message_eq(const struct otlp_message *m, const void *a, const void *b)
{
    for (size_t i = 0; i < PB_COUNTED; i++) {
        const struct otlp_field *f = &m->fields[i];
        if (f->choice && is_chosen(a, f) != is_chosen(b, f))
            return false;
        if ((!f->choice || is_chosen(a, f)) && !field_eq(f, a, b))
            return false;
    }
    return true;
}

bool otlp_tree_eq(const struct otlp_message *signal, const void *a, const void *b)
{
    return message_eq(signal, a, b);
}

/* ---- UTF-8 ---- */

static bool message_is_utf8(const struct otlp_message *m, const void *p)
{
    for (size_t i = 0; i < PB_COUNTED; i++) {
        const struct otlp_field *f = &m->fields[i];
        size_t n = 0;
        if (f->choice && !is_chosen(p, f))
            continue;
        if (f->kind == OTLP_FIELD_STRING && !str_is_utf8(*(const struct str *)at(p, f)))
            return false;
        if (f->kind == OTLP_FIELD_MESSAGE && !message_is_utf8(f->message, at(p, f)))
            return false;
        const char *v = f->kind == OTLP_FIELD_MESSAGES ? array_of(p, f, &n) : NULL;
        for (size_t k = 0; k < n; k++)
            if (!message_is_utf8(f->message, v + k * f->message->size))
                return false;
    }
    return true;
}

bool otlp_tree_is_utf8(const struct otlp_message *signal, const void *tree)
{
    return message_is_utf8(signal, tree);
}

/* ---- protobuf ---- */

static void encode_message(struct buf *out, const struct otlp_message *m, const void *p);

static void encode_nested(struct buf *out, uint32_t number, const struct otlp_message *m,
                          const void *p)
{
    size_t begun = pb_begin(out, number);
    encode_message(out, m, p);
    pb_end(out, begun);
}

static void encode_array(struct buf *out, uint32_t number, const struct otlp_field *f,
                         const void *message)
{
    size_t n;
    const char *v = array_of(message, f, &n);
    if (f->kind == OTLP_FIELD_MESSAGES) {
        for (size_t i = 0; i < n; i++)
            encode_nested(out, number, f->message, v + i * f->message->size);
        return;
    }
    if (n == 0)
        return;
    size_t begun = pb_begin(out, number);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, v + i * 8, 8);
        if (f->kind == OTLP_FIELD_UINT64S)
            pb_put_raw_varint(out, bits);
        for (int k = 0; k < 8 && f->kind != OTLP_FIELD_UINT64S; k++)
            buf_putc(out, (char)(bits >> (8 * k)));
    }
    pb_end(out, begun);
}

static void put_fixed32(struct buf *out, uint32_t number, uint32_t v)
{
    const char bytes[] = {(char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24)};
    pb_put_raw_varint(out, number << 3 | PB_I32);
    buf_put(out, bytes, sizeof bytes);
}

static void encode_field(struct buf *out, uint32_t number, const struct otlp_field *f,
                         const void *message)
{
    const void *p = at(message, f);
    switch (f->kind) {
    case OTLP_FIELD_NONE: break;
    case OTLP_FIELD_FIXED64: pb_put_fixed64(out, number, *(const uint64_t *)p); break;
    case OTLP_FIELD_FIXED64_F64: break; // as_double of the same oneof says it
    case OTLP_FIELD_OPTIONAL_DOUBLE:
        if (has_optional(message, f))
            pb_put_double(out, number, *(const double *)p);
        break;
    case OTLP_FIELD_DOUBLE: pb_put_double(out, number, *(const double *)p); break;
    case OTLP_FIELD_INT64: pb_put_varint(out, number, *(const uint64_t *)p); break;
    case OTLP_FIELD_FIXED32: put_fixed32(out, number, *(const uint32_t *)p); break;
    case OTLP_FIELD_UINT32: pb_put_varint(out, number, *(const uint32_t *)p); break;
    case OTLP_FIELD_SINT32: pb_put_sint(out, number, *(const int32_t *)p); break;
    case OTLP_FIELD_ENUM:
        pb_put_varint(out, number, (uint64_t)(int64_t) * (const int32_t *)p);
        break;
    case OTLP_FIELD_BOOL: pb_put_varint(out, number, *(const bool *)p); break;
    case OTLP_FIELD_STRING:
    case OTLP_FIELD_BYTES:
    case OTLP_FIELD_ID: pb_put_str(out, number, *(const struct str *)p); break;
    case OTLP_FIELD_MESSAGE: encode_nested(out, number, f->message, p); break;
    default: encode_array(out, number, f, message);
    }
}

static void encode_message(struct buf *out, const struct otlp_message *m, const void *p)
{
    for (uint32_t i = 0; i < PB_COUNTED; i++)
        if (!m->fields[i].choice || is_chosen(p, &m->fields[i]))
            encode_field(out, i, &m->fields[i], p);
}

void otlp_tree_encode(struct buf *out, const struct otlp_message *signal, const void *tree)
{
    encode_message(out, signal, tree);
}

/* ---- JSON ---- */

static void json_message(struct json *j, const struct otlp_message *m, const void *p);

static void json_name(struct json *j, const char *name)
{
    char camel[64];
    size_t n = 0;
    for (; *name; name++)
        camel[n++] = *name == '_' ? (char)(*++name - 'a' + 'A') : *name;
    camel[n] = '\0';
    json_key(j, camel);
}

/* 64-bit integers are strings. */
static void json_text(struct json *j, bool is_signed, uint64_t bits)
{
    struct buf text = BUF_MAX(32);
    if (is_signed)
        buf_put_i64(&text, (int64_t)bits);
    else
        buf_put_u64(&text, bits);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void json_number(struct json *j, double v)
{
    if (v != v)
        json_str(j, STR("NaN"));
    else if (v - v != 0)
        json_str(j, v > 0 ? STR("Infinity") : STR("-Infinity"));
    else
        json_double(j, v);
}

static void json_hex(struct json *j, struct str bytes)
{
    struct buf text = BUF_MAX(1 << 20);
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(&text, "%02x", (unsigned char)bytes.p[i]);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void json_base64(struct json *j, struct str bytes)
{
    struct buf text = BUF_MAX(1 << 20);
    base64_encode(&text, bytes);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void json_elements(struct json *j, const struct otlp_field *f, const void *message)
{
    size_t n;
    const char *v = array_of(message, f, &n);
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        const void *p = v + i * array_step(f);
        if (f->kind == OTLP_FIELD_MESSAGES)
            json_message(j, f->message, p);
        else if (f->kind == OTLP_FIELD_DOUBLES)
            json_number(j, *(const double *)p);
        else
            json_text(j, false, *(const uint64_t *)p);
    }
    json_array_end(j);
}

static void json_value(struct json *j, const struct otlp_field *f, const void *message)
{
    const void *p = at(message, f);
    switch (f->kind) {
    case OTLP_FIELD_FIXED64: json_text(j, f->choice != 0, *(const uint64_t *)p); break;
    case OTLP_FIELD_INT64: json_text(j, true, *(const uint64_t *)p); break;
    case OTLP_FIELD_OPTIONAL_DOUBLE:
    case OTLP_FIELD_DOUBLE: json_number(j, *(const double *)p); break;
    case OTLP_FIELD_FIXED32:
    case OTLP_FIELD_UINT32: json_u64(j, *(const uint32_t *)p); break;
    case OTLP_FIELD_SINT32:
    case OTLP_FIELD_ENUM: json_i64(j, *(const int32_t *)p); break;
    case OTLP_FIELD_BOOL: json_bool(j, *(const bool *)p); break;
    case OTLP_FIELD_STRING: json_str(j, *(const struct str *)p); break;
    case OTLP_FIELD_BYTES: json_base64(j, *(const struct str *)p); break;
    case OTLP_FIELD_ID: json_hex(j, *(const struct str *)p); break;
    case OTLP_FIELD_MESSAGE: json_message(j, f->message, p); break;
    default: json_elements(j, f, message);
    }
}

static void json_message(struct json *j, const struct otlp_message *m, const void *p)
{
    json_object(j);
    for (size_t i = 0; i < PB_COUNTED; i++) {
        const struct otlp_field *f = &m->fields[i];
        bool left_out = f->kind == OTLP_FIELD_NONE || f->kind == OTLP_FIELD_FIXED64_F64 ||
                        (f->choice && !is_chosen(p, f)) ||
                        (f->kind == OTLP_FIELD_OPTIONAL_DOUBLE && !has_optional(p, f));
        if (left_out)
            continue;
        json_name(j, f->name);
        json_value(j, f, p);
    }
    json_object_end(j);
}

void otlp_tree_encode_json(struct buf *out, const struct otlp_message *signal, const void *tree)
{
    struct json j = json_to(out);
    json_message(&j, signal, tree);
}

/* ---- at random ---- */

struct maker {
    uint64_t seed;
    struct arena *arena;
    unsigned depth;
};

static uint64_t roll(struct maker *m)
{
    uint64_t z = (m->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double some_double(struct maker *m)
{
    static const double odd[] = {0.0, -0.0, 1.5, -1e300, 5e-324, 1e21, 0.1, 1.0 / 3};
    uint64_t r = roll(m);
    double zero = 0;
    switch (r % 12) {
    case 0: return 1 / zero;
    case 1: return -1 / zero;
    case 2: return zero / zero;
    case 3: return (double)(int64_t)roll(m) / 1e9;
    default: return odd[r % ARRAY_LEN(odd)];
    }
}

static struct str some_text(struct maker *m)
{
    static const char *const texts[] = {
        "",  "http.method", "GET", "\"quoted\"\\\n\t", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80",
        "a", "by/te\x01s"};
    return str_c(texts[roll(m) % ARRAY_LEN(texts)]);
}

static void make_message(struct maker *m, const struct otlp_message *message, void *p);

static void make_array(struct maker *m, const struct otlp_field *f, void *message)
{
    size_t n = m->depth > 14 ? 0 : roll(m) % 4;
    char *v = arena_array(m->arena, n, array_step(f));
    for (size_t i = 0; i < n; i++) {
        void *p = v + i * array_step(f);
        if (f->kind == OTLP_FIELD_MESSAGES)
            make_message(m, f->message, p);
        else if (f->kind == OTLP_FIELD_DOUBLES)
            *(double *)p = some_double(m);
        else
            *(uint64_t *)p = roll(m) >> roll(m) % 64;
    }
    otlp_set_array(f, message, v, n);
}

static void make_field(struct maker *m, const struct otlp_field *f, void *message)
{
    void *p = otlp_field_place(f, message);
    switch (f->kind) {
    case OTLP_FIELD_FIXED64:
    case OTLP_FIELD_INT64: *(uint64_t *)p = roll(m) >> roll(m) % 64; break;
    case OTLP_FIELD_DOUBLE: *(double *)p = some_double(m); break;
    case OTLP_FIELD_OPTIONAL_DOUBLE:
        *(double *)p = some_double(m);
        *(bool *)((char *)message + f->aux) = true;
        break;
    case OTLP_FIELD_FIXED32:
    case OTLP_FIELD_UINT32: *(uint32_t *)p = (uint32_t)roll(m); break;
    case OTLP_FIELD_SINT32:
    case OTLP_FIELD_ENUM: *(int32_t *)p = (int32_t)roll(m); break;
    case OTLP_FIELD_BOOL: *(bool *)p = roll(m) & 1; break;
    case OTLP_FIELD_STRING:
    case OTLP_FIELD_BYTES:
    case OTLP_FIELD_ID: *(struct str *)p = some_text(m); break;
    case OTLP_FIELD_MESSAGE: make_message(m, f->message, p); break;
    case OTLP_FIELD_NONE:
    case OTLP_FIELD_FIXED64_F64: break;
    default: make_array(m, f, message);
    }
}

/* Three fields of four are there. */
static void make_message(struct maker *m, const struct otlp_message *message, void *p)
{
    m->depth++;
    for (size_t i = 0; i < PB_COUNTED; i++)
        if (message->fields[i].name && roll(m) % 4 && m->depth < 20)
            make_field(m, &message->fields[i], p);
    m->depth--;
}

void otlp_tree_random(const struct otlp_message *signal, uint64_t *seed, struct arena *arena,
                      void *tree)
{
    struct maker m = {.seed = *seed, .arena = arena};
    make_message(&m, signal, tree);
    *seed = m.seed;
}
