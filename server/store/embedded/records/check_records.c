/* Checking the files of a record table: every checksum, and what is said of rows against the rows
 * themselves: their order, times, sources, the ranges and the filters of their columns. */
#include <zstd.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "store/embedded/check.h"
#include "store/embedded/records/record_store.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/source.h"

#define CHECK_MEMORY ((size_t)4 << 30)

int check_chunks(struct str payload, uint64_t *rows)
{
    for (size_t at = 0; at < payload.n;) {
        struct chunk *c = NULL;
        int rc = chunk_open(payload, &at, &c);
        if (rc != 0)
            return rc;
        *rows += c->n_rows;
        chunk_unref(c);
    }
    return 0;
}

/* --- rows against what the directory says of them --------------------------------------------- */

struct group_check {
    struct record_part *part;
    const struct part_group *group;
    const struct block_sources *sources;
    void *zstd;
    struct arena *arena;
    const char *what; /* the first contradiction */
};

static void expect(struct group_check *g, bool is_so, const char *otherwise)
{
    if (!is_so && !g->what)
        g->what = otherwise;
}

/* Order is (source, time). */
static void check_order(struct group_check *g, const struct rowset *r)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    bool rising = true;
    for (uint32_t i = 0; i < r->n; i++) {
        min = MIN(min, r->t_unix_ns[i]);
        max = MAX(max, r->t_unix_ns[i]);
        if (i &&
            (r->row_sources[i] < r->row_sources[i - 1] ||
             (r->row_sources[i] == r->row_sources[i - 1] && r->t_unix_ns[i] < r->t_unix_ns[i - 1])))
            rising = false;
    }
    expect(g, rising, "rows are not in the order of source and time");
    expect(g, min == g->group->min_unix_ns && max == g->group->max_unix_ns,
           "the times are not those that the directory says");
    expect(g,
           r->n && r->row_sources[0] == g->group->first_source &&
               r->row_sources[r->n - 1] == g->group->last_source,
           "the sources are not those that the directory says");
}

static void check_range(struct group_check *g, const struct group_column *c, const struct column *v)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    if (!c->has_range)
        return;
    for (uint32_t i = 0; v->kind == COLUMN_INT && i < v->n; i++) {
        min = MIN(min, v->ints[i]);
        max = MAX(max, v->ints[i]);
    }
    expect(g, v->kind == COLUMN_INT && min == c->min && max == c->max,
           "the range of a column is not that of its values");
}

static bool is_of_words(const struct record_part *p, const struct column_id *id)
{
    return p->table == RECORD_LOGS && id->origin == COLUMN_FIELD && id->field == LOG_BODY;
}

static void check_filter(struct group_check *g, const struct group_column *c,
                         const struct column *v)
{
    bool found = true;
    if (c->filter_size == 0 || !column_is_text(v) || is_of_words(g->part, &g->part->names[c->name]))
        return;
    for (uint32_t i = 0; found && i < v->n; i++) {
        struct any value = column_any(v, i, g->arena);
        found = group_column_may_contain(g->part, g->group, c, hash_str(any_text(&value)));
    }
    expect(g, found, "a filter lacks a value of its column");
}

static int check_columns(struct group_check *g, const struct rowset *r)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->n_group_columns; i++) {
        struct column v;
        rc = record_part_read(g->part, g->group, &r->group_columns[i], g->zstd, g->arena, &v);
        if (rc != 0)
            break;
        check_range(g, &r->group_columns[i], &v);
        check_filter(g, &r->group_columns[i], &v);
    }
    return rc;
}

/* ERR_CORRUPT: g->what says what, or a checksum is wrong. */
static int check_rows(struct group_check *g)
{
    struct rowset r;
    rowset_of_group(&r, g->part, g->group, g->sources, g->zstd, g->arena);
    int rc = rowset_read_table(&r);
    if (rc == 0)
        rc = rowset_times(&r);
    if (rc == 0)
        rc = rowset_sources(&r);
    if (rc != 0)
        return rc;
    check_order(g, &r);
    rc = check_columns(g, &r);
    if (rc == 0)
        rc = record_part_check_filters(g->part, g->group, r.group_columns, r.n_group_columns);
    if (rc == 0 && arena_failed(g->arena))
        return ERR_NOMEM; // what was found without memory means nothing
    return rc == 0 && g->what ? ERR_CORRUPT : rc;
}

/* --- parts ------------------------------------------------------------------------------------ */

static void check_sources(struct check *c, const struct record_part *p, struct arena *arena)
{
    for (uint32_t i = 0; i < p->n_sources; i++) {
        struct record_source s;
        if (source_get(p->sources[i], arena, &s) == ERR_CORRUPT)
            check_damage(c, p->path, "source %u cannot be read", (unsigned)i);
        if (i && source_cmp(p->sources[i - 1], p->sources[i]) >= 0)
            check_damage(c, p->path, "source %u is out of order", (unsigned)i);
    }
}

static int check_groups(struct check *c, struct record_part *p, void *zstd, struct arena *arena,
                        const struct block_sources *sources)
{
    uint64_t rows = 0;
    int64_t min = INT64_MAX, max = INT64_MIN;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->n_groups; i++) {
        struct group_check g = {p, &p->groups[i], sources, zstd, arena, NULL};
        arena_reset(arena);
        rc = check_rows(&g);
        rows += g.group->n_rows;
        min = MIN(min, g.group->min_unix_ns);
        max = MAX(max, g.group->max_unix_ns);
        if (rc != ERR_CORRUPT)
            continue;
        check_damage(c, p->path, "group %u: %s", (unsigned)i,
                     g.what ? g.what : "a checksum is wrong, or what it covers cannot be read");
        rc = 0;
    }
    if (rc == 0 && (rows != p->rows || (rows && (min != p->min_unix_ns || max != p->max_unix_ns))))
        check_damage(c, p->path, "the groups have other rows or times than the footer says");
    return rc;
}

static bool is_of_day(const struct record_part *p, int64_t day)
{
    return p->rows == 0 || (day_of_ns(p->min_unix_ns) == day && day_of_ns(p->max_unix_ns) == day);
}

static int check_content(struct check *c, struct record_part *p)
{
    struct arena arena, source_arena;
    struct block_sources sources;
    arena_init(&arena, CHECK_MEMORY);
    arena_init(&source_arena, CHECK_MEMORY);
    void *zstd = ZSTD_createDCtx();
    int rc = zstd ? sources_of_part(p, &source_arena, &sources) : ERR_NOMEM;
    if (rc == 0) {
        check_sources(c, p, &source_arena);
        rc = arena_failed(&source_arena) ? ERR_NOMEM : check_groups(c, p, zstd, &arena, &sources);
    }
    (void)ZSTD_freeDCtx(zstd);
    arena_done(&source_arena);
    arena_done(&arena);
    return rc == 0 ? 0 : err_set(c->err, rc, "check %s: out of memory", p->path);
}

struct named {
    enum record_table table;
    int64_t day;
    uint64_t lo, hi;
};

static int check_open_part(struct check *c, struct record_part *p, const struct named *n)
{
    c->totals->parts++;
    c->totals->bytes += p->size;
    c->totals->rows += p->rows;
    c->totals->blocks += p->n_groups;
    c->totals->streams += p->n_sources;
    if (p->table != n->table || p->day != n->day || p->seq_lo != n->lo || p->seq_hi != n->hi ||
        !is_of_day(p, n->day))
        check_damage(c, p->path, "is of another table, day or sequence than its name says");
    return check_content(c, p);
}

static int check_record_part(struct check *c, const char *path, const struct named *n)
{
    struct record_part *p = NULL;
    struct err why = {0};
    int rc = record_part_open(c->fs, path, &p, &why);
    c->totals->files++;
    if (rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED) {
        check_damage(c, path, "%s", why.message);
        return 0;
    }
    if (rc != 0)
        return err_set(c->err, rc, "%s", why.message);
    rc = check_open_part(c, p, n);
    record_part_unref(p);
    return rc;
}

int check_span_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi)
{
    return check_record_part(c, path, &(struct named){RECORD_SPANS, day, lo, hi});
}

int check_log_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi)
{
    return check_record_part(c, path, &(struct named){RECORD_LOGS, day, lo, hi});
}
