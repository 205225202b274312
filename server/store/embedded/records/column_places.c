#include "store/embedded/records/column_places.h"

const struct column_places *column_places_of(const struct column *c, uint32_t n_rows,
                                             struct arena *arena)
{
    uint32_t n = n_rows / 64 + 1, before = 0;
    struct column_places *v = arena_array(arena, n, sizeof *v);
    if (!v)
        return NULL;
    for (uint32_t i = 0; i < c->n; i++)
        v[c->rows[i] / 64].bits |= UINT64_C(1) << c->rows[i] % 64;
    for (uint32_t i = 0; i < n; i++) {
        v[i].before = before;
        before += (uint32_t)__builtin_popcountll(v[i].bits);
    }
    return v;
}
