/* Jaeger's SamplingManager over gRPC: its question, and its answer as the JSON that it gives over
 * HTTP. */
#ifndef TELLTALE_SDK_REMOTE_GRPC_H
#define TELLTALE_SDK_REMOTE_GRPC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define GRPC_METHOD "/jaeger.api_v2.SamplingManager/GetSamplingStrategy"

/* Appends the message with its prefix. */
void grpc_put_question(struct buf *out, struct str service);

/* Appends what strategy_parse reads. False when `body` is no answer: not one message with its
 * prefix, or damaged. */
bool grpc_put_answer(struct buf *out, struct str body);

#endif
