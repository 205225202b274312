/* What the library counts of itself, for those who watch it: libtelltale-self (self.h) makes
 * metrics of it, by OpenTelemetry's conventions. */
#ifndef TELLTALE_WATCH_H
#define TELLTALE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/log.h"
#include "telltale/metrics.h"
#include "telltale/trace.h"

TT_BEGIN

/* --- spans and log records --- */

/* Where the parent of a span is. */
enum tt_origin { TT_ORIGIN_NONE, TT_ORIGIN_LOCAL, TT_ORIGIN_REMOTE };

/* Since the provider was made, but for spans. */
typedef struct tt_pipeline {
    bool exports;        /* there is an exporter */
    bool simple;         /* each record is exported by its thread */
    uint32_t queued_max; /* records in the queue at most; 0: its bytes alone are the limit */
    /* The queue, a ring for each thread: records in it, and that came to it; their bytes, with what
     * they take besides; and how many bytes there are. */
    uint64_t queued, queued_ever, bytes_ever, bytes_max;
    uint64_t processed; /* given to the exporter, or spans that are recorded but not sampled */
    uint64_t queue_full, shut_down, no_memory; /* lost before that, by the cause */
    uint64_t filtered; /* log records that came to a logger that is not off, and went no further */
    /* Spans of all providers of the process, since its start: see tt_pipeline_spans. */
    int64_t recorded, living; /* that have memory of their own */
    int64_t by_origin[4][3];  /* of these, those that are counted: by decision, and ended */
    int64_t dropped, dropped_child[2]; /* that have none */
} tt_pipeline;

/* How many spans were started, by enum tt_decision and enum tt_origin, and how many of each
 * decision record and have not ended. What starts or ends at this very moment may be counted with
 * others for it, or with none, and a number may be below 0: they are exact once nothing does. */
static inline void tt_pipeline_spans(const tt_pipeline *p, int64_t out_started[3][3],
                                     int64_t out_live[3])
{
    int64_t counted = 0;
    int d, o;
    for (d = 0; d < 3; d++) {
        out_live[d] = -p->by_origin[3][d];
        for (o = 0; o < 3; o++) {
            out_started[d][o] = p->by_origin[d][o];
            out_live[d] += p->by_origin[d][o];
            counted += p->by_origin[d][o];
        }
    }
    /* Sampled roots, of which there are most, are what remains. */
    out_started[TT_RECORD_AND_SAMPLE][TT_ORIGIN_NONE] += p->recorded - counted;
    out_live[TT_RECORD_AND_SAMPLE] = p->living - out_live[TT_RECORD] - out_live[TT_DROP];
    out_live[TT_DROP] = 0;
    out_started[TT_DROP][TT_ORIGIN_NONE] += p->dropped - p->dropped_child[0] - p->dropped_child[1];
    out_started[TT_DROP][TT_ORIGIN_LOCAL] += p->dropped_child[0];
    out_started[TT_DROP][TT_ORIGIN_REMOTE] += p->dropped_child[1];
}

/* Takes a few microseconds, and 0.1 for each of the most spans that ever lived at the same time.
 * The provider may not be NULL. */
TT_API void tt_tracer_provider_pipeline(tt_tracer_provider *provider, tt_pipeline *out);
TT_API void tt_logger_provider_pipeline(tt_logger_provider *provider, tt_pipeline *out);

/* --- collections --- */

/* A reader has collected, or Prometheus' text was rendered. */
typedef struct tt_collection {
    const void *reader; /* an address that tells readers apart; NULL: Prometheus' text */
    int64_t duration_ns;
    size_t points;
    int status; /* TT_OK, or why it failed */
} tt_collection;

/* Called by the thread that has collected, with the provider locked against collections: it may
 * record values, but neither collect nor set a watch. */
typedef struct tt_collection_watch {
    void (*collected)(void *arg, const tt_collection *collection);
    void *arg;
} tt_collection_watch;

/* Sets the one watch of a provider; NULL: none. Borrowed; when this returns, the one before is not
 * called and will not be again. */
TT_API void tt_meter_provider_watch(tt_meter_provider *provider, const tt_collection_watch *watch);

/* --- exports --- */

/* What an exporter tells of a `send` that is under way, and then of how it ended. All texts are
 * borrowed during the call. */
typedef struct tt_export_report {
    size_t size;             /* sizeof(tt_export_report) */
    const char *type;        /* "otlp_http_span_exporter"; always told */
    const char *server;      /* its name or address; NULL: there is none */
    int64_t port;            /* 0: as `server` */
    int64_t http_status;     /* of the last answer; 0: there was none */
    const char *grpc_status; /* of the last answer: "OK", "UNAVAILABLE"; NULL: there was none */
    const char *error;       /* error.type, NULL: by what `send` returns */
    int64_t rejected;        /* items that the server did not take, in a `send` that is TT_OK */
    int64_t kept;            /* items that wait in a buffer of the exporter now, to be sent later */
    /* How many items of all that were kept are delivered by now, and how many lost. NULL: none is
     * ever kept. May be called by any thread until the exporter is closed. */
    void (*later)(void *arg, uint64_t *out_delivered, uint64_t *out_lost);
    void *arg;
} tt_export_report;

typedef struct tt_export_watch {
    void (*told)(void *arg, const tt_export_report *report);
    void *arg;
} tt_export_watch;

/* From now on what exporters tell in this thread goes to `watch`; NULL: nowhere. Returns who was
 * told before. */
TT_API const tt_export_watch *tt_export_watch_set(const tt_export_watch *watch);

/* For exporters: tells who watches, if anybody does. */
TT_API void tt_export_tell(const tt_export_report *report);

TT_END

#endif
