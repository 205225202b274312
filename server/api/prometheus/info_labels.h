/* /api/v1/info_labels: what labels info() could add, and their values. */
#ifndef TELLTALE_API_PROMETHEUS_INFO_LABELS_H
#define TELLTALE_API_PROMETHEUS_INFO_LABELS_H

#include "net/http.h"

http_handler api_info_labels;

#endif
