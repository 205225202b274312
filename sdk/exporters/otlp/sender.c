#include "otlp/sender.h"

#include <stdio.h>

#include "base/compiler.h"
#include "otlp/body.h"

enum { FIRST_WAIT_MS = 1000, WAIT_MAX_MS = 30000, TOLD_MAX_MS = 3600000, TOLD_BYTES = 512 };
static const size_t BODY_BYTES_MAX = (size_t)1 << 30;

void otlp_backoff_init(struct otlp_backoff *b, unsigned seed)
{
    *b = (struct otlp_backoff){.pause_ms = FIRST_WAIT_MS, .random = seed};
}

/* Half to one and a half times as long. */
static int64_t jitter(struct otlp_backoff *b, int64_t ms)
{
    b->random = b->random * 1664525u + 1013904223u;
    return ms / 2 + (int64_t)((double)ms * (b->random >> 8) / 16777216.0);
}

int64_t otlp_backoff_next(struct otlp_backoff *b, const struct otlp_verdict *v)
{
    int64_t own = jitter(b, b->pause_ms);
    b->pause_ms = MIN(2 * b->pause_ms, WAIT_MAX_MS);
    return MAX(v->retry_after_ms,
               own); // "at once", of a server that cannot, would be again and again
}

/* --- telling --------------------------------------------------------------------------------- */

static void tell_delivered(const struct otlp_verdict *v)
{
    if (v->odd)
        tt_problem_tell(TT_PROBLEM_EXPORT, "the collector's answer is not one of OTLP", NULL);
    else if (v->rejected || *v->message)
        tt_problem_tell(TT_PROBLEM_EXPORT, "the collector did not take all of a request",
                        v->message);
}

/* Once for each signal: the texts are what has been told or not. */
static void tell_failed(const struct otlp_config *c, const struct otlp_verdict *v)
{
    static const char *const refused[] = {[TT_SIGNAL_TRACES] = "the collector refused spans",
                                          [TT_SIGNAL_METRICS] = "the collector refused metrics",
                                          [TT_SIGNAL_LOGS] = "the collector refused log records"};
    static const char *const late[] = {
        [TT_SIGNAL_TRACES] = "the collector of spans could not be reached in time",
        [TT_SIGNAL_METRICS] = "the collector of metrics could not be reached in time",
        [TT_SIGNAL_LOGS] = "the collector of log records could not be reached in time"};
    char detail[TOLD_BYTES];
    struct str url = str_c(c->url);
    size_t scheme = str_find(url, STR("://")), at = str_index(url, '@');
    size_t from = at < url.n ? at + 1 : 0; // without user and password
    (void)snprintf(detail, sizeof detail, "%.*s%s: %s", from ? (int)MIN(scheme + 3, url.n) : 0,
                   c->url, c->url + from, v->message); // cut when too long
    tt_problem_tell(TT_PROBLEM_EXPORT,
                    v->fate == OTLP_REFUSED ? refused[c->signal] : late[c->signal], detail);
}

static int conclude(const struct otlp_config *c, const struct otlp_verdict *v)
{
    if (v->fate == OTLP_DELIVERED) {
        tell_delivered(v);
        return TT_OK;
    }
    tell_failed(c, v);
    return TT_ERR_IO;
}

/* --- sending --------------------------------------------------------------------------------- */

static int deliver(const struct otlp_config *c, const struct otlp_link *l, struct otlp_backoff *b,
                   struct str body, int64_t timeout_ms)
{
    struct otlp_verdict v;
    int64_t deadline = l->now_ms(l->arg) + timeout_ms;
    otlp_backoff_init(b, b->random);
    for (;;) {
        int64_t left = deadline - l->now_ms(l->arg);
        if (left <= 0)
            return TT_ERR_TIMEOUT;
        l->post(l->arg, body.p, body.n, left, &v);
        if (v.fate != OTLP_LATER)
            return conclude(c, &v);
        int64_t pause = otlp_backoff_next(b, &v);
        if (pause >= deadline - l->now_ms(l->arg))
            return l->wait(l->arg, 0) ? conclude(c, &v) : TT_ERR_SHUTDOWN;
        if (!l->wait(l->arg, pause))
            return TT_ERR_SHUTDOWN;
    }
}

static int deliver_or_keep(const struct otlp_config *c, const struct otlp_link *l,
                           struct otlp_spool *spool, struct str request, struct str body,
                           size_t items, int64_t timeout_ms)
{
    struct otlp_verdict v;
    l->post(l->arg, body.p, body.n, timeout_ms, &v);
    return v.fate == OTLP_LATER ? otlp_spool_append(spool, request, items) : conclude(c, &v);
}

static int make_body(struct buf *out, const struct otlp_config *c, struct str request)
{
    int rc = otlp_body_make(out, c, request);
    if (rc == TT_ERR_INVALID)
        tt_problem_tell(TT_PROBLEM_EXPORT, "a request is malformed or nested too deep", NULL);
    return rc;
}

int otlp_send(const struct otlp_config *c, const struct otlp_link *l, struct otlp_backoff *b,
              struct otlp_spool *spool, struct str request, size_t items, int64_t timeout_ms)
{
    if (request.n > c->request_max) {
        tt_problem_tell(TT_PROBLEM_LIMIT, "a request is larger than request_max", NULL);
        return TT_ERR_LIMIT;
    }
    if (spool && otlp_spool_is_waiting(spool))
        return otlp_spool_append(spool, request, items);
    struct buf body = BUF_MAX(BODY_BYTES_MAX);
    int rc = make_body(&body, c, request);
    timeout_ms = MIN(timeout_ms, c->timeout_ms);
    if (rc == TT_OK && spool)
        rc = deliver_or_keep(c, l, spool, request, buf_str(&body), items, timeout_ms);
    else if (rc == TT_OK)
        rc = deliver(c, l, b, buf_str(&body), timeout_ms);
    buf_done(&body);
    return rc;
}

/* --- what waited ----------------------------------------------------------------------------- */

static enum otlp_fate send_kept(const struct otlp_config *c, const struct otlp_link *l,
                                struct str request, struct otlp_verdict *v)
{
    struct buf body = BUF_MAX(BODY_BYTES_MAX);
    *v = (struct otlp_verdict){.fate = OTLP_REFUSED, .retry_after_ms = -1};
    int rc = make_body(&body, c, request);
    if (rc == TT_OK)
        l->post(l->arg, body.p, body.n, c->timeout_ms, v);
    else if (rc == TT_ERR_NOMEM)
        v->fate = OTLP_LATER;
    buf_done(&body);
    return v->fate;
}

int64_t otlp_send_spooled(const struct otlp_config *c, const struct otlp_link *l,
                          struct otlp_backoff *b, struct otlp_spool *spool)
{
    struct otlp_verdict v;
    struct otlp_spooled first;
    int64_t pause = 0;
    while (!pause && otlp_spool_first(spool, &first)) {
        if (send_kept(c, l, buf_str(&first.request), &v) == OTLP_LATER) {
            otlp_spool_put_back(spool, &first);
            // whatever it says, it is asked again some day
            pause = MIN(MAX(otlp_backoff_next(b, &v), 1), TOLD_MAX_MS);
            continue;
        }
        otlp_spool_remove(spool, &first, conclude(c, &v) == TT_OK);
        otlp_backoff_init(b, b->random);
    }
    return pause;
}
