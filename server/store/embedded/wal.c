#include "store/embedded/wal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/bytes.h"
#include "store/embedded/wal_segment.h"

static struct self_metric wal_bytes_total =
    SELF_COUNTER("telltale_store_wal_bytes_total", "Bytes written to the write-ahead log.");
static struct self_metric wal_sync_seconds =
    SELF_HISTOGRAM("telltale_store_wal_sync_seconds", "Time of one sync of the write-ahead log.");
static struct self_metric wal_failures_total =
    SELF_COUNTER("telltale_store_wal_failures_total",
                 "Writes and syncs of the write-ahead log that failed, by operation.", "operation");

void wal_init(struct wal *w, const struct fs *fs, const char *dir, bool durable, uint32_t segment)
{
    *w = (struct wal){.fs = fs, .dir = dir, .durable = durable, .segment = segment - 1};
    lock_init(&w->lock, LOCK_STORE_WAL);
    cond_init(&w->synced_more);
}

void wal_done(struct wal *w)
{
    if (!w->fs)
        return;
    (void)fs_close(&w->file, NULL); // what counts was written or synced before
    (void)fs_close(&w->next, NULL);
    cond_done(&w->synced_more);
    lock_done(&w->lock);
    *w = (struct wal){0};
}

static void note_failure(struct wal *w, const char *operation, const struct err *e)
{
    self_add(&wal_failures_total, 1, operation);
    (void)snprintf(w->reason, sizeof w->reason, "%.*s", (int)sizeof w->reason - 1, e->message);
}

static void fail(struct wal *w)
{
    w->failed = true;
    w->lost_segment = w->segment;
    w->lost_after = w->synced;
}

/* --- segments --------------------------------------------------------------------------------- */

static int create_segment(struct wal *w, uint32_t segment, uint64_t nonce, struct fs_file *out,
                          struct err *err)
{
    char *path = wal_segment_path(w->dir, segment);
    if (!path)
        return err_set(err, ERR_NOMEM, "new log segment: out of memory");
    char header[WAL_SEGMENT_HEADER];
    wal_make_header(header, segment, nonce);
    struct fs_file f = {0};
    int rc = fs_open(w->fs, path, FS_NEW, &f, err);
    if (rc == 0)
        rc = fs_write_at(&f, header, sizeof header, 0, err);
    /* Otherwise the name may go with the rows that a crash of the machine takes; and to sync the
     * directory would wait, on a journaling file system, for all that was written to the log. */
    if (rc == 0 && w->durable)
        rc = fs_sync(&f, err);
    if (rc == 0 && w->durable)
        rc = fs_sync_dir(w->fs, w->dir, err);
    if (rc == 0)
        *out = f;
    if (rc != 0 && f.fs) { // the first failure is the one to report
        (void)fs_close(&f, NULL);
        (void)fs_remove(w->fs, path, NULL);
    }
    free(path);
    return rc;
}

int wal_prepare(struct wal *w, struct err *err)
{
    lock_take(&w->lock);
    bool ready = w->next.fs != NULL;
    uint32_t segment = w->segment + 1;
    lock_give(&w->lock);
    if (ready)
        return 0;

    uint64_t nonce =
        hash_combine(hash_process_seed(), hash_combine(segment, (uint64_t)time_now_mono_ns()));
    struct fs_file f;
    int rc = create_segment(w, segment, nonce, &f, err);
    if (rc != 0)
        return rc;
    lock_take(&w->lock);
    w->next = f;
    w->next_nonce = nonce;
    lock_give(&w->lock);
    return 0;
}

static int sync_rest(struct wal *w, struct err *err)
{
    struct err e = {0};
    int rc = fs_sync(&w->file, &e);
    if (rc == 0)
        return 0;
    note_failure(w, "sync", &e);
    fail(w);
    return err_set(err, rc, "%s", e.message);
}

int wal_rotate(struct wal *w, struct err *err)
{
    lock_take(&w->lock);
    while (w->syncing)
        cond_wait(&w->synced_more, &w->lock);
    int rc = 0;
    if (NEVER(!w->next.fs))
        rc = err_set(err, ERR_INTERNAL, "no log segment was made ready");
    /* Those who wait in wal_sync for the old segment are served by this sync. A segment that has
     * failed before cannot be synced; its waiters have their error. */
    if (rc == 0 && w->durable && w->file.fs && !w->failed && w->synced < w->size)
        rc = sync_rest(w, err);
    if (rc == 0) {
        (void)fs_close(&w->file, NULL); // synced, or as durable as asked for
        w->file = w->next;
        w->next = (struct fs_file){0};
        w->nonce = w->next_nonce;
        w->segment++;
        w->old_bytes += w->size; // the size is 0 before the first segment
        w->size = w->synced = WAL_SEGMENT_HEADER;
        w->failed = w->full = false;
        cond_broadcast(&w->synced_more);
    }
    lock_give(&w->lock);
    return rc;
}

int wal_begin(struct wal *w, struct err *err)
{
    struct err e = {0};
    int rc = wal_prepare(w, &e);
    if (rc == 0)
        return wal_rotate(w, err);
    if (rc != ERR_BUSY)
        return err_set(err, rc, "%s", e.message);
    lock_take(&w->lock);
    note_failure(w, "write", &e);
    w->full = true;
    lock_give(&w->lock);
    log_warn("store",
             "the disk is full: questions are answered, writes are refused until it is not",
             LOG_STR("error", e.message));
    return 0;
}

int wal_remove_before(struct wal *w, uint32_t segment, struct err *err)
{
    uint32_t *v = NULL;
    size_t n = 0;
    int rc = wal_list(w->fs, w->dir, &v, &n, err);
    bool removed = false;
    for (size_t i = 0; rc == 0 && i < n && v[i] < segment; i++) {
        char *path = wal_segment_path(w->dir, v[i]);
        rc = path ? fs_remove(w->fs, path, err) : err_set(err, ERR_NOMEM, "out of memory");
        removed |= rc == 0;
        free(path);
    }
    free(v);
    if (removed && rc == 0)
        rc = fs_sync_dir(w->fs, w->dir, err);
    lock_take(&w->lock);
    if (rc == 0 && segment == w->segment)
        w->old_bytes = 0;
    lock_give(&w->lock);
    return rc;
}

/* --- appending -------------------------------------------------------------------------------- */

void wal_record_begin(struct buf *record)
{
    if (buf_reserve(record, WAL_RECORD_HEADER))
        buf_advance(record, WAL_RECORD_HEADER);
}

/* Cuts off what a failed write may have left. A full disk is not a failure of the log: the next
 * append tries again. */
static int undo_write(struct wal *w, int rc, struct err *e)
{
    note_failure(w, "write", e);
    struct err cut = {0};
    if (fs_truncate(&w->file, w->size, &cut) != 0 || rc != ERR_BUSY) {
        fail(w);
        return e->code = ERR_IO;
    }
    w->full = true;
    return rc;
}

static int write_locked(struct wal *w, struct buf *record, struct wal_position *out,
                        struct err *err)
{
    if (!w->file.fs && w->full)
        return err_set(err, ERR_BUSY, "%s", w->reason);
    if (w->failed || !w->file.fs)
        return err_set(err, ERR_IO, "the write-ahead log has failed: %s", w->reason);
    struct err e = {0};
    int rc = fs_write_at(&w->file, record->p, record->n, w->size, &e);
    if (rc != 0) {
        rc = undo_write(w, rc, &e);
        return err_set(err, rc, "%s", e.message);
    }
    w->full = false;
    w->size += record->n;
    *out = (struct wal_position){w->segment, w->size};
    return 0;
}

int wal_append(struct wal *w, struct buf *record, struct wal_position *out, struct err *err)
{
    if (buf_failed(record) || record->n > WAL_RECORD_MAX)
        return err_set(err, ERR_TOO_BIG,
                       "the batch makes a log record over %d bytes or memory is short",
                       WAL_RECORD_MAX);
    size_t n = record->n - WAL_RECORD_HEADER;
    write_u32(record->p, WAL_RECORD_MAGIC);
    write_u32(record->p + 4, (uint32_t)n);
    /* The nonce changes in wal_rotate only, which runs alone. */
    write_u64(record->p + 8, wal_checksum(record->p + WAL_RECORD_HEADER, n, w->nonce));
    lock_take(&w->lock);
    int rc = write_locked(w, record, out, err);
    lock_give(&w->lock);
    if (rc == 0)
        self_add(&wal_bytes_total, record->n);
    return rc;
}

/* One sync for everything written so far; without the lock meanwhile. */
static void sync_once(struct wal *w)
{
    uint64_t upto = w->size;
    w->syncing = true;
    lock_give(&w->lock);
    struct err e = {0};
    int64_t began = time_now_mono_ns();
    int rc = fs_sync(&w->file, &e);
    self_observe(&wal_sync_seconds, (double)(time_now_mono_ns() - began) / 1e9);
    lock_take(&w->lock);
    w->syncing = false;
    if (rc == 0) {
        w->synced = upto;
    } else {
        note_failure(w, "sync", &e);
        fail(w); // the system may have thrown the pages away: nothing here counts any more
    }
    cond_broadcast(&w->synced_more);
}

int wal_sync(struct wal *w, struct wal_position position, struct err *err)
{
    int rc = 0;
    lock_take(&w->lock);
    for (;;) {
        bool lost = position.segment == w->lost_segment && position.end > w->lost_after;
        if (lost)
            rc = err_set(err, ERR_IO, "the write-ahead log has failed: %s", w->reason);
        if (lost || position.segment != w->segment || w->synced >= position.end)
            break; // an older segment was synced by wal_rotate
        if (w->syncing)
            cond_wait(&w->synced_more, &w->lock);
        else
            sync_once(w);
    }
    lock_give(&w->lock);
    return rc;
}

void wal_get_state(struct wal *w, struct wal_state *out)
{
    lock_take(&w->lock);
    *out =
        (struct wal_state){.bytes = w->old_bytes + w->size, .failed = w->failed, .full = w->full};
    if (w->failed || w->full)
        memcpy(out->reason, w->reason, sizeof out->reason);
    lock_give(&w->lock);
}

/* --- flushing --------------------------------------------------------------------------------- */

bool wal_has_news(struct wal *w)
{
    struct wal_state log;
    wal_get_state(w, &log);
    return log.failed || log.full || log.bytes > WAL_SEGMENT_HEADER;
}

int wal_cut(struct wal *w, struct rwlock *gate, int (*freeze)(void *self), void *self,
            struct err *err)
{
    int rc = wal_prepare(w, err);
    if (rc != 0)
        return rc;
    rwlock_take_write(gate);
    rc = wal_rotate(w, err);
    if (rc == 0 && freeze(self) != 0)
        rc = err_set(err, ERR_NOMEM, "flush: out of memory");
    rwlock_give(gate);
    return rc;
}
