/* Rows put together again: the attributes of a row are spread over as many columns as there are
 * names; who shows a whole span or log record wants them all. Each column is read once and its
 * values are dealt out to the rows asked for. */
#include "base/err.h"
#include "store/embedded/records/rowset.h"

/* The attributes of one row so far. */
struct row {
    struct attribute *v;
    uint32_t n, cap;
};

static bool add_pair(struct arena *a, struct row *row, struct str key, struct any value)
{
    if (row->n == row->cap) {
        uint32_t cap = row->cap ? 2 * row->cap : 8;
        struct attribute *v = arena_grow(a, row->v, row->n, cap, sizeof *v);
        if (!v)
            return false;
        row->v = v;
        row->cap = cap;
    }
    row->v[row->n++] = (struct attribute){key, value};
    return true;
}

/* A column of one attribute, or of maps of several (`name` is empty then). */
static int deal_out(struct rowset *r, const struct column *c, bool maps, struct str name,
                    const uint32_t *sel, uint32_t n, struct row *rows)
{
    uint32_t cursor = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        uint32_t at = column_find(c, sel[i], &cursor);
        if (at == UINT32_MAX)
            continue;
        struct any v = column_any(c, at, r->arena);
        if (!maps)
            ok = add_pair(r->arena, &rows[i], name, v);
        for (uint32_t k = 0; ok && maps && v.type == ANY_MAP && k < v.n; k++)
            ok = add_pair(r->arena, &rows[i], v.as.pairs[k].key, v.as.pairs[k].value);
    }
    return ok && !arena_failed(r->arena) ? 0 : ERR_NOMEM;
}

static int deal_out_chunk(struct rowset *r, const uint32_t *sel, uint32_t n, struct row *rows)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->chunk->n_columns; i++) {
        const struct chunk_column *c = &r->chunk->columns[i];
        if (c->id.origin == COLUMN_ATTRIBUTE)
            rc = deal_out(r, &c->values, false, c->id.name, sel, n, rows);
    }
    return rc;
}

static int deal_out_group(struct rowset *r, const uint32_t *sel, uint32_t n, struct row *rows)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->n_group_columns; i++) {
        const struct group_column *c = &r->group_columns[i];
        const struct column_id *id = &r->part->names[c->name];
        bool rest = (int)id->origin == OWN_REST;
        const struct column *values = NULL;
        if (id->origin != COLUMN_ATTRIBUTE && !rest)
            continue;
        if (rest) {
            r->bytes_read += c->size;
            struct column *own = arena_alloc(r->arena, sizeof *own);
            rc = own ? record_part_read(r->part, r->group, c, r->zstd, r->arena, own) : ERR_NOMEM;
            values = own;
        } else {
            const struct column_ref ref = {.origin = COLUMN_ATTRIBUTE, .name = id->name};
            rc = rowset_column(r, &ref, &values); // which may be there already
        }
        if (rc == 0 && values)
            rc = deal_out(r, values, rest, id->name, sel, n, rows);
    }
    return rc;
}

int rowset_attributes(struct rowset *r, const uint32_t *sel, uint32_t n, const struct any **out)
{
    struct row *rows = arena_array(r->arena, n, sizeof *rows);
    struct any *maps = arena_array(r->arena, n, sizeof *maps);
    if (!rows || !maps)
        return ERR_NOMEM;
    int rc = r->chunk ? deal_out_chunk(r, sel, n, rows) : deal_out_group(r, sel, n, rows);
    for (uint32_t i = 0; i < n; i++)
        maps[i] = any_map(rows[i].v, rows[i].n);
    *out = maps;
    return rc;
}
