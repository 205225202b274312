/* Spans and log records of an OTLP request as a batch of records: ids and times are looked at, long
 * texts cut, everything else is kept as it came. */
#ifndef TELLTALE_RECEIVE_OTLP_RECORDS_H
#define TELLTALE_RECEIVE_OTLP_RECORDS_H

#include "codec/otlp_records.h"
#include "model/record.h"

struct otlp_records_outcome {
    size_t records;    /* in the request */
    size_t rejected;   /* of these */
    size_t truncated;  /* texts that were cut, attributes, events and links left out */
    char message[256]; /* the first rejection; else empty */
};

/* Attributes of a row, event, link, resource or scope, events or links of a span: of more the first
 * ones are kept, one less than this, and the fields for what was dropped count the others. */
enum { OTLP_RECORD_LIST_MAX = 1024 };

/* A limit for the decoder: so many attributes are read, so that a row with too many is shortened
 * and not refused with all others of its request. */
enum { OTLP_RECORD_LIST_READ = 1 << 16 };

/* The attribute of a row that says how many of its texts were cut and of its parts left out. */
#define TRUNCATED_ATTRIBUTE "telltale.truncated"

/* Adds to `batch`, which is of the request's table; what it holds is borrowed from the
 * request or of the batch's arena. `max_text`: longest text of an attribute or body, in bytes.
 * `now_unix_ns`: the time of records that come without one. ERR_NOMEM.
 *
 * A span needs a trace id and a span id, of their lengths and not zero, and a start time: otherwise
 * it is rejected. A parent id that is no id counts as none. An end before the start is kept; an end
 * that is not given is an absent duration. A log record keeps what ids it has; ids that are none
 * are left out. */
int otlp_records_translate(const struct otlp_records *request, size_t max_text, int64_t now_unix_ns,
                           struct record_batch *batch, struct otlp_records_outcome *out);

#endif
