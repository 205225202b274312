/* The job's thread writes into a queue; the handler waits for the first of it and answers with the
 * whole if that was all. Otherwise the answer becomes a stream, whose looks empty the queue.
 *
 * A client that leaves must not keep an event thread waiting until the job has noticed: so nobody
 * joins the thread. It and whoever reads share the queue, the last of them frees it, and the end of
 * the process waits for their number to fall to nothing. */
#include "api/export_answer.h"

#include <stdlib.h>

#include "api/prometheus/answer.h"
#include "base/atomic.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/time.h"
#include "log/log.h"

#define TOTALS "X-Telltale-Export"
#define LOOK_NS (100 * NS_PER_MS) // at whether the client is there, before anything is sent

enum {
    EXPORTS_MAX = 8,
    WHOLE_MAX = 1 << 20,  /* more is sent while it is made */
    QUEUE_MAX = 2 << 20,  /* the job waits then; a piece of it may be longer */
    PIECE_MAX = 4 << 20,  /* that is handed on at once */
    LINE_MAX = 512 << 20, /* the most that a job writes at once */
    PERIOD_MS = 2,
};

static struct {
    struct lock lock;
    struct cond fewer;
    unsigned n;
} running = {.lock = LOCK_INIT(LOCK_LEAF), .fewer = {PTHREAD_COND_INITIALIZER}};

struct exporting {
    struct refcount refs; /* the thread's, and the reader's */
    struct export_job job;
    struct lock lock;
    struct cond changed;
    struct buf text; /* guarded by lock, as all below */
    size_t taken;    /* of it */
    bool left;       /* nobody reads any more */
    bool ended;      /* the job has; what follows stays as it is */
    int rc;
    struct err err;
    struct buf totals;
};

/* --- counting --------------------------------------------------------------------------------- */

static bool take_place(void)
{
    lock_take(&running.lock);
    bool there = running.n < EXPORTS_MAX;
    running.n += there;
    lock_give(&running.lock);
    return there;
}

static void give_place(void)
{
    lock_take(&running.lock);
    running.n--;
    cond_broadcast(&running.fewer);
    lock_give(&running.lock);
}

void export_answers_wait(void)
{
    lock_take(&running.lock);
    while (running.n)
        cond_wait(&running.fewer, &running.lock);
    lock_give(&running.lock);
}

static void drop(struct exporting *x)
{
    if (!refcount_put(&x->refs))
        return;
    x->job.done(x->job.self);
    memory_freed(x->text.cap);
    buf_done(&x->text);
    buf_done(&x->totals);
    cond_done(&x->changed);
    lock_done(&x->lock);
    free(x);
}

/* --- the job's thread ------------------------------------------------------------------------- */

static size_t queued(const struct exporting *x)
{
    return x->text.n - x->taken;
}

static int put_text(void *arg, struct str text, struct err *err)
{
    struct exporting *x = arg;
    lock_take(&x->lock);
    while (!x->left && queued(x) >= QUEUE_MAX)
        cond_wait(&x->changed, &x->lock);
    bool left = x->left;
    if (!left)
        buf_put_str(&x->text, text);
    bool failed = buf_failed(&x->text);
    cond_broadcast(&x->changed);
    lock_give(&x->lock);
    if (left)
        return err_set(err, ERR_CANCELLED, "the client has left");
    return failed ? err_set(err, ERR_NOMEM, "export: out of memory") : 0;
}

static bool is_cancelled(void *arg)
{
    struct exporting *x = arg;
    lock_take(&x->lock);
    bool left = x->left;
    lock_give(&x->lock);
    return left;
}

static void run(void *arg)
{
    struct exporting *x = arg;
    const struct export_sink sink = {put_text, is_cancelled, x};
    struct err err = {0};
    struct buf totals = BUF_MAX(256);
    int rc = x->job.run(x->job.self, &sink, &err);
    x->job.totals(x->job.self, &totals);
    lock_take(&x->lock);
    x->rc = rc;
    x->err = err;
    x->totals = totals;
    x->ended = true;
    cond_broadcast(&x->changed);
    lock_give(&x->lock);
    drop(x);
    give_place();
}

/* NULL: it is done with. */
static struct exporting *begin(const struct export_job *job, struct err *err)
{
    struct thread thread = {0};
    bool place = take_place();
    struct exporting *x = place ? calloc(1, sizeof *x) : NULL;
    if (!x) {
        job->done(job->self);
        if (place)
            give_place();
        (void)(place ? err_set(err, ERR_NOMEM, "export: out of memory")
                     : err_set(err, ERR_BUSY, "%d exports are running; try again", EXPORTS_MAX));
        return NULL;
    }
    x->job = *job;
    x->text = BUF_MAX(QUEUE_MAX + (size_t)LINE_MAX);
    refcount_init(&x->refs);
    refcount_get(&x->refs);
    lock_init(&x->lock, LOCK_LEAF);
    cond_init(&x->changed);
    if (thread_start(&thread, "export", run, x, err) == 0) {
        (void)pthread_detach(thread.id); // it is there, and not joined
        return x;
    }
    drop(x);
    drop(x);
    give_place();
    return NULL;
}

/* --- those who read --------------------------------------------------------------------------- */

static void leave(struct exporting *x)
{
    lock_take(&x->lock);
    x->left = true;
    cond_broadcast(&x->changed);
    lock_give(&x->lock);
    drop(x);
}

static void done(void *self)
{
    leave(self);
}

/* With the lock. */
static void take_piece(struct exporting *x, struct buf *out)
{
    size_t n = MIN(queued(x), (size_t)PIECE_MAX);
    buf_put(out, x->text.p + x->taken, n);
    x->taken += n;
    if (queued(x) == 0) {
        buf_reset(&x->text);
        x->taken = 0;
    } else if (x->taken > x->text.n / 2) {
        memmove(x->text.p, x->text.p + x->taken, queued(x));
        x->text.n -= x->taken;
        x->taken = 0;
    }
    cond_broadcast(&x->changed);
}

static int next(void *self, struct buf *out)
{
    struct exporting *x = self;
    lock_take(&x->lock);
    if (queued(x))
        take_piece(x, out);
    bool end = x->ended && queued(x) == 0;
    lock_give(&x->lock);
    return end ? -1 : 0;
}

static bool finish(void *self, struct buf *trailer)
{
    struct exporting *x = self; // its job has ended
    buf_put_str(trailer, buf_str(&x->totals));
    if (x->rc != 0)
        log_warn("api", "an export ended before it was whole", LOG_STR("error", x->err.message));
    return x->rc == 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Until it is known whether the answer is small; false: too long for nothing, or the client left.
 */
static bool wait_for_first(struct exporting *x, const struct http_request *q)
{
    int64_t now = time_now_mono_ns(), deadline = now + x->job.timeout_ms * NS_PER_MS;
    bool gone = false;
    lock_take(&x->lock);
    while (!x->ended && queued(x) <= WHOLE_MAX && now < deadline && !gone) {
        if (cond_wait_until(&x->changed, &x->lock, MIN(deadline, now + LOOK_NS)))
            continue;
        lock_give(&x->lock);
        gone = http_client_gone(q);
        now = time_now_mono_ns();
        lock_take(&x->lock);
    }
    bool some = x->ended || (queued(x) && !gone);
    lock_give(&x->lock);
    return some;
}

static void answer_whole(struct exporting *x, const struct http_request *q, struct http_response *r)
{
    if (x->rc != 0) {
        answer_error(r, &x->err);
        return;
    }
    r->content_type = x->job.content_type;
    buf_put_str(&r->body, buf_str(&x->text));
    http_set_header(r, TOTALS, arena_str(q->arena, buf_str(&x->totals)));
}

static void answer_bit_by_bit(struct exporting *x, struct http_response *r)
{
    r->content_type = x->job.content_type;
    r->no_gzip = true;
    http_set_header(r, "Trailer", STR(TOTALS));
    r->stream = (struct http_stream){.next = next,
                                     .done = done,
                                     .self = x,
                                     .period_ms = PERIOD_MS,
                                     .finish = finish,
                                     .trailer = TOTALS};
}

void export_answer(const struct export_job *job, const struct http_request *q,
                   struct http_response *r)
{
    struct err err = {0};
    struct exporting *x = begin(job, &err);
    if (!x) {
        answer_error(r, &err);
        return;
    }
    bool some = wait_for_first(x, q);
    lock_take(&x->lock);
    bool ended = x->ended;
    lock_give(&x->lock);
    if (some && !ended) {
        answer_bit_by_bit(x, r);
        return;
    }
    if (ended) {
        answer_whole(x, q, r);
    } else {
        (void)err_set(&err, ERR_TOO_BIG,
                      "the export finds nothing within the time that query.timeout allows: ask for "
                      "less time");
        answer_error(r, &err);
    }
    leave(x);
}
