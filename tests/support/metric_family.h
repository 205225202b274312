/* Prometheus's protobuf format as text that a test can compare. */
#ifndef TELLTALE_TESTS_SUPPORT_METRIC_FAMILY_H
#define TELLTALE_TESTS_SUPPORT_METRIC_FAMILY_H

#include "base/buf.h"

/* A line for each MetricFamily of a delimited stream, fields in the order of the bytes:
 *     name:"c_total" type:0 metric{label{name:"a" value:"b"} counter{value:1 created:T}}
 * Times are T. A text for free(); "damaged: …" in place of what is no such stream. */
char *metric_families_text(struct str stream);

/* The other way round: appends the stream of such lines, which have milliseconds for T. Fails the
 * test for what is no such line. */
void metric_families_of(struct buf *out, const char *text);

#endif
