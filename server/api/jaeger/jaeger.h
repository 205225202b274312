/* Jaeger's query API, as Jaeger's own page and Grafana's data source call it: the form of version 1
 * ({"data": …, "errors": …}) and the HTTP form of version 3 (OTLP as JSON). */
#ifndef TELLTALE_API_JAEGER_JAEGER_H
#define TELLTALE_API_JAEGER_JAEGER_H

#include "net/http.h"

/* /api/services, services/{service}/operations, operations, traces, traces/{id}, dependencies */
http_handler jaeger_services, jaeger_service_operations, jaeger_operations, jaeger_traces,
    jaeger_trace, jaeger_dependencies;

/* /api/v3/services, operations, traces, traces/{id}, dependencies */
http_handler jaeger_services_v3, jaeger_operations_v3, jaeger_traces_v3, jaeger_trace_v3,
    jaeger_dependencies_v3;

#endif
