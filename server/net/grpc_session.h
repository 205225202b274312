/* One HTTP/2 connection's gRPC calls, without a socket: bytes go in, whole calls come out to the
 * host, its answers go in, bytes come out. nghttp2 does the framing. Private.
 *
 * A session belongs to one thread (its event loop). A call belongs to it too, but for the time that
 * a worker has it (`away`):
 *
 *   RECEIVING --host->dispatch--> away --grpc_session_answer--> answered --> stream closed: freed
 *
 * A stream may end earlier: reset by the peer, past its deadline, connection gone. Then a call that
 * is away is abandoned (`session` is NULL) and freed by whoever gets it back from the worker. */
#ifndef TELLTALE_NET_GRPC_SESSION_H
#define TELLTALE_NET_GRPC_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/grpc.h"
#include "net/grpc_wire.h"

struct grpc_session;
struct grpc_call;

/* What a session needs of its server. */
struct grpc_host {
    const struct grpc_options *options; /* no field is 0 that has a default */
    atomic_size_t *buffered;            /* bytes of messages, all connections */
    /* Takes a complete call to a worker; false when the queue is full. */
    bool (*dispatch)(struct grpc_call *call);
    void *server; /* for dispatch */
    void *loop;   /* whom the worker gives the call back to */
};

struct grpc_call {
    struct grpc_session *session;  /* the loop's; NULL: abandoned */
    struct grpc_call *prev, *next; /* the session's list */
    struct grpc_call *next_done;   /* of the queue back from the workers */
    const struct grpc_host *host;
    const struct grpc_method *method; /* NULL until the header is complete and right */
    struct str path, http_method, content_type, timeout, encoding, authorization; /* in arena */
    size_t header_bytes;
    struct buf body; /* prefix and message */
    size_t budgeted; /* bytes taken from host->buffered */
    struct arena arena;
    struct grpc_request request;
    struct grpc_response response;
    int64_t begun_mono_ns, receive_by_mono_ns;
    int32_t stream_id;
    uint8_t reply_prefix[GRPC_PREFIX_BYTES];
    size_t reply_sent; /* of prefix and response.message */
    bool header_done, check_password, wrong_password, away, answered;
};

/* `owner`: what grpc_session_owner gives back. */
int grpc_session_new(const struct grpc_host *host, void *owner, struct grpc_session **out,
                     struct err *err);
/* The socket behind it, for what the log tells of the peer. Without: -1. */
void grpc_session_set_fd(struct grpc_session *s, int fd);
void *grpc_session_owner(const struct grpc_session *s);
void grpc_session_free(struct grpc_session *s); /* calls that are away are abandoned */

/* Takes bytes from the peer. 0; ERR_UNSUPPORTED when the peer does not speak HTTP/2;
 * ERR_INVALID when the connection is beyond saving (grpc_session_send may still have a GOAWAY). */
int grpc_session_receive(struct grpc_session *s, const void *bytes, size_t n);

/* The next bytes for the peer, borrowed until the next call of any of these functions; empty when
 * there are none. ERR_… cannot happen but for memory: then the connection is to be closed. */
int grpc_session_send(struct grpc_session *s, struct str *out);

/* Gives back a call from its worker, with `response` filled. An abandoned one is freed. */
void grpc_call_finish(struct grpc_call *call);

/* No call ends by its deadline before this time; INT64_MAX: none will. */
int64_t grpc_session_deadline(const struct grpc_session *s);

/* Ends calls whose deadline passed; returns when the next one will (INT64_MAX: none). Negative when
 * the peer is so slow that the connection is to be closed. */
int64_t grpc_session_expire(struct grpc_session *s, int64_t now_mono_ns);

/* Tells the peer to open no more calls; those under way go on. */
void grpc_session_shutdown(struct grpc_session *s);

size_t grpc_session_calls(const struct grpc_session *s); /* not answered yet, or not fully sent */
bool grpc_session_over(const struct grpc_session *s);    /* nothing to send, nothing to expect */
bool grpc_session_begun(const struct grpc_session *s);   /* the peer showed that it speaks HTTP/2 */

#endif
