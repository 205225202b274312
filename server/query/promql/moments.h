/* Sums, moments and co-moments of some samples, made of one sample after another or of two sets of
 * them. What is equal stays exact: the deviation of a constant series is 0.
 *
 * Nothing is ever taken away again, so a large value that was there does no harm when it is gone.
 * What an addition loses is kept beside its result (wide), and deviations are taken from the mean
 * as it stands, not found as the difference of large sums. Source: T. F. Chan, G. H. Golub, R. J.
 * LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979. */
#ifndef TELLTALE_QUERY_PROMQL_MOMENTS_H
#define TELLTALE_QUERY_PROMQL_MOMENTS_H

/* A number as the sum of two, the second of which is small. */
struct wide {
    double hi, lo;
};

static inline double wide_value(struct wide w)
{
    return w.hi + w.lo;
}

/* By Knuth's sum of two, which needs no branch. */
static inline void wide_add(struct wide *w, double x)
{
    double t = w->hi + x, part = t - w->hi;
    w->lo += (w->hi - (t - part)) + (x - part);
    w->hi = t;
}

static inline void wide_join(struct wide *w, struct wide x)
{
    wide_add(w, x.hi);
    w->lo += x.lo;
}

/* x - w */
static inline double wide_below(struct wide w, double x)
{
    double t = x - w.hi, part = t - x;
    return t + ((x - (t - part)) - (w.hi + part) - w.lo);
}

/* b - a */
static inline double wide_difference(struct wide a, struct wide b)
{
    a.lo -= b.lo;
    return wide_below(a, b.hi);
}

/* Of n values: their mean, and the sum of the squares of what they are off it. */
struct moments {
    double n;
    struct wide mean, squares;
};

static inline void moments_add(struct moments *m, double v)
{
    double n = m->n + 1, off = wide_below(m->mean, v);
    wide_add(&m->squares, off * off * (m->n / n));
    wide_add(&m->mean, off / n);
    m->n = n;
}

static inline void moments_join(struct moments *a, const struct moments *b)
{
    double n = a->n + b->n, off = wide_difference(a->mean, b->mean);
    if (b->n == 0)
        return;
    wide_join(&a->squares, b->squares);
    wide_add(&a->squares, off * off * (a->n / n * b->n));
    wide_add(&a->mean, off * (b->n / n));
    a->n = n;
}

/* Of n points: their means, the squares of what x is off its mean, and its products with what y is
 * off its own. */
struct comoments {
    double n;
    struct wide x, y, xx, xy;
};

static inline void comoments_add(struct comoments *m, double x, double y)
{
    double n = m->n + 1, off_x = wide_below(m->x, x), off_y = wide_below(m->y, y);
    double weighed = off_x * (m->n / n);
    wide_add(&m->xx, weighed * off_x);
    wide_add(&m->xy, weighed * off_y);
    wide_add(&m->x, off_x / n);
    wide_add(&m->y, off_y / n);
    m->n = n;
}

static inline void comoments_join(struct comoments *a, const struct comoments *b)
{
    double n = a->n + b->n;
    double off_x = wide_difference(a->x, b->x), off_y = wide_difference(a->y, b->y);
    double share = b->n / n, weighed = off_x * a->n * share;
    if (b->n == 0)
        return;
    wide_join(&a->xx, b->xx);
    wide_join(&a->xy, b->xy);
    wide_add(&a->xx, weighed * off_x);
    wide_add(&a->xy, weighed * off_y);
    wide_add(&a->x, off_x * share);
    wide_add(&a->y, off_y * share);
    a->n = n;
}

#endif
