#include "support/metric_family.h"

#include "base/num.h"
#include "codec/protobuf.h"

enum kind { TEXT, NUMBER, SIGNED, DOUBLE, PACKED_SIGNED, TIME, MESSAGE };

struct field {
    unsigned number;
    const char *name;
    enum kind kind;
    const struct field *message; /* ends with number 0 */
};

static const struct field label[] = {{1, "name", TEXT, NULL}, {2, "value", TEXT, NULL}, {0}};
static const struct field exemplar[] = {
    {1, "label", MESSAGE, label}, {2, "value", DOUBLE, NULL}, {3, "time", TIME, NULL}, {0}};
static const struct field gauge[] = {{1, "value", DOUBLE, NULL}, {0}};
static const struct field counter[] = {{1, "value", DOUBLE, NULL},
                                       {2, "exemplar", MESSAGE, exemplar},
                                       {3, "created", TIME, NULL},
                                       {0}};
static const struct field bucket[] = {{1, "count", NUMBER, NULL},
                                      {2, "bound", DOUBLE, NULL},
                                      {3, "exemplar", MESSAGE, exemplar},
                                      {0}};
static const struct field span[] = {{1, "offset", SIGNED, NULL}, {2, "length", NUMBER, NULL}, {0}};
static const struct field histogram[] = {
    {1, "count", NUMBER, NULL},
    {2, "sum", DOUBLE, NULL},
    {3, "bucket", MESSAGE, bucket},
    {5, "schema", SIGNED, NULL},
    {6, "zero_threshold", DOUBLE, NULL},
    {7, "zero_count", NUMBER, NULL},
    {9, "negative_span", MESSAGE, span},
    {10, "negative_delta", PACKED_SIGNED, NULL},
    {12, "positive_span", MESSAGE, span},
    {13, "positive_delta", PACKED_SIGNED, NULL},
    {15, "created", TIME, NULL},
    {16, "exemplar", MESSAGE, exemplar},
    {0},
};
static const struct field metric[] = {{1, "label", MESSAGE, label},
                                      {2, "gauge", MESSAGE, gauge},
                                      {3, "counter", MESSAGE, counter},
                                      {7, "histogram", MESSAGE, histogram},
                                      {0}};
static const struct field family[] = {{1, "name", TEXT, NULL},   {2, "help", TEXT, NULL},
                                      {3, "type", NUMBER, NULL}, {4, "metric", MESSAGE, metric},
                                      {5, "unit", TEXT, NULL},   {0}};

static const enum pb_wire wires[] = {
    [TEXT] = PB_LEN,          [NUMBER] = PB_VARINT, [SIGNED] = PB_VARINT, [DOUBLE] = PB_I64,
    [PACKED_SIGNED] = PB_LEN, [TIME] = PB_LEN,      [MESSAGE] = PB_LEN};

static void put_message(struct buf *out, struct pb_reader *r, const struct field *fields);

static void put_packed(struct buf *out, struct pb_reader *r)
{
    struct pb_reader values = pb_message(r);
    buf_putc(out, '[');
    for (bool first = true; pb_more(&values); first = false)
        buf_printf(out, first ? "%lld" : " %lld", (long long)pb_sint(&values));
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
    case PACKED_SIGNED: put_packed(out, r); break;
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
