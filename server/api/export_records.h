/* Spans and log records as files: OTLP/JSON, one export request a line, as the collector's file
 * exporter writes them. `telltale store import` and POST /api/v1/import read them back to the same
 * rows. */
#ifndef TELLTALE_API_EXPORT_RECORDS_H
#define TELLTALE_API_EXPORT_RECORDS_H

#include "base/err.h"
#include "base/str.h"
#include "store/records.h"

struct export_records_request {
    struct store *store;
    enum record_table table;
    struct str match;                 /* in the language of query/records/filter.h; empty: all */
    int64_t min_unix_ns, max_unix_ns; /* both inclusive */
    size_t max_bytes;                 /* of memory for a block of rows; 0: the scan's default */
    /* Gets the text in pieces; a negative answer ends the export and is returned. */
    int (*write)(void *arg, struct str text, struct err *err);
    bool (*is_cancelled)(void *arg); /* asked now and then; NULL: never */
    void *arg;
};

struct export_records_totals {
    uint64_t rows, lines;
    uint64_t damaged; /* as record_scan_stats has it */
};

/* Rows come block by block, the oldest blocks first. ERR_INVALID: `match` says where it is wrong;
 * as store_scan, or what `write` returned. */
int export_records_run(const struct export_records_request *request,
                       struct export_records_totals *out, struct err *err);

#endif
