/* Importing what an export or another server wrote: OpenMetrics or Prometheus text in which every
 * sample has its time, or OTLP/JSON of metrics, traces and logs, one export request a line. A file
 * of any length is taken piece by piece, each of whole lines. Names and labels are taken as they
 * stand.
 *
 * Importing samples twice changes nothing; spans and log records are then there twice. After an
 * error the piece is stored in part: of spans and log records up to import_totals.lines, from which
 * on the rest may be given again. */
#ifndef TELLTALE_RECEIVE_IMPORT_H
#define TELLTALE_RECEIVE_IMPORT_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/sink.h"
#include "net/http.h"

enum import_format { IMPORT_OPENMETRICS, IMPORT_PROMETHEUS, IMPORT_OTLP_JSON };

/* "openmetrics", "prometheus", "otlp-json"; false for any other word. */
bool import_format_parse(struct str word, enum import_format *out);

struct import_totals {
    uint64_t samples, rejected; /* and spans, log records; added up over calls */
    uint64_t lines;             /* stored of this piece, from its begin */
    char message[256];          /* the first rejection */
};

/* Lines, whole or not. */
uint64_t import_count_lines(struct str text);

/* Stores the lines; `first_line` is the number of the first of them, for messages. An end mark ("#
 * EOF") may be the last line and need not be. ERR_INVALID: "line N: …"; ERR_BUSY: give it again
 * later; ERR_TOO_BIG, ERR_IO, ERR_NOMEM. */
int import_piece(const struct sink *sink, enum import_format format, struct str lines,
                 uint64_t first_line, struct import_totals *totals, struct err *err);

/* POST /api/v1/import?format=FORMAT&line=FIRST. `self` is a struct import_settings that outlives
 * the routes. */
struct import_settings {
    const struct sink *sink;
    size_t max_decompressed_bytes, max_decompression_ratio; /* 0: defaults */
};
http_handler import_handle;

#endif
