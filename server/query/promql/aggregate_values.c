/* count_values: how often each value occurs, the value being a label of the result. */
#include "base/buf.h"
#include "base/num.h"
#include "query/promql/group.h"
#include "query/promql/hist.h"
#include "query/promql/open.h"

struct values_op {
    struct op op;
    struct op *from;
    struct grouping
        groups; /* by the grouping labels and the value's label; state: double by step */
    struct str label;
    size_t at;
    bool filled;
};

/* The row's labels with the value as one more, as the group is chosen by them. */
static struct labels with_value(struct values_op *v, const struct row *r, size_t i)
{
    struct eval *ev = v->op.ev;
    struct buf text = BUF_MAX(64 << 10);
    const struct histogram *h = row_histogram(r, i);
    char digits[NUM_DOUBLE_MAX];
    if (h)
        hist_format(&text, h);
    else
        buf_put(&text, digits, num_format_plain(digits, r->v[i]));
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, &r->labels);
    labels_builder_set(&b, v->label, arena_str(ev->arena, buf_str(&text)));
    buf_done(&text);
    return labels_builder_labels(&b);
}

static struct group *group_at(struct values_op *v, const struct row *r, size_t i)
{
    struct eval *ev = v->op.ev;
    struct row counted = {.labels = with_value(v, r, i)};
    if (arena_failed(ev->arena)) {
        (void)eval_memory_error(ev); // the code is implied by the NULL
        return NULL;
    }
    struct group *g = grouping_of(ev, &v->groups, &counted);
    if (!g || (!g->state && !(g->state = op_values(ev, v->op.t.n))))
        return NULL;
    return g;
}

static int take_row(struct values_op *v, const struct row *r)
{
    double *counts = NULL, last = 0;
    for (size_t i = 0; i < v->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        /* A value often stays for many steps: its group is looked up once. */
        bool same = counts && !row_histogram(r, i) && memcmp(&last, &r->v[i], sizeof last) == 0;
        if (!same) {
            struct group *g = group_at(v, r, i);
            if (!g)
                return ERR_TOO_BIG;
            counts = g->state;
            last = row_histogram(r, i) ? HOLE : r->v[i];
        }
        counts[i]++;
    }
    return 0;
}
static int fill(struct values_op *v)
{
    struct row r;
    int rc;
    v->filled = true;
    while ((rc = op_next(v->from, &r)) > 0) {
        rc = take_row(v, &r);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int values_next(struct op *op, struct row *out)
{
    struct values_op *v = (struct values_op *)op;
    int rc = v->filled ? 0 : fill(v);
    if (rc != 0 || v->at == v->groups.n)
        return rc;
    const struct group *g = &v->groups.v[v->at++];
    *out = (struct row){.labels = g->labels, .v = g->state};
    for (size_t i = 0; i < op->t.n; i++)
        if (out->v[i] == 0)
            out->v[i] = HOLE;
    return 1;
}

/* by (a) count_values("v", …) groups by a and v; without (v) would lose the label, as it does. */
static int group_by_value(struct eval *ev, const struct aggregate_node *a, struct str label,
                          struct grouping *out)
{
    struct aggregate_node with = *a;
    if (a->without)
        return grouping_init(ev, a, out);
    with.grouping = eval_alloc(ev, a->n_grouping + 1, sizeof *with.grouping);
    if (!with.grouping)
        return ERR_TOO_BIG;
    for (size_t i = 0; i < a->n_grouping; i++)
        with.grouping[i] = a->grouping[i];
    with.grouping[with.n_grouping++] = label;
    return grouping_init(ev, &with, out);
}

static int invalid_label(struct eval *ev, struct str label)
{
    struct buf text = BUF_MAX(1024);
    str_quote_visible(&text, str_sub(label, 0, 128));
    int rc = err_set(ev->err, ERR_UNSUPPORTED, "invalid label name %.*s", STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

int open_count_values(struct eval *ev, const struct node *n, struct op *from, struct op **out)
{
    const struct aggregate_node *a = &n->aggregate;
    struct str label = node_unwrap(a->param)->string.value;
    if (label.n == 0 || !str_is_utf8(label))
        return invalid_label(ev, label);
    struct values_op *v = op_new(ev, sizeof *v, from->t, values_next);
    if (!v)
        return ERR_TOO_BIG;
    v->from = from;
    v->label = label;
    *out = &v->op;
    return group_by_value(ev, a, label, &v->groups);
}
