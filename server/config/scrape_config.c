/* Two walks over the same tree, kept next to each other so that a new key is added to both. */
#include "config/scrape_config.h"

#include "base/arena.h"
#include "base/buf.h"

/* ---- Copy ---- */

static const char *copy_text(struct arena *a, const char *text)
{
    return text ? arena_str(a, str_c(text)).p : NULL;
}

static void *copy_array(struct arena *a, const void *from, size_t n, size_t size)
{
    void *to = n ? arena_array(a, n, size) : NULL;
    return to ? memcpy(to, from, n * size) : NULL;
}

static const char *const *copy_texts(struct arena *a, const char *const *from, size_t n)
{
    const char **to = copy_array(a, from, n, sizeof *to);
    for (size_t i = 0; to && i < n; i++)
        to[i] = copy_text(a, from[i]);
    return (const char *const *)to;
}

static const struct str *copy_strs(struct arena *a, const struct str *from, size_t n)
{
    struct str *to = copy_array(a, from, n, sizeof *to);
    for (size_t i = 0; to && i < n; i++)
        to[i] = arena_str(a, from[i]);
    return to;
}

static void copy_http(struct arena *a, struct http_client_config *c)
{
    const char **texts[] = {
        &c->basic_auth.username,
        &c->basic_auth.username_file,
        &c->basic_auth.password,
        &c->basic_auth.password_file,
        &c->authorization.type,
        &c->authorization.credentials,
        &c->authorization.credentials_file,
        &c->tls.ca_file,
        &c->tls.cert_file,
        &c->tls.key_file,
        &c->tls.server_name,
        &c->proxy_url,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = copy_text(a, *texts[i]);
    struct http_client_header *headers =
        copy_array(a, c->headers, c->n_headers, sizeof *c->headers);
    for (size_t i = 0; headers && i < c->n_headers; i++) {
        headers[i].name = copy_text(a, headers[i].name);
        headers[i].value = copy_text(a, headers[i].value);
    }
    c->headers = headers;
}

void target_group_copy(struct arena *a, const struct target_group *from, struct target_group *out)
{
    struct config_label *labels = copy_array(a, from->labels, from->n_labels, sizeof *labels);
    for (size_t i = 0; labels && i < from->n_labels; i++) {
        labels[i].name = arena_str(a, labels[i].name);
        labels[i].value = arena_str(a, labels[i].value);
    }
    *out = *from;
    out->labels = labels;
    out->targets = copy_strs(a, from->targets, from->n_targets);
}

static void copy_discovery(struct arena *a, struct scrape_config *c)
{
    struct target_group *groups =
        copy_array(a, c->static_configs, c->n_static_configs, sizeof *groups);
    for (size_t i = 0; groups && i < c->n_static_configs; i++)
        target_group_copy(a, &groups[i], &groups[i]);
    c->static_configs = groups;

    struct file_sd_config *files =
        copy_array(a, c->file_sd_configs, c->n_file_sd_configs, sizeof *files);
    for (size_t i = 0; files && i < c->n_file_sd_configs; i++)
        files[i].files = copy_texts(a, files[i].files, files[i].n_files);
    c->file_sd_configs = files;

    struct http_sd_config *urls =
        copy_array(a, c->http_sd_configs, c->n_http_sd_configs, sizeof *urls);
    for (size_t i = 0; urls && i < c->n_http_sd_configs; i++) {
        urls[i].url = copy_text(a, urls[i].url);
        copy_http(a, &urls[i].http);
    }
    c->http_sd_configs = urls;
}

static void copy_relabel(struct arena *a, struct relabel_config *c)
{
    struct relabel_rule *rules = copy_array(a, c->rules, c->n, sizeof *rules);
    for (size_t i = 0; rules && i < c->n; i++) {
        struct relabel_rule *r = &rules[i];
        r->source_labels = copy_strs(a, r->source_labels, r->n_source_labels);
        r->separator = arena_str(a, r->separator);
        r->regex = arena_str(a, r->regex);
        r->target_label = arena_str(a, r->target_label);
        r->replacement = arena_str(a, r->replacement);
    }
    c->rules = rules;
}

void scrape_config_copy(struct arena *a, const struct scrape_config *from,
                        struct scrape_config *out)
{
    struct scrape_config c = *from;
    c.job_name = copy_text(a, c.job_name);
    c.metrics_path = copy_text(a, c.metrics_path);
    c.scheme = copy_text(a, c.scheme);
    struct scrape_param *params = copy_array(a, c.params, c.n_params, sizeof *params);
    for (size_t i = 0; params && i < c.n_params; i++) {
        params[i].name = copy_text(a, params[i].name);
        params[i].values = copy_texts(a, params[i].values, params[i].n_values);
    }
    c.params = params;
    copy_http(a, &c.http);
    copy_discovery(a, &c);
    copy_relabel(a, &c.relabel_configs);
    copy_relabel(a, &c.metric_relabel_configs);
    c.secrets = copy_strs(a, c.secrets, c.n_secrets);
    *out = c;
}

/* ---- Encode: numbers as decimal text with a blank, text with its length in front ---- */

static void put_number(struct buf *out, int64_t v)
{
    buf_put_i64(out, v);
    buf_putc(out, ' ');
}

static void put_str(struct buf *out, struct str s)
{
    put_number(out, (int64_t)s.n);
    buf_put_str(out, s);
}

static void put_text(struct buf *out, const char *text)
{
    if (text)
        put_str(out, str_c(text));
    else
        put_number(out, -1);
}

static void put_strs(struct buf *out, const struct str *v, size_t n)
{
    put_number(out, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        put_str(out, v[i]);
}

static void put_http(struct buf *out, const struct http_client_config *c)
{
    const char *const texts[] = {
        c->basic_auth.username,
        c->basic_auth.username_file,
        c->basic_auth.password,
        c->basic_auth.password_file,
        c->authorization.type,
        c->authorization.credentials,
        c->authorization.credentials_file,
        c->tls.ca_file,
        c->tls.cert_file,
        c->tls.key_file,
        c->tls.server_name,
        c->proxy_url,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put_text(out, texts[i]);
    put_number(out, c->tls.insecure_skip_verify);
    put_number(out, c->follow_redirects);
    put_number(out, (int64_t)c->n_headers);
    for (size_t i = 0; i < c->n_headers; i++) {
        put_text(out, c->headers[i].name);
        put_text(out, c->headers[i].value);
    }
}

static void put_relabel(struct buf *out, const struct relabel_config *c)
{
    put_number(out, (int64_t)c->n);
    for (size_t i = 0; i < c->n; i++) {
        const struct relabel_rule *r = &c->rules[i];
        put_number(out, r->action);
        put_number(out, (int64_t)r->modulus);
        put_strs(out, r->source_labels, r->n_source_labels);
        put_str(out, r->separator);
        put_str(out, r->regex);
        put_str(out, r->target_label);
        put_str(out, r->replacement);
    }
}

static void put_group(struct buf *out, const struct target_group *g)
{
    put_strs(out, g->targets, g->n_targets);
    put_number(out, (int64_t)g->n_labels);
    for (size_t i = 0; i < g->n_labels; i++) {
        put_str(out, g->labels[i].name);
        put_str(out, g->labels[i].value);
    }
}

void file_sd_config_encode(struct buf *out, const struct file_sd_config *c)
{
    buf_putc(out, 'f');
    put_number(out, c->refresh_interval_ms);
    put_number(out, (int64_t)c->n_files);
    for (size_t i = 0; i < c->n_files; i++)
        put_text(out, c->files[i]);
}

void http_sd_config_encode(struct buf *out, const struct http_sd_config *c)
{
    buf_putc(out, 'h');
    put_text(out, c->url);
    put_number(out, c->refresh_interval_ms);
    put_http(out, &c->http);
}

static void put_discovery(struct buf *out, const struct scrape_config *c)
{
    put_relabel(out, &c->relabel_configs);
    put_number(out, (int64_t)c->n_static_configs);
    for (size_t i = 0; i < c->n_static_configs; i++)
        put_group(out, &c->static_configs[i]);
    put_number(out, (int64_t)c->n_file_sd_configs);
    for (size_t i = 0; i < c->n_file_sd_configs; i++)
        file_sd_config_encode(out, &c->file_sd_configs[i]);
    put_number(out, (int64_t)c->n_http_sd_configs);
    for (size_t i = 0; i < c->n_http_sd_configs; i++)
        http_sd_config_encode(out, &c->http_sd_configs[i]);
}

void scrape_config_encode(struct buf *out, const struct scrape_config *c, bool with_discovery)
{
    put_text(out, c->job_name);
    put_text(out, c->metrics_path);
    put_text(out, c->scheme);
    const int64_t numbers[] = {
        c->scrape_interval_ms,
        c->scrape_timeout_ms,
        c->honor_labels,
        c->honor_timestamps,
        c->track_timestamps_staleness,
        c->enable_compression,
        c->extra_scrape_metrics,
        c->fallback_protocol,
        c->utf8_names,
        c->native_histograms,
        c->classic_histograms,
        (int64_t)c->body_size_limit,
        (int64_t)c->sample_limit,
        (int64_t)c->target_limit,
        (int64_t)c->keep_dropped_targets,
        (int64_t)c->bucket_limit,
        (int64_t)c->label_limit,
        (int64_t)c->label_name_length_limit,
        (int64_t)c->label_value_length_limit,
        (int64_t)c->max_body_bytes,
        (int64_t)c->max_series,
        (int64_t)c->max_decompression_ratio,
        (int64_t)c->n_protocols,
        (int64_t)c->n_params,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(out, numbers[i]);
    for (size_t i = 0; i < c->n_protocols; i++)
        put_number(out, c->protocols[i]);
    for (size_t i = 0; i < c->n_params; i++) {
        put_text(out, c->params[i].name);
        put_number(out, (int64_t)c->params[i].n_values);
        for (size_t j = 0; j < c->params[i].n_values; j++)
            put_text(out, c->params[i].values[j]);
    }
    put_http(out, &c->http);
    put_relabel(out, &c->metric_relabel_configs);
    put_strs(out, c->secrets, c->n_secrets);
    if (with_discovery)
        put_discovery(out, c);
}

size_t scrape_config_protocols(const struct scrape_config *c,
                               enum scrape_protocol out[SCRAPE_PROTOCOLS])
{
    size_t n = 0;
    for (; n < c->n_protocols; n++)
        out[n] = c->protocols[n];
    for (int p = c->native_histograms ? SCRAPE_PROTOBUF : SCRAPE_OPENMETRICS_1_0_0;
         !c->n_protocols && p < SCRAPE_PROTOCOLS; p++)
        out[n++] = (enum scrape_protocol)p;
    return n;
}
