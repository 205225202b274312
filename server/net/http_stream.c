#include "net/http_stream.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/http_watch.h"

enum {
    STREAM_BYTES_MAX = 8 << 20, /* between two looks */
    CHUNK_BYTES = 16 << 10
};

#define SEND_NS (60 * NS_PER_S) /* for what one look gave */

/* While it waits it is its thread's, else its event thread's; the suspended connection is the
 * hand-over. */
struct stream {
    struct http_stream what;
    struct http_streams *streams;
    struct http_exchange *x;
    struct stream *next; /* among those that wait */
    int64_t due_mono_ns;
    struct buf out;
    size_t sent;                 /* of out */
    bool ended, cut;             /* cut: not because next said so */
    struct MHD_Response *answer; /* borrowed: it owns us */
};

struct http_streams {
    struct http_server *server;
    struct thread thread;
    struct lock lock;
    struct cond changed;
    struct stream *waiting; /* guarded by lock, as all below */
    size_t n;               /* all streams */
    bool stopping, leaving;
};

/* --- the thread ------------------------------------------------------------------------------- */

/* Takes out the stream that is due first; NULL and the time to wait for when none is. */
static struct stream *take_due(struct http_streams *s, int64_t now, int64_t *out_next)
{
    struct stream **first = NULL;
    *out_next = now + 3600 * NS_PER_S;
    for (struct stream **at = &s->waiting; *at; at = &(*at)->next)
        if (!first || (*at)->due_mono_ns < (*first)->due_mono_ns)
            first = at;
    if (!first)
        return NULL;
    struct stream *st = *first;
    if (!s->leaving && st->due_mono_ns > now) {
        *out_next = st->due_mono_ns;
        return NULL;
    }
    *first = st->next;
    return st;
}

/* Asks for more; resumes the connection when there is something to send, or an end. */
static bool look(struct stream *st, bool leaving)
{
    buf_reset(&st->out);
    st->sent = 0;
    st->due_mono_ns = time_now_mono_ns() + st->what.period_ms * NS_PER_MS;
    if (leaving || http_client_gone(&st->x->request))
        st->ended = st->cut = true;
    else if (st->what.next(st->what.self, &st->out) < 0)
        st->ended = true;
    if (buf_failed(&st->out))
        st->ended = st->cut = true;
    return st->ended || st->out.n > 0;
}

static void run(void *arg)
{
    struct http_streams *s = arg;
    lock_take(&s->lock);
    while (!s->stopping) {
        int64_t next;
        struct stream *st = take_due(s, time_now_mono_ns(), &next);
        if (!st) {
            (void)cond_wait_until(&s->changed, &s->lock, next); // then we look again
            continue;
        }
        bool leaving = s->leaving;
        lock_give(&s->lock);
        bool more = look(st, leaving);
        if (more)
            MHD_resume_connection(st->x->mhd); // from here on it is not ours
        lock_take(&s->lock);
        if (!more) {
            st->next = s->waiting;
            s->waiting = st;
        }
    }
    lock_give(&s->lock);
}

int http_streams_new(struct http_server *server, struct http_streams **out, struct err *err)
{
    struct http_streams *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP server");
    s->server = server;
    lock_init(&s->lock, LOCK_LEAF);
    cond_init(&s->changed);
    int rc = thread_start(&s->thread, "http-stream", run, s, err);
    if (rc == 0)
        *out = s;
    else
        http_streams_free(s);
    return rc;
}

void http_streams_stop(struct http_streams *s)
{
    lock_take(&s->lock);
    s->leaving = true;
    cond_broadcast(&s->changed);
    lock_give(&s->lock);
}

void http_streams_free(struct http_streams *s)
{
    if (!s)
        return;
    lock_take(&s->lock);
    s->stopping = true;
    cond_broadcast(&s->changed);
    lock_give(&s->lock);
    thread_join(&s->thread);
    cond_done(&s->changed);
    lock_done(&s->lock);
    free(s);
}

/* --- on event threads ------------------------------------------------------------------------- */

static bool take_place(struct http_streams *s)
{
    lock_take(&s->lock);
    bool there = !s->leaving && s->n < HTTP_STREAMS_MAX;
    s->n += there;
    lock_give(&s->lock);
    return there;
}

static void give_place(struct http_streams *s)
{
    lock_take(&s->lock);
    s->n--;
    lock_give(&s->lock);
}

size_t http_streams_count(struct http_streams *s)
{
    lock_take(&s->lock);
    size_t n = s->n;
    lock_give(&s->lock);
    return n;
}

static void wait_for_more(struct stream *st)
{
    struct http_streams *s = st->streams;
    (void)http_connection_enter(st->x->connection, HTTP_HANDLING, INT64_MAX); // it may wait
    exchange_give_away(st->x);
    lock_take(&s->lock);
    st->next = s->waiting;
    s->waiting = st;
    cond_broadcast(&s->changed);
    lock_give(&s->lock);
}

static ssize_t end_stream(struct stream *st)
{
    if (!st->what.finish)
        return MHD_CONTENT_READER_END_OF_STREAM;
    struct buf value = BUF_MAX(1 << 10);
    bool whole = !st->cut && st->what.finish(st->what.self, &value);
    buf_putc(&value, '\0');
    if (whole && !buf_failed(&value)) // a client without chunks gets none
        (void)MHD_add_response_footer(st->answer, st->what.trailer, value.p);
    buf_done(&value);
    return whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_stream(void *self, uint64_t at, char *out, size_t max)
{
    struct stream *st = self;
    (void)at;
    exchange_get_back(st->x);
    size_t n = MIN(st->out.n - st->sent, max);
    if (n) {
        memcpy(out, st->out.p + st->sent, n);
        st->sent += n;
        int64_t deadline = time_now_mono_ns() + SEND_NS;
        bool there = http_connection_enter(st->x->connection, HTTP_SENDING, deadline);
        return there ? (ssize_t)n : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (st->ended)
        return end_stream(st);
    wait_for_more(st);
    return 0;
}

static void free_stream(void *self)
{
    struct stream *st = self;
    struct http_streams *s = st->streams;
    st->what.done(st->what.self);
    buf_done(&st->out);
    free(st);
    give_place(s);
}

struct MHD_Response *http_stream_begin(struct http_exchange *x)
{
    struct http_streams *s = x->server->streams;
    struct http_stream *what = &x->response.stream;
    bool place = take_place(s);
    struct stream *st = place ? calloc(1, sizeof *st) : NULL;
    if (st) {
        *st = (struct stream){.what = *what, .streams = s, .x = x};
        buf_init(&st->out, STREAM_BYTES_MAX);
        *what = (struct http_stream){0};
        struct MHD_Response *answer = MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, CHUNK_BYTES, read_stream, st, free_stream);
        if (answer)
            st->answer = answer;
        else
            free_stream(st);
        return answer;
    }
    what->done(what->self);
    *what = (struct http_stream){0};
    if (place)
        give_place(s);
    exchange_refuse(x, 503, "streams", "too many streams at once; try again");
    return NULL;
}
