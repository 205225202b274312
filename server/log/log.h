/* The server's log: one line an event on stderr, logfmt or JSON. `lib/` does not log, it returns.
 *
 *   log_info("config", "configuration loaded", LOG_STR("file", path), LOG_INT("keys", n));
 *   -> time=2026-11-21T04:26:32.500Z level=info area=config msg="configuration loaded" file=…
 * keys=…
 *
 * A line is rate-limited by its place in the source: more than log_options.burst lines from one
 * place within ten seconds are left out, and the next line from there carries suppressed=N. Never
 * log secrets or payloads. Threads: any. */
#ifndef TELLTALE_LOG_LOG_H
#define TELLTALE_LOG_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_options {
    enum log_level level;
    enum log_format format;
    unsigned burst; /* lines per place and ten seconds; 0: 10 */
    int fd;         /* where to write; 0: stderr */
};

/* May be called again at any time. */
void log_configure(const struct log_options *options);

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE } type;
    union {
        struct str str;
        int64_t i64;
        double f64;
    } value;
};

#define LOG_STR(k, v) ((struct log_field){(k), LOG_FIELD_STR, {.str = str_c(v)}})
#define LOG_TEXT(k, v) ((struct log_field){(k), LOG_FIELD_STR, {.str = (v)}})
#define LOG_INT(k, v) ((struct log_field){(k), LOG_FIELD_INT, {.i64 = (int64_t)(v)}})
#define LOG_DOUBLE(k, v) ((struct log_field){(k), LOG_FIELD_DOUBLE, {.f64 = (v)}})

/* State of one place in the source. */
struct log_site {
    atomic_llong window_mono_ns; /* when the current ten seconds began */
    atomic_uint n, suppressed;
};

/* `fields` ends with LOG_END. */
void log_write(struct log_site *site, enum log_level level, const char *area, const char *msg,
               const struct log_field *fields);
bool log_enabled(enum log_level level);

/* Lines left out by rate limits since start. */
uint64_t log_suppressed_count(void);

#define LOG_END ((struct log_field){0})
#define LOG_AT(level, area, msg, ...)                                                              \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        if (log_enabled(level))                                                                    \
            log_write(&log_site_, (level), (area), (msg),                                          \
                      (const struct log_field[]){__VA_ARGS__});                                    \
    } while (0)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__, LOG_END)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__, LOG_END)

#endif
