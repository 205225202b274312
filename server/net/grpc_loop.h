/* An event thread of the gRPC server: accepts connections, moves their bytes, and gets calls back
 * from the workers. Private. */
#ifndef TELLTALE_NET_GRPC_LOOP_H
#define TELLTALE_NET_GRPC_LOOP_H

#include <stdatomic.h>

#include "net/grpc_session.h"

struct grpc_loop;
struct tls_context;

struct grpc_loop_options {
    int listen_fd;            /* non-blocking; shared by all loops, owned by the server */
    struct grpc_host host;    /* `loop` is filled in */
    struct tls_context *tls;  /* NULL: plain text */
    atomic_uint *connections; /* of all loops */
};

int grpc_loop_start(const struct grpc_loop_options *options, struct grpc_loop **out,
                    struct err *err);

/* From a worker: the call has its response, or will never get one. Threads: any. */
void grpc_loop_return(struct grpc_call *call);

/* Accepts no more, says goodbye to the peers; the thread ends when the last connection does, or at
 * the deadline. */
void grpc_loop_stop(struct grpc_loop *l, int64_t deadline_mono_ns);

/* Waits for the thread's end. Later calls of grpc_loop_return only store. */
void grpc_loop_join(struct grpc_loop *l);

/* Frees, with the calls that came back. No worker may have one. */
void grpc_loop_free(struct grpc_loop *l);

#endif
