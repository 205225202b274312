#include "net/grpc_session.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

#include "base/atomic.h"
#include "base/grpc_status.h"
#include "base/time.h"
#include "self/self.h"

enum {
    STREAM_WINDOW = 1 << 20,
    CONNECTION_WINDOW = 16 << 20,
    HEADERS_MAX = 32 << 10, /* of one call, names and values and 32 each, as HTTP/2 counts */
    FRAME_MAX = 16 << 10,
    RESERVE_MAX = 1 << 20, /* a peer may promise much and send nothing */
    ARENA_BYTES = 64 << 20,
    IDLE_FRAMES_MAX = 10000,   /* frames in a row that bring no call forward */
    ACKS_MAX = IDLE_FRAMES_MAX /* waiting to be sent; the limit above is to be reached first */
};

struct grpc_session {
    const struct grpc_host *host;
    void *owner;
    int fd; /* -1: none */
    nghttp2_session *ng;
    struct grpc_call *calls;
    size_t n_calls;
    int64_t deadline_mono_ns; /* of the call that ends soonest, or earlier */
    size_t preface;           /* bytes of the client's preface seen, at most its length */
    unsigned idle_frames; /* PING, SETTINGS, WINDOW_UPDATE, empty DATA … since the last call */
};

static struct self_metric requests = SELF_COUNTER(
    "telltale_grpc_requests_total", "gRPC calls answered, by method and status.", "method", "code");
static struct self_metric durations =
    SELF_HISTOGRAM("telltale_grpc_request_duration_seconds",
                   "Time from the first header of a call to its answer, by method.", "method");
static struct self_metric received =
    SELF_COUNTER("telltale_grpc_received_bytes_total", "Bytes of messages received.", "method");

/* --- calls ------------------------------------------------------------------------------------ */

static struct grpc_call *call_new(struct grpc_session *s, int32_t stream_id)
{
    struct grpc_call *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->session = s;
    c->host = s->host;
    c->stream_id = stream_id;
    c->encoding = STR("identity");
    c->begun_mono_ns = time_now_mono_ns();
    c->receive_by_mono_ns = c->begun_mono_ns + s->host->options->message_timeout_s * NS_PER_S;
    c->request.deadline_mono_ns = INT64_MAX;
    arena_init(&c->arena, ARENA_BYTES);
    buf_init(&c->body, s->host->options->max_message_bytes + GRPC_PREFIX_BYTES);
    buf_init(&c->response.message, s->host->options->max_message_bytes);
    s->deadline_mono_ns = MIN(s->deadline_mono_ns, c->receive_by_mono_ns);
    c->next = s->calls;
    if (c->next)
        c->next->prev = c;
    s->calls = c;
    s->n_calls++;
    return c;
}

static void call_free(struct grpc_call *c)
{
    atomic_sub_relaxed(c->host->buffered, c->budgeted);
    buf_done(&c->body);
    buf_done(&c->response.message);
    arena_done(&c->arena);
    free(c);
}

/* Parts the call from its stream; frees it unless a worker has it. */
static void call_leave(struct grpc_call *c)
{
    struct grpc_session *s = c->session;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->n_calls--;
    (void)nghttp2_session_set_stream_user_data(s->ng, c->stream_id, NULL); // may be closed already
    c->session = NULL;
    if (!c->away)
        call_free(c);
}

static void count_call(const struct grpc_call *c, enum grpc_status status)
{
    const char *method = c->method ? c->method->path : "none";
    self_add(&requests, 1, method, grpc_status_name((int)status));
    self_observe(&durations, (double)(time_now_mono_ns() - c->begun_mono_ns) / (double)NS_PER_S,
                 method);
}

/* --- answering -------------------------------------------------------------------------------- */

#define NV(name_, value_, n_)                                                                      \
    ((nghttp2_nv){(uint8_t *)(uintptr_t)("" name_), (uint8_t *)(uintptr_t)(value_),                \
                  sizeof(name_) - 1, (n_), NGHTTP2_NV_FLAG_NONE})
#define NV_TEXT(name_, text_) NV(name_, "" text_, sizeof(text_) - 1)
#define NV_BUF(name_, buf_) NV(name_, (buf_).p, (buf_).n)

/* An answer without a message: one HEADERS frame with the status in it. */
static void submit_status(struct grpc_session *s, int32_t stream_id, enum grpc_status status,
                          const char *text, int64_t retry_after_ms)
{
    char code[12];
    struct buf message = BUF_MAX(4096), details = BUF_MAX(8192);
    int code_n = snprintf(code, sizeof code, "%d", (int)status);
    grpc_message_encode(&message, str_c(text));
    if (retry_after_ms > 0)
        grpc_retry_details_encode(&details, status, str_c(text), retry_after_ms);

    nghttp2_nv nv[6] = {
        NV_TEXT(":status", "200"),
        NV_TEXT("content-type", "application/grpc"),
        NV_TEXT("grpc-accept-encoding", "identity,gzip"),
        NV("grpc-status", code, (size_t)code_n),
    };
    size_t n = 4;
    if (message.n && !buf_failed(&message))
        nv[n++] = NV_BUF("grpc-message", message);
    if (details.n && !buf_failed(&details))
        nv[n++] = NV_BUF("grpc-status-details-bin", details);
    (void)nghttp2_submit_response(s->ng, stream_id, nv, n, NULL); // the stream may be gone
    buf_done(&message);
    buf_done(&details);
}

/* Answers a call that no worker has answered, and lets go of it. */
static void refuse(struct grpc_call *c, enum grpc_status status, const char *text,
                   int64_t retry_after_ms)
{
    count_call(c, status);
    submit_status(c->session, c->stream_id, status, text, retry_after_ms);
    call_leave(c);
}

/* What is not gRPC gets an HTTP answer with a status of its own. */
static void refuse_http(struct grpc_call *c, int status, const char *text)
{
    char code[12];
    int code_n = snprintf(code, sizeof code, "%d", status);
    const nghttp2_nv nv[] = {
        NV(":status", code, (size_t)code_n),
        NV_TEXT("content-type", "application/grpc"), // so that gRPC clients read the rest
        NV_TEXT("grpc-status", "13"),
        NV("grpc-message", text, strlen(text)),
    };
    count_call(c, GRPC_INTERNAL);
    (void)nghttp2_submit_response(c->session->ng, c->stream_id, nv, ARRAY_LEN(nv), NULL);
    call_leave(c);
}

static int submit_ok_trailer(nghttp2_session *ng, int32_t stream_id)
{
    const nghttp2_nv nv[] = {NV_TEXT("grpc-status", "0")};
    return nghttp2_submit_trailer(ng, stream_id, nv, ARRAY_LEN(nv));
}

static size_t copy_part(uint8_t *to, size_t room, const void *part, size_t part_n, size_t from)
{
    size_t n = from < part_n ? MIN(part_n - from, room) : 0;
    if (n)
        memcpy(to, (const uint8_t *)part + from, n);
    return n;
}

/* nghttp2 asks for the next bytes of the reply: prefix, message, then the trailers. */
static ssize_t read_reply(nghttp2_session *ng, int32_t stream_id, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct grpc_call *c = source->ptr;
    const struct buf *message = &c->response.message;
    (void)user;
    size_t n = copy_part(to, room, c->reply_prefix, GRPC_PREFIX_BYTES, c->reply_sent);
    c->reply_sent += n;
    if (c->reply_sent >= GRPC_PREFIX_BYTES) {
        size_t more =
            copy_part(to + n, room - n, message->p, message->n, c->reply_sent - GRPC_PREFIX_BYTES);
        c->reply_sent += more;
        n += more;
    }
    if (c->reply_sent == GRPC_PREFIX_BYTES + message->n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_ok_trailer(ng, stream_id) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

static void submit_reply(struct grpc_call *c)
{
    static const nghttp2_nv nv[] = {
        {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200", 7, 3, 0},
        {(uint8_t *)(uintptr_t) "content-type", (uint8_t *)(uintptr_t) "application/grpc", 12, 16,
         0},
    };
    nghttp2_data_provider reply = {.source.ptr = c, .read_callback = read_reply};
    c->answered = true;
    grpc_prefix_encode(c->reply_prefix, false, (uint32_t)c->response.message.n);
    count_call(c, GRPC_OK);
    if (nghttp2_submit_response(c->session->ng, c->stream_id, nv, ARRAY_LEN(nv), &reply) != 0)
        call_leave(c); // the stream is going away
}

void grpc_call_finish(struct grpc_call *c)
{
    c->away = false;
    atomic_sub_relaxed(c->host->buffered, c->budgeted);
    c->budgeted = 0;
    buf_done(&c->body);
    if (!c->session) {
        call_free(c);
        return;
    }
    const struct grpc_response *r = &c->response;
    if (c->wrong_password)
        auth_log_wrong("otlp-grpc", c->session->fd);
    if (r->status == GRPC_OK && buf_failed(&r->message))
        refuse(c, GRPC_INTERNAL, "out of memory for the answer", 0);
    else if (r->status != GRPC_OK)
        refuse(c, r->status, r->error, r->retry_after_ms);
    else
        submit_reply(c);
}

/* --- the header of a call --------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct grpc_call *c = call_new(user, frame->hd.stream_id);
    if (!c)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, c);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct grpc_call *c = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)flags, (void)user;
    if (!c || c->header_done)
        return 0;
    c->header_bytes += name_n + value_n + 32;
    if (c->header_bytes > HEADERS_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; // resets the stream

    const struct {
        struct str name;
        struct str *to;
    } wanted[] = {{STR(":path"), &c->path},
                  {STR(":method"), &c->http_method},
                  {STR("content-type"), &c->content_type},
                  {STR("grpc-timeout"), &c->timeout},
                  {STR("grpc-encoding"), &c->encoding},
                  {STR("authorization"), &c->authorization}};
    struct str key = {(const char *)name, name_n};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (str_eq(key, wanted[i].name))
            *wanted[i].to = arena_str(&c->arena, str_of((const char *)value, value_n));
    return arena_failed(&c->arena) ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static const struct grpc_method *find_method(const struct grpc_host *h, struct str path)
{
    for (size_t i = 0; i < h->options->n_methods; i++)
        if (str_eq(str_c(h->options->methods[i].path), path))
            return &h->options->methods[i];
    return NULL;
}

/* True when the call may go on; otherwise it was answered. */
static bool authorised(struct grpc_call *c)
{
    struct auth *auth = c->host->options->auth;
    enum auth_result result =
        auth ? auth_check_fast(auth, c->authorization, c->method->right) : AUTH_OK;
    c->check_password = result == AUTH_SLOW;
    if (result == AUTH_WRONG)
        auth_log_wrong("otlp-grpc", c->session->fd);
    if (result == AUTH_OK || result == AUTH_SLOW)
        return true;
    if (result == AUTH_FORBIDDEN)
        refuse(c, GRPC_PERMISSION_DENIED, "this credential does not have the right to do that", 0);
    else
        refuse(c, GRPC_UNAUTHENTICATED,
               result == AUTH_MISSING
                   ? "a credential is needed: authorization with a bearer token or basic auth"
                   : "unknown user, wrong password or unknown token",
               0);
    return false;
}

static bool header_complete(struct grpc_call *c)
{
    char text[300];
    int64_t timeout_ns;
    c->header_done = true;
    if (!str_eq(c->http_method, STR("POST"))) {
        refuse_http(c, 405, "gRPC calls are POST requests");
        return false;
    }
    if (!grpc_content_type_ok(c->content_type)) {
        refuse_http(c, 415, "content-type is not application/grpc or application/grpc+proto");
        return false;
    }
    c->method = find_method(c->host, c->path);
    if (!c->method) {
        (void)snprintf(text, sizeof text, "unknown method %.*s", (int)MIN(c->path.n, (size_t)200),
                       c->path.p);
        refuse(c, GRPC_UNIMPLEMENTED, text, 0);
        return false;
    }
    if (c->timeout.p) {
        if (!grpc_timeout_parse(c->timeout, &timeout_ns)) {
            refuse(c, GRPC_INTERNAL, "malformed grpc-timeout", 0);
            return false;
        }
        if (timeout_ns < INT64_MAX - c->begun_mono_ns)
            c->request.deadline_mono_ns = c->begun_mono_ns + timeout_ns;
        c->session->deadline_mono_ns =
            MIN(c->session->deadline_mono_ns, c->request.deadline_mono_ns);
    }
    return authorised(c);
}

/* --- the message ------------------------------------------------------------------------------ */

static uint32_t message_size(const struct grpc_call *c)
{
    const uint8_t *p = (const uint8_t *)c->body.p + 1;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool take_budget(struct grpc_call *c, size_t n)
{
    size_t before = atomic_add_relaxed(c->host->buffered, n);
    c->budgeted += n;
    return before + n <= c->host->options->max_buffered_bytes;
}

static bool over_limit(struct grpc_call *c)
{
    char text[120];
    (void)snprintf(text, sizeof text,
                   "the message is over the limit of %zu bytes, limits.max_body_bytes",
                   c->host->options->max_message_bytes);
    refuse(c, GRPC_RESOURCE_EXHAUSTED, text, 0);
    return false;
}

/* The prefix has just become complete: check what it says. */
static bool check_prefix(struct grpc_call *c)
{
    uint8_t compressed = (uint8_t)c->body.p[0];
    if (message_size(c) > c->host->options->max_message_bytes)
        return over_limit(c);
    if (compressed > 1 || (compressed == 1 && str_eq(c->encoding, STR("identity")))) {
        refuse(c, GRPC_INTERNAL,
               compressed > 1
                   ? "the message's compressed flag is neither 0 nor 1"
                   : "the message is flagged as compressed, but grpc-encoding is missing",
               0);
        return false;
    }
    (void)buf_reserve(&c->body,
                      MIN(message_size(c), (uint32_t)RESERVE_MAX)); // else grows as it can
    return true;
}

static void take_data(struct grpc_call *c, const uint8_t *bytes, size_t n)
{
    bool had_prefix = c->body.n >= GRPC_PREFIX_BYTES;
    if (!take_budget(c, n)) {
        refuse(c, GRPC_UNAVAILABLE, "too many messages in memory; try again", 1000);
        return;
    }
    buf_put(&c->body, bytes, n);
    if (buf_failed(&c->body)) {
        (void)over_limit(c);
        return;
    }
    if (!had_prefix && c->body.n >= GRPC_PREFIX_BYTES)
        (void)check_prefix(c); // may have answered
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t n, void *user)
{
    struct grpc_session *s = user;
    struct grpc_call *c = nghttp2_session_get_stream_user_data(ng, stream_id);
    (void)flags;
    if (!c || !c->method || c->away || c->answered)
        return 0;
    s->idle_frames = 0;
    take_data(c, bytes, n);
    return 0;
}

/* The peer has sent all: the call goes to a worker. */
static void message_complete(struct grpc_call *c)
{
    if (c->body.n < GRPC_PREFIX_BYTES || c->body.n != GRPC_PREFIX_BYTES + (size_t)message_size(c)) {
        refuse(c, GRPC_INTERNAL,
               c->body.n == 0 ? "the call has no message"
                              : "the call's message is cut short, or has bytes behind its end",
               0);
        return;
    }
    c->request.message = str_sub(buf_str(&c->body), GRPC_PREFIX_BYTES, c->body.n);
    c->request.encoding = c->body.p[0] ? c->encoding : STR("identity");
    c->request.arena = &c->arena;
    self_add(&received, c->body.n, c->method->path);
    c->away = true;
    if (!c->host->dispatch(c)) {
        c->away = false;
        refuse(c, GRPC_UNAVAILABLE, "the server is busy: its queue of calls is full; try again",
               1000);
    }
}

/* --- nghttp2's other callbacks ---------------------------------------------------------------- */

static bool ends_stream(const nghttp2_frame *frame)
{
    return (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
           (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct grpc_session *s = user;
    if (++s->idle_frames > IDLE_FRAMES_MAX)
        return nghttp2_session_terminate_session(ng, NGHTTP2_ENHANCE_YOUR_CALM);
    struct grpc_call *c = frame->hd.stream_id > 0
                              ? nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id)
                              : NULL;
    if (!c || c->away || c->answered)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !c->header_done && !header_complete(c))
        return 0;
    if (ends_stream(frame)) {
        s->idle_frames = 0;
        message_complete(c);
    }
    return 0;
}

/* A call that is refused before its message has come: tell the peer to spare us the rest. */
static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (ends_stream(frame) && nghttp2_session_get_stream_remote_close(ng, frame->hd.stream_id) == 0)
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t stream_id, uint32_t error_code, void *user)
{
    struct grpc_call *c = nghttp2_session_get_stream_user_data(ng, stream_id);
    (void)user, (void)error_code;
    if (!c)
        return 0;
    if (!c->answered)
        count_call(c, GRPC_CANCELLED);
    call_leave(c);
    return 0;
}

/* --- the session ------------------------------------------------------------------------------ */

static int set_up(struct grpc_session *s)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int rc = nghttp2_session_callbacks_new(&callbacks);
    if (rc == 0)
        rc = nghttp2_option_new(&option);
    if (rc == 0) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_option_set_no_closed_streams(option, 1); // priorities do not matter to us
        nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
        rc = nghttp2_session_server_new2(&s->ng, callbacks, s, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}

static int submit_settings(struct grpc_session *s)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->host->options->max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX},
    };
    int rc = nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    return rc;
}

int grpc_session_new(const struct grpc_host *host, void *owner, struct grpc_session **out,
                     struct err *err)
{
    struct grpc_session *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a connection");
    s->host = host;
    s->owner = owner;
    s->fd = -1;
    s->deadline_mono_ns = INT64_MAX;
    if (set_up(s) != 0 || submit_settings(s) != 0) {
        grpc_session_free(s);
        return err_set(err, ERR_NOMEM, "out of memory for a connection");
    }
    *out = s;
    return 0;
}

void grpc_session_free(struct grpc_session *s)
{
    if (!s)
        return;
    while (s->calls)
        call_leave(s->calls);
    nghttp2_session_del(s->ng);
    free(s);
}

int grpc_session_receive(struct grpc_session *s, const void *bytes, size_t n)
{
    ssize_t rc = nghttp2_session_mem_recv(s->ng, bytes, n);
    if (rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        return ERR_UNSUPPORTED;
    if (rc < 0)
        return ERR_INVALID;
    s->preface = MIN(s->preface + n, (size_t)NGHTTP2_CLIENT_MAGIC_LEN);
    return 0;
}

int grpc_session_send(struct grpc_session *s, struct str *out)
{
    const uint8_t *bytes;
    ssize_t n = nghttp2_session_mem_send(s->ng, &bytes);
    if (n < 0)
        return ERR_NOMEM;
    *out = str_of((const char *)bytes, (size_t)n);
    return 0;
}

int64_t grpc_session_expire(struct grpc_session *s, int64_t now_mono_ns)
{
    int64_t next = INT64_MAX;
    for (struct grpc_call *c = s->calls, *after; c; c = after) {
        after = c->next;
        if (c->answered)
            continue;
        bool receiving = !c->away;
        int64_t until = receiving ? MIN(c->request.deadline_mono_ns, c->receive_by_mono_ns)
                                  : c->request.deadline_mono_ns;
        if (now_mono_ns < until)
            next = MIN(next, until);
        else if (!c->header_done)
            return ERR_TIMEOUT; // in the middle of a header block nothing else can be said
        else
            refuse(c, GRPC_DEADLINE_EXCEEDED,
                   now_mono_ns >= c->request.deadline_mono_ns
                       ? "the call's deadline passed"
                       : "the message took too long to arrive; the limit is limits.body_timeout",
                   0);
    }
    s->deadline_mono_ns = next;
    return next;
}

int64_t grpc_session_deadline(const struct grpc_session *s)
{
    return s->deadline_mono_ns;
}

void grpc_session_set_fd(struct grpc_session *s, int fd)
{
    s->fd = fd;
}

void *grpc_session_owner(const struct grpc_session *s)
{
    return s->owner;
}

void grpc_session_shutdown(struct grpc_session *s)
{
    /* A failure is lack of memory: the connection closes with less ceremony. */
    (void)nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(s->ng), NGHTTP2_NO_ERROR,
                                NULL, 0);
}

size_t grpc_session_calls(const struct grpc_session *s)
{
    return s->n_calls;
}

bool grpc_session_over(const struct grpc_session *s)
{
    return !nghttp2_session_want_read(s->ng) && !nghttp2_session_want_write(s->ng);
}

bool grpc_session_begun(const struct grpc_session *s)
{
    return s->preface == NGHTTP2_CLIENT_MAGIC_LEN;
}
