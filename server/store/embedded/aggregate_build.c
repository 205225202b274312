/* Rolling up a day: the walk over its parts that merges take, all resolutions in one pass.
 *
 * Nothing but the lock of this work is held meanwhile: parts are immutable, and whether aggregates
 * cover the rows of a day is told by sequence numbers, also when a part joins the day while it is
 * being rolled up. The thread is the one that flushes, so it looks in between whether it should. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/aggregate.h"
#include "store/embedded/aggregate_block.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/keep.h"
#include "store/embedded/merge.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_write.h"
#include "store/embedded/partitions.h"

static struct self_metric roll_seconds =
    SELF_HISTOGRAM("telltale_store_aggregate_seconds", "Time of rolling up one day of metrics.");
static struct self_metric rows_total =
    SELF_COUNTER("telltale_store_aggregate_rows_total", "Buckets written when rolling up metrics.");

/* A day that gets late rows is rolled up again when so many parts were flushed since the last of
 * them; until then queries read it raw. */
enum { LATE_PARTS = 4 };

#define ROUND_NS (5 * NS_PER_S) // a round begins no further day after this
#define ROLL_ARENA_MAX ((size_t)4 << 30)
enum { STREAMS_PER_LOOK = 1024 };

/* --- one day ---------------------------------------------------------------------------------- */

struct target {
    int64_t resolution_ms;
    struct part_writer *writer;
};

struct rolling {
    struct store *store;
    struct target targets[STORE_RESOLUTIONS_MAX];
    size_t n;
    int64_t day;
    struct arena rows_arena, scratch;
    struct aggregates rows;
    struct buf block;
    size_t streams;
    struct part *const *parts; /* that are walked over */
    size_t n_parts;
};

static int on_stream(void *self, const uint32_t *pairs, size_t n, struct err *err)
{
    struct rolling *r = self;
    int rc = 0;
    if (++r->streams % STREAMS_PER_LOOK == 0 && r->store->background)
        rc = background_look(r->store, err);
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = part_write_stream(r->targets[i].writer, pairs, n, err);
    return rc;
}

int aggregates_write_block(struct part_writer *w, const struct aggregates *rows, size_t from,
                           size_t n, int64_t day, struct buf *scratch, struct err *err)
{
    buf_reset(scratch);
    aggregate_block_encode(scratch, rows, from, n, day * MS_PER_DAY);
    if (!buf_failed(scratch))
        put_u32(scratch, part_checksum(scratch->p, scratch->n));
    if (buf_failed(scratch))
        return err_set(err, ERR_NOMEM, "write aggregates: out of memory");
    const struct part_block b = {.size = (uint32_t)scratch->n,
                                 .rows = (uint32_t)n,
                                 .min_ms = rows->v[from].t_unix_ms,
                                 .max_ms = rows->v[from + n - 1].t_unix_ms};
    return part_write_block(w, scratch->p, &b, err);
}

static int on_rows(void *self, const struct columns *rows, struct err *err)
{
    struct rolling *r = self;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->n; i++) {
        r->rows.n = 0;
        arena_reset(&r->rows_arena);
        rc = aggregate_columns(rows, r->targets[i].resolution_ms, &r->scratch, &r->rows);
        if (rc != 0)
            return err_set(err, rc, "roll up: out of memory");
        for (size_t from = 0; rc == 0 && from < r->rows.n; from += AGGREGATE_BLOCK_ROWS) {
            size_t n = MIN((size_t)AGGREGATE_BLOCK_ROWS, r->rows.n - from);
            rc = aggregates_write_block(r->targets[i].writer, &r->rows, from, n, r->day, &r->block,
                                        err);
        }
    }
    return rc;
}

static bool has_damaged_block(const struct part *p)
{
    return atomic_get_relaxed(&p->block_reported) && !atomic_get_relaxed(&p->damaged);
}

/* Buckets do not tell that rows are missing, so none are made of what is: ERR_CORRUPT. */
static int on_finish(void *self, const struct label *pairs, size_t n, struct err *err)
{
    struct rolling *r = self;
    int rc = 0;
    for (size_t i = 0; i < r->n_parts; i++)
        if (has_damaged_block(r->parts[i]))
            return ERR_CORRUPT;
    for (size_t i = 0; rc == 0 && i < r->n; i++) {
        struct part_writer *w = r->targets[i].writer;
        struct part *p = NULL;
        if (part_writer_rows(w) == 0)
            continue; // all its blocks are damaged
        rc = part_writer_finish(w, pairs, n, &p, err);
        if (rc == 0 && (rc = aggregates_publish(r->store, p, err)) != 0)
            part_unref(p);
        if (rc == 0)
            self_add(&rows_total, part_writer_rows(w));
    }
    return rc;
}

static int open_writers(struct rolling *r, uint64_t seq_lo, uint64_t seq_hi, struct err *err)
{
    char name[AGGREGATE_NAME_MAX];
    int rc = 0;
    aggregates_format_name(name, r->day);
    for (size_t i = 0; rc == 0 && i < r->n; i++) {
        struct target *t = &r->targets[i];
        const char *dir = NULL;
        rc = aggregates_dir(r->store, t->resolution_ms, &dir, err);
        if (rc == 0)
            rc = part_writer_new_aggregates(r->store->fs, dir, name, t->resolution_ms, r->day,
                                            seq_lo, seq_hi, &t->writer, err);
    }
    return rc;
}

static int roll_up(struct rolling *r, struct part *const *parts, size_t n, uint64_t seq_lo,
                   uint64_t seq_hi, struct err *err)
{
    const struct merge_sink sink = {r, on_stream, on_rows, on_finish};
    int64_t began = time_now_mono_ns();
    arena_init(&r->rows_arena, ROLL_ARENA_MAX);
    arena_init(&r->scratch, ROLL_ARENA_MAX);
    aggregates_init(&r->rows, AGGREGATE_ALL, &r->rows_arena);
    buf_init(&r->block, PART_CHUNK_MAX);
    int rc = open_writers(r, seq_lo, seq_hi, err);
    if (rc == 0)
        rc = merge_walk(r->store, parts, n, &sink, err);
    for (size_t i = 0; i < r->n; i++)
        part_writer_free(r->targets[i].writer);
    buf_done(&r->block);
    aggregates_done(&r->rows);
    arena_done(&r->scratch);
    arena_done(&r->rows_arena);
    if (rc == 0)
        self_observe(&roll_seconds, (double)(time_now_mono_ns() - began) / 1e9);
    return rc;
}

/* --- what is due ------------------------------------------------------------------------------ */

struct round {
    struct store *store;
    struct aggregate_options options;
    int64_t now_ms;
    uint64_t seq; /* of the last flush */
    bool all;
};

static bool expires_soon(const struct round *r, int64_t day)
{
    return day * MS_PER_DAY < keep_table_min_ms(r->store) + MS_PER_DAY;
}

static bool is_due(const struct round *r, int64_t day, int64_t resolution_ms, uint64_t seq_lo,
                   uint64_t seq_hi)
{
    struct part *p = aggregates_day(r->store, resolution_ms, day);
    if (!p)
        return true;
    bool newer = seq_hi > p->seq_hi;
    bool whole = seq_lo <= p->seq_lo; // else samples that it was made of have expired
    bool settled = r->seq - seq_hi >= LATE_PARTS || r->all || expires_soon(r, day);
    part_unref(p);
    return newer && whole && settled;
}

static bool is_damaged(const struct part *p)
{
    return atomic_get_relaxed(&p->damaged);
}

/* Leaves damaged parts out; the sequence numbers are those of all. */
static size_t sound_parts(struct part **parts, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct part *p = parts[i];
        if (is_damaged(p))
            part_unref(p);
        else
            parts[kept++] = p;
    }
    return kept;
}

/* Writes the first part with a damaged block again without it, as a merge would: the file is set
 * aside, which is what warnings of the day go by. The day is rolled up when no such part is left.
 */
static int set_damage_aside(struct store *s, int64_t day, struct err *err)
{
    struct part **parts = NULL;
    size_t n = 0, at = 0;
    lock_take(&s->table);
    int rc = partition_parts(s, day, &parts, &n) == 0
                 ? 0
                 : err_set(err, ERR_NOMEM, "roll up: out of memory");
    while (at < n && !has_damaged_block(parts[at]))
        at++;
    if (at < n)
        rc = merge_replace(s, parts + at, 1, NULL, err);
    lock_give(&s->table);
    for (size_t i = 0; i < n; i++)
        part_unref(parts[i]);
    free(parts);
    return rc;
}

/* Such a day is rolled up once, at the most: of what is left there would be fewer aggregates than
 * there are. */
static bool any_expired(struct part *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (atomic_get_relaxed(&parts[i]->expired))
            return true;
    return false;
}

/* 1 when the day was rolled up, 0 when nothing is due. */
static int maintain_parts(const struct round *r, int64_t day, struct part **parts, size_t *n,
                          struct err *err)
{
    struct rolling rolling = {.store = r->store, .day = day};
    if (*n == 0 || (any_expired(parts, *n) && aggregates_have_day(r->store, day)))
        return 0;
    uint64_t seq_lo = parts[0]->seq_lo, seq_hi = parts[*n - 1]->seq_hi;
    for (size_t i = 0; i < r->options.n; i++)
        if (is_due(r, day, r->options.resolutions_ms[i], seq_lo, seq_hi))
            rolling.targets[rolling.n++].resolution_ms = r->options.resolutions_ms[i];
    *n = sound_parts(parts, *n);
    if (rolling.n == 0 || *n == 0 || *n > MERGE_MAX)
        return 0; // so many parts will be merged first
    rolling.parts = parts;
    rolling.n_parts = *n;
    int rc = roll_up(&rolling, parts, *n, seq_lo, seq_hi, err);
    if (rc == ERR_CORRUPT) // a damaged block; or index, whose part is left out from now on
        return set_damage_aside(r->store, day, err);
    if (rc == ERR_CANCELLED)
        return 0;
    if (rc == 0)
        log_info("store", "a day is rolled up", LOG_INT("day", day),
                 LOG_INT("streams", (int64_t)rolling.streams));
    return rc == 0 ? 1 : rc;
}

static int maintain_day(const struct round *r, int64_t day, struct err *err)
{
    struct part **parts = NULL;
    size_t n = 0;
    if (partition_parts(r->store, day, &parts, &n) != 0)
        return err_set(err, ERR_NOMEM, "roll up: out of memory");
    int rc = maintain_parts(r, day, parts, &n, err);
    for (size_t i = 0; i < n; i++)
        part_unref(parts[i]);
    free(parts);
    return rc;
}

static bool is_old_enough(const struct round *r, int64_t day)
{
    int64_t age_ms = r->now_ms - (day + 1) * MS_PER_DAY;
    return age_ms >= r->options.after_ms || (age_ms >= 0 && expires_soon(r, day));
}

static int maintain_days(const struct round *r, struct err *err)
{
    int64_t *days = NULL, began = time_now_mono_ns();
    size_t n = 0;
    int rc = 0;
    int64_t first = day_of(aggregates_min_ms(r->store));
    if (partition_days(r->store, &days, &n) != 0)
        return err_set(err, ERR_NOMEM, "roll up: out of memory");
    for (size_t i = 0; rc >= 0 && i < n; i++) {
        bool time_left = r->all || time_now_mono_ns() - began < ROUND_NS;
        if (time_left && days[i] >= first && is_old_enough(r, days[i]))
            rc = maintain_day(r, days[i], err);
    }
    free(days);
    return rc < 0 ? rc : 0;
}

int aggregates_maintain(struct store *s, bool all, struct err *err)
{
    struct round r = {
        .store = s, .options = aggregates_options(s), .now_ms = store_now_ms(s), .all = all};
    lock_take(&s->table);
    r.seq = s->seq;
    lock_give(&s->table);
    lock_take(&s->aggregate);
    int rc = r.options.enabled ? maintain_days(&r, err) : 0;
    if (rc == 0)
        rc = aggregates_expire(s, err);
    lock_give(&s->aggregate);
    return rc;
}
