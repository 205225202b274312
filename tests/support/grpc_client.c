#include "support/grpc_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <nghttp2/nghttp2.h>

#include "base/compiler.h"
#include "base/time.h"
#include "net/address.h"
#include "support/check.h"

enum { PATIENCE_S = 10 };

struct grpc_client {
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    nghttp2_session *ng;
    struct grpc_client_result calls[GRPC_CLIENT_CALLS_MAX];
    size_t n_calls;
    unsigned pings;
    bool goaway, ended;
    uint32_t goaway_code;
};

/* --- transport -------------------------------------------------------------------------------- */

static ssize_t take(struct grpc_client *c, void *to, size_t n)
{
    if (!c->tls)
        return recv(c->fd, to, n, MSG_DONTWAIT);
    ssize_t rc = gnutls_record_recv(c->tls, to, n);
    errno = rc == GNUTLS_E_AGAIN ? EAGAIN : errno;
    return rc;
}

/* False: nothing can be sent now, or ever. */
static bool give(struct grpc_client *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = c->tls ? gnutls_record_send(c->tls, p, n)
                              : send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        bool again = c->tls ? sent == GNUTLS_E_AGAIN : sent < 0 && errno == EAGAIN;
        if (again) {
            struct pollfd fd = {.fd = c->fd, .events = POLLOUT | POLLIN};
            (void)poll(&fd, 1, 100);
            continue;
        }
        if (sent < 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

void grpc_client_poll(struct grpc_client *c)
{
    static _Thread_local uint8_t input[65536];
    const uint8_t *out;
    for (ssize_t n; !c->ended && (n = nghttp2_session_mem_send(c->ng, &out)) > 0;)
        if (!give(c, out, (size_t)n))
            break; // what the server said before it closed is still to be read
    for (ssize_t n; !c->ended;) {
        errno = 0;
        n = take(c, input, sizeof input);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0 || nghttp2_session_mem_recv(c->ng, input, (size_t)n) < 0)
            c->ended = true;
    }
    for (ssize_t n; !c->ended && (n = nghttp2_session_mem_send(c->ng, &out)) > 0;)
        if (!give(c, out, (size_t)n))
            break;
}

#define WAIT_FOR(c, condition)                                                                     \
    do {                                                                                           \
        int64_t until_ = time_now_mono_ns() + PATIENCE_S * NS_PER_S;                               \
        grpc_client_poll(c);                                                                       \
        while (!(condition)) {                                                                     \
            struct pollfd fd_ = {.fd = (c)->fd, .events = POLLIN};                                 \
            if (time_now_mono_ns() > until_)                                                       \
                fail_msg("waited too long for %s", #condition);                                    \
            (void)poll(&fd_, 1, 20);                                                               \
            grpc_client_poll(c);                                                                   \
        }                                                                                          \
    } while (0)

/* --- nghttp2's callbacks ---------------------------------------------------------------------- */

static void copy_text(char *to, size_t room, const uint8_t *p, size_t n)
{
    (void)snprintf(to, room, "%.*s", (int)n, (const char *)p);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct grpc_client_result *r = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    char key[64], text[512];
    (void)flags, (void)user;
    if (!r)
        return 0;
    copy_text(key, sizeof key, name, name_n);
    copy_text(text, sizeof text, value, value_n);
    if (strcmp(key, ":status") == 0)
        r->http_status = (int)strtol(text, NULL, 10);
    else if (strcmp(key, "grpc-status") == 0)
        r->status = (int)strtol(text, NULL, 10);
    else if (strcmp(key, "grpc-message") == 0)
        copy_text(r->message, sizeof r->message, value, value_n);
    else if (strcmp(key, "grpc-status-details-bin") == 0)
        copy_text(r->details, sizeof r->details, value, value_n);
    else if (strcmp(key, "content-type") == 0)
        copy_text(r->content_type, sizeof r->content_type, value, value_n);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t n, void *user)
{
    struct grpc_client_result *r = nghttp2_session_get_stream_user_data(ng, stream_id);
    (void)flags, (void)user;
    buf_put(&r->body, bytes, n);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t stream_id, uint32_t error_code, void *user)
{
    struct grpc_client_result *r = nghttp2_session_get_stream_user_data(ng, stream_id);
    (void)user;
    if (r) {
        r->closed = true;
        r->reset = error_code;
    }
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct grpc_client *c = user;
    (void)ng;
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        c->pings++;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaway = true;
        c->goaway_code = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t read_request(nghttp2_session *ng, int32_t stream_id, uint8_t *to, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct grpc_client_result *r = source->ptr;
    (void)ng, (void)stream_id, (void)user;
    size_t n = MIN(room, r->request.n - r->request_at);
    if (n)
        memcpy(to, r->request.p + r->request_at, n);
    r->request_at += n;
    if (r->request_at == r->request.n && !r->request_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return n == 0 && r->request_open ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void start_session(struct grpc_client *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    assert_int_equal(nghttp2_session_client_new2(&c->ng, callbacks, c, option), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    assert_int_equal(nghttp2_submit_settings(c->ng, 0, NULL, 0), 0);
}

static bool start_tls(struct grpc_client *c, const struct grpc_client_tls *tls)
{
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
    assert_true(gnutls_certificate_set_x509_trust_file(c->credentials, tls->ca_file,
                                                       GNUTLS_X509_FMT_PEM) > 0);
    if (tls->cert_file)
        assert_int_equal(gnutls_certificate_set_x509_key_file(c->credentials, tls->cert_file,
                                                              tls->key_file, GNUTLS_X509_FMT_PEM),
                         0);
    assert_int_equal(gnutls_init(&c->tls, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_set_default_priority(c->tls), 0);
    assert_int_equal(gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, c->credentials), 0);
    gnutls_datum_t alpn = {(unsigned char *)(uintptr_t)tls->alpn,
                           tls->alpn ? (unsigned)strlen(tls->alpn) : 0};
    if (tls->alpn)
        assert_int_equal(gnutls_alpn_set_protocols(c->tls, &alpn, 1, 0), 0);
    gnutls_session_set_verify_cert(c->tls, "localhost", 0);
    gnutls_transport_set_int(c->tls, c->fd);
    int rc;
    do
        rc = gnutls_handshake(c->tls);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc != 0)
        return false;
    /* With TLS 1.3 the server's word on our certificate comes only now. */
    struct timeval soon = {.tv_usec = 200000};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    char none[1];
    ssize_t n = gnutls_record_recv(c->tls, none, 0);
    (void)n;
    return true;
}

struct grpc_client *grpc_client_connect(const char *address, const struct grpc_client_tls *tls)
{
    struct address a;
    assert_int_equal(address_parse(address, &a, NULL), 0);
    struct grpc_client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->fd = socket(a.sa.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&a.sa, a.len), 0);
    int on = 1;
    assert_int_equal(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    start_session(c);
    if (tls && !start_tls(c, tls)) {
        grpc_client_close(c);
        return NULL;
    }
    if (tls) {
        struct timeval soon = {.tv_usec = 1000};
        assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    }
    return c;
}

void grpc_client_close(struct grpc_client *c)
{
    for (size_t i = 0; i < c->n_calls; i++) {
        buf_done(&c->calls[i].body);
        buf_done(&c->calls[i].request);
    }
    nghttp2_session_del(c->ng);
    if (c->tls)
        gnutls_deinit(c->tls);
    if (c->credentials)
        gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
    free(c);
}

/* --- calls ------------------------------------------------------------------------------------ */

static nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

struct grpc_client_result *grpc_client_start(struct grpc_client *c, const char *path,
                                             const struct grpc_client_header *headers,
                                             const void *body, size_t n, bool open)
{
    struct grpc_client_header all[32] = {
        {":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"},
        {":path", path},     {"te", "trailers"},  {"content-type", "application/grpc"},
    };
    size_t n_all = 6, n_nv = 0;
    for (; headers && headers->name; headers++) {
        size_t i = 0;
        while (i < n_all && strcmp(all[i].name, headers->name) != 0)
            i++;
        all[i] = *headers;
        n_all = MAX(n_all, i + 1);
    }
    nghttp2_nv nv[32];
    for (size_t i = 0; i < n_all; i++)
        if (all[i].value)
            nv[n_nv++] = nv_of(all[i].name, all[i].value);

    assert_true(c->n_calls < GRPC_CLIENT_CALLS_MAX);
    struct grpc_client_result *r = &c->calls[c->n_calls++];
    *r = (struct grpc_client_result){.status = -1,
                                     .body = BUF_MAX(64 << 20),
                                     .request = BUF_MAX(64 << 20),
                                     .request_open = open};
    buf_put(&r->request, body, n);
    nghttp2_data_provider provider = {.source.ptr = r, .read_callback = read_request};
    r->stream_id = nghttp2_submit_request(c->ng, NULL, nv, n_nv, n || open ? &provider : NULL, r);
    assert_true(r->stream_id > 0);
    return r;
}

struct grpc_client_result *grpc_client_call(struct grpc_client *c, const char *path,
                                            const struct grpc_client_header *headers,
                                            const char *text)
{
    size_t n = strlen(text);
    struct buf body = BUF_MAX(1 << 20);
    const uint8_t prefix[] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                              (uint8_t)n};
    buf_put(&body, prefix, sizeof prefix);
    buf_put(&body, text, n);
    struct grpc_client_result *r = grpc_client_start(c, path, headers, body.p, body.n, false);
    buf_done(&body);
    return r;
}

void grpc_client_wait(struct grpc_client *c, const struct grpc_client_result *call)
{
    WAIT_FOR(c, call->closed || c->ended);
}

void grpc_client_wait_either(struct grpc_client *c, const struct grpc_client_result *a,
                             const struct grpc_client_result *b)
{
    WAIT_FOR(c, a->closed || b->closed || c->ended);
}

void grpc_client_cancel(struct grpc_client *c, const struct grpc_client_result *call)
{
    assert_int_equal(nghttp2_submit_rst_stream(c->ng, 0, call->stream_id, NGHTTP2_CANCEL), 0);
    grpc_client_poll(c);
}

void grpc_client_ping(struct grpc_client *c)
{
    assert_int_equal(nghttp2_submit_ping(c->ng, 0, NULL), 0);
}

void grpc_client_wait_pings(struct grpc_client *c, unsigned n)
{
    WAIT_FOR(c, c->pings >= n);
}

uint32_t grpc_client_wait_goaway(struct grpc_client *c)
{
    WAIT_FOR(c, c->goaway);
    return c->goaway_code;
}

void grpc_client_wait_end(struct grpc_client *c)
{
    WAIT_FOR(c, c->ended);
}

void grpc_client_peer(struct grpc_client *c, char *out, size_t n)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->tls, &count);
    gnutls_x509_crt_t crt;
    assert_true(count > 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out, &n),
                     0);
    gnutls_x509_crt_deinit(crt);
}
