/* Log records as datagrams to the system's log. */
#ifndef TELLTALE_SDK_EXPORTERS_SINKS_SYSLOG_MESSAGE_H
#define TELLTALE_SDK_EXPORTERS_SINKS_SYSLOG_MESSAGE_H

#include "base/buf.h"
#include "sinks/line.h"

enum { SYSLOG_BYTES_MAX = 8 << 10, JOURNAL_BYTES_MAX = 48 << 10 };

struct syslog_names {
    struct str name; /* empty: the record's service */
    int facility, pid;
};

/* As RFC 5424 says, at most SYSLOG_BYTES_MAX. */
void syslog_put(struct buf *out, const struct syslog_names *n, const struct wire_item *record);

/* As journald's native protocol says. */
void journal_put(struct buf *out, const struct syslog_names *n, const struct wire_item *record);

#endif
