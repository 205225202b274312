/* The keys of a scrape job, as Prometheus has them. */

#include "base/regex.h"
#include "config/config.h"
#include "config/loader.h"
#include "config/options.h"
#include "config/scrape_config.h"
#include "config/tree.h"

/* ---- Relabelling ---- */

static const char *const relabel_actions[] = {
    [RELABEL_REPLACE] = "replace",
    [RELABEL_KEEP] = "keep",
    [RELABEL_DROP] = "drop",
    [RELABEL_KEEP_EQUAL] = "keepequal",
    [RELABEL_DROP_EQUAL] = "dropequal",
    [RELABEL_HASHMOD] = "hashmod",
    [RELABEL_LABELMAP] = "labelmap",
    [RELABEL_LABELDROP] = "labeldrop",
    [RELABEL_LABELKEEP] = "labelkeep",
    [RELABEL_LOWERCASE] = "lowercase",
    [RELABEL_UPPERCASE] = "uppercase",
    [RELABEL_UPPERCASE + 1] = NULL,
};

#define RULE_AT(field) .at = offsetof(struct relabel_rule, field)
static const struct option relabel_options[] = {
    {"source_labels", OPT_TEXTS, RULE_AT(source_labels),
     .at_n = offsetof(struct relabel_rule, n_source_labels), .flags = OPTION_RAW,
     .help = "Labels whose values are joined to the text that the rule looks at."},
    {"separator", OPT_STR, RULE_AT(separator), .flags = OPTION_RAW,
     .help = "Stands between the joined values. Default: ;"},
    {"regex", OPT_STR, RULE_AT(regex), .flags = OPTION_RAW,
     .help = "Must match the whole text. Default: (.*)"},
    {"modulus", OPT_COUNT, RULE_AT(modulus), .help = "For action hashmod."},
    {"target_label", OPT_STR, RULE_AT(target_label), .flags = OPTION_RAW,
     .help = "The label that is written."},
    {"replacement", OPT_STR, RULE_AT(replacement), .flags = OPTION_RAW,
     .help = "The value that is written, with $1 … of the regex. Default: $1"},
    {"action", OPT_CHOICE, RULE_AT(action), .choices = relabel_actions,
     .help = "What the rule does. Default: replace"},
};
_Static_assert(sizeof(enum relabel_action) == sizeof(int), "OPT_CHOICE stores an int");

static void relabel_defaults(struct loader *l, void *object)
{
    (void)l;
    *(struct relabel_rule *)object = RELABEL_RULE_DEFAULTS;
}

static bool needs_target(enum relabel_action a)
{
    return a == RELABEL_REPLACE || a == RELABEL_HASHMOD || a == RELABEL_LOWERCASE ||
           a == RELABEL_UPPERCASE || a == RELABEL_KEEP_EQUAL || a == RELABEL_DROP_EQUAL;
}

static void relabel_check(struct loader *l, const struct node *at, void *object)
{
    const struct relabel_rule *r = object;
    const struct node *pattern = node_get(at, STR("regex"));
    struct regex *compiled = NULL;
    struct err err = {0};
    if (regex_new(r->regex, &compiled, &err) < 0)
        loader_problem(l, pattern ? pattern : at, "regex: %s", err.message);
    regex_free(compiled);
    if (needs_target(r->action) && !r->target_label.n)
        loader_problem(l, at, "target_label is missing; action %s needs it",
                       relabel_actions[r->action]);
    if (r->action == RELABEL_HASHMOD && !r->modulus)
        loader_problem(l, at, "modulus is missing; action hashmod needs it");
}

static const struct schema relabel_schema = SCHEMA(
    relabel_options, struct relabel_rule, .defaults = relabel_defaults, .check = relabel_check);

/* ---- HTTP clients ---- */

#define HTTP_AT(field) .at = offsetof(struct http_client_config, field)

static const struct node *header_values(const struct node *v)
{
    const struct node *values = node_get(v, STR("values"));
    const struct node *secrets = node_get(v, STR("secrets"));
    return values ? values : secrets;
}

/* http_headers: {Name: {values: […], secrets: […]}}. Several values are joined as one header. */
static int read_headers(struct loader *l, const struct node *v, void *object)
{
    struct http_client_config *http = object;
    struct http_client_header *headers = arena_array(l->arena, v->n, sizeof *headers);
    for (size_t i = 0; v->kind == NODE_MAP && headers && i < v->n; i++) {
        const struct node *values = header_values(v->items[i]);
        struct buf joined = BUF_MAX(16 << 10);
        size_t mark = loader_enter(l, v->keys[i]->text);
        if (!values || values->kind != NODE_LIST || values->n == 0)
            loader_problem(l, v->items[i], "expected {values: […]} or {secrets: […]}");
        for (size_t k = 0; values && k < values->n; k++) {
            struct str text;
            bool hidden;
            if (loader_text(l, values->items[k], &text, &hidden)) {
                buf_puts(&joined, k ? ", " : "");
                buf_put_str(&joined, text);
            }
        }
        struct str whole = buf_str(&joined);
        if (buf_failed(&joined) || str_index(whole, '\n') < whole.n ||
            str_index(whole, '\r') < whole.n)
            loader_problem(l, v->items[i], "not a header's value");
        headers[i].name = v->keys[i]->text.p;
        headers[i].value = arena_str(l->arena, whole).p;
        buf_done(&joined);
        loader_leave(l, mark);
    }
    if (v->kind != NODE_MAP)
        loader_expected(l, v, false, "a map of header names");
    http->headers = headers;
    http->n_headers = v->kind == NODE_MAP ? v->n : 0;
    return 0;
}

static void write_headers(struct buf *out, const void *object)
{
    const struct http_client_config *http = object;
    for (size_t i = 0; i < http->n_headers; i++) {
        buf_puts(out, i ? ", " : "{");
        schema_write_text(out, str_c(http->headers[i].name));
        buf_puts(out, ": {secrets: [<secret>]}");
    }
    buf_puts(out, http->n_headers ? "}" : "");
}

static const struct option_custom headers_custom = {read_headers, write_headers};
static const char no_sign[] = "requests are not signed or authorised that way by this version";

static const struct option http_options[] = {
    {"basic_auth.username", OPT_TEXT, HTTP_AT(basic_auth.username), .help = "User name."},
    {"basic_auth.username_file", OPT_FILE, HTTP_AT(basic_auth.username_file),
     .help = "File with the user name, read for each request."},
    {"basic_auth.password", OPT_SECRET, HTTP_AT(basic_auth.password), .help = "Password."},
    {"basic_auth.password_file", OPT_FILE, HTTP_AT(basic_auth.password_file),
     .help = "File with the password, read for each request."},
    {"authorization.type", OPT_TEXT, HTTP_AT(authorization.type),
     .help = "First word of the Authorization header. Default: Bearer"},
    {"authorization.credentials", OPT_SECRET, HTTP_AT(authorization.credentials),
     .help = "What follows it."},
    {"authorization.credentials_file", OPT_FILE, HTTP_AT(authorization.credentials_file),
     .help = "File with it, read for each request."},
    {"bearer_token", OPT_SECRET, HTTP_AT(authorization.credentials), .flags = OPTION_ALIAS,
     .help = "Old form of authorization.credentials."},
    {"bearer_token_file", OPT_FILE, HTTP_AT(authorization.credentials_file), .flags = OPTION_ALIAS,
     .help = "Old form of authorization.credentials_file."},
    {"tls_config.ca_file", OPT_FILE, HTTP_AT(tls.ca_file),
     .help = "Authorities (PEM) that may have signed the server's certificate."},
    {"tls_config.cert_file", OPT_FILE, HTTP_AT(tls.cert_file),
     .help = "Certificate (PEM) to show to the server."},
    {"tls_config.key_file", OPT_FILE, HTTP_AT(tls.key_file), .help = "Its private key (PEM)."},
    {"tls_config.server_name", OPT_TEXT, HTTP_AT(tls.server_name),
     .help = "Name that the server's certificate must have."},
    {"tls_config.insecure_skip_verify", OPT_BOOL, HTTP_AT(tls.insecure_skip_verify),
     .help = "Do not look at the server's certificate."},
    {"tls_config.min_version", OPT_UNUSED, .help = "TLS 1.2 or later is spoken in any case"},
    {"tls_config.max_version", OPT_UNUSED, .help = "the newest version of TLS is spoken"},
    {"proxy_url", OPT_TEXT, HTTP_AT(proxy_url), .help = "HTTP proxy."},
    {"follow_redirects", OPT_BOOL, HTTP_AT(follow_redirects),
     .help = "Follow HTTP redirects. Default: true"},
    {"http_headers", OPT_CUSTOM, .custom = &headers_custom,
     .help = "More headers: a map of names to {values: […]} or {secrets: […]}."},
    {"enable_http2", OPT_UNUSED, .help = "HTTP/1.1 is spoken"},
    {"no_proxy", OPT_UNUSED, .help = "no proxy is used unless proxy_url names one"},
    {"proxy_from_environment", OPT_UNUSED, .help = "no proxy is used unless proxy_url names one"},
    {"proxy_connect_header", OPT_UNUSED, .help = "no headers are sent to a proxy"},
    {"oauth2", OPT_UNUSED, .help = no_sign},
    {"sigv4", OPT_UNUSED, .help = no_sign},
};

static void http_defaults(struct loader *l, void *object)
{
    (void)l;
    *(struct http_client_config *)object = (struct http_client_config){.follow_redirects = true};
}

static const struct schema http_schema =
    SCHEMA(http_options, struct http_client_config, .defaults = http_defaults);

static void http_check(struct loader *l, const struct node *at, struct http_client_config *c)
{
    bool basic = c->basic_auth.username || c->basic_auth.username_file || c->basic_auth.password ||
                 c->basic_auth.password_file;
    bool bearer = c->authorization.credentials || c->authorization.credentials_file;
    if (basic && bearer)
        loader_problem(l, at, "at most one of basic_auth, authorization and bearer_token");
    if (c->basic_auth.password && c->basic_auth.password_file)
        loader_problem(l, at, "at most one of basic_auth.password and password_file");
    if (c->authorization.credentials && c->authorization.credentials_file)
        loader_problem(l, at, "at most one of authorization.credentials and credentials_file");
    if (!c->tls.cert_file != !c->tls.key_file)
        loader_problem(l, at, "tls_config.cert_file and key_file belong together");
    if (bearer && !c->authorization.type)
        c->authorization.type = "Bearer";
}

/* ---- Discovery ---- */

static const struct option group_options[] = {
    {"targets", OPT_TEXTS, .at = offsetof(struct target_group, targets),
     .at_n = offsetof(struct target_group, n_targets), .help = "Addresses, host:port."},
    {"labels", OPT_LABELS, .at = offsetof(struct target_group, labels),
     .at_n = offsetof(struct target_group, n_labels), .help = "Labels of all these targets."},
};
static const struct schema group_schema =
    SCHEMA(group_options, struct target_group, .defaults = NULL);

static const struct option file_sd_options[] = {
    {"files", OPT_FILES, .at = offsetof(struct file_sd_config, files),
     .at_n = offsetof(struct file_sd_config, n_files),
     .help = "Files or patterns (the last part may have one *) of .json, .yml, .yaml files."},
    {"refresh_interval", OPT_DURATION, .at = offsetof(struct file_sd_config, refresh_interval_ms),
     .fallback = "5m", .min = 1, .help = "How often they are read again at the latest."},
};

static bool is_sd_file(struct str name)
{
    return str_ends(name, STR(".json")) || str_ends(name, STR(".yml")) ||
           str_ends(name, STR(".yaml"));
}

static void file_sd_check(struct loader *l, const struct node *at, void *object)
{
    const struct file_sd_config *c = object;
    if (!c->n_files)
        loader_problem(l, at, "files: expected at least one");
    for (size_t i = 0; i < c->n_files; i++)
        if (!is_sd_file(str_c(c->files[i])))
            loader_problem(l, at, "files[%zu]: expected a name ending in .json, .yml or .yaml", i);
}

static const struct schema file_sd_schema =
    SCHEMA(file_sd_options, struct file_sd_config, .check = file_sd_check);

static const struct option http_sd_options[] = {
    {"url", OPT_TEXT, .at = offsetof(struct http_sd_config, url), .flags = OPTION_REQUIRED,
     .help = "Answers with a JSON list of target groups."},
    {"refresh_interval", OPT_DURATION, .at = offsetof(struct http_sd_config, refresh_interval_ms),
     .fallback = "1m", .min = 1, .help = "How often it is asked."},
    {"", OPT_SHARE, .at = offsetof(struct http_sd_config, http), .part = &http_schema},
};

static void http_sd_check(struct loader *l, const struct node *at, void *object)
{
    struct http_sd_config *c = object;
    struct str url = str_c(c->url);
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        loader_problem(l, at, "url: expected http://… or https://…");
    http_check(l, at, &c->http);
}

static const struct schema http_sd_schema =
    SCHEMA(http_sd_options, struct http_sd_config, .check = http_sd_check);

/* ---- Scraping ---- */

#define JOB_AT(field) .at = offsetof(struct scrape_config, field)
#define JOB_AT_N(field) .at_n = offsetof(struct scrape_config, field)

static const char *const schemes[] = {"http", "https", NULL};
static const char *const protocols[] = {
    [SCRAPE_PROTOBUF] = "PrometheusProto",
    [SCRAPE_OPENMETRICS_1_0_0] = "OpenMetricsText1.0.0",
    [SCRAPE_OPENMETRICS_0_0_1] = "OpenMetricsText0.0.1",
    [SCRAPE_TEXT_1_0_0] = "PrometheusText1.0.0",
    [SCRAPE_TEXT_0_0_4] = "PrometheusText0.0.4",
    [SCRAPE_PROTOCOLS] = NULL,
};

static int protocol_of(struct str word)
{
    for (int i = 0; i < SCRAPE_PROTOCOLS; i++)
        if (str_eq(word, str_c(protocols[i])))
            return i;
    return -1;
}

static int read_protocols(struct loader *l, const struct node *v, void *object)
{
    struct scrape_config *c = object;
    c->n_protocols = 0;
    for (size_t i = 0; v->kind == NODE_LIST && i < v->n; i++) {
        int p = protocol_of(v->items[i]->text);
        bool twice = false;
        for (size_t k = 0; k < c->n_protocols; k++)
            twice = twice || (int)c->protocols[k] == p;
        if (p < 0)
            loader_expected(l, v->items[i], false,
                            "PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, "
                            "PrometheusText1.0.0 or PrometheusText0.0.4");
        else if (twice)
            loader_problem(l, v->items[i], "stands twice");
        else
            c->protocols[c->n_protocols++] = (enum scrape_protocol)p;
    }
    if (v->kind != NODE_LIST || v->n == 0)
        loader_expected(l, v, false, "a list of formats");
    return 0;
}

static void write_protocols(struct buf *out, const void *object)
{
    const struct scrape_config *c = object;
    for (size_t i = 0; i < c->n_protocols; i++)
        buf_printf(out, "%s%s", i ? ", " : "[", protocols[c->protocols[i]]);
    buf_puts(out, c->n_protocols ? "]" : "");
}

static const struct option_custom protocols_custom = {read_protocols, write_protocols};

static int read_name_scheme(struct loader *l, const struct node *v, void *object)
{
    bool utf8 = str_eq(v->text, STR("utf8"));
    if (!utf8 && !str_eq(v->text, STR("legacy")))
        loader_expected(l, v, false, "utf8 or legacy");
    ((struct scrape_config *)object)->utf8_names = utf8;
    return 0;
}

static void write_name_scheme(struct buf *out, const void *object)
{
    buf_puts(out, ((const struct scrape_config *)object)->utf8_names ? "utf8" : "legacy");
}

static const struct option_custom name_scheme_custom = {read_name_scheme, write_name_scheme};

/* params: {name: [value, …]} */
static int read_params(struct loader *l, const struct node *v, void *object)
{
    struct scrape_config *c = object;
    if (v->kind != NODE_MAP) {
        loader_expected(l, v, false, "a map of names to lists of values");
        return 0;
    }
    struct scrape_param *params = arena_array(l->arena, v->n, sizeof *params);
    for (size_t i = 0; params && i < v->n; i++) {
        const struct node *values = v->items[i];
        size_t mark = loader_enter(l, v->keys[i]->text);
        const char **texts = arena_array(l->arena, values->n, sizeof *texts);
        if (values->kind != NODE_LIST)
            loader_expected(l, values, false, "a list of values");
        for (size_t k = 0; values->kind == NODE_LIST && texts && k < values->n; k++) {
            struct str text = {0};
            bool hidden;
            if (loader_text(l, values->items[k], &text, &hidden))
                texts[k] = text.p;
            if (text.p && hidden)
                loader_hide(l, text.p);
        }
        params[i] = (struct scrape_param){
            .name = v->keys[i]->text.p, .values = texts, .n_values = values->n};
        loader_leave(l, mark);
    }
    c->params = params;
    c->n_params = v->n;
    return 0;
}

/* Values may be tokens: only the names are shown. */
static void write_params(struct buf *out, const void *object)
{
    const struct scrape_config *c = object;
    for (size_t i = 0; i < c->n_params; i++) {
        buf_puts(out, i ? ", " : "{");
        schema_write_text(out, str_c(c->params[i].name));
        buf_puts(out, ": [<secret>]");
    }
    buf_puts(out, c->n_params ? "}" : "");
}

static const struct option_custom params_custom = {read_params, write_params};

static const char no_sd[] =
    "this kind of discovery is not covered: the job gets no targets from it";
static const char as_they_come[] = "native histograms are stored as they come";

/* The limits and formats stand with the same names and meanings in `global` and in a job. */
#define SCRAPE_SETTINGS(prefix)                                                                    \
    {prefix "scrape_protocols", OPT_CUSTOM, .custom = &protocols_custom,                           \
     .help = "Formats that targets are asked for, the best first."},                               \
        {prefix "scrape_native_histograms", OPT_BOOL, JOB_AT(native_histograms),                   \
         .help = "Ask for protobuf first, and store the native histograms in it."},                \
        {prefix "always_scrape_classic_histograms", OPT_BOOL, JOB_AT(classic_histograms),          \
         .help = "Also store the buckets of a histogram that has a native form."},                 \
        {prefix "body_size_limit", OPT_SIZE, JOB_AT(body_size_limit),                              \
         .help = "A larger answer fails the scrape. 0: limits.max_scrape_bytes alone"},            \
        {prefix "sample_limit", OPT_COUNT, JOB_AT(sample_limit),                                   \
         .help = "More samples fail the scrape. 0: limits.max_scrape_series alone"},               \
        {prefix "target_limit", OPT_COUNT, JOB_AT(target_limit),                                   \
         .help = "More targets fail the job. 0: no limit"},                                        \
        {prefix "label_limit", OPT_COUNT, JOB_AT(label_limit),                                     \
         .help = "A series with more labels fails the scrape. 0: no limit"},                       \
        {prefix "label_name_length_limit", OPT_COUNT, JOB_AT(label_name_length_limit),             \
         .help = "A longer label name fails the scrape. 0: no limit"},                             \
        {prefix "label_value_length_limit", OPT_COUNT, JOB_AT(label_value_length_limit),           \
         .help = "A longer label value fails the scrape. 0: no limit"},                            \
        {prefix "keep_dropped_targets", OPT_COUNT, JOB_AT(keep_dropped_targets),                   \
         .help = "Dropped targets that /api/v1/targets shows. 0: all"},                            \
        {prefix "extra_scrape_metrics", OPT_BOOL, JOB_AT(extra_scrape_metrics),                    \
         .help = "Also store scrape_timeout_seconds and the limits as series."},                   \
    {                                                                                              \
        prefix "metric_name_validation_scheme", OPT_CUSTOM, .custom = &name_scheme_custom,         \
                                                            .help = "utf8 (any name) or legacy."   \
    }

static const struct option scrape_global_options[] = {SCRAPE_SETTINGS("global.")};

static void scrape_global_defaults(struct loader *l, void *object)
{
    (void)l;
    *(struct scrape_config *)object = scrape_config_defaults();
}

const struct schema scrape_global_schema =
    SCHEMA(scrape_global_options, struct scrape_config, .defaults = scrape_global_defaults);

static const struct option scrape_options[] = {
    {"job_name", OPT_TEXT, JOB_AT(job_name), .flags = OPTION_REQUIRED,
     .help = "Name of the job: the label job of its series."},
    {"scrape_interval", OPT_DURATION, JOB_AT(scrape_interval_ms), .min = 1,
     .help = "How often. Default: global.scrape_interval"},
    {"scrape_timeout", OPT_DURATION, JOB_AT(scrape_timeout_ms), .min = 1,
     .help = "How long it may take. Default: global.scrape_timeout"},
    {"metrics_path", OPT_TEXT, JOB_AT(metrics_path), .help = "Path. Default: /metrics"},
    {"scheme", OPT_TEXT, JOB_AT(scheme), .choices = schemes, .help = "Default: http"},
    {"params", OPT_CUSTOM, .custom = &params_custom, .help = "URL parameters: {name: [value, …]}."},
    {"honor_labels", OPT_BOOL, JOB_AT(honor_labels),
     .help = "On conflict the target's own labels win; else they are renamed exported_…"},
    {"honor_timestamps", OPT_BOOL, JOB_AT(honor_timestamps),
     .help = "Use the times that the target gives. Default: true"},
    {"track_timestamps_staleness", OPT_BOOL, JOB_AT(track_timestamps_staleness),
     .help = "Series with times of their own get stale markers, too."},
    {"enable_compression", OPT_BOOL, JOB_AT(enable_compression),
     .help = "Ask for gzip. Default: true"},
    {"native_histogram_bucket_limit", OPT_COUNT, JOB_AT(bucket_limit),
     .help = "Native histograms with more buckets get coarser ones. 0: no limit"},
    {"fallback_scrape_protocol", OPT_CHOICE, JOB_AT(fallback_protocol), .choices = protocols,
     .help = "Format of an answer without a useful Content-Type."},
    SCRAPE_SETTINGS(""),
    {"", OPT_SHARE, JOB_AT(http), .part = &http_schema},
    {"static_configs", OPT_LIST, JOB_AT(static_configs), JOB_AT_N(n_static_configs),
     .part = &group_schema, .help = "Targets written down here."},
    {"file_sd_configs", OPT_LIST, JOB_AT(file_sd_configs), JOB_AT_N(n_file_sd_configs),
     .part = &file_sd_schema, .help = "Targets from files that are watched."},
    {"http_sd_configs", OPT_LIST, JOB_AT(http_sd_configs), JOB_AT_N(n_http_sd_configs),
     .part = &http_sd_schema, .help = "Targets from a URL."},
    {"relabel_configs", OPT_LIST, JOB_AT(relabel_configs.rules), JOB_AT_N(relabel_configs.n),
     .part = &relabel_schema, .help = "Rules on targets' labels before they are scraped."},
    {"metric_relabel_configs", OPT_LIST, JOB_AT(metric_relabel_configs.rules),
     JOB_AT_N(metric_relabel_configs.n), .part = &relabel_schema,
     .help = "Rules on series' labels before they are stored."},
    {"scrape_classic_histograms", OPT_BOOL, JOB_AT(classic_histograms), .flags = OPTION_ALIAS,
     .help = "Another name of always_scrape_classic_histograms."},
    {"convert_classic_histograms_to_nhcb", OPT_UNUSED,
     .help = "classic histograms of scrapes stay classic in this version"},
    {"native_histogram_min_bucket_factor", OPT_UNUSED, .help = as_they_come},
    {"metric_name_escaping_scheme", OPT_UNUSED, .help = "names are asked for as they are"},
    {"scrape_failure_log_file", OPT_UNUSED, .help = "failures are in the server's log"},
    {"azure_sd_configs", OPT_UNUSED, .help = no_sd},
    {"aws_sd_configs", OPT_UNUSED, .help = no_sd},
    {"consul_sd_configs", OPT_UNUSED, .help = no_sd},
    {"digitalocean_sd_configs", OPT_UNUSED, .help = no_sd},
    {"dns_sd_configs", OPT_UNUSED, .help = no_sd},
    {"docker_sd_configs", OPT_UNUSED, .help = no_sd},
    {"dockerswarm_sd_configs", OPT_UNUSED, .help = no_sd},
    {"ec2_sd_configs", OPT_UNUSED, .help = no_sd},
    {"eureka_sd_configs", OPT_UNUSED, .help = no_sd},
    {"gce_sd_configs", OPT_UNUSED, .help = no_sd},
    {"hetzner_sd_configs", OPT_UNUSED, .help = no_sd},
    {"ionos_sd_configs", OPT_UNUSED, .help = no_sd},
    {"kubernetes_sd_configs", OPT_UNUSED, .help = no_sd},
    {"kuma_sd_configs", OPT_UNUSED, .help = no_sd},
    {"lightsail_sd_configs", OPT_UNUSED, .help = no_sd},
    {"linode_sd_configs", OPT_UNUSED, .help = no_sd},
    {"marathon_sd_configs", OPT_UNUSED, .help = no_sd},
    {"nerve_sd_configs", OPT_UNUSED, .help = no_sd},
    {"nomad_sd_configs", OPT_UNUSED, .help = no_sd},
    {"openstack_sd_configs", OPT_UNUSED, .help = no_sd},
    {"ovhcloud_sd_configs", OPT_UNUSED, .help = no_sd},
    {"puppetdb_sd_configs", OPT_UNUSED, .help = no_sd},
    {"scaleway_sd_configs", OPT_UNUSED, .help = no_sd},
    {"serverset_sd_configs", OPT_UNUSED, .help = no_sd},
    {"stackit_sd_configs", OPT_UNUSED, .help = no_sd},
    {"triton_sd_configs", OPT_UNUSED, .help = no_sd},
    {"uyuni_sd_configs", OPT_UNUSED, .help = no_sd},
    {"vultr_sd_configs", OPT_UNUSED, .help = no_sd},
};

/* What the global section said is the start of every job. */
static void scrape_defaults(struct loader *l, void *object)
{
    struct scrape_config *c = object;
    *c = l->config->global.scrape;
    c->scrape_interval_ms = 0;
    c->scrape_timeout_ms = 0;
}

/* A job's interval below the global timeout shortens the timeout, as in Prometheus. */
static void scrape_check(struct loader *l, const struct node *at, void *object)
{
    struct scrape_config *c = object;
    if (!c->scrape_interval_ms)
        c->scrape_interval_ms = l->config->global.scrape_interval_ms;
    if (!c->scrape_timeout_ms)
        c->scrape_timeout_ms = MIN(l->config->global.scrape_timeout_ms, c->scrape_interval_ms);
    if (c->scrape_timeout_ms > c->scrape_interval_ms)
        loader_problem(l, at, "scrape_timeout is longer than scrape_interval");
    if (!c->job_name[0])
        loader_problem(l, at, "job_name is empty");
    c->max_body_bytes = l->config->limits.max_scrape_bytes;
    c->max_series = l->config->limits.max_scrape_series;
    c->max_decompression_ratio = l->config->limits.max_decompression_ratio;
    http_check(l, at, &c->http);
    scrape_secrets_collect(l, c);
}

const struct schema scrape_schema = SCHEMA(scrape_options, struct scrape_config,
                                           .defaults = scrape_defaults, .check = scrape_check);
