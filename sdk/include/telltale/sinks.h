/* Exporters that need no network: the console, files that rotate, syslog and journald, and memory
 * for a program's tests. In the library libtelltale-sinks, which needs the C library alone.
 *
 * Each constructor makes an exporter to be given to one provider or reader, which closes it, and
 * returns TT_OK, TT_ERR_INVALID, TT_ERR_NOMEM or TT_ERR_IO, told by tt_problem_tell. All texts are
 * borrowed during the call; `options` may be NULL. What fails to be written is lost and counted by
 * the provider. A pipe, terminal or daemon that does not take it is waited for within the time of
 * the export (send_timeout_ms), by the provider's thread unless that is `simple`, and not beyond
 * the deadline of a shutdown. SIGPIPE does not reach the program. */
#ifndef TELLTALE_SINKS_H
#define TELLTALE_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/exporter.h"

TT_BEGIN

/* --- lines --- */

/* One line for each log record or span; control characters in it are escaped. Metrics are OTLP/JSON
 * in every style. */
enum tt_style {
    TT_STYLE_PRETTY = 1, /* 12:34:56.789 INFO  shop: order placed  order.id=7 */
    TT_STYLE_LOGFMT,     /* time=2026-11-21T12:34:56.789Z level=info msg="order placed" … */
    TT_STYLE_JSON,       /* {"time":"2026-…","level":"info","msg":"order placed",…} */
    TT_STYLE_OTLP        /* a line of OTLP/JSON for each request, as the collector reads it */
};

typedef struct tt_console_options {
    size_t size;         /* sizeof(tt_console_options) */
    enum tt_style style; /* 0: pretty */
    bool standard_error; /* instead of standard output */
    bool plain;          /* no colours; else a terminal gets them, unless NO_COLOR is set */
} tt_console_options;

TT_API int tt_console_exporter_new(enum tt_signal signal, const tt_console_options *options,
                                   tt_exporter *out_exporter);

/* A file that is renamed to PATH.1, while the older become PATH.2 …, when its hour or day (UTC) is
 * over or it becomes too large. When somebody else renames or removes it, as logrotate does,
 * another is made. Processes may share a file. */
typedef struct tt_file_options {
    size_t size;         /* sizeof(tt_file_options) */
    const char *path;    /* its folder must be there */
    enum tt_style style; /* 0: OTLP */
    int64_t period_s;    /* 3600 (the default), 86400, …; below 0: not by time */
    int64_t keep;        /* how many renamed ones: 24; below 0: none */
    uint64_t bytes_max;  /* of one, unless a single request is larger: 100 MiB */
    bool sync;           /* on the disk before `send` returns; else flush sees to that */
} tt_file_options;

TT_API int tt_file_exporter_new(enum tt_signal signal, const tt_file_options *options,
                                tt_exporter *out_exporter);

/* --- the system's log; of log records alone --- */

typedef struct tt_syslog_options {
    size_t size;      /* sizeof(tt_syslog_options) */
    const char *name; /* NULL: service.name */
    int facility;     /* LOG_DAEMON …, as of syslog.h; 0: LOG_USER */
    bool syslog;      /* also where there is journald */
    const char *path; /* of the socket: journald's, or /dev/log */
} tt_syslog_options;

/* To journald each attribute goes as a field of its own, ORDER_ID=7, with TRACE_ID, SPAN_ID,
 * LOGGER; to syslog (RFC 5424) as logfmt behind the message. Messages are cut at 48 KiB, syslog's
 * at 8 KiB. */
TT_API int tt_syslog_exporter_new(const tt_syslog_options *options, tt_exporter *out_exporter);

/* --- memory --- */

typedef struct tt_memory tt_memory;

/* Keeps spans, metrics and log records, at most 64 MiB; what is beyond fails. NULL without memory.
 * Free it after all its exporters are closed. */
TT_API tt_memory *tt_memory_new(void);
TT_API void tt_memory_free(tt_memory *memory);

/* For any number of providers and readers. */
TT_API tt_exporter tt_memory_exporter(tt_memory *memory);

/* How many there are since the last tt_memory_clear. Flush the provider before asking. */
TT_API size_t tt_memory_count(tt_memory *memory, enum tt_signal signal);
TT_API void tt_memory_clear(tt_memory *memory);

/* The i-th, in the order of their sending; valid until tt_memory_clear or _free, NULL when there is
 * none: its name (of a log record: its body as text), and all of it as OTLP/JSON. */
TT_API const char *tt_memory_name(tt_memory *memory, enum tt_signal signal, size_t i);
TT_API const char *tt_memory_json(tt_memory *memory, enum tt_signal signal, size_t i);

/* The first that has the name, SIZE_MAX when none does. */
TT_API size_t tt_memory_find(tt_memory *memory, enum tt_signal signal, const char *name);

/* An attribute of a span or log record as text ("7", "true"), cut to `size` bytes with its NUL.
 * False when it has none of that key. */
TT_API bool tt_memory_attribute(tt_memory *memory, enum tt_signal signal, size_t i, const char *key,
                                char *out, size_t size);

/* Registers the components of this library (component.h): "console", "otlp/stdout" and
 * "otlp_file/development". Done by itself when the shared library is loaded; to be called once
 * before tt_init() in a program that links the archive. */
TT_API int tt_sinks_register(void);

TT_END

#endif
