/* A gRPC client for tests, on nghttp2 and blocking sockets. One thread. Every wait fails the test
 * after ten seconds. */
#ifndef TELLTALE_TESTS_SUPPORT_GRPC_CLIENT_H
#define TELLTALE_TESTS_SUPPORT_GRPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { GRPC_CLIENT_CALLS_MAX = 512 };

struct grpc_client;

struct grpc_client_tls {
    const char *ca_file, *cert_file, *key_file, *alpn;
};

struct grpc_client_result {
    int32_t stream_id;
    bool closed;
    uint32_t reset; /* HTTP/2 error code the stream ended with */
    int http_status;
    int status; /* grpc-status; -1: none came */
    char message[512], details[512], content_type[64];
    struct buf body;    /* as received, with prefixes */
    struct buf request; /* what is sent */
    size_t request_at;
    bool request_open; /* more of the request will come */
};

struct grpc_client_header {
    const char *name, *value;
};

/* NULL when the TLS handshake fails. `tls` may be NULL. */
struct grpc_client *grpc_client_connect(const char *address, const struct grpc_client_tls *tls);
void grpc_client_close(struct grpc_client *c);

/* Starts a call: `body` is sent as it is, without a prefix put before it. Headers given replace the
 * usual ones of that name; a NULL value leaves one out. `headers` ends with a NULL name and may be
 * NULL. `open`: the stream stays open for sending. */
struct grpc_client_result *grpc_client_start(struct grpc_client *c, const char *path,
                                             const struct grpc_client_header *headers,
                                             const void *body, size_t n, bool open);

/* The same with one message of the text, prefix and all. */
struct grpc_client_result *grpc_client_call(struct grpc_client *c, const char *path,
                                            const struct grpc_client_header *headers,
                                            const char *text);

/* Talks to the server until the call is over. */
void grpc_client_wait(struct grpc_client *c, const struct grpc_client_result *call);

void grpc_client_wait_either(struct grpc_client *c, const struct grpc_client_result *a,
                             const struct grpc_client_result *b);

/* Sends what waits to be sent; reads what is there without waiting. */
void grpc_client_poll(struct grpc_client *c);

void grpc_client_cancel(struct grpc_client *c, const struct grpc_client_result *call);
void grpc_client_ping(struct grpc_client *c);

/* Waits for the server's answer to pings, its GOAWAY, or the connection's end. */
void grpc_client_wait_pings(struct grpc_client *c, unsigned n);
uint32_t grpc_client_wait_goaway(struct grpc_client *c);
void grpc_client_wait_end(struct grpc_client *c);

/* The server's certificate's common name. */
void grpc_client_peer(struct grpc_client *c, char *out, size_t n);

#endif
