/* absent and absent_over_time: 1 at the steps where nothing is there. */
#include "query/promql/functions.h"
#include "query/promql/open.h"

#include "model/matcher.h"

/* The labels that the selector demands by equality, each once; else none. */
static struct labels demanded_labels(struct eval *ev, const struct node *arg)
{
    const struct node *n = node_unwrap((struct node *)(uintptr_t)arg);
    if (n->kind == NODE_MATRIX)
        n = n->matrix.selector;
    if (n->kind != NODE_SELECTOR)
        return (struct labels){0};
    const struct selector_node *s = &n->selector;
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, NULL);
    for (size_t i = 0; i < s->n; i++) {
        const struct matcher *m = &s->matchers[i];
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= str_eq(s->matchers[k].name, m->name) && s->matchers[k].op == MATCH_EQUAL;
        if (str_eq(m->name, LABEL_NAME))
            continue;
        if (m->op == MATCH_EQUAL && !again)
            labels_builder_set(&b, m->name, m->value);
        else
            labels_builder_del(&b, m->name);
    }
    return labels_builder_labels(&b);
}

struct absent_op {
    struct op op;
    struct op *from;
    struct labels labels;
    double *v;
    bool done;
};

static int absent_instant(struct absent_op *a)
{
    struct row r;
    int rc;
    while ((rc = op_next(a->from, &r)) > 0)
        for (size_t i = 0; i < a->op.t.n; i++)
            if (!is_hole(r.v[i]))
                a->v[i] = HOLE;
    return rc;
}

static int absent_next(struct op *op, struct row *out)
{
    struct absent_op *a = (struct absent_op *)op;
    if (a->done)
        return 0;
    a->done = true;
    int rc = absent_instant(a);
    *out = (struct row){.labels = a->labels, .v = a->v};
    if (rc != 0)
        return rc;
    return !row_is_empty(out, op->t.n);
}

static struct absent_op *new_absent(struct eval *ev, const struct node *n, struct timeline t)
{
    struct absent_op *a = op_new(ev, sizeof *a, t, absent_next);
    if (!a || !(a->v = op_values(ev, t.n)))
        return NULL;
    for (size_t i = 0; i < t.n; i++)
        a->v[i] = 1;
    a->labels = demanded_labels(ev, n->call.args[0]);
    a->op.distinct = true;
    return a;
}

int open_absent(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct absent_op *a = new_absent(ev, n, t);
    if (!a)
        return ERR_TOO_BIG;
    *out = &a->op;
    return op_open(ev, n->call.args[0], t, &a->from);
}

/* Absent where present_over_time is. */
int open_absent_over_time(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct absent_op *a = new_absent(ev, n, t);
    struct node *present = eval_alloc(ev, 1, sizeof *present);
    if (!a || !present)
        return ERR_TOO_BIG;
    *present = *n;
    present->call.function = function_find(STR("present_over_time"));
    *out = &a->op;
    return open_range_call(ev, present, t, &a->from);
}
