#include "store/embedded/replay_rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/engine.h"

void replay_rest_init(struct replay_rest *rest)
{
    lock_init(&rest->lock, LOCK_LEAF);
    cond_init(&rest->changed);
    rest->state = REST_DONE;
    atomic_set_relaxed(&rest->done, true);
}

void replay_rest_free(struct replay_rest *rest)
{
    cond_done(&rest->changed);
    lock_done(&rest->lock);
}

static void set_locked(struct replay_rest *rest, enum replay_rest_state state, const char *reason)
{
    rest->state = state;
    (void)snprintf(rest->reason, sizeof rest->reason, "%.*s", (int)sizeof rest->reason - 1, reason);
    atomic_set_release(&rest->done, state == REST_DONE); // pairs with the acquire of waiting
    cond_broadcast(&rest->changed);
}

static void set_state(struct replay_rest *rest, enum replay_rest_state state, const char *reason)
{
    lock_take(&rest->lock);
    set_locked(rest, state, reason);
    lock_give(&rest->lock);
}

void replay_rest_want(struct replay_rest *rest, const struct wal_place *upto, uint64_t seq)
{
    rest->upto = *upto;
    rest->seq = seq;
    set_state(rest, REST_WANTED, "");
}

void replay_rest_cancel(struct replay_rest *rest)
{
    lock_take(&rest->lock);
    if (rest->state != REST_DONE)
        set_locked(rest, REST_CANCELLED, "");
    lock_give(&rest->lock);
}

/* --- replaying -------------------------------------------------------------------------------- */

/* So that the next attempt begins with nothing. No flush runs, so there are no others. */
static void drop_heads(struct store *s)
{
    lock_take(&s->heads_lock);
    struct head **v = s->frozen;
    size_t n = s->n_frozen;
    s->frozen = NULL;
    s->n_frozen = s->cap_frozen = 0;
    lock_give(&s->heads_lock);
    for (size_t i = 0; i < n; i++) {
        head_unlink(v[i], &s->streams);
        head_unref(v[i]);
    }
    free(v);
    evict_idle_groups(s, UINT32_MAX); // the replay's
}

int replay_rest_run(struct store *s, struct err *err)
{
    struct replay_rest *rest = &s->rest;
    struct err why = {0};
    uint64_t rows = 0;
    int64_t began = time_now_mono_ns();
    if (store_is_replayed(s))
        return 0;
    set_state(rest, REST_WANTED, "");
    int rc = replay_log_before(s, &rest->upto, &rows, &why);
    if (rc == 0) {
        set_state(rest, REST_DONE, "");
        flush_note_outcome(s, "");
        log_info("store", "replayed the older rows of the log", LOG_INT("rows", rows),
                 LOG_INT("took_ms", (time_now_mono_ns() - began) / NS_PER_MS));
        return 0;
    }
    drop_heads(s);
    flush_note_outcome(s, why.message); // there can be none before this is done
    set_state(rest, rc == ERR_CANCELLED ? REST_CANCELLED : REST_FAILED, why.message);
    return err_set(err, rc, "%s", why.message);
}

/* --- waiting ---------------------------------------------------------------------------------- */

bool store_is_replayed(const struct store *s)
{
    /* Both pair with the releases at the ends of the two steps. */
    return atomic_get_acquire(&s->replayed) && atomic_get_acquire(&s->rest.done);
}

static int wait_locked(struct replay_rest *rest, struct err *err)
{
    int rc = 0;
    while (rest->state == REST_WANTED)
        cond_wait(&rest->changed, &rest->lock);
    if (rest->state == REST_FAILED)
        rc = err_set(err, ERR_BUSY,
                     "older rows of the write-ahead log cannot be read; it will be tried again: %s",
                     rest->reason);
    else if (rest->state == REST_CANCELLED)
        rc = err_set(err, ERR_BUSY, "the store is being closed");
    return rc;
}

/* 1: the first step is done, but not the second. */
static int look(const struct store *s, struct err *err)
{
    if (LIKELY(store_is_replayed(s)))
        return 0;
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of store_replay
        return err_set(err, ERR_BUSY, "the write-ahead log is being replayed");
    return 1;
}

int replay_wait(struct store *s, struct err *err)
{
    int rc = look(s, err);
    if (rc <= 0)
        return rc;
    lock_take(&s->rest.lock);
    rc = wait_locked(&s->rest, err);
    lock_give(&s->rest.lock);
    return rc;
}

int replay_wait_for(struct store *s, int64_t min_ms, struct err *err)
{
    struct replay_rest *rest = &s->rest;
    int rc = look(s, err);
    if (rc <= 0)
        return rc;
    if (min_ms > rest->upto.latest_ms)
        return 0;
    lock_take(&rest->lock);
    if (rest->waiting == REST_WAITING_MAX && rest->state == REST_WANTED) {
        rc = err_set(err, ERR_BUSY, "older rows of the write-ahead log are being replayed");
    } else {
        rest->waiting++;
        rc = wait_locked(rest, err);
        rest->waiting--;
    }
    lock_give(&rest->lock);
    return rc;
}
