#include "store/embedded/partitions.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/damage.h"
#include "store/embedded/part_format.h"
#include "store/embedded/selection.h"

/* --- the lists -------------------------------------------------------------------------------- */

/* Where the day is or goes. */
static size_t find_day(const struct store *s, int64_t day)
{
    size_t i = s->n_partitions;
    while (i > 0 && s->partitions[i - 1]->day >= day)
        i--;
    return i;
}

struct partition *partition_get(const struct store *s, int64_t day)
{
    size_t i = find_day(s, day);
    bool found = i < s->n_partitions && s->partitions[i]->day == day;
    return found ? s->partitions[i] : NULL;
}

bool partition_is_whole(const struct partition *p, uint64_t seq_lo)
{
    for (size_t i = 0; i < p->n; i++)
        if (atomic_get_relaxed(&p->parts[i]->expired))
            return false;
    return p->n && p->parts[0]->seq_lo <= seq_lo;
}

static void partition_free(struct partition *p)
{
    for (size_t i = 0; i < p->n; i++)
        part_unref(p->parts[i]);
    free(p->parts);
    free(p);
}

static struct partition *add_day(struct store *s, int64_t day)
{
    if (s->n_partitions == s->cap_partitions) {
        size_t cap = s->cap_partitions ? s->cap_partitions * 2 : 16;
        struct partition **v = realloc(s->partitions, cap * sizeof(struct partition *));
        if (!v)
            return NULL;
        s->partitions = v;
        s->cap_partitions = cap;
    }
    struct partition *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->day = day;
    size_t at = find_day(s, day);
    memmove(s->partitions + at + 1, s->partitions + at,
            (s->n_partitions - at) * sizeof(struct partition *));
    s->partitions[at] = p;
    s->n_partitions++;
    return p;
}

static int add_part(struct partition *day, struct part *p)
{
    if (day->n == day->cap) {
        size_t cap = day->cap ? day->cap * 2 : 4;
        struct part **v = realloc(day->parts, cap * sizeof(struct part *));
        if (!v)
            return ERR_NOMEM;
        day->parts = v;
        day->cap = cap;
    }
    size_t at = day->n;
    while (at > 0 && day->parts[at - 1]->seq_lo > p->seq_lo)
        at--;
    memmove(day->parts + at + 1, day->parts + at, (day->n - at) * sizeof(struct part *));
    day->parts[at] = p;
    day->n++;
    return 0;
}

int partition_add(struct store *s, struct part *p, struct err *err)
{
    lock_take(&s->parts_lock);
    struct partition *day = partition_get(s, p->day);
    if (!day)
        day = add_day(s, p->day);
    int rc = day ? add_part(day, p) : ERR_NOMEM;
    lock_give(&s->parts_lock);
    return rc == 0 ? 0 : err_set(err, rc, "list a part: out of memory");
}

int partition_sync(struct store *s, int64_t day, struct err *err)
{
    char *path = NULL;
    int rc = day_dir_path(s->table_dir, day, &path, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, path, err);
    free(path);
    return rc;
}

/* Takes old[0..n) out of the day's list and puts `merged` (or nothing) there. */
static bool swap_parts(struct store *s, struct part *const *old, size_t n, struct part *merged)
{
    lock_take(&s->parts_lock);
    struct partition *day = partition_get(s, old[0]->day);
    size_t at = 0, put = merged ? 1 : 0;
    while (day && at < day->n && day->parts[at] != old[0])
        at++;
    bool there = day && at + n <= day->n;
    if (there) {
        memmove(day->parts + at + put, day->parts + at + n,
                (day->n - at - n) * sizeof(struct part *));
        day->n -= n - put;
    }
    if (there && merged)
        day->parts[at] = merged;
    lock_give(&s->parts_lock);
    return there;
}

static bool is_empty(struct store *s, int64_t day)
{
    lock_take(&s->parts_lock);
    const struct partition *p = partition_get(s, day);
    bool empty = p && p->n == 0;
    lock_give(&s->parts_lock);
    return empty;
}

void partition_replace(struct store *s, struct part *const *old, size_t n, struct part *merged)
{
    if (NEVER(!swap_parts(s, old, n, merged))) { // flush adds, and all else holds the table lock
        part_unref(merged);
        return;
    }
    int64_t day = old[0]->day;
    for (size_t i = 0; i < n; i++) {
        bool lossy = atomic_get_relaxed(&old[i]->lossy);
        bool renewed = merged && strcmp(old[i]->path, merged->path) == 0;
        if (lossy)
            damage_note_day(s, day);
        if (!renewed && (!lossy || !table_file_set_aside(s->fs, old[i]->path)))
            table_file_remove(s->fs, old[i]->path);
        part_unref(old[i]);
    }
    struct err err = {0};
    if (is_empty(s, day) && partition_drop(s, day, &err) != 0)
        log_warn("store", "cannot remove the directory of a day that has become empty",
                 LOG_STR("error", err.message));
}

int partition_days(struct store *s, int64_t **out, size_t *out_n)
{
    lock_take(&s->parts_lock);
    int64_t *v = malloc((s->n_partitions + 1) * sizeof *v);
    for (size_t i = 0; v && i < s->n_partitions; i++)
        v[i] = s->partitions[i]->day;
    *out_n = v ? s->n_partitions : 0;
    lock_give(&s->parts_lock);
    *out = v;
    return v ? 0 : ERR_NOMEM;
}

int partition_parts(struct store *s, int64_t day, struct part ***out, size_t *out_n)
{
    lock_take(&s->parts_lock);
    const struct partition *p = partition_get(s, day);
    size_t n = p ? p->n : 0;
    struct part **v = malloc((n + 1) * sizeof(struct part *));
    for (size_t i = 0; v && i < n; i++) {
        v[i] = p->parts[i];
        part_ref(v[i]);
    }
    lock_give(&s->parts_lock);
    *out = v;
    *out_n = v ? n : 0;
    return v ? 0 : ERR_NOMEM;
}

int parts_snapshot(struct store *s, int64_t min_ms, int64_t max_ms, struct arena *arena,
                   struct part ***out, size_t *out_n)
{
    size_t n = 0, total = 0;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_partitions; i++)
        total += s->partitions[i]->n;
    struct part **v = arena_array(arena, total, sizeof(struct part *));
    for (size_t i = 0; v && i < s->n_partitions; i++) {
        const struct partition *day = s->partitions[i];
        for (size_t k = 0; k < day->n; k++) {
            struct part *p = day->parts[k];
            if (p->min_ms <= max_ms && p->max_ms >= min_ms && !atomic_get_relaxed(&p->damaged)) {
                part_ref(p);
                v[n++] = p;
            }
        }
    }
    lock_give(&s->parts_lock);
    *out = v;
    *out_n = n;
    return v ? 0 : ERR_NOMEM;
}

/* --- dropping a day --------------------------------------------------------------------------- */

int partition_drop(struct store *s, int64_t day, struct err *err)
{
    lock_take(&s->parts_lock);
    struct partition *p = partition_get(s, day);
    if (p) {
        size_t at = find_day(s, day);
        memmove(s->partitions + at, s->partitions + at + 1,
                (s->n_partitions - at - 1) * sizeof(struct partition *));
        s->n_partitions--;
    }
    lock_give(&s->parts_lock);
    if (p)
        partition_free(p);
    return day_dir_remove(s->fs, s->table_dir, day, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool is_superseded(const struct partition *day, const struct day_part *f)
{
    for (size_t i = 0; day && i < day->n; i++)
        if (day->parts[i]->seq_lo <= f->lo && f->hi <= day->parts[i]->seq_hi)
            return true;
    return false;
}

void partition_set_aside(struct store *s, const char *path, const struct err *why)
{
    bool moved = table_file_set_aside(s->fs, path);
    atomic_add_relaxed(&s->damaged_parts, 1);
    log_error("store", moved ? "a damaged part is set aside" : "a damaged part is left out",
              LOG_STR("error", why->message));
}

static int open_part(struct store *s, int64_t day, const struct day_part *f, struct err *err)
{
    struct part *p = NULL;
    struct err why = {0};
    int rc = part_open(s->fs, f->path, &p, &why);
    bool right = rc == 0 && p->table == PART_TABLE_METRICS && p->day == day && p->seq_lo == f->lo &&
                 p->seq_hi == f->hi;
    if (rc == 0 && !right) {
        rc = err_set(&why, ERR_CORRUPT, "%s: is of another day or sequence than its name says",
                     f->path);
        part_unref(p);
    }
    if (rc == ERR_CORRUPT) {
        partition_set_aside(s, f->path, &why);
        damage_note_day(s, day);
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", why.message);
    rc = partition_add(s, p, err);
    if (rc != 0)
        part_unref(p);
    return rc;
}

static int open_day(void *arg, int64_t day, const char *dir, struct err *err)
{
    struct store *s = arg;
    struct day_parts found = {0};
    int rc = day_parts_list(s->fs, dir, &found, err);
    if (rc == 0 && found.aside)
        damage_note_day(s, day);
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        s->seq = MAX(s->seq, found.v[i].hi);
        if (is_superseded(partition_get(s, day), &found.v[i]))
            table_file_remove(s->fs, found.v[i].path);
        else
            rc = open_part(s, day, &found.v[i], err);
    }
    day_parts_done(&found);
    return rc;
}

int partitions_open(struct store *s, struct err *err)
{
    return day_dir_each(s->fs, s->table_dir, open_day, s, err);
}

void partitions_close(struct store *s)
{
    for (size_t i = 0; i < s->n_partitions; i++)
        partition_free(s->partitions[i]);
    free(s->partitions);
    free(s->damaged_days.v);
    s->partitions = NULL;
    s->damaged_days = (struct damaged_days){0};
    s->n_partitions = s->cap_partitions = 0;
}
