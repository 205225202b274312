/* Which queries run now, and a file with those that ended. */
#ifndef TELLTALE_QUERY_EXEC_JOURNAL_H
#define TELLTALE_QUERY_EXEC_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/lock.h"
#include "query/query.h"

struct journal_file;

/* A query that runs; in its thread's memory. */
struct journal_entry {
    const struct query_request *request;
    int64_t began_unix_ms, began_mono_ns;
    struct journal_entry *next, **link;
};

struct journal {
    struct lock lock;
    struct journal_entry *running; /* guarded by lock, the newest first */
    struct journal_file *file;     /* guarded by lock; NULL: no log */
};

void journal_init(struct journal *j);
void journal_done(struct journal *j);

/* Queries that end from now on are appended to the file as lines of JSON; NULL: no longer. The file
 * is opened anew each time, so that it can be renamed before. ERR_IO, ERR_NOT_FOUND, ERR_NOMEM: it
 * stays as it was. */
int journal_log_to(struct journal *j, const char *path, struct err *err);

/* The request must stay until journal_end. */
void journal_begin(struct journal *j, const struct query_request *request,
                   struct journal_entry *out);

/* `r`: NULL for a query that failed, with `why`. */
void journal_end(struct journal *j, struct journal_entry *e, const struct query_result *r,
                 const struct err *why);

/* Off the list, not into the file. */
void journal_drop(struct journal *j, struct journal_entry *e);

/* What runs now, the newest first, copied. ERR_NOMEM. */
int journal_list(struct journal *j, struct arena *arena, struct query_active **out, size_t *out_n);

#endif
