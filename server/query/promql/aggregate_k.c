/* topk, bottomk, limitk, limit_ratio: some of the input series, by value or as they come. Only the
 * chosen samples are held: per group and step a heap of (value, series). */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "model/histogram.h"
#include "query/promql/group.h"
#include "query/promql/open.h"

struct pick {
    double v;
    const struct histogram *h;
    uint32_t series;
};

/* The picks of one group at one step; of topk the smallest on top, of bottomk the largest. */
struct heap {
    struct pick *v;
    uint32_t n, cap;
};

struct series {
    struct labels labels;
    bool drop_name;
};

struct k_op {
    struct op op;
    const struct node *node;
    struct op *from;
    struct grouping groups; /* state: struct heap by step */
    double *parameter;
    struct series *series;
    size_t n_series, cap_series;
    struct table result;
    size_t at;
    bool filled;
};

/* --- heaps ------------------------------------------------------------------------------------ */

/* Less worth keeping: NaN least of all. */
static bool worse(const struct k_op *k, double a, double b)
{
    if (isnan(a))
        return true;
    return k->node->aggregate.op == TOKEN_TOPK ? a < b : a > b;
}

static void swap(struct pick *a, struct pick *b)
{
    struct pick t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(const struct k_op *k, struct heap *h, uint32_t i)
{
    for (;;) {
        uint32_t worst = i, left = 2 * i + 1, right = left + 1;
        if (left < h->n && worse(k, h->v[left].v, h->v[worst].v))
            worst = left;
        if (right < h->n && worse(k, h->v[right].v, h->v[worst].v))
            worst = right;
        if (worst == i)
            return;
        swap(&h->v[i], &h->v[worst]);
        i = worst;
    }
}

static void sift_up(const struct k_op *k, struct heap *h, uint32_t i)
{
    while (i > 0 && worse(k, h->v[i].v, h->v[(i - 1) / 2].v)) {
        swap(&h->v[i], &h->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static int append(struct k_op *k, struct heap *h, struct pick p)
{
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? h->cap * 2 : 2;
        struct pick *v = arena_grow(k->op.ev->arena, h->v, h->n, cap, sizeof *v);
        if (!v)
            return eval_memory_error(k->op.ev);
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = p;
    return 0;
}

/* --- choosing --------------------------------------------------------------------------------- */

static int choose_best(struct k_op *k, struct heap *h, double limit, struct pick p)
{
    if (p.h) {
        annotate_info(&k->op.ev->notes, k->node->span, "ignored histogram in %.*s aggregation",
                      STR_ARG(token_text(k->node->aggregate.op)));
        return 0;
    }
    if ((double)h->n < limit) {
        int rc = append(k, h, p);
        if (rc == 0)
            sift_up(k, h, h->n - 1);
        return rc;
    }
    bool better = worse(k, h->v[0].v, p.v) && !(isnan(h->v[0].v) && isnan(p.v));
    if (better) {
        h->v[0] = p;
        sift_down(k, h, 0);
    }
    return 0;
}

/* The same series fall under the same ratio always; -r takes those that 1 - r leaves. */
static bool in_ratio(double ratio, const struct labels *l)
{
    double offset = (double)labels_hash(l) / 0x1p64;
    ratio = ratio > 1 ? 1 : ratio < -1 ? -1 : ratio;
    return ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
}

static int choose(struct k_op *k, struct heap *h, double parameter, struct pick p,
                  const struct labels *labels)
{
    switch (k->node->aggregate.op) {
    case TOKEN_LIMIT_RATIO: return in_ratio(parameter, labels) ? append(k, h, p) : 0;
    case TOKEN_LIMITK: return (double)h->n < trunc(parameter) ? append(k, h, p) : 0;
    default: return parameter >= 1 ? choose_best(k, h, trunc(parameter), p) : 0;
    }
}

static int add_series(struct k_op *k, const struct row *r)
{
    struct eval *ev = k->op.ev;
    struct series *v = arena_room(ev->arena, k->series, k->n_series, &k->cap_series, 64, sizeof *v);
    if (!v)
        return eval_memory_error(ev);
    k->series = v;
    k->series[k->n_series++] = (struct series){.labels = r->labels, .drop_name = r->drop_name};
    return 0;
}

static int take_row(struct k_op *k, const struct row *r)
{
    struct eval *ev = k->op.ev;
    struct group *g = grouping_of(ev, &k->groups, r);
    if (!g || (!g->state && !(g->state = eval_alloc(ev, k->op.t.n, sizeof(struct heap)))))
        return ERR_TOO_BIG;
    int rc = add_series(k, r);
    struct heap *heaps = g->state;
    for (size_t i = 0; rc == 0 && i < k->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        struct pick p = {r->v[i], row_histogram(r, i), (uint32_t)(k->n_series - 1)};
        bool limits =
            k->node->aggregate.op == TOKEN_LIMITK || k->node->aggregate.op == TOKEN_LIMIT_RATIO;
        if (p.h && limits && !(p.h = histogram_copy(ev->arena, p.h)))
            return eval_memory_error(ev);
        rc = choose(k, &heaps[i], k->parameter[i], p, &r->labels);
    }
    return rc;
}

/* --- results ---------------------------------------------------------------------------------- */

/* Best first, NaN last. qsort has no argument to hand on, so there is one order for each. */
static int descending(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (isnan(x->v) || isnan(y->v))
        return isnan(x->v) - isnan(y->v);
    if (x->v != y->v)
        return x->v < y->v ? 1 : -1;
    return (x->series > y->series) - (x->series < y->series);
}

static int ascending(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (isnan(x->v) || isnan(y->v))
        return isnan(x->v) - isnan(y->v);
    if (x->v != y->v)
        return x->v < y->v ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

static int put(struct k_op *k, struct row *row, const struct pick *p, size_t step)
{
    row->v[step] = p->h ? 0 : p->v;
    if (!p->h)
        return 0;
    if (!row->h && !(row->h = op_histograms(k->op.ev, k->op.t.n)))
        return ERR_TOO_BIG;
    row->h[step] = p->h;
    return 0;
}

/* A row for the series if it has none yet; `rows` by series. */
static struct row *row_of(struct k_op *k, uint32_t *rows, uint32_t series)
{
    struct eval *ev = k->op.ev;
    if (rows[series])
        return &k->result.rows[rows[series] - 1];
    struct row r = {.labels = k->series[series].labels, .drop_name = k->series[series].drop_name};
    if (!(r.v = op_values(ev, k->op.t.n)))
        return NULL;
    for (size_t i = 0; i < k->op.t.n; i++)
        r.v[i] = HOLE;
    if (table_add(ev, &k->result, &r, k->op.t.n) != 0)
        return NULL;
    rows[series] = (uint32_t)k->result.n;
    return &k->result.rows[k->result.n - 1];
}

static int give_group(struct k_op *k, struct heap *heaps, uint32_t *rows)
{
    enum token op = k->node->aggregate.op;
    for (size_t step = 0; step < k->op.t.n; step++) {
        struct heap *h = &heaps[step];
        if (h->n > 0 && (op == TOKEN_TOPK || op == TOKEN_BOTTOMK))
            qsort(h->v, h->n, sizeof *h->v, op == TOKEN_TOPK ? descending : ascending);
        for (uint32_t i = 0; i < h->n; i++) {
            struct row *r = row_of(k, rows, h->v[i].series);
            if (!r)
                return ERR_TOO_BIG;
            int rc = put(k, r, &h->v[i], step);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int fill(struct k_op *k)
{
    struct row r;
    int rc;
    k->filled = true;
    while ((rc = op_next(k->from, &r)) > 0) {
        rc = take_row(k, &r);
        if (rc != 0)
            return rc;
    }
    uint32_t *rows = eval_alloc(k->op.ev, k->n_series, sizeof *rows);
    if (!rows && rc == 0)
        rc = ERR_TOO_BIG;
    for (size_t i = 0; rc == 0 && i < k->groups.n; i++)
        rc = give_group(k, k->groups.v[i].state, rows);
    return rc;
}

static int k_next(struct op *op, struct row *out)
{
    struct k_op *k = (struct k_op *)op;
    int rc = k->filled ? 0 : fill(k);
    if (rc != 0 || k->at == k->result.n)
        return rc;
    *out = k->result.rows[k->at++];
    return 1;
}

/* --- parameters ------------------------------------------------------------------------------- */

static int no_integer(struct eval *ev, double v, const char *what)
{
    char text[NUM_DOUBLE_MAX];
    size_t n = num_format_short(text, v);
    return err_set(ev->err, ERR_UNSUPPORTED, "Scalar value %.*s %s int64", (int)n, text, what);
}

static int check_parameter(struct eval *ev, const struct node *n, const double *v, size_t steps)
{
    bool ratio = n->aggregate.op == TOKEN_LIMIT_RATIO;
    double max = -INFINITY, min = INFINITY;
    bool nan = false;
    for (size_t i = 0; i < steps; i++) {
        nan |= isnan(v[i]);
        max = fmax(max, v[i]);
        min = fmin(min, v[i]);
    }
    bool nothing = ratio ? max == 0 && min == 0 : max < 1;
    if (nothing && !nan)
        return 0;
    if (nan)
        return err_set(ev->err, ERR_UNSUPPORTED,
                       ratio ? "Ratio value is NaN" : "Parameter value is NaN");
    if (!ratio && min <= -0x1p63)
        return no_integer(ev, min, "underflows");
    if (!ratio && max >= 0x1.fffffffffffffp62)
        return no_integer(ev, max, "overflows");
    struct span at = n->aggregate.param->span;
    if (ratio && max > 1)
        warn_ratio(&ev->notes, at, max, 1);
    if (ratio && min < -1)
        warn_ratio(&ev->notes, at, min, -1);
    return 0;
}

int open_aggregate_k(struct eval *ev, const struct node *n, struct op *from,
                     struct grouping *groups, struct op **out)
{
    struct k_op *k = op_new(ev, sizeof *k, from->t, k_next);
    if (!k)
        return ERR_TOO_BIG;
    k->node = n;
    k->from = from;
    k->groups = *groups;
    k->op.distinct = from->distinct;
    *out = &k->op;
    int rc = eval_scalar_alloc(ev, n->aggregate.param, from->t, &k->parameter);
    return rc ? rc : check_parameter(ev, n, k->parameter, from->t.n);
}
