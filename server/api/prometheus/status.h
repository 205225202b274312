/* /api/v1/status/…: build, configuration, flags, run time, storage; what is offered and what needs
 * attention; and the lists of rules and
 * alerts, which are empty as long as none are evaluated. */
#ifndef TELLTALE_API_PROMETHEUS_STATUS_H
#define TELLTALE_API_PROMETHEUS_STATUS_H

#include "net/http.h"

http_handler api_buildinfo, api_config, api_flags, api_runtimeinfo, api_tsdb, api_walreplay;
http_handler api_tsdb_blocks, api_features;
http_handler api_notifications, api_notifications_live;
http_handler api_rules, api_alerts, api_alertmanagers;

#endif
