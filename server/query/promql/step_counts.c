#include "query/promql/step_counts.h"

#include "model/histogram.h"
#include "query/promql/source.h"

enum step_counting count_as(struct eval *ev, enum step_counting mode)
{
    enum step_counting was = ev->counts ? ev->counts->mode : COUNT_NOT;
    if (was != COUNT_NOT)
        ev->counts->mode = mode;
    return was;
}

enum step_counting count_in_subquery(struct eval *ev)
{
    bool within = ev->counts && ev->counts->mode == COUNT_WITHIN;
    return count_as(ev, within ? COUNT_AT_ALL : COUNT_NOT);
}

void count_as_before(struct eval *ev, enum step_counting mode)
{
    if (ev->counts)
        ev->counts->mode = mode;
}

void count_samples(const struct op *op, size_t step, uint64_t n)
{
    struct step_counts *c = op->ev->counts;
    if (op->counting == COUNT_AT_ALL)
        c->at_all += n;
    else if (op->counting == COUNT_AT_STEP && step < c->n)
        c->v[step] += n;
}

void count_values(const struct op *op, const struct row *r)
{
    for (size_t i = 0; op_counts(op) && i < op->t.n; i++)
        if (!is_hole(r->v[i]))
            count_samples(op, i, sample_weight(row_histogram(r, i)));
}

uint64_t samples_weight(const struct samples *s)
{
    uint64_t n = s->nf;
    for (size_t i = 0; i < s->nh; i++)
        n += histogram_weight(s->hh[i]);
    return n;
}

uint64_t step_counts_finish(struct step_counts *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += c->v[i] += c->at_all;
    c->at_all = 0;
    return sum;
}
