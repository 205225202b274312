#include "store/embedded/damage.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/keep.h"
#include "store/embedded/partitions.h"

void damage_note_block(struct store *s, struct part *p)
{
    atomic_add_relaxed(&s->damaged_blocks, 1);
    if (!atomic_swap_acq_rel(&p->block_reported, true))
        log_error("store", "a block of a part is damaged; answers go without it",
                  LOG_STR("file", p->path));
}

void damage_note_part(struct store *s, struct part *p)
{
    if (atomic_swap_acq_rel(&p->damaged, true))
        return;
    atomic_set_relaxed(&s->any_damaged, true);
    atomic_add_relaxed(&s->damaged_parts, 1);
    log_error("store", "the index of a part is damaged; it is left out", LOG_STR("file", p->path));
}

static void add_day(struct store *s, struct damaged_days *to, int64_t day)
{
    atomic_set_relaxed(&s->any_damaged, true);
    lock_take(&s->parts_lock);
    int64_t *v = realloc(to->v, (to->n + 1) * sizeof *v); // a handful
    if (v) {
        v[to->n++] = day;
        to->v = v;
    }
    lock_give(&s->parts_lock);
}

void damage_note_day(struct store *s, int64_t day)
{
    add_day(s, &s->damaged_days, day);
}

void damage_note_rolled_day(struct store *s, int64_t day)
{
    add_day(s, &s->damaged_rolled, day);
}

void damage_note_segment(struct store *s, uint32_t segment, struct day_range days)
{
    struct wal_losses one = {0};
    wal_set_aside(s->fs, s->wal_dir, segment, days, &one);
    atomic_add_relaxed(&s->wal_damaged_segments, 1);
    atomic_set_relaxed(&s->any_damaged, true);
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < one.n; i++)
        if (wal_losses_add(&s->losses, one.v[i]) != 0)
            log_error("store", "out of memory: answers will not tell of lost rows of the log",
                      LOG_INT("segment", segment));
    lock_give(&s->parts_lock);
    wal_losses_done(&one);
}

/* --- who is told ------------------------------------------------------------------------------ */

/* A range of time, with parts_lock. */
struct asked {
    struct store *store;
    int64_t min_ms, max_ms;
};

static bool meets_day(const struct asked *q, int64_t day)
{
    int64_t from = day * MS_PER_DAY;
    return from <= q->max_ms && from + MS_PER_DAY > q->min_ms;
}

static bool meets_damaged(const struct asked *q, const struct part *p)
{
    return p->min_ms <= q->max_ms && p->max_ms >= q->min_ms && atomic_get_relaxed(&p->damaged);
}

static bool samples_damaged(const struct asked *q)
{
    const struct store *s = q->store;
    bool found = false;
    for (size_t i = 0; i < s->damaged_days.n && !found; i++)
        found = meets_day(q, s->damaged_days.v[i]);
    for (size_t i = 0; i < s->n_partitions && !found; i++)
        for (size_t k = 0; k < s->partitions[i]->n && !found; k++)
            found = meets_damaged(q, s->partitions[i]->parts[k]);
    return found;
}

/* Nothing stands in for what was rolled up of the day. */
static bool has_no_samples(const struct asked *q, int64_t table_min_ms, int64_t day)
{
    const struct partition *raw = partition_get(q->store, day);
    return day * MS_PER_DAY < table_min_ms || !raw || !raw->n;
}

static bool aggregates_damaged(const struct asked *q, int64_t table_min_ms)
{
    const struct store *s = q->store;
    bool found = false;
    for (size_t i = 0; i < s->damaged_rolled.n && !found; i++) {
        int64_t day = s->damaged_rolled.v[i];
        found = meets_day(q, day) && has_no_samples(q, table_min_ms, day);
    }
    for (size_t i = 0; i < s->n_aggregates && !found; i++)
        for (size_t k = 0; k < s->aggregates[i].n && !found; k++) {
            const struct part *p = s->aggregates[i].parts[k];
            found = meets_damaged(q, p) && has_no_samples(q, table_min_ms, p->day);
        }
    return found;
}

/* The log has samples alone. */
static bool log_damaged(const struct asked *q)
{
    return q->min_ms <= q->max_ms &&
           wal_losses_meet(&q->store->losses, day_of(q->min_ms), day_of(q->max_ms)) > 0;
}

bool store_is_damaged(struct store *s, int64_t min_ms, int64_t max_ms)
{
    if (!atomic_get_relaxed(&s->any_damaged))
        return false;
    int64_t table_min_ms = keep_table_min_ms(s);
    const struct asked samples = {s, MAX(min_ms, retention_min_ms(s)), max_ms};
    const struct asked rolled = {s, MAX(min_ms, aggregates_min_ms(s)), max_ms};
    lock_take(&s->parts_lock);
    bool found = log_damaged(&samples) || samples_damaged(&samples) ||
                 aggregates_damaged(&rolled, table_min_ms);
    lock_give(&s->parts_lock);
    return found;
}
