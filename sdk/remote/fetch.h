/* One question to the service, by libcurl. */
#ifndef TELLTALE_SDK_REMOTE_FETCH_H
#define TELLTALE_SDK_REMOTE_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"

enum { FETCH_BYTES_MAX = 1 << 20, FETCH_TIMEOUT_MS = 10000 };

struct question {
    char *url;       /* owned */
    struct buf body; /* over gRPC: the message; else empty */
    bool grpc;
};

/* What is asked for at the endpoint. Over HTTP that is its path, /sampling where it has none, with
 * "service=" as its query; over gRPC, for grpc:// and grpcs:// and for port 14250, which is
 * Jaeger's for that, its method, with the service in the body. False when out of memory, and when
 * it is no URL of http, https, grpc or grpcs. question_done it in any case. */
bool question_make(struct question *out, const char *endpoint, const char *service);
void question_done(struct question *q);

/* Appends the answer as JSON, of at most FETCH_BYTES_MAX. NULL, or what went wrong: static text.
 * Ends soon after `*cancelled` becomes true. */
const char *fetch(const struct question *q, const atomic_bool *cancelled, struct buf *out);

#endif
