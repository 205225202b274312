#include "query/promql/trace.h"

#include "base/time.h"

struct trace_op {
    struct op op;
    struct op *from;
    struct query_trace *at;
};

/* Makes `at` current and counts from here; the return value is for resume. */
static struct query_trace *begin(struct eval *ev, struct query_trace *at)
{
    struct query_trace *parent = ev->trace;
    at->ns -= time_now_mono_ns();
    at->samples -= ev->limits->samples_read;
    ev->trace = at;
    return parent;
}

static void end(struct eval *ev, struct query_trace *at, struct query_trace *parent)
{
    at->ns += time_now_mono_ns();
    at->samples += ev->limits->samples_read;
    ev->trace = parent;
}

static int trace_next(struct op *op, struct row *out)
{
    struct trace_op *t = (struct trace_op *)op;
    struct query_trace *parent = begin(op->ev, t->at);
    int rc = op_next(t->from, out);
    t->at->series += rc > 0;
    end(op->ev, t->at, parent);
    return rc;
}

struct query_trace *trace_enter(struct eval *ev, const struct node *n, struct timeline t)
{
    struct query_trace *at = arena_zalloc(ev->trace_arena, sizeof *at);
    if (!at) {
        (void)eval_memory_error(ev);
        return NULL;
    }
    struct query_trace **last = &ev->trace->children;
    while (*last)
        last = &(*last)->next;
    *last = at;
    at->expr = arena_str(ev->trace_arena,
                         str_sub(ev->trace_text, n->span.start, n->span.end - n->span.start));
    at->steps = t.n;
    at->parent = begin(ev, at);
    return at;
}

int trace_leave(struct eval *ev, struct query_trace *at, struct op **op)
{
    end(ev, at, at->parent);
    if (!op)
        return 0;
    struct trace_op *t = op_new(ev, sizeof *t, (*op)->t, trace_next);
    if (!t)
        return ERR_TOO_BIG;
    t->op.distinct = (*op)->distinct;
    t->from = *op;
    t->at = at;
    *op = &t->op;
    return 0;
}
