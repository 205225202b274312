/* The gRPC server put together: a listening socket, event threads that own the connections (see
 * grpc_loop.h), workers that run the handlers. A complete call goes
 *
 *   event thread --> [password workers -->] workers --> back to the same event thread
 *
 * through bounded queues; a full one answers UNAVAILABLE, which clients retry. */
#include "net/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/address.h"
#include "net/grpc_loop.h"
#include "net/tls.h"
#include "net/workers.h"

enum { LOOPS = 2, BACKLOG = 512, PASSWORD_QUEUE = 32 };

struct grpc_server {
    struct grpc_options options;
    char address[ADDRESS_TEXT_MAX];
    int listen_fd;
    struct tls_context *tls;             /* NULL: plain text */
    struct workers *workers, *passwords; /* passwords: slow hashes, one at a time */
    struct grpc_loop *loops[LOOPS];
    atomic_size_t buffered;
    atomic_uint connections;
    atomic_bool stopping; /* calls that still wait are not run any more */
};

static void set_status(struct grpc_call *call, enum grpc_status status, const char *text,
                       int64_t retry_after_ms)
{
    call->response.status = status;
    call->response.retry_after_ms = retry_after_ms;
    (void)snprintf(call->response.error, sizeof call->response.error, "%s", text);
}

static void run_call(void *job)
{
    struct grpc_call *call = job;
    struct grpc_server *s = call->host->server;
    if (atomic_get_relaxed(&s->stopping))
        set_status(call, GRPC_UNAVAILABLE, "the server is stopping", 0);
    else if (time_now_mono_ns() >= call->request.deadline_mono_ns)
        set_status(call, GRPC_DEADLINE_EXCEEDED, "the call's deadline passed in the queue", 0);
    else
        call->method->handler(call->method->self, &call->request, &call->response);
    grpc_loop_return(call);
}

static void check_password(void *job)
{
    struct grpc_call *call = job;
    struct grpc_server *s = call->host->server;
    enum auth_result result = auth_check(s->options.auth, call->authorization, call->method->right);
    call->wrong_password = result == AUTH_WRONG;
    if (result == AUTH_OK && workers_submit(s->workers, call))
        return;
    if (result == AUTH_OK)
        set_status(call, GRPC_UNAVAILABLE, "the server is busy: its queue of calls is full", 1000);
    else if (result == AUTH_FORBIDDEN)
        set_status(call, GRPC_PERMISSION_DENIED, auth_forbidden_message(call->method->right), 0);
    else
        set_status(call, GRPC_UNAUTHENTICATED, "unknown user or wrong password", 0);
    grpc_loop_return(call);
}

static bool dispatch(struct grpc_call *call)
{
    struct grpc_server *s = call->host->server;
    return workers_submit(call->check_password ? s->passwords : s->workers, call);
}

/* --- start and stop --------------------------------------------------------------------------- */

static void set_defaults(struct grpc_options *o)
{
#define DEFAULT(field, value) (o->field = o->field ? o->field : (value))
    DEFAULT(max_message_bytes, (size_t)64 << 20);
    DEFAULT(max_buffered_bytes, (size_t)1 << 30);
    DEFAULT(max_connections, 1024);
    DEFAULT(max_streams, 100);
    DEFAULT(workers, thread_processors());
    DEFAULT(queue, 256);
    DEFAULT(idle_timeout_s, 300);
    DEFAULT(message_timeout_s, 60);
#undef DEFAULT
    o->max_message_bytes = MIN(o->max_message_bytes, (size_t)UINT32_MAX); // the prefix has no more
}

static int start_listening(struct grpc_server *s, struct err *err)
{
    struct address address;
    int rc = address_parse(s->options.address, &address, err);
    int fd = rc == 0 ? address_listen(&address, BACKLOG, err) : rc;
    if (fd < 0)
        return fd;
    s->listen_fd = fd;
    address_format(&address, s->address);
    return 0;
}

static int start_threads(struct grpc_server *s, struct err *err)
{
    const struct grpc_options *o = &s->options;
    int rc = workers_new("grpc", o->workers, o->queue, run_call, &s->workers, err);
    if (rc == 0)
        rc = workers_new("grpc-password", 1, PASSWORD_QUEUE, check_password, &s->passwords, err);
    const struct grpc_loop_options loop = {
        .listen_fd = s->listen_fd,
        .host = {.options = o, .buffered = &s->buffered, .dispatch = dispatch, .server = s},
        .tls = s->tls,
        .connections = &s->connections,
    };
    for (size_t i = 0; rc == 0 && i < LOOPS; i++)
        rc = grpc_loop_start(&loop, &s->loops[i], err);
    return rc;
}

int grpc_server_start(const struct grpc_options *options, struct grpc_server **out, struct err *err)
{
    struct grpc_server *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a gRPC server");
    s->options = *options;
    s->listen_fd = -1;
    set_defaults(&s->options);
    int rc = options->tls ? tls_context_new(options->tls, &s->tls, err) : 0;
    if (rc == 0)
        rc = start_listening(s, err);
    if (rc == 0)
        rc = start_threads(s, err);
    if (rc != 0) {
        grpc_server_stop(s, 0);
        return rc;
    }
    *out = s;
    return 0;
}

const char *grpc_server_address(const struct grpc_server *s)
{
    return s->address;
}

int grpc_server_reload_tls(struct grpc_server *s, const struct tls_options *tls, struct err *err)
{
    if (!s->tls)
        return err_set(err, ERR_INVALID, "the gRPC listener has no TLS; restart to give it some");
    return tls_context_reload(s->tls, tls, err);
}

void grpc_server_stop(struct grpc_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    int64_t deadline = time_now_mono_ns() + grace_ms * NS_PER_MS;
    for (size_t i = 0; i < LOOPS; i++)
        if (s->loops[i])
            grpc_loop_stop(s->loops[i], deadline);
    for (size_t i = 0; i < LOOPS; i++)
        if (s->loops[i])
            grpc_loop_join(s->loops[i]);
    atomic_set_relaxed(&s->stopping, true);
    workers_free(s->passwords); // first, for it gives calls to the others
    workers_free(s->workers);
    for (size_t i = 0; i < LOOPS; i++)
        grpc_loop_free(s->loops[i]);
    tls_context_free(s->tls);
    if (s->listen_fd >= 0)
        (void)close(s->listen_fd); // no longer accepting
    free(s);
}
