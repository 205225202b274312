/* Loggers and their provider. */
#ifndef TELLTALE_LOGS_LOGGER_H
#define TELLTALE_LOGS_LOGGER_H

#include "base/compiler.h"
#include "core/batcher.h"
#include "logs/mask.h"
#include "telltale/log.h"

enum { LOG_ATTRS_MAX = 128, LOG_ENRICH_MAX = 4 };

struct tt_logger {
    atomic_int level; /* first: the public header looks at it; 0: not set yet */
    atomic_bool trace_based;
};

struct logger {
    struct source source; /* first: loggers are made as sources */
    struct tt_logger handle;
};

/* What was configured for a name; the newest first. */
struct logger_rule {
    struct logger_rule *next;
    struct tt_logger_config config;
    char name[];
};

struct tt_logger_provider {
    struct batcher batcher;
    int level;
    bool trace_based;
    bool plain; /* records are encoded as they are given */
    bool masked;
    struct masks masks; /* its keys are owned */
    unsigned enrich;
    size_t attributes_max, value_bytes_max;
    struct logger_rule *rules;    /* owned; guarded by the batcher's lock */
    tt_log_processor *processors; /* owned */
    size_t processors_n;
    atomic_bool shut_down;
    char host[256];
    tt_attr added[LOG_ENRICH_MAX]; /* what is the same for all records */
    size_t added_n;
};

static inline struct logger *logger_of(tt_logger *l)
{
    return CONTAINER_OF(l, struct logger, handle);
}

static inline tt_logger_provider *logger_provider(const struct logger *l)
{
    return CONTAINER_OF(l->source.batcher, tt_logger_provider, batcher);
}

/* Counts a record that came to a logger and goes no further, unless that is off or NULL. */
void log_filtered(tt_logger *l);

/* Encodes a record into the ring. */
void log_encode(struct logger *l, const tt_log_record *r, size_t dropped,
                const tt_span_context *span);

/* The long way there: exceptions, enrichment, masks, processors, limits. */
void log_process(struct logger *l, const tt_log_record *r, const tt_span_context *span);

#endif
