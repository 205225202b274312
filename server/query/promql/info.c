/* info(v, {labels}): adds to each series the labels of the info series (target_info unless the
 * second argument says otherwise) that have the same `instance` and `job`.
 *
 * Info series are looked up at the time that the samples of v are of: @ and offset of its first
 * selector hold for them too. Of several with the same identity the newest sample counts. */
#include "base/buf.h"
#include "model/matcher.h"
#include "query/promql/binary.h"
#include "query/promql/functions.h"
#include "query/promql/open.h"

/* Info rows that a base series may meet: one identity and name. */
struct info_row {
    struct labels labels;
    double *t_ms; /* time of the sample at each step, or a hole */
    struct info_row *next;
};

struct info_name {
    struct str name;
    struct info_row *rows;
    struct info_name *next;
};

/* One combination of labels that a base series got, and its row. */
struct enriched {
    struct labels labels;
    double *v;
    const struct histogram **h;
    struct enriched *next;
};

struct info_op {
    struct op op;
    struct table base;
    struct match_side ids;      /* by instance and job; group.rows unused */
    struct info_name **names;   /* by group of ids */
    const struct matcher *data; /* matchers but those of the name */
    size_t n_data;
    struct matcher *name_matchers, *all; /* owned: all */
    size_t n_names, n_all;
    size_t at;
    struct enriched *pending;
    bool drop_name;
};

static const struct str identifying[] = {{"instance", 8}, {"job", 3}};

static void close_info(struct op *op)
{
    struct info_op *o = (struct info_op *)op;
    for (size_t i = 0; i < o->n_all; i++)
        matcher_done(&o->all[i]);
    o->n_all = 0;
}

/* --- what is asked for ------------------------------------------------------------------------ */

static int add_matcher(struct info_op *o, enum match_op op, struct str name, struct str value)
{
    int rc = matcher_init(&o->all[o->n_all], op, name, value, o->op.ev->err);
    o->n_all += rc == 0;
    return rc;
}

/* Without a matcher of the name: target_info. With only negative ones: of all …_info. The matchers
 * of the name come first, then those of data labels. */
static int make_matchers(struct info_op *o, const struct selector_node *s)
{
    size_t n = s ? s->n : 0;
    bool named = false, positive = false;
    o->all = eval_alloc(o->op.ev, n + 1, sizeof *o->all);
    if (!o->all)
        return ERR_TOO_BIG;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct matcher *m = &s->matchers[i];
        if (!str_eq(m->name, LABEL_NAME))
            continue;
        named = true;
        positive |= m->op == MATCH_EQUAL || m->op == MATCH_REGEX;
        rc = add_matcher(o, m->op, m->name, m->value);
    }
    if (rc == 0 && !named)
        rc = add_matcher(o, MATCH_EQUAL, LABEL_NAME, STR("target_info"));
    else if (rc == 0 && !positive)
        rc = add_matcher(o, MATCH_REGEX, LABEL_NAME, STR(".+_info"));
    o->n_names = o->n_all;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!str_eq(s->matchers[i].name, LABEL_NAME))
            rc = add_matcher(o, s->matchers[i].op, s->matchers[i].name, s->matchers[i].value);
    o->name_matchers = o->all;
    o->data = o->all + o->n_names;
    o->n_data = o->n_all - o->n_names;
    return rc;
}

/* Along the way to the first selector: an @ pins the time, offsets add up below it. */
static bool reference_time(const struct node *n, struct window_spec *w)
{
    struct window_spec outer = *w;
    const struct at *at = NULL;
    int64_t offset = 0;
    if (n->kind == NODE_SELECTOR) {
        at = &n->selector.at;
        offset = n->selector.offset.ms;
    } else if (n->kind == NODE_SUBQUERY) {
        at = &n->subquery.at;
        offset = n->subquery.offset.ms;
    }
    if (at && at->kind != AT_NONE)
        *w = (struct window_spec){.at = *at, .offset_ms = offset};
    else
        w->offset_ms += offset;
    bool found = n->kind == NODE_SELECTOR;
    switch (n->kind) {
    case NODE_SUBQUERY: found = reference_time(n->subquery.expr, w); break;
    case NODE_MATRIX: found = reference_time(n->matrix.selector, w); break;
    case NODE_PAREN: found = reference_time(n->paren.expr, w); break;
    case NODE_UNARY: found = reference_time(n->unary.expr, w); break;
    case NODE_AGGREGATE: found = reference_time(n->aggregate.expr, w); break;
    case NODE_BINARY:
        found = reference_time(n->binary.lhs, w) || reference_time(n->binary.rhs, w);
        break;
    case NODE_CALL:
        for (size_t i = 0; !found && i < n->call.n; i++)
            found = reference_time(n->call.args[i], w);
        break;
    default: break;
    }
    if (!found)
        *w = outer;
    return found;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Info series themselves are handed on as they are. */
static int is_info_series(const struct info_op *o, const struct labels *l)
{
    return matchers_match(o->name_matchers, o->n_names, l);
}

static bool has_identity(const struct labels *l)
{
    return labels_get(l, identifying[0]).n || labels_get(l, identifying[1]).n;
}

static bool is_wanted(void *self, const struct labels *l)
{
    struct info_op *o = self;
    return match_side_group(o->op.ev, &o->ids, l, false) != NULL;
}

static int note_identities(struct info_op *o)
{
    for (size_t i = 0; i < o->base.n; i++) {
        const struct labels *l = &o->base.rows[i].labels;
        int info = is_info_series(o, l);
        if (info < 0)
            return err_set(o->op.ev->err, info, "info(): a regular expression ran into its limit");
        if (!info && has_identity(l) && !match_side_group(o->op.ev, &o->ids, l, true))
            return ERR_TOO_BIG;
    }
    return 0;
}

static int add_info_row(struct info_op *o, const struct row *r)
{
    struct eval *ev = o->op.ev;
    struct match_group *g = match_side_group(ev, &o->ids, &r->labels, false);
    struct str name = labels_metric_name(&r->labels);
    struct info_name **at = &o->names[g->ordinal];
    while (*at && !str_eq((*at)->name, name))
        at = &(*at)->next;
    if (!*at) {
        if (!(*at = eval_alloc(ev, 1, sizeof **at)))
            return ERR_TOO_BIG;
        (*at)->name = name;
    }
    struct row kept;
    struct info_row *row = eval_alloc(ev, 1, sizeof *row);
    int rc = row ? row_keep(ev, r, o->op.t.n, &kept) : ERR_TOO_BIG;
    if (rc != 0)
        return rc;
    *row = (struct info_row){r->labels, kept.v, (*at)->rows};
    (*at)->rows = row;
    return 0;
}

static bool has_histogram(const struct row *r, size_t n)
{
    for (size_t i = 0; r->h && i < n; i++)
        if (r->h[i] && !is_hole(r->v[i]))
            return true;
    return false;
}

static int not_an_info_metric(struct eval *ev, const struct labels *l)
{
    struct buf text = BUF_MAX(4096);
    labels_format_full(&text, l);
    int rc =
        err_set(ev->err, ERR_UNSUPPORTED, "this should be an info metric, with float samples: %.*s",
                STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

static int read_info(struct info_op *o, const struct window_spec *when)
{
    struct eval *ev = o->op.ev;
    struct op *from;
    struct row r;
    struct selection_spec spec = {o->all, o->n_all, *when, SELECT_TIME_MS, is_wanted, o};
    if (o->ids.n == 0)
        return 0;
    o->names = eval_alloc(ev, o->ids.n, sizeof(struct info_name *));
    int rc = o->names ? open_selection(ev, &spec, o->op.t, &from) : ERR_TOO_BIG;
    if (rc != 0)
        return rc;
    while ((rc = op_next(from, &r)) > 0) {
        rc = has_histogram(&r, o->op.t.n) ? not_an_info_metric(ev, &r.labels) : add_info_row(o, &r);
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* --- joining ---------------------------------------------------------------------------------- */

static int duplicate(struct eval *ev, const struct info_row *a, const struct info_row *b, double t)
{
    struct buf text = BUF_MAX(4096);
    buf_puts(&text, "found duplicate series for info metric: existing ");
    labels_format_full(&text, &a->labels);
    buf_printf(&text, " @ %.0f, new ", t);
    labels_format_full(&text, &b->labels);
    int rc = err_set(ev->err, ERR_UNSUPPORTED, "%.*s @ %.0f", STR_ARG(buf_str(&text)), t);
    buf_done(&text);
    return rc;
}

/* The newest info sample of the name at step i; NULL: none. */
static int newest(struct eval *ev, const struct info_name *name, size_t i,
                  const struct info_row **out)
{
    *out = NULL;
    for (const struct info_row *r = name->rows; r; r = r->next) {
        if (is_hole(r->t_ms[i]))
            continue;
        if (*out && r->t_ms[i] == (*out)->t_ms[i])
            return duplicate(ev, *out, r, r->t_ms[i]);
        if (!*out || r->t_ms[i] > (*out)->t_ms[i])
            *out = r;
    }
    return 0;
}

static bool is_asked_for(const struct info_op *o, struct str name)
{
    for (size_t i = 0; i < o->n_data; i++)
        if (str_eq(o->data[i].name, name))
            return true;
    return o->n_data == 0;
}

/* Adds what is asked for and not on the base series already. */
static int add_labels(struct info_op *o, const struct labels *base, const struct info_row *info,
                      struct labels_builder *b)
{
    for (size_t i = 0; i < info->labels.n; i++) {
        struct label l = info->labels.v[i];
        if (str_eq(l.name, LABEL_NAME) || !is_asked_for(o, l.name) || labels_get(base, l.name).n)
            continue;
        struct str before = labels_builder_get(b, l.name);
        if (before.n && !str_eq(before, l.value))
            return err_set(o->op.ev->err, ERR_UNSUPPORTED, "conflicting label: %.*s",
                           STR_ARG(str_sub(l.name, 0, 128)));
        labels_builder_set(b, l.name, l.value);
    }
    return 0;
}

/* Without info series a base series stays only if each matcher accepts the missing label. */
static bool stays_alone(const struct info_op *o)
{
    for (size_t i = 0; i < o->n_data; i++)
        if (!matcher_matches_empty(&o->data[i]))
            return false;
    return true;
}

/* Labels of the base series at step i. *out_keep false: the sample goes. */
static int labels_at(struct info_op *o, const struct row *base, const struct info_name *names,
                     size_t i, struct labels *out, bool *out_keep)
{
    struct labels_builder b;
    bool any = false;
    labels_builder_init(&b, o->op.ev->arena, &base->labels);
    for (const struct info_name *name = names; name; name = name->next) {
        const struct info_row *info;
        int rc = newest(o->op.ev, name, i, &info);
        if (rc == 0 && info)
            rc = add_labels(o, &base->labels, info, &b);
        if (rc != 0)
            return rc;
        any |= info != NULL;
    }
    *out_keep = any || stays_alone(o);
    *out = labels_builder_labels(&b);
    return arena_failed(o->op.ev->arena) ? eval_memory_error(o->op.ev) : 0;
}

static struct enriched *enriched_of(struct info_op *o, const struct labels *l)
{
    struct eval *ev = o->op.ev;
    for (struct enriched *e = o->pending; e; e = e->next)
        if (labels_eq(&e->labels, l))
            return e;
    struct enriched *e = eval_alloc(ev, 1, sizeof *e);
    if (!e || !(e->v = op_values(ev, o->op.t.n)) || !(e->h = op_histograms(ev, o->op.t.n)))
        return NULL;
    for (size_t i = 0; i < o->op.t.n; i++)
        e->v[i] = HOLE;
    e->labels = *l;
    e->next = o->pending;
    o->pending = e;
    return e;
}

static int enrich(struct info_op *o, const struct row *base)
{
    const struct match_group *g = match_side_group(o->op.ev, &o->ids, &base->labels, false);
    bool info = is_info_series(o, &base->labels) > 0;
    const struct info_name *names = g && !info ? o->names[g->ordinal] : NULL;
    for (size_t i = 0; i < o->op.t.n; i++) {
        struct labels labels = base->labels;
        bool keep = true;
        if (is_hole(base->v[i]))
            continue;
        int rc = info ? 0 : labels_at(o, base, names, i, &labels, &keep);
        if (rc != 0)
            return rc;
        if (!keep)
            continue;
        struct enriched *e = enriched_of(o, &labels);
        if (!e)
            return ERR_TOO_BIG;
        e->v[i] = base->v[i];
        e->h[i] = row_histogram(base, i);
    }
    return 0;
}

static int info_next(struct op *op, struct row *out)
{
    struct info_op *o = (struct info_op *)op;
    while (!o->pending && o->at < o->base.n) {
        o->drop_name = o->base.rows[o->at].drop_name;
        int rc = enrich(o, &o->base.rows[o->at++]);
        if (rc != 0)
            return rc;
    }
    if (!o->pending)
        return 0;
    *out = (struct row){o->pending->labels, o->drop_name, o->pending->v, o->pending->h};
    o->pending = o->pending->next;
    return 1;
}

int open_info(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct info_op *o = op_new(ev, sizeof *o, t, info_next);
    struct op *base;
    if (!o)
        return ERR_TOO_BIG;
    o->op.close = close_info;
    const struct node *selector = n->call.n > 1 ? node_unwrap(n->call.args[1]) : NULL;
    struct window_spec when = {0};
    (void)reference_time(n->call.args[0], &when); // without a selector: the time of the step
    o->ids.filter = label_filter_make(ev->arena, identifying, ARRAY_LEN(identifying), true);
    int rc = make_matchers(o, selector ? &selector->selector : NULL);
    if (rc == 0)
        rc = op_open(ev, n->call.args[0], t, &base);
    if (rc == 0)
        rc = table_fill(ev, base, &o->base);
    if (rc == 0)
        rc = note_identities(o);
    if (rc == 0)
        rc = read_info(o, &when);
    return rc ? rc : op_open_merge(ev, &o->op, out);
}
