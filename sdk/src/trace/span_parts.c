/* What a living span is filled with: name, attributes, events, links and status. Fields are those
 * of opentelemetry's Span message; each is encoded when it is set. */
#include "trace/span.h"

#include <string.h>

#include "base/compiler.h"
#include "core/bytes.h"
#include "core/problem.h"
#include "core/proto.h"
#include "trace/context.h"
#include "trace/tracer.h"

enum { NAME = 5, ATTRIBUTES = 9 };

/* --- fields that may be taken out again ------------------------------------------------------ */

static COLD void move_back(struct span_field *f, uint32_t at, uint32_t n)
{
    if (f->at > at)
        f->at -= n;
}

COLD void span_take_out(struct tt_span_memory *s, struct span_field *f)
{
    uint32_t at = f->at, n = f->n;
    if (!n)
        return;
    memmove(s->bytes + at, s->bytes + at + n, s->n - at - n);
    s->n -= n;
    f->n = 0;
    move_back(&s->name, at, n);
    move_back(&s->message, at, n);
    for (uint32_t i = 0; i < s->attrs_n; i++)
        move_back(&s->attrs[i], at, n);
}

static COLD void put_name_slowly(struct tt_span_memory *s, const char *name, size_t n)
{
    span_take_out(s, &s->name);
    char *to = span_append(s, n + PROTO_HEAD_MAX);
    if (!to)
        return;
    s->name = (struct span_field){.at = s->n};
    s->name.n = (uint32_t)(put_text_field(to, NAME, name, n) - to);
    s->n += s->name.n;
}

void span_put_name(struct tt_span_memory *s, const char *name)
{
    size_t n = strlen(name);
    char *to = s->bytes + s->n;
    if (UNLIKELY(n > SHORT_ATTR_MAX || s->cap - s->n < SHORT_ATTR_ROOM || s->name.n) ||
        UNLIKELY(put_ascii(to + 2, name, n) & PROTO_NOT_ASCII)) {
        put_name_slowly(s, name, n);
        return;
    }
    to[0] = NAME << 3 | WIRE_BYTES;
    to[1] = (char)n;
    s->name = (struct span_field){.at = s->n, .n = (uint32_t)n + 2};
    s->n += s->name.n;
}

/* --- attributes ------------------------------------------------------------------------------ */

/* Whether the encoded attribute has this key. It begins: tag, length, tag of the key, its length.
 */
static COLD bool has_key(const struct tt_span_memory *s, const struct span_field *f,
                         const tt_attr *a)
{
    const char *p = s->bytes + f->at + 1;
    while (*p++ & 0x80) {
    }
    p++;
    size_t n = 0;
    for (int shift = 0;; shift += 7) {
        n |= (size_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80))
            break;
    }
    return n == a->key_n && memcmp(p, a->key, n) == 0;
}

static COLD struct span_field *find_attr(struct tt_span_memory *s, const tt_attr *a, uint32_t hash)
{
    for (uint32_t i = 0; i < s->attrs_n; i++) {
        if (s->attrs[i].hash == hash && s->attrs[i].n && has_key(s, &s->attrs[i], a))
            return &s->attrs[i];
    }
    return NULL;
}

/* Cuts text to the limit, not within a character. */
static COLD tt_attr cut_value(const struct tt_span_memory *s, const tt_attr *a)
{
    tt_attr cut = *a;
    size_t max = tracer_options(s->tracer)->value_bytes_max;
    if (!max || a->value.type != TT_TYPE_STRING || a->value.n <= max)
        return cut;
    while (max > 0 && ((unsigned char)a->value.as.text[max] & 0xc0) == 0x80)
        max--;
    cut.value.n = (uint32_t)max;
    return cut;
}

static COLD void set_slowly(struct tt_span_memory *s, const tt_attr *given, uint32_t hash)
{
    tt_attr a = cut_value(s, given);
    struct span_field *f = find_attr(s, &a, hash);
    if (f)
        span_take_out(s, f);
    else if (s->attrs_n >= tracer_options(s->tracer)->attributes_max) {
        s->attrs_dropped++;
        return;
    }
    char *to = span_append(s, proto_attr_size(&a));
    if (!to) {
        s->attrs_dropped++;
        return;
    }
    if (!f)
        f = &s->attrs[s->attrs_n++];
    *f = (struct span_field){.at = s->n, .hash = hash};
    f->n = (uint32_t)(put_proto_attr(to, ATTRIBUTES, &a) - to);
    s->n += f->n;
}

/* A key that was not there, a short value, and room for both. */
static inline bool set_quickly(struct tt_span_memory *s, const tt_attr *a, uint32_t hash,
                               size_t attributes_max)
{
    if (s->attrs_n >= attributes_max || s->cap - s->n < SHORT_ATTR_ROOM)
        return false;
    char *to = s->bytes + s->n, *end = put_short_attr(to, ATTRIBUTES, a);
    if (!end)
        return false;
    uint32_t n = (uint32_t)(end - to);
    s->attrs[s->attrs_n++] = (struct span_field){.at = s->n, .n = n, .hash = hash};
    s->n += n;
    return true;
}

void span_put_attrs(struct tt_span_memory *s, const tt_attr *attrs, size_t n)
{
    const tt_tracer_provider_options *o = tracer_options(s->tracer);
    size_t max = o->attributes_max;
    bool quick = o->value_bytes_max == 0 || o->value_bytes_max >= SHORT_ATTR_MAX;
    for (size_t i = 0; i < n; i++) {
        const tt_attr *a = &attrs[i];
        if (UNLIKELY(!a->key || !a->key_n || a->value.type > TT_TYPE_MAP)) {
            problem(TT_PROBLEM_MISUSE, "an attribute without key or of an unknown type", NULL);
            continue;
        }
        uint32_t hash = (uint32_t)(bytes_hash_ends(a->key, a->key_n) >> 32);
        uint64_t bit = UINT64_C(1) << (hash >> 26);
        bool is_new = !(s->keys & bit);
        s->keys |= bit;
        if (UNLIKELY(!(quick && is_new && set_quickly(s, a, hash, max))))
            set_slowly(s, a, hash);
    }
}

void tt_span_set(tt_span span, const tt_attr *attrs, size_t n)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && attrs)
        span_put_attrs(s, attrs, n);
    span_unlock(s);
}

COLD void tt_span_rename(tt_span span, const char *name)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && name)
        span_put_name(s, name);
    span_unlock(s);
}
