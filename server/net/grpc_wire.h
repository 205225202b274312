/* The small formats of gRPC over HTTP/2 beside the message itself: timeouts, status texts, details.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
#ifndef TELLTALE_NET_GRPC_WIRE_H
#define TELLTALE_NET_GRPC_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/grpc.h"

enum { GRPC_PREFIX_BYTES = 5 }; /* compressed flag, length of the message */

/* "application/grpc" or with "+proto" and parameters behind it: what our handlers can read. */
bool grpc_content_type_ok(struct str value);

/* "100m" → nanoseconds; at most 8 digits and one of H M S m u n. False for anything else. */
bool grpc_timeout_parse(struct str value, int64_t *out_ns);

/* The text as grpc-message wants it: bytes outside ' ' … '~', and '%', as %XX. */
void grpc_message_encode(struct buf *out, struct str text);

/* Unpadded base64 of a google.rpc.Status with a google.rpc.RetryInfo in it. */
void grpc_retry_details_encode(struct buf *out, enum grpc_status status, struct str text,
                               int64_t retry_after_ms);

void grpc_prefix_encode(uint8_t out[GRPC_PREFIX_BYTES], bool compressed, uint32_t n);

#endif
