/* Every key of the configuration but those of scrape jobs (scrape_options.c). One line here is all
 * it takes to add one: reader, `--set`, help, reference page and /api/v1/status/config follow. */
#include "config/options.h"

#include "base/time.h"
#include "config/config.h"
#include "config/loader.h"
#include "config/tree.h"

#define AT(field) .at = offsetof(struct config, field)
#define AT_N(field) .at_n = offsetof(struct config, field)
#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)
#define MIB (INT64_C(1) << 20)

static const char *const durabilities[] = {"process", "disk", NULL};
static const char *const beyond[] = {"fold", "refuse", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const aggregate_uses[] = {"auto", "never", "always", NULL};
static const char *const translations[] = {"UnderscoreEscapingWithSuffixes",
                                           "UnderscoreEscapingWithoutSuffixes",
                                           "NoUTF8EscapingWithSuffixes", "NoTranslation", NULL};
/* ---- query.features ---- */

static const char *const features[] = {
    "promql-experimental-functions", "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",   "promql-delayed-name-removal",
    "use-start-timestamps",          "type-and-unit-labels",
    "promql-per-step-stats",         "all",
};

/* Features of Prometheus that are always on here, or about its insides. */
static const char *const other_features[] = {
    "agent",
    "auto-gomaxprocs",
    "auto-gomemlimit",
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "exemplar-storage",
    "expand-external-labels",
    "extra-scrape-metrics",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "native-histograms",
    "new-service-discovery-manager",
    "no-default-scrape-port",
    "no-scrape-default-port",
    "old-ui",
    "ooo-native-histograms",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "otlp-write-receiver",
    "promql-at-modifier",
    "promql-duration-expr",
    "promql-negative-offset",
    "remote-write-receiver",
    "search-api",
    "st-storage",
    "st-synthesis",
    "ui",
    "use-uncached-io",
    "utf8-names",
    "xor2-encoding",
};

static bool is_one_of(struct str word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(word, str_c(words[i])))
            return true;
    return false;
}

static int read_features(struct loader *l, const struct node *v, void *object)
{
    struct config *c = object;
    struct str *taken = arena_array(l->arena, v->n, sizeof *taken);
    size_t n = 0;
    for (size_t i = 0; v->kind == NODE_LIST && taken && i < v->n; i++) {
        struct str word = v->items[i]->text;
        if (is_one_of(word, features, ARRAY_LEN(features)))
            taken[n++] = word;
        else if (is_one_of(word, other_features, ARRAY_LEN(other_features)))
            loader_warning(l, v->items[i], "%.*s has no effect", STR_ARG(word));
        else
            loader_expected(l, v->items[i], false,
                            "a feature of PromQL such as promql-experimental-functions, or all");
    }
    if (v->kind != NODE_LIST)
        loader_expected(l, v, false, "a list of features");
    c->query.features = taken;
    c->query.n_features = n;
    return 0;
}

static void write_features(struct buf *out, const void *object)
{
    const struct config *c = object;
    for (size_t i = 0; i < c->query.n_features; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "[", STR_ARG(c->query.features[i]));
    buf_puts(out, c->query.n_features ? "]" : "");
}

static const struct option_custom features_custom = {read_features, write_features};

/* ---- storage.aggregates.resolutions ---- */

/* A day has to consist of whole buckets. */
static bool parse_resolution(const struct node *item, int64_t *out_ms)
{
    return item->kind == NODE_SCALAR && duration_parse(item->text, out_ms, NULL) == 0 &&
           *out_ms > 0 && *out_ms % 1000 == 0 && DAY_MS % *out_ms == 0;
}

static bool is_among(const int64_t *v, size_t n, int64_t one)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == one)
            return true;
    return false;
}

static int read_resolutions(struct loader *l, const struct node *v, void *object)
{
    struct config *c = object;
    int64_t *to = c->storage.aggregates_resolutions_ms, one;
    size_t n = 0;
    if (v->kind != NODE_LIST || v->n == 0 || v->n > CONFIG_RESOLUTIONS_MAX) {
        loader_expected(l, v, false, "a list of one to four durations");
        return 0;
    }
    for (size_t i = 0; i < v->n; i++)
        if (parse_resolution(v->items[i], &one) && !is_among(to, n, one))
            to[n++] = one;
        else
            loader_expected(l, v->items[i], false,
                            "another duration of whole seconds that divides a day, such as 5m");
    c->storage.n_aggregates_resolutions = n;
    return 0;
}

static void write_resolutions(struct buf *out, const void *object)
{
    const struct config *c = object;
    buf_puts(out, c->storage.n_aggregates_resolutions ? "[" : "[5m, 1h");
    for (size_t i = 0; i < c->storage.n_aggregates_resolutions; i++) {
        buf_puts(out, i ? ", " : "");
        duration_format(out, c->storage.aggregates_resolutions_ms[i]);
    }
    buf_putc(out, ']');
}

static const struct option_custom resolutions_custom = {read_resolutions, write_resolutions};

/* ---- auth.users ---- */

static const struct {
    const char *name;
    unsigned right;
} rights[] = {
    {"read", CONFIG_RIGHT_READ}, {"ingest", CONFIG_RIGHT_INGEST}, {"admin", CONFIG_RIGHT_ADMIN}};

static unsigned right_of(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (str_eq(word, str_c(rights[i].name)))
            return rights[i].right;
    return 0;
}

static int read_rights(struct loader *l, const struct node *v, void *object)
{
    struct config_user *user = object;
    user->rights = 0;
    for (size_t i = 0; v->kind == NODE_LIST && i < v->n; i++) {
        unsigned right = right_of(v->items[i]->text);
        if (!right)
            loader_expected(l, v->items[i], false, "read, ingest or admin");
        user->rights |= right;
    }
    if (v->kind != NODE_LIST)
        loader_expected(l, v, false, "a list of read, ingest, admin");
    return 0;
}

static void write_rights(struct buf *out, const void *object)
{
    const struct config_user *user = object;
    buf_putc(out, '[');
    const char *comma = "";
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        if (user->rights & rights[i].right) {
            buf_printf(out, "%s%s", comma, rights[i].name);
            comma = ", ";
        }
    }
    buf_putc(out, ']');
}

static const struct option_custom rights_custom = {read_rights, write_rights};

#define USER_AT(field) .at = offsetof(struct config_user, field)
static const struct option user_options[] = {
    {"name", OPT_TEXT, USER_AT(name), .flags = OPTION_REQUIRED,
     .help = "Name for basic authentication; for a token, only what messages call it."},
    {"password_hash", OPT_SECRET, USER_AT(password_hash),
     .help = "Password as crypt(3) writes it: bcrypt $2…, yescrypt $y$…, SHA-512 $6$…"},
    {"token_sha256", OPT_SECRET, USER_AT(token_sha256),
     .help = "SHA-256 of a bearer token, 64 hexadecimal digits: printf %s TOKEN | sha256sum"},
    {"rights", OPT_CUSTOM, .custom = &rights_custom,
     .help = "List of read (queries), ingest (sending data), admin (both, and reload, flush)."},
};

static bool is_sha256(const char *text)
{
    size_t n = 0;
    for (; text[n]; n++) {
        char c = text[n];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return n == 64;
}

static void check_user(struct loader *l, const struct node *at, void *object)
{
    const struct config_user *user = object;
    if (!user->password_hash && !user->token_sha256)
        loader_problem(l, at, "a user needs password_hash, token_sha256 or both");
    if (user->password_hash && user->password_hash[0] != '$')
        loader_problem(l, at,
                       "password_hash: found <secret>, expected a hash such as $2y$… "
                       "(make one with: mkpasswd -m bcrypt)");
    if (user->token_sha256 && !is_sha256(user->token_sha256))
        loader_problem(l, at, "token_sha256: found <secret>, expected 64 hexadecimal digits");
    if (!user->rights)
        loader_problem(l, at, "rights: expected a list of read, ingest, admin");
}

static const struct schema user_schema =
    SCHEMA(user_options, struct config_user, .check = check_user);

/* ---- storage.retention.overrides ---- */

static const char *const signals[] = {"metrics", "spans", "logs", NULL};

#define RETENTION_AT(field) .at = offsetof(struct config_retention, field)
static const struct option retention_options[] = {
    {"signal", OPT_CHOICE, RETENTION_AT(signal), .fallback = "metrics", .choices = signals,
     .help = "What is kept differently: metrics, spans or logs."},
    {"selector", OPT_STR, RETENTION_AT(selector), .flags = OPTION_REQUIRED,
     .help = "Of which streams, as PromQL selects series: {job=\"batch\"}. Of spans and logs by "
             "columns of resource and scope: {\"resource.service.name\"=~\"test-.*\"}."},
    {"keep", OPT_DURATION, RETENTION_AT(keep_ms), .min = 60 * MINUTE_MS,
     .flags = OPTION_FOREVER | OPTION_REQUIRED,
     .help = "How long, longer or shorter than the rest of the signal."},
};

static const struct schema retention_schema =
    SCHEMA(retention_options, struct config_retention, .defaults = NULL);

/* ---- All others ---- */

static const char not_evaluated[] = "rules and alerts are not evaluated by this version";
static const char not_sent[] = "nothing is sent on or read from elsewhere by this version";
static const char no_need[] = "has no effect: telltale stores data in its own way";

static const struct option options[] = {
    /* http */
    {"http.address", OPT_ADDRESS, AT(http.address), .fallback = "127.0.0.1:9090",
     .flags = OPTION_RESTART, .like = "--web.listen-address",
     .help = "Where the API, the page and all HTTP receivers listen. \":9090\" is every address."},
    {"http.tls.cert", OPT_FILE, AT(http.tls.cert),
     .help = "Certificate chain (PEM) of all listeners, OTLP included. Needs http.tls.key. "
             "A reload reads it again; TLS goes on or off at a start only."},
    {"http.tls.key", OPT_FILE, AT(http.tls.key), .help = "Private key (PEM) of the certificate."},
    {"http.tls.client_ca", OPT_FILE, AT(http.tls.client_ca),
     .help = "Clients must show a certificate that this authority (PEM) signed."},
    {"http.cors_origin", OPT_TEXT, AT(http.cors_origin), .flags = OPTION_RESTART,
     .like = "--web.cors.origin",
     .help = "Web pages of this origin may call the API: an origin, a regular expression, or *."},
    {"http.insecure", OPT_BOOL, AT(http.insecure), .fallback = "false", .flags = OPTION_RESTART,
     .help = "Allow listeners that other machines reach without TLS or without a credential."},
    {"http.lifecycle", OPT_BOOL, AT(http.lifecycle), .fallback = "false", .flags = OPTION_RESTART,
     .like = "--web.enable-lifecycle", .help = "Allow POST /-/quit to stop the server."},
    {"http.admin_api", OPT_BOOL, AT(http.admin_api), .fallback = "false", .flags = OPTION_RESTART,
     .like = "--web.enable-admin-api",
     .help = "Allow /api/v1/admin/tsdb/delete_series and clean_tombstones, admin/traces/delete and "
             "admin/logs/delete, which destroy data."},

    /* otlp */
    {"otlp.http.address", OPT_ADDRESS, AT(otlp.http_address), .fallback = "127.0.0.1:4318",
     .flags = OPTION_RESTART, .help = "Where OTLP over HTTP listens, in addition to http.address."},
    {"otlp.grpc.address", OPT_ADDRESS, AT(otlp.grpc_address), .fallback = "127.0.0.1:4317",
     .flags = OPTION_RESTART, .help = "Where OTLP over gRPC listens."},
    {"otlp.translation_strategy", OPT_CHOICE, AT(otlp.translation),
     .fallback = "UnderscoreEscapingWithSuffixes", .choices = translations,
     .help = "How OTLP's metric and attribute names become names of series."},
    {"otlp.promote_resource_attributes", OPT_TEXTS, AT(otlp.promote_resource_attributes),
     AT_N(otlp.n_promote_resource_attributes),
     .help = "Resource attributes that become labels of every series of the resource."},
    {"otlp.promote_all_resource_attributes", OPT_BOOL, AT(otlp.promote_all_resource_attributes),
     .fallback = "false",
     .help = "All resource attributes become labels, but for those in ignore_resource_attributes."},
    {"otlp.ignore_resource_attributes", OPT_TEXTS, AT(otlp.ignore_resource_attributes),
     AT_N(otlp.n_ignore_resource_attributes),
     .help = "Exceptions from promote_all_resource_attributes."},
    {"otlp.keep_identifying_resource_attributes", OPT_BOOL,
     AT(otlp.keep_identifying_resource_attributes), .fallback = "false",
     .help = "target_info keeps service.name, service.namespace and service.instance.id."},
    {"otlp.promote_scope_metadata", OPT_BOOL, AT(otlp.promote_scope_metadata), .fallback = "true",
     .help = "Name, version and attributes of the scope become otel_scope_… labels."},
    {"otlp.convert_histograms_to_nhcb", OPT_BOOL, AT(otlp.convert_histograms_to_nhcb),
     .fallback = "false",
     .help = "Explicit-bucket histograms become native histograms with custom bounds."},
    {"otlp.max_delta_series", OPT_COUNT, AT(otlp.max_delta_series), .fallback = "1000000", .min = 1,
     .help = "Series of delta temporality whose running sums are kept to make them cumulative."},
    {"otlp.delta_idle", OPT_DURATION, AT(otlp.delta_idle_ms), .fallback = "1h", .min = MINUTE_MS,
     .help = "A delta series without points for so long is forgotten and starts at zero again."},

    /* auth */
    {"auth.users", OPT_LIST, AT(auth.users), AT_N(auth.n_users), .part = &user_schema,
     .help = "Who may do what. None: everybody may do everything."},

    /* storage */
    {"storage.path", OPT_TEXT, AT(storage.path), .fallback = "./telltale-data",
     .flags = OPTION_RESTART, .like = "--storage.tsdb.path", .help = "Directory of the data."},
    {"storage.retention.metrics", OPT_DURATION, AT(storage.retention_metrics_ms), .fallback = "30d",
     .min = DAY_MS, .flags = OPTION_FOREVER, .like = "--storage.tsdb.retention.time",
     .help = "Metrics older than this are removed, by whole days, and refused when they arrive. "
             "With forever any time is stored, 1970 included."},
    {"storage.retention.spans", OPT_DURATION, AT(storage.retention_spans_ms), .fallback = "7d",
     .min = DAY_MS, .flags = OPTION_FOREVER, .help = "The same for spans."},
    {"storage.retention.logs", OPT_DURATION, AT(storage.retention_logs_ms), .fallback = "90d",
     .min = DAY_MS, .flags = OPTION_FOREVER, .help = "The same for log records."},
    {"storage.retention.aggregates", OPT_DURATION, AT(storage.retention_aggregates_ms),
     .fallback = "90d", .min = DAY_MS, .flags = OPTION_FOREVER,
     .help = "The same for metrics rolled up, which answer for samples that have expired. At least "
             "as long as storage.retention.metrics in any case."},
    {"storage.retention.overrides", OPT_LIST, AT(storage.retention_overrides),
     AT_N(storage.n_retention_overrides), .part = &retention_schema,
     .help = "Streams that are kept longer or shorter; the first that matches counts."},
    {"storage.retention.size", OPT_SIZE, AT(storage.retention_bytes), .fallback = "0",
     .like = "--storage.tsdb.retention.size",
     .help = "Bytes that metrics, their aggregates, spans and logs may take together; above, the "
             "oldest days go, but never today. 0: no limit."},
    {"storage.aggregates.enabled", OPT_BOOL, AT(storage.aggregates), .fallback = "true",
     .help = "Roll up metrics of days that are over, to 5 minutes and to 1 hour, beside their "
             "samples. What was rolled up stays in use when this is switched off."},
    {"storage.aggregates.after", OPT_DURATION, AT(storage.aggregates_after_ms), .fallback = "1d",
     .min = 1, .help = "How long a day has to be over until it is rolled up."},
    {"storage.aggregates.resolutions", OPT_CUSTOM, .custom = &resolutions_custom,
     .help = "What days are rolled up to: a list of up to four durations of whole seconds that "
             "divide a day. Default: [5m, 1h]. Days rolled up to others stay in use."},
    {"storage.durability", OPT_CHOICE, AT(storage.durability), .fallback = "process",
     .choices = durabilities, .flags = OPTION_RESTART,
     .help = "What acknowledged data survives: the death of the process, or of the machine (each "
             "answer waits for the disk)."},
    {"storage.head_max_bytes", OPT_SIZE, AT(storage.head_max_bytes), .fallback = "256MiB",
     .min = MIB, .help = "Memory of the newest rows; above it they are written to parts."},
    {"storage.flush_interval", OPT_DURATION, AT(storage.flush_interval_ms), .fallback = "10m",
     .min = 1000, .help = "The newest rows are written to parts at least this often."},
    {"storage.max_series", OPT_COUNT, AT(storage.max_series), .fallback = "10000000", .min = 1,
     .help = "Active series; storage.cardinality.beyond says what becomes of new ones above."},
    {"storage.cardinality.series_per_metric", OPT_COUNT, AT(storage.series_per_metric),
     .fallback = "0", .help = "Active series of one metric. 0: no limit."},
    {"storage.cardinality.values_per_label", OPT_COUNT, AT(storage.values_per_label),
     .fallback = "0",
     .help = "Values of one label in active series, names of metrics included. 0: no limit."},
    {"storage.cardinality.tenant_label", OPT_STR, AT(storage.tenant_label),
     .help = "Label that tells whose a series is, such as job or namespace; see "
             "series_per_tenant."},
    {"storage.cardinality.series_per_tenant", OPT_COUNT, AT(storage.series_per_tenant),
     .fallback = "0", .help = "Active series with one value of that label. 0: no limit."},
    {"storage.cardinality.beyond", OPT_CHOICE, AT(storage.beyond), .fallback = "fold",
     .choices = beyond,
     .help = "What becomes of samples of new series beyond a limit: fold, they are added up in one "
             "series a metric (and tenant) with the label otel.metric.overflow=\"true\"; refuse."},
    {"storage.max_future", OPT_DURATION, AT(storage.max_future_ms), .fallback = "1d", .min = 1,
     .help = "Rows later than now and this are refused, but for tables that are kept `forever`."},
    {"storage.exemplars.max_exemplars", OPT_COUNT, AT(storage.max_exemplars), .fallback = "100000",
     .min = 1, .help = "Exemplars kept in memory, the newest."},

    /* query */
    {"query.lookback_delta", OPT_DURATION, AT(query.lookback_delta_ms), .fallback = "5m", .min = 1,
     .like = "--query.lookback-delta",
     .help = "How old the newest sample of a series may be to count as its value."},
    {"query.timeout", OPT_DURATION, AT(query.timeout_ms), .fallback = "2m", .min = 1,
     .like = "--query.timeout", .help = "A query that takes longer ends with an error."},
    {"query.max_samples", OPT_COUNT, AT(query.max_samples), .fallback = "50000000", .min = 1,
     .like = "--query.max-samples",
     .help = "Samples that one query may hold at once, and points of its answer."},
    {"query.max_memory_bytes", OPT_SIZE, AT(query.max_memory_bytes), .fallback = "1GiB", .min = MIB,
     .help = "Memory that one query may take, the labels of what it selects included; 422 above."},
    {"query.max_total_memory_bytes", OPT_SIZE, AT(query.max_total_memory_bytes), .fallback = "2GiB",
     .min = MIB,
     .help = "Memory that all queries may take together; the one that comes too late gets 503."},
    {"query.max_points", OPT_COUNT, AT(query.max_points), .fallback = "11000", .min = 1,
     .help = "Points per series in the answer of a range query."},
    {"query.max_concurrency", OPT_COUNT, AT(query.max_concurrency), .fallback = "20", .min = 1,
     .max = 1000, .like = "--query.max-concurrency",
     .help = "Queries at the same time; more wait, then get an error. No more run than "
             "limits.query_workers in any case."},
    {"query.threads", OPT_COUNT, AT(query.threads), .fallback = "0", .max = 64,
     .flags = OPTION_RESTART,
     .help = "Threads at work on queries up to which others help a heavy one with its series: 1, "
             "none does; 0, as many as the machine has cores."},
    {"query.aggregates", OPT_CHOICE, AT(query.aggregates), .fallback = "auto",
     .choices = aggregate_uses,
     .help = "When metrics rolled up stand in for samples: over long ranges if the answer stays "
             "right, and for samples that have expired; never; or always, with approximate "
             "answers. The parameter aggregates of a query overrides it."},
    {"query.aggregates_from", OPT_DURATION, AT(query.aggregates_from_ms), .fallback = "1d",
     .min = 1, .help = "With auto: how much time a selector has to cover."},
    {"query.log_file", OPT_FILE, AT(query.log_file), .like = "global.query_log_file",
     .help = "File to which each query is appended when it ends, a line of JSON each. It is opened "
             "anew at a reload."},
    {"query.features", OPT_CUSTOM, .custom = &features_custom, .like = "--enable-feature",
     .help = "Optional parts of PromQL, as Prometheus names them: a list of "
             "promql-experimental-functions, promql-extended-range-selectors, "
             "promql-binop-fill-modifiers, promql-delayed-name-removal, use-start-timestamps, "
             "type-and-unit-labels, promql-per-step-stats, or all."},

    /* limits */
    {"limits.max_body_bytes", OPT_SIZE, AT(limits.max_body_bytes), .fallback = "64MiB", .min = 1024,
     .flags = OPTION_RESTART,
     .help = "Body of a request as sent; 413 (gRPC: RESOURCE_EXHAUSTED) above."},
    {"limits.max_decompressed_bytes", OPT_SIZE, AT(limits.max_decompressed_bytes),
     .fallback = "128MiB", .min = 1024, .help = "Body of a request after decompression."},
    {"limits.max_decompression_ratio", OPT_COUNT, AT(limits.max_decompression_ratio),
     .fallback = "200", .min = 1,
     .help =
         "Decompressed size by size as sent, for bodies over 1 MiB, of requests and of scrapes: "
         "stops zip bombs early."},
    {"limits.max_scrape_bytes", OPT_SIZE, AT(limits.max_scrape_bytes), .fallback = "256MiB",
     .min = 1024, .help = "Answer of a target, decompressed, whatever its body_size_limit says."},
    {"limits.max_scrape_series", OPT_COUNT, AT(limits.max_scrape_series), .fallback = "5000000",
     .min = 1, .help = "Series of a target, whatever its sample_limit says."},
    {"limits.max_buffered_bytes", OPT_SIZE, AT(limits.max_buffered_bytes), .fallback = "1GiB",
     .min = MIB, .flags = OPTION_RESTART,
     .help = "Bodies in memory, all connections of a listener together, and as much again of "
             "answers that wait for their clients; 503 above."},
    {"limits.max_response_bytes", OPT_SIZE, AT(limits.max_response_bytes), .fallback = "512MiB",
     .min = MIB, .flags = OPTION_RESTART, .help = "Answer of a request."},
    {"limits.max_connections", OPT_COUNT, AT(limits.max_connections), .fallback = "1024", .min = 1,
     .max = 1000000, .flags = OPTION_RESTART, .like = "--web.max-connections",
     .help = "Open connections of a listener; one more gets 503 and is closed."},
    {"limits.idle_timeout", OPT_DURATION, AT(limits.idle_timeout_ms), .fallback = "5m", .min = 1000,
     .flags = OPTION_RESTART, .like = "--web.read-timeout",
     .help = "A connection without a request for so long is closed."},
    {"limits.body_timeout", OPT_DURATION, AT(limits.body_timeout_ms), .fallback = "1m", .min = 1000,
     .flags = OPTION_RESTART, .help = "A request must have arrived whole after this."},
    {"limits.ingest_workers", OPT_COUNT, AT(limits.ingest_workers), .fallback = "0", .max = 1024,
     .flags = OPTION_RESTART,
     .help = "Threads that decode and store; 0: one for each processor that the "
             "process may run on."},
    {"limits.query_workers", OPT_COUNT, AT(limits.query_workers), .fallback = "8", .min = 1,
     .max = 1024, .flags = OPTION_RESTART, .help = "Threads that answer queries."},
    {"limits.ingest_queue", OPT_COUNT, AT(limits.ingest_queue), .fallback = "256", .min = 1,
     .max = 1000000, .flags = OPTION_RESTART,
     .help = "Requests with data that wait for a thread; 503 above."},
    {"limits.query_queue", OPT_COUNT, AT(limits.query_queue), .fallback = "1024", .min = 1,
     .max = 1000000, .flags = OPTION_RESTART, .help = "Queries that wait for a thread; 503 above."},
    {"limits.max_series_per_request", OPT_COUNT, AT(limits.max_series_per_request),
     .fallback = "1000000", .min = 1, .help = "Series in one request of a sender."},
    {"limits.max_labels", OPT_COUNT, AT(limits.max_labels), .fallback = "128", .min = 1,
     .help = "Labels of a series that is sent to us."},
    {"limits.max_label_name_bytes", OPT_SIZE, AT(limits.max_label_name_bytes), .fallback = "1KiB",
     .min = 1, .help = "Length of a label's name."},
    {"limits.max_label_value_bytes", OPT_SIZE, AT(limits.max_label_value_bytes),
     .fallback = "64KiB", .min = 1, .help = "Length of a label's value."},
    {"limits.max_text_bytes", OPT_SIZE, AT(limits.max_text_bytes), .fallback = "1MiB", .min = 64,
     .help = "Length of an attribute or body of a span or log record; what is longer is cut, and "
             "the row says so in telltale.truncated."},

    /* log */
    {"log.level", OPT_CHOICE, AT(log.level), .fallback = "info", .choices = log_levels,
     .like = "--log.level", .help = "The least important lines that are written."},
    {"log.format", OPT_CHOICE, AT(log.format), .fallback = "logfmt", .choices = log_formats,
     .like = "--log.format", .help = "Form of a line on stderr."},

    /* global, as in prometheus.yml */
    {"global.scrape_interval", OPT_DURATION, AT(global.scrape_interval_ms), .fallback = "1m",
     .min = 1, .help = "How often targets are scraped, unless their job says otherwise."},
    {"global.scrape_timeout", OPT_DURATION, AT(global.scrape_timeout_ms), .fallback = "10s",
     .min = 1, .help = "How long a scrape may take; never more than the interval."},
    {"global.evaluation_interval", OPT_DURATION, AT(global.evaluation_interval_ms),
     .fallback = "1m", .min = 1, .help = "Resolution of a subquery that names none."},
    {"global.external_labels", OPT_LABELS, AT(global.external_labels),
     AT_N(global.n_external_labels), .help = "Labels that /federate adds to every series."},
    {"", OPT_SHARE, AT(global.scrape), .part = &scrape_global_schema},
    {"global.query_log_file", OPT_FILE, AT(query.log_file), .flags = OPTION_ALIAS,
     .help = "Another name of query.log_file."},
    {"global.scrape_failure_log_file", OPT_UNUSED,
     .help = "failures of scrapes are in the server's log"},
    {"global.rule_query_offset", OPT_UNUSED, .help = not_evaluated},
    {"global.convert_classic_histograms_to_nhcb", OPT_UNUSED,
     .help = "classic histograms of scrapes stay classic in this version"},
    {"global.metric_name_escaping_scheme", OPT_UNUSED,
     .help = "scrapes ask for names as they are, UTF-8 included"},

    /* prometheus.yml's other sections */
    {"rule_files", OPT_UNUSED, .help = not_evaluated},
    {"alerting", OPT_UNUSED, .help = not_evaluated},
    {"remote_write", OPT_UNUSED, .help = not_sent},
    {"remote_read", OPT_UNUSED, .help = not_sent},
    {"tracing", OPT_UNUSED, .help = "the server does not trace itself in this version"},
    {"runtime", OPT_UNUSED, .help = "has no effect: there is no Go runtime here"},
    {"scrape_config_files", OPT_UNUSED, .help = "write the jobs into scrape_configs"},
    {"storage.tsdb", OPT_UNUSED, .help = no_need},
};

const struct schema config_schema = SCHEMA(options, struct config, .defaults = NULL);
