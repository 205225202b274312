/* /api/v1/read: Prometheus's remote read, raw samples or streamed chunks. */
#ifndef TELLTALE_API_PROMETHEUS_READ_H
#define TELLTALE_API_PROMETHEUS_READ_H

#include "net/http.h"

http_handler api_read;

#endif
