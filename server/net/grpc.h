/* A gRPC server for unary methods, over HTTP/2 (nghttp2), plain text with prior knowledge or TLS
 * with ALPN h2. Messages are given as sent; grpc-encoding tells how they are compressed. */
#ifndef TELLTALE_NET_GRPC_H
#define TELLTALE_NET_GRPC_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "net/auth.h"

struct grpc_server;
struct tls_options;

/* The codes of the gRPC specification that we answer with. */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

struct grpc_request {
    struct str message;       /* one message without its 5-byte prefix */
    struct str encoding;      /* "identity" or what grpc-encoding said, for a compressed message */
    int64_t deadline_mono_ns; /* from grpc-timeout; INT64_MAX: none */
    struct arena *arena;
};

struct grpc_response {
    enum grpc_status status;
    struct buf message;     /* the answer's bytes, for GRPC_OK */
    char error[256];        /* grpc-message, for the others */
    int64_t retry_after_ms; /* > 0: a google.rpc.RetryInfo detail is sent */
};

typedef void grpc_handler(void *self, const struct grpc_request *request,
                          struct grpc_response *response);

struct grpc_method {
    const char *path; /* "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" */
    enum auth_right right;
    grpc_handler *handler;
    void *self;
};

struct grpc_options {
    const char *address;
    const struct tls_options *tls;     /* NULL: plain text */
    struct auth *auth;                 /* NULL: none */
    const struct grpc_method *methods; /* borrowed, outlives the server */
    size_t n_methods;
    size_t max_message_bytes;   /* RESOURCE_EXHAUSTED above; 0: 64 MiB */
    size_t max_buffered_bytes;  /* messages in memory, all streams; 0: 1 GiB */
    unsigned max_connections;   /* 0: 1,024 */
    unsigned max_streams;       /* per connection; 0: 100 */
    unsigned workers, queue;    /* 0: number of cores; 0: 256 */
    unsigned idle_timeout_s;    /* without a call; 0: 300 */
    unsigned message_timeout_s; /* time for a whole message to arrive; 0: 60 */
};

/* Starts listening. ERR_IO (address taken, certificate not readable), ERR_INVALID; the message says
 * what to do. */
int grpc_server_start(const struct grpc_options *options, struct grpc_server **out,
                      struct err *err);

/* The bound address, with the real port when it was 0; borrowed. */
const char *grpc_server_address(const struct grpc_server *s);

/* Reads certificate, key and client CA again (other files are fine) for the connections to come. On
 * failure the old ones stay. ERR_INVALID when the server has no TLS. Threads: any. */
int grpc_server_reload_tls(struct grpc_server *s, const struct tls_options *tls, struct err *err);

/* Stops accepting, tells clients (GOAWAY), lets calls under way end (at most `grace_ms`; a handler
 * that runs is waited for), closes. NULL is fine. */
void grpc_server_stop(struct grpc_server *s, int64_t grace_ms);

#endif
