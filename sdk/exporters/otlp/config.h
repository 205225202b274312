/* What the exporter is told, by options and environment. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_CONFIG_H
#define TELLTALE_SDK_EXPORTERS_OTLP_CONFIG_H

#include "telltale/otlp.h"

enum { OTLP_HEADERS_MAX = 32 };

/* All owned. */
struct otlp_config {
    enum tt_signal signal;
    enum tt_otlp_protocol protocol;
    enum tt_otlp_compression compression;
    char *url, *ca_file, *key_file, *certificate_file; /* but the URL NULL where not given */
    char *headers[OTLP_HEADERS_MAX];                   /* "Name: value" */
    size_t n_headers;
    int64_t timeout_ms;
    size_t request_max;
};

/* TT_ERR_INVALID or TT_ERR_NOMEM; `*out_problem` says what is wrong, as a literal. */
int otlp_config_init(struct otlp_config *c, enum tt_signal signal, const tt_otlp_options *o,
                     const char **out_problem);

struct otlp_buffer {
    const char *folder; /* borrowed from the options or the environment */
    uint64_t bytes_max;
};
/* False when none is asked for. */
bool otlp_buffer_choose(const tt_otlp_options *o, struct otlp_buffer *out);

void otlp_config_done(struct otlp_config *c);

#endif
