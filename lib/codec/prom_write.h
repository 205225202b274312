/* Writes the text formats of Prometheus: /metrics, /federate. */
#ifndef TELLTALE_CODEC_PROM_WRITE_H
#define TELLTALE_CODEC_PROM_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/prom_format.h"
#include "model/sample.h"

/* HELP, TYPE and UNIT of a family, in that order, those that are known. Text 0.0.4 has no units and
 * fewer types: a gauge histogram is written as histogram, info and stateset as gauge. The family's
 * name is without _total in OpenMetrics, with it (as the series has it) in text: the caller gives
 * the one that belongs to the format. */
void prom_write_metadata(struct buf *out, struct prom_content content,
                         const struct metric_metadata *m);

/* One line: name, labels, value, time when `t_unix_ms` is not NULL (milliseconds in text, seconds
 * in OpenMetrics), and the exemplar when not NULL and the format has them. */
void prom_write_sample(struct buf *out, struct prom_content content, const struct labels *labels,
                       double value, const int64_t *t_unix_ms, const struct exemplar *exemplar);

/* The end mark of OpenMetrics; nothing in text. */
void prom_write_end(struct buf *out, struct prom_content content);

#endif
