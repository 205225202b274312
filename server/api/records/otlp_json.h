/* Traces as OTLP's JSON: {"resourceSpans": […]}. */
#ifndef TELLTALE_API_RECORDS_OTLP_JSON_H
#define TELLTALE_API_RECORDS_OTLP_JSON_H

#include "codec/json_write.h"
#include "query/traces/traces.h"

/* Spans of the same resource and scope stand together where they came together. Reorders the spans
 * of the traces. */
void json_otlp_traces(struct json *j, struct trace *traces, size_t n);

#endif
