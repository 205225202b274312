/* What there is, told without reading rows: the sources of chunks and parts, and the names of their
 * attributes. Completion and lists of services ask this; over millions of rows a scan would take a
 * thousand times as long. */
#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "store/embedded/records/record_store.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/source.h"

/* Sources of one chunk or group are decoded one at a time. */
#define LISTING_MEMORY ((size_t)256 << 20)

struct listing {
    struct record_store *store;
    int64_t min_unix_ns, max_unix_ns;
    int (*each_source)(void *arg, const struct record_source *s);
    int (*each_name)(void *arg, struct str name);
    void *arg;
    struct arena arena; /* of one source or group */
    void *zstd;         /* NULL until needed */
};

static bool overlaps(const struct listing *l, int64_t min, int64_t max)
{
    return min <= l->max_unix_ns && max >= l->min_unix_ns;
}

/* --- sources ---------------------------------------------------------------------------------- */

/* A damaged source is passed over. */
static int give_source(struct listing *l, struct str bytes)
{
    struct record_source s;
    arena_reset(&l->arena);
    int rc = source_get(bytes, &l->arena, &s);
    if (rc != 0)
        return rc == ERR_CORRUPT ? 0 : rc;
    return l->each_source(l->arg, &s);
}

static int chunk_sources(struct listing *l, const struct chunk *c)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->n_runs; i++)
        rc = give_source(l, c->runs[i].source);
    return rc;
}

/* Groups lie in the order of their sources, so one that two share is met twice in a row. */
static int part_sources(struct listing *l, const struct record_part *p)
{
    int rc = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; rc == 0 && i < p->n_groups; i++) {
        const struct part_group *g = &p->groups[i];
        if (!overlaps(l, g->min_unix_ns, g->max_unix_ns))
            continue;
        for (uint32_t k = MAX(next, g->first_source); rc == 0 && k <= g->last_source; k++)
            rc = give_source(l, p->sources[k]);
        next = MAX(next, g->last_source + 1);
    }
    return rc;
}

/* --- names of attributes ---------------------------------------------------------------------- */

static int chunk_names(struct listing *l, const struct chunk *c)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->n_columns; i++)
        if (c->columns[i].id.origin == COLUMN_ATTRIBUTE)
            rc = l->each_name(l->arg, c->columns[i].id.name);
    return rc;
}

/* Those that share a column stand in its values. */
static int rest_names(struct listing *l, struct record_part *p, const struct part_group *g,
                      const struct group_column *c)
{
    struct column rest;
    int rc = record_part_read(p, g, c, l->zstd, &l->arena, &rest);
    if (rc != 0)
        return rc == ERR_CORRUPT ? 0 : rc;
    for (uint32_t i = 0; rc == 0 && i < rest.n; i++) {
        struct any map = column_any(&rest, i, &l->arena);
        for (uint32_t k = 0; rc == 0 && map.type == ANY_MAP && k < map.n; k++)
            rc = l->each_name(l->arg, map.as.pairs[k].key);
    }
    return rc;
}

static int group_names(struct listing *l, struct record_part *p, const struct part_group *g)
{
    struct group_column *columns;
    uint32_t n;
    arena_reset(&l->arena);
    int rc = record_part_columns(p, g, &l->arena, &columns, &n);
    if (rc != 0)
        return rc == ERR_CORRUPT ? 0 : rc;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        const struct column_id *id = &p->names[columns[i].name];
        if (id->origin == COLUMN_ATTRIBUTE)
            rc = l->each_name(l->arg, id->name);
        else if ((int)id->origin == OWN_REST)
            rc = rest_names(l, p, g, &columns[i]);
    }
    return rc;
}

static int part_names(struct listing *l, struct record_part *p)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->n_groups; i++)
        if (overlaps(l, p->groups[i].min_unix_ns, p->groups[i].max_unix_ns))
            rc = group_names(l, p, &p->groups[i]);
    return rc;
}

/* --- both ------------------------------------------------------------------------------------- */

static size_t take_chunks(const struct listing *l, const struct record_head *heads, size_t n,
                          struct chunk **out)
{
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < heads[i].n; k++) {
            struct chunk *c = heads[i].chunks[k];
            if (!overlaps(l, c->min_unix_ns, c->max_unix_ns))
                continue;
            if (out) {
                chunk_ref(c);
                out[taken] = c;
            }
            taken++;
        }
    }
    return taken;
}

/* References to the chunks of all heads; heap. */
static struct chunk **list_chunks(const struct listing *l, size_t *out_n)
{
    struct record_store *s = l->store;
    lock_take(&s->lists);
    size_t n = take_chunks(l, s->live, s->n_live, NULL);
    n += take_chunks(l, s->frozen, s->n_frozen, NULL);
    struct chunk **v = malloc((n + 1) * sizeof(struct chunk *));
    if (v) {
        size_t live = take_chunks(l, s->live, s->n_live, v);
        (void)take_chunks(l, s->frozen, s->n_frozen, v + live);
    }
    lock_give(&s->lists);
    *out_n = v ? n : 0;
    return v;
}

static int list_heads(struct listing *l)
{
    size_t n;
    struct chunk **chunks = list_chunks(l, &n);
    int rc = chunks ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = l->each_source ? chunk_sources(l, chunks[i]) : chunk_names(l, chunks[i]);
        chunk_unref(chunks[i]);
    }
    free(chunks);
    return rc;
}

static int list_parts(struct listing *l)
{
    struct record_part **parts;
    size_t n;
    int rc = parts_list(l->store, NULL, &parts, &n);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (overlaps(l, parts[i]->min_unix_ns, parts[i]->max_unix_ns))
            rc = l->each_source ? part_sources(l, parts[i]) : part_names(l, parts[i]);
    parts_list_free(parts, n);
    return rc;
}

static int list_all(struct listing *l, struct err *err)
{
    struct record_store *s = l->store;
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of replay
        return err_set(err, ERR_BUSY, "the write-ahead log is being replayed");
    l->min_unix_ns = MAX(l->min_unix_ns, record_store_oldest_ns(s));
    arena_init(&l->arena, LISTING_MEMORY);
    l->zstd = ZSTD_createDCtx();
    int rc = l->zstd ? list_heads(l) : ERR_NOMEM; // before the parts: see invariant 1
    if (rc == 0)
        rc = list_parts(l);
    arena_done(&l->arena);
    (void)ZSTD_freeDCtx(l->zstd);
    return rc == ERR_NOMEM ? err_set(err, rc, "list %s: out of memory", record_table_name(s->table))
                           : rc;
}

int record_store_sources(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns,
                         int (*each)(void *arg, const struct record_source *source), void *arg,
                         struct err *err)
{
    struct listing l = {.store = s,
                        .min_unix_ns = min_unix_ns,
                        .max_unix_ns = max_unix_ns,
                        .each_source = each,
                        .arg = arg};
    return list_all(&l, err);
}

int record_store_attributes(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns,
                            int (*each)(void *arg, struct str name), void *arg, struct err *err)
{
    struct listing l = {.store = s,
                        .min_unix_ns = min_unix_ns,
                        .max_unix_ns = max_unix_ns,
                        .each_name = each,
                        .arg = arg};
    return list_all(&l, err);
}
