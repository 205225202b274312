/* OpenTelemetry's names and labels in Prometheus's terms. */
#ifndef TELLTALE_METRICS_PROMETHEUS_NAMES_H
#define TELLTALE_METRICS_PROMETHEUS_NAMES_H

#include "base/buf.h"
#include "metrics/provider.h"
#include "telltale/prometheus_text.h"

/* The family of a stream: its name as asked, without the _total of a counter, as a text for free().
 * NULL when out of memory. */
char *prometheus_family(const struct stream *s, enum tt_prometheus_names names);

/* The unit as a word of Prometheus ("s" -> "seconds"); empty when it adds none to the name. */
void prometheus_unit(struct buf *out, const struct stream *s);

bool prometheus_has_suffixes(enum tt_prometheus_names names);
bool prometheus_has_utf8(enum tt_prometheus_names names);

/* Attributes as labels, `prefix` before each name: a="b",c="d". Names that become the same by
 * translation are one label, whose values are joined by ";". */
void prometheus_labels(struct buf *out, const struct attr_set *attrs, const char *prefix,
                       enum tt_prometheus_names names);

/* A label's value with its quotes. */
void prometheus_quote(struct buf *out, struct str text);

/* A name that stands alone, quoted when it has to be. */
bool prometheus_is_plain_name(struct str name);

#endif
