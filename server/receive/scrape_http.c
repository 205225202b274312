#include "receive/scrape_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "net/client.h"

enum { SECRET_MAX = 64 * 1024, HEADERS_MAX = 64 };

struct scrape_http {
    const struct http_client_config *config; /* borrowed */
    struct http_client *client;              /* owned */
};

int scrape_http_new(const struct http_client_config *config, const char *user_agent,
                    struct scrape_http **out, struct err *err)
{
    struct scrape_http *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP client");
    h->config = config;
    const struct http_client_options options = {
        .user_agent = user_agent,
        .ca_file = config->tls.ca_file,
        .cert_file = config->tls.cert_file,
        .key_file = config->tls.key_file,
        .server_name = config->tls.server_name,
        .tls_insecure_skip_verify = config->tls.insecure_skip_verify,
        .no_redirects = !config->follow_redirects,
        .proxy_url = config->proxy_url,
    };
    int rc = http_client_new(&options, &h->client, err);
    if (rc != 0) {
        free(h);
        return rc;
    }
    *out = h;
    return 0;
}

void scrape_http_free(struct scrape_http *h)
{
    if (h)
        http_client_free(h->client);
    free(h);
}

/* ---- Credentials ---- */

/* Appends `text`, or the trimmed content of the file when there is one. */
static int put_secret(struct buf *out, const char *text, const char *file, struct err *err)
{
    if (!file) {
        buf_puts(out, text ? text : "");
        return 0;
    }
    FILE *f = fopen(file, "re");
    if (!f)
        return err_errno(err, "cannot read %s", file);
    char secret[SECRET_MAX];
    size_t n = fread(secret, 1, sizeof secret, f);
    bool bad = ferror(f) || n == sizeof secret;
    (void)fclose(f); // was only read
    if (!bad)
        buf_put_str(out, str_trim(str_of(secret, n)));
    explicit_bzero(secret, sizeof secret);
    return bad ? err_set(err, ERR_IO, "cannot read %s, or it is over 64 KiB", file) : 0;
}

static void put_base64(struct buf *out, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        unsigned long group = 0;
        size_t n = MIN(bytes.n - i, 3);
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < n ? (unsigned char)bytes.p[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            buf_putc(out, j <= n ? digits[group >> (18 - 6 * j) & 63] : '=');
    }
}

/* "Authorization: …", or nothing when no credential is configured. */
static int put_authorization(struct buf *out, const struct http_client_config *c, struct err *err)
{
    if (c->basic_auth.username || c->basic_auth.username_file) {
        struct buf pair = BUF_MAX(2 * SECRET_MAX);
        int rc = put_secret(&pair, c->basic_auth.username, c->basic_auth.username_file, err);
        buf_putc(&pair, ':');
        if (rc == 0)
            rc = put_secret(&pair, c->basic_auth.password, c->basic_auth.password_file, err);
        buf_puts(out, "Authorization: Basic ");
        put_base64(out, buf_str(&pair));
        buf_done(&pair);
        return rc;
    }
    if (c->authorization.credentials || c->authorization.credentials_file) {
        buf_printf(out, "Authorization: %s ",
                   c->authorization.type ? c->authorization.type : "Bearer");
        return put_secret(out, c->authorization.credentials, c->authorization.credentials_file,
                          err);
    }
    return 0;
}

/* ---- The call ---- */

/* A header line ends at its NUL; one with a line break would be two. */
static bool is_clean(const struct buf *line)
{
    return !buf_failed(line) && !memchr(line->p, '\r', line->n) &&
           !memchr(line->p, '\n', line->n) &&
           memchr(line->p, '\0', line->n) == line->p + line->n - 1;
}

static int add_header(struct buf *lines, size_t *n_lines, struct buf *line, struct err *err)
{
    buf_putc(line, '\0');
    if (!is_clean(line) || *n_lines == HEADERS_MAX)
        return err_set(err, ERR_INVALID, "http headers: more than %d, or one has a line break",
                       (int)HEADERS_MAX);
    buf_put_str(lines, buf_str(line));
    (*n_lines)++;
    return 0;
}

/* All lines one after the other, each with its NUL. */
static int collect_headers(const struct scrape_http *h, const struct scrape_get *get,
                           struct buf *lines, size_t *n_lines, struct err *err)
{
    struct buf line = BUF_MAX(4 * SECRET_MAX);
    int rc = put_authorization(&line, h->config, err);
    if (rc == 0 && line.n)
        rc = add_header(lines, n_lines, &line, err);
    for (size_t i = 0; rc == 0 && get->headers && get->headers[i]; i++) {
        buf_reset(&line);
        buf_puts(&line, get->headers[i]);
        rc = add_header(lines, n_lines, &line, err);
    }
    for (size_t i = 0; rc == 0 && i < h->config->n_headers; i++) {
        buf_reset(&line);
        buf_printf(&line, "%s: %s", h->config->headers[i].name, h->config->headers[i].value);
        rc = add_header(lines, n_lines, &line, err);
    }
    buf_done(&line);
    return rc;
}

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {301, " Moved Permanently"},     {302, " Found"},          {400, " Bad Request"},
        {401, " Unauthorized"},          {403, " Forbidden"},      {404, " Not Found"},
        {405, " Method Not Allowed"},    {406, " Not Acceptable"}, {429, " Too Many Requests"},
        {500, " Internal Server Error"}, {502, " Bad Gateway"},    {503, " Service Unavailable"},
        {504, " Gateway Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "";
}

int scrape_http_get(struct scrape_http *h, const struct scrape_get *get, struct http_answer *out,
                    struct err *err)
{
    const char *headers[HEADERS_MAX + 1] = {0};
    struct buf lines = BUF_MAX(1 << 20);
    size_t n_lines = 0;
    int rc = collect_headers(h, get, &lines, &n_lines, err);
    const char *at = lines.p;
    for (size_t i = 0; rc == 0 && i < n_lines; i++, at += strlen(at) + 1)
        headers[i] = at;

    struct http_answer answer = {0};
    const struct http_call call = {
        .method = "GET",
        .url = get->url,
        .headers = headers,
        .timeout_ms = get->timeout_ms,
        .max_body_bytes = get->max_body_bytes,
        .max_body_key = get->max_body_key,
        .max_ratio = get->max_ratio,
        .stop = get->stop,
    };
    if (rc == 0)
        rc = http_client_call(h->client, &call, &answer, err);
    if (lines.p)
        explicit_bzero(lines.p, lines.n);
    buf_done(&lines);
    if (rc != 0)
        return rc;
    if (answer.status != 200) {
        buf_done(&answer.body);
        return err_set(err, ERR_INVALID, "server returned HTTP status %d%s", answer.status,
                       status_text(answer.status));
    }
    *out = answer;
    return 0;
}
