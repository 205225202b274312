/* Scanning: a snapshot of chunks and groups, those that cannot match left out, in the order asked
 * for, each one read column by column and handed to the caller. */
#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "store/embedded/records/record_keep.h"
#include "store/embedded/records/record_store.h"
#include "store/embedded/records/record_vector.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/source.h"

enum { ASK_EVERY = 64 };

#define BLOCK_MEMORY ((size_t)1 << 30)
#define SOURCES_MEMORY ((size_t)1 << 30)

/* A chunk, or a group of a part. */
struct unit {
    const struct chunk *chunk;
    struct record_part *part;
    const struct part_group *group;
    const struct block_sources *sources;
    int64_t min_unix_ns, max_unix_ns;
};

struct running {
    struct record_store *store;
    const struct record_scan *scan;
    struct record_scan_stats stats;
    struct buf source;     /* what scan->source is in files and chunks; empty: any */
    struct chunk **chunks; /* referenced */
    size_t n_chunks;
    struct record_part **parts; /* referenced */
    size_t n_parts;
    struct arena snapshot, sources, block;
    struct block_sources *part_sources;
    struct unit *units;
    size_t n_units;
    void *zstd;
    uint64_t asked_at_blocks;     /* stats.blocks when is_cancelled was asked last */
    int64_t floor_ns, ceiling_ns; /* what is asked for and within the retention */
    struct record_keep keep;
    struct err *err;
};

static int no_memory(struct running *r)
{
    return err_set(r->err, ERR_NOMEM, "scan %s: out of memory", record_table_name(r->scan->table));
}

/* --- the snapshot ----------------------------------------------------------------------------- */

static bool overlaps(const struct running *r, int64_t min, int64_t max)
{
    return min <= r->ceiling_ns && max >= r->floor_ns;
}

static void take_head(struct running *r, const struct record_head *h)
{
    for (size_t i = 0; i < h->n; i++) {
        if (!overlaps(r, h->chunks[i]->min_unix_ns, h->chunks[i]->max_unix_ns))
            continue;
        chunk_ref(h->chunks[i]);
        r->chunks[r->n_chunks++] = h->chunks[i];
    }
}

/* Heads and parts under one lock: see invariant 1. */
static int take_snapshot(struct running *r)
{
    struct record_store *s = r->store;
    size_t n = 0;
    lock_take(&s->lists);
    for (size_t i = 0; i < s->n_live; i++)
        n += s->live[i].n;
    for (size_t i = 0; i < s->n_frozen; i++)
        n += s->frozen[i].n;
    r->chunks = malloc((n + 1) * sizeof(struct chunk *));
    r->parts = malloc((s->n_parts + 1) * sizeof(struct record_part *));
    bool ok = r->chunks && r->parts;
    for (size_t i = 0; ok && i < s->n_frozen; i++)
        take_head(r, &s->frozen[i]);
    for (size_t i = 0; ok && i < s->n_live; i++)
        take_head(r, &s->live[i]);
    for (size_t i = 0; ok && i < s->n_parts; i++) {
        if (!overlaps(r, s->parts[i]->min_unix_ns, s->parts[i]->max_unix_ns))
            continue;
        record_part_ref(s->parts[i]);
        r->parts[r->n_parts++] = s->parts[i];
    }
    lock_give(&s->lists);
    return ok ? 0 : no_memory(r);
}

static size_t count_units(const struct running *r)
{
    size_t n = r->n_chunks;
    for (size_t i = 0; i < r->n_parts; i++)
        n += r->parts[i]->n_groups;
    return n;
}

/* The sources of a part that are asked for, first to last; false: none of them. */
static bool find_sources(const struct running *r, const struct record_part *p, uint32_t *out_first,
                         uint32_t *out_last)
{
    *out_first = 0;
    *out_last = p->n_sources;
    for (uint32_t i = 0; r->source.n && i < p->n_sources; i++) {
        if (!str_eq(p->sources[i], buf_str(&r->source)))
            continue;
        *out_first = *out_last = i;
        return true;
    }
    return r->source.n == 0;
}

static void add_units_of_part(struct running *r, size_t part)
{
    struct record_part *p = r->parts[part];
    uint32_t first, last;
    if (!find_sources(r, p, &first, &last)) {
        r->stats.blocks_pruned += p->n_groups;
        return;
    }
    for (uint32_t i = 0; i < p->n_groups; i++) {
        const struct part_group *g = &p->groups[i];
        if (g->last_source < first || g->first_source > last)
            r->stats.blocks_pruned++;
        else if (overlaps(r, g->min_unix_ns, g->max_unix_ns))
            r->units[r->n_units++] = (struct unit){.part = p,
                                                   .group = g,
                                                   .sources = &r->part_sources[part],
                                                   .min_unix_ns = g->min_unix_ns,
                                                   .max_unix_ns = g->max_unix_ns};
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    return (x->max_unix_ns < y->max_unix_ns) - (x->max_unix_ns > y->max_unix_ns);
}

static int oldest_first(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    return (x->min_unix_ns > y->min_unix_ns) - (x->min_unix_ns < y->min_unix_ns);
}

static int list_units(struct running *r)
{
    r->units = arena_array(&r->snapshot, count_units(r), sizeof *r->units);
    r->part_sources = arena_array(&r->snapshot, r->n_parts, sizeof *r->part_sources);
    if (!r->units || !r->part_sources)
        return no_memory(r);
    for (size_t i = 0; i < r->n_chunks; i++)
        r->units[r->n_units++] = (struct unit){.chunk = r->chunks[i],
                                               .min_unix_ns = r->chunks[i]->min_unix_ns,
                                               .max_unix_ns = r->chunks[i]->max_unix_ns};
    for (size_t i = 0; i < r->n_parts; i++) {
        if (sources_of_part(r->parts[i], &r->sources, &r->part_sources[i]) != 0)
            return no_memory(r);
        add_units_of_part(r, i);
    }
    if (r->scan->order != SCAN_ANY_ORDER && r->n_units > 1)
        qsort(r->units, r->n_units, sizeof *r->units,
              r->scan->order == SCAN_NEWEST_FIRST ? newest_first : oldest_first);
    return 0;
}

/* --- one unit --------------------------------------------------------------------------------- */

static int open_rows(struct running *r, const struct unit *u, struct rowset *rows)
{
    if (u->chunk)
        return rowset_of_chunk(rows, u->chunk, r->scan->table, &r->block);
    rowset_of_group(rows, u->part, u->group, u->sources, r->zstd, &r->block);
    return 0;
}

/* Rows outside the times are no match. */
static int match_times(struct running *r, const struct unit *u, struct rowset *rows, uint64_t *bits)
{
    if (u->min_unix_ns >= r->floor_ns && u->max_unix_ns <= r->ceiling_ns)
        return 0;
    int rc = rowset_times(rows);
    for (uint32_t i = 0; rc == 0 && i < rows->n; i++)
        if (rows->t_unix_ns[i] < r->floor_ns || rows->t_unix_ns[i] > r->ceiling_ns)
            bits[i / 64] &= ~(UINT64_C(1) << i % 64);
    return rc;
}

/* Rows of other sources are none. Those of one stand together. */
static int match_source(struct running *r, struct rowset *rows, uint64_t *bits)
{
    if (r->source.n == 0)
        return 0;
    uint32_t last = UINT32_MAX;
    bool is_it = false;
    int rc = rowset_sources(rows);
    for (uint32_t i = 0; rc == 0 && i < rows->n; i++) {
        if (rows->row_sources[i] != last) {
            last = rows->row_sources[i];
            is_it = str_eq(rows->sources.bytes[last], buf_str(&r->source));
        }
        if (!is_it)
            bits[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    return rc;
}

static uint32_t *selected_rows(struct running *r, const struct rowset *rows, const uint64_t *bits,
                               uint32_t *out_n)
{
    uint32_t *v = arena_alloc(&r->block, rows->n * sizeof *v), n = 0;
    for (uint32_t w = 0; v && w < rowset_words(rows); w++) {
        if (bits[w] == UINT64_MAX) {
            for (uint32_t i = 0; i < 64; i++)
                v[n++] = w * 64 + i;
            continue;
        }
        for (uint64_t left = bits[w]; left; left &= left - 1)
            v[n++] = w * 64 + (uint32_t)__builtin_ctzll(left);
    }
    *out_n = n;
    return v;
}

static int hand_over(struct running *r, struct rowset *rows, const uint32_t *sel, uint32_t n)
{
    const struct record_scan *scan = r->scan;
    const struct picked_rows picked = {rows, sel, n};
    struct vector *columns = arena_array(&r->block, scan->n_columns, sizeof *columns);
    struct record_block block = {.n = n, .columns = columns, .arena = &r->block};
    int rc = columns ? record_vector_times(&picked, &block.t_unix_ns) : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < scan->n_columns; i++)
        rc = record_vector(&picked, &scan->columns[i], &columns[i]);
    if (rc == 0 && !scan->without_sources)
        rc = record_vector_sources(&picked, &block.sources);
    block.source_table = &rows->sources;
    return rc == 0 ? scan->each(scan->arg, &block) : rc; // the caller's own codes pass through
}

const struct record_source *record_block_source(const struct record_block *b, size_t i)
{
    return b->sources ? block_source(b->source_table, b->sources[i]) : NULL;
}

/* --- the loop --------------------------------------------------------------------------------- */

static int narrow(struct running *r, struct rowset *rows, uint32_t *sel, uint32_t *n)
{
    if (!r->scan->narrow || *n == 0)
        return 0;
    int rc = rowset_times(rows);
    if (rc == 0)
        *n = (uint32_t)r->scan->narrow(r->scan->arg, rows->t_unix_ns, sel, *n);
    return rc;
}

/* *out_ours: the code is the scan's, not the callback's. */
static int scan_rows(struct running *r, const struct unit *u, struct rowset *rows, bool *out_ours)
{
    uint32_t n = 0;
    uint64_t *bits = arena_array(&r->block, rowset_words(rows), sizeof *bits);
    int rc = bits ? rowset_match(rows, r->scan->where, bits) : ERR_NOMEM;
    if (rc == 0)
        rc = match_times(r, u, rows, bits);
    if (rc == 0)
        rc = match_source(r, rows, bits);
    if (rc == 0 && r->keep.rules && u->min_unix_ns < r->keep.all_ns)
        rc = record_keep_clear(&r->keep, rows, bits);
    if (rc != 0)
        return rc;
    uint32_t *sel = selected_rows(r, rows, bits, &n);
    r->stats.rows_read += rows->n;
    r->stats.rows_matched += n;
    rc = sel ? narrow(r, rows, sel, &n) : ERR_NOMEM;
    if (rc != 0 || n == 0)
        return rc;
    *out_ours = false;
    rc = hand_over(r, rows, sel, n);
    *out_ours = rc == ERR_NOMEM || rc == ERR_CORRUPT;
    return rc;
}

/* Chunks of a head are no files: their bytes were checked when they came. */
static void note_damage(struct running *r, const struct unit *u)
{
    r->stats.damaged++;
    if (u->part)
        record_damage_note_group(r->store, u->part, u->group->table_offset);
}

static int explain(struct running *r, int rc)
{
    if (rc == ERR_NOMEM && r->block.over_budget)
        return err_set(r->err, ERR_TOO_BIG,
                       "scan %s: a block of rows needs over %zu bytes of memory",
                       record_table_name(r->scan->table), r->block.budget);
    return rc == ERR_NOMEM ? no_memory(r) : rc;
}

static int scan_unit(struct running *r, const struct unit *u)
{
    struct rowset rows;
    bool ours = true;
    arena_reset(&r->block);
    int rc = open_rows(r, u, &rows);
    rows.lenient = true;
    bool may = rc != 0 || rowset_may_match(&rows, r->scan->where);
    if (rc == 0 && may)
        rc = rowset_read_table(&rows);
    if (rc == 0 && !(may && rowset_may_match(&rows, r->scan->where))) {
        r->stats.blocks_pruned++;
        return 0;
    }
    r->stats.blocks++;
    if (rc == 0)
        rc = scan_rows(r, u, &rows, &ours);
    if (rc == 0 || !ours) {
        r->stats.undecided += rows.undecided;
        r->stats.bytes_read += rows.bytes_read;
        return rc;
    }
    if (rc == ERR_CORRUPT) {
        note_damage(r, u);
        return 0;
    }
    return explain(r, rc);
}

static void move_bounds(struct running *r)
{
    if (r->scan->floor_unix_ns)
        r->floor_ns = MAX(r->floor_ns, *r->scan->floor_unix_ns);
    if (r->scan->ceiling_unix_ns)
        r->ceiling_ns = MIN(r->ceiling_ns, *r->scan->ceiling_unix_ns);
}

/* Asking may be a system call, and leaving a block out costs less than that: so it is asked behind
 * each block that was read, and now and then on the way past others. */
static bool is_cancelled(struct running *r, size_t unit)
{
    const struct record_scan *scan = r->scan;
    if (!scan->is_cancelled || (unit % ASK_EVERY && r->stats.blocks == r->asked_at_blocks))
        return false;
    r->asked_at_blocks = r->stats.blocks;
    return scan->is_cancelled(scan->arg);
}

static int scan_units(struct running *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->n_units; i++) {
        if (is_cancelled(r, i))
            return err_set(r->err, ERR_CANCELLED, "scan %s: cancelled",
                           record_table_name(r->scan->table));
        move_bounds(r);
        if (overlaps(r, r->units[i].min_unix_ns, r->units[i].max_unix_ns))
            rc = scan_unit(r, &r->units[i]);
        else
            r->stats.blocks_pruned++;
    }
    return rc;
}

static void running_done(struct running *r)
{
    record_keep_end(&r->keep);
    for (size_t i = 0; i < r->n_chunks; i++)
        chunk_unref(r->chunks[i]);
    for (size_t i = 0; i < r->n_parts; i++)
        record_part_unref(r->parts[i]);
    free(r->chunks);
    free(r->parts);
    arena_done(&r->snapshot);
    arena_done(&r->sources);
    arena_done(&r->block);
    buf_done(&r->source);
    (void)ZSTD_freeDCtx(r->zstd);
}

int record_store_scan(struct record_store *s, const struct record_scan *scan,
                      struct record_scan_stats *stats, struct err *err)
{
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of replay
        return err_set(err, ERR_BUSY, "the write-ahead log is being replayed");
    struct running r = {.store = s,
                        .scan = scan,
                        .source = BUF_MAX(SOURCES_MEMORY),
                        .ceiling_ns = scan->max_unix_ns,
                        .keep = record_keep_begin(s),
                        .err = err};
    r.floor_ns = MAX(scan->min_unix_ns, r.keep.least_ns);
    arena_init(&r.snapshot, SOURCES_MEMORY);
    arena_init(&r.sources, SOURCES_MEMORY);
    arena_init(&r.block, scan->max_bytes ? scan->max_bytes : BLOCK_MEMORY);
    r.zstd = ZSTD_createDCtx();
    r.stats.damaged = record_damage_days(s, r.floor_ns, r.ceiling_ns);
    if (scan->source)
        source_put(&r.source, scan->source);
    int rc = r.zstd && !buf_failed(&r.source) ? take_snapshot(&r) : no_memory(&r);
    if (rc == 0)
        rc = list_units(&r);
    if (rc == 0)
        rc = scan_units(&r);
    if (stats)
        *stats = r.stats;
    running_done(&r);
    return rc;
}
