/* /api/v1/status/self_metrics: the server's own metrics as JSON. */
#ifndef TELLTALE_API_PROMETHEUS_SELF_METRICS_H
#define TELLTALE_API_PROMETHEUS_SELF_METRICS_H

#include "net/http.h"

http_handler api_self_metrics;

#endif
