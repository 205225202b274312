/* Start                                     Stop (the reverse, producers first)
 *
 *   log, users                                the starter thread
 *   store (open, not yet replayed)            gRPC and OTLP listeners, then the main one
 *   query engine, scrape manager, receivers   scraping (the API showed its targets until now)
 *   listeners: /-/ready says 503              receivers, engine
 *   starter thread: replay, then ready,       store: flush and close
 *     then scrape jobs                        users, configuration
 *
 * A reload builds the new configuration beside the old one and hands it to each box that can change
 * while it runs. Those that may refuse come first, and a refusal puts the old one back.
 */
#include "cli/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/api.h"
#include "base/atomic.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "base/thread.h"
#include "base/time.h"
#include "cli/retention.h"
#include "cli/self_collect.h"
#include "cli/settings.h"
#include "log/log.h"
#include "net/auth.h"
#include "net/grpc.h"
#include "net/http.h"
#include "query/query.h"
#include "receive/receive.h"
#include "receive/scrape.h"
#include "store/store.h"

enum { STOP_GRACE_MS = 5000, ROUTES_MAX = API_ROUTES_MAX + RECEIVER_ROUTES_MAX };

struct server {
    const struct config_source *source; /* borrowed */
    void (*quit)(void);
    struct lock lock;      /* one reload at a time; guards config */
    struct config *first;  /* what it started with: listeners borrow from it to the end */
    struct config *config; /* in force; may be `first` */
    bool client_ca;        /* clients show certificates; guarded by lock */

    struct auth *auth;
    struct store *store;
    struct sink sink;
    struct query_engine *engine;
    struct scrape_manager *scrape;
    struct receivers *receivers;
    struct api_context api;

    struct http_route routes[ROUTES_MAX], otlp_routes[RECEIVER_ROUTES_MAX];
    struct grpc_method methods[RECEIVER_METHODS_MAX];
    struct http_server *http, *otlp_http;
    struct grpc_server *grpc;
    struct thread starter;
    atomic_bool starting_failed;
    char url[96], working_dir[1024];
};

/* --- what the API asks of the whole ----------------------------------------------------------- */

static int reload_for_api(void *self, struct err *err)
{
    return server_reload(self, err);
}

static void quit_for_api(void *self)
{
    ((struct server *)self)->quit();
}

static int write_config(void *self, struct buf *out)
{
    struct server *s = self;
    lock_take(&s->lock);
    buf_puts(out, s->config->yaml);
    lock_give(&s->lock);
    return 0;
}

static int write_job(void *self, struct str job, struct buf *out, struct err *err)
{
    struct server *s = self;
    lock_take(&s->lock);
    int rc = config_write_job(s->config, job, out, err);
    lock_give(&s->lock);
    return rc;
}

static void write_retention(void *self, struct buf *out)
{
    struct server *s = self;
    lock_take(&s->lock);
    int64_t ms = s->config->storage.retention_metrics_ms;
    lock_give(&s->lock);
    if (ms == STORE_RETENTION_FOREVER)
        buf_puts(out, "forever");
    else
        duration_format(out, ms);
}

static struct labels external_labels(void *self, struct arena *arena)
{
    struct server *s = self;
    lock_take(&s->lock);
    struct labels copy = settings_external_labels(s->config, arena);
    lock_give(&s->lock);
    return copy;
}

struct flag_writer {
    void (*each)(void *self, const char *name, struct str value);
    void *self;
};

static void write_flag(void *self, const char *key, const char *like, struct str value)
{
    const struct flag_writer *w = self;
    w->each(w->self, key, value);
    if (like && str_starts(str_c(like), STR("--")))
        w->each(w->self, like + 2, value); // Prometheus's name of the flag
}

static void flags(void *self, void (*each)(void *self, const char *name, struct str value),
                  void *each_self)
{
    struct server *s = self;
    struct flag_writer w = {each, each_self};
    lock_take(&s->lock);
    config_each(s->config, write_flag, &w);
    lock_give(&s->lock);
}

static void fill_api(struct server *s)
{
    struct api_context *api = &s->api;
    if (!getcwd(s->working_dir, sizeof s->working_dir))
        s->working_dir[0] = '\0';
    api->store = s->store;
    api->engine = s->engine;
    api->scrape = s->scrape;
    api->version = TELLTALE_VERSION;
    api->revision = TELLTALE_REVISION;
    api->start_unix_ms = time_now_unix_ms();
    api->working_dir = s->working_dir;
    api->app = s;
    api->reload = reload_for_api;
    api->quit = s->config->http.lifecycle ? quit_for_api : NULL;
    api->admin_api = s->config->http.admin_api;
    api->write_config = write_config;
    api->write_job = write_job;
    api->write_retention = write_retention;
    api->external_labels = external_labels;
    api->flags = flags;
    atomic_init(&api->ready, false);
    atomic_init(&api->reload_ok, true);
    atomic_init(&api->reload_unix_ms, api->start_unix_ms);
    atomic_init(&api->reload_failed_unix_ms, api->start_unix_ms);
}

/* --- starting --------------------------------------------------------------------------------- */

static void log_warnings(const struct config *c)
{
    struct str rest = str_c(c->warnings);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        if (line.n)
            log_warn("config", "configuration", LOG_TEXT("warning", line));
    }
}

static int start_boxes(struct server *s, struct err *err)
{
    const struct config *c = s->config;
    struct store_options store = settings_store(c);
    struct query_options query = settings_query(c);
    struct scrape_options scrape = {.sink = &s->sink};
    struct retention retention = {0};
    int rc = settings_auth_new(c, &s->auth, err);
    if (rc == 0)
        rc = retention_read(c, &retention, err);
    if (rc == 0) {
        retention_put(&retention, &store);
        rc = store_open(&store, &s->store, err);
    }
    retention_done(&retention);
    if (rc == 0) {
        s->sink = store_sink(s->store);
        rc = query_engine_new(s->store, &query, &s->engine, err);
    }
    if (rc == 0)
        rc = query_engine_log_to(s->engine, c->query.log_file, err);
    if (rc == 0)
        rc = scrape_manager_new(&scrape, &s->scrape, err);
    if (rc == 0) {
        struct receiver_options receivers = settings_receivers(c, &s->sink);
        rc = receivers_new(&receivers, &s->receivers, err);
    }
    if (rc == 0) {
        fill_api(s);
        self_collect_start(s->store);
    }
    return rc;
}

static int start_http(const struct server *s, const char *address, const char *name,
                      const struct http_route *routes, size_t n, struct http_server **out,
                      struct err *err)
{
    struct tls_options tls;
    struct http_options options = {.address = address,
                                   .name = name,
                                   .tls = settings_tls(s->first, &tls),
                                   .auth = s->auth,
                                   .cors_origin = s->first->http.cors_origin,
                                   .limits = settings_http_limits(s->first),
                                   .routes = routes,
                                   .n_routes = n};
    int rc = http_server_start(&options, out, err);
    if (rc == 0)
        log_info("net", "listening", LOG_STR("listener", name),
                 LOG_STR("address", http_server_address(*out)),
                 LOG_STR("tls", options.tls ? "on" : "off"));
    return rc;
}

static int start_grpc(struct server *s, struct err *err)
{
    struct tls_options tls;
    struct grpc_options options = settings_grpc(s->first);
    options.tls = settings_tls(s->first, &tls);
    options.auth = s->auth;
    options.methods = s->methods;
    options.n_methods = receivers_grpc_methods(s->receivers, s->methods);
    int rc = grpc_server_start(&options, &s->grpc, err);
    if (rc == 0)
        log_info("net", "listening", LOG_STR("listener", "otlp-grpc"),
                 LOG_STR("address", grpc_server_address(s->grpc)),
                 LOG_STR("tls", options.tls ? "on" : "off"));
    return rc;
}

static int start_listeners(struct server *s, struct err *err)
{
    const struct config *c = s->first;
    size_t n = api_routes(&s->api, s->routes);
    n += receivers_http_routes(s->receivers, s->routes + n);
    size_t n_otlp = receivers_otlp_routes(s->receivers, s->otlp_routes);
    int rc = 0;
    if (c->http.address)
        rc = start_http(s, c->http.address, "http", s->routes, n, &s->http, err);
    if (rc == 0 && c->otlp.http_address)
        rc = start_http(s, c->otlp.http_address, "otlp-http", s->otlp_routes, n_otlp, &s->otlp_http,
                        err);
    if (rc == 0 && c->otlp.grpc_address)
        rc = start_grpc(s, err);
    if (rc == 0 && s->http)
        (void)snprintf(s->url, sizeof s->url, "http%s://%s", c->http.tls.cert ? "s" : "",
                       http_server_address(s->http));
    return rc;
}

/* Replay may take a while: the listeners tell so meanwhile. */
static void finish_starting(void *self)
{
    struct server *s = self;
    struct err err = {0};
    char *note = NULL;
    int64_t began = time_now_mono_ns();
    int rc = store_replay(s->store, &note, &err);
    if (rc == 0) {
        log_info("store", "ready", LOG_STR("replay", note ? note : ""),
                 LOG_INT("took_ms", (time_now_mono_ns() - began) / NS_PER_MS));
        atomic_set_release(&s->api.ready, true); // pairs with the acquire in the ready handler
        lock_take(&s->lock);
        rc = scrape_manager_apply(s->scrape, s->config->scrape_configs, s->config->n_scrape_configs,
                                  &err);
        lock_give(&s->lock);
    }
    free(note);
    if (rc == ERR_CANCELLED) {
        log_info("store", "stopped while the log was replayed; the next start begins again");
    } else if (rc != 0) {
        log_error("serve", "cannot start", LOG_STR("error", err.message));
        atomic_set_relaxed(&s->starting_failed, true);
        s->quit();
    }
}

int server_start(struct config *config, const struct config_source *source, void (*quit)(void),
                 struct server **out, struct err *err)
{
    struct server *s = calloc(1, sizeof *s);
    if (!s) {
        config_free(config);
        return err_set(err, ERR_NOMEM, "out of memory for the server");
    }
    s->source = source;
    s->quit = quit;
    s->first = s->config = config;
    s->client_ca = config->http.tls.client_ca != NULL;
    lock_init(&s->lock, LOCK_SERVE);
    struct log_options log = settings_log(config);
    log_configure(&log);
    log_warnings(config);

    int rc = start_boxes(s, err);
    if (rc == 0)
        rc = start_listeners(s, err);
    if (rc == 0)
        rc = thread_start(&s->starter, "starter", finish_starting, s, err);
    if (rc != 0) {
        (void)server_stop(s, NULL); // the reason for stopping is the error to tell
        return rc;
    }
    *out = s;
    return 0;
}

const char *server_url(const struct server *s)
{
    return s->url;
}

/* --- reloading -------------------------------------------------------------------------------- */

/* Certificates are read again at each reload: they expire. Listeners that began without TLS stay so
 * until a restart. */
static int reload_tls(struct server *s, const struct config *c, struct err *err)
{
    struct tls_options room;
    const struct tls_options *tls = settings_tls(c, &room);
    int rc = 0;
    if (!tls || !s->first->http.tls.cert)
        return 0;
    if (s->http)
        rc = http_server_reload_tls(s->http, tls, err);
    if (rc == 0 && s->otlp_http)
        rc = http_server_reload_tls(s->otlp_http, tls, err);
    if (rc == 0 && s->grpc)
        rc = grpc_server_reload_tls(s->grpc, tls, err);
    return rc;
}

/* What may refuse the new configuration. */
static int apply_refusable(struct server *s, const struct config *c, struct err *err)
{
    int rc = config_check_reload(s->first, s->client_ca, c, err);
    if (rc == 0)
        rc = reload_tls(s, c, err);
    if (rc == 0)
        rc = settings_auth_replace(c, s->auth, err);
    if (rc == 0)
        rc = query_engine_log_to(s->engine, c->query.log_file, err);
    if (rc == 0 && atomic_get_acquire(&s->api.ready))
        rc = scrape_manager_apply(s->scrape, c->scrape_configs, c->n_scrape_configs, err);
    return rc;
}

static void apply_store(struct server *s, const struct config *c, const struct retention *retention)
{
    struct store_options store = settings_store(c);
    struct err err;
    retention_put(retention, &store);
    if (store_reconfigure(s->store, &store, &err) != 0)
        log_error("store", "the new limits are not in force", LOG_STR("error", err.message));
}

/* Hands the new configuration to the boxes; under the lock. */
static int apply(struct server *s, const struct config *c, struct err *err)
{
    struct retention retention;
    int rc = retention_read(c, &retention, err);
    if (rc == 0)
        rc = apply_refusable(s, c, err);
    if (rc != 0) {
        retention_done(&retention);
        /* Back to what was in force and was accepted then; the scrape manager changed nothing. */
        (void)reload_tls(s, s->config, NULL);
        (void)settings_auth_replace(s->config, s->auth, NULL);
        (void)query_engine_log_to(s->engine, s->config->query.log_file, NULL);
        return rc;
    }
    struct log_options log = settings_log(c);
    struct query_options query = settings_query(c);
    struct receiver_options receivers = settings_receivers(c, &s->sink);
    log_configure(&log);
    apply_store(s, c, &retention);
    retention_done(&retention);
    query_engine_reconfigure(s->engine, &query);
    receivers_reconfigure(s->receivers, &receivers);
    return 0;
}

static void log_restart_keys(const struct config *old, const struct config *new)
{
    struct buf keys = BUF_MAX(16 << 10);
    config_restart_keys(old, new, &keys);
    if (keys.n)
        log_warn("config", "these keys take effect at the next start",
                 LOG_TEXT("keys", buf_str(&keys)));
    if (!old->http.tls.cert != !new->http.tls.cert)
        log_warn("config", "TLS goes on or off at the next start");
    buf_done(&keys);
}

static int reload_locked(struct server *s, struct err *err)
{
    struct config *c = NULL;
    int rc = config_load(s->source, &c, NULL, err);
    if (rc != 0)
        return rc;
    rc = apply(s, c, err);
    if (rc != 0) {
        config_free(c);
        return rc;
    }
    log_warnings(c);
    log_restart_keys(s->first, c);
    if (s->first->http.tls.cert && c->http.tls.cert)
        s->client_ca = c->http.tls.client_ca != NULL;
    if (s->config != s->first)
        config_free(s->config);
    s->config = c;
    return 0;
}

/* Under the server's lock. The time is set first: whoever sees the failure sees when it was. */
static void tell_reload(struct api_context *api, bool ok)
{
    if (ok)
        atomic_set_relaxed(&api->reload_unix_ms, time_now_unix_ms());
    else if (atomic_get_relaxed(&api->reload_ok))
        atomic_set_relaxed(&api->reload_failed_unix_ms, time_now_unix_ms());
    atomic_set_release(&api->reload_ok, ok); // pairs with notifications.c
}

int server_reload(struct server *s, struct err *err)
{
    struct err local;
    err = err ? err : &local;
    lock_take(&s->lock);
    int rc = reload_locked(s, err);
    tell_reload(&s->api, rc == 0);
    lock_give(&s->lock);
    if (rc == 0) {
        log_info("config", "configuration reloaded");
    } else {
        log_error("config", "reload failed, the old configuration stays",
                  LOG_STR("error", err->message));
    }
    return rc;
}

/* --- stopping --------------------------------------------------------------------------------- */

int server_stop(struct server *s, struct err *err)
{
    if (s->store)
        store_cancel_replay(s->store);
    thread_join(&s->starter);
    grpc_server_stop(s->grpc, STOP_GRACE_MS);
    http_server_stop(s->otlp_http, STOP_GRACE_MS);
    http_server_stop(s->http, STOP_GRACE_MS);
    api_wait();
    scrape_manager_free(s->scrape);
    self_collect_stop(s->store);
    receivers_free(s->receivers);
    query_engine_free(s->engine);
    bool failed = atomic_get_relaxed(&s->starting_failed);
    int rc = store_close(s->store, err);
    if (rc == 0 && failed)
        rc = err_set(err, ERR_IO, "the server could not start");
    auth_free(s->auth);
    if (s->config != s->first)
        config_free(s->config);
    config_free(s->first);
    lock_done(&s->lock);
    free(s);
    return rc;
}
