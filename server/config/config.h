/* The configuration of `telltale serve`: read from one YAML file and `--set key.path=value`,
 * checked, with a default for every key. Files of Prometheus work for the keys that are covered.
 *
 *   file ─▶ tree ─┐
 *   --set ────────┼─▶ one table of options ─▶ struct config ─▶ effective YAML, secrets masked
 *   defaults ─────┘                       └─▶ help, docs/configuration.md
 *
 * A loaded configuration is immutable. */
#ifndef TELLTALE_CONFIG_CONFIG_H
#define TELLTALE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "config/scrape_config.h"

struct buf;

enum config_durability { CONFIG_DURABILITY_PROCESS, CONFIG_DURABILITY_DISK };

/* `otlp.translation_strategy`, as Prometheus names them. */
enum config_translation {
    CONFIG_UNDERSCORE_ESCAPING_WITH_SUFFIXES,
    CONFIG_UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES,
    CONFIG_NO_UTF8_ESCAPING_WITH_SUFFIXES,
    CONFIG_NO_TRANSLATION,
};

/* `query.aggregates`; in the order of enum query_aggregates, behind its default. */
enum config_aggregates {
    CONFIG_AGGREGATES_AUTO,
    CONFIG_AGGREGATES_NEVER,
    CONFIG_AGGREGATES_ALWAYS
};

enum { CONFIG_RESOLUTIONS_MAX = 4 };

enum config_right { CONFIG_RIGHT_READ = 1, CONFIG_RIGHT_INGEST = 2, CONFIG_RIGHT_ADMIN = 4 };

struct config_user {
    const char *name;          /* for basic auth and for messages */
    const char *password_hash; /* crypt(3) */
    const char *token_sha256;  /* hexadecimal */
    unsigned rights;           /* of enum config_right */
};

enum config_beyond { CONFIG_FOLD, CONFIG_REFUSE };
enum config_signal { CONFIG_METRICS, CONFIG_SPANS, CONFIG_LOGS, CONFIG_SIGNALS };

/* How long some streams of a signal are kept. */
struct config_retention {
    int signal; /* of enum config_signal */
    struct str selector;
    int64_t keep_ms; /* INT64_MAX: for ever */
};

/* Durations in milliseconds, sizes in bytes, `const char *` NUL-terminated or NULL. */
struct config {
    struct {
        const char *address; /* NULL: off */
        struct {
            const char *cert, *key, *client_ca;
        } tls;
        const char *cors_origin;
        bool insecure, lifecycle, admin_api;
    } http;
    struct {
        const char *http_address, *grpc_address; /* NULL: off */
        int translation;                         /* of enum config_translation */
        const struct str *promote_resource_attributes, *ignore_resource_attributes;
        size_t n_promote_resource_attributes, n_ignore_resource_attributes;
        bool promote_all_resource_attributes, promote_scope_metadata;
        bool keep_identifying_resource_attributes, convert_histograms_to_nhcb;
        uint64_t max_delta_series;
        int64_t delta_idle_ms;
    } otlp;
    struct {
        const struct config_user *users;
        size_t n_users;
    } auth;
    struct {
        const char *path;
        int64_t retention_metrics_ms; /* INT64_MAX: for ever */
        int64_t retention_spans_ms, retention_logs_ms, retention_aggregates_ms;
        bool aggregates;
        int64_t aggregates_after_ms;
        int64_t aggregates_resolutions_ms[CONFIG_RESOLUTIONS_MAX];
        size_t n_aggregates_resolutions; /* 0: the default */
        const struct config_retention *retention_overrides;
        size_t n_retention_overrides;
        uint64_t retention_bytes; /* 0: no limit */
        int durability;           /* of enum config_durability */
        uint64_t head_max_bytes, max_series, max_exemplars;
        uint64_t series_per_metric, values_per_label, series_per_tenant; /* 0: no limit */
        struct str tenant_label;                                         /* empty: none */
        int beyond;                                                      /* of enum config_beyond */
        int64_t flush_interval_ms, max_future_ms;
    } storage;
    struct {
        int64_t lookback_delta_ms, timeout_ms;
        uint64_t max_samples, max_memory_bytes, max_total_memory_bytes, max_points, max_concurrency;
        uint64_t threads;
        const struct str *features;
        size_t n_features;
        int aggregates; /* of enum config_aggregates */
        int64_t aggregates_from_ms;
        const char *log_file; /* NULL: none */
    } query;
    struct {
        uint64_t max_body_bytes, max_decompressed_bytes, max_decompression_ratio;
        uint64_t max_buffered_bytes, max_response_bytes;
        uint64_t max_connections, ingest_workers, query_workers, ingest_queue, query_queue;
        int64_t idle_timeout_ms, body_timeout_ms;
        uint64_t max_scrape_bytes, max_scrape_series;
        uint64_t max_series_per_request, max_labels, max_label_name_bytes, max_label_value_bytes;
        uint64_t max_text_bytes;
    } limits;
    struct {
        int level, format; /* debug info warn error; logfmt json */
    } log;
    struct {
        int64_t scrape_interval_ms, scrape_timeout_ms, evaluation_interval_ms;
        const struct config_label *external_labels;
        size_t n_external_labels;
        struct scrape_config scrape; /* what jobs begin with: protocols, limits */
    } global;
    const struct scrape_config *scrape_configs;
    size_t n_scrape_configs;

    const char *file;     /* that was read; NULL: none */
    const char *yaml;     /* all effective values, secrets masked */
    const char *warnings; /* a line each; "" when there are none */
    struct config_private *private;
};

struct config_source {
    const char *file; /* NULL: none */
    struct str text;  /* instead of reading `file`, when p is set; `file` names it in messages */
    const char *const *sets; /* "key.path=value", later ones win */
    size_t n_sets;
};

/* ERR_INVALID: `problems` (may be NULL) gets a line for each, "file:line:column: key: message",
 * and `err` the first; ERR_IO (file not readable), ERR_NOMEM. */
int config_load(const struct config_source *source, struct config **out, struct buf *problems,
                struct err *err);
void config_free(struct config *c);

/* Keys whose values differ and that only a restart changes, ", " between them; nothing when none.
 */
void config_restart_keys(const struct config *old, const struct config *new, struct buf *out);

/* A reload replaces the users at once, but neither addresses nor whether there is TLS. ERR_INVALID
 * when that would leave a listener of `started`, the configuration of the start, open to other
 * machines without TLS and a credential, and `next` has no http.insecure. `client_ca`: certificates
 * of clients are asked for now. */
int config_check_reload(const struct config *started, bool client_ca, const struct config *next,
                        struct err *err);

/* Appends one job of scrape_configs as YAML, secrets masked. ERR_NOT_FOUND. */
int config_write_job(const struct config *c, struct str job, struct buf *out, struct err *err);

/* Calls `each` for every option with its value as text: for /api/v1/status/flags. */
void config_each(const struct config *c,
                 void (*each)(void *self, const char *key, const char *like, struct str value),
                 void *self);

/* All options with type, default and meaning; as text for a terminal or as a Markdown page. `only`:
 * options whose key begins with it; NULL: all. ERR_NOT_FOUND when none does. */
int config_help(struct buf *out, const char *only, bool markdown);

/* True for addresses that only this machine can reach: 127.0.0.0/8, [::1], localhost. */
bool config_address_is_loopback(const char *address);

#endif
