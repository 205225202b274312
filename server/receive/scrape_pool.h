/* One job: where its targets come from, and a loop for each of them. Private to the manager, whose
 * lock guards everything here but what a task calls its own. */
#ifndef TELLTALE_RECEIVE_SCRAPE_POOL_H
#define TELLTALE_RECEIVE_SCRAPE_POOL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "receive/discovery.h"
#include "receive/schedule.h"
#include "receive/scrape.h"

struct scrape_http;
struct scrape_loop;
struct scrape_pool;
struct scrape_settings;

/* A file_sd or http_sd entry: a task that looks for new target groups. It outlives a reload that
 * leaves its own configuration alone. */
struct scrape_source {
    struct task task;
    struct scrape_manager *manager;   /* borrowed */
    struct scrape_settings *settings; /* a reference: owns the configuration below */
    const struct file_sd_config *file;
    const struct http_sd_config *http; /* one of the two */
    struct str key;                    /* equal for equal configurations; owned */
    atomic_bool stop;                  /* cancels the fetch in progress */

    struct scrape_pool *pool; /* NULL when no longer wanted; guarded by the manager's lock */
    struct arena arena;       /* owns the groups; written by the task with the manager's lock */
    struct target_groups groups;

    /* Of the running task alone. */
    struct scrape_http *client;
    uint64_t stamp; /* of the files when last read */
    int64_t refreshed_mono_ns;
    struct scrape_source *next; /* of a list of those to be freed */
};

struct scrape_pool {
    struct scrape_settings *settings; /* a reference */
    struct map loops;                 /* target's hash -> scrape_loop, owned */
    struct scrape_source **sources;   /* owned */
    size_t n_sources;
    struct arena dropped_arena; /* owns the next */
    struct labels *dropped;     /* discovered labels, at most keep_dropped_targets */
    size_t n_dropped, n_dropped_all;
    uint64_t generation; /* counts synchronisations */
};

/* What a change under the lock leaves to be ended after it: that waits for tasks. */
struct scrape_leavings {
    struct scrape_loop *loops;
    struct scrape_source *sources;
    int64_t t_unix_ms; /* of the change: the time of the stale markers */
};

/* Takes the reference to `settings` on success. Sources are made but not started. */
int scrape_pool_new(struct scrape_manager *m, struct scrape_settings *settings,
                    struct scrape_pool **out, struct err *err);

/* Frees the pool's own; loops and sources left in it were never started or are out of the
 * schedule. */
void scrape_pool_free(struct scrape_pool *p);

/* Makes `p` follow `old` (NULL: none): takes its loops, and its sources where they are configured
 * alike; what is left of them goes to `out`. Starts the new sources. */
void scrape_pool_follow(struct scrape_pool *p, struct scrape_pool *old, struct schedule *schedule,
                        struct scrape_leavings *out);

/* Makes the loops those of the targets that are discovered now. */
void scrape_pool_sync(struct scrape_pool *p, struct schedule *schedule,
                      const struct scrape_options *options, struct scrape_leavings *out);

/* Gives up all loops and sources. */
void scrape_pool_leave(struct scrape_pool *p, struct scrape_leavings *out);

/* Stops, ends with stale markers when `stale`, and frees what was left. Without the lock. */
void scrape_leavings_end(struct scrape_leavings *left, struct schedule *schedule, bool stale);

/* The manager's part of a source's run: the new groups take the place of the old, the pool follows.
 * Takes the arena. Takes and gives the manager's lock. */
void scrape_manager_replace_groups(struct scrape_manager *m, struct scrape_source *s,
                                   struct arena *arena, const struct target_groups *groups);
const struct scrape_options *scrape_manager_options(const struct scrape_manager *m);

#endif
