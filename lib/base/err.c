#include "base/err.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_setv(struct err *e, int code, const char *fmt, va_list args)
{
    if (e) {
        e->code = code;
        (void)vsnprintf(e->message, sizeof e->message, fmt, args); // cutting is the contract
    }
    return code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    err_setv(e, code, fmt, args);
    va_end(args);
    return code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
    int saved = errno;
    int code = saved == ENOMEM ? ERR_NOMEM : ERR_IO;
    va_list args;
    va_start(args, fmt);
    err_setv(e, code, fmt, args);
    va_end(args);

    if (e) {
        char reason[128];
        if (strerror_r(saved, reason, sizeof reason) != 0)
            (void)snprintf(reason, sizeof reason, "error %d", saved);
        size_t used = strlen(e->message);
        (void)snprintf(e->message + used, sizeof e->message - used, ": %s", reason);
    }
    errno = saved;
    return code;
}

int err_prefix(struct err *e, int code, const char *fmt, ...)
{
    if (!e || e->code == 0)
        return code;

    char inner[ERR_MESSAGE_MAX];
    memcpy(inner, e->message, sizeof inner);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->message, sizeof e->message, fmt, args);
    va_end(args);

    size_t used = strlen(e->message);
    size_t room = sizeof e->message - used;
    if (room > 3) {
        memcpy(e->message + used, ": ", 3);
        size_t n = MIN(strlen(inner), room - 3);
        memcpy(e->message + used + 2, inner, n);
        e->message[used + 2 + n] = '\0';
    }
    return e->code;
}

const char *err_name(int code)
{
    switch (code) {
    case 0: return "ok";
    case ERR_INVALID: return "invalid";
    case ERR_TOO_BIG: return "too big";
    case ERR_NOMEM: return "out of memory";
    case ERR_IO: return "input/output";
    case ERR_NOT_FOUND: return "not found";
    case ERR_EXISTS: return "exists";
    case ERR_BUSY: return "busy";
    case ERR_TIMEOUT: return "timeout";
    case ERR_CANCELLED: return "cancelled";
    case ERR_CORRUPT: return "corrupt";
    case ERR_DENIED: return "denied";
    case ERR_UNSUPPORTED: return "unsupported";
    case ERR_STALE: return "stale";
    default: return "internal";
    }
}

static atomic_ulong never_count;

void err_never(const char *what, const char *file, int line)
{
    atomic_fetch_add_explicit(&never_count, 1, memory_order_relaxed);
#ifndef NDEBUG
    (void)fprintf(stderr, "%s:%d: must never happen: %s\n", file, line, what);
    abort();
#else
    (void)what, (void)file, (void)line;
#endif
}

unsigned long err_never_count(void)
{
    return atomic_load_explicit(&never_count, memory_order_relaxed);
}
