/* Series as files: OpenMetrics or Prometheus text, or OTLP/JSON with one export request a line.
 * What is written here (but for exemplars, which are not), `telltale store import` and POST
 * /api/v1/import read back to the same rows. */
#ifndef TELLTALE_API_EXPORT_H
#define TELLTALE_API_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/matcher.h"

struct budget;
struct store;

enum export_format { EXPORT_OPENMETRICS, EXPORT_PROMETHEUS, EXPORT_OTLP_JSON };

/* "openmetrics", "prometheus", "otlp-json"; false for any other word. */
bool export_format_parse(struct str word, enum export_format *out);

struct export_request {
    struct store *store;
    const struct matcher *matchers;
    size_t n_matchers;
    int64_t min_ms, max_ms; /* both inclusive */
    enum export_format format;
    struct budget *memory; /* of the selections; NULL: no limit */
    /* Gets the text in pieces; a negative answer ends the export and is returned. */
    int (*write)(void *arg, struct str text, struct err *err);
    bool (*is_cancelled)(void *arg); /* asked for each window and series; NULL: never */
    void *arg;
};

struct export_totals {
    uint64_t series, samples;
    uint64_t left_out; /* samples that the format has no form for: histograms in text; in
                        * OTLP fractional histograms, and what was before 1970 */
    uint64_t damaged;  /* blocks that could not be read; one more when files of the time lack */
};

/* ERR_NOMEM, ERR_TOO_BIG, ERR_BUSY, ERR_CANCELLED, or what `write` returned. */
int export_run(const struct export_request *request, struct export_totals *out, struct err *err);

#endif
