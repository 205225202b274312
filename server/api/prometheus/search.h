/* /api/v1/search/…: names and values for those who type, the best first if they like. */
#ifndef TELLTALE_API_PROMETHEUS_SEARCH_H
#define TELLTALE_API_PROMETHEUS_SEARCH_H

#include "net/http.h"

http_handler api_search_metric_names, api_search_label_names, api_search_label_values;

#endif
