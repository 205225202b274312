#include "api/prometheus/server.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "base/atomic.h"
#include "self/self.h"
#include "store/store.h"

void api_healthy(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    buf_puts(&r->body, "Telltale is Healthy.\n");
}

void api_ready(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct store_stats stats;
    if (!atomic_get_acquire(&api->ready)) { // pairs with the release when replay is done
        r->status = 503;
        http_set_header(r, "Retry-After", STR("1"));
        buf_puts(&r->body, "Service Unavailable: the write-ahead log is being replayed\n");
        return;
    }
    if (store_stats(api->store, 0, q->arena, &stats, NULL) == 0 && stats.read_only) {
        r->status = 503;
        buf_printf(&r->body,
                   "Service Unavailable: storage is read-only, queries are answered: %s\n",
                   stats.message);
        return;
    }
    buf_puts(&r->body, "Telltale is Ready.\n");
}

void api_reload(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct err err;
    (void)q;
    if (api->reload(api->app, &err) == 0)
        return;
    r->status = 500;
    buf_printf(&r->body, "failed to reload config: %s\n", err.message);
}

void api_quit(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    (void)q;
    if (!api->quit) {
        r->status = 403;
        buf_puts(&r->body, "Lifecycle API is not enabled.\n");
        return;
    }
    buf_puts(&r->body, "Requesting termination... Goodbye!\n");
    api->quit(api->app);
}

void api_metrics(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    r->content_type = "text/plain; version=0.0.4; charset=utf-8";
    self_render(&r->body);
}

void api_version(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    (void)q;
    struct json j = json_to(&r->body);
    r->content_type = "application/json";
    json_object(&j);
    json_member_str(&j, "version", str_c(api->version));
    json_member_str(&j, "revision", str_c(api->revision));
    json_object_end(&j);
}

/* Moves the head to parts; with ?merge=1 merges each partition to one part as well. */
void api_flush(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct err err;
    int rc = store_flush(api->store, &err);
    if (rc == 0 && http_param(q, "merge").n)
        rc = store_maintain(api->store, true, &err);
    if (rc != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    json_object(&j);
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}
