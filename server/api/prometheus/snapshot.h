/* POST, PUT /api/v1/admin/tsdb/snapshot */
#ifndef TELLTALE_API_PROMETHEUS_SNAPSHOT_H
#define TELLTALE_API_PROMETHEUS_SNAPSHOT_H

#include "net/http.h"

http_handler api_snapshot;

#endif
