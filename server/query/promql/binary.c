/* Binary operators.
 *
 * Vector with scalar: rows are changed one by one. Vector with vector: the "one" side is read into
 * match groups by the hash of its matching labels; the other side streams and looks its group up.
 * A group may have several series, as long as they have samples at different steps; a pair of
 * series that meet in a group gives a row. What may match only once per step is watched by a bit
 * per step. group_right is group_left with the sides exchanged. */
#include "query/promql/binary.h"

#include <string.h>

#include "base/buf.h"
#include "model/histogram.h"
#include "query/promql/open.h"
#include "query/query.h"

/* --- vector with scalar ----------------------------------------------------------------------- */

struct scalar_op {
    struct op op;
    const struct binary_node *node;
    struct op *from;
    double *scalar;
    bool swapped; /* the scalar is on the left */
    struct arena *scratch;
    struct element_operator operator;
};

/* The sample at step i after the operation, or a hole. */
static int vector_scalar_step(struct scalar_op *s, struct row *r, size_t i)
{
    struct element vector = {r->v[i], row_histogram(r, i)}, scalar = {.v = s->scalar[i]}, out;
    enum element_outcome outcome = element_apply(&s->operator, s->swapped ? scalar : vector,
                                                 s->swapped ? vector : scalar, &out);
    if (outcome == ELEMENT_NOMEM)
        return eval_memory_error(s->op.ev);
    bool comparison = token_is_comparison(s->node->op);
    if (comparison)
        out = vector; // the vector's value stays, whichever side it is on
    if (s->node->return_bool && outcome != ELEMENT_NONE) {
        out = (struct element){.v = outcome == ELEMENT_KEEP};
        outcome = ELEMENT_KEEP;
    }
    r->v[i] = outcome == ELEMENT_KEEP ? (out.h ? 0 : out.v) : HOLE;
    if (r->h)
        r->h[i] = outcome == ELEMENT_KEEP ? out.h : NULL;
    return 0;
}

/* The usual case in one loop. */
static bool plain_arithmetic(const struct scalar_op *s, struct row *r)
{
    enum token op = s->node->op;
    if (r->h || !element_changes_metric(op))
        return false;
    for (size_t i = 0; i < s->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        double a = s->swapped ? s->scalar[i] : r->v[i], b = s->swapped ? r->v[i] : s->scalar[i];
        r->v[i] = scalar_operation(op, a, b);
    }
    return true;
}

static int scalar_row(struct scalar_op *s, struct row *r)
{
    arena_reset(s->scratch);
    if (plain_arithmetic(s, r))
        return 0;
    for (size_t i = 0; i < s->op.t.n; i++) {
        int rc = is_hole(r->v[i]) ? 0 : vector_scalar_step(s, r, i);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool drops_name(const struct binary_node *b)
{
    return element_changes_metric(b->op) || b->return_bool;
}

static int scalar_next(struct op *op, struct row *out)
{
    struct scalar_op *s = (struct scalar_op *)op;
    int rc;
    while ((rc = op_next(s->from, out)) > 0) {
        rc = scalar_row(s, out);
        if (rc == 0 && drops_name(s->node))
            rc = row_drop_name(op->ev, out);
        if (rc != 0)
            return rc;
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

static int open_with_scalar(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out)
{
    const struct binary_node *b = &n->binary;
    struct scalar_op *s = op_new(ev, sizeof *s, t, scalar_next);
    if (!s || !(s->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    s->node = b;
    s->swapped = b->lhs->type == VALUE_SCALAR;
    s->operator=(struct element_operator){b->op, n->span, &ev->notes, s->scratch};
    int rc = eval_scalar_alloc(ev, s->swapped ? b->lhs : b->rhs, t, &s->scalar);
    if (rc == 0)
        rc = op_open(ev, s->swapped ? b->rhs : b->lhs, t, &s->from);
    if (rc != 0)
        return rc;
    if (drops_name(b))
        return op_finish_dropped(ev, &s->op, s->from->distinct, out);
    s->op.distinct = s->from->distinct;
    *out = &s->op;
    return 0;
}

/* --- match groups ----------------------------------------------------------------------------- */

int match_side_read(struct eval *ev, struct match_side *m, struct op *from)
{
    struct row r;
    int rc;
    while ((rc = op_next(from, &r)) > 0) {
        struct match_group *g = match_side_group(ev, m, &r.labels, true);
        struct row *kept = eval_alloc(ev, 1, sizeof *kept);
        if (!g || !kept)
            return ERR_TOO_BIG;
        rc = row_keep(ev, &r, from->t.n, kept);
        if (rc != 0)
            return rc;
        struct match_row *link = eval_alloc(ev, 1, sizeof *link);
        if (!link)
            return ERR_TOO_BIG;
        *link = (struct match_row){kept, NULL};
        *(g->last ? &g->last->next : &g->rows) = link;
        g->last = link;
    }
    return rc;
}

struct match_group *match_side_group(struct eval *ev, struct match_side *m, const struct labels *l,
                                     bool add)
{
    uint64_t hash = label_filter_hash(&m->filter, l);
    size_t cursor = 0;
    for (uint32_t k; (k = label_index_find(&m->index, hash, &cursor)) != 0;)
        if (label_filter_matches(&m->filter, l, &m->groups[k - 1]->labels))
            return m->groups[k - 1];
    if (!add)
        return NULL;
    struct match_group **v = arena_room(ev->arena, m->groups, m->n, &m->cap, 64, sizeof *v);
    if (!v)
        return (void)eval_memory_error(ev), NULL;
    m->groups = v;
    struct match_group *g = eval_alloc(ev, 1, sizeof *g);
    if (!g)
        return NULL;
    g->ordinal = m->n;
    g->labels = label_filter_apply(&m->filter, ev->arena, l);
    if (arena_failed(ev->arena) || !label_index_add(&m->index, ev->arena, hash, (uint32_t)m->n))
        return (void)eval_memory_error(ev), NULL;
    m->groups[m->n++] = g;
    return g;
}

int match_filter(struct eval *ev, const struct matching *m, struct label_filter *out)
{
    *out = label_filter_make(ev->arena, m->labels, m->n_labels, m->on);
    return out->names ? 0 : eval_memory_error(ev);
}

/* --- vector with vector ----------------------------------------------------------------------- */

struct duplicate;

/* What a row of the result was made of, to refuse a second one at the same step. */
struct result_bits {
    struct labels labels;
    unsigned char *bits;
};

struct vector_op {
    struct op op;
    const struct binary_node *node;
    struct op *many;              /* streams; the right side with group_right */
    struct match_side one;        /* read whole; each group's `bits`: steps that matched */
    struct duplicate *duplicates; /* of `one`, by step; NULL: there are none */
    bool swapped;                 /* `many` is the right operand */
    bool fill_many, fill_one;
    double many_value, one_value;
    struct element_operator operator;
    struct arena *scratch;
    double *v;
    const struct histogram **h;
    double *filled; /* a row of one fill value */
    /* Many-to-one only: results so far, by labels. */
    struct label_index index;
    struct result_bits *results;
    size_t n_results, cap_results;
    /* Where next() stands. */
    struct row current;        /* of `many` */
    struct match_group *group; /* of current; NULL when only the fill is left to do */
    struct match_row *partner;
    bool has_current, fill_due, many_done;
    size_t fill_group;
};

static bool bit(const unsigned char *bits, size_t i)
{
    return bits[i / 8] & (1u << (i % 8));
}

static void set_bit(unsigned char *bits, size_t i)
{
    bits[i / 8] = (unsigned char)(bits[i / 8] | (1u << (i % 8)));
}

static int duplicate_error(struct vector_op *o, const struct match_group *g, const struct row *a,
                           const struct row *b)
{
    struct buf text = BUF_MAX(4096);
    bool sorted = labels_cmp(&a->labels, &b->labels) <= 0;
    buf_puts(&text, "found duplicate series for the match group ");
    labels_format_full(&text, &g->labels);
    buf_printf(&text, " on the %s hand-side of the operation: [", o->swapped ? "left" : "right");
    labels_format_full(&text, sorted ? &a->labels : &b->labels);
    buf_puts(&text, ", ");
    labels_format_full(&text, sorted ? &b->labels : &a->labels);
    buf_puts(&text, "];many-to-many matching not allowed: matching labels must be unique on one "
                    "side");
    int rc = err_set(o->op.ev->err, ERR_UNSUPPORTED, "%.*s", STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

/* Two samples of one group at one step. */
struct duplicate {
    const struct match_group *group; /* NULL: none at the step */
    const struct row *a, *b;
};

static int note_duplicate(struct vector_op *o, size_t i, struct duplicate found)
{
    if (!o->duplicates && !(o->duplicates = eval_alloc(o->op.ev, o->op.t.n, sizeof *o->duplicates)))
        return ERR_TOO_BIG;
    if (!o->duplicates[i].group)
        o->duplicates[i] = found;
    return 0;
}

/* Finds the steps at which the "one" side has two samples in a group, and readies the groups'
 * bits. `first`: room for a row at each step. */
static int check_group(struct vector_op *o, struct match_group *g, const struct row **first)
{
    size_t n = o->op.t.n;
    if (!(g->bits = eval_alloc(o->op.ev, (n + 7) / 8, 1)))
        return ERR_TOO_BIG;
    if (g->rows == g->last)
        return 0;
    memset(first, 0, n * sizeof *first);
    for (const struct match_row *m = g->rows; m; m = m->next) {
        for (size_t i = 0; i < n; i++) {
            if (is_hole(m->row->v[i]))
                continue;
            if (first[i] && note_duplicate(o, i, (struct duplicate){g, first[i], m->row}) != 0)
                return ERR_TOO_BIG;
            first[i] = first[i] ? first[i] : m->row;
        }
    }
    return 0;
}

static int check_groups(struct vector_op *o)
{
    const struct row **first = eval_alloc(o->op.ev, o->op.t.n, sizeof(struct row *));
    int rc = first ? 0 : ERR_TOO_BIG;
    for (size_t k = 0; rc == 0 && k < o->one.n; k++)
        rc = check_group(o, o->one.groups[k], first);
    if (rc == 0 && o->duplicates && o->node->narrowed) {
        o->op.ev->narrowed_too_far = true;
        rc = err_set(o->op.ev->err, ERR_UNSUPPORTED, "duplicates beside a narrowed side");
    }
    return rc;
}

/* Duplicates are an error at the steps where the "many" side has any sample, matching or not: where
 * it has none, nothing is matched. With fill values there is always something to match. */
static int refuse_duplicates(struct vector_op *o, const struct row *many)
{
    for (size_t i = 0; o->duplicates && i < o->op.t.n; i++) {
        const struct duplicate *d = &o->duplicates[i];
        if (d->group && (!many || !is_hole(many->v[i])))
            return duplicate_error(o, d->group, d->a, d->b);
    }
    return 0;
}

/* Labels of the result of two series. */
static struct labels result_labels(struct vector_op *o, const struct labels *many,
                                   const struct labels *one)
{
    const struct matching *m = &o->node->matching;
    struct labels_builder b;
    labels_builder_init(&b, o->op.ev->arena, many);
    if (element_changes_metric(o->node->op)) {
        labels_builder_del(&b, STR("__name__"));
        labels_builder_del(&b, STR("__type__"));
        labels_builder_del(&b, STR("__unit__"));
    }
    if (m->card == ONE_TO_ONE) {
        for (size_t i = 0; i < many->n; i++) {
            bool named = false;
            for (size_t k = 0; k < m->n_labels; k++)
                named |= str_eq(m->labels[k], many->v[i].name);
            if (named != m->on)
                labels_builder_del(&b, many->v[i].name);
        }
    }
    for (size_t i = 0; i < m->n_include; i++)
        labels_builder_set(&b, m->include[i], labels_get(one, m->include[i]));
    return labels_builder_labels(&b);
}

static unsigned char *bits_of_result(struct vector_op *o, const struct labels *l)
{
    struct eval *ev = o->op.ev;
    uint64_t hash = labels_hash(l);
    size_t cursor = 0;
    for (uint32_t k; (k = label_index_find(&o->index, hash, &cursor)) != 0;)
        if (labels_eq(&o->results[k - 1].labels, l))
            return o->results[k - 1].bits;
    struct result_bits *v =
        arena_room(ev->arena, o->results, o->n_results, &o->cap_results, 64, sizeof *v);
    if (!v)
        return NULL;
    o->results = v;
    struct result_bits *r = &o->results[o->n_results];
    *r = (struct result_bits){*l, arena_array(ev->arena, (o->op.t.n + 7) / 8, 1)};
    if (!r->bits || !label_index_add(&o->index, ev->arena, hash, (uint32_t)o->n_results))
        return NULL;
    o->n_results++;
    return r->bits;
}

static int multiple_matches(struct vector_op *o)
{
    bool one = o->node->matching.card == ONE_TO_ONE;
    return err_set(o->op.ev->err, ERR_UNSUPPORTED, "multiple matches for labels: %s",
                   one ? "many-to-one matching must be explicit (group_left/group_right)"
                       : "grouping labels must ensure unique matches");
}

static int pair_step(struct vector_op *o, struct element many, struct element one, size_t i)
{
    struct element out;
    enum element_outcome outcome =
        element_apply(&o->operator, o->swapped ? one : many, o->swapped ? many : one, &out);
    if (outcome == ELEMENT_NOMEM)
        return eval_memory_error(o->op.ev);
    if (o->node->return_bool && outcome != ELEMENT_NONE) {
        out = (struct element){.v = outcome == ELEMENT_KEEP};
        outcome = ELEMENT_KEEP;
    }
    bool keep = outcome == ELEMENT_KEEP;
    o->v[i] = keep ? (out.h ? 0 : out.v) : HOLE;
    o->h[i] = keep ? out.h : NULL;
    return outcome == ELEMENT_NONE ? 0 : 1;
}

/* Marks the step as used; an error when it was already. `matched`: of the group; `result`: of the
 * result's labels (many-to-one). */
static int claim(struct vector_op *o, unsigned char *matched, unsigned char *result, size_t i)
{
    bool one = o->node->matching.card == ONE_TO_ONE;
    if (bit(one ? matched : result, i))
        return multiple_matches(o);
    set_bit(matched, i);
    if (!one)
        set_bit(result, i);
    return 0;
}

/* The row of two series that meet in a group: 1, 0 when nothing came out, or an error. */
static int pair_rows(struct vector_op *o, const struct row *many, const struct row *one,
                     struct match_group *g, struct row *out)
{
    struct labels labels = result_labels(o, &many->labels, &one->labels);
    bool one_to_one = o->node->matching.card == ONE_TO_ONE;
    unsigned char *result = one_to_one ? NULL : bits_of_result(o, &labels);
    if (arena_failed(o->op.ev->arena) || (!one_to_one && !result))
        return eval_memory_error(o->op.ev);
    arena_reset(o->scratch);
    for (size_t i = 0; i < o->op.t.n; i++) {
        o->v[i] = HOLE;
        o->h[i] = NULL;
        if (is_hole(many->v[i]) || is_hole(one->v[i]))
            continue;
        int rc = pair_step(o, (struct element){many->v[i], row_histogram(many, i)},
                           (struct element){one->v[i], row_histogram(one, i)}, i);
        if (rc > 0)
            rc = claim(o, g->bits, result, i);
        if (rc < 0)
            return rc;
    }
    bool bool_name = o->node->return_bool;
    *out =
        (struct row){labels, many->drop_name && !element_changes_metric(o->node->op), o->v, o->h};
    if (bool_name) {
        int rc = row_drop_name(o->op.ev, out);
        if (rc != 0)
            return rc;
    }
    return !row_is_empty(out, o->op.t.n);
}

/* --- filling in ------------------------------------------------------------------------------- */

/* A row of the value at the steps where `have` has a sample and none of the group's rows has. */
static bool fill_missing(struct vector_op *o, const struct row *have, const struct match_group *g,
                         double value)
{
    bool any = false;
    for (size_t i = 0; i < o->op.t.n; i++) {
        bool missing = !is_hole(have->v[i]);
        for (const struct match_row *r = g ? g->rows : NULL; missing && r; r = r->next)
            missing = is_hole(r->row->v[i]);
        o->filled[i] = missing ? value : HOLE;
        any |= missing;
    }
    return any;
}

/* The current row with a made-up partner. */
static int fill_one_side(struct vector_op *o, struct row *out)
{
    if (!fill_missing(o, &o->current, o->group, o->one_value))
        return 0;
    struct labels labels = label_filter_apply(&o->one.filter, o->op.ev->arena, &o->current.labels);
    struct row one = {.labels = labels, .v = o->filled};
    if (!o->group) {
        o->group = match_side_group(o->op.ev, &o->one, &o->current.labels, true);
        if (!o->group || !(o->group->bits = eval_alloc(o->op.ev, (o->op.t.n + 7) / 8, 1)))
            return ERR_TOO_BIG;
    }
    return pair_rows(o, &o->current, &one, o->group, out);
}

/* A series of the "one" side where nothing matched it, with a made-up partner. */
static int fill_many_side(struct vector_op *o, const struct match_group *g, const struct row *one,
                          struct row *out)
{
    bool any = false;
    for (size_t i = 0; i < o->op.t.n; i++) {
        bool missing = !is_hole(one->v[i]) && !bit(g->bits, i);
        o->filled[i] = missing ? o->many_value : HOLE;
        any |= missing;
    }
    if (!any)
        return 0;
    struct row many = {.labels = g->labels, .v = o->filled};
    struct match_group unmatched = {.bits = eval_alloc(o->op.ev, (o->op.t.n + 7) / 8, 1)};
    if (!unmatched.bits)
        return ERR_TOO_BIG;
    return pair_rows(o, &many, one, &unmatched, out);
}

static int next_filled(struct vector_op *o, struct row *out)
{
    while (o->fill_many && o->fill_group < o->one.n) {
        struct match_group *g = o->one.groups[o->fill_group];
        if (!o->partner)
            o->partner = g->rows;
        while (o->partner) {
            const struct row *one = o->partner->row;
            o->partner = o->partner->next;
            int rc = fill_many_side(o, g, one, out);
            if (rc != 0) {
                o->fill_group += !o->partner;
                return rc;
            }
        }
        o->fill_group++;
    }
    return 0;
}

/* --- the operator ----------------------------------------------------------------------------- */

static int next_pair(struct vector_op *o, struct row *out)
{
    while (o->partner) {
        const struct row *one = o->partner->row;
        o->partner = o->partner->next;
        int rc = pair_rows(o, &o->current, one, o->group, out);
        if (rc != 0)
            return rc;
    }
    if (!o->fill_due)
        return 0;
    o->fill_due = false;
    return fill_one_side(o, out);
}

static int next_current(struct vector_op *o)
{
    int rc = op_next(o->many, &o->current);
    if (rc > 0 && refuse_duplicates(o, &o->current) != 0)
        rc = ERR_UNSUPPORTED;
    if (rc <= 0)
        return rc;
    o->group = match_side_group(o->op.ev, &o->one, &o->current.labels, false);
    o->partner = o->group ? o->group->rows : NULL;
    o->fill_due = o->fill_one;
    return 1;
}

static int vector_next(struct op *op, struct row *out)
{
    struct vector_op *o = (struct vector_op *)op;
    while (!o->many_done) {
        int rc = o->has_current ? next_pair(o, out) : 0;
        if (rc != 0)
            return rc;
        rc = next_current(o);
        if (rc < 0)
            return rc;
        o->has_current = rc > 0;
        o->many_done = rc == 0;
        if (o->many_done)
            o->partner = NULL;
    }
    return next_filled(o, out);
}

/* Left means the "many" side even where group_right has put that on the right: so the reference
 * does it. */
static void set_fills(struct vector_op *o, const struct matching *m)
{
    o->fill_many = m->fill_left;
    o->fill_one = m->fill_right;
    o->many_value = m->left;
    o->one_value = m->right;
}

static int open_vectors(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct binary_node *b = &n->binary;
    struct vector_op *o = op_new(ev, sizeof *o, t, vector_next);
    struct op *one;
    if (!o || !(o->v = op_values(ev, t.n)) || !(o->h = op_histograms(ev, t.n)) ||
        !(o->filled = op_values(ev, t.n)) || !(o->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    o->node = b;
    o->swapped = b->matching.card == ONE_TO_MANY;
    o->operator=(struct element_operator){b->op, n->span, &ev->notes, o->scratch};
    set_fills(o, &b->matching);
    int rc = match_filter(ev, &b->matching, &o->one.filter);
    if (rc == 0)
        rc = op_open(ev, o->swapped ? b->rhs : b->lhs, t, &o->many);
    if (rc == 0)
        rc = op_open(ev, o->swapped ? b->lhs : b->rhs, t, &one);
    if (rc == 0)
        rc = match_side_read(ev, &o->one, one);
    if (rc == 0)
        rc = check_groups(o);
    if (rc == 0 && (o->fill_many || o->fill_one))
        rc = refuse_duplicates(o, NULL);
    *out = &o->op;
    return rc;
}

int open_binary(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    if (n->binary.lhs->type == VALUE_SCALAR || n->binary.rhs->type == VALUE_SCALAR)
        return open_with_scalar(ev, n, t, out);
    if (token_is_set_operator(n->binary.op))
        return open_set_operation(ev, n, t, out);
    return open_vectors(ev, n, t, out);
}
