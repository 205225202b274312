#include "wire/walk.h"

#include <math.h>

#include "base/num.h"
#include "base/word.h"
#include "wire/field.h"
#include "wire/otlp_json.h"

enum { RESOURCES = 1, RESOURCE = 1, SCOPES = 2, SCOPE = 1, ITEMS = 2, DEPTH_MAX = 64 };
enum { KEY = 1, VALUE = 2 };
enum { TEXT = 1, BOOL, INT, DOUBLE, ARRAY, LIST, BYTES }; // of AnyValue

static bool walk_scope(struct str message, struct wire_item *item,
                       bool (*visit)(void *arg, const struct wire_item *item), void *arg)
{
    struct wire_field f;
    int rc;
    item->scope = wire_bytes(message, SCOPE);
    while ((rc = wire_next(&message, &f)) > 0) {
        item->item = f.bytes;
        if (f.number == ITEMS && !visit(arg, item))
            return false;
    }
    return rc == 0;
}

static bool walk_resource(struct str message,
                          bool (*visit)(void *arg, const struct wire_item *item), void *arg)
{
    struct wire_item item = {.resource = wire_bytes(message, RESOURCE)};
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&message, &f)) > 0) {
        if (f.number == SCOPES && !walk_scope(f.bytes, &item, visit, arg))
            return false;
    }
    return rc == 0;
}

bool wire_walk(struct str request, bool (*visit)(void *arg, const struct wire_item *item),
               void *arg)
{
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&request, &f)) > 0) {
        if (f.number == RESOURCES && !walk_resource(f.bytes, visit, arg))
            return false;
    }
    return rc == 0;
}

struct str wire_bytes(struct str message, unsigned number)
{
    struct wire_field f;
    struct str found = {0};
    while (wire_next(&message, &f) > 0) {
        if (f.number == number)
            found = f.bytes;
    }
    return found;
}

uint64_t wire_number(struct str message, unsigned number)
{
    struct wire_field f;
    uint64_t found = 0;
    while (wire_next(&message, &f) > 0) {
        if (f.number == number)
            found = f.value;
    }
    return found;
}

struct wire_attr wire_attr(struct str message)
{
    return (struct wire_attr){wire_bytes(message, KEY), wire_bytes(message, VALUE)};
}

bool wire_find_attr(struct str message, unsigned number, struct str key, struct str *out)
{
    struct wire_field f;
    while (wire_next(&message, &f) > 0) {
        struct wire_attr a = wire_attr(f.bytes);
        if (f.number == number && str_eq(a.key, key)) {
            *out = a.value;
            return true;
        }
    }
    return false;
}

/* --- plain values ---------------------------------------------------------------------------- */

static void put_value(struct buf *out, struct str value, bool quoted, unsigned depth);

static void put_items(struct buf *out, struct str message, bool list, unsigned depth)
{
    struct wire_field f;
    const char *sep = "";
    buf_putc(out, list ? '{' : '[');
    while (wire_next(&message, &f) > 0) {
        struct wire_attr a = list ? wire_attr(f.bytes) : (struct wire_attr){{0}, f.bytes};
        buf_puts(out, sep);
        if (list) {
            json_put_text(out, a.key);
            buf_putc(out, ':');
        }
        put_value(out, a.value, true, depth + 1);
        sep = ",";
    }
    buf_putc(out, list ? '}' : ']');
}

static void put_double(struct buf *out, uint64_t bits, bool quoted)
{
    char text[NUM_DOUBLE_MAX];
    double v = bits_double(bits);
    bool odd = quoted && !isfinite(v); // JSON has no such number
    buf_puts(out, odd ? "\"" : "");
    buf_put(out, text, num_format_json(text, v));
    buf_puts(out, odd ? "\"" : "");
}

static void put_value(struct buf *out, struct str value, bool quoted, unsigned depth)
{
    struct wire_field f;
    if (depth > DEPTH_MAX || wire_next(&value, &f) <= 0) {
        buf_puts(out, "null");
        return;
    }
    switch (f.number) {
    case TEXT:
        if (quoted)
            json_put_text(out, f.bytes);
        else
            buf_put_str(out, f.bytes);
        break;
    case BOOL: buf_puts(out, f.value ? "true" : "false"); break;
    case INT: buf_put_i64(out, (int64_t)f.value); break;
    case DOUBLE: put_double(out, f.value, quoted); break;
    case ARRAY:
    case LIST: put_items(out, f.bytes, f.number == LIST, depth); break;
    case BYTES:
        buf_puts(out, quoted ? "\"" : "");
        json_put_hex(out, f.bytes);
        buf_puts(out, quoted ? "\"" : "");
        break;
    default: buf_puts(out, "null");
    }
}

void wire_put_plain(struct buf *out, struct str value, bool quoted)
{
    put_value(out, value, quoted, 0);
}
