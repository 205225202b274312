/* Telling processors. A span that ends gets a new generation first, so that the handles which the
 * program has are of an ended span, and only the processors may fill it for the last time. */
#include "trace/processors.h"

#include <stdlib.h>
#include <string.h>

#include "core/problem.h"
#include "core/proto_read.h"
#include "telltale/watch.h"
#include "trace/tracer.h"

enum { NAME = 5, ATTRIBUTES = 9, STATUS = 15, STATUS_MESSAGE = 2, STATE = 3 };

void processors_start(tt_tracer *t, tt_span span, const tt_span_options *o)
{
    const tt_tracer_provider_options *p = tracer_options(t);
    tt_context *own = o->parent || o->root ? NULL : tt_context_current();
    const tt_context *parent = o->parent ? o->parent : own;
    for (size_t i = 0; i < p->processors_n; i++) {
        if (p->processors[i].on_start)
            p->processors[i].on_start(p->processors[i].arg, span, parent);
    }
    tt_context_free(own);
}

/* --- the end --------------------------------------------------------------------------------- */

/* A copy of a text field's content. The strings of a span follow each other in one memory. */
static char *copy_text(char **inout_to, const char *p, size_t n)
{
    char *text = *inout_to;
    if (n)
        memcpy(text, p, n);
    text[n] = '\0';
    *inout_to += n + 1;
    return text;
}

static void read_texts(tt_span_data *d, char *to)
{
    struct proto_field f, inner;
    const char *p = d->message, *end = p + d->message_n;
    d->name = d->tracestate = d->status_message = "";
    while (proto_next(&p, end, &f)) {
        if (f.field == NAME)
            d->name = copy_text(&to, f.p, f.n);
        else if (f.field == STATE)
            d->tracestate = copy_text(&to, f.p, f.n);
        else if (f.field == ATTRIBUTES)
            d->attrs_n++;
        const char *at = f.p;
        while (f.field == STATUS && proto_next(&at, f.p + f.n, &inner)) {
            if (inner.field == STATUS_MESSAGE)
                d->status_message = copy_text(&to, inner.p, inner.n);
        }
    }
}

static void describe(tt_span_data *d, const struct tt_span_memory *s, int64_t end_unix_ns)
{
    tt_tracer *t = s->tracer;
    *d = (tt_span_data){
        .span = s->context,
        .parent_remote = s->origin == TT_ORIGIN_REMOTE,
        .sampled = s->sampled,
        .kind = (enum tt_span_kind)s->kind,
        .status = s->status,
        .start_unix_ns = s->start_unix_ns,
        .end_unix_ns = end_unix_ns,
        .events_n = s->events_n,
        .links_n = s->links_n,
        .attrs_dropped = s->attrs_dropped,
        .events_dropped = s->events_dropped,
        .links_dropped = s->links_dropped,
        .scope = &t->view,
        .resource = t->source.batcher->resource,
    };
    if (s->origin)
        memcpy(d->parent_id, s->parent_id, sizeof d->parent_id);
}

/* The message, and behind it room for the texts, which are shorter than it. */
static void tell_end(struct tt_span_memory *s, int64_t end_unix_ns)
{
    const tt_tracer_provider_options *p = tracer_options(s->tracer);
    size_t n = span_message_size(s);
    char *bytes = malloc(2 * n);
    if (!bytes) {
        problem(TT_PROBLEM_MEMORY, "no memory to tell processors of a span", NULL);
        return;
    }
    tt_span_data d;
    describe(&d, s, end_unix_ns);
    d.message = bytes;
    d.message_n = (size_t)(span_encode(s, end_unix_ns, bytes) - bytes);
    read_texts(&d, bytes + n);
    for (size_t i = 0; i < p->processors_n; i++) {
        if (p->processors[i].on_end)
            p->processors[i].on_end(p->processors[i].arg, &d);
    }
    free(bytes);
}

struct tt_span_memory *processors_end(struct tt_span_memory *s, int64_t end_unix_ns)
{
    const tt_tracer_provider_options *p = tracer_options(s->tracer);
    s->ending = true;
    span_remember(s, atomic_get_relaxed(&s->generation));
    tt_span last = {s, atomic_get_relaxed(&s->generation) + 2};
    atomic_set_release(&s->generation, last.generation); // pairs with span_lock
    span_unlock(s);
    for (size_t i = 0; i < p->processors_n; i++) {
        if (p->processors[i].on_ending)
            p->processors[i].on_ending(p->processors[i].arg, last);
    }
    if (!span_lock(last)) // a child after fork()
        return NULL;
    last.generation += 2; // now nobody knows it
    atomic_set_relaxed(&s->renewed, atomic_get_relaxed(&s->renewed) + 4);
    atomic_set_release(&s->generation, last.generation);
    span_unlock(s);
    tell_end(s, end_unix_ns);
    return span_lock(last);
}

/* --- reading --------------------------------------------------------------------------------- */

bool tt_span_data_attribute(const tt_span_data *d, size_t n, tt_attr *out)
{
    const char *p = d ? d->message : NULL, *end = d ? p + d->message_n : NULL;
    struct proto_field f;
    while (out && proto_next(&p, end, &f)) {
        if (f.field == ATTRIBUTES && n-- == 0) {
            proto_read_attr(&f, out);
            return true;
        }
    }
    return false;
}
