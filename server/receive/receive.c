#include "receive/receive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/lock.h"
#include "receive/import.h"
#include "receive/otlp.h"
#include "receive/remote_write.h"

struct receivers {
    struct lock lock;                          /* guards what a reload changes */
    struct remote_write_settings remote_write; /* a request works on a copy */
    struct otlp_receiver *otlp;                /* owned */
    struct import_settings import;             /* as of the start */
};

static struct remote_write_settings remote_write_settings_of(const struct receiver_options *o)
{
    const struct receive_limits *l = &o->limits;
    return (struct remote_write_settings){
        .sink = o->sink,
        .max_decompressed_bytes = l->max_decompressed_bytes,
        .limits =
            {
                .max_series = (uint32_t)MIN(l->max_series_per_request, UINT32_MAX),
                .max_labels = (uint32_t)MIN(l->max_labels, UINT32_MAX),
                .max_label_name_bytes = (uint32_t)MIN(l->max_label_name_bytes, UINT32_MAX),
                .max_label_value_bytes = (uint32_t)MIN(l->max_label_value_bytes, UINT32_MAX),
            },
    };
}

int receivers_new(const struct receiver_options *options, struct receivers **out, struct err *err)
{
    struct receivers *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory for the receivers");
    int rc = otlp_receiver_new(options, &r->otlp, err);
    if (rc != 0) {
        free(r);
        return rc;
    }
    lock_init(&r->lock, LOCK_RECEIVE);
    r->remote_write = remote_write_settings_of(options);
    r->import = (struct import_settings){
        .sink = options->sink,
        .max_decompressed_bytes = options->limits.max_decompressed_bytes,
        .max_decompression_ratio = options->limits.max_decompression_ratio};
    *out = r;
    return 0;
}

void receivers_free(struct receivers *r)
{
    if (!r)
        return;
    otlp_receiver_free(r->otlp);
    lock_done(&r->lock);
    free(r);
}

void receivers_reconfigure(struct receivers *r, const struct receiver_options *options)
{
    lock_take(&r->lock);
    r->remote_write = remote_write_settings_of(options);
    lock_give(&r->lock);
    otlp_receiver_reconfigure(r->otlp, options);
}

static void handle_remote_write(void *self, const struct http_request *request,
                                struct http_response *response)
{
    struct receivers *r = self;
    lock_take(&r->lock);
    struct remote_write_settings settings = r->remote_write;
    lock_give(&r->lock);
    remote_write_handle(&settings, request, response);
}

static struct http_route otlp_route(struct receivers *r, enum otlp_signal signal, const char *path)
{
    return (struct http_route){HTTP_POST,
                               path,
                               AUTH_INGEST,
                               HTTP_INGEST,
                               otlp_receiver_http,
                               otlp_receiver_endpoint(r->otlp, signal),
                               "otlp",
                               otlp_receiver_refuse};
}

size_t receivers_http_routes(struct receivers *r, struct http_route out[RECEIVER_ROUTES_MAX])
{
    const struct http_route routes[] = {
        {HTTP_POST, "/api/v1/write", AUTH_INGEST, HTTP_INGEST, handle_remote_write, r,
         "remote_write"},
        otlp_route(r, OTLP_METRICS, "/v1/metrics"),
        otlp_route(r, OTLP_METRICS, "/api/v1/otlp/v1/metrics"),
        otlp_route(r, OTLP_TRACES, "/v1/traces"),
        otlp_route(r, OTLP_LOGS, "/v1/logs"),
        {HTTP_POST, "/api/v1/import", AUTH_INGEST, HTTP_INGEST, import_handle, &r->import, "import",
         http_refuse_json},
    };
    memcpy(out, routes, sizeof routes);
    return ARRAY_LEN(routes);
}

size_t receivers_otlp_routes(struct receivers *r, struct http_route out[RECEIVER_ROUTES_MAX])
{
    out[0] = otlp_route(r, OTLP_METRICS, "/v1/metrics");
    out[1] = otlp_route(r, OTLP_TRACES, "/v1/traces");
    out[2] = otlp_route(r, OTLP_LOGS, "/v1/logs");
    return OTLP_SIGNALS;
}

size_t receivers_grpc_methods(struct receivers *r, struct grpc_method out[RECEIVER_METHODS_MAX])
{
    static const char *const paths[OTLP_SIGNALS] = {
        [OTLP_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        [OTLP_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        [OTLP_LOGS] = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    };
    for (int i = 0; i < OTLP_SIGNALS; i++)
        out[i] = (struct grpc_method){
            .path = paths[i],
            .right = AUTH_INGEST,
            .handler = otlp_receiver_grpc,
            .self = otlp_receiver_endpoint(r->otlp, (enum otlp_signal)i),
        };
    return OTLP_SIGNALS;
}
