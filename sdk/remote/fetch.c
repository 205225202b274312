/* A connection is made for each question: they are rare, and a process that forks has none open. */
#include "remote/fetch.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/compiler.h"
#include "base/str.h"

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

bool fetch_url(struct buf *out, const char *endpoint, const char *service)
{
    struct str url = str_c(endpoint);
    size_t host = str_starts(url, STR("http://"))    ? 7
                  : str_starts(url, STR("https://")) ? 8
                                                     : url.n;
    struct str rest = str_sub(url, host, url.n);
    size_t slash = str_index(rest, '/'), query = str_index(rest, '?');
    if (MIN(slash, query) == 0 || !rest.n)
        return false;
    buf_put_str(out, url);
    if (slash == rest.n && query == rest.n)
        buf_puts(out, "/sampling");
    buf_puts(out, query == rest.n ? "?service=" : "&service=");
    put_encoded(out, service);
    buf_putc(out, '\0');
    return !buf_failed(out);
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

static CURLcode perform(CURL *curl, const char *url, const atomic_bool *cancelled, struct buf *out)
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
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_URL, url);
    return rc == CURLE_OK ? curl_easy_perform(curl) : rc;
}

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); // a failure shows again in curl_easy_init
}

const char *fetch(const char *url, const atomic_bool *cancelled, struct buf *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_curl);
    CURL *curl = curl_easy_init();
    CURLcode rc = curl ? perform(curl, url, cancelled, out) : CURLE_OUT_OF_MEMORY;
    curl_easy_cleanup(curl);
    return rc == CURLE_OK ? NULL : curl_easy_strerror(rc);
}
