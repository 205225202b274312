/* Equal parts of an expression, evaluated once.
 *
 * Those who read them come one after another: of two vectors one is read whole before the other
 * begins, so what the first reader was given is kept for the others. A reader gets copies, for it
 * may change its rows; the last one gets the kept rows themselves, and after it they are freed.
 *
 * Kept rows count in the query's memory and samples. When they would take more than a part of what
 * is left of either, they are dropped while only one reads them, and the others evaluate for
 * themselves: so no query fails that would not have failed without.
 *
 * What is noted has the position of the last of the equal parts, as in Prometheus, where later
 * notes replace earlier ones of the same text. */
#include "query/promql/share.h"

#include <string.h>

#include "base/atomic.h"
#include "query/promql/equal.h"
#include "query/promql/functions.h"
#include "query/promql/open.h"
#include "query/promql/reading.h"
#include "query/query.h"

/* --- finding them ----------------------------------------------------------------------------- */

struct spool;

/* Parts that are equal, in equal surroundings. */
struct shared {
    struct node *node; /* the last, which is evaluated */
    uint64_t context;  /* tells different steps apart */
    size_t uses;
    struct spool *spool; /* NULL: not opened yet */
    struct shared *next;
};

/* Selectors that read the same series. */
struct readers {
    struct reading reading;
    const struct selector_node *first;
    uint64_t hash;
    struct readers *next;
};

enum { BUCKETS = 1024 };

struct search {
    struct arena *arena;
    struct shared *found[BUCKETS];
    struct readers *readers[BUCKETS];
};

static bool reads_series(const struct node *n)
{
    switch (n->kind) {
    case NODE_SELECTOR:
    case NODE_MATRIX:
    case NODE_SUBQUERY:
    case NODE_AGGREGATE: return true;
    case NODE_PAREN: return reads_series(n->paren.expr);
    case NODE_UNARY: return reads_series(n->unary.expr);
    case NODE_BINARY: return reads_series(n->binary.lhs) || reads_series(n->binary.rhs);
    case NODE_CALL: break;
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: return false;
    }
    for (size_t i = 0; i < n->call.n; i++)
        if (reads_series(n->call.args[i]))
            return true;
    return false;
}

static bool worth_sharing(const struct node *n)
{
    return n->type == VALUE_VECTOR && n->kind != NODE_PAREN && reads_series(n);
}

/* True: it was seen before, as it is marked now. */
static bool note(struct search *s, struct node *n, uint64_t context)
{
    struct shared **bucket = &s->found[(n->hash ^ context) % BUCKETS];
    for (struct shared *f = *bucket; f; f = f->next)
        if (f->node->hash == n->hash && f->context == context && node_equal(f->node, n)) {
            f->uses++;
            n->shared = f;
            return true;
        }
    struct shared *f = arena_zalloc(s->arena, sizeof *f);
    if (f) {
        *f = (struct shared){.node = n, .context = context, .uses = 1, .next = *bucket};
        n->shared = *bucket = f;
    }
    return false;
}

static void note_reader(struct search *s, struct selector_node *n)
{
    uint64_t hash = matchers_hash(n);
    struct readers **bucket = &s->readers[hash % BUCKETS], *r = *bucket;
    while (r && (r->hash != hash || !matchers_equal(r->first, n)))
        r = r->next;
    if (!r && (r = arena_zalloc(s->arena, sizeof *r))) {
        *r = (struct readers){.first = n, .hash = hash, .next = *bucket};
        *bucket = r;
    }
    if (!r)
        return;
    r->reading.uses++;
    n->reading = &r->reading;
}

static void visit(struct search *s, struct node *n, uint64_t context);

/* Some functions read the selector in their argument in a way of their own. */
static void visit_argument(struct search *s, const struct call_node *c, size_t i, uint64_t context)
{
    bool times = c->function->open == open_timestamp || c->function->open == open_start_timestamp;
    struct node *arg = node_unwrap(c->args[i]);
    if (arg->kind != NODE_SELECTOR || (!times && !arg->selector.labels_only))
        visit(s, arg, context);
    else if (times)
        note_reader(s, &arg->selector);
}

static void visit_parts(struct search *s, struct node *n, uint64_t context)
{
    switch (n->kind) {
    case NODE_CALL:
        for (size_t i = n->call.n; i-- > 0;)
            visit_argument(s, &n->call, i, context);
        break;
    case NODE_AGGREGATE:
        visit(s, n->aggregate.expr, context);
        if (n->aggregate.param)
            visit(s, n->aggregate.param, context);
        break;
    case NODE_BINARY:
        visit(s, n->binary.rhs, context);
        visit(s, n->binary.lhs, context);
        break;
    case NODE_UNARY: visit(s, n->unary.expr, context); break;
    case NODE_PAREN: visit(s, n->paren.expr, context); break;
    case NODE_SUBQUERY:
        visit(s, n->subquery.expr, context * 31 + subquery_hash(&n->subquery));
        break;
    case NODE_SELECTOR: note_reader(s, &n->selector); break;
    case NODE_MATRIX: note_reader(s, &n->matrix.selector->selector); break;
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: break;
    }
}

/* From the end of the expression to its beginning, the parts of equal parts only once. */
static void visit(struct search *s, struct node *n, uint64_t context)
{
    context = n->once ? context * 31 + 1 : context;
    if (!worth_sharing(n) || !note(s, n, context))
        visit_parts(s, n, context);
}

static void forget_single(struct search *s)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct shared *f = s->found[i]; f; f = f->next)
            if (f->uses == 1)
                f->node->shared = NULL;
}

void share_equal_parts(struct ast *ast)
{
    if (!ast->selectors || !ast->selectors->next)
        return; // the usual case: there is nothing to look for
    struct search s = {.arena = &ast->arena};
    (void)node_hash(ast->root);
    visit(&s, ast->root, 0);
    forget_single(&s);
}

/* --- keeping rows ----------------------------------------------------------------------------- */

struct kept {
    struct row row;
    struct kept *next;
};

struct spool {
    struct op *from;
    struct timeline t;
    struct arena *arena; /* of the rows; NULL: nobody but the first has come yet */
    struct kept *first, *last;
    uint64_t held;                     /* samples */
    size_t uses, opened, begun, ended; /* readers: wanted, here, that have rows, through */
    bool complete, dropped;
    struct query_trace *parts; /* of the evaluation, until somebody reads; NULL: not traced */
};

struct shared_op {
    struct op op;
    const struct node *node;
    struct spool *spool;
    struct kept *at; /* given last; NULL: none */
    struct op *own;  /* the rows were dropped: evaluates the node itself */
    double *v;       /* copies */
    const struct histogram **h;
    bool begun, ended, leads; /* leads: it had rows that are no longer kept */
};

static void release(struct shared_op *o)
{
    struct spool *s = o->spool;
    arena_reset(s->arena);
    s->first = s->last = NULL;
    limits_release(o->op.ev->limits, s->held);
    s->held = 0;
}

static bool may_keep(const struct shared_op *o, const struct row *r)
{
    enum { PART = 8 };
    const struct limits *l = o->op.ev->limits;
    const struct spool *s = o->spool;
    uint64_t weight = row_weight(r, s->t.n);
    size_t n = s->t.n, bytes = n * (r->h ? 2 : 1) * sizeof(double) + sizeof(struct kept);
    size_t most = atomic_get_relaxed(&l->memory.max) / PART;
    return s->arena->used + bytes <= most && budget_has_room(&l->memory, bytes) &&
           s->held + weight <= l->max_samples / PART && l->samples + weight <= l->max_samples / 2;
}

static int keep(struct shared_op *o, const struct row *r)
{
    struct spool *s = o->spool;
    struct eval *ev = o->op.ev;
    size_t n = s->t.n;
    struct kept *k = arena_zalloc(s->arena, sizeof *k);
    if (!k || !(k->row.v = arena_alloc(s->arena, n * sizeof *k->row.v)))
        return eval_memory_error(ev);
    double *v = memcpy(k->row.v, r->v, n * sizeof *v);
    k->row = *r;
    k->row.v = v;
    if (r->h && !(k->row.h = row_copy_histograms(s->arena, r, n)))
        return eval_memory_error(ev);
    *(s->last ? &s->last->next : &s->first) = k;
    s->last = o->at = k;
    s->held += row_weight(r, n);
    return limits_hold(ev->limits, row_weight(r, n), ev->err);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What the evaluation's parts cost is shown where it is read. */
static void move_trace(struct shared_op *o)
{
    struct query_trace *at = o->op.ev->trace, *parts = o->spool->parts;
    if (!at || !parts)
        return;
    struct query_trace **last = &at->children;
    while (*last)
        last = &(*last)->next;
    *last = parts->children;
    o->spool->parts = NULL;
}

/* A row as the evaluation makes it, kept when others will want it. */
static int read_on(struct shared_op *o, struct row *out)
{
    struct spool *s = o->spool;
    move_trace(o);
    int rc = op_next(s->from, out);
    s->complete |= rc == 0;
    if (rc <= 0 || s->dropped || s->uses == s->ended + 1)
        return rc;
    if (s->begun > 1 || may_keep(o, out)) {
        int kept = keep(o, out);
        return kept ? kept : 1;
    }
    release(o);
    s->dropped = true;
    o->at = NULL;
    return 1;
}

static int read_kept(struct shared_op *o, struct kept *k, struct row *out)
{
    struct eval *ev = o->op.ev;
    size_t n = o->op.t.n;
    if (ev->trace)
        ev->trace->shared = true;
    o->at = k;
    *out = k->row;
    if (o->spool->uses == o->spool->ended + 1)
        return 1;
    if ((!o->v && !(o->v = op_values(ev, n))) ||
        (out->h && !o->h && !(o->h = op_histograms(ev, n))))
        return ERR_TOO_BIG;
    out->v = memcpy(o->v, k->row.v, n * sizeof *o->v);
    if (out->h)
        out->h = memcpy(o->h, k->row.h, n * sizeof *o->h);
    return 1;
}

static int read_alone(struct shared_op *o, struct row *out)
{
    int rc = o->own ? 0 : open_node(o->op.ev, o->node, o->op.t, &o->own);
    return rc ? rc : op_next(o->own, out);
}

static int next_row(struct shared_op *o, struct row *out)
{
    struct spool *s = o->spool;
    if (s->dropped && !o->leads)
        return read_alone(o, out);
    struct kept *k = o->at ? o->at->next : s->first;
    if (k && !s->dropped)
        return read_kept(o, k, out);
    o->leads = true;
    return s->complete ? 0 : read_on(o, out);
}

static int shared_next(struct op *op, struct row *out)
{
    struct shared_op *o = (struct shared_op *)op;
    struct spool *s = o->spool;
    if (o->ended)
        return 0;
    s->begun += !o->begun;
    o->begun = true;
    int rc = next_row(o, out);
    if (rc == 0) {
        o->ended = true;
        if (++s->ended == s->uses)
            release(o);
    }
    return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int open_spool(struct eval *ev, const struct node *n, struct timeline t, struct spool **out)
{
    struct spool *s = eval_alloc(ev, 1, sizeof *s);
    struct query_trace *at = ev->trace;
    if (!s || !(s->arena = eval_scratch(ev)))
        return ERR_TOO_BIG;
    s->t = t;
    s->uses = n->shared->uses;
    if (at && !(s->parts = ev->trace = arena_zalloc(ev->trace_arena, sizeof *s->parts)))
        return eval_memory_error(ev);
    int rc = open_node(ev, n->shared->node, t, &s->from);
    ev->trace = at;
    *out = s;
    return rc;
}

int open_shared(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct shared *class = n->shared;
    struct shared_op *o = op_new(ev, sizeof *o, t, shared_next);
    int rc = o ? 0 : ERR_TOO_BIG;
    if (rc == 0 && !class->spool)
        rc = open_spool(ev, n, t, &class->spool);
    if (rc != 0)
        return rc;
    o->spool = class->spool;
    o->node = n;
    bool same_steps = !memcmp(&o->spool->t, &t, sizeof t);
    if (!same_steps || o->spool->opened == o->spool->uses)
        return open_node(ev, n, t, out);
    o->spool->opened++;
    o->op.distinct = o->spool->from->distinct;
    *out = &o->op;
    return 0;
}
