/* What of a record table turned out damaged: counted, told once a file, remembered by day so that
 * whoever asks for its time is told, too. */
#include <stdlib.h>

#include "base/compiler.h"
#include "log/log.h"
#include "store/embedded/records/record_store.h"

void record_damage_note_group(struct record_store *s, struct record_part *p, uint64_t offset)
{
    atomic_add_relaxed(&s->damaged_groups, 1);
    if (!atomic_swap_acq_rel(&p->damaged, true))
        log_error("store", "a group of rows is damaged; answers go without it",
                  LOG_STR("file", p->path), LOG_INT("offset", offset));
}

void record_damage_note_day(struct record_store *s, int64_t day)
{
    lock_take(&s->lists);
    bool known = false;
    for (size_t i = 0; i < s->n_damaged_days; i++)
        known |= s->damaged_days[i] == day;
    int64_t *v = known ? NULL : realloc(s->damaged_days, (s->n_damaged_days + 1) * sizeof *v);
    if (v) {
        v[s->n_damaged_days++] = day;
        s->damaged_days = v;
    }
    lock_give(&s->lists);
}

void record_damage_forget_day(struct record_store *s, int64_t day)
{
    lock_take(&s->lists);
    size_t kept = 0;
    for (size_t i = 0; i < s->n_damaged_days; i++)
        if (s->damaged_days[i] != day)
            s->damaged_days[kept++] = s->damaged_days[i];
    s->n_damaged_days = kept;
    lock_give(&s->lists);
}

size_t record_damage_days(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns)
{
    int64_t from = day_of_ns(min_unix_ns), to = day_of_ns(max_unix_ns);
    size_t n = 0;
    lock_take(&s->lists);
    for (size_t i = 0; i < s->n_damaged_days; i++)
        n += s->damaged_days[i] >= from && s->damaged_days[i] <= to;
    lock_give(&s->lists);
    return n + wal_losses_meet(&s->losses, from, to);
}

bool record_damage_oldest_day(struct record_store *s, int64_t *out)
{
    bool any = false;
    lock_take(&s->lists);
    for (size_t i = 0; i < s->n_damaged_days; i++) {
        if (!any || s->damaged_days[i] < *out)
            *out = s->damaged_days[i];
        any = true;
    }
    lock_give(&s->lists);
    return any;
}

bool record_damage_set_aside(struct record_store *s, const char *path, int64_t day)
{
    bool moved = table_file_set_aside(s->fs, path);
    record_damage_note_day(s, day);
    return moved;
}

/* --- numbers ---------------------------------------------------------------------------------- */

void record_store_stats(struct record_store *s, struct store_record_stats *out)
{
    *out = (struct store_record_stats){
        .head_rows = atomic_get_relaxed(&s->head_rows),
        .head_bytes = atomic_get_relaxed(&s->head_bytes),
        .damaged_groups = atomic_get_relaxed(&s->damaged_groups),
        .damaged_parts = atomic_get_relaxed(&s->damaged_parts),
        .wal_damaged_segments = atomic_get_relaxed(&s->wal_damaged_segments),
        .wal_damaged_bytes = atomic_get_relaxed(&s->wal_damaged_bytes),
    };
    for (size_t i = 0; i < REJECT_REASONS; i++)
        out->rejected += atomic_get_relaxed(&s->rejected[i]);
    lock_take(&s->lists);
    out->parts = s->n_parts;
    for (size_t i = 0; i < s->n_parts; i++) {
        out->part_rows += s->parts[i]->rows;
        out->part_bytes += s->parts[i]->size;
    }
    lock_give(&s->lists);
}
