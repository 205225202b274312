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

/* Of one answer over HTTP, in bytes: who wants more asks again, so that the server needs no more
 * memory however much there is. A line or a metric's first piece may be longer. */
enum { EXPORT_ANSWER_MAX = 32 << 20 };

struct export_request {
    struct store *store;
    const struct matcher *matchers;
    size_t n_matchers;
    struct str metric;      /* only this one; p NULL: all, in the order of export_family */
    int64_t min_ms, max_ms; /* both inclusive */
    enum export_format format;
    bool piece;            /* no end mark of OpenMetrics: more follows */
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
    uint64_t damaged;  /* blocks that could not be read */
};

/* ERR_NOMEM, ERR_TOO_BIG, ERR_BUSY, ERR_CANCELLED, or what `write` returned. */
int export_run(const struct export_request *request, struct export_totals *out, struct err *err);

/* The family that a metric is taken to belong to, by its suffix: metrics of one family must follow
 * each other in OpenMetrics, so names are put into the order of (family, name). */
struct str export_family(struct str metric);

#endif
