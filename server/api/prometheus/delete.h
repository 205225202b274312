/* POST, PUT /api/v1/admin/tsdb/delete_series and clean_tombstones */
#ifndef TELLTALE_API_PROMETHEUS_DELETE_H
#define TELLTALE_API_PROMETHEUS_DELETE_H

#include "net/http.h"

http_handler api_delete_series, api_clean_tombstones;

#endif
