/* What is too old goes from the disk, and what is deleted: by whole days, or part by part with the
 * rows that stay written anew. Parts without such rows are looked at, not written. */
#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "store/embedded/records/record_keep.h"
#include "store/embedded/records/record_merge.h"
#include "store/embedded/size_limit.h"

#define LOOK_MEMORY ((size_t)1 << 30)

/* --- whole days ------------------------------------------------------------------------------- */

static void forget_day(struct record_store *s, int64_t day)
{
    lock_take(&s->lists);
    size_t kept = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i]->day == day)
            record_part_unref(s->parts[i]);
        else
            s->parts[kept++] = s->parts[i];
    }
    s->n_parts = kept;
    lock_give(&s->lists);
}

/* With both locks: a flush may be writing into the day. */
static int drop_day(struct record_store *s, int64_t day, struct err *err)
{
    forget_day(s, day);
    record_damage_forget_day(s, day);
    return day_dir_remove(s->fs, s->dir, day, err);
}

int record_store_drop_day(struct record_store *s, int64_t day, struct err *err)
{
    lock_take(&s->merge_lock);
    lock_take(&s->table_lock);
    int rc = drop_day(s, day, err);
    lock_give(&s->table_lock);
    lock_give(&s->merge_lock);
    return rc;
}

static int expire_day(struct record_store *s, int64_t day, bool all, struct err *err)
{
    (void)all;
    int64_t oldest = record_store_oldest_ns(s);
    if (oldest == INT64_MIN || day >= day_of_ns(oldest))
        return 0;
    int rc = drop_day(s, day, err);
    size_limit_note(record_table_name(s->table), day, "age");
    return rc;
}

/* Of such a day all parts may have been set aside, so that the list of parts does not name it. */
static int expire_damaged(struct record_store *s, struct err *err)
{
    int64_t oldest = record_store_oldest_ns(s), day;
    int rc = 0;
    while (rc == 0 && oldest != INT64_MIN && record_damage_oldest_day(s, &day) &&
           day < day_of_ns(oldest))
        rc = expire_day(s, day, false, err);
    return rc;
}

bool record_store_days(struct record_store *s, int64_t *out_first, int64_t *out_last)
{
    lock_take(&s->lists);
    bool any = s->n_parts > 0;
    if (any) {
        *out_first = s->parts[0]->day;
        *out_last = s->parts[s->n_parts - 1]->day;
    }
    lock_give(&s->lists);
    return any;
}

uint64_t record_store_bytes(struct record_store *s)
{
    struct wal_state log;
    wal_get_state(&s->wal, &log);
    uint64_t bytes = log.bytes;
    lock_take(&s->lists);
    for (size_t i = 0; i < s->n_parts; i++)
        bytes += s->parts[i]->size;
    lock_give(&s->lists);
    return bytes;
}

/* --- looking for rows to leave out ------------------------------------------------------------ */

int record_drop_match(const struct record_drop *drop, struct rowset *rows, uint64_t *out)
{
    if (!rowset_may_match(rows, drop->where)) {
        memset(out, 0, rowset_words(rows) * sizeof *out);
        return 0;
    }
    int rc = rowset_match(rows, drop->where, out);
    if (rc == 0)
        rc = rowset_times(rows);
    for (uint32_t i = 0; rc == 0 && i < rows->n; i++)
        if (rows->t_unix_ns[i] < drop->min_unix_ns || rows->t_unix_ns[i] > drop->max_unix_ns)
            out[i / 64] &= ~(UINT64_C(1) << i % 64);
    return rc;
}

/* Sets in `out` what either names. */
struct look {
    const struct record_drop *drop; /* or, when NULL, what is not kept: */
    const struct record_keep *keep;
    struct arena sources, block;
    void *zstd;
};

static bool any_set(const uint64_t *bits, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (bits[i])
            return true;
    return false;
}

static int any_over(struct look *l, struct rowset *rows, uint64_t *bits)
{
    size_t words = rowset_words(rows);
    memset(bits, 0xff, words * sizeof *bits);
    int rc = record_keep_clear(l->keep, rows, bits);
    for (size_t i = 0; rc == 0 && i < words; i++)
        bits[i] = ~bits[i];
    return rc != 0 ? rc : any_set(bits, words);
}

/* 1 when the group has a row to leave out. */
static int look_at_group(struct look *l, struct record_part *p, const struct part_group *g,
                         const struct block_sources *sources)
{
    struct rowset rows;
    arena_reset(&l->block);
    rowset_of_group(&rows, p, g, sources, l->zstd, &l->block);
    int rc = rowset_read_table(&rows);
    uint64_t *bits = rc == 0 ? arena_array(&l->block, rowset_words(&rows), sizeof *bits) : NULL;
    if (rc != 0 || !bits)
        return rc != 0 ? rc : ERR_NOMEM;
    if (!l->drop)
        return any_over(l, &rows, bits);
    rc = record_drop_match(l->drop, &rows, bits);
    return rc != 0 ? rc : any_set(bits, rowset_words(&rows));
}

static bool concerns(const struct look *l, int64_t min_unix_ns, int64_t max_unix_ns)
{
    return l->drop ? max_unix_ns >= l->drop->min_unix_ns && min_unix_ns <= l->drop->max_unix_ns
                   : min_unix_ns < l->keep->all_ns;
}

/* 1 when the part has a row to leave out. Damaged groups have none: they cannot be read. */
static int look_at(struct look *l, struct record_part *p)
{
    struct block_sources sources;
    arena_init(&l->sources, LOOK_MEMORY);
    arena_init(&l->block, LOOK_MEMORY);
    l->zstd = ZSTD_createDCtx();
    int rc = l->zstd ? sources_of_part(p, &l->sources, &sources) : ERR_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < p->n_groups; i++) {
        if (concerns(l, p->groups[i].min_unix_ns, p->groups[i].max_unix_ns))
            rc = look_at_group(l, p, &p->groups[i], &sources);
        rc = rc == ERR_CORRUPT ? 0 : rc;
    }
    (void)ZSTD_freeDCtx(l->zstd);
    arena_done(&l->block);
    arena_done(&l->sources);
    return rc;
}

/* --- some sources of a day -------------------------------------------------------------------- */

static int expire_part(struct record_store *s, struct record_part *p,
                       const struct record_keep *keep, uint64_t mark, struct err *err)
{
    struct look look = {.keep = keep};
    uint64_t deleted = 0;
    if (p->kept == mark)
        return 0;
    int rc = look_at(&look, p);
    if (rc < 0)
        return err_set(err, rc, "retention: %s", err_name(rc));
    p->kept = mark; // and so is what takes its place
    rc = rc == 1 ? record_rewrite(s, p, NULL, &deleted, err) : 0;
    if (rc != 0)
        p->kept = 0;
    return rc;
}

static int expire_sources(struct record_store *s, int64_t day, bool all, struct err *err)
{
    (void)all;
    struct record_keep keep = record_keep_begin(s);
    struct record_part **parts = NULL;
    size_t n = 0;
    int rc = 0;
    if (keep.rules && day < day_of_ns(keep.all_ns)) {
        uint64_t mark = record_keep_mark(&keep, (day + 1) * DAY_NS - 1);
        if (parts_list(s, &day, &parts, &n) != 0)
            rc = err_set(err, ERR_NOMEM, "retention: out of memory");
        for (size_t i = 0; rc == 0 && i < n; i++)
            rc = expire_part(s, parts[i], &keep, mark, err);
        parts_list_free(parts, n);
    }
    record_keep_end(&keep);
    return rc;
}

int record_store_maintain(struct record_store *s, bool all, struct err *err)
{
    lock_take(&s->merge_lock);
    lock_take(&s->table_lock); // a flush may be writing into a day that goes
    int rc = record_each_day(s, expire_day, all, err);
    if (rc == 0)
        rc = expire_damaged(s, err);
    lock_give(&s->table_lock);
    if (rc == 0)
        rc = record_merge_due(s, all, err);
    if (rc == 0)
        rc = record_each_day(s, expire_sources, all, err);
    lock_give(&s->merge_lock);
    return rc;
}

/* --- deletion --------------------------------------------------------------------------------- */

static int delete_from(struct record_store *s, struct record_part *p,
                       const struct record_drop *drop, uint64_t *out_rows, struct err *err)
{
    struct look look = {.drop = drop};
    if (!concerns(&look, p->min_unix_ns, p->max_unix_ns))
        return 0;
    int rc = look_at(&look, p);
    if (rc == ERR_TOO_BIG)
        return err_set(err, rc, "delete: a regular expression ran into its limit of steps");
    if (rc < 0)
        return err_set(err, rc, "delete: %s", err_name(rc));
    return rc == 1 ? record_rewrite(s, p, drop, out_rows, err) : 0;
}

/* What is in the log is moved to parts first, so that no replay brings it back. A part that loses
 * all rows stays as an empty file until its day is merged: its name says which log it covers. */
int record_store_delete(struct record_store *s, const struct predicate *where, int64_t min_unix_ns,
                        int64_t max_unix_ns, uint64_t *out_rows, struct err *err)
{
    const struct record_drop drop = {where, min_unix_ns, max_unix_ns};
    struct record_part **parts = NULL;
    size_t n = 0;
    uint64_t rows = 0;
    lock_take(&s->merge_lock);
    int rc = record_store_flush(s, err);
    if (rc == 0 && parts_list(s, NULL, &parts, &n) != 0)
        rc = err_set(err, ERR_NOMEM, "delete: out of memory");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = delete_from(s, parts[i], &drop, &rows, err);
    parts_list_free(parts, n);
    lock_give(&s->merge_lock);
    if (rc == 0)
        *out_rows = rows;
    return rc;
}
