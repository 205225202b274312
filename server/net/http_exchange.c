/* What handlers and the server ask of a request. */
#define _GNU_SOURCE // POLLRDHUP
#include "net/http_exchange.h"

#include <poll.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "net/http_server.h"
#include "net/http_watch.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(struct arena *arena, struct str text, bool plus_is_space, struct str *out)
{
    char *to = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 1 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[n++] = c;
    }
    to[n] = '\0';
    *out = str_of(to, n);
    return true;
}

static size_t count_params(struct str query)
{
    size_t n = 0;
    while (query.p)
        n += str_cut(&query, '&').n > 0;
    return n;
}

/* Appends the pairs of a=b&c=d to the request's parameters. */
static int add_params(struct http_exchange *x, struct str query, unsigned max)
{
    struct http_request *r = &x->request;
    size_t more = count_params(query);
    if (more > max || r->n_params > max - more)
        return ERR_TOO_BIG;
    if (more == 0)
        return 0;
    struct http_param *v =
        arena_grow(&x->arena, r->params, r->n_params, r->n_params + more, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    while (query.p) {
        struct str value = str_cut(&query, '&');
        if (value.n == 0)
            continue;
        struct str name = str_cut(&value, '=');
        if (!percent_decode(&x->arena, name, true, &v[r->n_params].name) ||
            !percent_decode(&x->arena, value, true, &v[r->n_params].value))
            return arena_failed(&x->arena) ? ERR_NOMEM : ERR_INVALID;
        r->n_params++;
    }
    r->params = v;
    return 0;
}

/* As one asks a proxy, "http://host/path", is a way to ask any server. */
static struct str without_authority(struct str url)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct str scheme = str_c(schemes[i]);
        if (str_starts(url, scheme)) {
            struct str rest = str_sub(url, scheme.n, url.n);
            return str_sub(rest, str_index(rest, '/'), rest.n);
        }
    }
    return url;
}

int exchange_read_url(struct http_exchange *x, const struct http_limits *limits)
{
    struct str rest = without_authority(str_c(x->url));
    if (rest.n > limits->max_url_bytes)
        return ERR_TOO_BIG;
    struct str path = str_cut(&rest, '?');
    x->request.raw_path = arena_str(&x->arena, path);
    if (!percent_decode(&x->arena, path, false, &x->request.path))
        return arena_failed(&x->arena) ? ERR_NOMEM : ERR_INVALID;
    return add_params(x, rest, limits->max_params);
}

/* The first `n_url` parameters, of the URL, give way to those of the body that follow them. */
static int put_last(struct http_exchange *x, size_t n_url)
{
    struct http_request *r = &x->request;
    size_t n_body = r->n_params - n_url;
    if (n_url == 0 || n_body == 0)
        return 0;
    struct http_param *v = arena_array(&x->arena, r->n_params, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    memcpy(v, r->params + n_url, n_body * sizeof *v);
    memcpy(v + n_body, r->params, n_url * sizeof *v);
    r->params = v;
    return 0;
}

int exchange_read_form(struct http_exchange *x, const struct http_limits *limits)
{
    struct str type = http_header(&x->request, "Content-Type");
    struct str media = str_trim(str_cut(&type, ';'));
    if (!(x->request.method & (HTTP_POST | HTTP_PUT)) ||
        !str_eq_nocase(media, STR("application/x-www-form-urlencoded")))
        return 0;
    size_t n_url = x->request.n_params;
    int rc = add_params(x, buf_str(&x->body), limits->max_params);
    return rc == 0 ? put_last(x, n_url) : rc;
}

struct str http_param(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (str_eq(r->params[i].name, str_c(name)))
            return r->params[i].value;
    return (struct str){0};
}

struct str http_header(const struct http_request *r, const char *name)
{
    return str_c(MHD_lookup_connection_value(r->exchange->mhd, MHD_HEADER_KIND, name));
}

/* A client that only closed its sending side counts as gone, too: the two look alike until an
 * answer is sent, and clients that ask for something long do not do that. */
bool http_client_gone(const struct http_request *r)
{
    const struct http_exchange *x = r->exchange;
    struct pollfd fd = {.fd = x->connection->fd, .events = POLLRDHUP};
    if (atomic_get_relaxed(&x->server->stopping))
        return true;
    return poll(&fd, 1, 0) > 0 && fd.revents & (POLLRDHUP | POLLERR | POLLHUP | POLLNVAL);
}

struct str http_client_ip(const struct http_request *r, char out[HTTP_IP_MAX])
{
    _Static_assert((int)HTTP_IP_MAX >= (int)ADDRESS_TEXT_MAX, "room for an address");
    address_of_peer(r->exchange->connection->fd, out);
    struct str ip = str_c(out);
    for (size_t i = ip.n; i > 0; i--)
        if (ip.p[i - 1] == ':') {
            ip.n = i - 1; // the port's
            break;
        }
    return ip.n && ip.p[0] == '[' ? str_sub(ip, 1, ip.n - 2) : ip;
}

bool http_is_quick(const struct http_request *r)
{
    return r->exchange->quick;
}

void http_run_later(const struct http_request *r)
{
    r->exchange->later = true;
}

void http_set_header(struct http_response *r, const char *name, struct str value)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_eq_nocase(str_c(r->headers[i].name), str_c(name))) {
            r->headers[i].value = value;
            return;
        }
    if (r->n_headers < ARRAY_LEN(r->headers))
        r->headers[r->n_headers++] = (struct http_out_header){name, value};
}
