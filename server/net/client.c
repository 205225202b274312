#include "net/client.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <pthread.h>

#include "base/atomic.h"

enum { CONNECT_TIMEOUT_MS = 10000, REDIRECTS_MAX = 10 };

struct http_client {
    CURL *curl;
    char *server_name;            /* owned; NULL: the URL's host */
    char reason[CURL_ERROR_SIZE]; /* libcurl's words on the last failure */
};

/* State of one call. */
struct transfer {
    CURL *curl;
    const struct http_call *call;
    struct http_answer *answer;
    bool too_big, bomb, enough;
};

/* A smaller answer hurts nobody, however well it is compressed. */
enum { RATIO_FROM_BYTES = 1 << 20 };

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); // a failure shows at curl_easy_init
}

/* libcurl counts what arrives before it unpacks it. */
static bool is_bomb(const struct transfer *t)
{
    curl_off_t arrived = 0;
    size_t n = t->answer->body.n;
    if (!t->call->max_ratio || n <= RATIO_FROM_BYTES ||
        curl_easy_getinfo(t->curl, CURLINFO_SIZE_DOWNLOAD_T, &arrived) != CURLE_OK)
        return false;
    return n / t->call->max_ratio > (size_t)arrived;
}

static bool is_ok(const struct transfer *t)
{
    long status = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status); // else it stays 0
    return status == 200;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *self)
{
    struct transfer *t = self;
    if (t->call->take && is_ok(t)) {
        t->enough = !t->call->take(t->call->take_self, str_of(bytes, size * n));
        return t->enough ? 0 : size * n;
    }
    buf_put(&t->answer->body, bytes, size * n);
    t->too_big = buf_failed(&t->answer->body);
    t->bomb = is_bomb(t);
    return t->too_big || t->bomb ? 0 : size * n; // anything but the size given ends the transfer
}

static int should_stop(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *t = self;
    (void)a, (void)b, (void)c, (void)d;
    return t->call->stop && atomic_get_relaxed(t->call->stop);
}

/* libcurl's setter has many types behind one name; a refused option is out of memory or a libcurl
 * without the feature. */
#define SET(option, value) (ok = ok && curl_easy_setopt(c->curl, (option), (value)) == CURLE_OK)

static bool apply(struct http_client *c, const struct http_client_options *o)
{
    bool ok = true;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, c->reason);
    SET(CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "telltale/" TELLTALE_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, o->no_redirects ? 0L : 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_PROXY, o->proxy_url ? o->proxy_url : "");
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_XFERINFOFUNCTION, should_stop);
    SET(CURLOPT_NOPROGRESS, 0L);
    if (o->bearer_token) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, o->bearer_token);
    } else if (o->basic_user) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, o->basic_user);
        SET(CURLOPT_PASSWORD, o->basic_password ? o->basic_password : "");
    }
    if (o->ca_file)
        SET(CURLOPT_CAINFO, o->ca_file);
    if (o->cert_file)
        SET(CURLOPT_SSLCERT, o->cert_file);
    if (o->key_file)
        SET(CURLOPT_SSLKEY, o->key_file);
    if (o->tls_insecure_skip_verify) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return ok;
}

int http_client_new(const struct http_client_options *options, struct http_client **out,
                    struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_curl); // cannot fail with a valid control

    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP client");
    c->curl = curl_easy_init();
    bool ok = c->curl && apply(c, options);
    if (ok && options->server_name)
        ok = (c->server_name = str_dup(str_c(options->server_name))) != NULL;
    if (!ok) {
        http_client_free(c);
        return err_set(err, ERR_NOMEM, "cannot set up an HTTP client");
    }
    *out = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free(c->server_name);
    free(c);
}

/* --- another name for TLS --------------------------------------------------------------------- */

/* What a call needs so that the certificate is checked against (and SNI names) server_name while
 * the connection goes to the URL's host: libcurl is given a URL with that name and told where it
 * is. */
struct rename {
    CURLU *url;
    struct curl_slist *connect_to;
    char *text; /* the URL with the other name */
    char host_header[300];
};

static void rename_done(struct rename *r)
{
    curl_free(r->text);
    curl_slist_free_all(r->connect_to);
    curl_url_cleanup(r->url);
}

static bool rename_url(struct rename *r, const char *url, const char *server_name)
{
    char *host = NULL, *port = NULL;
    char route[700];
    r->url = curl_url();
    bool ok = r->url && curl_url_set(r->url, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(r->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(r->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              curl_url_set(r->url, CURLUPART_HOST, server_name, 0) == CURLUE_OK &&
              curl_url_get(r->url, CURLUPART_URL, &r->text, 0) == CURLUE_OK;
    if (ok) {
        int n = snprintf(route, sizeof route, "%s:%s:%s:%s", server_name, port, host, port);
        int m = snprintf(r->host_header, sizeof r->host_header, "Host: %s:%s", host, port);
        ok = n > 0 && (size_t)n < sizeof route && m > 0 && (size_t)m < sizeof r->host_header;
        r->connect_to = ok ? curl_slist_append(NULL, route) : NULL;
        ok = r->connect_to != NULL;
    }
    curl_free(host);
    curl_free(port);
    return ok;
}

/* --- calling ---------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

/* "https://": what follows may be secret. */
static int scheme_length(const char *url)
{
    size_t n = strcspn(url, ":/?@");
    return (int)MIN(n + strspn(url + n, ":/"), 16);
}

static int failure(const struct http_client *c, CURLcode rc, const struct transfer *t,
                   struct err *err)
{
    const struct http_call *call = t->call;
    const char *reason = c->reason[0] ? c->reason : curl_easy_strerror(rc);
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "no complete answer within %lld ms",
                       (long long)call->timeout_ms);
    case CURLE_ABORTED_BY_CALLBACK: return err_set(err, ERR_CANCELLED, "cancelled");
    case CURLE_OUT_OF_MEMORY: return err_set(err, ERR_NOMEM, "out of memory");
    case CURLE_WRITE_ERROR:
        if (t->enough)
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (t->bomb)
            return err_set(err, ERR_TOO_BIG,
                           "the answer's body is over %u times its size as sent "
                           "(limits.max_decompression_ratio)",
                           call->max_ratio);
        if (t->too_big && call->max_body_key)
            return err_set(err, ERR_TOO_BIG, "%s exceeded (limit: %zu bytes)", call->max_body_key,
                           call->max_body_bytes);
        if (t->too_big)
            return err_set(err, ERR_TOO_BIG, "the answer's body is over %zu bytes",
                           call->max_body_bytes);
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(err, ERR_INVALID, "\"%.*s…\" is not an http or https URL",
                       scheme_length(call->url), call->url);
    default: break;
    }
    return err_set(err, ERR_IO, "%s", reason);
}

/* The options that differ from call to call. */
static bool prepare(struct http_client *c, struct transfer *t, const struct rename *r,
                    struct curl_slist *headers)
{
    const struct http_call *call = t->call;
    bool ok = true;
    SET(CURLOPT_URL, r->text ? r->text : call->url);
    SET(CURLOPT_CONNECT_TO, r->connect_to);
    SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_ACCEPT_ENCODING, "gzip");
    if (call->body.n) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        SET(CURLOPT_POSTFIELDS, call->body.p);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    return ok;
}

static void read_header(struct http_client *c, const char *name, struct http_answer *out)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(c->curl, name, 0, CURLH_HEADER | CURLH_TRAILER, -1, &h) == CURLHE_OK)
        (void)snprintf(out->header, sizeof out->header, "%s", h->value);
}

static void read_answer(struct http_client *c, struct http_answer *out)
{
    long status = 0;
    const char *type = NULL;
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status); // known after a transfer
    (void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    out->status = (int)status;
    (void)snprintf(out->content_type, sizeof out->content_type, "%s", type ? type : "");
}

int http_client_call(struct http_client *c, const struct http_call *call, struct http_answer *out,
                     struct err *err)
{
    struct http_answer answer = {.body = BUF_MAX(call->max_body_bytes)};
    struct transfer t = {.curl = c->curl, .call = call, .answer = &answer};
    struct rename r = {0};
    struct curl_slist *headers = NULL;
    bool ok = true;
    if (c->server_name && (ok = rename_url(&r, call->url, c->server_name)))
        ok = add_header(&headers, r.host_header);
    for (const char *const *h = call->headers; ok && h && *h; h++)
        ok = add_header(&headers, *h);

    c->reason[0] = '\0';
    int rc = ok && prepare(c, &t, &r, headers) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0) {
        CURLcode done = curl_easy_perform(c->curl);
        rc = done == CURLE_OK ? 0 : failure(c, done, &t, err);
    }
    if (rc == 0)
        read_answer(c, &answer);
    else
        buf_done(&answer.body);
    if (rc == 0 && call->want_header)
        read_header(c, call->want_header, &answer);
    if (rc == 0)
        *out = answer;
    curl_slist_free_all(headers);
    rename_done(&r);
    return rc;
}
