/* Moving rows from heads to parts: cut (a new log segment, live heads become frozen ones), one part
 * a frozen head, then the log below the cut is removed. When writing fails the frozen heads stay,
 * readable, and the next flush begins with them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/order_sort.h"
#include "store/embedded/records/assemble.h"
#include "store/embedded/records/record_store.h"
#include "store/embedded/records/source.h"

static struct self_metric flush_seconds =
    SELF_HISTOGRAM("telltale_store_record_flush_seconds",
                   "Time to move the heads of a table of records to parts.", "table");

enum { FLUSH_LEVEL = 1 };
#define FLUSH_ARENA_MAX ((size_t)8 << 30)

/* --- one head to one part --------------------------------------------------------------------- */

/* A row to be written: where it is and what it is sorted by. */
struct row_ref {
    int64_t t_unix_ns;
    uint32_t source; /* number, then rank */
    uint32_t chunk, row;
};

struct head_flush {
    struct record_store *store;
    const struct record_head *head;
    struct arena arena;
    struct str *sources; /* different ones, by number */
    uint64_t *hashes;
    uint32_t n_sources;
    uint32_t *slots; /* number + 1 */
    uint32_t n_slots;
    struct row_ref *rows;
    uint32_t *order;
    size_t n_rows;
    struct assembly_input *inputs; /* by chunk */
    struct err *err;
};

static int no_memory(struct head_flush *f)
{
    return err_set(f->err, ERR_NOMEM, "flush: out of memory");
}

static bool grow_sources(struct head_flush *f)
{
    uint32_t n = f->n_slots ? f->n_slots * 2 : 256;
    uint32_t *slots = arena_array(&f->arena, n, sizeof *slots);
    f->sources = arena_grow(&f->arena, f->sources, f->n_sources, n / 2, sizeof *f->sources);
    f->hashes = arena_grow(&f->arena, f->hashes, f->n_sources, n / 2, sizeof *f->hashes);
    if (!slots || !f->sources || !f->hashes)
        return false;
    for (uint32_t i = 0; i < f->n_sources; i++) {
        uint32_t at = (uint32_t)f->hashes[i] & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    f->slots = slots;
    f->n_slots = n;
    return true;
}

static bool number_source(struct head_flush *f, struct str source, uint32_t *out)
{
    if (f->n_sources * 2 >= f->n_slots && !grow_sources(f))
        return false;
    uint64_t hash = hash_str(source);
    uint32_t at = (uint32_t)hash & (f->n_slots - 1);
    for (; f->slots[at]; at = (at + 1) & (f->n_slots - 1)) {
        uint32_t i = f->slots[at] - 1;
        if (f->hashes[i] == hash && str_eq(f->sources[i], source)) {
            *out = i;
            return true;
        }
    }
    f->sources[f->n_sources] = source;
    f->hashes[f->n_sources] = hash;
    *out = f->n_sources;
    f->slots[at] = ++f->n_sources;
    return true;
}

static bool collect_chunk(struct head_flush *f, uint32_t chunk)
{
    const struct chunk *c = f->head->chunks[chunk];
    for (uint32_t i = 0; i < c->n_runs; i++) {
        uint32_t source;
        if (!number_source(f, c->runs[i].source, &source))
            return false;
        for (uint32_t k = 0; k < c->runs[i].n; k++) {
            uint32_t row = c->runs[i].first + k;
            f->rows[f->n_rows++] = (struct row_ref){c->t_unix_ns[row], source, chunk, row};
        }
    }
    return true;
}

static int collect_rows(struct head_flush *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->head->n; i++)
        n += f->head->chunks[i]->n_rows;
    f->rows = arena_array(&f->arena, n, sizeof *f->rows);
    if (!f->rows || n > UINT32_MAX)
        return no_memory(f);
    for (size_t i = 0; i < f->head->n; i++)
        if (!collect_chunk(f, (uint32_t)i))
            return no_memory(f);
    return 0;
}

static int by_source(const void *sources, uint32_t a, uint32_t b)
{
    const struct str *v = sources;
    return source_cmp(v[a], v[b]);
}

/* Numbers become ranks; the sources are put into order. */
static int rank_sources(struct head_flush *f)
{
    uint32_t n = f->n_sources;
    uint32_t *order = arena_array(&f->arena, (size_t)2 * n, sizeof *order);
    uint32_t *ranks = arena_array(&f->arena, n, sizeof *ranks);
    struct str *sorted = arena_array(&f->arena, n, sizeof *sorted);
    if (!order || !ranks || !sorted)
        return no_memory(f);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    order_sort(order, order + n, n, by_source, f->sources);
    for (uint32_t i = 0; i < n; i++) {
        ranks[order[i]] = i;
        sorted[i] = f->sources[order[i]];
    }
    for (size_t i = 0; i < f->n_rows; i++)
        f->rows[i].source = ranks[f->rows[i].source];
    f->sources = sorted;
    return 0;
}

static int by_time(const void *rows, uint32_t a, uint32_t b)
{
    const struct row_ref *v = rows;
    return (v[a].t_unix_ns > v[b].t_unix_ns) - (v[a].t_unix_ns < v[b].t_unix_ns);
}

/* By source and time. Rows of one source mostly come in order, but those of different sources take
 * turns: dealt out by source first, nearly nothing is left to be compared. */
static int sort_rows(struct head_flush *f)
{
    f->order = arena_array(&f->arena, 2 * f->n_rows, sizeof *f->order);
    size_t *end = arena_array(&f->arena, (size_t)f->n_sources + 1, sizeof *end);
    if (!f->order || !end)
        return no_memory(f);
    memset(end, 0, (f->n_sources + 1) * sizeof *end);
    for (size_t i = 0; i < f->n_rows; i++)
        end[f->rows[i].source + 1]++;
    for (uint32_t i = 0; i < f->n_sources; i++)
        end[i + 1] += end[i];
    for (size_t i = 0; i < f->n_rows; i++)
        f->order[end[f->rows[i].source]++] = (uint32_t)i; // end[k], so far the beginning, moves on
    for (uint32_t i = 0; i < f->n_sources; i++) {
        size_t from = i ? end[i - 1] : 0;
        order_sort(f->order + from, f->order + f->n_rows, end[i] - from, by_time, f->rows);
    }
    return 0;
}

static int open_input(struct head_flush *f, struct assembler *a, const struct chunk *c,
                      struct assembly_input *in)
{
    in->columns = arena_array(&f->arena, c->n_columns, sizeof *in->columns);
    in->n_columns = 0;
    in->t_unix_ns = c->t_unix_ns;
    in->row_bytes = (uint32_t)(c->size / MAX(c->n_rows, 1u));
    if (!in->columns)
        return no_memory(f);
    for (uint32_t i = 0; i < c->n_columns; i++) {
        uint32_t column;
        if (assembler_column(a, &c->columns[i].id, &column) != 0 ||
            assembly_input_add(in, &c->columns[i].values, column, c->n_rows, &f->arena) != 0)
            return no_memory(f);
    }
    return 0;
}

static int assemble(struct head_flush *f, struct assembler *a)
{
    f->inputs = arena_array(&f->arena, f->head->n, sizeof *f->inputs);
    int rc = f->inputs ? 0 : no_memory(f);
    for (size_t i = 0; rc == 0 && i < f->head->n; i++)
        rc = open_input(f, a, f->head->chunks[i], &f->inputs[i]);
    for (size_t i = 0; rc == 0 && i < f->n_rows; i++) {
        const struct row_ref *r = &f->rows[f->order[i]];
        rc = assembler_add(a, &f->inputs[r->chunk], r->row, r->source, f->err);
    }
    return rc == 0 ? assembler_flush(a, f->err) : rc;
}

static int write_rows(struct head_flush *f, struct record_writer *w)
{
    struct assembler *a = NULL;
    int rc = assembler_new(w, &a, f->err);
    if (rc == 0)
        rc = assemble(f, a);
    assembler_free(a);
    return rc;
}

static int write_part(struct head_flush *f, const char *dir, struct record_part **out)
{
    struct record_writer *w = NULL;
    const struct record_writer_options options = {.fs = f->store->fs,
                                                  .dir = dir,
                                                  .table = f->store->table,
                                                  .day = f->head->day,
                                                  .seq_lo = f->head->seq,
                                                  .seq_hi = f->head->seq,
                                                  .cut = f->head->cut,
                                                  .level = FLUSH_LEVEL};
    int rc = collect_rows(f);
    if (rc == 0)
        rc = rank_sources(f);
    if (rc == 0)
        rc = sort_rows(f);
    if (rc == 0)
        rc = record_writer_new(&options, &w, f->err);
    if (rc == 0)
        rc = write_rows(f, w);
    if (rc == 0)
        rc = record_writer_finish(w, f->sources, f->n_sources, out, f->err);
    record_writer_free(w);
    return rc;
}

static int head_to_part(struct record_store *s, const struct record_head *h,
                        struct record_part **out, struct err *err)
{
    struct head_flush f = {.store = s, .head = h, .err = err};
    char *dir = NULL;
    int rc = day_dir_make(s->fs, s->dir, h->day, &dir, err);
    if (rc != 0)
        return rc;
    arena_init(&f.arena, FLUSH_ARENA_MAX);
    rc = write_part(&f, dir, out);
    arena_done(&f.arena);
    free(dir);
    return rc;
}

/* --- the flush -------------------------------------------------------------------------------- */

static int flush_frozen(struct record_store *s, struct err *err)
{
    int rc = 0;
    while (rc == 0 && s->n_frozen) { // only the holder of the table lock changes it
        struct record_part *p = NULL;
        rc = head_to_part(s, &s->frozen[0], &p, err);
        if (rc == 0 && parts_add(s, p, &s->frozen[0]) != 0) {
            record_part_unref(p);
            rc = err_set(err, ERR_NOMEM, "flush: out of memory");
        }
    }
    return rc;
}

/* Under the gate, so no append runs and the live heads stand still. */
static int freeze(void *self)
{
    struct record_store *s = self;
    lock_take(&s->lists);
    size_t need = s->n_frozen + s->n_live;
    struct record_head *v = realloc(s->frozen, (need + 1) * sizeof *v);
    if (v) {
        s->frozen = v;
        s->cap_frozen = need + 1;
        uint64_t seq = atomic_get_relaxed(&s->seq) + 1;
        atomic_set_relaxed(&s->seq, seq);
        for (size_t i = 0; i < s->n_live; i++) {
            v[s->n_frozen] = s->live[i];
            v[s->n_frozen].seq = seq;
            v[s->n_frozen++].cut = s->wal.segment;
        }
        s->n_live = 0;
    }
    lock_give(&s->lists);
    return v ? 0 : ERR_NOMEM;
}

static int flush_steps(struct record_store *s, struct err *err)
{
    int rc = flush_frozen(s, err); // left by a flush that failed
    if (rc == 0 && (atomic_get_relaxed(&s->head_rows) || wal_has_news(&s->wal))) {
        rc = wal_cut(&s->wal, &s->gate, freeze, s, err);
        if (rc == 0)
            rc = flush_frozen(s, err);
    }
    return rc == 0 ? wal_remove_before(&s->wal, s->wal.segment, err) : rc;
}

static void note_outcome(struct record_store *s, const char *error)
{
    lock_take(&s->lists);
    (void)snprintf(s->flush_error, sizeof s->flush_error, "%.*s", (int)sizeof s->flush_error - 1,
                   error);
    lock_give(&s->lists);
}

bool record_store_flush_failed(struct record_store *s, char *out, size_t n)
{
    lock_take(&s->lists);
    bool failed = s->flush_error[0] != '\0';
    if (failed && n)
        (void)snprintf(out, n, "%s", s->flush_error); // cutting is fine
    lock_give(&s->lists);
    return failed;
}

int record_store_flush_locked(struct record_store *s, struct err *err)
{
    struct err e = {0};
    int rc = flush_steps(s, &e);
    atomic_set_relaxed(&s->last_flush_mono_ns, time_now_mono_ns());
    note_outcome(s, rc == 0 ? "" : e.message);
    return rc == 0 ? 0 : err_set(err, rc, "%s", e.message);
}

int record_store_flush(struct record_store *s, struct err *err)
{
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of replay
        return err_set(err, ERR_BUSY, "the write-ahead log is being replayed");
    int64_t began = time_now_mono_ns();
    lock_take(&s->table_lock);
    int rc = record_store_flush_locked(s, err);
    lock_give(&s->table_lock);
    self_observe(&flush_seconds, (double)(time_now_mono_ns() - began) / 1e9,
                 record_table_name(s->table));
    return rc;
}

bool record_store_is_flush_due(struct record_store *s)
{
    int64_t age_ns = time_now_mono_ns() - atomic_get_relaxed(&s->last_flush_mono_ns);
    struct wal_state log;
    wal_get_state(&s->wal, &log);
    bool old = atomic_get_relaxed(&s->head_rows) &&
               age_ns / NS_PER_MS >= atomic_get_relaxed(&s->flush_after_ms);
    return log.failed || log.full || record_store_flush_failed(s, NULL, 0) || old ||
           atomic_get_relaxed(&s->head_bytes) > atomic_get_relaxed(&s->head_max_bytes);
}
