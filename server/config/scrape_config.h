/* What `scrape_configs` of the configuration says, as plain data: the parser of the configuration
 * fills it, the scrape manager reads it. Names and meanings are Prometheus's.
 *
 * Ownership: everything is borrowed from the arena of the loaded configuration, which outlives its
 * use. `const char *` is NUL-terminated, NULL when the key is absent. Defaults (the global
 * interval,
 * "/metrics", "http", honor_timestamps true …) are filled in by the parser, so that a reader of
 * this struct needs none: scrape_config_defaults() has them in one place. */
#ifndef TELLTALE_CONFIG_SCRAPE_CONFIG_H
#define TELLTALE_CONFIG_SCRAPE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena;
struct buf;

/* One item of relabel_configs or metric_relabel_configs. */
enum relabel_action {
    RELABEL_REPLACE, /* the default */
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEP_EQUAL,
    RELABEL_DROP_EQUAL,
    RELABEL_HASHMOD,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
};

struct relabel_rule {
    const struct str *source_labels;
    size_t n_source_labels;
    struct str separator; /* ";" */
    struct str regex;     /* "(.*)" */
    uint64_t modulus;     /* 0: not given */
    struct str target_label;
    struct str replacement; /* "$1" */
    enum relabel_action action;
};

#define RELABEL_RULE_DEFAULTS                                                                      \
    ((struct relabel_rule){.separator = STR(";"), .regex = STR("(.*)"), .replacement = STR("$1")})

struct relabel_config {
    const struct relabel_rule *rules;
    size_t n;
};

/* How a client of HTTP identifies itself and trusts: shared by scrapes and http_sd. A *_file is
 * read again for each request, so that a rotated secret is picked up. */
struct http_client_config {
    struct {
        const char *username, *username_file, *password, *password_file;
    } basic_auth;
    struct {
        const char *type; /* "Bearer"; set when one of the other two is */
        const char *credentials, *credentials_file;
    } authorization; /* bearer_token and bearer_token_file of old files land here too */
    struct {
        const char *ca_file, *cert_file, *key_file, *server_name;
        bool insecure_skip_verify;
    } tls;
    const char *proxy_url;
    bool follow_redirects; /* true by default */
    const struct http_client_header {
        const char *name, *value;
    } * headers; /* http_headers */
    size_t n_headers;
};

struct config_label {
    struct str name, value;
};

/* One group of targets: of static_configs, or of a discovered file or URL. */
struct target_group {
    const struct str *targets; /* "host:port" */
    size_t n_targets;
    const struct config_label *labels;
    size_t n_labels;
};

struct file_sd_config {
    const char *const *files; /* paths or globs ending in .json, .yml or .yaml; absolute */
    size_t n_files;
    int64_t refresh_interval_ms; /* 5m */
};

struct http_sd_config {
    const char *url;
    int64_t refresh_interval_ms; /* 60s */
    struct http_client_config http;
};

struct scrape_param {
    const char *name;
    const char *const *values;
    size_t n_values;
};

/* In the order of preference in which they are asked for. */
enum scrape_protocol {
    SCRAPE_PROTOBUF,          /* PrometheusProto */
    SCRAPE_OPENMETRICS_1_0_0, /* OpenMetricsText1.0.0 */
    SCRAPE_OPENMETRICS_0_0_1, /* OpenMetricsText0.0.1 */
    SCRAPE_TEXT_1_0_0,        /* PrometheusText1.0.0 */
    SCRAPE_TEXT_0_0_4,        /* PrometheusText0.0.4 */
    SCRAPE_PROTOCOLS,         /* their number */
};

struct scrape_config {
    const char *job_name;
    int64_t scrape_interval_ms, scrape_timeout_ms;
    const char *metrics_path, *scheme;
    const struct scrape_param *params;
    size_t n_params;

    bool honor_labels, honor_timestamps, track_timestamps_staleness;
    bool enable_compression;   /* ask for gzip; true by default */
    bool extra_scrape_metrics; /* scrape_timeout_seconds, scrape_sample_limit,
                                  scrape_body_size_bytes */
    bool native_histograms;    /* scrape_native_histograms */
    bool
        classic_histograms; /* always_scrape_classic_histograms: also where there is a native one */
    enum scrape_protocol protocols[SCRAPE_PROTOCOLS];
    size_t n_protocols;    /* 0: not given, see scrape_config_protocols */
    int fallback_protocol; /* of enum scrape_protocol; -1: a wrong Content-Type fails the scrape */
    bool utf8_names;       /* metric_name_validation_scheme: utf8 (default) or legacy */

    /* 0: no limit. */
    uint64_t body_size_limit, sample_limit, target_limit, keep_dropped_targets;
    uint64_t bucket_limit; /* native_histogram_bucket_limit */
    uint64_t label_limit, label_name_length_limit, label_value_length_limit;

    uint64_t max_body_bytes, max_series, max_decompression_ratio; /* the server's own limits */

    struct http_client_config http;
    const struct target_group *static_configs;
    size_t n_static_configs;
    const struct file_sd_config *file_sd_configs;
    size_t n_file_sd_configs;
    const struct http_sd_config *http_sd_configs;
    size_t n_http_sd_configs;
    struct relabel_config relabel_configs, metric_relabel_configs;

    const struct str *secrets; /* texts of the above that came from ${…}: never to be shown */
    size_t n_secrets;
};

/* A scrape_config of which only job_name is left to give. The interval is Prometheus's global
 * default, 1m, and the timeout 10s. */
static inline struct scrape_config scrape_config_defaults(void)
{
    return (struct scrape_config){
        .scrape_interval_ms = 60000,
        .scrape_timeout_ms = 10000,
        .metrics_path = "/metrics",
        .scheme = "http",
        .honor_timestamps = true,
        .enable_compression = true,
        .fallback_protocol = -1,
        .utf8_names = true,
        .max_body_bytes = 256 << 20,
        .max_series = 5000000,
        .max_decompression_ratio = 200,
        .http = {.follow_redirects = true},
    };
}

/* What a target is asked for, the best first, and how many: `protocols`, or where none are given
 * all of them, protobuf only for native histograms. */
size_t scrape_config_protocols(const struct scrape_config *c,
                               enum scrape_protocol out[SCRAPE_PROTOCOLS]);

/* A deep copy in the arena; test arena_failed() after. */
void scrape_config_copy(struct arena *a, const struct scrape_config *from,
                        struct scrape_config *out);

void target_group_copy(struct arena *a, const struct target_group *from, struct target_group *out);

/* Appends a form in bytes that is equal for equal values, and only for those. Lists of targets go
 * in only with `with_discovery`: without them it tells whether a job scrapes in the same way. */
void scrape_config_encode(struct buf *out, const struct scrape_config *c, bool with_discovery);
void file_sd_config_encode(struct buf *out, const struct file_sd_config *c);
void http_sd_config_encode(struct buf *out, const struct http_sd_config *c);

#endif
