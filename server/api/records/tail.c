/* /api/v1/logs/tail: log records as they arrive, as server-sent events.
 *
 * The store has no order of arrival, so each look takes the newest records of the last half minute
 * and sends those that the look before did not have. What comes later than that after its own time
 * is not shown, nor what is more than the rate allows: an event says so. */
#include <stdlib.h>

#include "api/records/handle.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "base/time.h"
#include "query/logs/logs.h"
#include "query/query.h"

enum {
    PERIOD_MS = 500,
    RATE = 100, /* records a second */
    RATE_MAX = 1000,
    LINES_MAX = 1000,
    LOOK_TIMEOUT_S = 5,
    SILENCE_S = 15 /* then a comment, so that who went away is noticed */
};

#define LATE_NS (30 * NS_PER_S)
#define LOOK_SENDS ((size_t)4 << 20) /* bytes */
#define LOOK_BYTES ((size_t)256 << 20)

struct tail {
    struct api_context *api;
    struct budget memory;
    struct arena own, look; /* the filter; one look */
    struct record_filter filter;
    int64_t start_unix_ns;
    size_t lines; /* to show of what was there before; SIZE_MAX: that is done */
    size_t per_look;
    struct log_id *seen; /* of the last look, sorted */
    size_t n_seen;
    int64_t said_mono_ns; /* when something was sent last */
};

static int by_id(const void *a, const void *b)
{
    const struct log_id *x = a, *y = b;
    if (x->t_unix_ns != y->t_unix_ns)
        return x->t_unix_ns < y->t_unix_ns ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static bool was_seen(const struct tail *t, const struct log_id *id)
{
    return t->n_seen && bsearch(id, t->seen, t->n_seen, sizeof *id, by_id) != NULL;
}

static void send_dropped(struct buf *out, const char *reason)
{
    buf_printf(out, "event: dropped\ndata: {\"reason\": \"%s\"}\n\n", reason);
}

/* False when there is no room for it: one look sends LOOK_SENDS at most, for the client may be slow
 * and the text waits for it. */
static bool send_event(struct buf *out, const struct log_row *row)
{
    struct buf event = BUF_MAX(LOOK_SENDS);
    struct json j = json_to(&event);
    buf_puts(&event, "event: log\ndata: ");
    json_log(&j, row);
    buf_puts(&event, "\n\n");
    bool fits = !buf_failed(&event) && out->n + event.n <= LOOK_SENDS;
    if (fits)
        buf_put_str(out, buf_str(&event));
    buf_done(&event);
    return fits;
}

/* Rows come newest first and go out oldest first. */
static void send_rows(struct tail *t, struct buf *out, const struct log_row *rows, size_t n,
                      bool more)
{
    size_t fresh = 0;
    bool all = true;
    while (fresh < n && !was_seen(t, &rows[fresh].id))
        fresh++; // a rough first guess: those in front of the first known one
    if (more && fresh == n && t->lines == SIZE_MAX)
        send_dropped(out, "more records than the rate allows");
    for (size_t i = n; i-- > 0;)
        all &= was_seen(t, &rows[i].id) || send_event(out, &rows[i]);
    if (!all)
        send_dropped(out, "more bytes than are sent at once");
}

static void remember(struct tail *t, const struct log_row *rows, size_t n)
{
    t->n_seen = 0;
    for (size_t i = 0; i < n; i++)
        t->seen[t->n_seen++] = rows[i].id;
    if (n)
        qsort(t->seen, n, sizeof *t->seen, by_id);
}

static int find(struct tail *t, struct log_row **out, size_t *out_n)
{
    struct record_query q = {.store = t->api->store,
                             .arena = &t->look,
                             .deadline_mono_ns = time_now_mono_ns() + LOOK_TIMEOUT_S * NS_PER_S};
    bool first = t->lines != SIZE_MAX;
    int64_t now = time_now_unix_ns();
    const struct log_search wanted = {.where = &t->filter.where,
                                      .min_unix_ns =
                                          first ? 0 : MAX(t->start_unix_ns, now) - LATE_NS,
                                      .max_unix_ns = INT64_MAX,
                                      .limit = first ? MAX(t->lines, t->per_look) : t->per_look};
    return logs_search(&q, &wanted, out, out_n, NULL);
}

/* The first look only learns what is there; its newest lines are shown if they were asked for. */
static int look(void *self, struct buf *out)
{
    struct tail *t = self;
    struct log_row *rows;
    size_t n;
    arena_reset(&t->look);
    int rc = find(t, &rows, &n);
    if (rc == ERR_TIMEOUT || rc == ERR_BUSY || rc == ERR_TOO_BIG)
        return 0; // it may do better next time
    if (rc != 0)
        return rc;
    if (t->lines != SIZE_MAX) {
        send_rows(t, out, rows, MIN(n, t->lines), false);
        t->lines = SIZE_MAX;
        if (out->n == 0)
            buf_puts(out, ": listening\n\n");
    } else {
        send_rows(t, out, rows, n, n == t->per_look);
    }
    remember(t, rows, n);
    int64_t now = time_now_mono_ns();
    if (out->n == 0 && now - t->said_mono_ns > SILENCE_S * NS_PER_S)
        buf_puts(out, ":\n\n");
    if (out->n)
        t->said_mono_ns = now;
    return 0;
}

static void done(void *self)
{
    struct tail *t = self;
    record_filter_done(&t->filter);
    arena_done(&t->own);
    arena_done(&t->look);
    memory_freed(t->memory.peak);
    free(t);
}

static int read_params(struct record_request *r, struct tail *t, struct err *err)
{
    size_t rate;
    struct str where = arena_str(&t->own, http_param(r->http, "where"));
    int rc = record_param_count(r, "rate", RATE, MS_PER_S / PERIOD_MS, RATE_MAX, &rate, err);
    if (rc == 0)
        rc = record_param_count(r, "lines", 0, 0, LINES_MAX, &t->lines, err);
    if (rc != 0)
        return rc;
    t->per_look = rate * PERIOD_MS / MS_PER_S;
    t->seen = arena_array(&t->own, MAX(t->per_look, t->lines), sizeof *t->seen);
    rc = record_filter_parse(RECORD_LOGS, where, &t->own, &t->filter, err);
    if (rc != 0)
        return err_prefix(err, rc, "invalid parameter \"where\"");
    return arena_failed(&t->own) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static int tail(struct record_request *r, struct http_response *response, struct err *err)
{
    struct tail *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->api = r->api;
    t->start_unix_ns = time_now_unix_ns();
    t->said_mono_ns = time_now_mono_ns();
    query_engine_budget(r->api->engine, &t->memory);
    arena_init_shared(&t->own, LOOK_BYTES, &t->memory);
    arena_init_shared(&t->look, LOOK_BYTES, &t->memory);
    int rc = read_params(r, t, err);
    if (rc != 0) {
        done(t);
        return rc;
    }
    response->content_type = "text/event-stream";
    http_set_header(response, "Cache-Control", STR("no-cache"));
    http_set_header(response, "X-Accel-Buffering", STR("no"));
    response->no_gzip = true;
    response->stream =
        (struct http_stream){.next = look, .done = done, .self = t, .period_ms = PERIOD_MS};
    return 0;
}

RECORD_HANDLER(api_log_tail, tail)
