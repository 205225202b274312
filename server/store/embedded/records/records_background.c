/* The threads of the record tables: "records" flushes when a head is full or old, "records-merge"
 * merges and applies the retention. Each waits for a wish or for some seconds. */
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/engine.h"
#include "store/embedded/records/records.h"

#define TICK_NS (10 * NS_PER_S) // how long a due time may be missed
#define RETRY_NS (5 * NS_PER_S) // after a failure

void records_background_want_flush(void *store)
{
    struct records_background *b = &((struct store *)store)->records_background;
    lock_take(&b->lock);
    if (!b->flush_wanted) {
        b->flush_wanted = true;
        cond_broadcast(&b->wake);
    }
    lock_give(&b->lock);
}

/* Waits for the wish (NULL: for nothing else), the end or the deadline; false at the end. */
static bool wait_for(struct records_background *b, bool *wish, int64_t deadline_mono_ns)
{
    lock_take(&b->lock);
    while (!b->stop && !(wish && *wish))
        if (!cond_wait_until(&b->wake, &b->lock, deadline_mono_ns))
            break;
    if (wish)
        *wish = false;
    bool go_on = !b->stop;
    lock_give(&b->lock);
    return go_on;
}

void records_background_want_merge(struct store *s)
{
    struct records_background *b = &s->records_background;
    lock_take(&b->lock);
    b->merge_wanted = true;
    cond_broadcast(&b->wake);
    lock_give(&b->lock);
}

static int64_t next_look(bool failed)
{
    return time_now_mono_ns() + (failed ? RETRY_NS : TICK_NS);
}

static void run_flushes(void *arg)
{
    struct store *s = arg;
    struct records_background *b = &s->records_background;
    bool failed = false;
    while (wait_for(b, failed ? NULL : &b->flush_wanted, next_look(failed))) {
        struct err err = {0};
        bool due = records_is_flush_due(s);
        failed = due && records_flush(s, &err) != 0;
        if (failed)
            log_error("store", "a flush of spans or logs failed; it will be tried again",
                      LOG_STR("error", err.message));
        else if (due)
            records_background_want_merge(s);
    }
}

static void run_merges(void *arg)
{
    struct store *s = arg;
    struct records_background *b = &s->records_background;
    bool failed = false;
    while (wait_for(b, failed ? NULL : &b->merge_wanted, next_look(failed))) {
        struct err err = {0};
        int rc = records_maintain(s, false, &err);
        failed = rc != 0 && rc != ERR_CANCELLED;
        if (failed)
            log_error("store", "a merge of spans or logs failed; it will be tried again",
                      LOG_STR("error", err.message));
    }
}

void records_background_init(struct store *s)
{
    lock_init(&s->records_background.lock, LOCK_LEAF);
    cond_init(&s->records_background.wake);
}

void records_background_done(struct store *s)
{
    cond_done(&s->records_background.wake);
    lock_done(&s->records_background.lock);
}

int records_background_start(struct store *s, struct err *err)
{
    int rc = thread_start(&s->records_background.flush, "records", run_flushes, s, err);
    return rc == 0 ? thread_start(&s->records_background.merge, "records-merge", run_merges, s, err)
                   : rc;
}

void records_background_stop(struct store *s)
{
    struct records_background *b = &s->records_background;
    for (int i = 0; i < RECORD_TABLES; i++)
        if (s->records[i])
            atomic_set_relaxed(&s->records[i]->stopping, true);
    lock_take(&b->lock);
    b->stop = true;
    cond_broadcast(&b->wake);
    lock_give(&b->lock);
    thread_join(&b->flush);
    thread_join(&b->merge);
}
