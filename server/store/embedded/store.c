/* Opening and closing: the directory, its lock, what is found in it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/engine.h"
#include "store/embedded/exemplars_file.h"
#include "store/embedded/format_file.h"
#include "store/embedded/keep.h"
#include "store/embedded/records/records.h"

/* DIR/
 *   FORMAT           "telltale store 1\n"
 *   LOCK             locked while open; the process id of the holder
 *   snapshots/       snapshot.c
 *   metrics/
 *     metadata       metadata.c
 *     tombstones     tombstones.c
 *     wal/           wal.c
 *     2026-11-21/    parts of that day, partitions.c
 *   spans/, logs/    records/record_store.c */
static const char format_text[] = FORMAT_TEXT;

enum {
    DEFAULT_MAX_STREAMS = 10000000,
    DEFAULT_MAX_EXEMPLARS = 100000,
    DEFAULT_HEAD_BYTES = 256 << 20,
    CHUNK_CACHE_BYTES = 32 << 20, /* the index of some 200,000 streams */
};

static int set_limits(struct store *s, const struct store_options *o)
{
    int rc = keep_set(s, o);
    if (rc != 0)
        return rc;
    atomic_set_relaxed(&s->max_bytes, o->max_bytes);
    atomic_set_relaxed(&s->max_future_ms, store_max_future_ms(o, o->retention_ms));
    atomic_set_relaxed(&s->flush_after_ms,
                       o->flush_after_ms ? o->flush_after_ms : 10 * 60 * MS_PER_S);
    atomic_set_relaxed(&s->head_max_bytes,
                       o->head_max_bytes ? o->head_max_bytes : (size_t)DEFAULT_HEAD_BYTES);
    size_t streams = o->max_streams ? o->max_streams : DEFAULT_MAX_STREAMS;
    atomic_set_relaxed(&s->streams.max, (unsigned)MIN(streams, (size_t)UINT32_MAX / 2));
    guard_configure(&s->guard, &o->cardinality);
    aggregates_configure(s, o);
    return 0;
}

int store_reconfigure(struct store *s, const struct store_options *options, struct err *err)
{
    int rc = records_set_limits(s, options, err);
    if (rc != 0)
        return rc;
    if (set_limits(s, options) != 0)
        return err_set(err, ERR_NOMEM, "limits of the store: out of memory");
    background_want_flush(s); // so that a shorter retention or a smaller head is acted upon now
    return 0;
}

int64_t store_now_ms(const struct store *s)
{
    return s->now_unix_ms ? s->now_unix_ms() : time_now_unix_ms();
}

int64_t retention_min_ms(const struct store *s)
{
    int64_t retention = atomic_get_relaxed(&s->retention_ms);
    if (retention == STORE_RETENTION_FOREVER)
        return TIME_MIN_MS;
    return MAX(TIME_MIN_MS, store_now_ms(s) - retention);
}

/* --- the directory ---------------------------------------------------------------------------- */

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "open the store: out of memory");
}

static int make_paths(struct store *s, const char *dir)
{
    s->dir = str_dup(str_c(dir));
    s->table_dir = fs_join(dir, "metrics");
    s->wal_dir = s->table_dir ? fs_join(s->table_dir, "wal") : NULL;
    s->metadata_path = s->table_dir ? fs_join(s->table_dir, "metadata") : NULL;
    s->exemplars_path = s->table_dir ? fs_join(s->table_dir, "exemplars") : NULL;
    return s->dir && s->wal_dir && s->metadata_path && s->exemplars_path ? 0 : ERR_NOMEM;
}

static int name_holder(struct store *s, const char *path, struct err *err)
{
    char *text = NULL;
    size_t n = 0;
    if (fs_read_all(s->fs, path, 64, &text, &n, NULL) != 0)
        n = 0;
    struct str pid = str_trim(str_of(text, n));
    int rc = err_set(
        err, ERR_BUSY,
        "%s is in use by another process (%.*s); stop it first, or choose another data directory",
        s->dir, STR_ARG(pid.n ? pid : STR("unknown")));
    free(text);
    return rc;
}

static int take_lock(struct store *s, struct err *err)
{
    char *path = fs_join(s->dir, "LOCK");
    if (!path)
        return no_memory(err);
    int rc = fs_open(s->fs, path, FS_WRITE, &s->lock_file, err);
    if (rc == 0)
        rc = fs_try_lock(&s->lock_file, err);
    if (rc == ERR_BUSY) {
        rc = name_holder(s, path, err);
    } else if (rc == 0) {
        char pid[32];
        int n = snprintf(pid, sizeof pid, "pid %ld\n", (long)getpid());
        if (fs_truncate(&s->lock_file, 0, NULL) != 0 ||
            fs_write_at(&s->lock_file, pid, (size_t)n, 0, NULL) != 0)
            log_warn("store", "cannot write the process id", LOG_STR("file", path));
    }
    free(path);
    return rc;
}

/* A directory without FORMAT is a new one, or a crash came before it was written: nothing else has
 * been written then either. */
static int check_format(struct store *s, struct err *err)
{
    char *path = fs_join(s->dir, "FORMAT"), *text = NULL;
    size_t n = 0;
    if (!path)
        return no_memory(err);
    int rc = fs_read_all(s->fs, path, 256, &text, &n, err);
    if (rc == ERR_NOT_FOUND)
        rc = fs_replace(s->fs, s->dir, path, format_text, sizeof format_text - 1, err);
    else if (rc == 0 && !format_is_ours(str_of(text, n)))
        rc = format_refuse(path, str_of(text, n), err);
    free(text);
    free(path);
    return rc;
}

static int make_dirs(struct store *s, struct err *err)
{
    int rc = fs_make_dir(s->fs, s->table_dir, err);
    if (rc == 0)
        rc = fs_make_dir(s->fs, s->wal_dir, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, s->table_dir, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, s->dir, err);
    return rc;
}

/* The directory itself must outlive a crash, not only what is in it. */
static int make_data_dir(struct store *s, struct err *err)
{
    int rc = fs_make_dirs(s->fs, s->dir, err);
    if (rc != 0)
        return rc;
    char *parent = str_dup(str_c(s->dir));
    if (!parent)
        return no_memory(err);
    size_t n = strlen(parent);
    while (n > 1 && parent[n - 1] == '/')
        n--;
    while (n > 0 && parent[n - 1] != '/')
        n--;
    while (n > 1 && parent[n - 1] == '/')
        n--;
    parent[n] = '\0';
    rc = fs_sync_dir(s->fs, n ? parent : ".", err);
    free(parent);
    return rc == ERR_DENIED ? 0 : rc; // a parent that we may not read was there before us
}

/* Sequence numbers go on above those that a tombstone speaks of, even if their parts are gone. */
static int open_tombstones(struct store *s, struct err *err)
{
    struct err damage = {0};
    int rc = tombstones_load(&s->tombstones, &damage);
    if (rc == ERR_CORRUPT)
        log_error("store", "the list of deletions is damaged; deleted rows may be visible again",
                  LOG_STR("error", damage.message));
    else if (rc != 0)
        return err_set(err, rc, "%s", damage.message);
    s->seq = MAX(s->seq, tombstones_seq(&s->tombstones));
    return 0;
}

/* Files beside the samples that are damaged are left behind. */
static void note_lost(int rc, const struct err *why)
{
    if (rc == ERR_CORRUPT)
        log_warn("store", "a file is lost", LOG_STR("error", why->message));
}

static int open_files(struct store *s, struct err *err)
{
    int rc = make_data_dir(s, err);
    if (rc == 0)
        rc = take_lock(s, err);
    if (rc == 0)
        rc = check_format(s, err);
    if (rc == 0)
        rc = make_dirs(s, err);
    if (rc == 0)
        rc = partitions_open(s, err);
    if (rc == 0)
        rc = aggregates_open(s, err);
    if (rc != 0)
        return rc;
    rc = open_tombstones(s, err);
    if (rc != 0)
        return rc;
    snapshots_clean(s);
    struct err damage = {0};
    rc = metadata_load(&s->metadata, s->fs, s->metadata_path, &damage);
    if (rc == 0 || rc == ERR_CORRUPT) {
        note_lost(rc, &damage);
        rc = exemplars_load(&s->exemplars, s->fs, s->exemplars_path, &damage);
    }
    note_lost(rc, &damage);
    return rc == 0 || rc == ERR_CORRUPT ? 0 : err_set(err, rc, "%s", damage.message);
}

/* --- open and close --------------------------------------------------------------------------- */

static int init(struct store *s, const struct store_options *o)
{
    s->fs = o->fs ? o->fs : fs_real();
    s->durability = o->durability;
    s->now_unix_ms = o->now_unix_ms;
    s->background = o->background;
    exemplars_init(&s->exemplars, o->max_exemplars ? o->max_exemplars : DEFAULT_MAX_EXEMPLARS);
    metadata_init(&s->metadata);
    lock_init(&s->aggregate, LOCK_STORE_ROLLUP);
    lock_init(&s->table, LOCK_STORE_TABLE);
    rwlock_init(&s->evict, LOCK_STORE_EVICT);
    rwlock_init(&s->gate, LOCK_STORE_GATE);
    lock_init(&s->heads_lock, LOCK_STORE_HEADS);
    lock_init(&s->parts_lock, LOCK_STORE_PARTS);
    chunk_cache_init(&s->chunks, CHUNK_CACHE_BYTES);
    lock_init(&s->scratch_lock, LOCK_LEAF);
    lock_init(&s->state_lock, LOCK_LEAF);
    lock_init(&s->wake_lock, LOCK_LEAF);
    cond_init(&s->wake);
    records_background_init(s);
    replay_rest_init(&s->rest);
    int rc = streams_init(&s->streams, 0);
    keep_init(s);
    if (guard_init(&s->guard) != 0)
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = set_limits(s, o);
    s->last_cut_mono_ns = time_now_mono_ns();
    atomic_set_relaxed(&s->last_flush_mono_ns, s->last_cut_mono_ns);
    if (rc == 0)
        rc = make_paths(s, o->dir);
    return rc == 0 ? tombstones_init(&s->tombstones, s->fs, s->table_dir) : rc;
}

int store_open(const struct store_options *options, struct store **out, struct err *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    int rc = init(s, options) == 0 ? open_files(s, err) : no_memory(err);
    if (rc == 0)
        rc = records_open(s, options, err);
    if (rc != 0) {
        store_abandon(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* Rows that stay in the log are slow to read, and would be replayed again. */
static bool is_log_in_use(const struct store *s)
{
    for (size_t i = 0; i < s->n_live; i++)
        if (s->live[i]->n_maps)
            return true;
    return false;
}

int store_replay(struct store *s, char **out_note, struct err *err)
{
    uint64_t records = 0;
    int rc = replay_log(s, out_note, err);
    if (rc == 0)
        rc = records_replay(s, &records, err);
    if (rc == 0)
        rc = guard_restore(s, err);
    if (rc != 0)
        return rc;
    if (records)
        log_info("store", "replayed spans and log records", LOG_INT("rows", records));
    if (is_log_in_use(s))
        background_want_flush(s);
    atomic_set_release(&s->replayed, true); // pairs with the acquire of appends and reads
    rc = s->background ? background_start(s, err) : replay_rest_run(s, err);
    if (rc != 0)
        replay_rest_cancel(&s->rest);
    return rc;
}

void store_cancel_replay(struct store *s)
{
    atomic_set_relaxed(&s->cancelled, true);
}

void store_abandon(struct store *s)
{
    background_stop(s);
    for (size_t i = 0; i < s->n_live; i++)
        head_unref(s->live[i]);
    for (size_t i = 0; i < s->n_frozen; i++)
        head_unref(s->frozen[i]);
    free(s->live);
    free(s->frozen);
    records_abandon(s);
    partitions_close(s);
    aggregates_close(s);
    chunk_cache_done(&s->chunks); // the parts that it has chunks of are gone
    append_done(s);
    wal_done(&s->wal);
    wal_losses_done(&s->losses);
    streams_done(&s->streams);
    exemplars_done(&s->exemplars);
    metadata_done(&s->metadata);
    tombstones_done(&s->tombstones);
    keep_done(s);
    guard_done(&s->guard);
    (void)fs_close(&s->lock_file, NULL); // gives the lock back; its content does not count
    records_background_done(s);
    replay_rest_free(&s->rest);
    cond_done(&s->wake);
    lock_done(&s->wake_lock);
    lock_done(&s->state_lock);
    lock_done(&s->scratch_lock);
    lock_done(&s->parts_lock);
    lock_done(&s->heads_lock);
    rwlock_done(&s->gate);
    rwlock_done(&s->evict);
    lock_done(&s->table);
    lock_done(&s->aggregate);
    free(s->dir);
    free(s->table_dir);
    free(s->wal_dir);
    free(s->metadata_path);
    free(s->exemplars_path);
    free(s);
}

int store_close(struct store *s, struct err *err)
{
    if (!s)
        return 0;
    background_stop(s);
    int rc = 0;
    if (store_is_replayed(s))
        rc = store_flush(s, err);
    else if (atomic_get_acquire(&s->replayed)) // pairs with the release at the end of store_replay
        rc = records_flush(s, err);            // samples stay in the log
    store_abandon(s);
    return rc;
}

/* --- live heads ------------------------------------------------------------------------------- */

size_t heads_live_count(struct store *s)
{
    lock_take(&s->heads_lock);
    size_t n = s->n_live;
    lock_give(&s->heads_lock);
    return n;
}

int heads_push(struct head ***v, size_t *n, size_t *cap, struct head *h)
{
    if (*n == *cap) {
        size_t bigger = *cap ? *cap * 2 : 8;
        struct head **p = realloc(*v, bigger * sizeof(struct head *));
        if (!p)
            return ERR_NOMEM;
        *v = p;
        *cap = bigger;
    }
    (*v)[(*n)++] = h;
    return 0;
}

static struct head *head_of_day(struct store *s, struct head ***v, size_t *n, size_t *cap,
                                int64_t day, uint64_t seq)
{
    for (size_t i = 0; i < *n; i++)
        if ((*v)[i]->day == day)
            return (*v)[i];
    struct head *h = head_new(day, &s->head_bytes);
    if (h && heads_push(v, n, cap, h) != 0) {
        head_unref(h);
        return NULL;
    }
    if (h)
        atomic_set_relaxed(&h->seq, seq);
    return h;
}

int heads_get(struct store *s, int64_t day, struct head **out, struct err *err)
{
    lock_take(&s->heads_lock);
    *out = head_of_day(s, &s->live, &s->n_live, &s->cap_live, day, UINT64_MAX);
    lock_give(&s->heads_lock);
    return *out ? 0 : err_set(err, ERR_NOMEM, "append: out of memory");
}

int heads_get_rest(struct store *s, int64_t day, struct head **out, struct err *err)
{
    lock_take(&s->heads_lock);
    *out = head_of_day(s, &s->frozen, &s->n_frozen, &s->cap_frozen, day, s->rest.seq);
    lock_give(&s->heads_lock);
    return *out ? 0 : err_set(err, ERR_NOMEM, "replay: out of memory");
}
