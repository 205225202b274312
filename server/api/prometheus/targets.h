/* /api/v1/targets, targets/metadata, targets/relabel_steps, scrape_pools, scrape_pools/config. */
#ifndef TELLTALE_API_PROMETHEUS_TARGETS_H
#define TELLTALE_API_PROMETHEUS_TARGETS_H

#include "net/http.h"

http_handler api_targets, api_targets_metadata, api_scrape_pools;
http_handler api_relabel_steps, api_scrape_pool_config;

#endif
