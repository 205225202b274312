/* Logs: records with a severity, a body and attributes, tied to the current span.
 *
 *     tt_logger *log = tt_logger_get(provider, "shop", "1.0");
 *     tt_attr attrs[] = {tt_str("order.id", id)};
 *     tt_log(log, TT_SEVERITY_INFO, "order placed", attrs, 1);
 *
 * A record below the logger's level costs a load and a comparison. Others are masked, encoded and
 * put into a ring of the calling thread; a thread of the provider exports. */
#ifndef TELLTALE_LOG_H
#define TELLTALE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/context.h"
#include "telltale/exporter.h"
#include "telltale/resource.h"
#include "telltale/scope.h"
#include "telltale/trace.h"

TT_BEGIN

/* Each has three finer steps above it: TT_SEVERITY_INFO + 1 … + 3. */
enum tt_severity {
    TT_SEVERITY_TRACE = 1,
    TT_SEVERITY_DEBUG = 5,
    TT_SEVERITY_INFO = 9,
    TT_SEVERITY_WARN = 13,
    TT_SEVERITY_ERROR = 17,
    TT_SEVERITY_FATAL = 21,
    TT_SEVERITY_OFF = 25
};

/* What is made unreadable before a record goes anywhere, in its body, its event's name and the text
 * of its attributes, within arrays and maps, too: the find becomes "***". docs/sdk/masking.md has
 * the lists. */
enum tt_mask {
    /* What stands under keys with a word like password, secret, cookie, api_key, or at the end
     * token, auth: values of attributes, and in text key=value and "key": "value". */
    TT_MASK_KEYS = 1,
    TT_MASK_TOKENS = 2, /* bearer and basic credentials, keys that begin sk-, ghp_, AKIA …, PEM */
    TT_MASK_EMAILS = 4,
    TT_MASK_CARDS = 8,   /* 13 to 19 digits that pass Luhn's check and begin 22–27 or 3–6 */
    TT_MASK_PHONES = 16, /* + and 8 to 15 digits */
    TT_MASK_ALL = 31
};

/* Attributes that are added to each record which does not have them itself. */
enum tt_enrich {
    TT_ENRICH_HOST = 1,         /* host.name */
    TT_ENRICH_THREAD = 2,       /* thread.id, thread.name */
    TT_ENRICH_ENVIRONMENT = 4,  /* deployment.environment.name */
    TT_ENRICH_APPLICATION = 8,  /* service.name, service.version */
    TT_ENRICH_CORRELATION = 16, /* correlation_id, of the context */
    TT_ENRICH_ALL = 31
};

typedef struct tt_logger_provider tt_logger_provider;
typedef struct tt_logger tt_logger;

typedef struct tt_log_record {
    size_t size; /* sizeof(tt_log_record) */
    enum tt_severity severity;
    const char *severity_text; /* NULL: by the severity, "INFO" … */
    tt_value body;
    const char *event_name; /* NULL: none */
    const tt_attr *attrs;   /* at most 128 are kept */
    size_t attrs_n;
    int64_t time_unix_ns;          /* 0: now */
    const tt_context *context;     /* NULL: this thread's current one */
    const tt_exception *exception; /* becomes attributes; NULL: none */
} tt_log_record;

/* Where a record comes from; borrowed. */
typedef struct tt_log_origin {
    tt_span_context span; /* all zeros: none */
    const char *logger;   /* its name */
    const tt_resource *resource;
} tt_log_origin;

/* Told of each record, in the thread that emits it, one processor after the other and before the
 * exporter; what the masks hide is hidden before and after. Any of the functions may be NULL. */
typedef struct tt_log_processor {
    /* Whether such records are wanted; asked by tt_logger_is_enabled, where one yes suffices. */
    bool (*enabled)(void *arg, const char *logger, enum tt_severity severity);
    /* May change the record, whose texts and attributes are borrowed until it is emitted. False:
     * it goes no further. */
    bool (*on_emit)(void *arg, tt_log_record *record, const tt_log_origin *origin);
    int (*flush)(void *arg, int64_t timeout_ms);    /* TT_OK, or a negative status */
    int (*shutdown)(void *arg, int64_t timeout_ms); /* once; nothing is called afterwards */
    void *arg;
} tt_log_processor;

/* Within on_emit: adds an attribute to its record, or replaces the one of its key. False when there
 * are 128 already. */
TT_API bool tt_log_record_add(tt_log_record *record, tt_attr attr);

typedef struct tt_logger_provider_options {
    size_t size;           /* sizeof(tt_logger_provider_options) */
    tt_resource *resource; /* borrowed, copied; NULL: tt_resource_default() */
    tt_exporter exporter;  /* taken */
    size_t queue_bytes;    /* as of tt_tracer_provider_options */
    size_t batch_records;
    int64_t delay_ms;
    int64_t send_timeout_ms;
    bool simple;
    /* Of all loggers at first. 0: by `environment`. */
    enum tt_severity level;
    /* "development" (the level is DEBUG), "staging" (INFO), "production" (WARN), any other (INFO);
     * NULL: deployment.environment.name of the resource. */
    const char *environment;
    unsigned masks;                     /* of enum tt_mask; 0: none */
    unsigned enrich;                    /* of enum tt_enrich; 0: nothing */
    bool trace_based;                   /* as of tt_logger_config */
    const tt_log_processor *processors; /* copied */
    size_t processors_n;
    /* 0: by OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT and _VALUE_LENGTH_LIMIT, or OTEL_ATTRIBUTE_…, or:
     */
    size_t attributes_max;  /* of a record: 128, and no more */
    size_t value_bytes_max; /* text values are cut to this: not cut */
    /* More keys that hide what stands under them, with commas between: "iban,*.tax_id,customer.*",
     * * for any text and ? for any character, in any case; copied. NULL: none. */
    const char *mask_keys;
    size_t queue_records; /* as queue_spans of tracer providers; OTEL_BLRP_MAX_QUEUE_SIZE */
} tt_logger_provider_options;

/* As their namesakes of tracer providers. */
TT_API tt_logger_provider *tt_logger_provider_new(const tt_logger_provider_options *options);
TT_API int tt_logger_provider_flush(tt_logger_provider *provider, int64_t timeout_ms);
TT_API int tt_logger_provider_shutdown(tt_logger_provider *provider, int64_t timeout_ms);
TT_API void tt_logger_provider_free(tt_logger_provider *provider);
TT_API uint64_t tt_logger_provider_lost(const tt_logger_provider *provider);

/* Has it hide these as well, of enum tt_mask. Not while a thread logs. */
TT_API void tt_logger_provider_mask(tt_logger_provider *provider, unsigned masks);

TT_API tt_logger *tt_logger_get(tt_logger_provider *provider, const char *name,
                                const char *version);
TT_API tt_logger *tt_logger_get_scope(tt_logger_provider *provider, const tt_scope *scope);

/* The lowest severity that is recorded; at any time. */
TT_API void tt_logger_set_level(tt_logger *logger, enum tt_severity level);
TT_API bool tt_logger_is_enabled(const tt_logger *logger, enum tt_severity severity);

typedef struct tt_logger_config {
    size_t size;            /* sizeof(tt_logger_config) */
    enum tt_severity level; /* 0: the provider's; TT_SEVERITY_OFF: nothing is recorded */
    bool trace_based;       /* records of a span that is not sampled are left out */
} tt_logger_config;

/* For loggers whose name fits the pattern (* is any text, ? any character): those there are and
 * those to come; a later call holds over an earlier one. */
TT_API int tt_logger_provider_configure(tt_logger_provider *provider, const char *name,
                                        const tt_logger_config *config);

TT_API void tt_log_emit(tt_logger *logger, const tt_log_record *record);
TT_API void tt_log(tt_logger *logger, enum tt_severity severity, const char *message,
                   const tt_attr *attrs, size_t n);

/* As printf; at most 2047 bytes. Nothing is formatted below the level. */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
TT_API void
tt_logf(tt_logger *logger, enum tt_severity severity, const char *format, ...);

/* --- guards, as in trace.h --- */

#if (defined(__GNUC__) || defined(__clang__)) && !defined(TT_NO_GUARDS) && !defined(TT_NOOP)
/* A logger begins with its level. */
static inline bool tt_logger_allows(const tt_logger *logger, enum tt_severity severity)
{
    return logger &&
           (int)severity >= __atomic_load_n((const int *)(const void *)logger, __ATOMIC_RELAXED);
}
static inline void tt_log_guarded(tt_logger *logger, enum tt_severity severity, const char *message,
                                  const tt_attr *attrs, size_t n)
{
    if (tt_logger_allows(logger, severity))
        tt_log(logger, severity, message, attrs, n);
}
#define tt_log(...) tt_log_guarded(__VA_ARGS__)
#define tt_logf(logger_, severity_, ...)                                                           \
    __extension__({                                                                                \
        tt_logger *const tt_logger_ = (logger_);                                                   \
        const enum tt_severity tt_severity_ = (severity_);                                         \
        if (tt_logger_allows(tt_logger_, tt_severity_))                                            \
            (tt_logf)(tt_logger_, tt_severity_, __VA_ARGS__);                                      \
    })
#endif

TT_END

#endif
