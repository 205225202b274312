/* /api/v1/targets, targets/metadata, scrape_pools. */
#ifndef TELLTALE_API_PROMETHEUS_TARGETS_H
#define TELLTALE_API_PROMETHEUS_TARGETS_H

#include "net/http.h"

http_handler api_targets, api_targets_metadata, api_scrape_pools;

#endif
