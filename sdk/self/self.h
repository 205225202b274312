/* What is watched, and what was seen. */
#ifndef TELLTALE_SDK_SELF_SELF_H
#define TELLTALE_SDK_SELF_SELF_H

#include <pthread.h>
#include <stdatomic.h>

#include "telltale/self.h"
#include "telltale/watch.h"

enum { TYPE_MAX = 64, NAME_MAX_BYTES = TYPE_MAX + 12, SERVER_MAX = 256, ERROR_MAX = 64 };
enum { ERRORS_MAX = 16, EXPORTERS_MAX = 64, READERS_MAX = TT_SDK_READERS_MAX };

/* Items that an exporter failed with, by error.type. */
struct failure {
    char error[ERROR_MAX];
    int64_t items;
};

/* An exporter with ours around it. */
struct watched {
    struct watched *next;
    struct tt_self *self; /* a reference */
    tt_exporter inner;
    enum tt_signal signal;
    /* guarded by the lock of `self`: */
    char type[TYPE_MAX], name[NAME_MAX_BYTES]; /* name "": it was not used yet */
    char server[SERVER_MAX];
    int64_t port;
    int64_t inflight; /* items */
    int64_t exported;
    struct failure failures[ERRORS_MAX]; /* the last one for all that have no place */
    /* what its buffer keeps */
    int64_t kept, later_delivered, later_lost;
    void (*later)(void *arg, uint64_t *out_delivered, uint64_t *out_lost);
    void *later_arg;
};

enum self_metric {
    SPAN_STARTED,
    SPAN_LIVE,
    SPAN_QUEUE_SIZE,
    SPAN_QUEUE_CAPACITY,
    SPAN_PROCESSED,
    LOG_CREATED,
    LOG_QUEUE_SIZE,
    LOG_QUEUE_CAPACITY,
    LOG_PROCESSED,
    SPAN_INFLIGHT,
    SPAN_EXPORTED,
    POINT_INFLIGHT,
    POINT_EXPORTED,
    LOG_INFLIGHT,
    LOG_EXPORTED,
    SELF_METRICS
};

struct tt_self {
    struct tt_self *next; /* of all */
    atomic_uint references;
    pthread_mutex_t
        lock; /* guards what follows, and what is watched; never held during an export */
    struct watched *watched;
    int64_t id; /* of the callback; 0: not reporting */
    tt_meter *meter;
    tt_meter_provider *meters;
    tt_tracer_provider *tracers;
    tt_logger_provider *loggers;
    tt_observable *of[SELF_METRICS];
    tt_histogram *collections, *exports; /* NULL: not reporting */
    tt_collection_watch collected;
    struct watched *scraper; /* one of `watched`: stands for Prometheus' text */
    const void *readers[READERS_MAX];
    int64_t started_before[3][3], started[3][3]; /* when it began; told last */
};

void self_lock(tt_self *s);
void self_unlock(tt_self *s);
void self_release(tt_self *s); /* NULL is fine */

/* Makes the instruments; false when out of memory. */
bool self_make_metrics(tt_self *s);

/* A tt_callback; `arg`: the tt_self. */
void observe_sdk(tt_observation *o, void *arg);

/* Of tt_collection_watch; `arg`: the tt_self. */
void observe_collection(void *arg, const tt_collection *c);

/* Under the lock: gives it a name, when it has none. */
void watched_use(struct watched *w);

/* Under the lock. `error` NULL: they were delivered. */
void watched_count(struct watched *w, const char *error, int64_t items);

/* Under the lock: asks for what became of what it kept. */
void watched_ask_later(struct watched *w);

/* The error.type of a status below 0. */
const char *self_error_of(int status);

/* Records how long an export took, with the attributes that `report` has besides, which may be
 * NULL; under the lock. */
void self_record_export(const struct watched *w, int64_t duration_ns, const char *error,
                        const tt_export_report *report);

/* otel.component.type and _name, and the server if there is one. Returns how many; at most
 * WATCHED_ATTRS. */
enum { WATCHED_ATTRS = 4 };
size_t watched_attrs(const struct watched *w, tt_attr *out);

#endif
