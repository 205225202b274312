/* Which samples lie in windows that only move forward. */
#ifndef TELLTALE_QUERY_PROMQL_WINDOW_WALK_H
#define TELLTALE_QUERY_PROMQL_WINDOW_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "query/promql/source.h"

struct window_walk {
    const struct samples *s;
    size_t from, to; /* of its floats; zero to begin with */
};

/* Moves to the window (end - range, end] at time t. */
static inline void window_walk_to(struct window_walk *w, const struct window_spec *spec, int64_t t)
{
    int64_t end = window_end(spec, t), start = end - spec->range_ms;
    while (w->to < w->s->nf && w->s->ft[w->to] <= end)
        w->to++;
    while (w->from < w->to && w->s->ft[w->from] <= start)
        w->from++;
}

#endif
