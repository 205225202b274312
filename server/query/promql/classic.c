/* histogram_quantile, histogram_quantiles and histogram_fraction, of native histograms and of
 * classic ones (series with the label le).
 *
 * Rows are sorted into groups that differ in le only. A group's buckets are held;
 * its native histograms too. Where both exist at a step there is no answer but a warning. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "model/histogram.h"
#include "query/promql/functions.h"
#include "query/promql/hist.h"
#include "query/promql/labelset.h"
#include "query/promql/open.h"
#include "query/promql/quantile.h"
#include "query/query.h"

enum { QUANTILES_MAX = 16 };

struct bucket_row {
    double upper;
    double *v;
    struct bucket_row *next;
};

/* One histogram, classic, native or both. */
struct distribution {
    struct labels labels; /* of its first row, without le */
    bool drop_name;
    struct bucket_row *buckets;
    size_t n_buckets;
    struct row *native; /* NULL: none */
};

struct classic_op {
    struct op op;
    const struct node *node;
    struct op *from;
    struct span vector_span; /* for annotations */
    /* quantiles: what is asked; fraction: lower, upper */
    double *parameters[QUANTILES_MAX];
    size_t n_parameters;
    bool fraction;
    struct str label; /* histogram_quantiles: its label; else empty */
    struct label_filter filter;
    struct label_index index;
    struct distribution **v;
    size_t n, cap;
    struct arena *scratch;
    struct classic_bucket *buckets; /* room for the largest */
    double *out;
    size_t at, parameter, step; /* what is next */
    bool filled, more;
};

/* --- sorting rows in -------------------------------------------------------------------------- */

static struct distribution *add_distribution(struct classic_op *c, uint64_t hash,
                                             const struct row *r)
{
    struct eval *ev = c->op.ev;
    struct distribution **v = arena_room(ev->arena, c->v, c->n, &c->cap, 32, sizeof *v);
    if (!v)
        return NULL;
    c->v = v;
    struct distribution *d = arena_zalloc(ev->arena, sizeof *d);
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, &r->labels);
    labels_builder_del(&b, STR("le"));
    if (!d || arena_failed(ev->arena) ||
        !label_index_add(&c->index, ev->arena, hash, (uint32_t)c->n))
        return NULL;
    d->labels = labels_builder_labels(&b);
    d->drop_name = r->drop_name;
    c->v[c->n++] = d;
    return d;
}

/* The name counts: two metrics are two histograms, and an error if nothing else parts them. */
static struct distribution *distribution_of(struct classic_op *c, const struct row *r)
{
    uint64_t hash = label_filter_hash(&c->filter, &r->labels);
    size_t cursor = 0;
    for (uint32_t k; (k = label_index_find(&c->index, hash, &cursor)) != 0;) {
        struct distribution *d = c->v[k - 1];
        struct labels part = label_filter_apply(&c->filter, c->op.ev->arena, &d->labels);
        if (label_filter_matches(&c->filter, &r->labels, &part))
            return d;
    }
    return add_distribution(c, hash, r);
}

static int add_buckets(struct classic_op *c, struct distribution *d, const struct row *r,
                       double upper)
{
    struct eval *ev = c->op.ev;
    struct bucket_row *b = eval_alloc(ev, 1, sizeof *b);
    int rc = limits_hold(ev->limits, c->op.t.n, ev->err);
    if (rc != 0)
        return rc;
    if (!b || !(b->v = op_values(ev, c->op.t.n)))
        return ERR_TOO_BIG;
    for (size_t i = 0; i < c->op.t.n; i++)
        b->v[i] = row_histogram(r, i) ? HOLE : r->v[i];
    b->upper = upper;
    b->next = d->buckets;
    d->buckets = b;
    d->n_buckets++;
    return 0;
}

static bool has(const struct row *r, size_t n, bool histogram)
{
    for (size_t i = 0; i < n; i++)
        if (!is_hole(r->v[i]) && !row_histogram(r, i) != histogram)
            return true;
    return false;
}

static int take_native(struct classic_op *c, const struct row *r)
{
    struct eval *ev = c->op.ev;
    struct distribution *d = distribution_of(c, r);
    if (!d)
        return eval_memory_error(ev);
    if (!d->native) {
        d->native = eval_alloc(ev, 1, sizeof *d->native);
        return d->native ? row_keep(ev, r, c->op.t.n, d->native) : ERR_TOO_BIG;
    }
    /* Another row of the same labels: its histograms stand at other steps. */
    for (size_t i = 0; i < c->op.t.n; i++) {
        if (is_hole(r->v[i]) || !row_histogram(r, i) || row_histogram(d->native, i))
            continue;
        d->native->v[i] = 0;
        if (!(d->native->h[i] = histogram_copy(ev->arena, r->h[i])))
            return eval_memory_error(ev);
    }
    return 0;
}

/* The name for a note about a series: where names go at once, none is told. */
static struct str noted_name(const struct classic_op *c, const struct labels *l)
{
    bool delayed = c->op.ev->features & QUERY_DELAYED_NAME_REMOVAL;
    return delayed ? labels_metric_name(l) : STR("");
}

/* " for metric name " and the name, if there is one. */
static const char *of_metric(struct str name)
{
    return name.n ? " for metric name " : "";
}

static const char *of_name(char to[ANNOTATION_QUOTED_MAX], struct str name)
{
    return name.n ? annotation_quote(to, name) : "";
}

static int take_classic(struct classic_op *c, const struct row *r)
{
    struct str le = labels_get(&r->labels, STR("le"));
    double upper;
    int rc = num_parse_double(le, &upper);
    if (rc != 0 && rc != ERR_TOO_BIG) {
        struct str name = noted_name(c, &r->labels);
        char value[ANNOTATION_QUOTED_MAX], quoted[ANNOTATION_QUOTED_MAX];
        annotate_warning(&c->op.ev->notes, c->vector_span,
                         "bucket label \"le\" is missing or has a malformed value of %s%s%s",
                         annotation_quote(value, le), of_metric(name), of_name(quoted, name));
        return 0;
    }
    struct distribution *d = distribution_of(c, r);
    return d ? add_buckets(c, d, r, upper) : eval_memory_error(c->op.ev);
}

static int fill(struct classic_op *c)
{
    struct row r;
    int rc;
    size_t most = 0;
    c->filled = true;
    while ((rc = op_next(c->from, &r)) > 0) {
        rc = 0;
        if (has(&r, c->op.t.n, true))
            rc = take_native(c, &r);
        if (rc == 0 && has(&r, c->op.t.n, false))
            rc = take_classic(c, &r);
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < c->n; i++)
        most = MAX(most, c->v[i]->n_buckets);
    c->buckets = eval_alloc(c->op.ev, most, sizeof *c->buckets);
    return rc == 0 && !c->buckets ? ERR_TOO_BIG : rc;
}

/* --- answers ---------------------------------------------------------------------------------- */

static size_t gather(struct classic_op *c, const struct distribution *d, size_t i)
{
    size_t n = 0;
    for (const struct bucket_row *b = d->buckets; b; b = b->next)
        if (!is_hole(b->v[i]))
            c->buckets[n++] = (struct classic_bucket){b->upper, b->v[i]};
    return n;
}

static double of_classic(struct classic_op *c, const struct distribution *d, size_t i, size_t n)
{
    struct eval *ev = c->op.ev;
    struct classic_repair repair;
    if (c->fraction)
        return classic_fraction(c->parameters[0][i], c->parameters[1][i], c->buckets, n);
    double v = classic_quantile(c->parameters[c->parameter][i], c->buckets, n, &repair);
    if (repair.forced) {
        int64_t t = timeline_at(&c->op.t, i);
        struct annotation_repair note = {
            repair.min_bucket, repair.max_bucket, repair.max_diff, t, t, 1};
        annotate_repair(&ev->notes, c->vector_span, noted_name(c, &d->labels), &note);
    }
    return v;
}

static void note_nans(struct classic_op *c, const struct distribution *d, unsigned notes)
{
    struct str name = noted_name(c, &d->labels);
    const char *what = notes & HIST_NAN_RESULT
                           ? "input to histogram_quantile has NaN observations, result is NaN"
                       : notes & HIST_NAN_SKEWED
                           ? "input to histogram_quantile has NaN observations, result is skewed "
                             "higher"
                           : "input to histogram_fraction has NaN observations, which are excluded "
                             "from all fractions";
    if (!notes)
        return;
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_info(&c->op.ev->notes, c->vector_span, "%s%s%s", what, of_metric(name),
                  of_name(quoted, name));
}

static double of_native(struct classic_op *c, const struct distribution *d, size_t i)
{
    unsigned notes = 0;
    const struct histogram *h = d->native->h[i];
    arena_reset(c->scratch);
    double v = c->fraction
                   ? hist_fraction(c->scratch, c->parameters[0][i], c->parameters[1][i], h, &notes)
                   : hist_quantile(c->scratch, c->parameters[c->parameter][i], h, &notes);
    note_nans(c, d, notes);
    return v;
}

static void mixed(struct classic_op *c, const struct distribution *d)
{
    struct str name = noted_name(c, &d->labels);
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_warning(&c->op.ev->notes, c->vector_span,
                     "vector contains a mix of classic and native histograms%s%s", of_metric(name),
                     of_name(quoted, name));
}

static void answer(struct classic_op *c, const struct distribution *d)
{
    for (size_t i = 0; i < c->op.t.n; i++) {
        size_t n = gather(c, d, i);
        bool native = d->native && !is_hole(d->native->v[i]) && row_histogram(d->native, i);
        c->out[i] = HOLE;
        if (n && native)
            mixed(c, d);
        else if (n)
            c->out[i] = of_classic(c, d, i, n);
        else if (native)
            c->out[i] = of_native(c, d, i);
    }
}

/* The quantile as a label: as OpenMetrics writes numbers, 1 as 1.0. */
static int add_quantile_label(struct classic_op *c, double q, struct row *out)
{
    struct eval *ev = c->op.ev;
    char text[NUM_DOUBLE_MAX + 2];
    size_t n = num_format_short(text, q);
    if (isfinite(q) && !memchr(text, '.', n) && !memchr(text, 'e', n)) {
        memcpy(text + n, ".0", 2);
        n += 2;
    }
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, &out->labels);
    labels_builder_set(&b, c->label, arena_str(ev->arena, str_of(text, n)));
    if (arena_failed(ev->arena))
        return eval_memory_error(ev);
    out->labels = labels_builder_labels(&b);
    return 0;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* The first step from `i` on whose quantile no step before has: where the next label begins. */
static size_t next_quantile(const double *q, size_t i, size_t n)
{
    for (; i < n; i++) {
        size_t k = 0;
        while (k < i && !same_bits(q[k], q[i]))
            k++;
        if (k == i)
            return i;
    }
    return n;
}

/* With a label the steps of one quantile, from `c->step` on, make a row of their own. */
static int give(struct classic_op *c, const struct distribution *d, struct row *out)
{
    size_t n = c->op.t.n;
    answer(c, d);
    *out = (struct row){.labels = d->labels, .drop_name = d->drop_name, .v = c->out};
    if (!c->label.n) {
        c->step = n;
        return 0;
    }
    const double *q = c->parameters[c->parameter];
    double now = q[c->step];
    for (size_t i = 0; i < n; i++)
        if (!same_bits(q[i], now))
            c->out[i] = HOLE;
    c->step = next_quantile(q, c->step + 1, n);
    return add_quantile_label(c, now, out);
}

/* Goes on to the next step, distribution, question; false at the end. */
static bool advance(struct classic_op *c)
{
    if (c->step < c->op.t.n)
        return true;
    c->step = 0;
    if (++c->at < c->n)
        return true;
    c->at = 0;
    return ++c->parameter < (c->fraction ? 1 : c->n_parameters);
}

static int classic_next(struct op *op, struct row *out)
{
    struct classic_op *c = (struct classic_op *)op;
    if (!c->filled) {
        int rc = fill(c);
        if (rc != 0)
            return rc;
        c->more = c->n > 0 && op->t.n > 0;
    }
    while (c->more) {
        int rc = give(c, c->v[c->at], out);
        c->more = advance(c);
        if (rc == 0 && row_is_empty(out, op->t.n))
            continue;
        if (rc == 0)
            rc = row_drop_name(op->ev, out);
        return rc ? rc : 1;
    }
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int new_classic(struct eval *ev, const struct node *n, struct timeline t, size_t vector_arg,
                       struct classic_op **out)
{
    static const struct str le[] = {{"le", 2}};
    struct classic_op *c = op_new(ev, sizeof *c, t, classic_next);
    if (!c || !(c->out = op_values(ev, t.n)) || !(c->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    c->node = n;
    c->vector_span = n->call.args[vector_arg]->span;
    c->filter = (struct label_filter){.names = le, .n = 1, .with_name = true};
    *out = c;
    return op_open(ev, n->call.args[vector_arg], t, &c->from);
}

static int add_parameter(struct classic_op *c, const struct node *arg, bool quantile)
{
    struct eval *ev = c->op.ev;
    double *v;
    int rc = eval_scalar_alloc(ev, arg, c->op.t, &v);
    if (rc != 0)
        return rc;
    for (size_t i = 0; quantile && i < c->op.t.n; i++)
        if (!(v[i] >= 0 && v[i] <= 1))
            warn_quantile(&ev->notes, arg->span, v[i]);
    c->parameters[c->n_parameters++] = v;
    return 0;
}

int open_histogram_quantile(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out)
{
    struct classic_op *c;
    int rc = new_classic(ev, n, t, 1, &c);
    if (rc == 0)
        rc = add_parameter(c, n->call.args[0], true);
    return rc ? rc : op_finish_dropped(ev, &c->op, c->from->distinct, out);
}

int open_histogram_fraction(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out)
{
    struct classic_op *c;
    int rc = new_classic(ev, n, t, 2, &c);
    if (rc == 0)
        rc = add_parameter(c, n->call.args[0], false);
    if (rc == 0)
        rc = add_parameter(c, n->call.args[1], false);
    if (rc != 0)
        return rc;
    c->fraction = true;
    return op_finish_dropped(ev, &c->op, c->from->distinct, out);
}

int open_histogram_quantiles(struct eval *ev, const struct node *n, struct timeline t,
                             struct op **out)
{
    struct classic_op *c;
    int rc = new_classic(ev, n, t, 0, &c);
    for (size_t i = 2; rc == 0 && i < n->call.n && i - 2 < QUANTILES_MAX; i++)
        rc = add_parameter(c, n->call.args[i], true);
    if (rc != 0)
        return rc;
    c->label = node_unwrap(n->call.args[1])->string.value;
    if (c->label.n == 0 || !str_is_utf8(c->label))
        return err_set(ev->err, ERR_UNSUPPORTED, "invalid label name in histogram_quantiles()");
    return op_finish_dropped(ev, &c->op, c->from->distinct, out);
}
