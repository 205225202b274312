/* Spans and log records as OTLP's JSON: {"resourceSpans": […]}, {"resourceLogs": […]}. */
#ifndef TELLTALE_API_RECORDS_OTLP_JSON_H
#define TELLTALE_API_RECORDS_OTLP_JSON_H

#include "codec/json_write.h"
#include "query/traces/traces.h"

/* An element of resourceSpans or resourceLogs with one scope: its begin, rows, its end. `source`
 * NULL: one that says nothing. */
void json_otlp_group(struct json *j, enum record_table table, const struct record_source *source);
void json_otlp_row(struct json *j, enum record_table table, const struct record *r);
void json_otlp_group_end(struct json *j);

/* Spans of the same resource and scope stand together, by start, and groups by their first spans.
 * false: no memory in `scratch`. */
bool json_otlp_traces(struct json *j, const struct trace *traces, size_t n, struct arena *scratch);

#endif
