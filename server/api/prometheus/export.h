/* GET, POST /api/v1/export: one selection as a file, see api/export.h and export_records.h. */
#ifndef TELLTALE_API_PROMETHEUS_EXPORT_H
#define TELLTALE_API_PROMETHEUS_EXPORT_H

#include "net/http.h"

http_handler api_export;

#endif
