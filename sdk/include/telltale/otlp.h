/* The exporter that sends OTLP: over HTTP with protobuf or JSON, or by gRPC. In the library
 * libtelltale-otlp, which adds libcurl, zlib and libzstd. */
#ifndef TELLTALE_OTLP_H
#define TELLTALE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/exporter.h"

TT_BEGIN

/* http/protobuf, http/json, grpc. 0: PROTOCOL of the environment, default http/protobuf. */
enum tt_otlp_protocol { TT_OTLP_HTTP_PROTOBUF = 1, TT_OTLP_HTTP_JSON, TT_OTLP_GRPC };

/* 0: COMPRESSION of the environment, default none. gRPC knows gzip alone. */
enum tt_otlp_compression { TT_OTLP_PLAIN = 1, TT_OTLP_GZIP, TT_OTLP_ZSTD };

/* All texts are borrowed during the call. What is NULL or 0 is taken from the environment: from the
 * signal's variable (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT …), or else the common one
 * (OTEL_EXPORTER_OTLP_ENDPOINT …), or else the default. */
typedef struct tt_otlp_options {
    size_t size; /* sizeof(tt_otlp_options) */
    /* HTTP: of this signal, path and all; default http://localhost:4318/v1/traces, … gRPC: of the
     * collector, default http://localhost:4317; without http:// or https:// before it, TLS unless
     * `insecure`. */
    const char *url;
    const char *headers;          /* name=value,… percent-encoded; HEADERS */
    int64_t timeout_ms;           /* of a request with all its retries; TIMEOUT, default 10000 */
    const char *ca_file;          /* CERTIFICATE; default: the system's */
    const char *key_file;         /* CLIENT_KEY */
    const char *certificate_file; /* CLIENT_CERTIFICATE */
    enum tt_otlp_protocol protocol;
    enum tt_otlp_compression compression;
    bool insecure;      /* INSECURE; of gRPC alone */
    size_t request_max; /* bytes before compression; larger ones are lost. Default 64 MiB */
    /* A folder for requests that wait for the collector, made if need be, and how many bytes of
     * this signal and process may be there: OTEL_C_EXPORTER_OTLP_BUFFER, default none, and
     * OTEL_C_EXPORTER_OTLP_BUFFER_BYTES, default 256 MiB. */
    const char *buffer;
    uint64_t buffer_bytes;
} tt_otlp_options;

/* Makes an exporter for one signal, to be given to one provider or reader, which closes it.
 *
 * Answers 429, 502, 503 and 504 (gRPC: the codes that the specification of OTLP calls retryable),
 * and connections that fail, are tried again after waits that double from 1 s, with jitter, or as
 * Retry-After or RetryInfo say, while time is left. A partial success is told as TT_PROBLEM_EXPORT.
 * Redirects are not followed.
 *
 * With a buffer a request is tried once; if that may succeed later, it goes to a file of the
 * folder, as do those after it, and a thread of the exporter sends them in their order. What is
 * there outlives the process and is sent by the next that uses the folder, so a request may come
 * twice. When it is full the oldest go, and their items are counted (tt_otlp_exporter_state).
 * Processes may share a folder: each has its own part, and takes over what dead ones left. The
 * files are compressed; no fsync is done, and what a dying machine leaves half written is passed
 * over.
 *
 * `options` may be NULL. TT_ERR_INVALID, told as TT_PROBLEM_MISUSE, for what cannot be: a URL that
 * is neither http nor https, an unknown protocol; TT_ERR_IO when the buffer's folder cannot be
 * used. */
TT_API int tt_otlp_exporter_new(enum tt_signal signal, const tt_otlp_options *options,
                                tt_exporter *out_exporter);

/* Since the exporter was made, but for the first two: what waits in its buffer now. */
typedef struct tt_otlp_state {
    uint64_t waiting_requests, waiting_bytes;
    uint64_t dropped_items; /* spans, points, records lost: the buffer was full, or refused later */
    uint64_t damaged_files; /* of the buffer, that were passed over */
} tt_otlp_state;

/* Of an exporter made by tt_otlp_exporter_new that is not closed. */
TT_API void tt_otlp_exporter_state(const tt_exporter *exporter, tt_otlp_state *out_state);

/* Registers the components of this library (component.h): done by itself when the shared library is
 * loaded, and to be called once before tt_init() in a program that links the archive. */
TT_API int tt_otlp_register(void);

TT_END

#endif
