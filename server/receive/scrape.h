/* Scraping: finds targets (static, files, HTTP), fetches each at its interval and hands what it
 * exposes to a sink.
 *
 *   scrape_config ─▶ pool ─▶ discovered groups ─relabel─▶ targets ─▶ one loop each
 *   loop: fetch ─▶ parse ─relabel─▶ batch (+ up, scrape_*, stale markers) ─▶ sink
 *
 * Loops are tasks of one schedule whose threads grow with need, up to a limit: a target that hangs
 * holds a thread until its timeout, an idle one holds none. */
#ifndef TELLTALE_RECEIVE_SCRAPE_H
#define TELLTALE_RECEIVE_SCRAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/scrape_config.h"
#include "model/labels.h"
#include "model/sample.h"

struct buf;
struct sink;
struct scrape_manager;

struct scrape_options {
    const struct sink *sink; /* borrowed, outlives the manager */
    unsigned max_threads;    /* 0: 64 */
    size_t max_groups_bytes; /* of one discovery file or answer; 0: 64 MiB */
    uint64_t offset_seed;    /* moves the offsets of all targets; 0 is fine */
    int64_t file_poll_ms;    /* how often discovery files are looked at; 0: 5,000 */
    const char *user_agent;  /* NULL: "telltale" */
};

/* Starts with no targets. ERR_NOMEM, ERR_IO (no thread). */
int scrape_manager_new(const struct scrape_options *options, struct scrape_manager **out,
                       struct err *err);

/* Makes the running set of jobs this one, all or nothing: ERR_INVALID names the job and key, and
 * everything runs on as before. Copies `configs`. Targets that stay keep their loop, their schedule
 * and their memory of series; series of those that go end with stale markers. Threads: one caller
 * at a time. */
int scrape_manager_apply(struct scrape_manager *m, const struct scrape_config *configs, size_t n,
                         struct err *err);

/* Cancels running scrapes, waits for them, frees. Writes no stale markers, as Prometheus does not:
 * after a restart the series simply go on. NULL is fine. */
void scrape_manager_free(struct scrape_manager *m);

/* ---- What the API shows ---- */

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };

struct target_info {
    struct labels discovered;         /* before relabelling */
    struct labels labels;             /* as series get them */
    struct str pool, url, last_error; /* last_error: empty when the last scrape went well */
    enum target_health health;
    int64_t last_scrape_unix_ms; /* 0: never */
    double last_duration_s;
    int64_t interval_ms, timeout_ms;
};

struct dropped_target {
    struct labels discovered;
    struct str pool;
};

struct scrape_pool_info {
    struct str name;
    size_t n_active, n_dropped; /* n_dropped counts those beyond keep_dropped_targets too */
};

struct target_list {
    const struct target_info *active;     /* by pool, then URL */
    const struct dropped_target *dropped; /* at most keep_dropped_targets a pool */
    const struct scrape_pool_info *pools; /* by name */
    size_t n_active, n_dropped, n_pools;
};

/* A copy in the arena. ERR_NOMEM. Threads: any. */
int scrape_manager_targets(struct scrape_manager *m, struct arena *arena, struct target_list *out,
                           struct err *err);

/* The configuration of a job, a copy in the arena. ERR_NOT_FOUND, ERR_NOMEM. Threads: any. */
int scrape_manager_config(struct scrape_manager *m, struct str job, struct arena *arena,
                          struct scrape_config *out, struct err *err);

struct target_metadata {
    struct labels target;
    struct metric_metadata metadata;
};

/* What the targets told of their metric families at their last scrapes, a copy in the arena, at
 * most `limit` of them. `metric`: only this family; empty: all. ERR_NOMEM. Threads: any. */
int scrape_manager_metadata(struct scrape_manager *m, struct str metric, size_t limit,
                            struct arena *arena, const struct target_metadata **out, size_t *out_n,
                            struct err *err);

/* Appends a line for each target of the configuration's static_configs that relabelling does not
 * make one of; their number. */
size_t scrape_check_targets(const struct scrape_config *config, struct buf *out);

#endif
