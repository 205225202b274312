/* One TCP connection of the gRPC server: socket, perhaps TLS, and the HTTP/2 session over it.
 * Private. Non-blocking throughout; belongs to its event loop's thread. */
#ifndef TELLTALE_NET_GRPC_CONN_H
#define TELLTALE_NET_GRPC_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/grpc_session.h"

struct tls_context;
struct grpc_conn;

/* Takes over `fd`, also on failure. */
int grpc_conn_new(int fd, const struct grpc_host *host, struct tls_context *tls,
                  struct grpc_conn **out);

/* Closes at once. Calls with workers are abandoned. */
void grpc_conn_free(struct grpc_conn *c);

int grpc_conn_fd(const struct grpc_conn *c);
struct grpc_session *grpc_conn_session(struct grpc_conn *c);

/* Reads what is there, writes what may be written. False: it is over, free it. */
bool grpc_conn_run(struct grpc_conn *c, bool readable);

/* The events to wait for: EPOLLIN, EPOLLOUT or both. */
uint32_t grpc_conn_wants(const struct grpc_conn *c);

/* Ends what is late; sets *next to the time of the next call needed, if that is sooner. False: free
 * it. */
bool grpc_conn_check(struct grpc_conn *c, int64_t now_mono_ns, int64_t *next);

/* Says goodbye; over when the calls under way are. */
void grpc_conn_shutdown(struct grpc_conn *c);

/* The event loop's list. */
struct grpc_conn_links {
    struct grpc_conn *prev, *next;
    uint32_t events; /* last given to epoll */
    bool over;       /* waits to be freed */
};
struct grpc_conn_links *grpc_conn_links(struct grpc_conn *c);

#endif
