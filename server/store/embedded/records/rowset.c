/* Reading rows and their columns; what a predicate says of them stands in rowset_match.c. */
#include "store/embedded/records/rowset.h"

#include "base/compiler.h"
#include "base/err.h"
#include "store/embedded/records/source.h"

struct rowset_column {
    struct rowset_column *next;
    struct column_ref ref;
    const struct column *values; /* NULL: no row has it */
};

/* --- sources ---------------------------------------------------------------------------------- */

static int sources_init(struct block_sources *s, const struct str *bytes, uint32_t n,
                        struct arena *arena)
{
    *s = (struct block_sources){.bytes = bytes, .n = n, .arena = arena};
    s->decoded = arena_array(arena, n, sizeof(struct record_source *));
    return s->decoded ? 0 : ERR_NOMEM;
}

int sources_of_part(const struct record_part *p, struct arena *arena, struct block_sources *out)
{
    return sources_init(out, p->sources, p->n_sources, arena);
}

const struct record_source *block_source(const struct block_sources *s, uint32_t i)
{
    if (i >= s->n)
        return NULL;
    if (!s->decoded[i]) {
        struct record_source *source = arena_alloc(s->arena, sizeof *source);
        if (!source || source_get(s->bytes[i], s->arena, source) != 0)
            return NULL;
        s->decoded[i] = source;
    }
    return s->decoded[i];
}

/* --- chunks and groups ------------------------------------------------------------------------ */

static int sources_of_chunk(struct rowset *r)
{
    const struct chunk *c = r->chunk;
    struct str *bytes = arena_array(r->arena, c->n_runs, sizeof *bytes);
    uint32_t *of_rows = arena_array(r->arena, c->n_rows, sizeof *of_rows);
    if (!bytes || !of_rows)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < c->n_runs; i++) {
        bytes[i] = c->runs[i].source;
        for (uint32_t k = 0; k < c->runs[i].n; k++)
            of_rows[c->runs[i].first + k] = i;
    }
    r->row_sources = of_rows;
    return sources_init(&r->sources, bytes, c->n_runs, r->arena);
}

int rowset_of_chunk(struct rowset *r, const struct chunk *c, enum record_table table,
                    struct arena *arena)
{
    *r = (struct rowset){
        .arena = arena, .table = table, .n = c->n_rows, .t_unix_ns = c->t_unix_ns, .chunk = c};
    return sources_of_chunk(r);
}

void rowset_of_group(struct rowset *r, struct record_part *p, const struct part_group *g,
                     const struct block_sources *sources, void *zstd, struct arena *arena)
{
    *r = (struct rowset){.arena = arena,
                         .table = p->table,
                         .n = g->n_rows,
                         .sources = *sources,
                         .part = p,
                         .group = g,
                         .zstd = zstd};
}

int rowset_read_table(struct rowset *r)
{
    if (!r->group)
        return 0;
    return record_part_columns(r->part, r->group, r->arena, &r->group_columns, &r->n_group_columns);
}

/* The group's column with this identity, or NULL. */
static const struct group_column *find_group_column(const struct rowset *r,
                                                    const struct column_id *id)
{
    for (uint32_t i = 0; i < r->n_group_columns; i++)
        if (column_id_eq(&r->part->names[r->group_columns[i].name], id))
            return &r->group_columns[i];
    return NULL;
}

static int read_group_column(struct rowset *r, const struct group_column *c,
                             const struct column **out)
{
    struct column *values = arena_alloc(r->arena, sizeof *values);
    if (!values)
        return ERR_NOMEM;
    r->bytes_read += c->size;
    int rc = record_part_read(r->part, r->group, c, r->zstd, r->arena, values);
    *out = values;
    return rc;
}

static int read_own(struct rowset *r, enum own_column own, const struct column **out)
{
    const struct column_id id = {.origin = (enum column_origin)own};
    const struct group_column *c = find_group_column(r, &id);
    *out = NULL;
    return c ? read_group_column(r, c, out) : 0;
}

int rowset_times(struct rowset *r)
{
    if (r->t_unix_ns)
        return 0;
    const struct column *c = NULL;
    int rc = read_own(r, OWN_TIME, &c);
    if (rc == 0 && (!c || c->kind != COLUMN_INT || c->n != r->n || c->rows))
        rc = ERR_CORRUPT;
    if (rc == 0)
        r->t_unix_ns = c->ints;
    return rc;
}

int rowset_sources(struct rowset *r)
{
    if (r->row_sources)
        return 0;
    const struct column *c = NULL;
    int rc = read_own(r, OWN_SOURCE, &c);
    if (rc != 0)
        return rc;
    if (!c || c->kind != COLUMN_INT || c->n != r->n || c->rows)
        return ERR_CORRUPT;
    uint32_t *v = arena_array(r->arena, r->n, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < r->n; i++) {
        if (c->ints[i] < 0 || c->ints[i] >= r->sources.n)
            return ERR_CORRUPT;
        v[i] = (uint32_t)c->ints[i];
    }
    r->row_sources = v;
    return 0;
}

/* --- columns ---------------------------------------------------------------------------------- */

static struct column_id id_of(const struct column_ref *ref)
{
    bool field = ref->origin == COLUMN_FIELD;
    return (struct column_id){ref->origin, field ? ref->field : 0,
                              field ? (struct str){0} : ref->name};
}

/* An attribute that is not a column of its own in this group: its values among the maps of
 * OWN_REST, as a column of encoded values. */
static int read_from_rest(struct rowset *r, struct str name, const struct column **out)
{
    const struct column *rest = NULL;
    int rc = read_own(r, OWN_REST, &rest);
    if (rc != 0 || !rest || rest->kind != COLUMN_ANY)
        return rc;
    struct any *values = arena_array(r->arena, rest->n, sizeof *values);
    uint32_t *rows = arena_array(r->arena, rest->n, sizeof *rows), n = 0;
    struct column *c = arena_zalloc(r->arena, sizeof *c);
    if (!values || !rows || !c)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < rest->n; i++) {
        struct any map = column_any(rest, i, r->arena);
        const struct any *v = map.type == ANY_MAP ? attribute_get(map.as.pairs, map.n, name) : NULL;
        if (v) {
            rows[n] = rest->rows ? rest->rows[i] : i;
            values[n++] = *v;
        }
    }
    *c = (struct column){.kind = COLUMN_LOOSE, .n = n, .rows = rows, .values = values};
    *out = n ? c : NULL;
    return 0;
}

static int read_column(struct rowset *r, const struct column_ref *ref, const struct column **out)
{
    struct column_id id = id_of(ref);
    *out = NULL;
    if (r->chunk) {
        uint32_t i = chunk_find(r->chunk, &id);
        *out = i == UINT32_MAX ? NULL : &r->chunk->columns[i].values;
        return 0;
    }
    const struct group_column *c = find_group_column(r, &id);
    if (c)
        return read_group_column(r, c, out);
    return ref->origin == COLUMN_ATTRIBUTE ? read_from_rest(r, ref->name, out) : 0;
}

int rowset_column(struct rowset *r, const struct column_ref *ref, const struct column **out)
{
    for (const struct rowset_column *c = r->read; c; c = c->next) {
        if (c->ref.origin == ref->origin && c->ref.field == ref->field &&
            str_eq(c->ref.name, ref->name)) {
            *out = c->values;
            return 0;
        }
    }
    struct rowset_column *c = arena_alloc(r->arena, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    int rc = read_column(r, ref, out);
    if (rc != 0)
        return rc;
    *c = (struct rowset_column){r->read, *ref, *out};
    r->read = c;
    return 0;
}
