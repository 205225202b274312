/* What series there are: /api/v1/series, labels, label/<name>/values, metadata, query_exemplars. */
#ifndef TELLTALE_API_PROMETHEUS_SERIES_H
#define TELLTALE_API_PROMETHEUS_SERIES_H

#include "net/http.h"

http_handler api_series, api_labels, api_label_values, api_metadata, api_query_exemplars;

#endif
