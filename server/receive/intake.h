/* What all receivers count alike: how much came in by which protocol, and what was refused and why.
 *
 *   telltale_receive_requests_total{protocol, outcome}   outcome: ok, partial, invalid, too_big,
 *                                                        busy, failed
 *   telltale_receive_bytes_total{protocol}               bodies as sent
 *   telltale_receive_samples_total{protocol}             accepted by the sink
 *   telltale_receive_rejected_total{protocol, reason}    samples left out
 *
 * Threads: any. */
#ifndef TELLTALE_RECEIVE_INTAKE_H
#define TELLTALE_RECEIVE_INTAKE_H

#include <stddef.h>

#include "model/sink.h"

enum intake_protocol {
    INTAKE_OTLP_HTTP,
    INTAKE_OTLP_GRPC,
    INTAKE_REMOTE_WRITE,
    INTAKE_SCRAPE,
    INTAKE_IMPORT,
    INTAKE_PROTOCOLS /* their number */
};

/* One request (or scrape) whose body had `bytes`; `rc` is what became of it: 0 or ERR_…; `result`
 * is what the sink said (NULL when it was not reached). */
void intake_count(enum intake_protocol p, size_t bytes, int rc, const struct sink_result *result);

/* Samples refused before the sink, by a limit or a rule of the receiver: "label_limit", … */
void intake_reject(enum intake_protocol p, const char *reason, size_t samples);

/* Texts cut and attributes, events or links left out of spans and log records that were kept. */
void intake_truncate(enum intake_protocol p, size_t n);

/* Tells the log, at a limited rate, of a request that failed, or of what was left out of one:
 * whoever sends it may be unable or unwilling to tell its people. */
void intake_log_refused(enum intake_protocol p, int rc, const struct err *err);
void intake_log_rejected(enum intake_protocol p, struct str reasons);

#endif
