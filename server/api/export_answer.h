/* The answer of an export over HTTP: as a whole when it is small, else sent while it is being made,
 * so that the server needs no more memory however much there is. */
#ifndef TELLTALE_API_EXPORT_ANSWER_H
#define TELLTALE_API_EXPORT_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/http.h"

/* What an export writes to. */
struct export_sink {
    /* Waits while the client is behind; ERR_CANCELLED when it has left, ERR_NOMEM. */
    int (*write)(void *arg, struct str text, struct err *err);
    bool (*is_cancelled)(void *arg);
    void *arg;
};

struct export_job {
    /* On a thread of its own, once. The error is the client's answer while nothing was sent, later
     * a line of the log and a connection that is cut. */
    int (*run)(void *self, const struct export_sink *to, struct err *err);
    void (*totals)(const void *self, struct buf *out); /* "series=3 …", when it has run */
    void (*done)(void *self);                          /* exactly once; any thread */
    void *self;
    const char *content_type; /* static */
    int64_t timeout_ms;       /* until there is something to send */
};

/* Runs the job and answers with what it writes. The totals are the value of X-Telltale-Export, a
 * header or, of an answer that was sent while it was made, a trailer. ERR_BUSY: as many as may be
 * are running. */
void export_answer(const struct export_job *job, const struct http_request *q,
                   struct http_response *r);

/* Waits for the threads of all exports, whose clients are gone: before what they read is closed.
 * Threads: any. */
void export_answers_wait(void);

#endif
