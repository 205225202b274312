/* Errors are values: a negative code that a program tests, and a message that a person reads.
 *
 * A function that can fail for more than one reason returns 0 or one of the codes below. Where a
 * person will read the outcome it also takes a `struct err *` (always last, may be NULL) and fills
 * it on failure only. */
#ifndef TELLTALE_BASE_ERR_H
#define TELLTALE_BASE_ERR_H

#include <stdarg.h>

#include "base/compiler.h"

enum {
    ERR_INVALID = -1,      /* the input is wrong; saying it again will not help */
    ERR_TOO_BIG = -2,      /* a size or count is over its limit */
    ERR_NOMEM = -3,        /* out of memory, or over a memory budget */
    ERR_IO = -4,           /* the operating system refused; see the message */
    ERR_NOT_FOUND = -5,    /* no such thing */
    ERR_EXISTS = -6,       /* there is one already */
    ERR_BUSY = -7,         /* full at the moment: try again later */
    ERR_TIMEOUT = -8,      /* the deadline passed */
    ERR_CANCELLED = -9,    /* the asker went away, or we are shutting down */
    ERR_CORRUPT = -10,     /* our own bytes are damaged */
    ERR_DENIED = -11,      /* not allowed */
    ERR_UNSUPPORTED = -12, /* well-formed, but not something we do */
    ERR_INTERNAL = -13,    /* our own bug, survived */
    ERR_STALE = -14,       /* what was found out before does not hold any more: find it out again */
};

enum { ERR_MESSAGE_MAX = 512 };

struct err {
    int code;                      /* 0 or one of ERR_…  */
    char message[ERR_MESSAGE_MAX]; /* NUL-terminated, cut at the end if too long */
};

/* Fills `e` (may be NULL) and returns `code`, so that `return err_set(err, ERR_INVALID, …)` reads
 * well. The message says what was found and what was expected. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_setv(struct err *e, int code, const char *fmt, va_list args) PRINTF_LIKE(3, 0);

/* As err_set with ": <strerror(errno)>" appended and ERR_IO as the code (ERR_NOMEM for ENOMEM). */
int err_errno(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "<prefix>: " before the message, to add where an inner error happened; keeps and returns the
 * code. Does nothing when `e` is NULL or holds no error (then returns `code` unchanged). */
int err_prefix(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A short lower-case name of the code: "invalid", "too big", … */
const char *err_name(int code);

/* `if (NEVER(cond)) return ERR_INTERNAL;`: a bug of ours. Asserts in debug builds, is counted and
 * survived in releases. */
#define NEVER(cond) (UNLIKELY(cond) ? (err_never(#cond, __FILE__, __LINE__), 1) : 0)
void err_never(const char *what, const char *file, int line);

/* How often NEVER fired since start. Threads: any. */
unsigned long err_never_count(void);

#endif
