#include "api/ui/ui.h"

#include "api/ui/assets.h"

/* Scripts, styles and data come from this server alone; nothing is inline. */
static const char content_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct ui_asset *find(struct str name)
{
    for (size_t i = 0; i < ui_assets_n; i++)
        if (str_eq(name, str_c(ui_assets[i].name)))
            return &ui_assets[i];
    return NULL;
}

void ui_handle(void *self, const struct http_request *request, struct http_response *response)
{
    (void)self;
    bool page = !str_starts(request->path, STR("/ui/")); // at /, or where Prometheus has the like
    const struct ui_asset *asset = find(page ? STR("index.html") : request->rest);
    if (!asset) {
        response->status = 404;
        buf_puts(&response->body, "404 page not found\n");
        return;
    }

    response->content_type = asset->content_type;
    http_set_header(response, "ETag", str_c(asset->etag));
    http_set_header(response, "Cache-Control", STR("no-cache"));
    http_set_header(response, "Content-Security-Policy", str_c(content_security_policy));
    http_set_header(response, "X-Content-Type-Options", STR("nosniff"));
    http_set_header(response, "Referrer-Policy", STR("no-referrer"));
    if (str_eq(http_header(request, "If-None-Match"), str_c(asset->etag)))
        response->status = 304;
    else
        buf_put(&response->body, asset->bytes, asset->n);
}
