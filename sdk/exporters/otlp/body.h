/* From a request as the SDK encodes it to what goes over the wire. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_BODY_H
#define TELLTALE_SDK_EXPORTERS_OTLP_BODY_H

#include "base/buf.h"
#include "otlp/config.h"

/* Appends the body: as JSON if that is the protocol, compressed, and with gRPC's prefix.
 * TT_ERR_NOMEM or TT_ERR_INVALID (a request that cannot be said in JSON). */
int otlp_body_make(struct buf *out, const struct otlp_config *c, struct str request);

/* Appends the text compressed. False when memory ran out. */
bool otlp_gzip(struct buf *out, struct str text);
bool otlp_zstd(struct buf *out, struct str text);

/* Appends what was compressed by otlp_zstd. False when it is damaged or has not `n` bytes. */
bool otlp_unzstd(struct buf *out, struct str compressed, size_t n);

#endif
