/* URLs as sent: their parameters, encoded again and read again, are the same. */
#include <stdlib.h>

#include "net/http_exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {.max_url_bytes = 1 << 20, .max_params = 1000};

static int read_url(struct http_exchange *x, const char *url)
{
    arena_init(&x->arena, 64 << 20);
    x->url = url;
    return exchange_read_url(x, &limits);
}

static void put_encoded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_printf(out, "%%%02x", (unsigned char)text.p[i]);
}

static void check_again(const struct http_exchange *first)
{
    struct http_exchange x = {0};
    struct buf url = BUF_MAX(16 << 20);
    put_encoded(&url, first->request.path);
    for (size_t i = 0; i < first->request.n_params; i++) {
        buf_putc(&url, i ? '&' : '?');
        put_encoded(&url, first->request.params[i].name);
        buf_putc(&url, '=');
        put_encoded(&url, first->request.params[i].value);
    }
    buf_putc(&url, '\0');
    if (buf_failed(&url) || read_url(&x, url.p) != 0 ||
        !str_eq(x.request.path, first->request.path) ||
        x.request.n_params != first->request.n_params)
        abort();
    for (size_t i = 0; i < x.request.n_params; i++)
        if (!str_eq(x.request.params[i].name, first->request.params[i].name) ||
            !str_eq(x.request.params[i].value, first->request.params[i].value))
            abort();
    arena_done(&x.arena);
    buf_done(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_exchange x = {0};
    char *url = str_dup(str_of((const char *)data, size));
    if (!url)
        return 0;
    if (read_url(&x, url) == 0 && strlen(url) < 10000)
        check_again(&x);
    arena_done(&x.arena);
    free(url);
    return 0;
}
