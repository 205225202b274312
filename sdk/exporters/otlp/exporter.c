/* One connection of libcurl, which is kept between requests. `send` runs in the provider's thread
 * and may take its time: waits between tries end at once when the exporter is cancelled, as does a
 * transfer. */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "otlp/answer.h"
#include "otlp/config.h"

enum { ANSWER_MAX = 64 << 10, FIRST_WAIT_MS = 1000, WAIT_MAX_MS = 30000, CONNECT_MS = 5000 };

struct exporter {
    struct otlp_config config;
    CURL *curl;
    struct curl_slist *headers;
    atomic_bool cancelled;
    pthread_mutex_t lock; /* for the wait alone */
    pthread_cond_t wake;
    char answer[ANSWER_MAX]; /* of the request under way */
    size_t answer_n;
    int64_t retry_after_ms; /* -1: not told */
    unsigned random;
};

/* --- what libcurl calls ---------------------------------------------------------------------- */

static size_t take_answer(char *data, size_t size, size_t n, void *arg)
{
    struct exporter *e = arg;
    size_t bytes = size * n, kept = MIN(bytes, ANSWER_MAX - e->answer_n);
    memcpy(e->answer + e->answer_n, data, kept);
    e->answer_n += kept;
    return bytes; // what is beyond is not looked at
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct exporter *e = arg;
    struct str value = str_of(data, size * n), name = str_cut(&value, ':');
    int64_t seconds;
    if (str_eq_nocase(name, STR("Retry-After")) && num_parse_i64(str_trim(value), &seconds) == 0 &&
        seconds >= 0)
        e->retry_after_ms = seconds > WAIT_MAX_MS ? INT64_MAX : seconds * 1000;
    return size * n;
}

static int is_cancelled(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct exporter *e = arg;
    return atomic_load(&e->cancelled);
}

/* --- one try --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* The HTTP status, 0 when none came. */
static long post(struct exporter *e, const void *request, size_t n, int64_t timeout_ms)
{
    long status = 0;
    e->answer_n = 0;
    e->retry_after_ms = -1;
    (void)curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, request);
    (void)curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    (void)curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (curl_easy_perform(e->curl) == CURLE_OK)
        (void)curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool may_succeed_later(long status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

/* --- tries ----------------------------------------------------------------------------------- */

/* Half to one and a half times as long. */
static int64_t jitter(struct exporter *e, int64_t ms)
{
    e->random = e->random * 1664525u + 1013904223u;
    return ms / 2 + (int64_t)((double)ms * (e->random >> 8) / 16777216.0);
}

/* False when it was cancelled meanwhile. */
static bool wait_ms(struct exporter *e, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&e->lock);
    int rc = 0;
    while (!atomic_load(&e->cancelled) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&e->wake, &e->lock, &until);
    (void)pthread_mutex_unlock(&e->lock);
    return !atomic_load(&e->cancelled);
}

static int conclude(struct exporter *e, long status)
{
    if (status < 200 || status > 299)
        return TT_ERR_IO;
    otlp_answer_report(e->answer, e->answer_n);
    return TT_OK;
}

static int send_request(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)signal;
    (void)items;
    struct exporter *e = arg;
    int64_t deadline = now_ms() + MIN(timeout_ms, e->config.timeout_ms), pause = FIRST_WAIT_MS;
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0)
            return TT_ERR_TIMEOUT;
        long status = post(e, request, n, left);
        if (!may_succeed_later(status))
            return conclude(e, status);
        int64_t next = e->retry_after_ms >= 0 ? e->retry_after_ms : jitter(e, pause);
        if (next >= deadline - now_ms() || !wait_ms(e, next))
            return atomic_load(&e->cancelled) ? TT_ERR_SHUTDOWN : TT_ERR_IO;
        pause = MIN(2 * pause, WAIT_MAX_MS);
    }
}

static void cancel(void *arg)
{
    struct exporter *e = arg;
    (void)pthread_mutex_lock(&e->lock);
    atomic_store(&e->cancelled, true);
    (void)pthread_cond_signal(&e->wake);
    (void)pthread_mutex_unlock(&e->lock);
}

/* --- making and closing ---------------------------------------------------------------------- */

static void close_exporter(void *arg)
{
    struct exporter *e = arg;
    curl_easy_cleanup(e->curl);
    curl_slist_free_all(e->headers);
    otlp_config_done(&e->config);
    (void)pthread_cond_destroy(&e->wake);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
}

static bool add_header(struct exporter *e, const char *line)
{
    struct curl_slist *list = curl_slist_append(e->headers, line);
    if (list)
        e->headers = list;
    return list;
}

static bool set_headers(struct exporter *e)
{
    bool ok = add_header(e, "Content-Type: application/x-protobuf") &&
              add_header(e, "Expect:"); // no round trip to ask whether the body is wanted
    for (size_t i = 0; ok && i < e->config.n_headers; i++)
        ok = add_header(e, e->config.headers[i]);
    return ok && curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers) == CURLE_OK;
}

static bool set_file(CURL *curl, CURLoption option, const char *path)
{
    return !path || curl_easy_setopt(curl, option, path) == CURLE_OK;
}

static bool set_up(struct exporter *e)
{
    e->curl = curl_easy_init();
    if (!e->curl)
        return false;
    CURL *c = e->curl;
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); // the host's signals are not ours to touch
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, e);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, e);
    return curl_easy_setopt(c, CURLOPT_URL, e->config.url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "telltale-c/0.1.0") == CURLE_OK &&
           set_file(c, CURLOPT_CAINFO, e->config.ca_file) &&
           set_file(c, CURLOPT_SSLKEY, e->config.key_file) &&
           set_file(c, CURLOPT_SSLCERT, e->config.certificate_file) && set_headers(e);
}

static void init_wait(struct exporter *e)
{
    pthread_condattr_t monotonic;
    (void)pthread_mutex_init(&e->lock, NULL); // none of these can fail on Linux
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); // a failure shows again in curl_easy_init
}

int tt_otlp_exporter_new(enum tt_signal signal, const tt_otlp_options *options, tt_exporter *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    tt_otlp_options o = {0};
    if (options)
        memcpy(&o, options, MIN(options->size, sizeof o));
    if (!out || (unsigned)signal > TT_SIGNAL_LOGS)
        return TT_ERR_INVALID;
    (void)pthread_once(&once, init_curl);
    struct exporter *e = calloc(1, sizeof *e);
    if (!e)
        return TT_ERR_NOMEM;
    const char *reason;
    init_wait(e);
    e->random = (unsigned)now_ms();
    int rc = otlp_config_init(&e->config, signal, &o, &reason);
    if (rc == TT_OK && !set_up(e))
        rc = TT_ERR_NOMEM;
    if (rc != TT_OK) {
        tt_problem_tell(rc == TT_ERR_INVALID ? TT_PROBLEM_MISUSE : TT_PROBLEM_MEMORY, reason, NULL);
        close_exporter(e);
        return rc;
    }
    *out = (tt_exporter){.send = send_request, .cancel = cancel, .close = close_exporter, .arg = e};
    return TT_OK;
}
