/* Our own API of spans and log records; docs/api.md describes it, docs/openapi.json in full. */
#ifndef TELLTALE_API_RECORDS_RECORDS_H
#define TELLTALE_API_RECORDS_RECORDS_H

#include "net/http.h"

http_handler api_traces, api_trace, api_sessions, api_session, api_service_map;
http_handler api_span_fields, api_span_values, api_log_fields, api_log_values;
http_handler api_logs, api_log_histogram, api_log_context, api_log_tail;

/* POST, PUT /api/v1/admin/traces/delete and logs/delete */
http_handler api_delete_traces, api_delete_logs;

#endif
