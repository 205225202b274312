#include "receive/scrape_buckets.h"

#include "model/histogram_flat.h"

int scrape_fit_buckets(struct arena *arena, const struct histogram **inout, uint64_t limit)
{
    const struct histogram *h = *inout;
    if (!limit || h->n_positive + h->n_negative <= limit)
        return 0;
    if (h->schema < HISTOGRAM_SCHEMA_MIN)
        return ERR_TOO_BIG;
    struct hist_flat *f = hist_flatten(arena, h);
    if (!f)
        return ERR_NOMEM;
    for (int32_t schema = h->schema; f->positive.n + f->negative.n > limit;) {
        if (schema == HISTOGRAM_SCHEMA_MIN)
            return ERR_TOO_BIG;
        hist_flat_reduce(f, --schema);
    }
    const struct histogram *merged = hist_unflatten(arena, f, false);
    struct histogram *coarse = merged ? arena_alloc(arena, sizeof *coarse) : NULL;
    if (!coarse)
        return ERR_NOMEM;
    *coarse = *merged;
    coarse->integer = h->integer; // sums of whole numbers are whole
    *inout = coarse;
    return 0;
}
