/* The manager holds the pools, by name, under one lock. A change of configuration is worked out
 * before the lock, made under it, and what it leaves behind is ended after it: nothing waits for a
 * task while it holds the lock, since tasks of discovery take it. */
#include "receive/scrape.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/time.h"
#include "receive/schedule.h"
#include "receive/scrape_loop.h"
#include "receive/scrape_pool.h"
#include "receive/scrape_settings.h"

struct scrape_manager {
    struct scrape_options options; /* defaults filled in */
    struct schedule *schedule;     /* owned */
    struct lock lock;              /* guards the rest */
    struct scrape_pool **pools;    /* owned, sorted by name */
    size_t n_pools;
};

const struct scrape_options *scrape_manager_options(const struct scrape_manager *m)
{
    return &m->options;
}

int scrape_manager_new(const struct scrape_options *options, struct scrape_manager **out,
                       struct err *err)
{
    struct scrape_manager *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory for scraping");
    struct scrape_options *o = &m->options;
    *o = *options;
    o->max_threads = o->max_threads ? o->max_threads : 64;
    o->max_groups_bytes = o->max_groups_bytes ? o->max_groups_bytes : 64u << 20;
    o->file_poll_ms = o->file_poll_ms ? o->file_poll_ms : 5000;
    o->user_agent = o->user_agent ? o->user_agent : "telltale";
    lock_init(&m->lock, LOCK_SCRAPE);
    int rc = schedule_new(o->max_threads, &m->schedule, err);
    if (rc != 0) {
        lock_done(&m->lock);
        free(m);
        return rc;
    }
    *out = m;
    return 0;
}

void scrape_manager_free(struct scrape_manager *m)
{
    if (!m)
        return;
    struct scrape_leavings left = {0};
    lock_take(&m->lock);
    for (size_t i = 0; i < m->n_pools; i++)
        scrape_pool_leave(m->pools[i], &left);
    lock_give(&m->lock);
    scrape_leavings_end(&left, m->schedule, false);
    for (size_t i = 0; i < m->n_pools; i++)
        scrape_pool_free(m->pools[i]);
    free(m->pools);
    schedule_free(m->schedule);
    lock_done(&m->lock);
    free(m);
}

/* ---- Configuration ---- */

static struct str pool_name(const struct scrape_pool *p)
{
    return str_c(p->settings->config.job_name);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(pool_name(*(struct scrape_pool *const *)a),
                   pool_name(*(struct scrape_pool *const *)b));
}

static void free_pools(struct scrape_pool **pools, size_t n)
{
    for (size_t i = 0; pools && i < n; i++)
        scrape_pool_free(pools[i]);
    free(pools);
}

/* Pools for all jobs, not yet started, sorted by name. */
static int make_pools(struct scrape_manager *m, const struct scrape_config *configs, size_t n,
                      struct scrape_pool ***out, struct err *err)
{
    struct scrape_pool **pools = calloc(n + 1, sizeof(struct scrape_pool *));
    int rc = pools ? 0 : err_set(err, ERR_NOMEM, "out of memory for scrape_configs");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct scrape_settings *settings;
        rc = scrape_settings_new(&configs[i], &settings, err);
        if (rc != 0)
            break;
        rc = scrape_pool_new(m, settings, &pools[i], err);
        if (rc != 0)
            scrape_settings_unref(settings);
    }
    if (rc == 0)
        qsort(pools, n, sizeof *pools, by_name);
    for (size_t i = 1; rc == 0 && i < n; i++)
        if (str_eq(pool_name(pools[i - 1]), pool_name(pools[i])))
            rc = err_set(err, ERR_INVALID,
                         "scrape_configs: found multiple scrape configs with job name \"%.*s\"",
                         STR_ARG(pool_name(pools[i])));
    if (rc != 0) {
        free_pools(pools, n);
        return rc;
    }
    *out = pools;
    return 0;
}

/* The place of the running pool with this name; NULL when there is none, or it was taken already.
 */
static struct scrape_pool **find_pool(struct scrape_manager *m, struct str name)
{
    for (size_t i = 0; i < m->n_pools; i++)
        if (m->pools[i] && str_eq(pool_name(m->pools[i]), name))
            return &m->pools[i];
    return NULL;
}

/* Starts the pool in place of an older one of its name, or keeps that when nothing has changed.
 * Returns the pool that is no longer needed. */
static struct scrape_pool *install_pool(struct scrape_manager *m, struct scrape_pool **pool,
                                        struct scrape_leavings *left)
{
    struct scrape_pool **place = find_pool(m, pool_name(*pool));
    struct scrape_pool *old = place ? *place : NULL;
    if (place)
        *place = NULL;
    if (old && str_eq(old->settings->encoded, (*pool)->settings->encoded)) {
        struct scrape_pool *unused = *pool;
        *pool = old;
        return unused;
    }
    scrape_pool_follow(*pool, old, m->schedule, left);
    scrape_pool_sync(*pool, m->schedule, &m->options, left);
    return old;
}

int scrape_manager_apply(struct scrape_manager *m, const struct scrape_config *configs, size_t n,
                         struct err *err)
{
    struct scrape_pool **pools, **old_pools;
    int rc = make_pools(m, configs, n, &pools, err);
    if (rc != 0)
        return rc;
    struct scrape_pool **unused = calloc(n + 1, sizeof(struct scrape_pool *));
    if (!unused) {
        free_pools(pools, n);
        return err_set(err, ERR_NOMEM, "out of memory for scrape_configs");
    }

    struct scrape_leavings left = {.t_unix_ms = time_now_unix_ms()};
    lock_take(&m->lock);
    for (size_t i = 0; i < n; i++)
        unused[i] = install_pool(m, &pools[i], &left);
    for (size_t i = 0; i < m->n_pools; i++)
        if (m->pools[i])
            scrape_pool_leave(m->pools[i], &left);
    old_pools = m->pools;
    size_t n_old = m->n_pools;
    m->pools = pools;
    m->n_pools = n;
    lock_give(&m->lock);

    scrape_leavings_end(&left, m->schedule, true);
    free_pools(unused, n);
    free_pools(old_pools, n_old);
    return 0;
}

void scrape_manager_replace_groups(struct scrape_manager *m, struct scrape_source *s,
                                   struct arena *arena, const struct target_groups *groups)
{
    struct scrape_leavings left = {.t_unix_ms = time_now_unix_ms()};
    lock_take(&m->lock);
    if (s->pool) {
        struct arena old = s->arena;
        s->arena = *arena;
        s->groups = *groups;
        *arena = old;
        scrape_pool_sync(s->pool, m->schedule, &m->options, &left);
    }
    lock_give(&m->lock);
    scrape_leavings_end(&left, m->schedule, true);
}

/* ---- Lists for the API ---- */

static int by_url(const void *a, const void *b)
{
    const struct target_info *x = a, *y = b;
    int c = str_cmp(x->url, y->url);
    return c ? c : labels_cmp(&x->labels, &y->labels);
}

/* Room for everything; called with the lock. */
static bool allocate(const struct scrape_manager *m, struct arena *arena,
                     struct target_info **active, struct dropped_target **dropped,
                     struct scrape_pool_info **pools)
{
    size_t n_active = 0, n_dropped = 0;
    for (size_t i = 0; i < m->n_pools; i++) {
        n_active += m->pools[i]->loops.n;
        n_dropped += m->pools[i]->n_dropped;
    }
    *active = arena_array(arena, n_active, sizeof **active);
    *dropped = arena_array(arena, n_dropped, sizeof **dropped);
    *pools = arena_array(arena, m->n_pools, sizeof **pools);
    return !arena_failed(arena);
}

static void list_pool(const struct scrape_pool *p, struct arena *arena, struct target_list *list,
                      struct target_info *active, struct dropped_target *dropped,
                      struct scrape_pool_info *info)
{
    size_t cursor = 0, first = list->n_active;
    const struct map_entry *e;
    while ((e = map_next(&p->loops, &cursor)))
        scrape_loop_info(e->value, arena, &active[list->n_active++]);
    if (list->n_active > first)
        qsort(active + first, list->n_active - first, sizeof *active, by_url);

    struct str name = arena_str(arena, pool_name(p));
    for (size_t i = 0; i < p->n_dropped; i++)
        dropped[list->n_dropped++] =
            (struct dropped_target){labels_copy(arena, &p->dropped[i]), name};
    *info = (struct scrape_pool_info){name, p->loops.n, p->n_dropped_all};
}

int scrape_manager_targets(struct scrape_manager *m, struct arena *arena, struct target_list *out,
                           struct err *err)
{
    struct target_info *active;
    struct dropped_target *dropped;
    struct scrape_pool_info *pools;
    struct target_list list = {0};
    lock_take(&m->lock);
    if (allocate(m, arena, &active, &dropped, &pools))
        for (; list.n_pools < m->n_pools; list.n_pools++)
            list_pool(m->pools[list.n_pools], arena, &list, active, dropped, &pools[list.n_pools]);
    lock_give(&m->lock);
    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "the list of targets is over its memory budget");
    list.active = active;
    list.dropped = dropped;
    list.pools = pools;
    *out = list;
    return 0;
}

int scrape_manager_config(struct scrape_manager *m, struct str job, struct arena *arena,
                          struct scrape_config *out, struct err *err)
{
    bool found = false;
    lock_take(&m->lock);
    for (size_t i = 0; i < m->n_pools && !found; i++) {
        const struct scrape_config *c = &m->pools[i]->settings->config;
        found = str_eq(str_c(c->job_name), job);
        if (found)
            scrape_config_copy(arena, c, out);
    }
    lock_give(&m->lock);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "scrape pool \"%.*s\" not found", STR_ARG(job));
    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "the configuration is over its memory budget");
    return 0;
}

struct metadata_list {
    struct arena *arena;
    struct target_metadata *v;
    size_t n, cap, limit;
};

static void add_metadata(struct metadata_list *list, struct scrape_loop *l, struct str metric)
{
    const struct metric_metadata *families = NULL;
    size_t n = 0;
    struct target_info info;
    if (scrape_metadata_list(&l->memory.metadata, metric, list->limit - list->n, list->arena,
                             &families, &n) != 0 ||
        n == 0)
        return;
    scrape_loop_info(l, list->arena, &info);
    if (list->n + n > list->cap) {
        size_t cap = (list->n + n) * 2;
        struct target_metadata *v = arena_grow(list->arena, list->v, list->n, cap, sizeof *v);
        if (!v)
            return;
        list->v = v;
        list->cap = cap;
    }
    for (size_t i = 0; i < n; i++)
        list->v[list->n++] = (struct target_metadata){info.labels, families[i]};
}

int scrape_manager_metadata(struct scrape_manager *m, struct str metric, size_t limit,
                            struct arena *arena, const struct target_metadata **out, size_t *out_n,
                            struct err *err)
{
    struct metadata_list list = {.arena = arena, .limit = limit};
    lock_take(&m->lock);
    for (size_t i = 0; i < m->n_pools; i++) {
        size_t cursor = 0;
        const struct map_entry *e;
        while (list.n < limit && (e = map_next(&m->pools[i]->loops, &cursor)))
            add_metadata(&list, e->value, metric);
    }
    lock_give(&m->lock);
    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "the list of metadata is over its memory budget");
    *out = list.v;
    *out_n = list.n;
    return 0;
}
