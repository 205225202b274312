/* What the exporter tells those who watch it (watch.h). */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_REPORT_H
#define TELLTALE_SDK_EXPORTERS_OTLP_REPORT_H

#include "otlp/answer.h"
#include "otlp/config.h"
#include "telltale/watch.h"

enum { OTLP_ERROR_MAX = 24 };

/* Who it is, and where it sends to: `server` and `port` of the report, read from the URL into
 * `host`, which ends with a NUL; empty when it does not fit. */
void otlp_report_begin(tt_export_report *r, const struct otlp_config *c, char *host, size_t host_n);

/* What became of a send that returned `rc`, of which `last` is the last answer. `error`: room for
 * its text. */
void otlp_report_end(tt_export_report *r, int rc, const struct otlp_verdict *last,
                     char error[OTLP_ERROR_MAX]);

#endif
