/* The server itself: /-/healthy, /-/ready, /-/reload, /-/quit, /metrics, /version, flush. */
#ifndef TELLTALE_API_PROMETHEUS_SERVER_H
#define TELLTALE_API_PROMETHEUS_SERVER_H

#include "net/http.h"

http_handler api_healthy, api_ready, api_reload, api_quit, api_metrics, api_version, api_flush;

#endif
