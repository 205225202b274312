/* sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant query's answer. The
 * answer of a range query is ordered by labels, so there they say that, and the first two still
 * leave histograms out. */
#include <math.h>
#include <stdlib.h>

#include "query/promql/functions.h"
#include "query/promql/open.h"

struct sort_op {
    struct op op;
    const struct node *node;
    struct op *from;
    bool by_label, descending, filled;
    struct table table;
    size_t at;
};

/* Row with what it is sorted by; qsort has no argument to hand on. */
struct sortable {
    struct row row;
    const struct str *labels;
    size_t n_labels;
    bool descending;
};

/* NaNs last in either direction. */
static int by_value(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    double v = x->row.v[0], w = y->row.v[0];
    if (isnan(v) || isnan(w))
        return isnan(v) - isnan(w);
    int c = (v > w) - (v < w);
    return x->descending ? -c : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str digits_at(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && is_digit(s.p[at + n]))
        n++;
    return str_sub(s, at, n);
}

static struct str without_zeros(struct str digits)
{
    while (digits.n > 1 && digits.p[0] == '0')
        digits = str_sub(digits, 1, digits.n);
    return digits;
}

/* Numbers inside texts by their value: a2 before a10. */
static int natural(struct str a, struct str b)
{
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        if (is_digit(a.p[i]) && is_digit(b.p[j])) {
            struct str x = digits_at(a, i), y = digits_at(b, j);
            struct str vx = without_zeros(x), vy = without_zeros(y);
            int c = vx.n != vy.n ? (vx.n > vy.n) - (vx.n < vy.n) : str_cmp(vx, vy);
            if (c)
                return c;
            i += x.n;
            j += y.n;
        } else {
            if (a.p[i] != b.p[j])
                return (unsigned char)a.p[i] < (unsigned char)b.p[j] ? -1 : 1;
            i++;
            j++;
        }
    }
    return (a.n - i > b.n - j) - (a.n - i < b.n - j);
}

static int by_label(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    int c = 0;
    for (size_t i = 0; c == 0 && i < x->n_labels; i++) {
        struct str v = labels_get(&x->row.labels, x->labels[i]);
        struct str w = labels_get(&y->row.labels, x->labels[i]);
        c = str_eq(v, w) ? 0 : natural(v, w);
    }
    if (c == 0)
        c = labels_cmp(&x->row.labels, &y->row.labels);
    return x->descending ? -c : c;
}

static struct str *label_names(struct eval *ev, const struct node *n, size_t *out_n)
{
    size_t count = n->call.n - 1;
    struct str *names = eval_alloc(ev, count, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = node_unwrap(n->call.args[i + 1])->string.value;
    *out_n = count;
    return names;
}

static int sort_table(struct sort_op *s)
{
    struct eval *ev = s->op.ev;
    size_t n_labels, n = 0;
    const struct str *labels = label_names(ev, s->node, &n_labels);
    struct sortable *v = eval_alloc(ev, s->table.n, sizeof *v);
    if (!labels || !v)
        return ERR_TOO_BIG;
    for (size_t i = 0; i < s->table.n; i++) {
        struct row *r = &s->table.rows[i];
        bool histogram = row_histogram(r, 0);
        if (s->by_label || !histogram) // a histogram has no place among values
            v[n++] = (struct sortable){*r, labels, n_labels, s->descending};
    }
    qsort(v, n, n ? sizeof *v : 1, s->by_label ? by_label : by_value);
    for (size_t i = 0; i < n; i++)
        s->table.rows[i] = v[i].row;
    s->table.n = n;
    return 0;
}

static int sort_next(struct op *op, struct row *out)
{
    struct sort_op *s = (struct sort_op *)op;
    if (!s->filled) {
        s->filled = true;
        int rc = table_fill(op->ev, s->from, &s->table);
        if (rc == 0)
            rc = sort_table(s);
        if (rc != 0)
            return rc;
    }
    if (s->at == s->table.n)
        return 0;
    *out = s->table.rows[s->at++];
    return 1;
}

/* Floats of more steps than one, in no order. */
static int floats_next(struct op *op, struct row *out)
{
    struct sort_op *s = (struct sort_op *)op;
    int rc;
    while ((rc = op_next(s->from, out)) > 0) {
        row_drop_histograms(out, op->t.n);
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

static int open_any(struct eval *ev, const struct node *n, struct timeline t, bool by_label,
                    bool descending, struct op **out)
{
    if (t.n > 1) {
        annotate_warning(&ev->notes, n->span,
                         "sort is ineffective for range queries since results are always ordered "
                         "by labels");
        if (by_label)
            return op_open(ev, n->call.args[0], t, out);
    }
    struct sort_op *s = op_new(ev, sizeof *s, t, t.n > 1 ? floats_next : sort_next);
    if (!s)
        return ERR_TOO_BIG;
    s->node = n;
    s->by_label = by_label;
    s->descending = descending;
    int rc = op_open(ev, n->call.args[0], t, &s->from);
    if (rc == 0)
        s->op.distinct = s->from->distinct;
    *out = &s->op;
    return rc;
}

int open_sort(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return open_any(ev, n, t, false, false, out);
}

int open_sort_desc(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return open_any(ev, n, t, false, true, out);
}

int open_sort_by_label(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return open_any(ev, n, t, true, false, out);
}

int open_sort_by_label_desc(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out)
{
    return open_any(ev, n, t, true, true, out);
}
