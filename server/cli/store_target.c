#include "cli/store_target.h"

#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/remote.h"

enum { CALL_TIMEOUT_MS = 300000, TRIES = 60, TRY_EVERY_MS = 1000, ANSWER_MAX = 600 << 20 };

void store_target_options(struct store_target *t, struct cli_option out[STORE_TARGET_OPTIONS])
{
    const struct cli_option options[STORE_TARGET_OPTIONS] = {
        {.name = "--data", .value = &t->data},   {.name = "--url", .value = &t->url},
        {.name = "--token", .value = &t->token}, {.name = "--user", .value = &t->user},
        {.name = "--ca", .value = &t->ca_file},
    };
    memcpy(out, options, sizeof options);
}

/* Nothing is too old or too new for a file that says so, and what the directory has stays: how long
 * it is to be kept is known to its server. */
static int open_data(struct store_target *t, struct err *err)
{
    const struct store_options options = {
        .dir = t->data,
        .retention_ms = STORE_RETENTION_FOREVER,
        .retention_records_ms = {STORE_RETENTION_FOREVER, STORE_RETENTION_FOREVER},
        .aggregates = {.retention_ms = STORE_RETENTION_FOREVER},
        .max_future_ms = INT64_C(100) * 365 * MS_PER_DAY,
        .background = true,
    };
    if (t->must_exist && !fs_is_dir(fs_real(), t->data))
        return err_set(err, ERR_NOT_FOUND, "%s: no such directory", t->data);
    int rc = store_open(&options, &t->store, err);
    return rc == 0 ? store_replay(t->store, NULL, err) : rc;
}

static int open_url(struct store_target *t, struct err *err)
{
    char name[256] = "";
    struct http_client_options options = {.bearer_token = t->token, .ca_file = t->ca_file};
    if (t->user) {
        struct str rest = str_c(t->user);
        struct str user = str_cut(&rest, ':');
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(user));
        options.basic_user = name;
        options.basic_password = rest.p ? rest.p : "";
    }
    return http_client_new(&options, &t->client, err);
}

int store_target_open(struct store_target *t, struct err *err)
{
    if (!t->data == !t->url)
        return err_set(err, ERR_INVALID, "say either --data DIR or --url URL");
    return t->data ? open_data(t, err) : open_url(t, err);
}

int store_target_close(struct store_target *t, struct err *err)
{
    http_client_free(t->client);
    int rc = store_close(t->store, err);
    t->client = NULL;
    t->store = NULL;
    return rc;
}

void store_target_param(struct buf *path, const char *name, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";
    bool first = str_index(buf_str(path), '?') == path->n;
    buf_putc(path, first ? '?' : '&');
    buf_puts(path, name);
    buf_putc(path, '=');
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            buf_putc(path, (char)c);
        } else {
            const char escape[] = {'%', hex[c >> 4], hex[c & 15]};
            buf_put(path, escape, sizeof escape);
        }
    }
}

/* The server's words, or what came instead of them. */
static int refusal(const struct http_answer *answer, struct err *err)
{
    json_t *root = remote_json(buf_str(&answer->body));
    const char *text = json_string_value(json_object_get(root, "error"));
    int status = answer->status;
    int code = status == 503 || status == 429   ? ERR_BUSY
               : status == 422 || status == 413 ? ERR_TOO_BIG
               : status == 401 || status == 403 ? ERR_DENIED
               : status >= 500                  ? ERR_IO
                                                : ERR_INVALID;
    int rc = text ? err_set(err, code, "%s", text)
                  : err_set(err, code, "HTTP status %d: %.*s", status,
                            STR_ARG(str_trim(str_sub(buf_str(&answer->body), 0, 200))));
    json_decref(root);
    return rc;
}

static int call_once(struct store_target *t, const struct http_call *call, struct http_answer *out,
                     struct err *err)
{
    int rc = http_client_call(t->client, call, out, err);
    if (rc != 0)
        return err_prefix(err, rc, "%s", t->url);
    if (out->status >= 200 && out->status < 300)
        return 0;
    rc = refusal(out, err);
    buf_done(&out->body);
    return rc;
}

/* Fills the call's URL, and repeats it while the server is busy. */
static int call_patiently(struct store_target *t, struct http_call *call, const char *path,
                          struct http_answer *out, struct err *err)
{
    struct buf url = BUF_MAX(1 << 20);
    struct str base = str_c(t->url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    buf_put_str(&url, base);
    buf_puts(&url, path);
    buf_putc(&url, '\0');
    int rc = buf_failed(&url) ? err_set(err, ERR_TOO_BIG, "the request's address is too long")
                              : ERR_BUSY;
    call->url = url.p;
    call->max_body_bytes = ANSWER_MAX;
    for (int i = 0; rc == ERR_BUSY && i < TRIES; i++) {
        if (i)
            (void)poll(NULL, 0, TRY_EVERY_MS); // the server asked for this much time
        rc = call_once(t, call, out, err);
    }
    buf_done(&url);
    return rc;
}

int store_target_call(struct store_target *t, const char *method, const char *path,
                      const char *const *headers, struct str body, struct http_answer *out,
                      struct err *err)
{
    struct http_call call = {
        .method = method, .headers = headers, .body = body, .timeout_ms = CALL_TIMEOUT_MS};
    return call_patiently(t, &call, path, out, err);
}

int store_target_stream(struct store_target *t, const char *path, const char *want_header,
                        bool (*take)(void *self, struct str bytes), void *self,
                        struct http_answer *out, struct err *err)
{
    struct http_call call = {
        .method = "GET", .take = take, .take_self = self, .want_header = want_header};
    return call_patiently(t, &call, path, out, err);
}

int store_target_time(const char *text, int64_t *out_unix_ms, struct err *err)
{
    int64_t ago;
    double seconds;
    if (time_parse_rfc3339(str_c(text), out_unix_ms, NULL) == 0)
        return 0;
    if (num_parse_double(str_c(text), &seconds) == 0 && fabs(seconds) < 1e12) {
        *out_unix_ms = (int64_t)round(seconds * 1000);
        return 0;
    }
    if (duration_parse(str_c(text), &ago, NULL) != 0)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no time: expected Unix seconds, RFC 3339 or a duration before "
                       "now",
                       text);
    *out_unix_ms = time_now_unix_ms() - ago;
    return 0;
}
