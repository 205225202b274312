/* /api/v1/query, query_range, format_query, parse_query, status/queries. */
#ifndef TELLTALE_API_PROMETHEUS_QUERY_H
#define TELLTALE_API_PROMETHEUS_QUERY_H

#include "net/http.h"

http_handler api_query, api_query_range, api_format_query, api_parse_query, api_queries;

#endif
