/* What comes in by request: OTLP and Prometheus remote write. Scraping, which fetches, has its own
 * face (receive/scrape.h). Every receiver ends in the same sink. */
#ifndef TELLTALE_RECEIVE_RECEIVE_H
#define TELLTALE_RECEIVE_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/sink.h"
#include "net/grpc.h"
#include "net/http.h"

struct receivers;

/* How OTLP names become Prometheus names. */
enum otlp_translation {
    OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES,
    OTLP_UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES,
    OTLP_NO_UTF8_ESCAPING_WITH_SUFFIXES,
    OTLP_NO_TRANSLATION,
};

/* 0 in a limit: its default. */
struct receive_limits {
    size_t max_decompressed_bytes;  /* of one request; 0: 256 MiB */
    size_t max_decompression_ratio; /* 0: 200 */
    size_t max_series_per_request;  /* 0: 200,000 */
    size_t max_labels;              /* per series; 0: 128 */
    size_t max_label_name_bytes;    /* 0: 1 KiB */
    size_t max_label_value_bytes;   /* 0: 16 KiB */
    size_t max_text_bytes;          /* of an attribute or body of a record; 0: 1 MiB */
};

struct receiver_options {
    const struct sink *sink; /* borrowed, outlives the receivers */
    struct receive_limits limits;
    struct {
        enum otlp_translation translation;
        const struct str *promote_resource_attributes, *ignore_resource_attributes; /* copied */
        size_t n_promote_resource_attributes, n_ignore_resource_attributes;
        bool promote_all_resource_attributes, promote_scope_metadata;
        bool keep_identifying_resource_attributes, convert_histograms_to_nhcb;
        size_t max_delta_streams; /* 0: 1,000,000 */
        int64_t delta_idle_ms;    /* 0: 1 h */
    } otlp;
};

int receivers_new(const struct receiver_options *options, struct receivers **out, struct err *err);

/* No request may be running. NULL is fine. */
void receivers_free(struct receivers *r);

/* New limits and rules; requests that run keep theirs. When memory is short the old ones stay. */
void receivers_reconfigure(struct receivers *r, const struct receiver_options *options);

enum { RECEIVER_ROUTES_MAX = 8, RECEIVER_METHODS_MAX = 4 };

/* Routes of the main listener: /api/v1/write, /v1/{metrics,traces,logs},
 * /api/v1/otlp/v1/metrics, /api/v1/import. */
size_t receivers_http_routes(struct receivers *r, struct http_route out[RECEIVER_ROUTES_MAX]);

/* Routes of the OTLP/HTTP listener: /v1/{metrics,traces,logs}. */
size_t receivers_otlp_routes(struct receivers *r, struct http_route out[RECEIVER_ROUTES_MAX]);

/* Methods of the OTLP/gRPC listener: Export of the services of all signals. */
size_t receivers_grpc_methods(struct receivers *r, struct grpc_method out[RECEIVER_METHODS_MAX]);

#endif
