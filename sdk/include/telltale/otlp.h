/* The exporter that sends OTLP over HTTP with protobuf. In the library libtelltale-otlp, which adds
 * libcurl. */
#ifndef TELLTALE_OTLP_H
#define TELLTALE_OTLP_H

#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/exporter.h"

TT_BEGIN

/* All texts are borrowed during the call. What is NULL or 0 is taken from the environment: from the
 * signal's variable (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT …), or else the common one
 * (OTEL_EXPORTER_OTLP_ENDPOINT …), or else the default. */
typedef struct tt_otlp_options {
    size_t size;                  /* sizeof(tt_otlp_options) */
    const char *url;              /* of this signal; default http://localhost:4318/v1/traces, … */
    const char *headers;          /* name=value,… percent-encoded; HEADERS */
    int64_t timeout_ms;           /* of a request with all its retries; TIMEOUT, default 10000 */
    const char *ca_file;          /* CERTIFICATE; default: the system's */
    const char *key_file;         /* CLIENT_KEY */
    const char *certificate_file; /* CLIENT_CERTIFICATE */
} tt_otlp_options;

/* Makes an exporter for one signal, to be given to one provider or reader, which closes it.
 *
 * Answers 429, 502, 503 and 504, and connections that fail, are tried again after waits that double
 * from 1 s, with jitter, or as Retry-After says, while time is left. A partial success is told as
 * TT_PROBLEM_EXPORT. Redirects are not followed.
 *
 * `options` may be NULL. TT_ERR_INVALID, told as TT_PROBLEM_MISUSE, for a URL that is not http or
 * https and for a PROTOCOL in the environment other than http/protobuf. */
TT_API int tt_otlp_exporter_new(enum tt_signal signal, const tt_otlp_options *options,
                                tt_exporter *out_exporter);

/* Registers the components of this library (component.h): done by itself when the shared library is
 * loaded, and to be called once before tt_init() in a program that links the archive. */
TT_API int tt_otlp_register(void);

TT_END

#endif
