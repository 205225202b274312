/* From the operators to the answer: rows become series with points, or go to the asker as they
 * come, which spares holding them twice. */
#include "query/answer.h"

#include <stdlib.h>

#include "base/time.h"
#include "model/histogram.h"
#include "query/promql/source.h"
#include "query/promql/step_counts.h"

static int no_memory(struct run *r)
{
    return limits_memory_error(&r->limits, r->err);
}

/* Room for one more series in the result. */
static struct query_series *add_series(struct run *r, size_t *cap)
{
    struct query_result *out = r->out;
    struct query_series *v =
        arena_room(&out->arena, out->series, out->n_series, cap, 16, sizeof *v);
    if (!v)
        return NULL;
    out->series = v;
    return &out->series[out->n_series];
}

/* Counts a row's points into the answer; histograms by their size. */
static int count_answer(struct run *r, const struct row *row)
{
    uint64_t weight = 0;
    for (size_t i = 0; i < r->t.n; i++)
        if (!is_hole(row->v[i]))
            weight += row->h ? sample_weight(row->h[i]) : 1;
    return limits_answer(&r->limits, weight, r->err);
}

static int put_row(struct run *r, const struct row *row, size_t *cap)
{
    int rc = count_answer(r, row);
    if (rc != 0)
        return rc;
    struct arena *a = &r->out->arena;
    struct query_series *s = add_series(r, cap);
    size_t n = 0;
    for (size_t i = 0; i < r->t.n; i++)
        n += !is_hole(row->v[i]);
    if (!s)
        return no_memory(r);
    *s = (struct query_series){.points = arena_array(a, n, sizeof *s->points)};
    s->labels = labels_copy(a, &row->labels);
    if (!s->points || arena_failed(a))
        return no_memory(r);
    for (size_t i = 0; i < r->t.n; i++) {
        if (is_hole(row->v[i]))
            continue;
        const struct histogram *h = row_histogram(row, i);
        if (h && !(h = histogram_copy(a, h)))
            return no_memory(r);
        s->points[s->n++] = (struct query_point){timeline_at(&r->t, i), row->v[i], h};
    }
    r->out->n_series++;
    return 0;
}

/* Names that were only marked for removal go now. */
static int drop_names(struct run *r, struct table *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].drop_name)
            t->rows[i].labels = labels_without_metadata(r->ev.arena, &t->rows[i].labels);
    return arena_failed(r->ev.arena) ? no_memory(r) : 0;
}

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(&((const struct query_series *)a)->labels,
                      &((const struct query_series *)b)->labels);
}

static void sort_timed(struct run *r, void *v, size_t n, size_t size,
                       int (*by)(const void *a, const void *b))
{
    int64_t start = time_now_mono_ns();
    qsort(v, n, size, by);
    r->sort_ns += time_now_mono_ns() - start;
}

/* --- given to the asker row by row ------------------------------------------------------------ */

struct given {
    struct labels labels;
    uint32_t number;
};

static int by_given_labels(const void *a, const void *b)
{
    return labels_cmp(&((const struct given *)a)->labels, &((const struct given *)b)->labels);
}

/* Rows of most queries come in order: nothing is to be sorted then. */
static int order_given(struct run *r, struct given *v, size_t n)
{
    size_t i = 1;
    while (i < n && by_given_labels(&v[i - 1], &v[i]) <= 0)
        i++;
    if (i >= n)
        return 0;
    sort_timed(r, v, n, sizeof *v, by_given_labels);
    if (!(r->out->order = arena_array(&r->out->arena, n, sizeof *r->out->order)))
        return no_memory(r);
    for (i = 0; i < n; i++)
        r->out->order[i] = v[i].number;
    return 0;
}

static int give(struct run *r, const struct row *row)
{
    struct query_row out = {.labels = &row->labels,
                            .start_ms = r->t.start_ms,
                            .step_ms = r->t.step_ms,
                            .n = r->t.n,
                            .v = row->v,
                            .h = row->h};
    int rc = count_answer(r, row);
    return rc ? rc : r->request->take(r->request->taker, &out, r->err);
}

static int give_rows(struct run *r, struct op *from)
{
    struct given *v = NULL;
    struct row row;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = op_next(from, &row)) > 0) {
        if (row.drop_name)
            row.labels = labels_without_metadata(r->ev.arena, &row.labels);
        if (n == cap)
            v = arena_grow(r->ev.arena, v, n, cap = cap ? cap * 2 : 64, sizeof *v);
        if (!v || arena_failed(r->ev.arena))
            return no_memory(r);
        v[n] = (struct given){row.labels, (uint32_t)n};
        n++;
        if ((rc = give(r, &row)) != 0)
            return rc;
    }
    r->out->given = true;
    r->out->type = QUERY_MATRIX;
    r->out->n_series = n;
    return rc ? rc : order_given(r, v, n);
}

/* --- by the type of the expression -------------------------------------------------------------
 */

/* Rows that are alike without their names become one. */
static int open_merged(struct run *r, struct op *op, struct op **out)
{
    struct table table = {0};
    int rc = table_fill(&r->ev, op, &table);
    if (rc == 0)
        rc = drop_names(r, &table);
    if (rc == 0)
        rc = op_open_table(&r->ev, r->t, table, &op);
    return rc ? rc : op_open_merge(&r->ev, op, out);
}

static int answer_vector(struct run *r)
{
    struct op *op, *merged;
    size_t cap = 0;
    bool give_away = r->request->take && !r->request->instant && r->request->limit == 0;
    int rc = op_open(&r->ev, r->ast.root, r->t, &op);
    if (rc == 0 && give_away && op->distinct)
        return give_rows(r, op);
    if (rc == 0)
        rc = open_merged(r, op, &merged);
    if (rc == 0 && give_away)
        return give_rows(r, merged);
    struct row row;
    int got = 0;
    while (rc == 0 && (got = op_next(merged, &row)) > 0)
        rc = put_row(r, &row, &cap);
    if (rc != 0 || got < 0)
        return rc ? rc : got;
    r->out->type = r->request->instant ? QUERY_VECTOR : QUERY_MATRIX;
    if (!r->request->instant && r->out->n_series)
        sort_timed(r, r->out->series, r->out->n_series, sizeof *r->out->series, by_labels);
    return 0;
}

static int answer_scalar(struct run *r)
{
    double *v;
    size_t cap = 0;
    int rc = eval_scalar_alloc(&r->ev, r->ast.root, r->t, &v);
    if (rc != 0)
        return rc;
    struct row row = {.v = v};
    r->out->type = r->request->instant ? QUERY_SCALAR : QUERY_MATRIX;
    return put_row(r, &row, &cap);
}

static int answer_string(struct run *r)
{
    const struct node *n = node_unwrap(r->ast.root);
    r->out->type = QUERY_STRING;
    r->out->text = arena_str(&r->out->arena, n->string.value);
    return 0;
}

static int put_samples(struct run *r, const struct sample_series *in, size_t *cap)
{
    struct arena *a = &r->out->arena;
    struct query_series *s = add_series(r, cap);
    const struct samples *x = &in->samples;
    if (!s)
        return no_memory(r);
    struct labels labels =
        in->drop_name ? labels_without_metadata(r->ev.arena, &in->labels) : in->labels;
    *s = (struct query_series){.points = arena_array(a, x->nf + x->nh, sizeof *s->points),
                               .labels = labels_copy(a, &labels)};
    if (!s->points || arena_failed(a))
        return no_memory(r);
    for (size_t f = 0, h = 0; f < x->nf || h < x->nh;) {
        bool is_float = f < x->nf && (h == x->nh || x->ft[f] < x->ht[h]);
        struct query_point *p = &s->points[s->n++];
        if (is_float) {
            *p = (struct query_point){x->ft[f], x->fv[f], NULL};
            f++;
        } else {
            *p = (struct query_point){x->ht[h], 0, histogram_copy(a, x->hh[h])};
            if (!p->histogram)
                return no_memory(r);
            h++;
        }
    }
    r->out->n_series += s->n > 0;
    return 0;
}

/* The raw samples of a range selector or subquery. */
static int answer_matrix(struct run *r)
{
    struct source *source;
    struct sample_series s;
    size_t cap = 0;
    const struct node *n = node_unwrap(r->ast.root);
    (void)count_as(&r->ev, COUNT_WITHIN); // for good: there is nothing else
    int rc = source_open(&r->ev, n, r->t, NULL, &source);
    int got = 0;
    while (rc == 0 && (got = source->next(source, &s)) > 0) {
        if ((rc = source_window(source, r->t.start_ms, &s.samples)) != 0)
            return rc;
        uint64_t weight = samples_weight(&s.samples);
        if (r->ev.counts && n->kind != NODE_SUBQUERY)
            r->ev.counts->at_all += weight;
        rc = limits_answer(&r->limits, weight, r->err);
        if (rc == 0)
            rc = put_samples(r, &s, &cap);
    }
    r->out->type = QUERY_MATRIX;
    if (rc == 0 && r->out->n_series)
        sort_timed(r, r->out->series, r->out->n_series, sizeof *r->out->series, by_labels);
    return rc ? rc : got;
}

int answer_query(struct run *r)
{
    switch (r->ast.root->type) {
    case VALUE_VECTOR: return answer_vector(r);
    case VALUE_SCALAR: return answer_scalar(r);
    case VALUE_STRING: return answer_string(r);
    case VALUE_MATRIX: return answer_matrix(r);
    case VALUE_NONE: break;
    }
    return err_set(r->err, ERR_INTERNAL, "the expression has no type");
}
