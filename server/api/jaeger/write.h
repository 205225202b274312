/* Traces in the JSON form of Jaeger's query API. */
#ifndef TELLTALE_API_JAEGER_WRITE_H
#define TELLTALE_API_JAEGER_WRITE_H

#include "codec/json_write.h"
#include "query/traces/traces.h"

/* {"traceID": …, "spans": […], "processes": {…}, "warnings": null}. `scratch`: for the table of
 * processes. */
void jaeger_write_trace(struct json *j, const struct trace *t, struct arena *scratch);

#endif
