#include "api/api.h"

#include <string.h>

#include "api/export_answer.h"
#include "api/jaeger/jaeger.h"
#include "api/prometheus/delete.h"
#include "api/prometheus/export.h"
#include "api/prometheus/federate.h"
#include "api/prometheus/info_labels.h"
#include "api/prometheus/params.h"
#include "api/prometheus/query.h"
#include "api/prometheus/read.h"
#include "api/prometheus/search.h"
#include "api/prometheus/self_metrics.h"
#include "api/prometheus/series.h"
#include "api/prometheus/server.h"
#include "api/prometheus/snapshot.h"
#include "api/prometheus/status.h"
#include "api/prometheus/targets.h"
#include "api/records/records.h"
#include "api/ui/ui.h"
#include "base/compiler.h"

enum { GET_POST = HTTP_GET | HTTP_POST, POST_PUT = HTTP_POST | HTTP_PUT };

#define V1(path) "/api/v1/" path

#define JSON_ERRORS http_refuse_json // how the server itself says no

/* A question of a person or program that may read, answered by a worker. */
#define ASK(path, handler, name)                                                                   \
    {                                                                                              \
        GET_POST, path, AUTH_READ, HTTP_QUERY, handler, NULL, name, JSON_ERRORS                    \
    }
#define READ(path, handler, name)                                                                  \
    {                                                                                              \
        HTTP_GET, path, AUTH_READ, HTTP_QUERY, handler, NULL, name, JSON_ERRORS                    \
    }

/* Jaeger's API stands under a base of its own, and at the root: some versions of Grafana ignore the
 * base of the data source. */
#define JAEGER(base)                                                                               \
    READ(base "services", jaeger_services, "jaeger_services"),                                     \
        READ(base "services/*", jaeger_service_operations, "jaeger_operations"),                   \
        READ(base "operations", jaeger_operations, "jaeger_operations"),                           \
        READ(base "traces", jaeger_traces, "jaeger_traces"),                                       \
        READ(base "traces/*", jaeger_trace, "jaeger_trace"),                                       \
        READ(base "dependencies", jaeger_dependencies, "jaeger_dependencies"),                     \
        READ(base "v3/services", jaeger_services_v3, "jaeger_services"),                           \
        READ(base "v3/operations", jaeger_operations_v3, "jaeger_operations"),                     \
        READ(base "v3/traces", jaeger_traces_v3, "jaeger_traces"),                                 \
        READ(base "v3/traces/*", jaeger_trace_v3, "jaeger_trace"),                                 \
        READ(base "v3/dependencies", jaeger_dependencies_v3, "jaeger_dependencies")

/* Exact paths come before prefixes that contain them. */
static const struct http_route table[] = {
    {GET_POST, V1("query"), AUTH_READ, HTTP_QUERY, api_query, NULL, "query", JSON_ERRORS,
     params_likeness},
    {GET_POST, V1("query_range"), AUTH_READ, HTTP_QUERY, api_query_range, NULL, "query_range",
     JSON_ERRORS, params_likeness},
    {GET_POST, V1("query_exemplars"), AUTH_READ, HTTP_QUERY, api_query_exemplars, NULL,
     "query_exemplars", JSON_ERRORS},
    {GET_POST, V1("format_query"), AUTH_READ, HTTP_QUERY, api_format_query, NULL, "format_query",
     JSON_ERRORS},
    {GET_POST, V1("parse_query"), AUTH_READ, HTTP_QUERY, api_parse_query, NULL, "parse_query",
     JSON_ERRORS},
    {GET_POST, V1("series"), AUTH_READ, HTTP_QUERY, api_series, NULL, "series", JSON_ERRORS,
     params_likeness},
    {GET_POST, V1("labels"), AUTH_READ, HTTP_QUERY, api_labels, NULL, "labels", JSON_ERRORS,
     params_likeness},
    {HTTP_GET, V1("label/*"), AUTH_READ, HTTP_QUERY, api_label_values, NULL, "label_values",
     JSON_ERRORS, params_likeness},
    ASK(V1("search/metric_names"), api_search_metric_names, "search_metric_names"),
    ASK(V1("search/label_names"), api_search_label_names, "search_label_names"),
    ASK(V1("search/label_values"), api_search_label_values, "search_label_values"),
    ASK(V1("info_labels"), api_info_labels, "info_labels"),
    {HTTP_GET, V1("metadata"), AUTH_READ, HTTP_BRIEF, api_metadata, NULL, "metadata", JSON_ERRORS},
    {HTTP_GET, V1("targets"), AUTH_READ, HTTP_BRIEF, api_targets, NULL, "targets", JSON_ERRORS},
    {HTTP_GET, V1("targets/metadata"), AUTH_READ, HTTP_BRIEF, api_targets_metadata, NULL,
     "targets_metadata", JSON_ERRORS},
    {HTTP_GET, V1("scrape_pools"), AUTH_READ, HTTP_BRIEF, api_scrape_pools, NULL, "scrape_pools",
     JSON_ERRORS},
    {HTTP_GET, V1("scrape_pools/config"), AUTH_READ, HTTP_BRIEF, api_scrape_pool_config, NULL,
     "scrape_pool_config", JSON_ERRORS},
    {HTTP_GET, V1("targets/relabel_steps"), AUTH_READ, HTTP_BRIEF, api_relabel_steps, NULL,
     "relabel_steps", JSON_ERRORS},
    {HTTP_GET, V1("status/buildinfo"), AUTH_READ, HTTP_INLINE, api_buildinfo, NULL, "buildinfo",
     JSON_ERRORS},
    {HTTP_GET, V1("status/config"), AUTH_READ, HTTP_BRIEF, api_config, NULL, "config", JSON_ERRORS},
    {HTTP_GET, V1("status/flags"), AUTH_READ, HTTP_BRIEF, api_flags, NULL, "flags", JSON_ERRORS},
    {HTTP_GET, V1("status/runtimeinfo"), AUTH_READ, HTTP_BRIEF, api_runtimeinfo, NULL,
     "runtimeinfo", JSON_ERRORS},
    {HTTP_GET, V1("status/tsdb"), AUTH_READ, HTTP_QUERY, api_tsdb, NULL, "tsdb", JSON_ERRORS},
    {HTTP_GET, V1("status/queries"), AUTH_READ, HTTP_INLINE, api_queries, NULL, "queries",
     JSON_ERRORS},
    {HTTP_GET, V1("status/walreplay"), AUTH_READ, HTTP_INLINE, api_walreplay, NULL, "walreplay",
     JSON_ERRORS},
    {HTTP_GET, V1("status/tsdb/blocks"), AUTH_READ, HTTP_BRIEF, api_tsdb_blocks, NULL,
     "tsdb_blocks", JSON_ERRORS},
    {HTTP_GET, V1("status/self_metrics"), AUTH_READ, HTTP_BRIEF, api_self_metrics, NULL,
     "self_metrics", JSON_ERRORS},
    {HTTP_GET, V1("features"), AUTH_READ, HTTP_BRIEF, api_features, NULL, "features", JSON_ERRORS},
    {HTTP_GET, V1("notifications"), AUTH_READ, HTTP_BRIEF, api_notifications, NULL, "notifications",
     JSON_ERRORS},
    {HTTP_GET, V1("notifications/live"), AUTH_READ, HTTP_BRIEF, api_notifications_live, NULL,
     "notifications_live", JSON_ERRORS},
    {HTTP_POST, V1("read"), AUTH_READ, HTTP_QUERY, api_read, NULL, "read", false},
    {HTTP_GET, V1("rules"), AUTH_READ, HTTP_INLINE, api_rules, NULL, "rules", JSON_ERRORS},
    {HTTP_GET, V1("alerts"), AUTH_READ, HTTP_INLINE, api_alerts, NULL, "alerts", JSON_ERRORS},
    {HTTP_GET, V1("alertmanagers"), AUTH_READ, HTTP_INLINE, api_alertmanagers, NULL,
     "alertmanagers", JSON_ERRORS},
    {POST_PUT, V1("admin/tsdb/snapshot"), AUTH_ADMIN, HTTP_QUERY, api_snapshot, NULL, "snapshot",
     JSON_ERRORS},
    {POST_PUT, V1("admin/tsdb/delete_series"), AUTH_ADMIN, HTTP_QUERY, api_delete_series, NULL,
     "delete_series", JSON_ERRORS},
    {POST_PUT, V1("admin/tsdb/clean_tombstones"), AUTH_ADMIN, HTTP_QUERY, api_clean_tombstones,
     NULL, "clean_tombstones", JSON_ERRORS},
    {POST_PUT, V1("admin/traces/delete"), AUTH_ADMIN, HTTP_QUERY, api_delete_traces, NULL,
     "delete_traces", JSON_ERRORS},
    {POST_PUT, V1("admin/logs/delete"), AUTH_ADMIN, HTTP_QUERY, api_delete_logs, NULL,
     "delete_logs", JSON_ERRORS},
    /* GET, too, which is all that benchmarks can send: flushing twice does no harm. */
    {HTTP_GET | POST_PUT, V1("admin/telltale/flush"), AUTH_ADMIN, HTTP_QUERY, api_flush, NULL,
     "flush", JSON_ERRORS},
    {GET_POST, V1("export"), AUTH_READ, HTTP_QUERY, api_export, NULL, "export", JSON_ERRORS},
    ASK(V1("traces"), api_traces, "traces"),
    ASK(V1("traces/*"), api_trace, "trace"),
    ASK(V1("sessions"), api_sessions, "sessions"),
    ASK(V1("sessions/*"), api_session, "session"),
    ASK(V1("service_map"), api_service_map, "service_map"),
    ASK(V1("spans/fields"), api_span_fields, "span_fields"),
    ASK(V1("spans/values"), api_span_values, "span_values"),
    ASK(V1("logs"), api_logs, "logs"),
    ASK(V1("logs/histogram"), api_log_histogram, "log_histogram"),
    ASK(V1("logs/context"), api_log_context, "log_context"),
    READ(V1("logs/tail"), api_log_tail, "log_tail"),
    ASK(V1("logs/fields"), api_log_fields, "log_fields"),
    ASK(V1("logs/values"), api_log_values, "log_values"),
    JAEGER("/jaeger/api/"),
    JAEGER("/api/"),
    {HTTP_GET, "/federate", AUTH_READ, HTTP_QUERY, api_federate, NULL, "federate", false},
    {HTTP_GET, "/metrics", AUTH_READ, HTTP_BRIEF, api_metrics, NULL, "metrics", false},
    {HTTP_GET, "/version", AUTH_READ, HTTP_INLINE, api_version, NULL, "version", false},
    {HTTP_GET, "/-/healthy", AUTH_NONE, HTTP_INLINE, api_healthy, NULL, "healthy", false},
    {HTTP_GET, "/-/ready", AUTH_NONE, HTTP_BRIEF, api_ready, NULL, "ready", false},
    {POST_PUT, "/-/reload", AUTH_ADMIN, HTTP_BRIEF, api_reload, NULL, "reload", false},
    {POST_PUT, "/-/quit", AUTH_ADMIN, HTTP_BRIEF, api_quit, NULL, "quit", false},
    {HTTP_GET, "/", AUTH_READ, HTTP_INLINE, ui_handle, NULL, "ui", false},
    {HTTP_GET, "/graph", AUTH_READ, HTTP_INLINE, ui_handle, NULL, "ui", false},
    {HTTP_GET, "/query", AUTH_READ, HTTP_INLINE, ui_handle, NULL, "ui", false},
    {HTTP_GET, "/ui/*", AUTH_READ, HTTP_INLINE, ui_handle, NULL, "ui", false},
};
_Static_assert(ARRAY_LEN(table) <= API_ROUTES_MAX, "API_ROUTES_MAX is too small");

size_t api_routes(struct api_context *api, struct http_route out[API_ROUTES_MAX])
{
    memcpy(out, table, sizeof table);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        out[i].self = api;
    return ARRAY_LEN(table);
}

void api_wait(void)
{
    export_answers_wait();
}
