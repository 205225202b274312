/* Merging the parts of a day, and rewriting one without the rows that are deleted or over.
 *
 * Parts are walked in their common order (source, time); of equal times the row of the earlier part
 * comes first. A merge of one part with a predicate is a deletion. */
#include "store/embedded/records/record_merge.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/merge_choose.h"
#include "store/embedded/order_sort.h"
#include "store/embedded/records/assemble.h"
#include "store/embedded/records/record_keep.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/source.h"

static struct self_metric merge_seconds =
    SELF_HISTOGRAM("telltale_store_record_merge_seconds",
                   "Time of one merge of parts of a table of records.", "table");

enum { MERGE_LEVEL = 3 };
#define MERGE_ARENA_MAX ((size_t)4 << 30)

/* A group that has been read; kept until the rows taken from it are written. */
struct decoded {
    struct decoded *next;
    struct arena arena;
    struct rowset rows;
    struct assembly_input input;
    uint64_t *dropped;   /* bits of deleted rows; NULL: none */
    uint64_t generation; /* of the assembler when the last row was taken */
};

struct input {
    struct record_part *part;
    struct block_sources sources;
    uint32_t *ranks;   /* of its sources */
    uint32_t *columns; /* the assembler's, of its names */
    uint32_t next_group, row;
    struct decoded *group; /* current; NULL: at the end */
};

struct merge {
    struct record_store *store;
    struct input inputs[MERGE_MAX];
    size_t n;
    struct arena arena;
    struct decoded *retired; /* groups behind us, with rows that wait to be written */
    struct str *sources;     /* all, by rank */
    uint32_t n_sources;
    struct str *written;           /* of rows that stay: a source goes with the last of its rows */
    uint32_t n_written, last_rank; /* last_rank: of the last of `written` */
    struct record_writer *writer;
    struct assembler *assembler;
    void *zstd;
    const struct record_drop *drop; /* rows to leave out; NULL: only those not kept */
    struct record_keep keep;
    uint64_t n_dropped;
    struct err *err;
};

static int no_memory(struct merge *m)
{
    return err_set(m->err, ERR_NOMEM, "merge: out of memory");
}

/* --- sources and columns ---------------------------------------------------------------------- */

struct source_ref {
    struct str text;
    uint32_t input, ordinal;
};

static int by_source(const void *refs, uint32_t a, uint32_t b)
{
    const struct source_ref *v = refs;
    return source_cmp(v[a].text, v[b].text);
}

static int rank_sources(struct merge *m)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < m->n; i++)
        total += m->inputs[i].part->n_sources;
    struct source_ref *refs = arena_array(&m->arena, total, sizeof *refs);
    uint32_t *order = arena_array(&m->arena, 2 * total, sizeof *order);
    m->sources = arena_array(&m->arena, total, sizeof *m->sources);
    m->written = arena_array(&m->arena, total, sizeof *m->written);
    if (!refs || !order || !m->sources || !m->written || total > UINT32_MAX)
        return no_memory(m);
    for (size_t i = 0; i < m->n; i++) {
        const struct record_part *p = m->inputs[i].part;
        m->inputs[i].ranks = arena_array(&m->arena, p->n_sources, sizeof *m->inputs[i].ranks);
        if (!m->inputs[i].ranks)
            return no_memory(m);
        for (uint32_t k = 0; k < p->n_sources; k++, n++) {
            refs[n] = (struct source_ref){p->sources[k], (uint32_t)i, k};
            order[n] = (uint32_t)n;
        }
    }
    order_sort(order, order + total, total, by_source, refs);
    for (size_t i = 0; i < total; i++) {
        const struct source_ref *ref = &refs[order[i]];
        if (m->n_sources == 0 || !str_eq(m->sources[m->n_sources - 1], ref->text))
            m->sources[m->n_sources++] = ref->text;
        m->inputs[ref->input].ranks[ref->ordinal] = m->n_sources - 1;
    }
    return 0;
}

static int number_columns(struct merge *m, struct input *in)
{
    const struct record_part *p = in->part;
    in->columns = arena_array(&m->arena, p->n_names, sizeof *in->columns);
    if (!in->columns || sources_of_part(p, &m->arena, &in->sources) != 0)
        return no_memory(m);
    for (uint32_t i = 0; i < p->n_names; i++) {
        in->columns[i] = UINT32_MAX;
        if ((int)p->names[i].origin < OWN_TIME &&
            assembler_column(m->assembler, &p->names[i], &in->columns[i]) != 0)
            return no_memory(m);
    }
    return 0;
}

/* --- groups ----------------------------------------------------------------------------------- */

static void decoded_free(struct decoded *d)
{
    if (!d)
        return;
    arena_done(&d->arena);
    free(d);
}

static void free_retired(struct merge *m)
{
    while (m->retired) {
        struct decoded *d = m->retired;
        m->retired = d->next;
        decoded_free(d);
    }
}

/* Rows to leave out. n_dropped counts those that are deleted and not over anyway. */
static int find_dropped(struct merge *m, struct decoded *d)
{
    struct rowset *r = &d->rows;
    size_t words = rowset_words(r);
    bool over = r->group->min_unix_ns < m->keep.all_ns;
    if (!over && !m->drop)
        return 0;
    d->dropped = arena_zalloc(&d->arena, words * sizeof *d->dropped);
    uint64_t *kept = arena_array(&d->arena, words, sizeof *kept);
    int rc = d->dropped && kept ? 0 : ERR_NOMEM;
    if (rc == 0 && m->drop)
        rc = record_drop_match(m->drop, r, d->dropped);
    if (rc == 0)
        memset(kept, 0xff, words * sizeof *kept);
    if (rc == 0 && over)
        rc = record_keep_clear(&m->keep, r, kept);
    for (size_t i = 0; rc == 0 && i < words; i++) {
        m->n_dropped += (uint64_t)__builtin_popcountll(d->dropped[i] & kept[i]);
        d->dropped[i] |= ~kept[i];
    }
    return rc;
}

static int read_columns(struct merge *m, const struct input *in, struct decoded *d)
{
    struct rowset *r = &d->rows;
    d->input.columns = arena_array(&d->arena, r->n_group_columns, sizeof *d->input.columns);
    if (!d->input.columns)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < r->n_group_columns; i++) {
        const struct group_column *c = &r->group_columns[i];
        int origin = (int)in->part->names[c->name].origin;
        if (origin == OWN_TIME || origin == OWN_SOURCE)
            continue;
        struct column values;
        int rc = record_part_read(in->part, r->group, c, m->zstd, &d->arena, &values);
        if (rc == 0)
            rc = assembly_input_add(&d->input, &values, in->columns[c->name], r->n, &d->arena);
        if (rc != 0)
            return rc;
    }
    d->input.t_unix_ns = r->t_unix_ns;
    d->input.row_bytes = (uint32_t)(r->group->raw_bytes / r->n);
    return 0;
}

static int decode_group(struct merge *m, struct input *in, const struct part_group *g,
                        struct decoded *d)
{
    rowset_of_group(&d->rows, in->part, g, &in->sources, m->zstd, &d->arena);
    int rc = rowset_read_table(&d->rows);
    if (rc == 0)
        rc = rowset_times(&d->rows);
    if (rc == 0)
        rc = rowset_sources(&d->rows);
    if (rc == 0)
        rc = read_columns(m, in, d);
    return rc == 0 ? find_dropped(m, d) : rc;
}

/* The next group that can be read becomes the current one. */
static int next_group(struct merge *m, struct input *in)
{
    if (in->group) {
        in->group->generation = assembler_generation(m->assembler);
        in->group->next = m->retired;
        m->retired = in->group;
        in->group = NULL;
    }
    in->row = 0;
    if (!m->drop && atomic_get_relaxed(&m->store->stopping))
        return err_set(m->err, ERR_CANCELLED, "merge: the store is being closed");
    while (!in->group && in->next_group < in->part->n_groups) {
        const struct part_group *g = &in->part->groups[in->next_group++];
        struct decoded *d = calloc(1, sizeof *d);
        if (!d)
            return no_memory(m);
        arena_init(&d->arena, MERGE_ARENA_MAX);
        int rc = decode_group(m, in, g, d);
        if (rc == 0) {
            in->group = d;
            return 0;
        }
        decoded_free(d);
        if (rc != ERR_CORRUPT)
            return rc == ERR_NOMEM ? no_memory(m) : err_set(m->err, rc, "merge: %s", err_name(rc));
        record_damage_note_group(m->store, in->part, g->table_offset);
    }
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static uint32_t rank_of(const struct input *in)
{
    return in->ranks[in->group->rows.row_sources[in->row]];
}

static struct input *least(struct merge *m)
{
    struct input *best = NULL;
    for (size_t i = 0; i < m->n; i++) {
        struct input *in = &m->inputs[i];
        if (!in->group)
            continue;
        if (best) {
            uint32_t a = rank_of(in), b = rank_of(best);
            int64_t t = in->group->rows.t_unix_ns[in->row];
            if (a > b || (a == b && t >= best->group->rows.t_unix_ns[best->row]))
                continue;
        }
        best = in;
    }
    return best;
}

/* The ordinal in the new part. Rows come by rising rank, so the last one's source is the only one
 * met before that may come again. */
static uint32_t ordinal_of(struct merge *m, uint32_t rank)
{
    if (m->n_written == 0 || m->last_rank != rank) {
        m->written[m->n_written++] = m->sources[rank];
        m->last_rank = rank;
    }
    return m->n_written - 1;
}

static int take_row(struct merge *m, struct input *in)
{
    struct decoded *d = in->group;
    bool dropped = d->dropped && d->dropped[in->row / 64] >> in->row % 64 & 1;
    int rc = 0;
    if (!dropped)
        rc = assembler_add(m->assembler, &d->input, in->row, ordinal_of(m, rank_of(in)), m->err);
    if (rc == 0 && ++in->row == d->rows.n)
        rc = next_group(m, in);
    return rc;
}

/* Frees the groups whose rows are all written. */
static void let_go(struct merge *m)
{
    uint64_t now = assembler_generation(m->assembler);
    struct decoded **at = &m->retired;
    while (*at) {
        struct decoded *d = *at;
        if (d->generation < now) {
            *at = d->next;
            decoded_free(d);
        } else {
            at = &d->next;
        }
    }
}

static int merge_rows(struct merge *m)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = next_group(m, &m->inputs[i]);
    struct input *in;
    while (rc == 0 && (in = least(m))) {
        rc = take_row(m, in);
        if (m->retired)
            let_go(m);
    }
    return rc == 0 ? assembler_flush(m->assembler, m->err) : rc;
}

/* --- one merge -------------------------------------------------------------------------------- */

static int open_merge(struct merge *m, const char *dir)
{
    const struct record_part *first = m->inputs[0].part, *last = m->inputs[m->n - 1].part;
    struct record_writer_options options = {.fs = m->store->fs,
                                            .dir = dir,
                                            .table = m->store->table,
                                            .day = first->day,
                                            .seq_lo = first->seq_lo,
                                            .seq_hi = last->seq_hi,
                                            .level = MERGE_LEVEL};
    for (size_t i = 0; i < m->n; i++)
        options.cut = MAX(options.cut, m->inputs[i].part->cut);
    m->zstd = ZSTD_createDCtx();
    int rc = m->zstd ? record_writer_new(&options, &m->writer, m->err) : no_memory(m);
    if (rc == 0)
        rc = assembler_new(m->writer, &m->assembler, m->err);
    if (rc == 0)
        rc = rank_sources(m);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = number_columns(m, &m->inputs[i]);
    return rc;
}

static void close_merge(struct merge *m)
{
    assembler_free(m->assembler);
    record_writer_free(m->writer);
    free_retired(m);
    for (size_t i = 0; i < m->n; i++)
        decoded_free(m->inputs[i].group);
    (void)ZSTD_freeDCtx(m->zstd);
    arena_done(&m->arena);
    record_keep_end(&m->keep);
}

static int run(struct merge *m, struct record_part *const *parts, struct record_part **out)
{
    char *dir = NULL;
    int64_t began = time_now_mono_ns();
    for (size_t i = 0; i < m->n; i++)
        m->inputs[i].part = parts[i];
    arena_init(&m->arena, MERGE_ARENA_MAX);
    m->keep = record_keep_begin(m->store);
    int rc = day_dir_make(m->store->fs, m->store->dir, parts[0]->day, &dir, m->err);
    if (rc == 0)
        rc = open_merge(m, dir);
    if (rc == 0)
        rc = merge_rows(m);
    if (rc == 0 && m->n == 1 && atomic_get_relaxed(&parts[0]->damaged))
        rc = table_file_keep_aside(m->store->fs, parts[0]->path, m->err);
    if (rc == 0)
        rc = record_writer_finish(m->writer, m->written, m->n_written, out, m->err);
    close_merge(m);
    free(dir);
    self_observe(&merge_seconds, (double)(time_now_mono_ns() - began) / 1e9,
                 record_table_name(m->store->table));
    return rc;
}

/* --- what to merge ---------------------------------------------------------------------------- */

/* Nothing came for the day in the last flush, or that was long ago: a day that is being filled up
 * would be written again after every flush. */
static bool is_at_rest(const struct record_store *s, const struct record_part *newest)
{
    const int64_t long_ns = 10 * 60 * NS_PER_S;
    return newest->seq_hi < atomic_get_relaxed(&s->seq) ||
           time_now_mono_ns() - atomic_get_relaxed(&s->last_flush_mono_ns) > long_ns;
}

static bool choose(const struct record_store *s, struct record_part *const *parts, size_t n,
                   bool all, size_t *out_first, size_t *out_n)
{
    uint64_t sizes[256];
    struct merge_choice choice = {.sizes = sizes, .n = MIN(n, ARRAY_LEN(sizes)), .all = all};
    for (size_t i = 0; i < choice.n; i++)
        sizes[i] = parts[i]->size;
    choice.over = n && merge_day_is_over(parts[0]->day, record_store_now_ms(s)) &&
                  is_at_rest(s, parts[n - 1]);
    return merge_choose(&choice, out_first, out_n);
}

/* 1 when something was merged. */
static int merge_once(struct record_store *s, struct record_part *const *parts, size_t n, bool all,
                      struct err *err)
{
    size_t first, count;
    if (!choose(s, parts, n, all, &first, &count))
        return 0;
    struct merge m = {.store = s, .n = count, .err = err};
    struct record_part *merged = NULL;
    int rc = run(&m, parts + first, &merged);
    if (rc != 0)
        return rc;
    parts_replace(s, parts + first, count, merged);
    return 1;
}

static int merge_day(struct record_store *s, int64_t day, bool all, struct err *err)
{
    int rc = 1;
    while (rc == 1) {
        struct record_part **parts = NULL;
        size_t n = 0;
        if (parts_list(s, &day, &parts, &n) != 0)
            return err_set(err, ERR_NOMEM, "merge: out of memory");
        rc = merge_once(s, parts, n, all, err);
        parts_list_free(parts, n);
    }
    return rc;
}

/* Different days among parts in the order of days. */
int record_each_day(struct record_store *s,
                    int (*each)(struct record_store *s, int64_t day, bool all, struct err *err),
                    bool all, struct err *err)
{
    struct record_part **parts = NULL;
    size_t n = 0;
    if (parts_list(s, NULL, &parts, &n) != 0)
        return err_set(err, ERR_NOMEM, "merge: out of memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (i == 0 || parts[i]->day != parts[i - 1]->day)
            rc = each(s, parts[i]->day, all, err);
    parts_list_free(parts, n);
    return rc;
}

int record_rewrite(struct record_store *s, struct record_part *p, const struct record_drop *drop,
                   uint64_t *out_rows, struct err *err)
{
    struct merge m = {.store = s, .n = 1, .drop = drop, .err = err};
    struct record_part *rewritten = NULL;
    int rc = run(&m, &p, &rewritten);
    if (rc != 0)
        return rc;
    rewritten->kept = p->kept;
    parts_replace(s, &p, 1, rewritten);
    *out_rows += m.n_dropped;
    return 0;
}

int record_merge_due(struct record_store *s, bool all, struct err *err)
{
    return record_each_day(s, merge_day, all, err);
}
