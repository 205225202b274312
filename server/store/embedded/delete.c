/* Deleting rows by selector and time, and getting the space back.
 *
 * A deletion flushes, so that everything acknowledged before is in parts, and leaves a tombstone;
 * no part is touched. Merges leave out what tombstones hide; a clean-up rewrites, one at a time,
 * the parts that still have it. A tombstone goes when no part from before it can have its rows. */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "log/log.h"
#include "self/self.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/erase.h"
#include "store/embedded/merge.h"
#include "store/embedded/partitions.h"
#include "store/embedded/stream_groups.h"

static struct self_metric deletions_total =
    SELF_COUNTER("telltale_store_deletions_total", "Deletions of series that were accepted.");
static struct self_metric cleaned_total = SELF_COUNTER(
    "telltale_store_parts_cleaned_total", "Parts that were rewritten without their deleted rows.");

/* --- deleting --------------------------------------------------------------------------------- */

/* Deleted streams would stay known to the lists of labels until they have been idle for a while. */
static int forget_streams(struct store *s, const struct matcher *matchers, size_t n,
                          struct err *err)
{
    struct posting_source postings = index_postings(&s->streams.index);
    roaring_bitmap_t *ids = NULL;
    rwlock_take_read(&s->evict);
    int rc = match_streams(&postings, matchers, n, &ids, err);
    rwlock_give(&s->evict);
    if (rc != 0)
        return rc;
    size_t shards = roaring_bitmap_is_empty(ids) ? 0 : STREAM_SHARDS;
    for (size_t i = 0; i < 2 * shards; i++) { // all groups before the first stream
        rwlock_take_write(&s->evict);
        rwlock_take_write(&s->gate);
        if (i < shards)
            stream_groups_evict_set(&s->streams, i, ids);
        else
            (void)streams_evict_set(&s->streams, i - shards, ids); // how many does not matter
        rwlock_give(&s->gate);
        rwlock_give(&s->evict);
    }
    roaring_bitmap_free(ids);
    return 0;
}

int store_delete(struct store *s, const struct matcher *matchers, size_t n_matchers, int64_t min_ms,
                 int64_t max_ms, struct err *err)
{
    int waited = replay_wait(s, err);
    if (waited != 0)
        return waited;
    if (min_ms > max_ms)
        return err_set(err, ERR_INVALID, "delete: the end is before the start");
    lock_take(&s->aggregate);
    int rc = aggregates_forget(s, matchers, n_matchers, min_ms, max_ms, err);
    lock_take(&s->table);
    if (rc == 0)
        rc = flush_locked(s, err);
    if (rc == 0)
        rc = tombstones_add(&s->tombstones, matchers, n_matchers, min_ms, max_ms, s->seq, err);
    if (rc == 0)
        rc = forget_streams(s, matchers, n_matchers, err);
    lock_give(&s->table);
    if (rc == 0)
        rc = aggregates_erase(s, matchers, n_matchers, min_ms, max_ms, err);
    lock_give(&s->aggregate);
    self_add(&deletions_total, rc == 0);
    return rc == 0 ? 0 : err_prefix(err, rc, "delete");
}

/* --- which parts ------------------------------------------------------------------------------ */

/* Calls `each` for all parts, with a reference, until it returns non-zero, which is returned. */
static int each_part(struct store *s, int (*each)(void *arg, struct part *p), void *arg)
{
    struct part **parts = NULL;
    int64_t *days = NULL;
    size_t n_days = 0;
    int rc = partition_days(s, &days, &n_days) == 0 ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n_days; i++) {
        size_t n = 0;
        rc = partition_parts(s, days[i], &parts, &n) == 0 ? 0 : ERR_NOMEM;
        for (size_t k = 0; k < n; k++) {
            if (rc == 0)
                rc = each(arg, parts[k]);
            part_unref(parts[k]);
        }
        free(parts);
        parts = NULL;
    }
    free(days);
    return rc;
}

/* --- rewriting -------------------------------------------------------------------------------- */

struct cleaning {
    struct store *store;
    struct tombstone_set *set;
    struct err *err;
};

static bool is_concerned(const struct tombstone_set *set, const struct part *p)
{
    for (size_t i = 0; i < set->n; i++)
        if (tombstone_concerns(set->v[i], p))
            return true;
    return false;
}

/* Does the part have a stream that a tombstone speaks of? */
static int has_deleted(const struct cleaning *c, struct part *p)
{
    struct arena arena;
    struct part_view v;
    struct erasures *e = NULL;
    arena_init(&arena, 1u << 30);
    int rc = part_view_init(&v, p, &c->store->chunks, &arena);
    if (rc == 0) {
        rc = part_erasures(c->store, &v, c->set, &e, c->err);
        part_view_done(&v);
    }
    arena_done(&arena);
    bool has = e && e->n > 0;
    erasures_unref(e);
    return rc == 0 ? has : rc;
}

/* 1 when a part was rewritten: the list has changed. One whose index is damaged cannot be. */
static int clean_part(void *arg, struct part *p)
{
    struct cleaning *c = arg;
    if (atomic_get_relaxed(&p->damaged) || !is_concerned(c->set, p))
        return 0;
    int rc = has_deleted(c, p);
    if (rc == 0)
        atomic_set_relaxed(&p->applied, c->set->generation);
    if (rc == ERR_CORRUPT) {
        damage_note_part(c->store, p);
        return 0;
    }
    if (rc <= 0)
        return rc;
    rc = merge_replace(c->store, &p, 1, NULL, c->err);
    if (rc != 0)
        return rc;
    self_add(&cleaned_total, 1);
    return 1;
}

/* One part at a time under the table lock, so that flushes come in between. Tombstones that are
 * added meanwhile are for the next clean-up. */
int store_clean_tombstones(struct store *s, struct err *err)
{
    int waited = replay_wait(s, err);
    if (waited != 0)
        return waited;
    struct err why = {0};
    struct cleaning c = {.store = s, .set = tombstones_get(&s->tombstones), .err = &why};
    int rc = 1;
    while (rc == 1) {
        lock_take(&s->table);
        rc = each_part(s, clean_part, &c);
        if (rc == 0)
            rc = tombstones_trim(s, &why);
        lock_give(&s->table);
    }
    tombstone_set_unref(c.set);
    return rc == 0 ? 0
                   : err_set(err, rc, "clean tombstones: %s",
                             why.message[0] ? why.message : err_name(rc));
}

/* --- trimming --------------------------------------------------------------------------------- */

struct keeping {
    struct store *store;
    const struct tombstone *one; /* that is asked about */
    bool drop;                   /* something is not needed any more */
};

/* A part that is left out because its index is damaged counts: the next start may read some of it.
 */
static int is_needed_for(void *arg, struct part *p)
{
    const struct keeping *k = arg;
    return tombstone_concerns(k->one, p);
}

static bool keep(void *arg, const struct tombstone *one)
{
    struct keeping *k = arg;
    k->one = one;
    bool needed = each_part(k->store, is_needed_for, k) != 0; // no memory: keep it
    k->drop |= !needed;
    return needed;
}

/* Parts that went may come back when the power fails, unless their directories are synced. */
static int sync_dirs(struct store *s, struct err *err)
{
    int64_t *days = NULL;
    size_t n = 0;
    int rc = fs_sync_dir(s->fs, s->table_dir, err);
    if (rc == 0 && partition_days(s, &days, &n) != 0)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = partition_sync(s, days[i], err);
    free(days);
    return rc;
}

int tombstones_trim(struct store *s, struct err *err)
{
    struct keeping k = {.store = s};
    struct tombstone_set *set = tombstones_get(&s->tombstones);
    for (size_t i = 0; i < set->n; i++)
        (void)keep(&k, set->v[i]); // what counts is k.drop
    size_t before = set->n;
    tombstone_set_unref(set);
    if (!k.drop)
        return 0;
    int rc = sync_dirs(s, err);
    if (rc == 0)
        rc = tombstones_keep(&s->tombstones, keep, &k, err);
    if (rc == 0)
        log_info("store", "deletions are complete", LOG_INT("tombstones_before", (int64_t)before));
    return rc;
}
