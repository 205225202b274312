/* Joining rows of equal labels, repeating what is the same at every step, and handing out tables.
 */
#include "query/promql/labelset.h"

#include "model/histogram.h"
#include "query/promql/eval.h"
#include "query/query.h"

struct table_op {
    struct op op;
    struct table table;
    size_t at;
};

static int table_next(struct op *op, struct row *out)
{
    struct table_op *t = (struct table_op *)op;
    while (t->at < t->table.n) {
        *out = t->table.rows[t->at++];
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return 0;
}

int op_open_table(struct eval *ev, struct timeline t, struct table table, struct op **out)
{
    struct table_op *op = op_new(ev, sizeof *op, t, table_next);
    if (!op)
        return ERR_TOO_BIG;
    op->table = table;
    *out = &op->op;
    return 0;
}

/* --- merging ---------------------------------------------------------------------------------- */

struct merge_op {
    struct op op;
    struct op *from;
    struct table table;
    struct label_index index;
    size_t at;
    bool filled;
};

static int join(struct eval *ev, struct row *into, const struct row *r, size_t n)
{
    if (r->h && !into->h) {
        into->h = op_histograms(ev, n);
        if (!into->h)
            return ERR_TOO_BIG;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_hole(r->v[i]))
            continue;
        if (!is_hole(into->v[i]))
            return err_set(ev->err, ERR_UNSUPPORTED,
                           "vector cannot contain metrics with the same labelset");
        into->v[i] = r->v[i];
        if (r->h && r->h[i]) {
            into->h[i] = histogram_copy(ev->arena, r->h[i]);
            if (!into->h[i])
                return eval_memory_error(ev);
        }
    }
    into->drop_name |= r->drop_name;
    return 0;
}

static int add_row(struct merge_op *m, const struct row *r)
{
    struct eval *ev = m->op.ev;
    uint64_t hash = labels_hash(&r->labels);
    size_t cursor = 0;
    for (uint32_t k; (k = label_index_find(&m->index, hash, &cursor)) != 0;)
        if (labels_eq(&m->table.rows[k - 1].labels, &r->labels))
            return join(ev, &m->table.rows[k - 1], r, m->op.t.n);
    int rc = table_add(ev, &m->table, r, m->op.t.n);
    if (rc == 0 && !label_index_add(&m->index, ev->arena, hash, (uint32_t)(m->table.n - 1)))
        rc = eval_memory_error(ev);
    return rc;
}

static int fill(struct merge_op *m)
{
    struct row r;
    int rc;
    m->filled = true;
    while ((rc = op_next(m->from, &r)) > 0) {
        rc = add_row(m, &r);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int merge_next(struct op *op, struct row *out)
{
    struct merge_op *m = (struct merge_op *)op;
    int rc = m->filled ? 0 : fill(m);
    if (rc != 0)
        return rc;
    if (m->at == m->table.n)
        return 0;
    *out = m->table.rows[m->at++];
    return 1;
}

int op_open_merge(struct eval *ev, struct op *from, struct op **out)
{
    struct merge_op *m = op_new(ev, sizeof *m, from->t, merge_next);
    if (!m)
        return ERR_TOO_BIG;
    m->from = from;
    *out = &m->op;
    return 0;
}

int op_finish_dropped(struct eval *ev, struct op *op, bool input_distinct, struct op **out)
{
    bool delayed = ev->features & QUERY_DELAYED_NAME_REMOVAL;
    op->distinct = input_distinct;
    if (!delayed && !input_distinct)
        return op_open_merge(ev, op, out);
    *out = op;
    return 0;
}
