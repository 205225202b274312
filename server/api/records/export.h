/* Spans or log records as a file: what /api/v1/export answers with table=spans or logs. */
#ifndef TELLTALE_API_RECORDS_EXPORT_H
#define TELLTALE_API_RECORDS_EXPORT_H

#include "api/api.h"
#include "model/record.h"

/* Times in ms, both inclusive. */
void record_export(struct api_context *api, enum record_table table, int64_t min_ms, int64_t max_ms,
                   const struct http_request *q, struct http_response *r);

#endif
