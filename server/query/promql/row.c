/* Rows, tables, and the memory of operators. */
#include <string.h>

#include "model/histogram.h"
#include "query/promql/step_counts.h"
#include "query/query.h"

int eval_memory_error(struct eval *ev)
{
    return limits_memory_error(ev->limits, ev->err);
}

void *eval_alloc(struct eval *ev, size_t count, size_t size)
{
    void *p = arena_array(ev->arena, count, size);
    if (!p)
        (void)eval_memory_error(ev); // the code is implied by the NULL
    return p;
}

struct arena *eval_scratch(struct eval *ev)
{
    struct arena *a = limits_arena(ev->limits);
    if (!a)
        (void)eval_memory_error(ev); // the code is implied by the NULL
    return a;
}

double *op_values(struct eval *ev, size_t n)
{
    return eval_alloc(ev, n, sizeof(double));
}

const struct histogram **op_histograms(struct eval *ev, size_t n)
{
    return eval_alloc(ev, n, sizeof(struct histogram *));
}

void *op_new(struct eval *ev, size_t size, struct timeline t,
             int (*next)(struct op *op, struct row *out))
{
    struct op *op = eval_alloc(ev, 1, size);
    if (!op)
        return NULL;
    op->next = next;
    op->ev = ev;
    op->t = t;
    op->counting = ev->counts ? ev->counts->mode : COUNT_NOT;
    op->all = ev->ops;
    ev->ops = op;
    return op;
}

void eval_done(struct eval *ev)
{
    for (struct op *op = ev->ops; op; op = op->all)
        if (op->close)
            op->close(op);
    ev->ops = NULL;
}

bool row_is_empty(const struct row *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_hole(r->v[i]))
            return false;
    return true;
}

void row_drop_histograms(struct row *r, size_t n)
{
    for (size_t i = 0; r->h && i < n; i++)
        if (r->h[i])
            r->v[i] = HOLE;
    r->h = NULL;
}

size_t sample_weight(const struct histogram *h)
{
    return h ? histogram_weight(h) : 1;
}

uint64_t row_weight(const struct row *r, size_t n)
{
    uint64_t weight = n;
    for (size_t i = 0; r->h && i < n; i++)
        weight += sample_weight(row_histogram(r, i)) - 1;
    return weight;
}

const struct histogram **row_copy_histograms(struct arena *a, const struct row *r, size_t n)
{
    const struct histogram **h = arena_array(a, n, sizeof *h);
    for (size_t i = 0; h && i < n; i++) {
        if (!r->h[i] || is_hole(r->v[i]))
            continue;
        bool again = i > 0 && r->h[i] == r->h[i - 1] && h[i - 1];
        h[i] = again ? h[i - 1] : histogram_copy(a, r->h[i]);
        if (!h[i])
            return NULL;
    }
    return h;
}

int row_keep(struct eval *ev, const struct row *r, size_t n, struct row *out)
{
    *out = *r;
    out->h = NULL;
    int rc = limits_hold(ev->limits, row_weight(r, n), ev->err);
    if (rc != 0)
        return rc;
    out->v = op_values(ev, n);
    if (!out->v)
        return ERR_TOO_BIG;
    memcpy(out->v, r->v, n * sizeof *out->v);
    if (r->h && !(out->h = row_copy_histograms(ev->arena, r, n)))
        return eval_memory_error(ev);
    return 0;
}

int table_add(struct eval *ev, struct table *t, const struct row *r, size_t n_steps)
{
    struct row *rows = arena_room(ev->arena, t->rows, t->n, &t->cap, 16, sizeof *rows);
    if (!rows)
        return eval_memory_error(ev);
    t->rows = rows;
    int rc = row_keep(ev, r, n_steps, &t->rows[t->n]);
    if (rc == 0)
        t->n++;
    return rc;
}

int table_fill(struct eval *ev, struct op *from, struct table *out)
{
    *out = (struct table){0};
    struct row r;
    int rc;
    while ((rc = op_next(from, &r)) > 0) {
        rc = table_add(ev, out, &r, from->t.n);
        if (rc != 0)
            return rc;
    }
    return rc;
}

bool is_metadata_label(struct str name)
{
    return str_eq(name, LABEL_NAME) || str_eq(name, STR("__type__")) ||
           str_eq(name, STR("__unit__"));
}

struct labels labels_without_metadata(struct arena *a, const struct labels *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += is_metadata_label(l->v[i].name);
    if (n == 0)
        return *l;
    /* The name is usually the first label and the only one: then the rest can be shared. */
    if (n == 1 && is_metadata_label(l->v[0].name))
        return (struct labels){l->v + 1, l->n - 1};
    struct label *v = arena_alloc(a, l->n * sizeof *v);
    struct labels out = {v, 0};
    for (size_t i = 0; v && i < l->n; i++)
        if (!is_metadata_label(l->v[i].name))
            v[out.n++] = l->v[i];
    return out;
}

int row_drop_name(struct eval *ev, struct row *r)
{
    if (ev->features & QUERY_DELAYED_NAME_REMOVAL)
        r->drop_name = true;
    else
        r->labels = labels_without_metadata(ev->arena, &r->labels);
    return arena_failed(ev->arena) ? eval_memory_error(ev) : 0;
}
