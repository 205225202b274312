#include "receive/scrape_pool.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "receive/scrape_http.h"
#include "receive/scrape_loop.h"
#include "receive/scrape_settings.h"
#include "self/self.h"

enum { GROUPS_BUDGET = 256 << 20, TARGETS_BUDGET = 512 << 20 };

static struct self_metric refreshes =
    SELF_COUNTER("telltale_scrape_discovery_refreshes_total",
                 "Reads of discovery files and URLs, by kind and outcome.", "kind", "outcome");
static struct self_metric targets_active =
    SELF_GAUGE("telltale_scrape_targets", "Targets being scraped, by job.", "job");
static struct self_metric targets_bad =
    SELF_COUNTER("telltale_scrape_targets_invalid_total",
                 "Discovered targets left out because they make no valid target.", "job");

/* ---- Sources ---- */

static void source_free(struct scrape_source *s)
{
    if (!s)
        return;
    scrape_http_free(s->client);
    scrape_settings_unref(s->settings);
    arena_done(&s->arena);
    free((void *)(uintptr_t)s->key.p);
    free(s);
}

/* The next look: files are looked at often and read when they changed, or at the interval. */
static int64_t refresh_file(struct scrape_source *s, bool *out_read, struct arena *arena,
                            struct target_groups *out, int *rc, struct err *err)
{
    const struct scrape_options *options = scrape_manager_options(s->manager);
    int64_t now = time_now_mono_ns();
    uint64_t stamp = discovery_files_stamp(s->file);
    bool due = s->refreshed_mono_ns == 0 ||
               now - s->refreshed_mono_ns >= s->file->refresh_interval_ms * NS_PER_MS;
    *out_read = due || stamp != s->stamp;
    if (*out_read) {
        *rc = discovery_read_files(s->file, options->max_groups_bytes, &s->groups, arena, out, err);
        s->stamp = stamp;
        s->refreshed_mono_ns = now;
    }
    return now + MIN(options->file_poll_ms, s->file->refresh_interval_ms) * NS_PER_MS;
}

static int64_t refresh_http(struct scrape_source *s, struct arena *arena, struct target_groups *out,
                            int *rc, struct err *err)
{
    const struct scrape_options *options = scrape_manager_options(s->manager);
    int64_t begun = time_now_mono_ns();
    *rc = s->client ? 0 : scrape_http_new(&s->http->http, options->user_agent, &s->client, err);
    if (*rc == 0)
        *rc = discovery_fetch(s->http, s->client, options->max_groups_bytes, &s->stop, arena, out,
                              err);
    return begun + s->http->refresh_interval_ms * NS_PER_MS;
}

static int64_t source_run(struct task *t)
{
    struct scrape_source *s = CONTAINER_OF(t, struct scrape_source, task);
    struct arena arena;
    struct target_groups groups = {0};
    struct err err = {0};
    bool was_read = true;
    int rc = 0;
    arena_init(&arena, GROUPS_BUDGET);
    int64_t next = s->file ? refresh_file(s, &was_read, &arena, &groups, &rc, &err)
                           : refresh_http(s, &arena, &groups, &rc, &err);

    if (was_read && rc != ERR_CANCELLED)
        self_add(&refreshes, 1, s->file ? "file" : "http", rc == 0 ? "ok" : "failed");
    if (rc != 0 && rc != ERR_CANCELLED)
        log_warn("scrape", "discovery failed, its last targets are kept",
                 LOG_STR("job", s->settings->config.job_name), LOG_STR("error", err.message));
    bool usable = rc == 0 || (s->file && !arena_failed(&arena));
    if (was_read && usable)
        scrape_manager_replace_groups(s->manager, s, &arena, &groups);
    arena_done(&arena);
    return next;
}

static struct scrape_source *source_new(struct scrape_manager *m, struct scrape_pool *p,
                                        const struct file_sd_config *file,
                                        const struct http_sd_config *http)
{
    struct scrape_source *s = calloc(1, sizeof *s);
    struct buf key = BUF_MAX(1 << 20);
    if (!s)
        return NULL;
    if (file)
        file_sd_config_encode(&key, file);
    else
        http_sd_config_encode(&key, http);
    *s = (struct scrape_source){
        .task.run = source_run,
        .manager = m,
        .settings = scrape_settings_ref(p->settings),
        .file = file,
        .http = http,
        .pool = p,
    };
    s->key.p = buf_take(&key, &s->key.n);
    atomic_init(&s->stop, false);
    arena_init(&s->arena, GROUPS_BUDGET);
    if (!s->key.p) {
        source_free(s);
        return NULL;
    }
    return s;
}

/* ---- The pool ---- */

int scrape_pool_new(struct scrape_manager *m, struct scrape_settings *settings,
                    struct scrape_pool **out, struct err *err)
{
    const struct scrape_config *c = &settings->config;
    struct scrape_pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for scrape_configs");
    p->settings = settings;
    arena_init(&p->dropped_arena, TARGETS_BUDGET);
    p->sources = calloc(c->n_file_sd_configs + c->n_http_sd_configs + 1, sizeof *p->sources);

    bool ok = p->sources != NULL;
    for (size_t i = 0; ok && i < c->n_file_sd_configs; i++)
        ok = (p->sources[p->n_sources++] = source_new(m, p, &c->file_sd_configs[i], NULL)) != NULL;
    for (size_t i = 0; ok && i < c->n_http_sd_configs; i++)
        ok = (p->sources[p->n_sources++] = source_new(m, p, NULL, &c->http_sd_configs[i])) != NULL;
    if (!ok) {
        p->settings = NULL; // stays the caller's
        scrape_pool_free(p);
        return err_set(err, ERR_NOMEM, "out of memory for scrape_configs");
    }
    *out = p;
    return 0;
}

void scrape_pool_free(struct scrape_pool *p)
{
    if (!p)
        return;
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&p->loops, &cursor)))
        scrape_loop_free(e->value);
    map_done(&p->loops);
    for (size_t i = 0; i < p->n_sources; i++)
        source_free(p->sources[i]);
    free(p->sources);
    scrape_settings_unref(p->settings);
    arena_done(&p->dropped_arena);
    free(p);
}

static void leave_source(struct scrape_source *s, struct scrape_leavings *out)
{
    s->pool = NULL;
    s->next = out->sources;
    out->sources = s;
}

/* The old pool's source that is configured alike takes the new one's place. */
static bool keep_source(struct scrape_pool *p, size_t i, struct scrape_pool *old)
{
    for (size_t j = 0; old && j < old->n_sources; j++) {
        struct scrape_source *s = old->sources[j];
        if (!s || !str_eq(s->key, p->sources[i]->key))
            continue;
        source_free(p->sources[i]);
        p->sources[i] = s;
        s->pool = p;
        old->sources[j] = NULL;
        return true;
    }
    return false;
}

void scrape_pool_follow(struct scrape_pool *p, struct scrape_pool *old, struct schedule *schedule,
                        struct scrape_leavings *out)
{
    for (size_t i = 0; i < p->n_sources; i++)
        if (!keep_source(p, i, old) &&
            schedule_add(schedule, &p->sources[i]->task, time_now_mono_ns()) != 0)
            log_error("scrape", "out of memory: discovery not started",
                      LOG_STR("job", p->settings->config.job_name));
    if (!old)
        return;
    for (size_t j = 0; j < old->n_sources; j++)
        if (old->sources[j])
            leave_source(old->sources[j], out);
    old->n_sources = 0;
    p->loops = old->loops;
    p->generation = old->generation;
    old->loops = (struct map){0};
}

/* ---- Synchronisation ---- */

/* The targets of all groups, while they are being made. */
struct sync {
    struct scrape_pool *pool;
    struct arena arena;
    struct target *v; /* of the arena */
    size_t n, cap;
};

static void keep_dropped(struct scrape_pool *p, const struct target *t, size_t *cap)
{
    uint64_t limit = p->settings->config.keep_dropped_targets;
    p->n_dropped_all++;
    if (limit && p->n_dropped >= limit)
        return;
    struct labels *v = arena_room(&p->dropped_arena, p->dropped, p->n_dropped, cap, 16, sizeof *v);
    if (!v)
        return;
    p->dropped = v;
    p->dropped[p->n_dropped++] = labels_copy(&p->dropped_arena, &t->discovered);
}

static void add_target(struct sync *s, const struct target *t)
{
    if (s->n == s->cap) {
        size_t bigger = s->cap ? s->cap * 2 : 64;
        struct target *v = arena_grow(&s->arena, s->v, s->n, bigger, sizeof *v);
        if (!v)
            return; // told by arena_failed
        s->v = v;
        s->cap = bigger;
    }
    s->v[s->n++] = *t;
}

static void add_group(struct sync *s, const struct target_group *g, size_t *dropped_cap)
{
    struct scrape_pool *p = s->pool;
    for (size_t i = 0; i < g->n_targets; i++) {
        struct target t;
        struct err err = {0};
        int rc = target_make(&p->settings->config, p->settings->relabel, g->targets[i], g->labels,
                             g->n_labels, &s->arena, &t, &err);
        if (rc != 0) {
            self_add(&targets_bad, 1, p->settings->config.job_name);
            log_warn("scrape", "target left out", LOG_STR("job", p->settings->config.job_name),
                     LOG_TEXT("address", g->targets[i]), LOG_STR("error", err.message));
        } else if (t.dropped) {
            keep_dropped(p, &t, dropped_cap);
        } else {
            add_target(s, &t);
        }
    }
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct target *)a)->hash, y = ((const struct target *)b)->hash;
    return (x > y) - (x < y);
}

/* Makes all targets of the pool, each once. */
static void make_targets(struct sync *s)
{
    struct scrape_pool *p = s->pool;
    const struct scrape_config *c = &p->settings->config;
    size_t dropped_cap = 0;
    arena_done(&p->dropped_arena);
    p->dropped = NULL;
    p->n_dropped = p->n_dropped_all = 0;
    for (size_t i = 0; i < c->n_static_configs; i++)
        add_group(s, &c->static_configs[i], &dropped_cap);
    for (size_t i = 0; i < p->n_sources; i++)
        for (size_t j = 0; j < p->sources[i]->groups.n; j++)
            add_group(s, &p->sources[i]->groups.v[j], &dropped_cap);

    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_hash);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (n == 0 || s->v[n - 1].hash != s->v[i].hash)
            s->v[n++] = s->v[i];
    s->n = n;
}

static struct str hash_key(const uint64_t *hash)
{
    return (struct str){(const char *)hash, sizeof *hash};
}

static int64_t next_time(const struct target *t, const struct scrape_options *options)
{
    return scrape_loop_next_mono_ns(t, options->offset_seed, time_now_mono_ns(),
                                    time_now_unix_ns());
}

static int start_loop(struct scrape_pool *p, const struct target *t, size_t n_over,
                      struct schedule *schedule, const struct scrape_options *options)
{
    struct scrape_loop *l = scrape_loop_new(options, p->settings, t, n_over);
    if (!l)
        return ERR_NOMEM;
    l->generation = p->generation;
    int rc = map_put(&p->loops, hash_key(&l->hash), l);
    if (rc == 0)
        rc = schedule_add(schedule, &l->task, next_time(t, options));
    if (rc != 0) {
        (void)map_remove(&p->loops, hash_key(&l->hash));
        scrape_loop_free(l);
    }
    return rc;
}

static int want_target(struct scrape_pool *p, const struct target *t, size_t n_over,
                       struct schedule *schedule, const struct scrape_options *options)
{
    struct scrape_loop *l = map_get(&p->loops, hash_key(&t->hash));
    if (!l)
        return start_loop(p, t, n_over, schedule, options);
    l->generation = p->generation;
    int rc = scrape_loop_update(l, p->settings, t, n_over);
    if (rc == 1)
        schedule_move(schedule, &l->task, next_time(t, options));
    return rc < 0 ? rc : 0;
}

/* Loops of targets that are no more go to the leavings. */
static void leave_loops(struct scrape_pool *p, bool all, struct scrape_leavings *out)
{
    struct scrape_loop *gone = NULL;
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&p->loops, &cursor))) {
        struct scrape_loop *l = e->value;
        if (!all && l->generation == p->generation)
            continue;
        l->next = gone;
        gone = l;
    }
    while (gone) {
        struct scrape_loop *l = gone;
        gone = l->next;
        (void)map_remove(&p->loops, hash_key(&l->hash));
        l->next = out->loops;
        out->loops = l;
    }
}

void scrape_pool_sync(struct scrape_pool *p, struct schedule *schedule,
                      const struct scrape_options *options, struct scrape_leavings *out)
{
    const struct scrape_config *c = &p->settings->config;
    struct sync s = {.pool = p};
    arena_init(&s.arena, TARGETS_BUDGET);
    make_targets(&s);
    bool complete = !arena_failed(&s.arena);
    size_t n_over = c->target_limit && s.n > c->target_limit ? s.n : 0;
    p->generation++;
    for (size_t i = 0; i < s.n; i++)
        complete &= want_target(p, &s.v[i], n_over, schedule, options) == 0;
    if (complete)
        leave_loops(p, false, out);
    else
        log_error("scrape", "out of memory: not all targets are scraped",
                  LOG_STR("job", c->job_name));
    self_set(&targets_active, (double)p->loops.n, c->job_name);
    arena_done(&s.arena);
}

void scrape_pool_leave(struct scrape_pool *p, struct scrape_leavings *out)
{
    leave_loops(p, true, out);
    for (size_t i = 0; i < p->n_sources; i++)
        leave_source(p->sources[i], out);
    p->n_sources = 0;
    self_set(&targets_active, 0, p->settings->config.job_name);
}

void scrape_leavings_end(struct scrape_leavings *left, struct schedule *schedule, bool stale)
{
    for (struct scrape_source *s = left->sources; s; s = s->next)
        atomic_set_relaxed(&s->stop, true);
    for (struct scrape_loop *l = left->loops; l; l = l->next)
        atomic_set_relaxed(&l->stop, true);

    while (left->sources) {
        struct scrape_source *s = left->sources;
        left->sources = s->next;
        schedule_remove(schedule, &s->task);
        source_free(s);
    }
    while (left->loops) {
        struct scrape_loop *l = left->loops;
        left->loops = l->next;
        schedule_remove(schedule, &l->task);
        if (stale)
            scrape_loop_end(l, left->t_unix_ms);
        scrape_loop_free(l);
    }
}
