/* resets and changes count what a walk over each window counts. */
#include <math.h>

#include "base/compiler.h"
#include "model/histogram.h"
#include "query/promql/range.h"
#include "support/check.h"

enum { N = 600, STEPS = 300, SCRAPE_MS = 15000 };

struct point {
    int64_t t, start;
    double v;
    const struct histogram *h;
};

static struct point points[N];
static struct histogram histograms[N];
static int64_t ft[N], ht[N], fst[N], hst[N];
static double fv[N];
static const struct histogram *hh[N];

static uint64_t next(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *x >> 33;
}

static double value_of(uint64_t r)
{
    return r % 23 == 0 ? NAN : r % 29 == 0 ? INFINITY : (double)(r % 4);
}

/* `mix`: of so many samples one is a histogram; 0: none. */
static void make_points(uint64_t seed, uint64_t mix)
{
    for (size_t i = 0; i < N; i++) {
        uint64_t r = next(&seed);
        struct point *p = &points[i];
        *p = (struct point){.t = (int64_t)(i + 1) * SCRAPE_MS, .v = value_of(r)};
        p->start = r % 17 == 0 ? p->t - 1 : 0;
        if (mix == 0 || next(&seed) % mix != 0)
            continue;
        histograms[i] = (struct histogram){.zero_count = (double)(r % 5), .count = (double)(r % 5)};
        p->h = &histograms[i];
    }
}

static void split(bool with_starts, struct samples *out)
{
    size_t nf = 0, nh = 0;
    for (size_t i = 0; i < N; i++) {
        const struct point *p = &points[i];
        if (p->h) {
            ht[nh] = p->t;
            hst[nh] = p->start;
            hh[nh++] = p->h;
        } else {
            ft[nf] = p->t;
            fst[nf] = p->start;
            fv[nf++] = p->v;
        }
    }
    *out = (struct samples){.ft = ft, .fv = fv, .nf = nf, .ht = ht, .hh = hh, .nh = nh};
    if (with_starts) {
        out->fst = fst;
        out->hst = hst;
    }
}

static bool was_reset(const struct point *a, const struct point *b, bool with_starts)
{
    if (!a->h != !b->h || (with_starts && range_start_reset(a->start, a->t, b->start, b->t)))
        return true;
    return b->h ? b->h->count < a->h->count : b->v < a->v;
}

static bool was_changed(const struct point *a, const struct point *b, bool with_starts)
{
    (void)with_starts;
    if (!a->h != !b->h)
        return true;
    if (b->h)
        return b->h->count != a->h->count;
    return a->v != b->v && !(isnan(a->v) && isnan(b->v));
}

struct kind {
    const struct range_function *f;
    bool (*differs)(const struct point *a, const struct point *b, bool with_starts);
};

/* -1: nothing in the window. */
static double count(const struct kind *k, int64_t start, int64_t end, bool anchored,
                    bool with_starts)
{
    double n = -1;
    for (size_t i = 0; i < N; i++) {
        if (points[i].t <= start || points[i].t > end)
            continue;
        bool pair = i > 0 && (n >= 0 || anchored);
        n = MAX(n, 0) + (pair && k->differs(&points[i - 1], &points[i], with_starts));
    }
    return n;
}

static struct samples cut(const struct samples *all, int64_t after, int64_t end,
                          struct range_window *w)
{
    struct samples s = *all;
    size_t f = 0, h = 0;
    while (f < all->nf && all->ft[f] <= after)
        f++;
    while (h < all->nh && all->ht[h] <= after)
        h++;
    w->f_from = f;
    w->h_from = h;
    s.ft += f;
    s.fv += f;
    s.ht += h;
    s.hh += h;
    for (s.nf = 0; f + s.nf < all->nf && s.ft[s.nf] <= end;)
        s.nf++;
    for (s.nh = 0; h + s.nh < all->nh && s.ht[s.nh] <= end;)
        s.nh++;
    return s;
}

static void check(const struct kind *k, const struct samples *all, int64_t range, bool anchored)
{
    struct arena kept, scratch;
    arena_init(&kept, 1 << 20);
    arena_init(&scratch, 1 << 20);
    struct range_call c = {.window = {.range_ms = range, .anchored = anchored},
                           .all = all,
                           .kept = &kept,
                           .scratch = &scratch};
    assert_int_equal(k->f->prepare(&c), 0);
    for (int64_t step = 0; step < STEPS; step++) {
        struct range_window w = {.end_ms = step * 31000};
        struct range_value value = {0};
        w.start_ms = w.end_ms - range;
        w.samples = cut(all, w.start_ms - (anchored ? 300000 : 0), w.end_ms, &w);
        bool any = w.samples.nf + w.samples.nh > 0 && k->f->kernel(&c, &w, &value) == 1;
        double want = count(k, w.start_ms, w.end_ms, anchored, all->fst);
        assert_true((any ? value.v : -1) == want);
    }
    arena_done(&kept);
    arena_done(&scratch);
}

static void test_pairs_are_counted_as_a_walk_over_each_window_does(void **state)
{
    (void)state;
    static const struct kind kinds[] = {{&range_resets, was_reset}, {&range_changes, was_changed}};
    static const int64_t ranges[] = {1, SCRAPE_MS, 4 * SCRAPE_MS, 100 * SCRAPE_MS};
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct samples s;
        make_points(seed, seed % 4);
        split(seed % 3 == 0, &s);
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
            for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
                check(&kinds[k], &s, ranges[i], false);
                check(&kinds[k], &s, ranges[i], true);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_counted_as_a_walk_over_each_window_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
