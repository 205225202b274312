/* The parts that all requests of OTLP begin with: resource and scope. */
#ifndef TELLTALE_CORE_OTLP_HEAD_H
#define TELLTALE_CORE_OTLP_HEAD_H

#include "base/buf.h"
#include "core/resource.h"
#include "telltale/scope.h"

/* Copies of a scope's parts, as meters, tracers and loggers keep them. All owned. */
struct scope {
    char *name, *version, *schema_url; /* "": none */
    struct attr_set *attrs;
};

/* False when out of memory; scope_done frees what is there. */
bool scope_init(struct scope *s, const tt_scope *given);
void scope_done(struct scope *s);
bool scope_eq(const struct scope *a, const struct scope *b);

/* Appends an InstrumentationScope, or a Resource, as the field. */
void otlp_put_scope(struct buf *out, unsigned field, const struct scope *s);
void otlp_put_resource(struct buf *out, unsigned field, const tt_resource *r);

/* Appends text as a field, unless it is empty. */
void otlp_put_text(struct buf *out, unsigned field, const char *text);

/* Appends bytes as a field. */
void otlp_put_bytes(struct buf *out, unsigned field, const void *p, size_t n);

#endif
