/* An HTTP endpoint that Prometheus scrapes. In the library libtelltale-prometheus, which adds
 * libmicrohttpd. */
#ifndef TELLTALE_PROMETHEUS_H
#define TELLTALE_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

TT_BEGIN

typedef struct tt_prometheus_endpoint tt_prometheus_endpoint;

#define TT_PROMETHEUS_PORT_DEFAULT (-1)

typedef struct tt_prometheus_endpoint_options {
    size_t size; /* sizeof(tt_prometheus_endpoint_options) */
    /* NULL: OTEL_EXPORTER_PROMETHEUS_HOST, or else "localhost". A name or address. */
    const char *host;
    /* TT_PROMETHEUS_PORT_DEFAULT: OTEL_EXPORTER_PROMETHEUS_PORT, or else 9464. Unlike elsewhere 0
     * is not the default but any free port; begin with tt_prometheus_endpoint_defaults(). */
    int32_t port;
    enum tt_prometheus_names names;
    bool without_scope, without_target; /* see tt_prometheus_options */
    /* Asked of every request, as "Authorization: Bearer …"; NULL: none is asked for. Copied. */
    const char *bearer_token;
    /* Files with a certificate (and what leads to its root) and its key, in PEM: then it serves
     * HTTPS alone. NULL: HTTP. Read at the start; the key must not be encrypted. */
    const char *tls_certificate, *tls_key;
    const char *resource_labels, *without_resource_labels; /* see tt_prometheus_options; copied */
} tt_prometheus_endpoint_options;

/* The options with their defaults, to be changed. */
TT_API tt_prometheus_endpoint_options tt_prometheus_endpoint_defaults(void);

/* Serves GET /metrics of the provider from a thread of its own: text 0.0.4 or, where the client
 * prefers it, OpenMetrics 1.0 or protobuf; compressed where it takes gzip. At most 64 connections,
 * of which the one that is idle longest ends when the last places are taken; answers of at most 64
 * MiB, of which those that clients are slow to take are 128 MiB together. The provider must outlive
 * the endpoint. `options` may be NULL. TT_ERR_IO when the address cannot be had, or a file of TLS
 * not be read, with errno telling why; TT_ERR_INVALID for a port that is none, and a certificate
 * without key. After fork() only the parent serves. */
TT_API int tt_prometheus_endpoint_start(tt_meter_provider *provider,
                                        const tt_prometheus_endpoint_options *options,
                                        tt_prometheus_endpoint **out_endpoint);

/* The port it listens at. */
TT_API uint16_t tt_prometheus_endpoint_port(const tt_prometheus_endpoint *endpoint);

/* Ends the thread and frees it; waits for answers that are under way. NULL is fine. */
TT_API void tt_prometheus_endpoint_stop(tt_prometheus_endpoint *endpoint);

/* Writes the metrics into a file, for the textfile collector of node_exporter, which reads *.prom,
 * in text 0.0.4 whatever `options` say; by another name first, so that nobody reads half of it. For
 * programs that end before they are scraped. `options` may be NULL. TT_ERR_IO with errno. */
TT_API int tt_prometheus_write_file(tt_meter_provider *provider,
                                    const tt_prometheus_options *options, const char *path);

/* Registers the components of this library (component.h): done by itself when the shared library is
 * loaded, and to be called once before tt_init() in a program that links the archive. */
TT_API int tt_prometheus_register(void);

TT_END

#endif
