#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/cli.h"

enum { ANSWER_MAX = 512 << 20, TIMEOUT_MS = 180000 };

void remote_param(struct buf *form, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!value)
        return;
    if (form->n)
        buf_putc(form, '&');
    buf_puts(form, name);
    buf_putc(form, '=');
    for (const char *p = value; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-._~", c);
        if (plain) {
            buf_putc(form, (char)c);
        } else {
            const char escape[] = {'%', hex[c >> 4], hex[c & 15]};
            buf_put(form, escape, sizeof escape);
        }
    }
}

const char *remote_time(const char *text, char room[32])
{
    int64_t ms;
    if (!text || duration_parse(str_c(text), &ms, NULL) != 0 || strcmp(text, "0") == 0)
        return text;
    (void)snprintf(room, 32, "%.3f", (double)(time_now_unix_ms() - ms) / 1000);
    return room;
}

/* --- calling ---------------------------------------------------------------------------------- */

static int open_client(const struct remote *r, char user[256], struct http_client **out,
                       struct err *err)
{
    struct http_client_options options = {.bearer_token = r->token,
                                          .ca_file = r->ca_file,
                                          .cert_file = r->cert_file,
                                          .key_file = r->key_file};
    if (!r->cert_file != !r->key_file)
        return err_set(err, ERR_INVALID, "--cert and --key belong together");
    if (r->user) {
        struct str rest = str_c(r->user);
        struct str name = str_cut(&rest, ':');
        (void)snprintf(user, 256, "%.*s", STR_ARG(name));
        options.basic_user = user;
        options.basic_password = rest.p ? rest.p : "";
    }
    return http_client_new(&options, out, err);
}

static void put_url(struct buf *out, const struct remote *r, const char *path)
{
    size_t n = strlen(r->url);
    n -= n > 0 && r->url[n - 1] == '/';
    buf_put(out, r->url, n);
    buf_puts(out, path);
}

/* `call` lacks the URL. */
static int run_call(const struct remote *r, struct http_call *call, struct buf *url,
                    struct http_answer *out, struct err *err)
{
    char user[256] = "";
    struct http_client *client = NULL;
    buf_putc(url, '\0');
    if (buf_failed(url))
        return err_set(err, ERR_TOO_BIG, "the address is too long");
    call->url = url->p;
    call->max_body_bytes = ANSWER_MAX;
    int rc = open_client(r, user, &client, err);
    if (rc == 0)
        rc = http_client_call(client, call, out, err);
    if (rc != 0)
        err_prefix(err, rc, "%s", r->url);
    http_client_free(client);
    return rc;
}

int remote_post(const struct remote *r, const char *path, const struct buf *form,
                struct http_answer *out, struct err *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct http_call call = {
        .method = "POST", .headers = headers, .body = buf_str(form), .timeout_ms = TIMEOUT_MS};
    struct buf url = BUF_MAX(1 << 16);
    put_url(&url, r, path);
    int rc = run_call(r, &call, &url, out, err);
    buf_done(&url);
    return rc;
}

int remote_stream(const struct remote *r, const char *path, const struct buf *form,
                  bool (*take)(void *self, struct str bytes), void *self, struct http_answer *out,
                  struct err *err)
{
    struct http_call call = {.method = "GET", .take = take, .take_self = self};
    struct buf url = BUF_MAX(1 << 16);
    put_url(&url, r, path);
    buf_putc(&url, '?');
    buf_put_str(&url, buf_str(form));
    int rc = run_call(r, &call, &url, out, err);
    buf_done(&url);
    return rc;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Each "\\u0000" that is an escape, its backslash not being one that is escaped itself. */
static void without_zeros(struct str json, struct buf *out)
{
    for (size_t i = 0; i < json.n; i++) {
        if (str_starts(str_sub(json, i, SIZE_MAX), STR("\\u0000"))) {
            buf_puts(out, "\\\\x00");
            i += 5;
            continue;
        }
        buf_putc(out, json.p[i]);
        if (json.p[i] == '\\' && i + 1 < json.n)
            buf_putc(out, json.p[++i]);
    }
}

json_t *remote_json(struct str body)
{
    json_t *doc = json_loadb(body.p ? body.p : "", body.n, JSON_ALLOW_NUL, NULL);
    if (doc)
        return doc;
    struct buf text = BUF_MAX(body.n + 1); // what replaces an escape is shorter
    without_zeros(body, &text);
    if (!buf_failed(&text))
        doc = json_loadb(text.p ? text.p : "", text.n, JSON_ALLOW_NUL, NULL);
    buf_done(&text);
    return doc;
}

int remote_data(const struct http_answer *answer, json_t **out, struct err *err)
{
    json_t *doc = remote_json(buf_str(&answer->body));
    json_t *data = json_object_get(doc, "data");
    const char *message = json_string_value(json_object_get(doc, "error"));
    int rc = 0;
    if (answer->status == 200 && data)
        *out = json_incref(data);
    else if (message)
        rc = err_set(err, ERR_INVALID, "%s", message);
    else
        rc = err_set(err, ERR_INVALID,
                     "the server's answer is not that of Telltale's API "
                     "(HTTP status %d)",
                     answer->status);
    json_decref(doc);
    return rc;
}

static void print_json(const struct http_answer *answer)
{
    (void)fwrite(answer->body.p, 1, answer->body.n, stdout);
    (void)putchar('\n');
}

int remote_ask(const struct remote *r, const char *path, const struct buf *form, bool json,
               json_t **out)
{
    struct http_answer answer = {0};
    struct err err = {0};
    *out = NULL;
    int rc = remote_post(r, path, form, &answer, &err);
    if (rc == 0 && json)
        print_json(&answer);
    else if (rc == 0)
        rc = remote_data(&answer, out, &err);
    bool failed = rc != 0 || answer.status != 200;
    if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    buf_done(&answer.body);
    return failed ? CLI_FAILED : CLI_OK;
}
