/* Prometheus remote write over HTTP: POST /api/v1/write. */
#ifndef TELLTALE_RECEIVE_REMOTE_WRITE_H
#define TELLTALE_RECEIVE_REMOTE_WRITE_H

#include <stddef.h>

#include "codec/remote_write.h"

struct http_request;
struct http_response;
struct sink;

/* 0 in a limit: its default. */
struct remote_write_settings {
    const struct sink *sink;           /* borrowed */
    size_t max_decompressed_bytes;     /* 413 above; 0: 256 MiB */
    size_t max_batch_bytes;            /* memory of one decoded request, 413 above; 0: 1 GiB */
    struct remote_write_limits limits; /* 0: 200,000 series, 128 labels, names of 1 KiB, values of
                                          16 KiB, 4,096 buckets */
};

/* Answers one request, 1.0 or 2.0 by its Content-Type. 204: all is stored; 400: what was wrong with
 * some of it, the rest is stored; 413, 415; 503 with Retry-After: nothing is stored, send it again
 * (not 429, at which a Prometheus gives the samples up); 500. A http_handler; `settings`: struct
 * remote_write_settings. Threads: any. */
void remote_write_handle(void *settings, const struct http_request *request,
                         struct http_response *response);

#endif
