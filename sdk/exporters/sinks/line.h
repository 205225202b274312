/* Log records and spans as lines. */
#ifndef TELLTALE_SDK_EXPORTERS_SINKS_LINE_H
#define TELLTALE_SDK_EXPORTERS_SINKS_LINE_H

#include "base/buf.h"
#include "telltale/sinks.h"
#include "wire/walk.h"

struct line_style {
    enum tt_style style; /* not TT_STYLE_OTLP */
    bool colours;
};

/* Appends a line with its end. */
void line_put_log(struct buf *out, const struct line_style *s, const struct wire_item *record);
void line_put_span(struct buf *out, const struct line_style *s, const struct wire_item *span);

/* What a log record says. Borrowed from it. */
struct log_parts {
    uint64_t time_unix_ns, severity;
    struct str severity_text, body, event, trace_id, span_id, logger, service;
};
void log_parts(struct log_parts *out, const struct wire_item *record);

/* Calls it for each attribute of a log record. */
void log_each_attr(struct str record, void (*visit)(void *arg, const struct wire_attr *attr),
                   void *arg);

/* Appends key=value, as logfmt has it. */
void line_put_logfmt(struct buf *out, struct str key, struct str value);

#endif
