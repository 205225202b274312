/* From the threads that end spans or emit log records to an exporter, in batches.
 *
 * A source is what a tracer or logger begins with: a scope, and the records of it that wait.
 * Requests of traces and logs have the same shape, so all of this is one for both. */
#ifndef TELLTALE_CORE_BATCHER_H
#define TELLTALE_CORE_BATCHER_H

#include "base/buf.h"
#include "core/fork.h"
#include "core/mutex.h"
#include "core/otlp_head.h"
#include "core/relay.h"
#include "core/worker.h"
#include "telltale/exporter.h"
#include "telltale/watch.h"

struct batcher;

struct source {
    struct source *next; /* guarded by the batcher's lock */
    struct batcher *batcher;
    struct scope scope;
    struct buf head, tail; /* of the scope's message, encoded once */
    struct buf pending;    /* encoded records of the next request; guarded by `sending` */
};

struct batcher_options {
    enum tt_signal signal;
    tt_exporter exporter; /* taken */
    size_t queue_bytes, batch_items;
    size_t queue_records;              /* SIZE_MAX: any number */
    int64_t delay_ms, send_timeout_ms; /* as all of these, 0: the default */
    bool simple;                       /* each record is sent at once, by its thread */
};

struct batcher {
    struct batcher_options options; /* with defaults filled in; never changed */
    tt_resource *resource;          /* owned */
    struct fork_hook fork;
    struct relay *relay; /* of records: the source's address, then the message */
    struct worker worker;
    struct mutex lock; /* guards the list of sources */
    struct source *sources;
    struct buf resource_field; /* encoded once */
    struct mutex sending;      /* one drains and sends at a time; guards what follows */
    struct buf request;        /* its memory is kept from one to the next */
    size_t pending, pending_bytes;
    int64_t deadline_mono_ns; /* of a flush; INT64_MAX: none */
    bool timed_out;
    int failure;   /* of the last send that failed */
    bool disabled; /* never changed */
    int result;    /* of the worker's last work; read after its end */
    bool stuck;    /* the exporter did not return at the shutdown; written by it */
    atomic_bool closed, ended;
    _Atomic(int64_t) end_mono_ns; /* of a shutdown; INT64_MAX: none */
    _Atomic(uint64_t) in_flight;  /* records in the request that is being sent */
    /* Records given to the exporter, or that are none of its; lost before that, by the cause; that
     * the exporter failed with. */
    _Atomic(uint64_t) processed, queue_full, shut_down, no_memory, failed;
    _Atomic(uint64_t) filtered; /* log records that were not wanted */
};

/* `resource`: borrowed, copied; NULL: the default one. False when out of memory; batcher_done frees
 * what is there. */
bool batcher_init(struct batcher *b, const struct batcher_options *o, const tt_resource *resource);

/* Shuts down when that was not done, frees all sources and what else it has. False when a call of
 * the exporter does not return: then nothing is freed, since that may use it. */
bool batcher_done(struct batcher *b);

/* Closes it, if it can be closed. */
static inline void exporter_close(const tt_exporter *e)
{
    if (e->close)
        e->close(e->arg);
}

/* As tt_tracer_provider_flush and _shutdown. */
int batcher_flush(struct batcher *b, int64_t timeout_ms);
int batcher_shutdown(struct batcher *b, int64_t timeout_ms);

/* All of it but what is of spans alone. */
void batcher_read(const struct batcher *b, tt_pipeline *out);

/* Those that were in the rings when it was shut down. They are lost. */
uint64_t batcher_left(const struct batcher *b);

/* All that were lost: of all that were committed those that the exporter did not take. */
uint64_t batcher_lost(const struct batcher *b);

/* The source of a scope; a new one has `size` bytes, zeros behind the source. NULL when the SDK is
 * disabled, or out of memory, which is told. */
void *batcher_source(struct batcher *b, const tt_scope *scope, size_t size);

/* Room for a record of `n` bytes, or NULL, and then it is lost and counted; then how many it took.
 */
char *source_reserve(struct source *s, size_t n);
void source_commit(struct source *s, size_t n);

#endif
