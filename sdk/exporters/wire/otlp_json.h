/* OTLP/JSON out of OTLP/protobuf. */
#ifndef TELLTALE_SDK_EXPORTERS_WIRE_OTLP_JSON_H
#define TELLTALE_SDK_EXPORTERS_WIRE_OTLP_JSON_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* What a message is. The first three are the requests of the signals. */
enum otlp_kind {
    OTLP_TRACES,
    OTLP_METRICS,
    OTLP_LOGS,
    OTLP_RESOURCE,
    OTLP_SCOPE,
    OTLP_SPAN,
    OTLP_METRIC,
    OTLP_LOG_RECORD,
    OTLP_ATTRIBUTE,
    OTLP_VALUE
};

/* Appends the message as JSON, in one line without a line end: ids in hexadecimal digits, 64-bit
 * integers as text, as the specification of OTLP says. Fields unknown to it are left out. False,
 * with a part of it appended, when it is malformed or nested too deep; memory is told by the
 * buffer. */
bool otlp_json_put(struct buf *out, enum otlp_kind kind, struct str message);

/* Appends text in quotes; what is not UTF-8 in it becomes U+FFFD. */
void json_put_text(struct buf *out, struct str text);

/* Appends bytes as hexadecimal digits, without quotes. */
void json_put_hex(struct buf *out, struct str bytes);

#endif
