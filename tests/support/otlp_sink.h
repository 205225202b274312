/* An exporter of the SDK for tests: keeps what it is given as OTLP/JSON, decoded by the server's
 * own codec, so that both ends of the protocol watch each other. */
#ifndef TELLTALE_TESTS_SUPPORT_OTLP_SINK_H
#define TELLTALE_TESTS_SUPPORT_OTLP_SINK_H

#include <pthread.h>

#include "base/buf.h"
#include "core/mutex.h"
#include "telltale/exporter.h"

struct otlp_sink {
    struct mutex lock;
    struct buf json; /* a line for each request */
    size_t requests, items;
    int outcome; /* what `send` returns */
    bool closed;
};

void otlp_sink_init(struct otlp_sink *s);
void otlp_sink_done(struct otlp_sink *s);
tt_exporter otlp_sink_exporter(struct otlp_sink *s);

/* Fails the test unless the lines contain the text. `_lacks`: unless they do not. */
void otlp_sink_has(struct otlp_sink *s, const char *text);
void otlp_sink_lacks(struct otlp_sink *s, const char *text);

#endif
