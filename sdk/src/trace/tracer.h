/* Tracers and their provider. */
#ifndef TELLTALE_TRACE_TRACER_H
#define TELLTALE_TRACE_TRACER_H

#include "base/buf.h"
#include "core/fork.h"
#include "core/mutex.h"
#include "core/otlp_head.h"
#include "core/relay.h"
#include "core/worker.h"
#include "telltale/trace.h"

struct tt_tracer {
    struct tt_tracer *next; /* of the provider; guarded by its lock */
    struct tt_tracer_provider *provider;
    struct scope scope;
    struct buf pending; /* encoded spans of the next request; guarded by `sending` */
};

struct tt_tracer_provider {
    tt_tracer_provider_options options; /* with defaults filled in; never changed */
    tt_resource *resource;              /* owned */
    struct fork_hook fork;
    struct relay *queue; /* of spans: the tracer's address, then the message */
    struct worker worker;
    struct mutex lock; /* guards the list of tracers */
    tt_tracer *tracers;
    struct mutex sending; /* one drains and sends at a time; guards what follows */
    size_t pending;       /* spans in the tracers' buffers */
    size_t pending_bytes;
    int64_t deadline_mono_ns; /* of a flush; INT64_MAX: none */
    bool timed_out;
    atomic_bool closed;
    _Atomic(uint64_t) lost;
};

/* Hands over a finished span: room for `n` bytes to write the message to, or NULL, and then it is
 * lost and counted; then the number of bytes that it took. */
char *tracer_reserve(tt_tracer *t, size_t n);
void tracer_commit(tt_tracer *t, size_t n);

#endif
