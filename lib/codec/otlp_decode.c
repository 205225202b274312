/* OTLP from protobuf, by the tables of otlp_schema.h. At the first element of an array of messages
 * the rest of the message around it is passed over to count, so that the array is made at its size.
 * Where a field occurs again the last one counts; protobuf would merge repeated sub-messages that
 * are not in an array, but no encoder writes such. */
#include "codec/field_path.h"
#include "codec/otlp_schema.h"

/* The array of one field of a message. */
struct array {
    void *v;
    size_t used, cap;
};

/* Those of the message that is being read, by field number. Most messages have one or none. */
struct arrays {
    uint32_t begun; /* bits of those that are initialised */
    struct array of[PB_COUNTED];
};

_Static_assert(PB_COUNTED <= 32, "a bit for each field");

static struct array *array_of(struct arrays *a, uint32_t number)
{
    struct array *of = &a->of[number];
    if (!(a->begun & 1u << number))
        *of = (struct array){0};
    a->begun |= 1u << number;
    return of;
}

static const struct otlp_field unknown_field = {.name = "field"};

static const struct otlp_field *field_of(const struct otlp_message *m, uint32_t tag)
{
    uint32_t number = pb_number(tag);
    const struct otlp_field *f = number < PB_COUNTED ? &m->fields[number] : &unknown_field;
    return f->name ? f : &unknown_field;
}

static enum pb_wire wire_of(enum otlp_field_kind kind)
{
    static const uint8_t wires[] = {
        [OTLP_FIELD_FIXED64] = PB_I64,
        [OTLP_FIELD_FIXED64_F64] = PB_I64,
        [OTLP_FIELD_FIXED32] = PB_I32,
        [OTLP_FIELD_DOUBLE] = PB_I64,
        [OTLP_FIELD_OPTIONAL_DOUBLE] = PB_I64,
        [OTLP_FIELD_INT64] = PB_VARINT,
        [OTLP_FIELD_UINT32] = PB_VARINT,
        [OTLP_FIELD_SINT32] = PB_VARINT,
        [OTLP_FIELD_ENUM] = PB_VARINT,
        [OTLP_FIELD_BOOL] = PB_VARINT,
        [OTLP_FIELD_STRING] = PB_LEN,
        [OTLP_FIELD_BYTES] = PB_LEN,
        [OTLP_FIELD_ID] = PB_LEN,
        [OTLP_FIELD_FIXED64S] = PB_LEN,
        [OTLP_FIELD_DOUBLES] = PB_LEN,
        [OTLP_FIELD_UINT64S] = PB_LEN,
        [OTLP_FIELD_MESSAGE] = PB_LEN,
        [OTLP_FIELD_MESSAGES] = PB_LEN,
    };
    return (enum pb_wire)wires[kind];
}

/* ---- arrays of numbers ---- */

static bool is_numbers(enum otlp_field_kind kind)
{
    return kind == OTLP_FIELD_FIXED64S || kind == OTLP_FIELD_DOUBLES || kind == OTLP_FIELD_UINT64S;
}

/* Passes over one occurrence of a field of numbers, packed or single; how many values it has. */
static size_t count_numbers_at(struct pb_reader *r, uint32_t tag, enum otlp_field_kind kind)
{
    if ((tag & 7) != PB_LEN) {
        pb_skip(r, tag);
        return 1;
    }
    struct str packed = pb_str(r);
    if (kind == OTLP_FIELD_UINT64S)
        return pb_count_varints(packed);
    if (packed.n % 8 != 0)
        pb_damage(r, "length is not a multiple of 8");
    return packed.n / 8;
}

static void read_number(struct pb_reader *r, enum otlp_field_kind kind, void *array, size_t i)
{
    if (kind == OTLP_FIELD_DOUBLES)
        ((double *)array)[i] = pb_double(r);
    else
        ((uint64_t *)array)[i] = kind == OTLP_FIELD_UINT64S ? pb_varint(r) : pb_fixed64(r);
}

enum { NUMBER_SIZE = 8, AS_IN_MEMORY = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };
_Static_assert(sizeof(double) == NUMBER_SIZE && sizeof(uint64_t) == NUMBER_SIZE,
               "one size for all");

/* `n` packed values behind the first `used` of the array; there is room. */
static void read_packed(struct pb_reader *r, enum otlp_field_kind kind, void *array, size_t used,
                        size_t n)
{
    if (AS_IN_MEMORY && kind != OTLP_FIELD_UINT64S && n > 0) {
        memcpy((char *)array + used * NUMBER_SIZE, r->at, n * NUMBER_SIZE);
        r->at += n * NUMBER_SIZE;
        return;
    }
    for (size_t i = 0; i < n; i++)
        read_number(r, kind, array, used + i);
}

/* Room for `more` numbers: nearly always these are all. */
static void *grow_numbers(struct otlp_decoder *d, struct array *a, size_t more)
{
    size_t need = a->used + more;
    if (a->v && need <= a->cap)
        return a->v;
    size_t cap = a->v ? MAX(need, 2 * a->cap) : need;
    void *v = arena_extend(d->arena, a->v, a->cap, cap, NUMBER_SIZE);
    if (v) {
        a->v = v;
        a->cap = cap;
    }
    return v;
}

/* A damaged value ends the reading before it. */
static int read_numbers(struct otlp_decoder *d, struct pb_reader *r, uint32_t tag,
                        const struct otlp_field *f, void *message, struct arrays *arrays)
{
    struct pb_reader one = *r;
    size_t here = count_numbers_at(&one, tag, f->kind);
    if (pb_failed(&one)) {
        *r = one;
        return 0;
    }
    struct array *a = array_of(arrays, pb_number(tag));
    void *v = grow_numbers(d, a, here);
    if (!v)
        return otlp_no_memory(d, f->name);
    size_t n = a->used;
    if ((tag & 7) == PB_LEN) {
        struct pb_reader values = pb_message(r);
        read_packed(&values, f->kind, v, n, here);
        n += here;
        if (pb_more(&values))
            (void)pb_varint(&values); // a last one without its end: let the reader say so
        if (pb_failed(&values))
            return pb_error(&values, f->name, d->err);
    } else {
        read_number(r, f->kind, v, n++);
    }
    a->used = n;
    otlp_set_array(f, message, v, n);
    return 0;
}

/* ---- messages ---- */

static struct str between(const uint8_t *from, const uint8_t *to)
{
    return str_of((const char *)from, (size_t)(to - from));
}

static int read_fields(struct otlp_decoder *d, struct pb_reader *r, const struct otlp_message *m,
                       void *out);

/* Reads a nested message. When its length is damaged the loop of the message around it ends, and
 * reports that. */
static int read_message(struct otlp_decoder *d, struct pb_reader *parent,
                        const struct otlp_field *f, void *out)
{
    struct pb_reader r = pb_message(parent);
    if (pb_failed(parent))
        return 0;
    int rc = otlp_enter(d, f);
    if (rc != 0)
        return rc;
    rc = read_fields(d, &r, f->message, out);
    otlp_leave(d, f);
    return rc;
}

/* How many fields have this tag from here on, or up to the first damage. Mostly they stand
 * together. Reads to the end. */
static size_t count_alike(struct pb_reader *r, uint32_t tag)
{
    size_t n = 0;
    uint32_t other;
    while (pb_more(r) && *r->at == tag && (tag & 7) == PB_LEN) {
        r->at++;
        (void)pb_str(r);
        n += !pb_failed(r);
    }
    while (pb_next(r, &other)) {
        pb_skip(r, other);
        n += other == tag && !pb_failed(r);
    }
    return n;
}

/* An array for the element at `r`, whose tag has been read, and those that follow. One whose own
 * length is damaged is not counted: nothing will be written there. */
static int make_array(struct otlp_decoder *d, struct pb_reader r, uint32_t tag,
                      const struct otlp_field *f, void **out)
{
    pb_skip(&r, tag);
    size_t n = 1 + count_alike(&r, tag);
    int rc = otlp_check_limit(d, f, n, n);
    if (rc != 0)
        return rc;
    *out = arena_array(d->arena, n, f->message->size);
    return *out ? 0 : otlp_no_memory(d, f->name);
}

/* Elements in the usual form that stand together, as many as there are; the tag of the first, which
 * may be another, has been read. Returns how many; the tag of the next is yet to be read then,
 * unless there are none. */
static size_t read_usual(struct otlp_decoder *d, struct pb_reader *r, uint32_t tag,
                         const struct otlp_message *m, char *out)
{
    struct pb_reader at = *r;
    size_t n = 0;
    for (;; n++, out += m->size) {
        struct str message = pb_str(&at);
        if (pb_failed(&at) || !m->usual(d, message, out))
            return n;
        r->at = at.at;
        if (!pb_more(&at) || *at.at != tag)
            return n + 1;
        at.at++;
    }
}

static int read_element(struct otlp_decoder *d, struct pb_reader *r, uint32_t tag,
                        const struct otlp_field *f, void *message, struct arrays *arrays)
{
    struct array *a = array_of(arrays, pb_number(tag));
    if (!a->v) {
        int rc = make_array(d, *r, tag, f, &a->v);
        if (rc != 0)
            return rc;
    }
    size_t i = a->used, n = 0;
    char *out = (char *)a->v + i * f->message->size;
    if (d->lazy && f->message->usual)
        n = read_usual(d, r, tag, f->message, out);
    int rc = n ? 0 : read_message(d, r, f, out);
    if (rc != 0)
        return err_in_element(d->err, rc, f->name, i);
    a->used = i + MAX(n, (size_t)1);
    otlp_set_array(f, message, a->v, a->used);
    return 0;
}

/* ---- what stays as it was sent ---- */

/* Elements that do not stand together, or whose tag is longer than need be: a copy in which they
 * do. */
static int join_sent(struct otlp_decoder *d, const struct otlp_field *f, struct str before,
                     uint32_t tag, struct str element, struct str *out)
{
    struct buf joined = BUF_MAX(d->arena->budget);
    buf_put_str(&joined, before);
    pb_put_str(&joined, pb_number(tag), element);
    *out = arena_str(d->arena, buf_str(&joined));
    bool failed = buf_failed(&joined) || arena_failed(d->arena);
    buf_done(&joined);
    return failed ? otlp_no_memory(d, f->name) : 0;
}

/* Elements of the field, tags and all, as many as stand together. */
static int keep_elements(struct otlp_decoder *d, struct pb_reader *r, uint32_t tag,
                         const struct otlp_field *f, void *message)
{
    struct str sent;
    const uint8_t *from = r->at - 1;
    memcpy(&sent, (char *)message + f->sent, sizeof sent);
    if (LIKELY(sent.n == 0 && *from == tag)) {
        (void)pb_str(r);
        while (pb_more(r) && *r->at == tag) {
            r->at++;
            (void)pb_str(r);
        }
        sent = between(from, r->at);
    } else {
        struct str element = pb_str(r);
        int rc = pb_failed(r) ? 0 : join_sent(d, f, sent, tag, element, &sent);
        if (rc != 0)
            return rc;
    }
    memcpy((char *)message + f->sent, &sent, sizeof sent);
    return 0;
}

static int read_embedded(struct otlp_decoder *d, struct pb_reader *r, const struct otlp_field *f,
                         void *message, void *place)
{
    const uint8_t *from = r->at;
    int rc = read_message(d, r, f, place);
    if (rc != 0)
        return err_in_field(d->err, rc, f->name);
    if (d->lazy && f->sent) {
        struct str sent;
        memcpy(&sent, (char *)message + f->sent, sizeof sent);
        if (UNLIKELY(sent.p != NULL))
            from = (const uint8_t *)sent.p; // in pieces: with all that is between them
        sent = between(from, r->at);
        memcpy((char *)message + f->sent, &sent, sizeof sent);
    }
    return 0;
}

static void read_optional(struct pb_reader *r, const struct otlp_field *f, void *message)
{
    double v = pb_double(r);
    bool has = true;
    memcpy((char *)message + f->offset, &v, sizeof v);
    memcpy((char *)message + f->aux, &has, sizeof has);
}

static int read_field(struct otlp_decoder *d, struct pb_reader *r, uint32_t tag,
                      const struct otlp_field *f, void *message, struct arrays *a)
{
    void *place = otlp_field_place(f, message);
    switch (f->kind) {
    case OTLP_FIELD_NONE: pb_skip(r, tag); break;
    case OTLP_FIELD_FIXED64: *(uint64_t *)place = pb_fixed64(r); break;
    case OTLP_FIELD_FIXED64_F64: *(double *)place = (double)(int64_t)pb_fixed64(r); break;
    case OTLP_FIELD_FIXED32: *(uint32_t *)place = pb_fixed32(r); break;
    case OTLP_FIELD_DOUBLE: *(double *)place = pb_double(r); break;
    case OTLP_FIELD_OPTIONAL_DOUBLE: read_optional(r, f, message); break;
    case OTLP_FIELD_INT64: *(int64_t *)place = (int64_t)pb_varint(r); break;
    case OTLP_FIELD_UINT32: *(uint32_t *)place = (uint32_t)pb_varint(r); break;
    case OTLP_FIELD_SINT32: *(int32_t *)place = (int32_t)pb_sint(r); break;
    case OTLP_FIELD_ENUM: *(int32_t *)place = (int32_t)pb_varint(r); break;
    case OTLP_FIELD_BOOL: *(bool *)place = pb_varint(r) != 0; break;
    case OTLP_FIELD_STRING:
    case OTLP_FIELD_BYTES:
    case OTLP_FIELD_ID: *(struct str *)place = pb_str(r); break;
    case OTLP_FIELD_FIXED64S:
    case OTLP_FIELD_DOUBLES:
    case OTLP_FIELD_UINT64S: return read_numbers(d, r, tag, f, message, a);
    case OTLP_FIELD_MESSAGE: return read_embedded(d, r, f, message, place);
    case OTLP_FIELD_MESSAGES:
        return d->lazy && f->sent ? keep_elements(d, r, tag, f, message)
                                  : read_element(d, r, tag, f, message, a);
    }
    return 0;
}

static bool wire_fits(const struct otlp_field *f, uint32_t tag)
{
    if (f->kind == OTLP_FIELD_NONE || (tag & 7) == wire_of(f->kind))
        return true;
    return is_numbers(f->kind) && (tag & 7) == (f->kind == OTLP_FIELD_UINT64S ? PB_VARINT : PB_I64);
}

static int read_fields(struct otlp_decoder *d, struct pb_reader *r, const struct otlp_message *m,
                       void *out)
{
    struct arrays a;
    uint32_t tag = 0;
    a.begun = 0;
    while (pb_next(r, &tag)) {
        const struct otlp_field *f = field_of(m, tag);
        if (UNLIKELY(!wire_fits(f, tag))) {
            pb_damage(r, "wrong wire type");
            break;
        }
        int rc = read_field(d, r, tag, f, out, &a);
        if (rc != 0)
            return rc;
    }
    return pb_failed(r) ? pb_error(r, field_of(m, tag)->name, d->err) : 0;
}

int otlp_decode_message(struct str body, const struct otlp_message *m,
                        const struct otlp_limits *limits, struct arena *arena, void *out,
                        struct err *err)
{
    struct otlp_decoder d;
    otlp_decoder_init(&d, limits, arena, err);
    struct pb_reader r = pb_reader_of(body);
    memset(out, 0, m->size);
    return read_fields(&d, &r, m, out);
}

int otlp_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                struct otlp_request *out, struct err *err)
{
    struct otlp_request request;
    int rc = otlp_decode_message(body, &otlp_request_message, limits, arena, &request, err);
    if (rc == 0)
        *out = request;
    return rc;
}

int otlp_decode_lazily(struct str body, const struct otlp_limits *limits, struct arena *arena,
                       struct otlp_request *out, struct err *err)
{
    struct otlp_decoder d;
    struct otlp_request request = {.lazy = true};
    otlp_decoder_init(&d, limits, arena, err);
    d.lazy = true;
    struct pb_reader r = pb_reader_of(body);
    int rc = read_fields(&d, &r, &otlp_request_message, &request);
    if (rc == 0)
        *out = request;
    return rc;
}

int otlp_point_attributes(const struct otlp_point *p, const struct otlp_limits *limits,
                          struct arena *arena, struct otlp_attributes *out, struct err *err)
{
    struct otlp_decoder d;
    struct otlp_point read = {.attributes = p->attributes};
    if (p->sent.n) {
        otlp_decoder_init(&d, limits, arena, err);
        struct pb_reader r = pb_reader_of(p->sent);
        int rc = read_fields(&d, &r, &otlp_point_attributes_message, &read);
        if (rc != 0)
            return rc;
    }
    *out = read.attributes;
    return 0;
}
