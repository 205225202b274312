/* The messages of traces and logs as tables; the decoders of metrics walk them too. */
#include "codec/otlp_records.h"

#include "codec/otlp_schema.h"

#define DROPPED(name_, type, member) SCALAR(OTLP_FIELD_UINT32, name_, type, member)

/* ---- traces ---- */

static const struct otlp_message event_message = {
    .size = sizeof(struct otlp_event),
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_FIXED64, "time_unix_nano", otlp_event, time_unix_ns),
            [2] = SCALAR(OTLP_FIELD_STRING, "name", otlp_event, name),
            [3] = ATTRIBUTES("attributes", otlp_event, attributes),
            [4] = DROPPED("dropped_attributes_count", otlp_event, dropped),
        },
};

static const struct otlp_message link_message = {
    .size = sizeof(struct otlp_link),
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_ID, "trace_id", otlp_link, trace_id),
            [2] = SCALAR(OTLP_FIELD_ID, "span_id", otlp_link, span_id),
            [3] = SCALAR(OTLP_FIELD_STRING, "trace_state", otlp_link, trace_state),
            [4] = ATTRIBUTES("attributes", otlp_link, attributes),
            [5] = DROPPED("dropped_attributes_count", otlp_link, dropped),
            [6] = SCALAR(OTLP_FIELD_FIXED32, "flags", otlp_link, flags),
        },
};

static const struct otlp_message status_message = {
    .size = sizeof(struct otlp_status),
    .fields =
        {
            [2] = SCALAR(OTLP_FIELD_STRING, "message", otlp_status, message),
            [3] = SCALAR(OTLP_FIELD_ENUM, "code", otlp_status, code),
        },
};

static const struct otlp_message span_message = {
    .size = sizeof(struct otlp_span),
    .limit = OTLP_LIMIT_POINTS,
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_ID, "trace_id", otlp_span, trace_id),
            [2] = SCALAR(OTLP_FIELD_ID, "span_id", otlp_span, span_id),
            [3] = SCALAR(OTLP_FIELD_STRING, "trace_state", otlp_span, trace_state),
            [4] = SCALAR(OTLP_FIELD_ID, "parent_span_id", otlp_span, parent_span_id),
            [5] = SCALAR(OTLP_FIELD_STRING, "name", otlp_span, name),
            [6] = SCALAR(OTLP_FIELD_ENUM, "kind", otlp_span, kind),
            [7] = SCALAR(OTLP_FIELD_FIXED64, "start_time_unix_nano", otlp_span, start_unix_ns),
            [8] = SCALAR(OTLP_FIELD_FIXED64, "end_time_unix_nano", otlp_span, end_unix_ns),
            [9] = ATTRIBUTES("attributes", otlp_span, attributes),
            [10] = DROPPED("dropped_attributes_count", otlp_span, dropped),
            [11] = MESSAGES("events", otlp_span, events, n_events, event_message),
            [12] = DROPPED("dropped_events_count", otlp_span, dropped_events),
            [13] = MESSAGES("links", otlp_span, links, n_links, link_message),
            [14] = DROPPED("dropped_links_count", otlp_span, dropped_links),
            [15] = MESSAGE("status", otlp_span, status, status_message),
            [16] = SCALAR(OTLP_FIELD_FIXED32, "flags", otlp_span, flags),
        },
};

static const struct otlp_message scope_spans_message = {
    .size = sizeof(struct otlp_scope_records),
    .fields =
        {
            [1] = MESSAGE("scope", otlp_scope_records, scope, otlp_scope_message),
            [2] = MESSAGES("spans", otlp_scope_records, spans, n, span_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_scope_records, schema_url),
        },
};

static const struct otlp_message resource_spans_message = {
    .size = sizeof(struct otlp_resource_records),
    .fields =
        {
            [1] = MESSAGE("resource", otlp_resource_records, resource, otlp_resource_message),
            [2] = MESSAGES("scope_spans", otlp_resource_records, scopes, n_scopes,
                           scope_spans_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_resource_records, schema_url),
        },
};

const struct otlp_message otlp_traces_message = {
    .size = sizeof(struct otlp_records),
    .fields = {[1] = MESSAGES("resource_spans", otlp_records, resources, n_resources,
                              resource_spans_message)},
};

/* ---- logs ---- */

static const struct otlp_message log_record_message = {
    .size = sizeof(struct otlp_log_record),
    .limit = OTLP_LIMIT_POINTS,
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_FIXED64, "time_unix_nano", otlp_log_record, time_unix_ns),
            [2] = SCALAR(OTLP_FIELD_ENUM, "severity_number", otlp_log_record, severity),
            [3] = SCALAR(OTLP_FIELD_STRING, "severity_text", otlp_log_record, severity_text),
            [5] = MESSAGE("body", otlp_log_record, body, otlp_any_value_message),
            [6] = ATTRIBUTES("attributes", otlp_log_record, attributes),
            [7] = DROPPED("dropped_attributes_count", otlp_log_record, dropped),
            [8] = SCALAR(OTLP_FIELD_FIXED32, "flags", otlp_log_record, flags),
            [9] = SCALAR(OTLP_FIELD_ID, "trace_id", otlp_log_record, trace_id),
            [10] = SCALAR(OTLP_FIELD_ID, "span_id", otlp_log_record, span_id),
            [11] = SCALAR(OTLP_FIELD_FIXED64, "observed_time_unix_nano", otlp_log_record,
                          observed_unix_ns),
            [12] = SCALAR(OTLP_FIELD_STRING, "event_name", otlp_log_record, event_name),
        },
};

static const struct otlp_message scope_logs_message = {
    .size = sizeof(struct otlp_scope_records),
    .fields =
        {
            [1] = MESSAGE("scope", otlp_scope_records, scope, otlp_scope_message),
            [2] = MESSAGES("log_records", otlp_scope_records, logs, n, log_record_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_scope_records, schema_url),
        },
};

static const struct otlp_message resource_logs_message = {
    .size = sizeof(struct otlp_resource_records),
    .fields =
        {
            [1] = MESSAGE("resource", otlp_resource_records, resource, otlp_resource_message),
            [2] =
                MESSAGES("scope_logs", otlp_resource_records, scopes, n_scopes, scope_logs_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_resource_records, schema_url),
        },
};

const struct otlp_message otlp_logs_message = {
    .size = sizeof(struct otlp_records),
    .fields = {[1] = MESSAGES("resource_logs", otlp_records, resources, n_resources,
                              resource_logs_message)},
};

/* ---- decoding ---- */

int otlp_traces_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                       struct otlp_records *out, struct err *err)
{
    return otlp_decode_message(body, &otlp_traces_message, limits, arena, out, err);
}

int otlp_traces_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                            struct otlp_records *out, struct err *err)
{
    return otlp_json_decode_message(body, &otlp_traces_message, limits, arena, out, err);
}

int otlp_logs_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                     struct otlp_records *out, struct err *err)
{
    return otlp_decode_message(body, &otlp_logs_message, limits, arena, out, err);
}

int otlp_logs_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                          struct otlp_records *out, struct err *err)
{
    return otlp_json_decode_message(body, &otlp_logs_message, limits, arena, out, err);
}
