/* The metrics of a provider in the formats that Prometheus reads, for programs with an HTTP server
 * of their own. In libtelltale-text. */
#ifndef TELLTALE_PROMETHEUS_TEXT_H
#define TELLTALE_PROMETHEUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "telltale/api.h"
#include "telltale/metrics.h"

TT_BEGIN

enum tt_prometheus_format {
    TT_PROMETHEUS_TEXT,        /* text/plain; version=0.0.4 */
    TT_PROMETHEUS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
    TT_PROMETHEUS_PROTOBUF     /* application/vnd.google.protobuf; encoding=delimited */
};

/* How names become names of Prometheus, as its option translation_strategy. */
enum tt_prometheus_names {
    TT_NAMES_UNDERSCORE_SUFFIXES, /* http.duration in s -> http_duration_seconds */
    TT_NAMES_UNDERSCORE,          /* http_duration */
    TT_NAMES_UTF8_SUFFIXES,       /* "http.duration_seconds" */
    TT_NAMES_UTF8                 /* "http.duration" */
};

/* What becomes of names that are no plain identifiers, as the scraper's "escaping=" asks. Names
 * that were made of underscores are plain already. */
enum tt_prometheus_escaping {
    TT_ESCAPING_NONE,        /* allow-utf-8: they stand in quotes */
    TT_ESCAPING_UNDERSCORES, /* http.duration -> http_duration */
    TT_ESCAPING_DOTS,        /* http.duration_ms -> http_dot_duration__ms */
    TT_ESCAPING_VALUES       /* http.duration -> U__http_2e_duration */
};

typedef struct tt_prometheus_options {
    size_t size; /* sizeof(tt_prometheus_options) */
    enum tt_prometheus_format format;
    enum tt_prometheus_names names;
    bool without_scope;  /* leaves the labels otel_scope_name and otel_scope_version out */
    bool without_target; /* leaves the metric target_info out */
    enum tt_prometheus_escaping escaping;
    /* Attributes of the resource that become labels of every series, too, unless it has one of that
     * name itself: patterns of names with commas between, "service.*,host.name", * for any text and
     * ? for any character. NULL: none. And those which do not although they fit; NULL: none. */
    const char *resource_labels, *without_resource_labels;
} tt_prometheus_options;

/* The value of Content-Type for a format. */
TT_API const char *tt_prometheus_content_type(enum tt_prometheus_format format);

/* Collects and renders into `out`, at most `cap` bytes, not NUL-terminated; `*out_n` is how many.
 * Exponential histograms are native ones in protobuf; of the text formats, which cannot carry them,
 * they have the bucket of +Inf, _sum and _count, and so they have in protobuf below scale -4.
 * `options` may be NULL. TT_ERR_SPACE: `*out_n` is how many bytes it takes. TT_ERR_INVALID: a
 * NULL, or libtelltale is of another release than libtelltale-text. */
TT_API int tt_prometheus_render(tt_meter_provider *provider, const tt_prometheus_options *options,
                                char *out, size_t cap, size_t *out_n);

/* The same into memory that the caller frees with free(). At most `max` bytes; TT_ERR_LIMIT
 * beyond. */
TT_API int tt_prometheus_render_new(tt_meter_provider *provider,
                                    const tt_prometheus_options *options, size_t max,
                                    char **out_text, size_t *out_n);

TT_END

#endif
