/* /api/v1/notifications: what needs attention, now or, as server-sent events, whenever it changes.
 *
 * Nobody tells when something begins or ends, so each listener has the list as it was and looks
 * once a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/status.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "base/time.h"
#include "store/store.h"

enum {
    PERIOD_MS = 1000,
    SILENCE_S = 15, /* then a comment, so that who went away is noticed */
    LOOK_BYTES = 16 << 20,
    EVENT_BYTES = 16 << 10
};

enum { RELOAD_FAILED, READ_ONLY, NOTICES };

struct notices {
    struct notice {
        char text[sizeof((struct store_stats *)0)->message + 64];
        int64_t since_unix_ms;
        bool active;
    } v[NOTICES];
};

static int collect(struct api_context *api, struct arena *arena, struct notices *out,
                   struct err *err)
{
    struct store_stats stats;
    struct notice *reload = &out->v[RELOAD_FAILED], *storage = &out->v[READ_ONLY];
    int rc = store_stats(api->store, 0, arena, &stats, err);
    if (rc != 0)
        return rc;
    *out = (struct notices){0};
    reload->active = !atomic_get_acquire(&api->reload_ok); // pairs with server.c
    reload->since_unix_ms = atomic_get_relaxed(&api->reload_failed_unix_ms);
    (void)snprintf(reload->text, sizeof reload->text, "Configuration reload has failed.");
    storage->active = stats.read_only;
    storage->since_unix_ms = time_now_unix_ms();
    (void)snprintf(storage->text, sizeof storage->text, "Storage is read-only: %s", stats.message);
    return 0;
}

static void put_notice(struct json *j, const struct notice *n, bool active)
{
    struct buf date = BUF_MAX(64);
    time_format_rfc3339(&date, n->since_unix_ms);
    json_object(j);
    json_member_str(j, "text", str_c(n->text));
    json_member_str(j, "date", buf_str(&date));
    json_key(j, "active");
    json_bool(j, active);
    json_object_end(j);
    buf_done(&date);
}

void api_notifications(void *self, const struct http_request *q, struct http_response *r)
{
    struct notices now;
    struct err err;
    if (collect(self, q->arena, &now, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    json_array(&j);
    for (size_t i = 0; i < NOTICES; i++)
        if (now.v[i].active)
            put_notice(&j, &now.v[i], true);
    json_array_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

/* --- as they change --------------------------------------------------------------------------- */

struct listener {
    struct api_context *api; /* borrowed: it outlives the server's streams */
    struct arena arena;      /* one look's */
    struct notices told;
    int64_t said_mono_ns; /* when something was sent last; 0: nothing yet */
};

static void put_event(struct buf *out, const struct notice *n, bool active)
{
    struct buf text = BUF_MAX(EVENT_BYTES);
    struct json j = json_to(&text);
    put_notice(&j, n, active);
    buf_puts(out, "data: ");
    buf_put_str(out, buf_str(&text));
    buf_puts(out, "\n\n");
    buf_done(&text);
}

/* What is over, and what has begun; a text that changed is both. */
static void put_change(struct buf *out, struct notice *told, const struct notice *now)
{
    bool same = told->active && now->active && strcmp(told->text, now->text) == 0;
    if (same || (!told->active && !now->active))
        return;
    if (told->active)
        put_event(out, told, false);
    if (now->active)
        put_event(out, now, true);
    *told = *now;
}

static int look(void *self, struct buf *out)
{
    struct listener *l = self;
    struct notices now;
    int64_t t = time_now_mono_ns();
    arena_reset(&l->arena);
    if (collect(l->api, &l->arena, &now, NULL) == 0)
        for (size_t i = 0; i < NOTICES; i++)
            put_change(out, &l->told.v[i], &now.v[i]);
    if (out->n == 0 && t - l->said_mono_ns > SILENCE_S * NS_PER_S)
        buf_puts(out, l->said_mono_ns ? ":\n\n" : ": listening\n\n");
    if (out->n)
        l->said_mono_ns = t;
    return 0;
}

static void done(void *self)
{
    struct listener *l = self;
    arena_done(&l->arena);
    free(l);
}

void api_notifications_live(void *self, const struct http_request *q, struct http_response *r)
{
    struct listener *l = calloc(1, sizeof *l);
    struct err err;
    (void)q;
    if (!l) {
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        answer_error(r, &err);
        return;
    }
    l->api = self;
    arena_init(&l->arena, LOOK_BYTES);
    r->content_type = "text/event-stream";
    http_set_header(r, "Cache-Control", STR("no-cache"));
    http_set_header(r, "X-Accel-Buffering", STR("no"));
    r->no_gzip = true;
    r->stream = (struct http_stream){.next = look, .done = done, .self = l, .period_ms = PERIOD_MS};
}
