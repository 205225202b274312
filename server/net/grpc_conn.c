#include "net/grpc_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "base/time.h"
#include "net/tls.h"

enum {
    READ_BYTES = 64 << 10,
    READS_A_TURN = 16,       /* then others get theirs */
    PENDING_MAX = 512 << 10, /* bytes to send: above, nothing is read */
    GREETING_S = 10,         /* TLS handshake and HTTP/2 preface */
    STALLED_S = 30,          /* the peer takes none of the bytes we have for it */
    LINGER_S = 2             /* after a refusal, so that the peer can read it */
};

enum stage { HANDSHAKE, OPEN, LINGERING };

struct grpc_conn {
    struct grpc_conn_links links;
    int fd;
    enum stage stage;
    gnutls_session_t tls; /* NULL: plain text */
    struct tls_credentials *credentials;
    struct grpc_session *session;
    const struct grpc_options *options;
    struct buf out; /* to send, from out_at on */
    size_t out_at;
    bool tls_retry; /* GnuTLS holds bytes that it could not send */
    bool closing;   /* send what there is, then linger */
    int64_t begun_mono_ns, busy_mono_ns,
        sent_mono_ns; /* last with a call; last progress in sending */
};

/* Read and then handed on at once; each loop thread has its own. */
static _Thread_local char input[READ_BYTES];

static int tls_start(struct grpc_conn *c, struct tls_context *tls)
{
    static const unsigned char h2[] = "h2";
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)h2, 2};
    c->credentials = tls_credentials_take(tls);
    if (gnutls_init(&c->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0)
        return ERR_NOMEM;
    gnutls_transport_set_int(c->tls, c->fd);
    if (gnutls_alpn_set_protocols(c->tls, &protocol, 1, GNUTLS_ALPN_MANDATORY) != 0)
        return ERR_NOMEM;
    return tls_session_prepare(c->tls, c->credentials);
}

int grpc_conn_new(int fd, const struct grpc_host *host, struct tls_context *tls,
                  struct grpc_conn **out)
{
    struct grpc_conn *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(fd); // the peer sees the end, nothing else is to be done
        return ERR_NOMEM;
    }
    c->fd = fd;
    c->options = host->options;
    c->stage = tls ? HANDSHAKE : OPEN;
    c->begun_mono_ns = c->busy_mono_ns = c->sent_mono_ns = time_now_mono_ns();
    buf_init(&c->out, (size_t)PENDING_MAX * 2);
    int rc = grpc_session_new(host, c, &c->session, NULL);
    if (rc == 0)
        grpc_session_set_fd(c->session, fd);
    if (rc == 0 && tls)
        rc = tls_start(c, tls);
    if (rc != 0) {
        grpc_conn_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void grpc_conn_free(struct grpc_conn *c)
{
    if (!c)
        return;
    grpc_session_free(c->session);
    if (c->tls)
        gnutls_deinit(c->tls);
    tls_credentials_unref(c->credentials);
    (void)close(c->fd); // nothing of ours is unsent that the peer would take
    buf_done(&c->out);
    free(c);
}

int grpc_conn_fd(const struct grpc_conn *c)
{
    return c->fd;
}

struct grpc_session *grpc_conn_session(struct grpc_conn *c)
{
    return c->session;
}

struct grpc_conn_links *grpc_conn_links(struct grpc_conn *c)
{
    return &c->links;
}

/* --- socket and TLS --------------------------------------------------------------------------- */

enum { AGAIN = -1000 }; /* beside ERR_…: nothing now */

static ssize_t tls_result(ssize_t rc)
{
    if (rc >= 0)
        return rc;
    return rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED ? AGAIN : ERR_IO;
}

static ssize_t socket_result(ssize_t rc)
{
    if (rc >= 0)
        return rc;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? AGAIN : ERR_IO;
}

static ssize_t read_some(struct grpc_conn *c)
{
    if (!c->tls)
        return socket_result(recv(c->fd, input, sizeof input, 0));
    return tls_result(gnutls_record_recv(c->tls, input, sizeof input));
}

/* After AGAIN, GnuTLS has the bytes and wants to be asked with none. */
static ssize_t write_some(struct grpc_conn *c)
{
    const char *p = c->out.p + c->out_at;
    size_t n = c->out.n - c->out_at;
    if (!c->tls)
        return socket_result(send(c->fd, p, n, MSG_NOSIGNAL));
    ssize_t rc = tls_result(c->tls_retry ? gnutls_record_send(c->tls, NULL, 0)
                                         : gnutls_record_send(c->tls, p, n));
    c->tls_retry = rc == AGAIN;
    return rc;
}

static size_t pending(const struct grpc_conn *c)
{
    return c->out.n - c->out_at;
}

/* Moves frames from the session to the output, as far as there is room. */
static bool fill(struct grpc_conn *c)
{
    if (c->out_at == c->out.n) {
        buf_reset(&c->out);
        c->out_at = 0;
    }
    while (c->out.n < PENDING_MAX) {
        struct str frame = {0};
        if (grpc_session_send(c->session, &frame) != 0)
            return false;
        if (frame.n == 0)
            break;
        buf_put_str(&c->out, frame);
    }
    return !buf_failed(&c->out);
}

static bool flush(struct grpc_conn *c)
{
    for (;;) {
        if (pending(c) == 0)
            c->sent_mono_ns = time_now_mono_ns(); // the peer owes us nothing yet
        /* Nothing is said before the peer has shown that it speaks HTTP/2. */
        if (!c->closing && grpc_session_begun(c->session) && !fill(c))
            return false;
        if (pending(c) == 0)
            return true;
        ssize_t n = write_some(c);
        if (n == AGAIN)
            return true;
        if (n < 0)
            return false;
        c->out_at += (size_t)n;
        c->sent_mono_ns = time_now_mono_ns();
    }
}

/* --- life ------------------------------------------------------------------------------------- */

/* Someone tried a browser, curl or OTLP/HTTP on this port. */
static void explain_to_http1(struct grpc_conn *c)
{
    static const char body[] = "This port speaks gRPC over HTTP/2. For OTLP over HTTP use the "
                               "OTLP/HTTP port (4318 by default).\n";
    buf_printf(&c->out,
               "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
               sizeof body - 1, body);
}

static void receive(struct grpc_conn *c, size_t n)
{
    int rc = grpc_session_receive(c->session, input, n);
    if (rc == ERR_UNSUPPORTED)
        explain_to_http1(c);
    else if (rc != 0)
        (void)fill(c); // perhaps a GOAWAY with the reason
    c->closing = rc != 0;
}

static bool read_all(struct grpc_conn *c)
{
    for (int i = 0; i < READS_A_TURN || (c->tls && gnutls_record_check_pending(c->tls)); i++) {
        if (pending(c) > PENDING_MAX)
            return true;
        ssize_t n = read_some(c);
        if (n == AGAIN)
            return true;
        if (n <= 0)
            return false;
        if (c->closing)
            continue; // thrown away
        receive(c, (size_t)n);
        if (!flush(c))
            return false;
    }
    return true;
}

static bool handshake(struct grpc_conn *c)
{
    int rc = gnutls_handshake(c->tls);
    if (rc == 0)
        c->stage = OPEN;
    return rc == 0 || !gnutls_error_is_fatal(rc);
}

/* All is sent; waits a little for the peer to read it: closing a socket with unread input would
 * reset the connection and take our last words away. */
static bool linger(struct grpc_conn *c)
{
    c->stage = LINGERING;
    c->sent_mono_ns = time_now_mono_ns();
    if (c->tls)
        (void)gnutls_bye(c->tls, GNUTLS_SHUT_WR); // as good as it gets: the peer may be gone
    return shutdown(c->fd, SHUT_WR) == 0;
}

bool grpc_conn_run(struct grpc_conn *c, bool readable)
{
    if (c->stage == HANDSHAKE && !handshake(c))
        return false;
    if (c->stage == HANDSHAKE)
        return true;
    if (readable && !read_all(c))
        return false;
    if (c->stage == LINGERING)
        return true;
    if (!flush(c))
        return false;
    if (grpc_session_calls(c->session) > 0)
        c->busy_mono_ns = time_now_mono_ns();
    if (!c->closing && grpc_session_begun(c->session) && grpc_session_over(c->session))
        c->closing = true;
    return c->closing && pending(c) == 0 ? linger(c) : true;
}

uint32_t grpc_conn_wants(const struct grpc_conn *c)
{
    if (c->stage == HANDSHAKE)
        return gnutls_record_get_direction(c->tls) ? EPOLLOUT : EPOLLIN;
    uint32_t events = pending(c) > PENDING_MAX ? 0 : EPOLLIN;
    if (c->stage == OPEN && pending(c) > 0)
        events |= EPOLLOUT;
    return events;
}

bool grpc_conn_check(struct grpc_conn *c, int64_t now_mono_ns, int64_t *next)
{
    bool greeted = c->stage != HANDSHAKE && grpc_session_begun(c->session);
    if (!greeted && now_mono_ns - c->begun_mono_ns > GREETING_S * NS_PER_S)
        return false;
    if (c->stage == LINGERING)
        return now_mono_ns - c->sent_mono_ns <= LINGER_S * NS_PER_S;
    if (c->stage == OPEN && pending(c) > 0 && now_mono_ns - c->sent_mono_ns > STALLED_S * NS_PER_S)
        return false;

    int64_t expires = grpc_session_expire(c->session, now_mono_ns);
    if (expires < 0)
        return false;
    *next = MIN(*next, expires);
    if (grpc_session_calls(c->session) > 0)
        c->busy_mono_ns = now_mono_ns;
    else if (greeted && now_mono_ns - c->busy_mono_ns > c->options->idle_timeout_s * NS_PER_S)
        grpc_conn_shutdown(c);
    return grpc_conn_run(c, false);
}

void grpc_conn_shutdown(struct grpc_conn *c)
{
    if (!c->closing && grpc_session_begun(c->session))
        grpc_session_shutdown(c->session);
}
