/* The lines of an import that are requests of traces or logs. Rows of lines that follow each other
 * are stored together, so that what is refused is refused whole: spans and log records have no key,
 * and what is stored twice is there twice. */
#ifndef TELLTALE_RECEIVE_IMPORT_RECORDS_H
#define TELLTALE_RECEIVE_IMPORT_RECORDS_H

#include "model/record.h"
#include "receive/import.h"

enum import_kind { IMPORT_METRICS, IMPORT_SPANS, IMPORT_LOGS };

/* What a line of OTLP/JSON is, by the name of its member; metrics when it has none that is known.
 */
enum import_kind import_kind_of(struct str line);

struct import_records {
    const struct sink *sink;
    struct import_totals *totals;
    struct record_batch batch; /* of `kind` */
    enum import_kind kind;
    size_t text_bytes; /* of the lines in the batch */
};

void import_records_init(struct import_records *r, const struct sink *sink,
                         struct import_totals *totals);
void import_records_done(struct import_records *r);

/* The line does not fit to those added before: import_records_end first. */
bool import_records_must_end(const struct import_records *r, enum import_kind kind);

/* Adds the rows of a line, which is borrowed until the end. ERR_INVALID, ERR_TOO_BIG: none of it.
 */
int import_records_add(struct import_records *r, enum import_kind kind, struct str line,
                       struct err *err);

/* Stores what was added. As sink_append_records. */
int import_records_end(struct import_records *r, struct err *err);

#endif
