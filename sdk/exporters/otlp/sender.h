/* What is done with a request: tried, tried again, kept for later, given up. Neither threads nor
 * sockets are known here, nor which clock it is, so that a day can be over in a second of a test.
 */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_SENDER_H
#define TELLTALE_SDK_EXPORTERS_OTLP_SENDER_H

#include "otlp/answer.h"
#include "otlp/config.h"
#include "otlp/spool.h"

/* A way to the collector. */
struct otlp_link {
    void (*post)(void *arg, const void *body, size_t n, int64_t timeout_ms,
                 struct otlp_verdict *out);
    int64_t (*now_ms)(void *arg);        /* of a clock that only goes on */
    bool (*wait)(void *arg, int64_t ms); /* false: cancelled */
    void *arg;
};

/* Waits that double. */
struct otlp_backoff {
    int64_t pause_ms;
    unsigned random;
};
void otlp_backoff_init(struct otlp_backoff *b, unsigned seed);

/* How long to wait after this verdict: as the collector says, at most INT64_MAX / 2, or a time of
 * our own. */
int64_t otlp_backoff_next(struct otlp_backoff *b, const struct otlp_verdict *v);

/* Sends one request by `link`, which no other thread uses meanwhile. Without a spool it is tried
 * again until `timeout_ms` is over; with one (NULL: none) once, and goes there if it may succeed
 * later, or if others wait there. TT_OK when it is delivered or kept; else it is lost. */
int otlp_send(const struct otlp_config *c, const struct otlp_link *link, struct otlp_backoff *b,
              struct otlp_spool *spool, struct str request, size_t items, int64_t timeout_ms);

/* Sends what waits in the spool until there is no more, and then returns 0, or until the collector
 * cannot take it, and then after how many milliseconds to call again: an hour at most. */
int64_t otlp_send_spooled(const struct otlp_config *c, const struct otlp_link *link,
                          struct otlp_backoff *b, struct otlp_spool *spool);

#endif
