/* The connection is kept between requests. gRPC is HTTP/2 with a prefix before the message and its
 * outcome in trailers, which libcurl hands over as headers: over TLS the protocol is agreed on, in
 * the clear it is begun with at once.
 *
 * An answer is looked at up to a limit, and a longer one is broken off. */
#include "otlp/transport.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

enum { ANSWER_MAX = 64 << 10, CONNECT_MS = 5000, STATUS_MAX = 16, HEADER_MAX = 6 << 10 };

struct otlp_transport {
    const struct otlp_config *config;
    const atomic_bool *cancelled;
    CURL *curl;
    struct curl_slist *headers;
    pid_t owner;
    /* Of the request under way: */
    int64_t retry_after_ms;
    size_t answer_n, status_n, message_n, details_n;
    bool too_long;
    char answer[ANSWER_MAX], status[STATUS_MAX], message[HEADER_MAX], details[HEADER_MAX];
};

/* --- what libcurl calls ---------------------------------------------------------------------- */

static size_t take_answer(char *data, size_t size, size_t n, void *arg)
{
    struct otlp_transport *t = arg;
    size_t bytes = size * n, kept = MIN(bytes, ANSWER_MAX - t->answer_n);
    memcpy(t->answer + t->answer_n, data, kept);
    t->answer_n += kept;
    t->too_long = kept < bytes;
    return kept;
}

static size_t copy_value(char *to, size_t max, struct str value)
{
    value = str_sub(str_trim(value), 0, max);
    if (value.n)
        memcpy(to, value.p, value.n);
    return value.n;
}

static int64_t unix_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail for this clock
    return now.tv_sec;
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct otlp_transport *t = arg;
    struct str value = str_of(data, size * n), name = str_cut(&value, ':');
    if (str_eq_nocase(name, STR("Retry-After")))
        t->retry_after_ms = otlp_retry_after_ms(value, unix_seconds());
    else if (str_eq_nocase(name, STR("grpc-status")))
        t->status_n = copy_value(t->status, STATUS_MAX, value);
    else if (str_eq_nocase(name, STR("grpc-message")))
        t->message_n = copy_value(t->message, HEADER_MAX, value);
    else if (str_eq_nocase(name, STR("grpc-status-details-bin")))
        t->details_n = copy_value(t->details, HEADER_MAX, value);
    return size * n;
}

static int is_cancelled(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct otlp_transport *t = arg;
    return atomic_load(t->cancelled);
}

/* --- making and closing ---------------------------------------------------------------------- */

static bool add_header(struct otlp_transport *t, const char *line)
{
    struct curl_slist *list = curl_slist_append(t->headers, line);
    if (list)
        t->headers = list;
    return list;
}

static bool add_own_headers(struct otlp_transport *t)
{
    static const char *const types[] = {[TT_OTLP_HTTP_PROTOBUF] =
                                            "Content-Type: application/x-protobuf",
                                        [TT_OTLP_HTTP_JSON] = "Content-Type: application/json",
                                        [TT_OTLP_GRPC] = "Content-Type: application/grpc"};
    static const char *const codings[] = {
        [TT_OTLP_GZIP] = "Content-Encoding: gzip", [TT_OTLP_ZSTD] = "Content-Encoding: zstd"};
    const struct otlp_config *c = t->config;
    bool grpc = c->protocol == TT_OTLP_GRPC, plain = c->compression == TT_OTLP_PLAIN;
    const char *coding = plain ? NULL : grpc ? "grpc-encoding: gzip" : codings[c->compression];
    return add_header(t, types[c->protocol]) &&
           add_header(t, "Expect:") && // no round trip to ask whether the body is wanted
           (!coding || add_header(t, coding)) && (!grpc || add_header(t, "TE: trailers"));
}

static bool make_headers(struct otlp_transport *t)
{
    bool ok = add_own_headers(t);
    for (size_t i = 0; ok && i < t->config->n_headers; i++)
        ok = add_header(t, t->config->headers[i]);
    return ok;
}

static bool set_file(CURL *curl, CURLoption option, const char *path)
{
    return !path || curl_easy_setopt(curl, option, path) == CURLE_OK;
}

/* libcurl 7.88 cannot send a second request over a connection that it began as HTTP/2 in the clear
 * ("Error in the HTTP2 framing layer"; mended in 8.0), so there each gets one of its own. */
static bool can_reuse(void)
{
    unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
    return version < 0x075800 || version >= 0x080000;
}

static bool set_http_version(CURL *curl, const struct otlp_config *c)
{
    if (c->protocol != TT_OTLP_GRPC)
        return true;
    if (str_eq_nocase(str_sub(str_c(c->url), 0, 6), STR("https:")))
        return curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) ==
               CURLE_OK;
    (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, can_reuse() ? 0L : 1L);
    return curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                            (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE) == CURLE_OK;
}

static bool set_up(struct otlp_transport *t)
{
    t->owner = getpid();
    t->curl = curl_easy_init();
    if (!t->curl)
        return false;
    CURL *c = t->curl;
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); // the host's signals are not ours to touch
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    return curl_easy_setopt(c, CURLOPT_URL, t->config->url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "telltale-c/0.1.0") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           set_file(c, CURLOPT_CAINFO, t->config->ca_file) &&
           set_file(c, CURLOPT_SSLKEY, t->config->key_file) &&
           set_file(c, CURLOPT_SSLCERT, t->config->certificate_file) &&
           set_http_version(c, t->config);
}

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); // a failure shows again in curl_easy_init
}

struct otlp_transport *otlp_transport_new(const struct otlp_config *c, const atomic_bool *cancelled)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_curl);
    struct otlp_transport *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->config = c;
    t->cancelled = cancelled;
    if (make_headers(t) && set_up(t))
        return t;
    otlp_transport_free(t);
    return NULL;
}

/* The parent's connection must not hear from this process, not even a farewell, so the handle is
 * left as it is and only its socket closed. */
static void forsake(struct otlp_transport *t)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (t->curl && curl_easy_getinfo(t->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
        fd != CURL_SOCKET_BAD)
        (void)close(fd);
    t->curl = NULL;
}

void otlp_transport_free(struct otlp_transport *t)
{
    if (!t)
        return;
    if (t->owner != getpid())
        forsake(t);
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(t->headers);
    free(t);
}

/* --- a request ------------------------------------------------------------------------------- */

static CURLcode perform(struct otlp_transport *t, const void *body, size_t n, int64_t timeout_ms)
{
    t->retry_after_ms = -1;
    t->answer_n = t->status_n = t->message_n = t->details_n = 0;
    t->too_long = false;
    (void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    (void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)MAX(timeout_ms, 1));
    return curl_easy_perform(t->curl);
}

void otlp_transport_post(struct otlp_transport *t, const void *body, size_t n, int64_t timeout_ms,
                         struct otlp_verdict *out)
{
    struct otlp_reply reply = {.retry_after_ms = -1};
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    if (t->owner != getpid())
        forsake(t);
    if (t->curl || set_up(t))
        rc = perform(t, body, n, timeout_ms);
    if (rc == CURLE_OK || t->too_long) {
        (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &reply.http_status);
        reply.retry_after_ms = t->retry_after_ms;
        reply.body = str_of(t->answer, t->answer_n);
        reply.grpc_status = str_of(t->status, t->status_n);
        reply.grpc_message = str_of(t->message, t->message_n);
        reply.grpc_details = str_of(t->details, t->details_n);
    }
    otlp_judge(t->config->protocol, &reply, out);
    if (!reply.http_status)
        (void)snprintf(out->message, sizeof out->message, "%s", curl_easy_strerror(rc));
}
