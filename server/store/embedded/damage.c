#include "store/embedded/damage.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"

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
    atomic_set_relaxed(&s->any_damaged_part, true);
    atomic_add_relaxed(&s->damaged_parts, 1);
    log_error("store", "the index of a part is damaged; it is left out", LOG_STR("file", p->path));
}

void damage_note_day(struct store *s, int64_t day)
{
    atomic_set_relaxed(&s->any_damaged_part, true);
    lock_take(&s->parts_lock);
    size_t n = s->n_damaged_days;
    int64_t *v = realloc(s->damaged_days, (n + 1) * sizeof *v); // a handful
    if (v) {
        v[s->n_damaged_days++] = day;
        s->damaged_days = v;
    }
    lock_give(&s->parts_lock);
}

static bool parts_damaged(const struct partition *day, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; i < day->n; i++) {
        const struct part *p = day->parts[i];
        if (p->min_ms <= max_ms && p->max_ms >= min_ms && atomic_get_relaxed(&p->damaged))
            return true;
    }
    return false;
}

bool store_is_damaged(struct store *s, int64_t min_ms, int64_t max_ms)
{
    bool found = false;
    bool replayed = atomic_get_acquire(&s->replayed); // pairs with the release of store_replay
    bool any_lost = replayed && s->losses.n > 0;
    if (!atomic_get_relaxed(&s->any_damaged_part) && !any_lost)
        return false;
    min_ms = MAX(min_ms, retention_min_ms(s));
    if (any_lost && min_ms <= max_ms &&
        wal_losses_meet(&s->losses, day_of(min_ms), day_of(max_ms)) > 0)
        return true;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_damaged_days && !found; i++) {
        int64_t from = s->damaged_days[i] * MS_PER_DAY;
        found = from <= max_ms && from + MS_PER_DAY > min_ms;
    }
    for (size_t i = 0; i < s->n_partitions && !found; i++)
        found = parts_damaged(s->partitions[i], min_ms, max_ms);
    lock_give(&s->parts_lock);
    return found;
}
