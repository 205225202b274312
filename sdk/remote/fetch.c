/* A connection is made for each question: they are rare, and a process that forks has none open. */
#include "remote/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "remote/grpc.h"

/* --- the address ----------------------------------------------------------------------------- */

static void put_encoded(struct buf *out, const char *text)
{
    for (; *text; text++) {
        char c = *text, lower = (char)(c | 0x20);
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
        if (plain || c == '-' || c == '.' || c == '_' || c == '~')
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

static bool is_for_grpc(struct str scheme, struct str host, bool has_path)
{
    return str_starts(scheme, STR("grpc")) || (!has_path && str_ends(host, STR(":14250")));
}

/* The scheme before "://", and what is behind it. */
static struct str cut_scheme(struct str *url)
{
    static const char *const known[] = {"http", "https", "grpc", "grpcs"};
    size_t at = str_find(*url, STR("://"));
    struct str scheme = str_sub(*url, 0, at);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (at < url->n && str_eq(scheme, str_c(known[i]))) {
            *url = str_sub(*url, at + 3, url->n);
            return scheme;
        }
    }
    return (struct str){0};
}

static void put_url(struct buf *out, struct str scheme, struct str rest, const char *service,
                    bool grpc)
{
    size_t slash = str_index(rest, '/'), query = str_index(rest, '?');
    buf_puts(out, str_ends(scheme, STR("s")) ? "https://" : "http://");
    if (grpc) {
        buf_put_str(out, str_sub(rest, 0, MIN(slash, query)));
        buf_puts(out, GRPC_METHOD);
    } else {
        buf_put_str(out, rest);
        if (slash == rest.n && query == rest.n)
            buf_puts(out, "/sampling");
        buf_puts(out, query == rest.n ? "?service=" : "&service=");
        put_encoded(out, service);
    }
    buf_putc(out, '\0');
}

bool question_make(struct question *out, const char *endpoint, const char *service)
{
    struct buf url = BUF_MAX(strlen(endpoint) + 3 * strlen(service) + 128);
    struct str rest = str_c(endpoint), scheme = cut_scheme(&rest);
    size_t slash = str_index(rest, '/'), query = str_index(rest, '?');
    *out = (struct question){.body = BUF_MAX(strlen(service) + 64)};
    if (!scheme.n || !rest.n || MIN(slash, query) == 0)
        return false;
    out->grpc = is_for_grpc(scheme, str_sub(rest, 0, MIN(slash, query)),
                            slash + 1 < rest.n || query < rest.n);
    put_url(&url, scheme, rest, service, out->grpc);
    if (out->grpc)
        grpc_put_question(&out->body, str_c(service));
    out->url = buf_failed(&url) || buf_failed(&out->body) ? NULL : buf_take(&url, NULL);
    buf_done(&url);
    return out->url;
}

void question_done(struct question *q)
{
    free(q->url);
    buf_done(&q->body);
    *q = (struct question){0};
}

/* --- the question ---------------------------------------------------------------------------- */

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, data, size * n);
    return buf_failed(out) ? 0 : size * n;
}

static int is_cancelled(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load((const atomic_bool *)arg);
}

/* Of the trailers; 200 stands for none that was there. */
enum { NO_STATUS = 200 };

static size_t take_status(char *data, size_t size, size_t n, void *arg)
{
    int *status = arg;
    struct str value = str_of(data, size * n), name = str_cut(&value, ':');
    int64_t code;
    if (str_eq_nocase(name, STR("grpc-status")) && num_parse_i64(str_trim(value), &code) == 0)
        *status = code >= 0 && code < NO_STATUS ? (int)code : NO_STATUS;
    return size * n;
}

/* HTTP/2 is begun with at once, or agreed on over TLS. */
static bool set_grpc(CURL *curl, const struct question *q, struct curl_slist *headers, int *status)
{
    long version = str_starts(str_c(q->url), STR("https:")) ? CURL_HTTP_VERSION_2TLS
                                                            : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.p);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_status);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, status);
    return curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, version) == CURLE_OK;
}

static void set_up(CURL *curl, const atomic_bool *cancelled, struct buf *out)
{
    void *stop;
    memcpy(&stop, &cancelled, sizeof stop);             // libcurl hands it back as it is
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); // the host's signals are not ours to touch
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "telltale-c/0.1.0");
}

static CURLcode ask(CURL *curl, const struct question *q, int *status)
{
    struct curl_slist *headers = NULL;
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_URL, q->url);
    if (rc == CURLE_OK && q->grpc) {
        headers = curl_slist_append(NULL, "Content-Type: application/grpc");
        struct curl_slist *longer = curl_slist_append(headers, "TE: trailers");
        if (!longer || !set_grpc(curl, q, longer, status))
            rc = CURLE_OUT_OF_MEMORY;
    }
    if (rc == CURLE_OK)
        rc = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return rc;
}

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); // a failure shows again in curl_easy_init
}

static const char *read_answer(struct str body, int status, struct buf *out)
{
    if (status != 0)
        return status == NO_STATUS ? "the answer has no gRPC status"
                                   : "the service refused by a gRPC status";
    return grpc_put_answer(out, body) ? NULL : "the answer is no message of gRPC";
}

const char *fetch(const struct question *q, const atomic_bool *cancelled, struct buf *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_curl);
    struct buf body = BUF_MAX(FETCH_BYTES_MAX);
    int status = NO_STATUS;
    CURL *curl = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    if (curl) {
        set_up(curl, cancelled, q->grpc ? &body : out);
        rc = ask(curl, q, &status);
    }
    curl_easy_cleanup(curl);
    const char *wrong = rc == CURLE_OK ? NULL : curl_easy_strerror(rc);
    if (!wrong && q->grpc)
        wrong = read_answer(buf_str(&body), status, out);
    buf_done(&body);
    return wrong;
}
