/* A sampler that is told what to do: it asks a service of Jaeger's (an agent, a collector, or
 * OpenTelemetry's collector with its extension) for the strategy of this program, over HTTP as
 * JSON or over gRPC, and again from time to time. In the library libtelltale-otlp.
 *
 *     tt_remote_sampler_options o = {.size = sizeof o, .service = "shop"};
 *     options.sampler = tt_sampler_parent_based(tt_sampler_remote(&o), NULL, NULL, NULL, NULL);
 *
 * By name: OTEL_TRACES_SAMPLER=parentbased_jaeger_remote (or jaeger_remote), with
 * OTEL_TRACES_SAMPLER_ARG=endpoint=http://localhost:5778/sampling,pollingIntervalMs=60000,
 * initialSamplingRate=0.001, and in configuration files jaeger_remote/development. */
#ifndef TELLTALE_REMOTE_SAMPLER_H
#define TELLTALE_REMOTE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/trace.h"

TT_BEGIN

typedef struct tt_remote_sampler_options {
    size_t size;         /* sizeof(tt_remote_sampler_options) */
    const char *service; /* NULL: service.name of tt_resource_default() */
    /* NULL: http://localhost:5778/sampling. Of http and https a path that is left out is /sampling;
     * grpc://HOST:PORT, grpcs:// (with TLS) and the port 14250 without a path are for gRPC. */
    const char *endpoint;
    int64_t interval_ms; /* between questions, give or take a tenth; 0: 60000, at least 100 */
    tt_sampler *initial; /* taken, also on failure; decides until an answer came. NULL: 0.001 */
} tt_remote_sampler_options;

/* Starts a thread, which asks at once. Strategies: a share of the traces, so many a second, or
 * shares by the name of the span, where at least so many a second are sampled of each name that is
 * listed, and of all others together. An answer that makes no sense, and none at all, change
 * nothing and are told as TT_PROBLEM_EXPORT. A child after fork() asks for itself from its first
 * span on. NULL when out of memory or threads, and for an endpoint that is none of these.
 *
 * tt_sampler_free ends the thread: within a second while it asks. */
TT_API tt_sampler *tt_sampler_remote(const tt_remote_sampler_options *options);

TT_END

#endif
