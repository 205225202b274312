/* A gRPC connection's bytes, without a socket: whatever the pieces they come in, the same calls
 * come out (nghttp2 ends a connection whose CONTINUATION frames come in too many); each is
 * answered; nothing is left behind. The input follows the client's preface. */
#include <stdlib.h>

#include "base/hash.h"
#include "net/grpc_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS_MAX = 128 };

static struct grpc_call *waiting[CALLS_MAX];
static size_t n_waiting;
static uint64_t seen; /* of all calls so far */

static void no_handler(void *self, const struct grpc_request *q, struct grpc_response *r)
{
    (void)self, (void)q, (void)r;
}

static bool dispatch(struct grpc_call *call)
{
    if (n_waiting == CALLS_MAX)
        return false;
    seen = hash_combine(seen, hash_str(call->request.message));
    seen = hash_combine(seen, hash_str(call->request.encoding));
    waiting[n_waiting++] = call;
    return true;
}

static void answer_all(void)
{
    for (size_t i = 0; i < n_waiting; i++) {
        struct grpc_call *call = waiting[i];
        call->response.status = call->request.message.n % 2 ? GRPC_OK : GRPC_UNAVAILABLE;
        call->response.retry_after_ms = 1;
        buf_put_str(&call->response.message, call->request.message);
        grpc_call_finish(call);
    }
    n_waiting = 0;
}

static bool send_all(struct grpc_session *s)
{
    struct str out;
    do {
        if (grpc_session_send(s, &out) != 0)
            return false;
    } while (out.n > 0);
    return true;
}

/* Feeds the bytes in pieces of `step`; `seen` is then a hash of the calls that came out. False when
 * the connection ended before its bytes did. */
static bool run(const uint8_t *data, size_t size, size_t step)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    static const struct grpc_method methods[] = {{"/t/E", AUTH_INGEST, no_handler, NULL}};
    static const struct grpc_options options = {.methods = methods,
                                                .n_methods = 1,
                                                .max_message_bytes = 1 << 16,
                                                .max_buffered_bytes = 1 << 20,
                                                .max_streams = 100,
                                                .message_timeout_s = 60};
    static atomic_size_t buffered;
    const struct grpc_host host = {
        .options = &options, .buffered = &buffered, .dispatch = dispatch};
    struct grpc_session *s = NULL;
    seen = 0;
    if (grpc_session_new(&host, NULL, &s, NULL) != 0 ||
        grpc_session_receive(s, preface, sizeof preface - 1) != 0)
        abort();
    bool alive = true;
    for (size_t at = 0; alive && at < size; at += step)
        alive = grpc_session_receive(s, data + at, MIN(step, size - at)) == 0;
    answer_all();
    if (alive && send_all(s))
        (void)grpc_session_expire(s, INT64_MAX - 1); // what is unfinished is late
    (void)send_all(s);
    grpc_session_free(s);
    if (atomic_load(&buffered) != 0)
        abort();
    return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool alive = run(data, size, size ? size : 1);
    uint64_t whole = seen;
    for (size_t step = 1; step <= 7; step += 6)
        if (run(data, size, step) && alive && seen != whole)
            abort();
    return 0;
}
