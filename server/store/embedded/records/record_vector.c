/* Most scans that cost much pick every row of a group. Then numbers are handed over as they were
 * decoded, without a copy, and the values of a column that only some rows have are put to their
 * places instead of being looked for row by row: looking was a sixth of a map of all calls. */
#include "store/embedded/records/record_vector.h"

#include "base/err.h"
#include "store/embedded/records/source.h"

static bool is_all(const struct picked_rows *p)
{
    return p->n == p->rows->n;
}

/* Uninitialised. */
static void *room(const struct picked_rows *p, size_t n, size_t size)
{
    return arena_alloc(p->rows->arena, n * size); // both far below 2^32
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int pick_ints(const struct picked_rows *p, const int64_t *all, const int64_t **out)
{
    if (is_all(p)) {
        *out = all;
        return 0;
    }
    int64_t *v = room(p, p->n, sizeof *v);
    for (uint32_t i = 0; v && i < p->n; i++)
        v[i] = all[p->sel[i]];
    *out = v;
    return v ? 0 : ERR_NOMEM;
}

int record_vector_times(const struct picked_rows *p, const int64_t **out)
{
    int rc = rowset_times(p->rows);
    return rc == 0 ? pick_ints(p, p->rows->t_unix_ns, out) : rc;
}

int record_vector_sources(const struct picked_rows *p, const uint32_t **out)
{
    int rc = rowset_sources(p->rows);
    *out = p->rows->row_sources;
    if (rc != 0 || is_all(p))
        return rc;
    uint32_t *v = room(p, p->n, sizeof *v);
    for (uint32_t i = 0; v && i < p->n; i++)
        v[i] = p->rows->row_sources[p->sel[i]];
    *out = v;
    return v ? 0 : ERR_NOMEM;
}

/* --- values ----------------------------------------------------------------------------------- */

static int source_vector(const struct picked_rows *p, const struct column_ref *ref,
                         struct vector *out)
{
    struct rowset *rows = p->rows;
    const uint32_t *codes = NULL;
    int rc = record_vector_sources(p, &codes);
    struct any *values = arena_array(rows->arena, rows->sources.n, sizeof *values);
    if (rc != 0 || !values)
        return rc != 0 ? rc : ERR_NOMEM;
    for (uint32_t i = 0; i < p->n; i++) {
        if (i && codes[i] == codes[i - 1])
            continue;
        const struct record_source *s = block_source(&rows->sources, codes[i]);
        values[codes[i]] = s ? source_value(s, ref) : (struct any){0};
    }
    *out = (struct vector){.values = values, .codes = codes, .n_values = rows->sources.n};
    return 0;
}

/* What no row has: one value that is none. */
static int absent_vector(const struct picked_rows *p, struct vector *out)
{
    uint32_t *codes = arena_array(p->rows->arena, p->n, sizeof *codes);
    struct any *none = arena_zalloc(p->rows->arena, sizeof *none);
    *out = (struct vector){.values = none, .codes = codes, .n_values = 1};
    return codes && none ? 0 : ERR_NOMEM;
}

static void find_codes(const struct picked_rows *p, const struct column *c, uint32_t *codes)
{
    uint32_t cursor = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t at = column_find(c, p->sel[i], &cursor);
        codes[i] = at == UINT32_MAX ? c->n_texts : c->codes[at];
    }
}

static void place_codes(const struct picked_rows *p, const struct column *c, uint32_t *codes)
{
    for (uint32_t i = 0; i < p->n; i++)
        codes[i] = c->n_texts;
    for (uint32_t i = 0; i < c->n; i++)
        codes[c->rows[i]] = c->codes[i];
}

/* The distinct texts once, and behind them the absent value. */
static int dictionary_vector(const struct picked_rows *p, const struct column *c,
                             struct vector *out)
{
    uint32_t n = c->n_texts;
    struct any *values = room(p, (size_t)n + 1, sizeof *values);
    uint32_t *codes = room(p, p->n, sizeof *codes);
    if (!codes || !values)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        values[i] = column_text_any(c, i, p->rows->arena);
    values[n] = (struct any){0};
    *out = (struct vector){.values = values, .codes = codes, .n_values = (size_t)n + 1};
    if (!is_all(p))
        find_codes(p, c, codes);
    else if (c->rows)
        place_codes(p, c, codes);
    else
        out->codes = c->codes;
    return arena_failed(p->rows->arena) ? ERR_NOMEM : 0;
}

static void find_values(const struct picked_rows *p, const struct column *c, struct any *v)
{
    uint32_t cursor = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t at = column_find(c, p->sel[i], &cursor);
        if (at != UINT32_MAX)
            v[i] = column_any(c, at, p->rows->arena);
    }
}

static int any_vector(const struct picked_rows *p, const struct column *c, struct vector *out)
{
    struct arena *a = p->rows->arena;
    struct any *v = arena_array(a, p->n, sizeof *v);
    if (v && is_all(p))
        for (uint32_t i = 0; i < c->n; i++)
            v[c->rows ? c->rows[i] : i] = column_any(c, i, a);
    else if (v)
        find_values(p, c, v);
    *out = (struct vector){.values = v, .n_values = p->n};
    return v && !arena_failed(a) ? 0 : ERR_NOMEM;
}

static int column_vector(const struct picked_rows *p, const struct column_ref *ref,
                         struct vector *out)
{
    const struct column *c = NULL;
    int rc = rowset_column(p->rows, ref, &c);
    if (rc != 0)
        return rc;
    if (!c)
        return absent_vector(p, out);
    if (c->codes && c->n_texts <= p->n)
        return dictionary_vector(p, c, out);
    *out = (struct vector){0};
    if (c->kind == COLUMN_INT && !c->rows)
        return pick_ints(p, c->ints, &out->ints);
    return any_vector(p, c, out);
}

int record_vector(const struct picked_rows *p, const struct column_ref *ref, struct vector *out)
{
    *out = (struct vector){0};
    if (ref->origin == COLUMN_TIME)
        return record_vector_times(p, &out->ints);
    if (column_is_of_source(ref))
        return source_vector(p, ref, out);
    if (ref->origin != COLUMN_ALL_ATTRIBUTES)
        return column_vector(p, ref, out);
    out->n_values = p->n;
    return rowset_attributes(p->rows, p->sel, p->n, &out->values);
}
