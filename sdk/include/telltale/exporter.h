/* Where telemetry goes. The library hands finished requests of the OpenTelemetry protocol (OTLP,
 * protobuf) to an exporter: libtelltale-otlp has one that sends them, and a program may have its
 * own, for instance to look at them in its tests. */
#ifndef TELLTALE_EXPORTER_H
#define TELLTALE_EXPORTER_H

#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"

TT_BEGIN

enum tt_signal { TT_SIGNAL_TRACES, TT_SIGNAL_METRICS, TT_SIGNAL_LOGS };

typedef struct tt_exporter {
    /* Sends one Export…ServiceRequest; returns once it is delivered or lost: TT_OK, or a negative
     * status, and then the `items` spans, points or records in it are counted as lost. `request` is
     * valid during the call. Called from one thread at a time for each provider. */
    int (*send)(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms);
    /* Delivers what the exporter itself has kept back, a file's bytes or a buffer's requests:
     * TT_OK, TT_ERR_TIMEOUT, or another failure. Not while `close` is called; may be NULL. */
    int (*flush)(void *arg, int64_t timeout_ms);
    /* Makes a `send` that is under way return soon, and those to come fail: the deadline of a
     * shutdown has passed. Any thread; may be NULL. When a call of the exporter has not returned
     * half a second later, the shutdown goes on without it: what it had is counted as lost, and all
     * that it may use stays for ever, with the exporter, which is not closed. */
    void (*cancel)(void *arg);
    void (*close)(void *arg); /* called once, by whoever owns the exporter; may be NULL */
    void *arg;
} tt_exporter;

TT_END

#endif
