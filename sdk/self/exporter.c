/* An exporter around another one, which counts what goes through it and times it.
 *
 * What the inner one tells meanwhile (watch.h) says more than the status that it returns: its
 * standardised type, the server, its last answer, how much of a delivered request was rejected, and
 * what it has kept in a buffer to send later, which counts as under way until it is. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "self/self.h"

/* A `send` under way, and the last that was told of it. */
struct sending {
    struct watched *w;
    bool told;
    tt_export_report last;
    char error[ERROR_MAX];
};

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Cut when it is too long. */
static void copy(char *to, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    if (n)
        memcpy(to, text, n);
    to[n] = '\0';
}

/* --- counting -------------------------------------------------------------------------------- */

void watched_count(struct watched *w, const char *error, int64_t items)
{
    if (items <= 0)
        return;
    if (!error) {
        w->exported += items;
        return;
    }
    struct failure *f = w->failures;
    while (f < &w->failures[ERRORS_MAX - 1] && *f->error && strcmp(f->error, error) != 0)
        f++;
    if (!*f->error)
        copy(f->error, sizeof f->error, f < &w->failures[ERRORS_MAX - 1] ? error : "_OTHER");
    f->items += items;
}

const char *self_error_of(int status)
{
    switch (status) {
    case TT_ERR_INVALID: return "invalid";
    case TT_ERR_NOMEM: return "out_of_memory";
    case TT_ERR_SPACE:
    case TT_ERR_LIMIT: return "too_large";
    case TT_ERR_TIMEOUT: return "timeout";
    case TT_ERR_SHUTDOWN: return "already_shutdown";
    case TT_ERR_IO: return "io";
    default: return "_OTHER";
    }
}

/* --- what the exporter tells ----------------------------------------------------------------- */

static void take_identity(struct watched *w, const tt_export_report *r)
{
    if (!*w->name && r->type)
        copy(w->type, sizeof w->type, r->type);
    watched_use(w);
    copy(w->server, sizeof w->server, r->server);
    w->port = r->port;
    w->later = r->later;
    w->later_arg = r->arg;
}

static void told(void *arg, const tt_export_report *report)
{
    struct sending *s = arg;
    s->last = (tt_export_report){0};
    memcpy(&s->last, report, MIN(report->size, sizeof s->last));
    s->told = true;
    copy(s->error, sizeof s->error, s->last.error);
    self_lock(s->w->self);
    take_identity(s->w, &s->last);
    self_unlock(s->w->self);
}

void watched_ask_later(struct watched *w)
{
    uint64_t delivered = 0, lost = 0;
    if (!w->later)
        return;
    w->later(w->later_arg, &delivered, &lost); // under the lock, so that it is not closed meanwhile
    w->later_delivered = (int64_t)delivered;
    w->later_lost = (int64_t)lost;
}

/* --- sending --------------------------------------------------------------------------------- */

static void begin(struct watched *w, int64_t items)
{
    self_lock(w->self);
    w->inflight += items;
    self_unlock(w->self);
}

/* What is kept is neither delivered nor lost yet. */
static void end(struct sending *s, int64_t items, int rc, int64_t duration_ns)
{
    struct watched *w = s->w;
    const tt_export_report *r = s->told ? &s->last : NULL;
    int64_t kept = r && rc == TT_OK ? MIN(r->kept, items) : 0;
    int64_t rejected = r && rc == TT_OK ? MIN(r->rejected, items - kept) : 0;
    const char *error = rc == TT_OK && !rejected ? NULL
                        : *s->error              ? s->error
                        : rc == TT_OK            ? "rejected"
                                                 : self_error_of(rc);
    self_lock(w->self);
    watched_use(w);
    w->inflight -= items;
    w->kept += kept;
    if (rc == TT_OK)
        watched_count(w, NULL, items - kept - rejected);
    watched_count(w, error, rc == TT_OK ? rejected : items);
    self_record_export(w, duration_ns, error, r);
    self_unlock(w->self);
}

static int send_watched(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    struct watched *w = arg;
    struct sending s = {.w = w};
    const tt_export_watch watch = {.told = told, .arg = &s};
    begin(w, (int64_t)items);
    int64_t began = now_ns();
    const tt_export_watch *before = tt_export_watch_set(&watch);
    int rc = w->inner.send(w->inner.arg, signal, request, n, items, timeout_ms);
    (void)tt_export_watch_set(before);
    end(&s, (int64_t)items, rc, now_ns() - began);
    return rc;
}

static int flush_watched(void *arg, int64_t timeout_ms)
{
    const struct watched *w = arg;
    return w->inner.flush ? w->inner.flush(w->inner.arg, timeout_ms) : TT_OK;
}

static void cancel_watched(void *arg)
{
    const struct watched *w = arg;
    if (w->inner.cancel)
        w->inner.cancel(w->inner.arg);
}

/* Its numbers stay until the tt_self goes, and it with that. */
static void close_watched(void *arg)
{
    struct watched *w = arg;
    self_lock(w->self);
    watched_ask_later(w);
    w->later = NULL; // it is about to go
    self_unlock(w->self);
    if (w->inner.close)
        w->inner.close(w->inner.arg);
    self_release(w->self);
}

/* Numbers of exporters that were closed stay, so there cannot be any number of them. */
static bool has_place(tt_self *self)
{
    size_t n = 0;
    self_lock(self);
    for (const struct watched *w = self->watched; w; w = w->next)
        n++;
    self_unlock(self);
    if (n >= EXPORTERS_MAX)
        tt_problem_tell(TT_PROBLEM_LIMIT, "more than 64 exporters of an SDK are not watched", NULL);
    return n < EXPORTERS_MAX;
}

void tt_self_watch_exporter(tt_self *self, enum tt_signal signal, const char *type,
                            tt_exporter *inout)
{
    if (!self || !inout->send || !has_place(self))
        return;
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        return;
    w->self = self;
    w->signal = signal;
    w->inner = *inout;
    copy(w->type, sizeof w->type, type);
    *inout = (tt_exporter){.send = send_watched,
                           .flush = flush_watched,
                           .cancel = inout->cancel ? cancel_watched : NULL,
                           .close = close_watched,
                           .arg = w};
    atomic_fetch_add(&self->references, 1);
    self_lock(self);
    w->next = self->watched;
    self->watched = w;
    if (*w->type)
        watched_use(w); // else it is about to tell
    self_unlock(self);
}
