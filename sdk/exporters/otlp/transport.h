/* One connection of libcurl to a collector. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_TRANSPORT_H
#define TELLTALE_SDK_EXPORTERS_OTLP_TRANSPORT_H

#include <stdatomic.h>

#include "otlp/answer.h"
#include "otlp/config.h"

struct otlp_transport;

/* Borrows both for its life. A transfer ends soon after `*cancelled` becomes true. NULL when memory
 * runs out or libcurl refuses an option. */
struct otlp_transport *otlp_transport_new(const struct otlp_config *c,
                                          const atomic_bool *cancelled);
void otlp_transport_free(struct otlp_transport *t); /* NULL is fine */

/* Sends a body made by otlp_body_make, and says what came of it. One thread at a time. In a child
 * after fork() the parent's connection is left alone, and another made. */
void otlp_transport_post(struct otlp_transport *t, const void *body, size_t n, int64_t timeout_ms,
                         struct otlp_verdict *out);

#endif
