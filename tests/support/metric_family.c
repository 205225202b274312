#include "support/metric_family.h"

#include "base/num.h"
#include "codec/protobuf.h"
#include "support/check.h"

enum kind { TEXT, NUMBER, SIGNED, DOUBLE, PACKED_SIGNED, PACKED_DOUBLE, TIME, MESSAGE };

struct field {
    unsigned number;
    const char *name;
    enum kind kind;
    const struct field *message; /* ends with number 0 */
};

static const struct field label[] = {{1, "name", TEXT, NULL}, {2, "value", TEXT, NULL}, {0}};
static const struct field exemplar[] = {
    {1, "label", MESSAGE, label}, {2, "value", DOUBLE, NULL}, {3, "time", TIME, NULL}, {0}};
static const struct field number[] = {{1, "value", DOUBLE, NULL}, {0}};
static const struct field counter[] = {{1, "value", DOUBLE, NULL},
                                       {2, "exemplar", MESSAGE, exemplar},
                                       {3, "created", TIME, NULL},
                                       {0}};
static const struct field quantile[] = {
    {1, "quantile", DOUBLE, NULL}, {2, "value", DOUBLE, NULL}, {0}};
static const struct field summary[] = {{1, "count", NUMBER, NULL},
                                       {2, "sum", DOUBLE, NULL},
                                       {3, "quantile", MESSAGE, quantile},
                                       {4, "created", TIME, NULL},
                                       {0}};
static const struct field bucket[] = {{1, "count", NUMBER, NULL},
                                      {2, "bound", DOUBLE, NULL},
                                      {3, "exemplar", MESSAGE, exemplar},
                                      {4, "count_float", DOUBLE, NULL},
                                      {0}};
static const struct field span[] = {{1, "offset", SIGNED, NULL}, {2, "length", NUMBER, NULL}, {0}};
static const struct field histogram[] = {
    {1, "count", NUMBER, NULL},
    {2, "sum", DOUBLE, NULL},
    {3, "bucket", MESSAGE, bucket},
    {4, "count_float", DOUBLE, NULL},
    {5, "schema", SIGNED, NULL},
    {6, "zero_threshold", DOUBLE, NULL},
    {7, "zero_count", NUMBER, NULL},
    {8, "zero_count_float", DOUBLE, NULL},
    {9, "negative_span", MESSAGE, span},
    {10, "negative_delta", PACKED_SIGNED, NULL},
    {11, "negative_count", PACKED_DOUBLE, NULL},
    {12, "positive_span", MESSAGE, span},
    {13, "positive_delta", PACKED_SIGNED, NULL},
    {14, "positive_count", PACKED_DOUBLE, NULL},
    {15, "created", TIME, NULL},
    {16, "exemplar", MESSAGE, exemplar},
    {0},
};
static const struct field metric[] = {
    {1, "label", MESSAGE, label},         {2, "gauge", MESSAGE, number},
    {3, "counter", MESSAGE, counter},     {4, "summary", MESSAGE, summary},
    {5, "untyped", MESSAGE, number},      {6, "timestamp", NUMBER, NULL},
    {7, "histogram", MESSAGE, histogram}, {0},
};
static const struct field family[] = {{1, "name", TEXT, NULL},   {2, "help", TEXT, NULL},
                                      {3, "type", NUMBER, NULL}, {4, "metric", MESSAGE, metric},
                                      {5, "unit", TEXT, NULL},   {0}};

static const enum pb_wire wires[] = {
    [TEXT] = PB_LEN,          [NUMBER] = PB_VARINT,     [SIGNED] = PB_VARINT, [DOUBLE] = PB_I64,
    [PACKED_SIGNED] = PB_LEN, [PACKED_DOUBLE] = PB_LEN, [TIME] = PB_LEN,      [MESSAGE] = PB_LEN};

/* ---- bytes to text ---- */

static void put_message(struct buf *out, struct pb_reader *r, const struct field *fields);

static void put_packed(struct buf *out, struct pb_reader *r, bool doubles)
{
    struct pb_reader values = pb_message(r);
    buf_putc(out, '[');
    for (bool first = true; pb_more(&values); first = false) {
        buf_puts(out, first ? "" : " ");
        if (doubles)
            buf_put_double(out, pb_double(&values));
        else
            buf_put_i64(out, pb_sint(&values));
    }
    buf_putc(out, ']');
    if (pb_failed(&values))
        pb_damage(r, "packed values");
}

static void put_nested(struct buf *out, struct pb_reader *r, const struct field *fields)
{
    struct pb_reader inner = pb_message(r);
    buf_putc(out, '{');
    put_message(out, &inner, fields);
    buf_putc(out, '}');
    if (pb_failed(&inner))
        pb_damage(r, inner.damage);
}

static void put_value(struct buf *out, struct pb_reader *r, const struct field *f)
{
    switch (f->kind) {
    case TEXT:
        buf_putc(out, '"');
        buf_put_str(out, pb_str(r));
        buf_putc(out, '"');
        break;
    case NUMBER: buf_put_u64(out, pb_varint(r)); break;
    case SIGNED: buf_put_i64(out, pb_sint(r)); break;
    case DOUBLE: buf_put_double(out, pb_double(r)); break;
    case PACKED_SIGNED: put_packed(out, r, false); break;
    case PACKED_DOUBLE: put_packed(out, r, true); break;
    case TIME:
        (void)pb_str(r);
        buf_putc(out, 'T');
        break;
    case MESSAGE: put_nested(out, r, f->message); break;
    }
}

static void put_message(struct buf *out, struct pb_reader *r, const struct field *fields)
{
    uint32_t tag;
    for (bool first = true; pb_next(r, &tag); first = false) {
        const struct field *f = fields;
        while (f->number && PB_TAG(f->number, wires[f->kind]) != tag)
            f++;
        if (!f->number) {
            pb_damage(r, "a field that is not of the format");
            return;
        }
        buf_puts(out, first ? "" : " ");
        buf_puts(out, f->name);
        if (f->kind != MESSAGE)
            buf_putc(out, ':');
        put_value(out, r, f);
    }
}

char *metric_families_text(struct str stream)
{
    struct buf out = BUF_MAX(64 << 20);
    struct pb_reader r = pb_reader_of(stream);
    while (pb_more(&r)) {
        struct pb_reader inner = pb_message(&r);
        put_message(&out, &inner, family);
        buf_putc(&out, '\n');
        if (pb_failed(&inner))
            pb_damage(&r, inner.damage);
    }
    if (pb_failed(&r))
        buf_printf(&out, "damaged: %s at byte %zu\n", r.damage, r.damage_offset);
    size_t n;
    return buf_take(&out, &n);
}

/* ---- text to bytes ---- */

static void encode_message(struct buf *out, struct str *in, const struct field *fields);

/* Up to one of `ends`, which stays. */
static struct str take(struct str *in, const char *ends)
{
    size_t n = 0;
    while (n < in->n && !strchr(ends, in->p[n]))
        n++;
    struct str taken = str_sub(*in, 0, n);
    *in = str_sub(*in, n, in->n);
    return taken;
}

static char next(struct str *in)
{
    assert_true(in->n > 0);
    char c = in->p[0];
    *in = str_sub(*in, 1, in->n);
    return c;
}

static int64_t integer(struct str text)
{
    int64_t v = 0;
    assert_int_equal(num_parse_i64(text, &v), 0);
    return v;
}

static double decimal(struct str text)
{
    double v = 0;
    assert_int_equal(num_parse_double(text, &v), 0);
    return v;
}

static void encode_packed(struct buf *out, unsigned field, struct str list, bool doubles)
{
    size_t at = pb_begin(out, field);
    while (list.n) {
        struct str item = str_cut(&list, ' ');
        if (doubles) {
            double v = decimal(item);
            buf_put(out, &v, sizeof v);
        } else {
            int64_t v = integer(item);
            pb_put_raw_varint(out, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
        }
    }
    pb_end(out, at);
}

static void encode_time(struct buf *out, unsigned field, int64_t ms)
{
    size_t at = pb_begin(out, field);
    pb_put_varint(out, 1, (uint64_t)(ms / 1000));
    pb_put_varint(out, 2, (uint64_t)(ms % 1000 * 1000000));
    pb_end(out, at);
}

static void encode_value(struct buf *out, struct str *in, const struct field *f)
{
    struct str text = {0};
    if (f->kind == TEXT || f->kind == PACKED_SIGNED || f->kind == PACKED_DOUBLE) {
        bool list = next(in) == '[';
        text = take(in, list ? "]" : "\"");
        (void)next(in);
    } else {
        text = take(in, " }\n");
    }
    switch (f->kind) {
    case TEXT: pb_put_str(out, f->number, text); break;
    case NUMBER: pb_put_varint(out, f->number, (uint64_t)integer(text)); break;
    case SIGNED: pb_put_sint(out, f->number, integer(text)); break;
    case DOUBLE: pb_put_double(out, f->number, decimal(text)); break;
    case PACKED_SIGNED: encode_packed(out, f->number, text, false); break;
    case PACKED_DOUBLE: encode_packed(out, f->number, text, true); break;
    case TIME: encode_time(out, f->number, integer(text)); break;
    case MESSAGE: break;
    }
}

static void encode_field(struct buf *out, struct str *in, const struct field *f)
{
    if (next(in) == ':') {
        encode_value(out, in, f);
        return;
    }
    size_t at = pb_begin(out, f->number);
    encode_message(out, in, f->message);
    assert_int_equal(next(in), '}');
    pb_end(out, at);
}

static void encode_message(struct buf *out, struct str *in, const struct field *fields)
{
    while (in->n && in->p[0] != '}' && in->p[0] != '\n') {
        struct str name = take(in, ":{");
        const struct field *f = fields;
        while (f->number && !str_eq(name, str_c(f->name)))
            f++;
        assert_true(f->number > 0);
        encode_field(out, in, f);
        while (in->n && in->p[0] == ' ')
            (void)next(in);
    }
}

void metric_families_of(struct buf *out, const char *text)
{
    for (struct str in = str_c(text); in.n;) {
        struct buf one = BUF_MAX(out->max);
        encode_message(&one, &in, family);
        pb_put_raw_varint(out, one.n);
        buf_put_str(out, buf_str(&one));
        buf_done(&one);
        if (in.n)
            assert_int_equal(next(&in), '\n');
    }
}
