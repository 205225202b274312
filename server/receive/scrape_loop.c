#include "receive/scrape_loop.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"
#include "log/log.h"
#include "model/batch.h"
#include "net/client.h"
#include "receive/intake.h"
#include "receive/scrape_http.h"
#include "receive/scrape_settings.h"
#include "self/self.h"

/* A batch's memory: a fixed part, and for each byte of the body what the shortest rows ("a 1") need
 * for their sample. */
enum { BATCH_FIXED = 16 << 20, BATCH_PER_BYTE = 64 };

static struct self_metric scrapes =
    SELF_COUNTER("telltale_scrapes_total", "Scrapes of targets, by outcome.", "outcome");
static struct self_metric failures =
    SELF_COUNTER("telltale_scrape_failures_total", "Scrapes that failed, by reason.", "reason");
static struct self_metric scrape_seconds =
    SELF_HISTOGRAM("telltale_scrape_seconds", "Time from the start of a scrape to its samples "
                                              "being stored.");
static struct self_metric exemplars_dropped =
    SELF_COUNTER("telltale_scrape_exemplars_dropped_total",
                 "Scraped exemplars left out because their labels have over 128 characters.");

/* ---- Orders ---- */

static void order_unref(struct scrape_order *o)
{
    if (!o || !refcount_put(&o->refs))
        return;
    scrape_settings_unref(o->settings);
    arena_done(&o->arena);
    free(o);
}

static struct scrape_order *order_new(struct scrape_settings *settings, const struct target *t,
                                      size_t n_targets_over)
{
    struct scrape_order *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    refcount_init(&o->refs);
    arena_init(&o->arena, 16 << 20);
    o->settings = scrape_settings_ref(settings);
    o->n_targets_over = n_targets_over;
    target_copy(&o->arena, t, &o->target);
    if (arena_failed(&o->arena)) {
        order_unref(o);
        return NULL;
    }
    return o;
}

/* A reference to the current order. */
static struct scrape_order *take_order(struct scrape_loop *l)
{
    lock_take(&l->lock);
    struct scrape_order *o = l->order;
    refcount_get(&o->refs);
    lock_give(&l->lock);
    return o;
}

static bool same_order(const struct scrape_order *o, const struct scrape_settings *settings,
                       const struct target *t, size_t n_targets_over)
{
    return o->settings == settings && o->n_targets_over == n_targets_over &&
           o->target.interval_ms == t->interval_ms && o->target.timeout_ms == t->timeout_ms &&
           labels_eq(&o->target.discovered, &t->discovered);
}

int scrape_loop_update(struct scrape_loop *l, struct scrape_settings *settings,
                       const struct target *target, size_t n_targets_over)
{
    struct scrape_order *now = take_order(l);
    bool same = same_order(now, settings, target, n_targets_over);
    order_unref(now);
    if (same)
        return 0;
    struct scrape_order *next = order_new(settings, target, n_targets_over);
    if (!next)
        return ERR_NOMEM;
    lock_take(&l->lock);
    struct scrape_order *old = l->order;
    l->order = next;
    lock_give(&l->lock);
    order_unref(old);
    return 1;
}

/* ---- Time ---- */

/* How long ago the target's last moment was, by a wall clock at `now`, all in milliseconds. */
static int64_t since_moment(const struct target *t, uint64_t offset_seed, int64_t now_unix_ms)
{
    int64_t interval = t->interval_ms;
    int64_t moment = (int64_t)(hash_u64(t->hash ^ offset_seed) % (uint64_t)interval);
    int64_t since = (now_unix_ms - moment) % interval;
    return since < 0 ? since + interval : since;
}

int64_t scrape_loop_sample_time_ms(const struct target *t, uint64_t offset_seed,
                                   int64_t now_unix_ms)
{
    int64_t tolerance = MIN(t->interval_ms / 100, 2);
    int64_t since = since_moment(t, offset_seed, now_unix_ms);
    if (since <= tolerance)
        return now_unix_ms - since;
    int64_t until = t->interval_ms - since;
    return until <= tolerance ? now_unix_ms + until : now_unix_ms;
}

int64_t scrape_loop_next_mono_ns(const struct target *t, uint64_t offset_seed, int64_t now_mono_ns,
                                 int64_t now_unix_ns)
{
    int64_t since = since_moment(t, offset_seed, now_unix_ns / NS_PER_MS);
    return now_mono_ns + (t->interval_ms - since) * NS_PER_MS - now_unix_ns % NS_PER_MS;
}

/* Moments missed by a slow scrape are left out; one that comes again because the clock was set back
 * is, too. */
static int64_t next_run(const struct scrape_loop *l, const struct target *t, int64_t begun_mono_ns)
{
    int64_t next = scrape_loop_next_mono_ns(t, l->options->offset_seed, time_now_mono_ns(),
                                            time_now_unix_ns());
    int64_t interval_ns = t->interval_ms * NS_PER_MS;
    return next - begun_mono_ns < interval_ns / 2 ? next + interval_ns : next;
}

/* ---- One scrape ---- */

/* The body's format, by its Content-Type or what the job says for targets that give none. */
static int choose_format(const struct scrape_config *c, const char *content_type,
                         enum prom_format *out, struct err *err)
{
    if (prom_format_of(str_c(content_type), out))
        return 0;
    if (c->fallback_protocol >= 0) {
        static const enum prom_format formats[SCRAPE_PROTOCOLS] = {
            [SCRAPE_PROTOBUF] = PROM_PROTOBUF,
            [SCRAPE_OPENMETRICS_1_0_0] = PROM_OPENMETRICS,
            [SCRAPE_OPENMETRICS_0_0_1] = PROM_OPENMETRICS,
        };
        *out = formats[c->fallback_protocol];
        return 0;
    }
    if (!*content_type)
        return err_set(err, ERR_INVALID,
                       "the target sends no Content-Type and the job has no "
                       "fallback_scrape_protocol");
    return err_set(err, ERR_INVALID,
                   "unsupported Content-Type \"%s\" and the job has no fallback_scrape_protocol",
                   content_type);
}

/* What a failed fetch, or a body that cannot be read, is called in the metric. */
static const char *fetch_failure(int rc)
{
    switch (rc) {
    case ERR_TIMEOUT: return "timeout";
    case ERR_TOO_BIG: return "body_size_limit";
    case ERR_INVALID: return "http_status";
    default: return "connection";
    }
}

static const char *read_failure(int rc)
{
    return rc == ERR_NOMEM ? "memory" : "invalid_text";
}

static int over_target_limit(const struct scrape_order *o, struct err *err)
{
    return err_set(err, ERR_TOO_BIG, "target_limit exceeded (number of targets: %zu, limit: %llu)",
                   o->n_targets_over, (unsigned long long)o->settings->config.target_limit);
}

static int fetch(struct scrape_loop *l, const struct scrape_order *o, struct http_answer *out,
                 struct err *err)
{
    const struct scrape_config *c = &o->settings->config;
    int rc = l->http ? 0 : scrape_http_new(&c->http, l->options->user_agent, &l->http, err);
    if (rc != 0)
        return rc;

    char timeout[64];
    char seconds[NUM_DOUBLE_MAX];
    (void)num_format_plain(seconds, (double)o->target.timeout_ms / 1000);
    (void)snprintf(timeout, sizeof timeout, "X-Prometheus-Scrape-Timeout-Seconds: %.20s", seconds);
    const char *const headers[] = {
        o->settings->accept,
        timeout,
        c->enable_compression ? NULL : "Accept-Encoding: identity",
        NULL,
    };
    bool own_limit = c->body_size_limit && c->body_size_limit <= c->max_body_bytes;
    const struct scrape_get get = {
        .url = o->target.url.p,
        .headers = headers,
        .timeout_ms = o->target.timeout_ms,
        .max_body_bytes = own_limit ? c->body_size_limit : c->max_body_bytes,
        .max_body_key = own_limit ? "body_size_limit" : "limits.max_scrape_bytes",
        .max_ratio = (unsigned)MIN(c->max_decompression_ratio, UINT_MAX),
        .stop = &l->stop,
    };
    return scrape_http_get(l->http, &get, out, err);
}

/* Fetches and reads; leaves the batch with the samples, or on failure empty and the reason noted.
 */
static int fetch_and_read(struct scrape_loop *l, const struct scrape_order *o, struct scrape *s,
                          struct http_answer *answer, struct err *err)
{
    if (o->n_targets_over) {
        s->failure = "target_limit";
        return over_target_limit(o, err);
    }
    int rc = fetch(l, o, answer, err);
    if (rc != 0) {
        s->failure = fetch_failure(rc);
        return rc;
    }
    enum prom_format format;
    rc = choose_format(&o->settings->config, answer->content_type, &format, err);
    if (rc != 0) {
        s->failure = "content_type";
        return rc;
    }
    s->batch->arena.budget += answer->body.n * BATCH_PER_BYTE;
    rc = scrape_read(s, buf_str(&answer->body), format, err);
    if (rc != 0) {
        batch_reset(s->batch);
        s->failure = s->failure ? s->failure : read_failure(rc);
    }
    return rc;
}

/* Hands the batch to the sink and counts what became of it. */
static int store(const struct scrape_loop *l, struct scrape *s, size_t body_bytes, struct err *err)
{
    struct sink_result result = {0};
    int rc = sink_append(l->options->sink, s->batch, &result, err);
    intake_count(INTAKE_SCRAPE, body_bytes, rc, rc == 0 ? &result : NULL);
    if (s->counts.duplicates)
        intake_reject(INTAKE_SCRAPE, "duplicate", s->counts.duplicates);
    if (s->counts.exemplars_dropped)
        self_add(&exemplars_dropped, s->counts.exemplars_dropped);
    if (rc == 0 && sink_result_rejected(&result))
        log_warn("scrape", "samples left out", LOG_TEXT("target", s->target->shown_url),
                 LOG_INT("samples", sink_result_rejected(&result)),
                 LOG_STR("reason", result.message));
    return rc;
}

/* Notes how the target is; true when that is news: another health, or down for another reason. */
static bool set_status(struct scrape_loop *l, int64_t t_unix_ms, double duration_s,
                       enum target_health health, const char *error)
{
    lock_take(&l->lock);
    bool news = l->health != health || strcmp(l->last_error, error) != 0;
    l->health = health;
    l->last_scrape_unix_ms = t_unix_ms;
    l->last_duration_s = duration_s;
    (void)snprintf(l->last_error, sizeof l->last_error, "%s", error); // same size
    lock_give(&l->lock);
    return news;
}

/* Changed settings: a new client, and labels made by new rules. */
static void follow_order(struct scrape_loop *l, struct scrape_order *o)
{
    bool same = l->done && (l->done->settings == o->settings ||
                            str_eq(l->done->settings->encoded_loop, o->settings->encoded_loop));
    if (!same)
        scrape_cache_forget_texts(&l->memory.cache);
    if (!same || l->done->settings != o->settings) {
        scrape_http_free(l->http); // it borrows the settings
        l->http = NULL;
    }
    if (l->done != o) {
        order_unref(l->done);
        refcount_get(&o->refs);
        l->done = o;
    }
}

/* Ends what ended, adds the report, stores. A batch that is not stored is made up for next time. */
static int add_and_store(struct scrape_loop *l, struct scrape *s, bool failed,
                         const struct scrape_report *report, size_t body_bytes, struct err *err)
{
    int rc = scrape_add_stale(s, failed, err);
    if (rc == 0)
        rc = scrape_add_report(s, report, err);
    if (rc == 0)
        rc = store(l, s, body_bytes, err);
    if (rc == 0)
        scrape_commit(s, failed);
    return rc;
}

/* A target that stays down is one line in the log, not one a scrape. */
static void log_status(const struct scrape_order *o, const char *error)
{
    if (*error)
        log_warn("scrape", "target is down", LOG_STR("job", o->settings->config.job_name),
                 LOG_TEXT("target", o->target.shown_url), LOG_STR("error", error));
    else
        log_info("scrape", "target is up", LOG_STR("job", o->settings->config.job_name),
                 LOG_TEXT("target", o->target.shown_url));
}

static void scrape_once(struct scrape_loop *l, const struct scrape_order *o)
{
    int64_t begun_ns = time_now_mono_ns(), now_unix_ms = time_now_unix_ms();
    struct batch batch;
    batch_init(&batch, BATCH_FIXED);
    struct scrape s = {
        .settings = o->settings,
        .target = &o->target,
        .memory = &l->memory,
        .max_series = o->settings->config.max_series,
        .t_unix_ms = scrape_loop_sample_time_ms(&o->target, l->options->offset_seed, now_unix_ms),
        .batch = &batch,
    };
    struct http_answer answer = {0};
    struct err err = {0}, store_err = {0};
    scrape_begin(&s);
    int rc = fetch_and_read(l, o, &s, &answer, &err);

    const struct scrape_report report = {
        .up = rc == 0,
        .duration_s = (double)(time_now_mono_ns() - begun_ns) / NS_PER_S,
        .body_bytes =
            rc == ERR_TOO_BIG && !answer.body.p && !o->n_targets_over ? -1 : (int64_t)answer.body.n,
    };
    if (rc != ERR_CANCELLED) {
        enum target_health health = rc == 0 ? TARGET_UP : TARGET_DOWN;
        const char *error = rc == 0 ? "" : err.message;
        if (set_status(l, now_unix_ms, report.duration_s, health, error))
            log_status(o, error);
        int stored = add_and_store(l, &s, rc != 0, &report, answer.body.n, &store_err);
        if (stored != 0) {
            (void)set_status(l, now_unix_ms, report.duration_s, health, store_err.message);
            log_error("scrape", "scraped samples were not stored",
                      LOG_TEXT("target", o->target.shown_url), LOG_STR("error", store_err.message));
        }
        self_add(&scrapes, 1, rc == 0 ? "ok" : "failed");
        if (rc != 0)
            self_add(&failures, 1, s.failure);
        self_observe(&scrape_seconds, (double)(time_now_mono_ns() - begun_ns) / NS_PER_S);
    }
    batch_done(&batch);
    buf_done(&answer.body);
}

static int64_t run(struct task *t)
{
    struct scrape_loop *l = CONTAINER_OF(t, struct scrape_loop, task);
    int64_t begun_mono_ns = time_now_mono_ns();
    struct scrape_order *o = take_order(l);
    follow_order(l, o);
    scrape_once(l, o);
    int64_t next = next_run(l, &o->target, begun_mono_ns);
    order_unref(o);
    return next;
}

/* ---- Life ---- */

struct scrape_loop *scrape_loop_new(const struct scrape_options *options,
                                    struct scrape_settings *settings, const struct target *target,
                                    size_t n_targets_over)
{
    struct scrape_loop *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->order = order_new(settings, target, n_targets_over);
    if (!l->order) {
        free(l);
        return NULL;
    }
    l->task.run = run;
    l->options = options;
    l->hash = target->hash;
    atomic_init(&l->stop, false);
    lock_init(&l->lock, LOCK_SCRAPE_TARGET);
    scrape_memory_init(&l->memory);
    return l;
}

void scrape_loop_end(struct scrape_loop *l, int64_t t_unix_ms)
{
    if (!l->done)
        return; // never scraped: there is nothing to end
    struct batch batch;
    batch_init(&batch, BATCH_FIXED + l->memory.cache.series.n * 256);
    struct scrape s = {
        .settings = l->done->settings,
        .target = &l->done->target,
        .memory = &l->memory,
        .t_unix_ms = MAX(t_unix_ms, l->last_scrape_unix_ms + 1),
        .batch = &batch,
    };
    struct err err = {0};
    scrape_begin(&s);
    int rc = scrape_add_stale(&s, true, &err);
    if (rc == 0)
        rc = scrape_add_stale_report(&s, &err);
    if (rc == 0)
        rc = store(l, &s, 0, &err);
    if (rc == 0)
        scrape_commit(&s, true);
    else
        log_error("scrape", "stale markers were not stored",
                  LOG_TEXT("target", l->done->target.shown_url), LOG_STR("error", err.message));
    batch_done(&batch);
}

void scrape_loop_free(struct scrape_loop *l)
{
    if (!l)
        return;
    scrape_memory_done(&l->memory);
    scrape_http_free(l->http);
    order_unref(l->done);
    order_unref(l->order);
    lock_done(&l->lock);
    free(l);
}

void scrape_loop_info(struct scrape_loop *l, struct arena *arena, struct target_info *out)
{
    struct scrape_order *o = take_order(l);
    *out = (struct target_info){
        .discovered = labels_copy(arena, &o->target.discovered),
        .labels = labels_copy(arena, &o->target.labels),
        .pool = arena_str(arena, str_c(o->settings->config.job_name)),
        .url = arena_str(arena, o->target.shown_url),
        .interval_ms = o->target.interval_ms,
        .timeout_ms = o->target.timeout_ms,
    };
    order_unref(o);
    lock_take(&l->lock);
    out->health = l->health;
    out->last_scrape_unix_ms = l->last_scrape_unix_ms;
    out->last_duration_s = l->last_duration_s;
    out->last_error = arena_str(arena, str_c(l->last_error));
    lock_give(&l->lock);
}
