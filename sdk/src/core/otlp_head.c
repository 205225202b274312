#include "core/otlp_head.h"

#include <stdlib.h>

#include "core/proto.h"
#include "core/text.h"

/* Fields of InstrumentationScope and Resource. */
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2, SCOPE_ATTRIBUTES = 3, RESOURCE_ATTRIBUTES = 1 };

bool scope_init(struct scope *s, const tt_scope *given)
{
    s->name = text_dup(text_or_empty(given->name));
    s->version = text_dup(text_or_empty(given->version));
    s->schema_url = text_dup(text_or_empty(given->schema_url));
    s->attrs = attr_set_new(given->attrs, given->attrs_n, NULL, NULL);
    return s->name && s->version && s->schema_url && s->attrs;
}

void scope_done(struct scope *s)
{
    free(s->name);
    free(s->version);
    free(s->schema_url);
    free(s->attrs);
}

bool scope_eq(const struct scope *a, const struct scope *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 &&
           strcmp(a->schema_url, b->schema_url) == 0 && attr_set_eq(a->attrs, b->attrs);
}

void otlp_put_bytes(struct buf *out, unsigned field, const void *p, size_t n)
{
    char *to = buf_reserve(out, n + PROTO_HEAD_MAX);
    if (to)
        buf_advance(out, (size_t)(put_bytes_field(to, field, p, n) - to));
}

void otlp_put_text(struct buf *out, unsigned field, const char *text)
{
    size_t n = strlen(text);
    char *to = n ? buf_reserve(out, n + PROTO_HEAD_MAX) : NULL;
    if (to)
        buf_advance(out, (size_t)(put_text_field(to, field, text, n) - to));
}

static void put_set(struct buf *out, unsigned field, const struct attr_set *set)
{
    size_t n = proto_set_size(set);
    char *to = n ? buf_reserve(out, n) : NULL;
    if (to)
        buf_advance(out, (size_t)(put_proto_set(to, field, set) - to));
}

void otlp_put_scope(struct buf *out, unsigned field, const struct scope *s)
{
    struct buf body = BUF_MAX(out->max);
    otlp_put_text(&body, SCOPE_NAME, s->name);
    otlp_put_text(&body, SCOPE_VERSION, s->version);
    put_set(&body, SCOPE_ATTRIBUTES, s->attrs);
    otlp_put_bytes(out, field, body.p, body.n);
    out->failed |= buf_failed(&body);
    buf_done(&body);
}

void otlp_put_resource(struct buf *out, unsigned field, const tt_resource *r)
{
    struct buf body = BUF_MAX(out->max);
    put_set(&body, RESOURCE_ATTRIBUTES, r->set);
    otlp_put_bytes(out, field, body.p, body.n);
    out->failed |= buf_failed(&body);
    buf_done(&body);
}
