#include "store/embedded/records/any_bytes.h"

void attributes_put(struct buf *out, const struct attribute *v, size_t n)
{
    put_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        put_text(out, v[i].key);
        any_put(out, &v[i].value);
    }
}

void any_put(struct buf *out, const struct any *v)
{
    buf_putc(out, (char)v->type);
    switch ((enum any_type)v->type) {
    case ANY_STRING:
    case ANY_BYTES: put_text(out, any_text(v)); break;
    case ANY_BOOL: buf_putc(out, v->as.boolean); break;
    case ANY_INT: put_zigzag(out, v->as.integer); break;
    case ANY_DOUBLE: put_u64(out, double_bits(v->as.number)); break;
    case ANY_ARRAY:
        put_varint(out, v->n);
        for (uint32_t i = 0; i < v->n; i++)
            any_put(out, &v->as.items[i]);
        break;
    case ANY_MAP: attributes_put(out, v->as.pairs, v->n); break;
    case ANY_NONE:
    case ANY_EMPTY:
    case ANY_TYPES: break;
    }
}

static void get(struct reader *r, struct arena *arena, int depth, struct any *out);

static const struct attribute *get_pairs(struct reader *r, struct arena *arena, int depth,
                                         uint32_t *out_n)
{
    size_t n = get_count(r, 2);
    struct attribute *v = arena_array(arena, n, sizeof *v);
    r->bad |= !v;
    for (size_t i = 0; !r->bad && i < n; i++) {
        v[i].key = get_text(r);
        get(r, arena, depth, &v[i].value);
    }
    *out_n = r->bad ? 0 : (uint32_t)n;
    return v;
}

static const struct any *get_items(struct reader *r, struct arena *arena, int depth,
                                   uint32_t *out_n)
{
    size_t n = get_count(r, 1);
    struct any *v = arena_array(arena, n, sizeof *v);
    r->bad |= !v;
    for (size_t i = 0; !r->bad && i < n; i++)
        get(r, arena, depth, &v[i]);
    *out_n = r->bad ? 0 : (uint32_t)n;
    return v;
}

static void get_flat(struct reader *r, struct any *out)
{
    struct str text;
    switch ((enum any_type)out->type) {
    case ANY_STRING:
    case ANY_BYTES:
        text = get_text(r);
        out->as.text = text.p;
        out->n = (uint32_t)text.n;
        break;
    case ANY_BOOL: out->as.boolean = get_byte(r) != 0; break;
    case ANY_INT: out->as.integer = get_zigzag(r); break;
    case ANY_DOUBLE: out->as.number = bits_double(get_u64(r)); break;
    default: // without content
        r->bad |= out->type >= ANY_TYPES;
        break;
    }
}

static void get(struct reader *r, struct arena *arena, int depth, struct any *out)
{
    *out = (struct any){.type = get_byte(r)};
    if (out->type == ANY_ARRAY || out->type == ANY_MAP)
        r->bad |= depth == 0;
    if (r->bad)
        out->type = ANY_EMPTY;
    else if (out->type == ANY_ARRAY)
        out->as.items = get_items(r, arena, depth - 1, &out->n);
    else if (out->type == ANY_MAP)
        out->as.pairs = get_pairs(r, arena, depth - 1, &out->n);
    else
        get_flat(r, out);
    if (r->bad)
        *out = (struct any){.type = ANY_EMPTY};
}

/* One level more than decoders allow: events and links wrap attributes. */
enum { DEPTH_MAX = ANY_DEPTH_MAX + 4 };

void any_get(struct reader *r, struct arena *arena, struct any *out)
{
    get(r, arena, DEPTH_MAX, out);
}

const struct attribute *attributes_get(struct reader *r, struct arena *arena, uint32_t *out_n)
{
    return get_pairs(r, arena, DEPTH_MAX, out_n);
}
