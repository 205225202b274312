/* The thread of the metrics table ("store"): flushes when the head is full or old, merges, applies
 * the retention, and, when the log has failed, tries to get going again. */
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/engine.h"
#include "store/embedded/merge.h"
#include "store/embedded/records/records.h"
#include "store/embedded/retention.h"
#include "store/embedded/size_limit.h"

#define TICK_NS (10 * NS_PER_S) // how long a due time may be missed
#define RETRY_NS (5 * NS_PER_S) // after a failed flush

void background_want_flush(struct store *s)
{
    lock_take(&s->wake_lock);
    if (!s->flush_wanted) {
        s->flush_wanted = true;
        cond_signal(&s->wake);
    }
    lock_give(&s->wake_lock);
}

void background_want_look(struct store *s)
{
    lock_take(&s->wake_lock);
    s->look_wanted = true;
    cond_signal(&s->wake);
    lock_give(&s->wake_lock);
}

static bool is_flush_due(struct store *s)
{
    int64_t age_ns = time_now_mono_ns() - atomic_get_relaxed(&s->last_flush_mono_ns);
    struct wal_state log;
    wal_get_state(&s->wal, &log);
    return log.failed || log.full || flush_has_failed(s) ||
           age_ns / NS_PER_MS >= atomic_get_relaxed(&s->flush_after_ms) ||
           atomic_get_relaxed(&s->head_bytes) > atomic_get_relaxed(&s->head_max_bytes);
}

/* Also when nothing can be written: it frees space. */
static int expire(struct store *s, struct err *err)
{
    lock_take(&s->table);
    int rc = retention_apply(s, err);
    lock_give(&s->table);
    return rc == 0 ? size_limit_apply(s, SIZE_LIMIT_METRICS, err) : rc;
}

/* One part at a time, and no more once a flush is due: the rest can wait. */
static int expire_some(struct store *s, bool all, struct err *err)
{
    int rc = 1;
    while (rc == 1 && (all || !is_flush_due(s))) {
        lock_take(&s->table);
        rc = retention_rewrite(s, err);
        lock_give(&s->table);
    }
    return rc < 0 ? rc : 0;
}

int background_look(struct store *s, struct err *err)
{
    lock_take(&s->wake_lock);
    bool wanted = s->flush_wanted, stop = s->stop;
    s->flush_wanted = false;
    lock_give(&s->wake_lock);
    if (stop)
        return err_set(err, ERR_CANCELLED, "the store is being closed");
    return wanted || is_flush_due(s) ? flush_metrics(s, err) : 0;
}

/* What is rolled up too late is lost with its day: before the retention, but not a reason against
 * it. */
static int merge_and_expire(struct store *s, bool all, struct err *err)
{
    struct err first = {0};
    int rolled = aggregates_maintain(s, all, &first);
    int rc = expire(s, err);
    if (rc != 0)
        return rc;
    lock_take(&s->table);
    rc = merge_due(s, all, err);
    if (rc == 0)
        rc = tombstones_trim(s, err);
    lock_give(&s->table);
    if (rc == 0)
        rc = expire_some(s, all, err);
    return rc == 0 && rolled != 0 ? err_set(err, rolled, "%s", first.message) : rc;
}

int store_maintain(struct store *s, bool all, struct err *err)
{
    int rc = replay_wait(s, err);
    if (rc == 0 && (all || is_flush_due(s)))
        rc = flush_metrics(s, err);
    if (rc == 0 && (all || records_is_flush_due(s)))
        rc = records_flush(s, err);
    if (rc == 0)
        rc = merge_and_expire(s, all, err);
    if (rc == 0)
        rc = records_maintain(s, all, err);
    return rc == 0 ? size_limit_apply(s, SIZE_LIMIT_ALL, err) : rc;
}

/* Waits for a wish, the end, or the deadline; true when a flush of metrics is wanted. */
static bool wait_for_work(struct store *s, int64_t deadline_mono_ns, bool *out_stop)
{
    lock_take(&s->wake_lock);
    while (!s->stop && !s->flush_wanted && !s->look_wanted)
        if (!cond_wait_until(&s->wake, &s->wake_lock, deadline_mono_ns))
            break;
    bool wanted = s->flush_wanted;
    s->flush_wanted = s->look_wanted = false;
    *out_stop = s->stop;
    lock_give(&s->wake_lock);
    return wanted;
}

/* Waits even when flushes are wanted: for a disk that is full or gone. */
static bool pause_or_stop(struct store *s, int64_t deadline_mono_ns)
{
    lock_take(&s->wake_lock);
    while (!s->stop)
        if (!cond_wait_until(&s->wake, &s->wake_lock, deadline_mono_ns))
            break;
    bool stop = s->stop;
    lock_give(&s->wake_lock);
    return stop;
}

/* Rows that are left in the log are slow to read: they are flushed at once. False: the store is
 * being closed. */
static bool replay_older(struct store *s)
{
    struct err err = {0};
    bool any = !store_is_replayed(s), stop = false;
    int rc = replay_rest_run(s, &err);
    while (rc != 0 && rc != ERR_CANCELLED && !stop) {
        log_error("store", "older rows of the log cannot be replayed; it will be tried again",
                  LOG_STR("error", err.message));
        (void)expire(s, NULL); // the replay's error is the one to tell
        stop = pause_or_stop(s, time_now_mono_ns() + RETRY_NS);
        rc = stop ? rc : replay_rest_run(s, &err);
    }
    if (rc == 0 && any)
        background_want_flush(s);
    if (rc != 0)
        replay_rest_cancel(&s->rest);
    return rc == 0;
}

static void run(void *arg)
{
    struct store *s = arg;
    bool stop = false, failed = false, wanted = false;
    if (!replay_older(s))
        return;
    for (;;) {
        if (failed)
            stop = pause_or_stop(s, time_now_mono_ns() + RETRY_NS);
        else
            wanted = wait_for_work(s, time_now_mono_ns() + TICK_NS, &stop);
        if (stop)
            break;
        struct err err = {0};
        int rc = wanted || is_flush_due(s) ? flush_metrics(s, &err) : 0;
        if (rc == 0)
            rc = merge_and_expire(s, false, &err);
        else
            (void)expire(s, NULL); // the flush's error is the one to tell
        failed = rc != 0;
        if (failed)
            log_error("store", "flush, merge or retention failed; it will be tried again",
                      LOG_STR("error", err.message));
    }
}

int background_start(struct store *s, struct err *err)
{
    int rc = thread_start(&s->thread, "store", run, s, err);
    return rc == 0 ? records_background_start(s, err) : rc;
}

void background_stop(struct store *s)
{
    records_background_stop(s);
    store_cancel_replay(s);
    lock_take(&s->wake_lock);
    s->stop = true;
    cond_broadcast(&s->wake);
    lock_give(&s->wake_lock);
    thread_join(&s->thread);
}
