/* The HTTP API: routes over the store, the query engine and the scrape manager. */
#ifndef TELLTALE_API_API_H
#define TELLTALE_API_API_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "net/http.h"

struct buf;
struct query_engine;
struct scrape_manager;
struct store;

/* What the handlers work on. Filled once before the routes are served; the pointers live as long as
 * the servers do. */
struct api_context {
    struct store *store;
    struct query_engine *engine;
    struct scrape_manager *scrape;
    const char *version, *revision; /* of the build */
    int64_t start_unix_ms;
    const char *working_dir;
    bool admin_api; /* data may be deleted */

    atomic_bool ready;                     /* the log is replayed: /-/ready says 200 */
    atomic_bool reload_ok;                 /* the last reload went well */
    _Atomic int64_t reload_unix_ms;        /* when one last did */
    _Atomic int64_t reload_failed_unix_ms; /* since when not; holds when reload_ok is false */

    /* Called on a worker thread. */
    void *app;
    int (*reload)(void *app, struct err *err);
    void (*quit)(void *app);                         /* NULL: /-/quit is not offered */
    int (*write_config)(void *app, struct buf *out); /* YAML, secrets masked */
    /* The same of one job. ERR_NOT_FOUND. */
    int (*write_job)(void *app, struct str job, struct buf *out, struct err *err);
    void (*write_retention)(void *app, struct buf *out);
    /* Labels that /federate adds; a copy in the arena. */
    struct labels (*external_labels)(void *app, struct arena *arena);
    /* Calls `each` for every option with its value. */
    void (*flags)(void *app, void (*each)(void *self, const char *name, struct str value),
                  void *self);
};

enum { API_ROUTES_MAX = 128 };

/* Fills `out` with the routes of the whole API (Prometheus's, our own, the web page); each works on
 * `api`. Returns their number. Receivers' routes are the caller's. */
size_t api_routes(struct api_context *api, struct http_route out[API_ROUTES_MAX]);

/* Waits for what goes on behind answers whose clients are gone, once no server takes requests any
 * more: before the store and the engine are closed. */
void api_wait(void);

#endif
