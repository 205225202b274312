/* Two stacks: the samples of a window are those of an older part, of which there is a sum from each
 * sample to the part's end, and those of a younger part, of which there is one sum. Both together
 * are the window's. A sample that enters is added to the younger part; one that leaves needs no
 * work; when the older part is used up, the whole window becomes the older part, and its sums are
 * made from its end to its beginning. So each sample is added twice, however long the windows are,
 * and nothing is subtracted: what a sum is made of is what lies in the window.
 *
 * "Sums" are sums, moments or co-moments (moments.h). Their rounding is not that of a straight
 * loop, by some units in the last place; so short windows, where the straight loop is fast and has
 * Prometheus's bits, are left to it. NaNs, infinities and very large values stand beside the sums:
 * where such a value came last is known, so it is known whether there is one in the window. */
#include "query/promql/slide_row.h"

#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "query/promql/moments.h"
#include "query/promql/window_walk.h"
#include "query/query.h"

enum {
    /* Of a window on average: shorter ones are fast, and have Prometheus's bits. */
    SAMPLES_MIN = 96,
    SAMPLES_PER_TICK = 1 << 20
};

union part {
    struct wide sum;
    struct moments moments;
    struct comoments comoments;
};

/* The index behind the newest sample that is something else; 0: none came. */
struct odd_ones {
    size_t nan, positive, negative, large;
};

struct slide {
    struct range_call *call;
    range_kernel *kernel;
    enum slide_what what;
    double large; /* values beyond it are left to the kernel: sums, squares or products overflow */
    size_t looks; /* so often must a sample be looked at, or it does not pay */
    struct window_walk walk;
    size_t size;          /* of a part: of each kind only what it has */
    unsigned char *older; /* part i - base: sample i and those behind it up to `middle` */
    union part younger;
    size_t base, middle, end; /* older: [base, middle); younger: [middle, end) */
    struct odd_ones odd;
    size_t work;
};

/* --- the parts -------------------------------------------------------------------------------- */

static inline void add_sample(const struct slide *s, union part *p, size_t i)
{
    const struct samples *all = s->call->all;
    double v = all->fv[i];
    if (!(fabs(v) <= s->large))
        return;
    switch (s->what) {
    case SLIDE_SUM:
    case SLIDE_AVERAGE: wide_add(&p->sum, v); break;
    case SLIDE_VARIANCE:
    case SLIDE_DEVIATION: moments_add(&p->moments, v); break;
    case SLIDE_SLOPE:
    case SLIDE_PREDICTION:
        comoments_add(&p->comoments, (double)(all->ft[i] - all->ft[0]), v);
        break;
    }
}

static inline void join(const struct slide *s, union part *p, const union part *q)
{
    switch (s->what) {
    case SLIDE_SUM:
    case SLIDE_AVERAGE: wide_join(&p->sum, q->sum); break;
    case SLIDE_VARIANCE:
    case SLIDE_DEVIATION: moments_join(&p->moments, &q->moments); break;
    case SLIDE_SLOPE:
    case SLIDE_PREDICTION: comoments_join(&p->comoments, &q->comoments); break;
    }
}

static void note_odd(struct slide *s, size_t i)
{
    double v = s->call->all->fv[i];
    if (fabs(v) <= s->large)
        return;
    size_t *which = isnan(v)    ? &s->odd.nan
                    : !isinf(v) ? &s->odd.large
                    : v > 0     ? &s->odd.positive
                                : &s->odd.negative;
    *which = i + 1;
}

/* The whole window becomes the older part. */
static void turn(struct slide *s, size_t from, size_t to)
{
    union part sum = {0};
    for (size_t i = to; i-- > from;) {
        add_sample(s, &sum, i);
        memcpy(s->older + (i - from) * s->size, &sum, s->size);
    }
    s->base = from;
    s->middle = s->end = to;
    s->younger = (union part){0};
}

static void sum_of_window(struct slide *s, size_t from, size_t to, union part *out)
{
    if (from >= s->middle)
        turn(s, from, to);
    for (; s->end < to; s->end++)
        add_sample(s, &s->younger, s->end);
    memcpy(out, s->older + (from - s->base) * s->size, s->size);
    join(s, out, &s->younger);
}

/* --- results ---------------------------------------------------------------------------------- */

static double line_at(const struct comoments *m, double slope, double x)
{
    return wide_value(m->y) + slope * wide_below(m->x, x);
}

static double result(const struct slide *s, const union part *p, size_t n, size_t step, int64_t t)
{
    const struct comoments *m = &p->comoments;
    double slope;
    switch (s->what) {
    case SLIDE_SUM: return wide_value(p->sum);
    case SLIDE_AVERAGE: return p->sum.hi / (double)n + p->sum.lo / (double)n;
    case SLIDE_VARIANCE: return wide_value(p->moments.squares) / (double)n;
    case SLIDE_DEVIATION: return sqrt(wide_value(p->moments.squares) / (double)n);
    case SLIDE_SLOPE: return wide_value(m->xy) / wide_value(m->xx) * 1000;
    case SLIDE_PREDICTION: break;
    }
    slope = wide_value(m->xy) / wide_value(m->xx);
    return slope * 1000 * s->call->parameters[0][step] +
           line_at(m, slope, (double)(t - s->call->all->ft[0]));
}

static bool is_regression(const struct slide *s)
{
    return s->what == SLIDE_SLOPE || s->what == SLIDE_PREDICTION;
}

/* A window with values that are not in the sums: 1 and what comes out, or 0: ask the kernel. */
static int odd_result(const struct slide *s, size_t from, double *out)
{
    bool positive = s->odd.positive > from, negative = s->odd.negative > from;
    bool infinite = positive || negative;
    if (s->odd.nan > from || (infinite && s->what >= SLIDE_VARIANCE && !is_regression(s))) {
        *out = NAN;
        return 1;
    }
    if (s->odd.large > from || is_regression(s))
        return 0;
    *out = positive && negative ? NAN : positive ? INFINITY : -INFINITY;
    return 1;
}

static int tick(struct slide *s, size_t samples)
{
    s->work += samples + 1;
    if (s->work < SAMPLES_PER_TICK)
        return 0;
    s->work = 0;
    return limits_tick(s->call->ev->limits, s->call->ev->err);
}

static int ask_kernel(struct slide *s, size_t step, int64_t t, double *out)
{
    const struct samples *all = s->call->all;
    size_t from = s->walk.from, n = s->walk.to - from;
    struct range_window w = {.samples = {.ft = all->ft + from, .fv = all->fv + from, .nf = n},
                             .f_from = from,
                             .end_ms = window_end(&s->call->window, t),
                             .eval_ms = t,
                             .step = step};
    struct range_value value = {0};
    w.start_ms = w.end_ms - s->call->window.range_ms;
    int rc = tick(s, n);
    if (rc == 0)
        rc = s->kernel(s->call, &w, &value);
    *out = rc > 0 ? value.v : HOLE;
    return rc < 0 ? rc : 0;
}

static int slide_step(struct slide *s, size_t step, int64_t t, double *out)
{
    struct window_walk *w = &s->walk;
    size_t seen = w->to;
    window_walk_to(w, &s->call->window, t);
    for (; seen < w->to; seen++)
        note_odd(s, seen);
    size_t from = w->from, n = w->to - from;
    *out = HOLE;
    if (n < (is_regression(s) ? 2 : 1))
        return 0;
    const struct odd_ones *odd = &s->odd;
    bool any_odd =
        odd->nan > from || odd->positive > from || odd->negative > from || odd->large > from;
    if (any_odd)
        return odd_result(s, from, out) ? 0 : ask_kernel(s, step, t, out);
    union part sum;
    sum_of_window(s, from, w->to, &sum);
    *out = result(s, &sum, n, step, t);
    return tick(s, 0);
}

/* --- whether it pays -------------------------------------------------------------------------- */

/* The largest window; 0: to look at each is as cheap, or cheap enough. */
static size_t largest_window(const struct slide *s, const struct timeline *t)
{
    struct window_walk w = {.s = s->call->all};
    size_t largest = 0;
    uint64_t looked_at = 0;
    for (size_t i = 0; i < t->n; i++) {
        window_walk_to(&w, &s->call->window, timeline_at(t, i));
        size_t n = w.to - w.from;
        looked_at += n;
        largest = MAX(largest, n);
    }
    bool pays = looked_at / SAMPLES_MIN >= t->n && looked_at / s->looks >= w.to;
    return pays ? largest : 0;
}

/* By sixteen nanoseconds for a sample of a sum that slides, against one of a row of sums
 * (sum_row.c); twenty-five of moments, against a third of one; and twenty-five against four of a
 * regression (bench/bench_windows.c). */
static void choose_parts(struct slide *s)
{
    static const struct {
        double large;
        size_t size, looks;
    } kinds[] = {
        [SLIDE_SUM] = {1e290, sizeof(struct wide), 20},
        [SLIDE_AVERAGE] = {1e290, sizeof(struct wide), 20},
        [SLIDE_VARIANCE] = {1e140, sizeof(struct moments), 80},
        [SLIDE_DEVIATION] = {1e140, sizeof(struct moments), 80},
        [SLIDE_SLOPE] = {1e270, sizeof(struct comoments), 8},
        [SLIDE_PREDICTION] = {1e270, sizeof(struct comoments), 8},
    };
    s->large = kinds[s->what].large;
    s->size = kinds[s->what].size;
    s->looks = kinds[s->what].looks;
}

int slide_row(struct range_call *c, const struct timeline *t, enum slide_what what,
              range_kernel *kernel, double *v)
{
    const struct window_spec *spec = &c->window;
    if (c->all->nh || spec->anchored || spec->smoothed || c->all->nf < SAMPLES_MIN)
        return 0;
    struct slide s = {.call = c, .kernel = kernel, .what = what, .walk = {.s = c->all}};
    choose_parts(&s);
    size_t room = largest_window(&s, t);
    if (room == 0)
        return 0;
    s.older = arena_alloc(c->kept, room * s.size);
    if (!s.older)
        return eval_memory_error(c->ev);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->n; i++)
        rc = slide_step(&s, i, timeline_at(t, i), &v[i]);
    return rc ? rc : 1;
}
