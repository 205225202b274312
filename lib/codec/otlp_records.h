/* OTLP traces and logs: export requests as trees, as otlp.h has metrics.
 *
 *   request ─▶ resources[] ─▶ scopes[] ─▶ spans[] ─▶ events[], links[]
 *                                         records[] */
#ifndef TELLTALE_CODEC_OTLP_RECORDS_H
#define TELLTALE_CODEC_OTLP_RECORDS_H

#include "codec/otlp.h"

struct otlp_event {
    struct otlp_attributes attributes;
    uint64_t time_unix_ns;
    struct str name;
    uint32_t dropped; /* attributes */
};

struct otlp_link {
    struct otlp_attributes attributes;
    struct str trace_id, span_id, trace_state;
    uint32_t dropped, flags;
};

struct otlp_span {
    struct otlp_attributes attributes;
    struct str trace_id, span_id, parent_span_id, trace_state, name;
    uint64_t start_unix_ns, end_unix_ns;
    int32_t kind;
    uint32_t flags, dropped, dropped_events, dropped_links;
    struct otlp_status {
        struct str message;
        int32_t code;
    } status;
    const struct otlp_event *events;
    const struct otlp_link *links;
    size_t n_events, n_links;
};

struct otlp_log_record {
    struct otlp_attributes attributes;
    uint64_t time_unix_ns, observed_unix_ns;
    struct otlp_value body;
    struct str severity_text, trace_id, span_id, event_name;
    int32_t severity;
    uint32_t flags, dropped;
};

/* One of the two arrays is used. */
struct otlp_scope_records {
    struct otlp_scope scope;
    struct str schema_url;
    const struct otlp_span *spans;
    const struct otlp_log_record *logs;
    size_t n;
};

struct otlp_resource_records {
    struct otlp_resource resource;
    struct str schema_url;
    const struct otlp_scope_records *scopes;
    size_t n_scopes;
};

struct otlp_records {
    const struct otlp_resource_records *resources;
    size_t n_resources;
};

/* An ExportTraceServiceRequest or ExportLogsServiceRequest. As otlp_decode. */
int otlp_traces_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                       struct otlp_records *out, struct err *err);
int otlp_traces_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                            struct otlp_records *out, struct err *err);
int otlp_logs_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                     struct otlp_records *out, struct err *err);
int otlp_logs_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                          struct otlp_records *out, struct err *err);

#endif
