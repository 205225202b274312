#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/time.h"
#include "model/labels.h"

_Static_assert((int)OTLP_NO_TRANSLATION == (int)CONFIG_NO_TRANSLATION, "the same order");
_Static_assert((int)QUERY_AGGREGATES_ALWAYS == (int)CONFIG_AGGREGATES_ALWAYS + 1, "the same order");
_Static_assert((int)CONFIG_RESOLUTIONS_MAX <= (int)STORE_RESOLUTIONS_MAX, "all of them");
_Static_assert((int)STORE_DURABILITY_DISK == (int)CONFIG_DURABILITY_DISK, "the same order");
_Static_assert((int)AUTH_READ == (int)CONFIG_RIGHT_READ &&
                   (int)AUTH_INGEST == (int)CONFIG_RIGHT_INGEST &&
                   (int)AUTH_ADMIN == (int)CONFIG_RIGHT_ADMIN,
               "the same bits");

struct log_options settings_log(const struct config *c)
{
    return (struct log_options){.level = (enum log_level)c->log.level,
                                .format = (enum log_format)c->log.format};
}

struct store_options settings_store(const struct config *c)
{
    struct store_options o = {
        .dir = c->storage.path,
        .retention_ms = c->storage.retention_metrics_ms,
        .retention_records_ms = {[RECORD_SPANS] = c->storage.retention_spans_ms,
                                 [RECORD_LOGS] = c->storage.retention_logs_ms},
        .max_bytes = c->storage.retention_bytes,
        .max_future_ms = c->storage.max_future_ms,
        .durability = (enum store_durability)c->storage.durability,
        .head_max_bytes = c->storage.head_max_bytes,
        .flush_after_ms = c->storage.flush_interval_ms,
        .max_streams = c->storage.max_series,
        .cardinality = {.per_metric = c->storage.series_per_metric,
                        .per_label = c->storage.values_per_label,
                        .per_tenant = c->storage.series_per_tenant,
                        .tenant = c->storage.tenant_label,
                        .fold = c->storage.beyond == CONFIG_FOLD},
        .aggregates = {.enabled = c->storage.aggregates,
                       .after_ms = c->storage.aggregates_after_ms,
                       .retention_ms = MAX(c->storage.retention_aggregates_ms,
                                           c->storage.retention_metrics_ms)},
        .max_exemplars = c->storage.max_exemplars,
        .background = true};
    size_t n = c->storage.n_aggregates_resolutions;
    memcpy(o.aggregates.resolutions_ms, c->storage.aggregates_resolutions_ms,
           n * sizeof o.aggregates.resolutions_ms[0]);
    o.aggregates.n_resolutions = n;
    return o;
}

/* The names that Prometheus's --enable-feature takes. */
static const struct {
    const char *name;
    unsigned bit;
} features[] = {
    {"promql-experimental-functions", QUERY_EXPERIMENTAL_FUNCTIONS},
    {"promql-duration-expr", 0}, // always on, as in Prometheus since 3.14
    {"promql-extended-range-selectors", QUERY_EXTENDED_SELECTORS},
    {"promql-binop-fill-modifiers", QUERY_BINOP_FILL},
    {"promql-delayed-name-removal", QUERY_DELAYED_NAME_REMOVAL},
    {"use-start-timestamps", QUERY_START_TIMESTAMPS},
    {"type-and-unit-labels", QUERY_TYPE_AND_UNIT},
    {"promql-per-step-stats", QUERY_PER_STEP_STATS},
    {"all", QUERY_ALL_FEATURES},
};

/* Adds it to *out; false if there is none of that name. */
static bool add_feature(struct str name, unsigned *out)
{
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        if (str_eq(name, str_c(features[i].name))) {
            *out |= features[i].bit;
            return true;
        }
    return false;
}

bool cli_features(const char *list, unsigned *out)
{
    struct str rest = str_c(list);
    *out = 0;
    while (rest.p) {
        struct str name = str_trim(str_cut(&rest, ','));
        if (name.n && !add_feature(name, out)) {
            (void)fprintf(stderr, "telltale: --enable-feature: unknown feature \"%.*s\"\n",
                          STR_ARG(name));
            return false;
        }
    }
    return true;
}

struct query_options settings_query(const struct config *c)
{
    struct query_options o = {.lookback_ms = c->query.lookback_delta_ms,
                              .timeout_ms = c->query.timeout_ms,
                              .max_samples = c->query.max_samples,
                              .max_memory_bytes = c->query.max_memory_bytes,
                              .max_total_memory_bytes = c->query.max_total_memory_bytes,
                              .max_points = c->query.max_points,
                              .max_concurrent = c->query.max_concurrency,
                              .threads = c->query.threads,
                              .aggregates = (enum query_aggregates)(c->query.aggregates + 1),
                              .aggregates_from_ms = c->query.aggregates_from_ms,
                              .default_step_ms = c->global.evaluation_interval_ms};
    for (size_t i = 0; i < c->query.n_features; i++)
        (void)add_feature(c->query.features[i], &o.features); // the configuration knows them
    return o;
}

struct http_limits settings_http_limits(const struct config *c)
{
    return (struct http_limits){
        .max_body_bytes = c->limits.max_body_bytes,
        .max_response_bytes = c->limits.max_response_bytes,
        .max_connections = (unsigned)c->limits.max_connections,
        .idle_timeout_s = (unsigned)(c->limits.idle_timeout_ms / MS_PER_S),
        .body_timeout_s = (unsigned)(c->limits.body_timeout_ms / MS_PER_S),
        .ingest_workers = (unsigned)c->limits.ingest_workers,
        .query_workers = (unsigned)c->limits.query_workers,
        .ingest_queue = (unsigned)c->limits.ingest_queue,
        .query_queue = (unsigned)c->limits.query_queue,
        .max_buffered_bytes = c->limits.max_buffered_bytes,
    };
}

struct grpc_options settings_grpc(const struct config *c)
{
    return (struct grpc_options){
        .address = c->otlp.grpc_address,
        .max_message_bytes = c->limits.max_body_bytes,
        .max_buffered_bytes = c->limits.max_buffered_bytes,
        .max_connections = (unsigned)c->limits.max_connections,
        .workers = (unsigned)c->limits.ingest_workers,
        .queue = (unsigned)c->limits.ingest_queue,
        .idle_timeout_s = (unsigned)(c->limits.idle_timeout_ms / MS_PER_S),
    };
}

struct receiver_options settings_receivers(const struct config *c, const struct sink *sink)
{
    return (struct receiver_options){
        .sink = sink,
        .limits = {.max_decompressed_bytes = c->limits.max_decompressed_bytes,
                   .max_decompression_ratio = c->limits.max_decompression_ratio,
                   .max_series_per_request = c->limits.max_series_per_request,
                   .max_labels = c->limits.max_labels,
                   .max_label_name_bytes = c->limits.max_label_name_bytes,
                   .max_label_value_bytes = c->limits.max_label_value_bytes,
                   .max_text_bytes = c->limits.max_text_bytes},
        .otlp = {.translation = (enum otlp_translation)c->otlp.translation,
                 .promote_resource_attributes = c->otlp.promote_resource_attributes,
                 .ignore_resource_attributes = c->otlp.ignore_resource_attributes,
                 .n_promote_resource_attributes = c->otlp.n_promote_resource_attributes,
                 .n_ignore_resource_attributes = c->otlp.n_ignore_resource_attributes,
                 .promote_all_resource_attributes = c->otlp.promote_all_resource_attributes,
                 .promote_scope_metadata = c->otlp.promote_scope_metadata,
                 .keep_identifying_resource_attributes =
                     c->otlp.keep_identifying_resource_attributes,
                 .convert_histograms_to_nhcb = c->otlp.convert_histograms_to_nhcb,
                 .max_delta_streams = c->otlp.max_delta_series,
                 .delta_idle_ms = c->otlp.delta_idle_ms},
    };
}

const struct tls_options *settings_tls(const struct config *c, struct tls_options *room)
{
    if (!c->http.tls.cert)
        return NULL;
    *room = (struct tls_options){.cert_file = c->http.tls.cert,
                                 .key_file = c->http.tls.key,
                                 .client_ca_file = c->http.tls.client_ca};
    return room;
}

/* The users as server/net takes them: one entry a credential. The caller frees the array. */
static int auth_users(const struct config *c, struct auth_user **out, size_t *out_n,
                      struct err *err)
{
    struct auth_user *users = calloc(2 * c->auth.n_users + 1, sizeof *users);
    size_t n = 0;
    if (!users)
        return err_set(err, ERR_NOMEM, "out of memory for users");
    for (size_t i = 0; i < c->auth.n_users; i++) {
        const struct config_user *u = &c->auth.users[i];
        if (u->password_hash)
            users[n++] = (struct auth_user){
                .name = u->name, .password_hash = u->password_hash, .rights = u->rights};
        if (u->token_sha256)
            users[n++] = (struct auth_user){.token_sha256 = u->token_sha256, .rights = u->rights};
    }
    *out = users;
    *out_n = n;
    return 0;
}

int settings_auth_new(const struct config *c, struct auth **out, struct err *err)
{
    struct auth_user *users;
    size_t n;
    int rc = auth_users(c, &users, &n, err);
    if (rc == 0) {
        rc = auth_new(users, n, out, err);
        free(users);
    }
    return rc;
}

int settings_auth_replace(const struct config *c, struct auth *auth, struct err *err)
{
    struct auth_user *users;
    size_t n;
    int rc = auth_users(c, &users, &n, err);
    if (rc == 0) {
        rc = auth_replace(auth, users, n, err);
        free(users);
    }
    return rc;
}

struct labels settings_external_labels(const struct config *c, struct arena *arena)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, NULL);
    for (size_t i = 0; i < c->global.n_external_labels; i++) {
        const struct config_label *l = &c->global.external_labels[i];
        labels_builder_set(&b, arena_str(arena, l->name), arena_str(arena, l->value));
    }
    return labels_builder_labels(&b);
}
