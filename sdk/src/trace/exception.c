/* Exceptions and backtraces. This file alone is compiled with tables for unwinding, for a backtrace
 * is taken through its functions. */
#define _GNU_SOURCE // strerrorname_np
#include "trace/exception.h"

#include <stdlib.h>
#include <string.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_BACKTRACE 1
#else
#define HAS_BACKTRACE 0
#endif

#include "base/compiler.h"
#include "core/options.h"

enum { FRAMES_MAX = 64, TRACE_BYTES = 8192, GIVEN_MAX = 60 };

/* --- backtraces ------------------------------------------------------------------------------ */

static size_t put_line(char *out, size_t n, size_t at, const char *line)
{
    size_t line_n = strlen(line);
    if (n - at < line_n + 2) // the line, its end, and the end of all
        return at;
    memcpy(out + at, line, line_n);
    out[at + line_n] = '\n';
    out[at + line_n + 1] = '\0';
    return at + line_n + 1;
}

size_t tt_backtrace(char *out, size_t n)
{
    size_t at = 0;
    if (!out || !n)
        return 0;
    out[0] = '\0';
#if HAS_BACKTRACE
    void *frames[FRAMES_MAX];
    int found = backtrace(frames, FRAMES_MAX);
    char **lines = found > 1 ? backtrace_symbols(frames, found) : NULL;
    for (int i = 1; lines && i < found; i++)
        at = put_line(out, n, at, lines[i]);
    free(lines);
#endif
    return at;
}

/* --- attributes ------------------------------------------------------------------------------ */

static const char *number_name(int number)
{
#ifdef __GLIBC__
    return strerrorname_np(number);
#else
    (void)number;
    return NULL;
#endif
}

static const char *number_text(int number)
{
#ifdef __GLIBC__
    return strerrordesc_np(number);
#else
    return strerror(number);
#endif
}

tt_exception exception_of(const tt_exception *given)
{
    tt_exception e = {0};
    (void)options_read(&e, sizeof e, given);
    if (e.error_number && !e.type)
        e.type = number_name(e.error_number);
    if (e.error_number && !e.message)
        e.message = number_text(e.error_number);
    return e;
}

static bool is_given(const tt_exception *e, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; e->attrs && i < MIN(e->attrs_n, GIVEN_MAX); i++) {
        if (e->attrs[i].key_n == n && memcmp(e->attrs[i].key, key, n) == 0)
            return true;
    }
    return false;
}

size_t exception_attrs(const tt_exception *e, tt_attr out[EXCEPTION_ATTRS_MAX])
{
    const char *const own[][2] = {{"exception.type", e->type},
                                  {"exception.message", e->message},
                                  {"exception.stacktrace", e->stacktrace}};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (own[i][1] && !is_given(e, own[i][0]))
            out[n++] = tt_str(own[i][0], own[i][1]);
    }
    for (size_t i = 0; e->attrs && i < MIN(e->attrs_n, GIVEN_MAX); i++)
        out[n++] = e->attrs[i];
    return n;
}

/* --- recording ------------------------------------------------------------------------------- */

void tt_span_record_exception(tt_span span, const tt_exception *given)
{
    tt_attr attrs[EXCEPTION_ATTRS_MAX];
    if (!given || !tt_span_is_recording(span))
        return;
    tt_exception e = exception_of(given);
    tt_span_add_event(span, "exception", e.time_unix_ns, attrs, exception_attrs(&e, attrs));
    tt_span_set_status(span, TT_STATUS_ERROR, e.message ? e.message : e.type);
}

void tt_span_record_errno(tt_span span, int number, const char *message, bool with_backtrace)
{
    char trace[TRACE_BYTES] = "";
    if (with_backtrace && tt_span_is_recording(span))
        (void)tt_backtrace(trace, sizeof trace); // as much as fits
    tt_exception e = {.size = sizeof e,
                      .error_number = number,
                      .message = message,
                      .stacktrace = *trace ? trace : NULL};
    tt_span_record_exception(span, &e);
}

void tt_span_record_error(tt_span span, const char *type, const char *message)
{
    tt_exception e = {.size = sizeof e, .type = type, .message = message};
    tt_span_record_exception(span, &e);
}
