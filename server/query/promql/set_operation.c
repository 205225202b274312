/* and, or, unless: which samples stay depends on whether the other side has any with the same
 * matching labels at the step. One side is reduced to a bit per match group and step; the other
 * streams through. */
#include "query/promql/binary.h"

#include "base/buf.h"
#include "query/promql/open.h"

struct set_op {
    struct op op;
    enum token kind;
    struct op *lhs, *rhs;
    struct match_side groups; /* bits: steps that the side read first has */
    bool read, lhs_done;
};

void labels_format_full(struct buf *out, const struct labels *l)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            buf_puts(out, ", ");
        if (label_name_is_plain(l->v[i].name))
            buf_put_str(out, l->v[i].name);
        else
            str_quote_visible(out, l->v[i].name);
        buf_putc(out, '=');
        str_quote_visible(out, l->v[i].value);
    }
    buf_putc(out, '}');
}

static int note_row(struct set_op *s, const struct row *r)
{
    struct match_group *g = match_side_group(s->op.ev, &s->groups, &r->labels, true);
    if (!g || (!g->bits && !(g->bits = eval_alloc(s->op.ev, (s->op.t.n + 7) / 8, 1))))
        return ERR_TOO_BIG;
    for (size_t i = 0; i < s->op.t.n; i++)
        if (!is_hole(r->v[i]))
            g->bits[i / 8] = (unsigned char)(g->bits[i / 8] | (1u << (i % 8)));
    return 0;
}

static int note_all(struct set_op *s, struct op *from)
{
    struct row r;
    int rc;
    while ((rc = op_next(from, &r)) > 0) {
        rc = note_row(s, &r);
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* Leaves the samples where the other side has one (`with`), or has none. */
static void mask(struct set_op *s, struct row *r, bool with)
{
    const struct match_group *g = match_side_group(s->op.ev, &s->groups, &r->labels, false);
    for (size_t i = 0; i < s->op.t.n; i++) {
        bool there = g && (g->bits[i / 8] & (1u << (i % 8)));
        if (there != with)
            r->v[i] = HOLE;
    }
}

static int next_masked(struct set_op *s, struct op *from, bool with, struct row *out)
{
    int rc;
    while ((rc = op_next(from, out)) > 0) {
        mask(s, out, with);
        if (!row_is_empty(out, s->op.t.n))
            return 1;
    }
    return rc;
}

static int next_or(struct set_op *s, struct row *out)
{
    if (!s->lhs_done) {
        int rc = op_next(s->lhs, out);
        if (rc > 0) {
            int noted = note_row(s, out);
            return noted ? noted : 1;
        }
        if (rc < 0)
            return rc;
        s->lhs_done = true;
    }
    return next_masked(s, s->rhs, false, out);
}

static int set_next(struct op *op, struct row *out)
{
    struct set_op *s = (struct set_op *)op;
    if (s->kind == TOKEN_OR)
        return next_or(s, out);
    int rc = s->read ? 0 : note_all(s, s->rhs);
    s->read = true;
    return rc ? rc : next_masked(s, s->lhs, s->kind == TOKEN_AND, out);
}

int open_set_operation(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct binary_node *b = &n->binary;
    struct set_op *s = op_new(ev, sizeof *s, t, set_next);
    if (!s)
        return ERR_TOO_BIG;
    s->kind = b->op;
    int rc = match_filter(ev, &b->matching, &s->groups.filter);
    if (rc == 0)
        rc = op_open(ev, b->lhs, t, &s->lhs);
    if (rc == 0)
        rc = op_open(ev, b->rhs, t, &s->rhs);
    if (rc != 0)
        return rc;
    s->op.distinct = s->kind != TOKEN_OR && s->lhs->distinct;
    *out = &s->op;
    return 0;
}
