/* Private to the OTLP translation: exemplars, and the texts of bucket bounds. */
#ifndef TELLTALE_RECEIVE_OTLP_EXEMPLARS_H
#define TELLTALE_RECEIVE_OTLP_EXEMPLARS_H

#include "base/arena.h"
#include "codec/otlp.h"
#include "model/sample.h"

/* With the labels trace_id, span_id and the filtered attributes; these are left out when all labels
 * together have more than the 128 characters that OpenMetrics allows. An array of `n`, sorted by
 * value, or NULL when memory is short (or n == 0). */
const struct exemplar *otlp_exemplars(const struct otlp_exemplar *v, size_t n, struct arena *arena);

/* Bounds as le shows them. Points of a metric mostly have the same bounds, so the last texts are
 * kept. {0} is valid. */
struct bound_texts {
    const double *bounds;
    const struct str *texts;
    size_t n;
};

/* The texts of the bounds, or NULL when memory is short. */
const struct str *bound_texts_get(struct bound_texts *b, const double *bounds, size_t n,
                                  struct arena *arena);

/* One number as le and quantile show it: never with an exponent. */
struct str bound_text(double bound, struct arena *arena);

#endif
