/* POST, PUT /api/v1/admin/tsdb/delete_series and clean_tombstones */
#ifndef TELLTALE_API_PROMETHEUS_DELETE_H
#define TELLTALE_API_PROMETHEUS_DELETE_H

#include "net/http.h"

struct api_context;

http_handler api_delete_series, api_clean_tombstones;

/* Whether data may be deleted; otherwise the request is answered. */
bool api_admin_allowed(const struct api_context *api, struct http_response *r);

#endif
