/* Rows of one series as an OTLP/JSON export request. */
#ifndef TELLTALE_API_EXPORT_OTLP_H
#define TELLTALE_API_EXPORT_OTLP_H

#include "base/buf.h"
#include "model/sample.h"

struct columns;

enum otlp_form { OTLP_FORM_NONE, OTLP_FORM_NUMBER, OTLP_FORM_EXPONENTIAL, OTLP_FORM_BUCKETS };

/* How a row can be said; OTLP_FORM_NONE: it cannot. Rows of one request are of one form. */
enum otlp_form export_otlp_form(const struct columns *c, size_t i);

/* Appends one line with rows [from, from + n). `m`: what is known of the family. */
void export_otlp_line(struct buf *out, const struct labels *labels, const struct metric_metadata *m,
                      const struct columns *c, size_t from, size_t n, enum otlp_form form);

#endif
