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

/* What is made unreadable before a record goes anywhere, in its body and in the text of its
 * attributes, but not within arrays and maps: the find becomes "***". */
enum tt_mask {
    TT_MASK_KEYS = 1,   /* values of attributes named like password, secret, token, cookie … */
    TT_MASK_TOKENS = 2, /* bearer and basic credentials, keys that begin sk-, ghp_, AKIA … */
    TT_MASK_EMAILS = 4,
    TT_MASK_CARDS = 8,   /* 13 to 19 digits that pass Luhn's check */
    TT_MASK_PHONES = 16, /* + and 8 to 15 digits */
    TT_MASK_ALL = 31
};

typedef struct tt_logger_provider tt_logger_provider;
typedef struct tt_logger tt_logger;

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
    unsigned masks; /* of enum tt_mask; 0: none */
} tt_logger_provider_options;

/* As their namesakes of tracer providers. */
TT_API tt_logger_provider *tt_logger_provider_new(const tt_logger_provider_options *options);
TT_API int tt_logger_provider_flush(tt_logger_provider *provider, int64_t timeout_ms);
TT_API int tt_logger_provider_shutdown(tt_logger_provider *provider, int64_t timeout_ms);
TT_API void tt_logger_provider_free(tt_logger_provider *provider);
TT_API uint64_t tt_logger_provider_lost(const tt_logger_provider *provider);

TT_API tt_logger *tt_logger_get(tt_logger_provider *provider, const char *name,
                                const char *version);
TT_API tt_logger *tt_logger_get_scope(tt_logger_provider *provider, const tt_scope *scope);

/* The lowest severity that is recorded; at any time. */
TT_API void tt_logger_set_level(tt_logger *logger, enum tt_severity level);
TT_API bool tt_logger_is_enabled(const tt_logger *logger, enum tt_severity severity);

typedef struct tt_log_record {
    size_t size; /* sizeof(tt_log_record) */
    enum tt_severity severity;
    const char *severity_text; /* NULL: by the severity, "INFO" … */
    tt_value body;
    const char *event_name; /* NULL: none */
    const tt_attr *attrs;   /* at most 128 are kept */
    size_t attrs_n;
    int64_t time_unix_ns;      /* 0: now */
    const tt_context *context; /* NULL: this thread's current one */
} tt_log_record;

TT_API void tt_log_emit(tt_logger *logger, const tt_log_record *record);
TT_API void tt_log(tt_logger *logger, enum tt_severity severity, const char *message,
                   const tt_attr *attrs, size_t n);

/* As printf; at most 2047 bytes. Nothing is formatted below the level. */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
TT_API void
tt_logf(tt_logger *logger, enum tt_severity severity, const char *format, ...);

TT_END

#endif
