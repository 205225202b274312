/* One target's loop: a task that scrapes it at its interval and keeps its memory and its health. */
#ifndef TELLTALE_RECEIVE_SCRAPE_LOOP_H
#define TELLTALE_RECEIVE_SCRAPE_LOOP_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/atomic.h"
#include "base/err.h"
#include "base/lock.h"
#include "model/sink.h"
#include "receive/schedule.h"
#include "receive/scrape.h"
#include "receive/scrape_ingest.h"
#include "receive/target.h"

struct scrape_http;
struct scrape_settings;

/* What a loop is told to do; immutable and counted, because a reload replaces it while a scrape is
 * under way. */
struct scrape_order {
    struct refcount refs;
    struct arena arena;               /* owns the target */
    struct scrape_settings *settings; /* a reference */
    struct target target;
    size_t n_targets_over; /* 0, or: the job has so many targets, over its target_limit */
};

struct scrape_loop {
    struct task task;
    const struct scrape_options *options; /* borrowed, defaults filled in */
    uint64_t hash;                        /* the target's */
    atomic_bool stop;                     /* cancels the fetch in progress */

    struct lock lock; /* guards the next group */
    struct scrape_order *order;
    enum target_health health;
    char last_error[ERR_MESSAGE_MAX];
    int64_t last_scrape_unix_ms;
    double last_duration_s;

    /* Of the running task alone. */
    struct scrape_memory memory; /* its metadata has a lock of its own */
    struct scrape_http *http;    /* NULL until the first fetch, and after the settings changed */
    struct scrape_order *done;   /* the order of the last scrape */

    /* Of the pool: guarded by the manager's lock. */
    uint64_t generation; /* the last synchronisation that wanted this target */
    struct scrape_loop *next;
};

/* An idle task. Copies the target. NULL when out of memory. */
struct scrape_loop *scrape_loop_new(const struct scrape_options *options,
                                    struct scrape_settings *settings, const struct target *target,
                                    size_t n_targets_over);

/* New orders for the next scrape on; `target` has the loop's hash. Returns 1; 0 when the orders are
 * the same as before; ERR_NOMEM: the old orders stay. Threads: any. */
int scrape_loop_update(struct scrape_loop *l, struct scrape_settings *settings,
                       const struct target *target, size_t n_targets_over);

/* When the target is to be scraped next: at a moment of its interval that depends on the target
 * alone, so that all targets together spread over it and each keeps its moment through restarts.
 * Measured by the wall clock each time, so that it does not drift away. */
int64_t scrape_loop_next_mono_ns(const struct target *t, uint64_t offset_seed, int64_t now_mono_ns,
                                 int64_t now_unix_ns);

/* The time a sample gets: the target's moment when the scrape began close to it (2 ms, or a
 * hundredth of a short interval), so that samples lie evenly and compress well; else the time. */
int64_t scrape_loop_sample_time_ms(const struct target *t, uint64_t offset_seed,
                                   int64_t now_unix_ms);

/* Ends the target's series with stale markers at this time. The task is out of the schedule. */
void scrape_loop_end(struct scrape_loop *l, int64_t t_unix_ms);

void scrape_loop_free(struct scrape_loop *l);

/* Copies what the API shows. Threads: any. */
void scrape_loop_info(struct scrape_loop *l, struct arena *arena, struct target_info *out);

#endif
